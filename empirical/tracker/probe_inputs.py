"""The fixed inputs of a probe, and the real numbers that are to be reconstructed from a layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from empirical.data.finite import all_finite
from empirical.data.network_inputs import (
    IDENTITIES,
    Inputs,
    arrays_digest,
    as_taken,
    check_plain,
    real_tensors_in,
    samples_in,
    some_of,
)
from empirical.data.reconstructed import BESIDE, reconstructed
from simulation.runs.run_folder import array_digest
from theory import InputError
from theory.validation import quoted

#: Fewest inputs of a probe: three quarters are for fitting, and one held-out input says nothing about noise.
LEAST_INPUTS = 64

_REAL = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


@dataclass(frozen=True, eq=False)
class ProbeInputs:
    """n inputs on the CPU and what is reconstructed of them.

    Attributes:
        given: a tensor (n, ...), or several by name, real ones as float32.
        target: (n, D) float32.
    """

    given: Inputs
    target: Tensor

    @property
    def count(self) -> int:
        """The number of inputs n."""
        return int(self.target.shape[0])

    def __getitem__(self, chosen: Any) -> ProbeInputs:
        """Some of the inputs."""
        return ProbeInputs(some_of(self.given, chosen), self.target[chosen])

    def batches(self, size: int, filled: bool) -> Iterator[tuple[ProbeInputs, int]]:
        """Parts of ``size`` inputs, and how many of each count.

        Args:
            size: at least 1.
            filled: whether the last part is filled up with the first inputs again, for a network that takes batches of
                one size alone.
        """
        for start in range(0, self.count, size):
            own = np.arange(start, min(start + size, self.count))
            count = own.size
            if filled and count < size:
                own = np.concatenate([own, np.arange(size - count) % self.count])
            yield self[slice(start, start + count) if own.size == count else torch.from_numpy(own)], count

    def to(self, device: torch.device, dtype: torch.dtype) -> Inputs:
        """As the network takes them: real numbers in its type, all others as they are."""
        return as_taken(self.given, device, dtype)

    def varies(self) -> bool:
        """Whether not all targets are the same."""
        return bool((self.target != self.target[0]).any())

    def digest(self) -> str:
        """Digest of all inputs and the target."""
        # Real numbers that are reconstructed as they are count once.
        alone = isinstance(self.given, Tensor) and self.given.is_floating_point()
        if isinstance(self.given, Tensor) and alone and self.target.numel() == self.given.numel():
            return array_digest(self.given.numpy())
        return arrays_digest(self.given, self.target.numpy())


def probe_inputs(inputs: Any, reconstruct: Any = None) -> ProbeInputs:
    """Check the inputs of a probe and find what is reconstructed of them.

    Args:
        inputs: a tensor or array (n, ...), or a dictionary of them with one n; other entries (flags, None) are given to
            the network as they are.
        reconstruct: the entry that is reconstructed, or a tensor or array (n, ...) of real numbers that is. None takes
            the only entry that is not a mask, a type or a position of tokens.

    Raises:
        InputError: inputs of another kind, too few, not finite or without variance; no entry or several to choose from.
    """
    given = _given(inputs)
    count = samples_in(given)
    if count < LEAST_INPUTS:
        shapes = tuple(given.shape) if isinstance(given, Tensor) else f"{count} rows"
        raise InputError(f"inputs: have shape {shapes}; give at least {LEAST_INPUTS} rows")
    numbers = _reconstructed(given, reconstruct)
    found = ProbeInputs(given, numbers.float())
    finite = all(all_finite(one) for one in (*real_tensors_in(given), numbers))
    if not finite or not found.varies():
        kinds = ", ".join(f"have shape {tuple(one.shape)}, type {one.dtype}" for one in _identities(given))
        kind = f"{kinds}, and " if kinds and reconstruct is None else ""
        named = "inputs" if reconstruct is None else "inputs or reconstruct"
        raise InputError(f"{named}: {kind}hold NaN, infinity or do not vary; give finite inputs that vary")
    return found


def _given(inputs: Any) -> Inputs:
    if not isinstance(inputs, Mapping):
        return _tensor("inputs", inputs)
    given: dict[str, Any] = {}
    for name, one in inputs.items():
        if not isinstance(name, str):
            raise InputError(f"inputs: hold an entry called {quoted(name)}; give names")
        plain = one is None or isinstance(one, bool | int | float | str)
        given[name] = one if plain else _tensor(f"inputs: entry {quoted(name)}", one, beside=name in BESIDE)
    counts = {name: one.shape[0] for name, one in given.items() if isinstance(one, Tensor)}
    if len(set(counts.values())) != 1:
        shown = ", ".join(f"{name} {count}" for name, count in counts.items()) or "no tensor"
        raise InputError(f"inputs: have {shown} rows; give tensors (n, ...) with one n")
    return given


def _tensor(name: str, value: Any, beside: bool = False) -> Tensor:
    """A copy on the CPU of what can be given to a network; real numbers as float32."""
    accepted = "give a tensor or array of real numbers (n, ...), of token identities as int64, or a dictionary of them"
    check_plain(name, value, accepted)
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "fiub" or value.dtype.itemsize > 8:
            raise InputError(f"{name}: are an array of type {value.dtype}; {accepted}")
        if not value.dtype.isnative:
            raise InputError(
                f"{name}: are of type {value.dtype}, in the byte order of another machine; convert them "
                f"by astype({value.dtype.newbyteorder('=').str!r})"
            )
        value = torch.from_numpy(np.array(value, order="C", subok=False, ndmin=0).copy())
    if not isinstance(value, Tensor):
        raise InputError(f"{name}: {'None' if value is None else type(value).__name__} is not accepted; {accepted}")
    kinds = (*_REAL, *IDENTITIES, *((torch.bool, torch.uint8, torch.int8, torch.int16) if beside else ()))
    if value.dtype not in kinds or value.ndim < (1 if beside else 2) or value.numel() == 0:
        raise InputError(f"{name}: have shape {tuple(value.shape)}, type {value.dtype}; {accepted}")
    kept = value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
    return kept.float() if kept.is_floating_point() else kept


def _reconstructed(given: Inputs, chosen: Any) -> Tensor:
    """(n, D) what is reconstructed."""
    if chosen is None or isinstance(chosen, str):
        return reconstructed(given, chosen)
    own = _tensor("reconstruct", chosen)
    if not own.is_floating_point() or own.shape[0] != samples_in(given):
        found = f"has shape {tuple(own.shape)}, type {own.dtype}"
        raise InputError(f"reconstruct: {found}; give {samples_in(given)} rows of real numbers")
    return own.flatten(1)


def _identities(given: Inputs) -> list[Tensor]:
    """The identities of tokens among the inputs, without what accompanies them."""
    if isinstance(given, Tensor):
        return [given] if given.dtype in IDENTITIES else []
    return [one for name, one in given.items() if name not in BESIDE and getattr(one, "dtype", None) in IDENTITIES]
