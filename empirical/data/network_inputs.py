"""What a network is given: one tensor of n samples, or several by name, as a tokenizer gives them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from simulation.runs.run_folder import array_digest
from theory import InputError

#: One tensor (n, ...), or several by name with one n; other entries (flags, None) go to the network as they are.
Inputs = Tensor | Mapping[str, Any]

#: The entry that says which tokens count.
MASK = "attention_mask"

#: Types of the identities of tokens; all other integers are numbers.
IDENTITIES = (torch.int32, torch.int64)


def samples_in(inputs: Inputs) -> int:
    """The number of samples n."""
    return int(tensors_in(inputs)[0].shape[0])


def tensors_in(inputs: Inputs) -> list[Tensor]:
    """All tensors, in the order of the entries."""
    return [inputs] if isinstance(inputs, Tensor) else [one for one in inputs.values() if isinstance(one, Tensor)]


def real_tensors_in(inputs: Inputs) -> list[Tensor]:
    """Those that hold real numbers."""
    return [one for one in tensors_in(inputs) if one.is_floating_point()]


def check_plain(name: str, value: Any, accepted: str) -> None:
    """InputError for a tensor or array whose numbers are not all there: masked, sparse, quantised, on the meta device.

    Args:
        name: what the message calls it, with its verb's subject: "inputs" or "inputs: entry 'a'".
        value: anything.
        accepted: the end of the message.
    """
    if isinstance(value, np.ma.MaskedArray):
        raise InputError(f"{name}: are an array of type {value.dtype} with a mask; {accepted}")
    if not isinstance(value, Tensor):
        return
    if value.is_meta or value.layout is not torch.strided or value.is_quantized or value.is_nested:
        kind = "on the meta device" if value.is_meta else "sparse, nested or quantised"
        raise InputError(f"{name}: are {kind}; {accepted}")


def some_of(inputs: Inputs, chosen: slice | Tensor) -> Inputs:
    """Some of the samples."""
    if isinstance(inputs, Tensor):
        return inputs[chosen]
    return {name: one[chosen] if isinstance(one, Tensor) else one for name, one in inputs.items()}


def parts_of(inputs: Inputs, size: int) -> Iterator[Inputs]:
    """All samples in order, ``size`` at a time, fewer at the end."""
    for start in range(0, samples_in(inputs), size):
        yield some_of(inputs, slice(start, start + size))


def as_taken(inputs: Inputs, device: torch.device, dtype: torch.dtype) -> Inputs:
    """As a network takes them: on its device, real numbers in its type, all others as they are."""
    if isinstance(inputs, Tensor):
        return _moved(inputs, device, dtype)
    return {name: _moved(one, device, dtype) if isinstance(one, Tensor) else one for name, one in inputs.items()}


def arrays_digest(inputs: Inputs, *more: Any) -> str:
    """Digest of all tensors, in the order of their names, and of further arrays."""
    if isinstance(inputs, Tensor):
        return array_digest(inputs.numpy(), *more)
    tensors = [one for _, one in sorted(inputs.items()) if isinstance(one, Tensor)]
    return array_digest(*(one.numpy() for one in tensors), *more)


def _moved(one: Tensor, device: torch.device, dtype: torch.dtype) -> Tensor:
    return one.to(device, dtype) if one.is_floating_point() else one.to(device)
