"""Weights of a network from a file or folder that may come from anywhere: nothing in it is ever run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from empirical.data.finite import all_finite
from empirical.data.reading import one_line_faults, printable
from empirical.data.tensor_file import read_weights, unfit_tensor
from empirical.networks.module_names import names_inside, plain_names
from theory import InputError

#: Weights in a checkpoint folder of Hugging Face, whole.
FOLDER_FILES = ("model.safetensors", "pytorch_model.bin")

Network = TypeVar("Network", bound=nn.Module)


def with_weights_from(network: Network, path: Path) -> Network:
    """Load a state dictionary into ``network``, and return it in evaluation mode.

    Args:
        network: of the architecture whose weights the file holds.
        path: as for ``weights_in``. Prefixes of compiled and distributed networks (``_orig_mod.``, ``module.``) are
            left out, and so is one before all names of the network, as ``model.`` in a LightningModule. Of weights that
            are one under several names, as those of embedding and output in language models, one name is enough.

    Raises:
        InputError: no such file; a damaged file, or a pickle that holds more than tensors; other names, shapes or kinds
            of numbers; complex, sparse, quantised or absent values; NaN or infinity.
    """
    expected = network.state_dict()
    tensors = names_inside(plain_names(weights_in(path), expected), expected)
    tensors |= _tied(expected, tensors)
    missing = sorted(expected.keys() ^ tensors.keys())
    if missing:
        raise InputError(
            f"checkpoint: {path} and the network differ in {printable(missing[0])}; give the same architecture"
        )
    for name, tensor in tensors.items():
        _check(f"{printable(name)} in {path}", tensor, expected[name])
    with one_line_faults("checkpoint", path, "a file of this network's weights", "give the same architecture"):
        network.load_state_dict(tensors)
    return network.eval()


def weights_in(path: Path) -> dict[str, torch.Tensor]:
    """The weights in a checkpoint, by the names that they have there.

    Args:
        path: a .safetensors file, as ``phases track`` writes them; a file of ``torch.save`` with a state dictionary, or
            with one under ``state_dict`` (Lightning), ``model_state_dict`` or ``model``, of which plain tensors alone
            are read; or a folder of Hugging Face with model.safetensors or pytorch_model.bin.

    Raises:
        InputError: no such file; a damaged file, or a pickle that holds more than plain values.
    """
    if not path.is_dir():
        return read_weights("checkpoint", path)
    found = next((path / name for name in FOLDER_FILES if (path / name).is_file()), None)
    if found is None:
        raise InputError(
            f"checkpoint: the folder {printable(str(path))} holds none of {', '.join(FOLDER_FILES)}; give the file of "
            "its weights, whole and not in shards"
        )
    return read_weights("checkpoint", found)


def _tied(expected: Mapping[str, torch.Tensor], tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Absent tensors that are, in the network, the same memory as present ones."""
    present = {_memory(one): tensors[name] for name, one in expected.items() if name in tensors and one.numel()}
    absent = [(name, _memory(one)) for name, one in expected.items() if name not in tensors]
    return {name: present[memory] for name, memory in absent if memory in present}


def _memory(tensor: torch.Tensor) -> tuple[object, ...]:
    return tensor.device, tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype


def _check(place: str, tensor: torch.Tensor, expected: torch.Tensor) -> None:
    """Refuse a tensor that would not be taken over number by number."""
    fault = unfit_tensor(tensor)
    if fault is not None:
        raise InputError(f"checkpoint: {place} {fault}")
    if tensor.shape != expected.shape:
        raise InputError(
            f"checkpoint: {place} has shape {tuple(tensor.shape)}; the network's is {tuple(expected.shape)}: give the "
            "same architecture"
        )
    if tensor.is_floating_point() != expected.is_floating_point():
        raise InputError(f"checkpoint: {place} has type {tensor.dtype}; the network's is {expected.dtype}")
    # As the network will hold them: float64 may exceed its float32.
    if expected.is_floating_point() and not all_finite(tensor.to(expected.dtype)):
        raise InputError(f"checkpoint: {place} holds NaN or infinite numbers; give another file")
