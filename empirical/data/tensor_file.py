"""Tensors with names in .safetensors files and in those of torch.save; nothing in them is ever run."""

from __future__ import annotations

import errno
import os
import pickle
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from empirical.data.array_file import ArrayHeader
from empirical.data.reading import check_regular_file, one_line, one_line_faults, printable, shown
from theory import InputError
from theory.data.memory_limit import check_memory

_SAFETENSORS = ".safetensors"
_ZIP_START = b"PK\x03\x04"

#: Types of entries that are numbers by themselves; those of 8 bits and fewer need scales that are stored elsewhere.
_FLOATING = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
_WHOLE = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.uint16, torch.uint32, torch.uint64)
ACCEPTED_TYPES = (*_FLOATING, *_WHOLE, torch.bool)

#: Entries of a checkpoint that hold the weights: Lightning's, and those of usual training scripts.
WEIGHTS_ENTRIES = ("state_dict", "model_state_dict", "model")


def read_tensors(name: str, path: Path) -> dict[str, Tensor]:
    """The dictionary of tensors in a file, on the CPU, of any type and layout.

    Args:
        name: the argument that the user gave.
        path: a .safetensors file, or one that torch.save wrote, of which plain tensors alone are read.

    Raises:
        InputError: no regular file; a damaged one; a pickle that could run code; no dictionary of tensors with names;
            more than the memory holds.
    """
    return _named_tensors(name, path, _read_plain(name, path))


def read_weights(name: str, path: Path) -> dict[str, Tensor]:
    """``read_tensors`` of a checkpoint, which may keep its weights in an entry beside other values.

    Args:
        name: the argument that the user gave.
        path: as for ``read_tensors``; the first of WEIGHTS_ENTRIES that is a dictionary of tensors is taken.

    Raises:
        InputError: as ``read_tensors``.
    """
    found = _read_plain(name, path)
    entries = found if isinstance(found, dict) else {}
    for entry in WEIGHTS_ENTRIES:
        inner = entries.get(entry)
        if isinstance(inner, dict) and inner and all(isinstance(one, Tensor) for one in inner.values()):
            return _named_tensors(name, path, inner)
    return _named_tensors(name, path, found)


def _named_tensors(name: str, path: Path, found: object) -> dict[str, Tensor]:
    """What a file holds, if it is a dictionary of names and tensors."""
    if not isinstance(found, dict) or not all(isinstance(one, Tensor) for one in found.values()):
        raise InputError(
            f"{name}: {shown(path)} holds no dictionary of tensors; save a dictionary of names and tensors"
        )
    if not all(isinstance(key, str) for key in found):
        raise InputError(f"{name}: {shown(path)} holds tensors without names; save a dictionary of names and tensors")
    return dict(found)


def _read_plain(name: str, path: Path) -> object:
    """The content of a file: tensors and plain containers of them; InputError for anything else."""
    check_regular_file(name, path, "a .safetensors or torch file of tensors")
    if path.suffix.lower() == _SAFETENSORS:
        check_memory(f"{name}: {shown(path)}", path.stat().st_size, "give a smaller file")
        with one_line_faults(name, path, "a readable .safetensors file, it does not hold plain tensors"):
            return load_file(path)
    _check_torch_file(name, path)
    with one_line_faults(
        name, path, "a readable torch file, it does not hold plain tensors", "give a file of torch.save(state_dict)"
    ):
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            # Instead of torch's own text, which advises to run the code.
            if "global" not in str(error).lower():
                raise
            raise InputError(
                f"{name}: {shown(path)} does not hold plain tensors but objects whose loading runs code, as of a whole "
                "network or of NumPy; save a dictionary of tensors, as network.state_dict()"
            ) from None


def _check_torch_file(name: str, path: Path) -> None:
    """Refuse a file that was cut short, and one that unpacks to more than the memory holds."""
    with path.open("rb") as stream:
        packed = stream.read(len(_ZIP_START)) == _ZIP_START
    if not packed:  # torch's format before 1.6, or no file of torch's
        check_memory(f"{name}: {shown(path)}", path.stat().st_size, "give a smaller file")
        return
    expected = "a whole torch file, it does not hold plain tensors"
    with one_line_faults(name, path, expected, "save or copy it again"), zipfile.ZipFile(path) as archive:
        size = sum(info.file_size for info in archive.infolist())
    check_memory(f"{name}: {shown(path)}", size, "give a smaller file")


def unfit_tensor(tensor: Tensor) -> str | None:
    """The reason why a tensor cannot be read as an array of real numbers; None where it can."""
    if tensor.is_meta:
        return "is on the device meta, which keeps no values; save it with its values"
    if tensor.is_quantized:
        return "is quantised; save it with dequantize()"
    if tensor.layout is not torch.strided or tensor.is_nested:
        return f"has the layout {_bare(tensor.layout)}; save it with to_dense()"
    if tensor.is_complex():
        return f"has type {_bare(tensor.dtype)}, whose imaginary parts would be lost; give real numbers"
    if tensor.dtype not in ACCEPTED_TYPES:
        return f"has type {_bare(tensor.dtype)}; save it as float32"
    return None


def write_tensors(path: Path, target: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a .safetensors file.

    Args:
        path: that is written, as under a temporary name.
        target: whose name an error gives.
        tensors: on any device.
        metadata: names and values kept with them.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    plain = {name: tensor.detach().to("cpu").contiguous() for name, tensor in tensors.items()}
    try:
        save_file(plain, path, dict(metadata))
    except SafetensorError as error:
        # It states the system's error in words alone.
        stated = re.search(r"os error (\d+)", str(error))
        number = int(stated[1]) if stated else errno.EIO
        raise OSError(number, os.strerror(number) if stated else one_line(error), str(target)) from None


@dataclass(frozen=True)
class TensorFile:
    """A file of tensors read as arrays; they are read together, once. What else a dictionary holds is passed over."""

    path: Path

    @cached_property
    def _tensors(self) -> dict[str, Tensor]:
        found = _read_plain("data", self.path)
        if not isinstance(found, dict):
            raise InputError(f"data: {shown(self.path)} holds no dictionary of tensors; save one of names and tensors")
        return {key: one for key, one in found.items() if isinstance(key, str) and isinstance(one, Tensor)}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its tensors; InputError for a damaged file."""
        return tuple(self._tensors)

    def header(self, name: str) -> ArrayHeader:
        """The header of a tensor; InputError for a damaged file."""
        tensor = self._tensors[name]
        return ArrayHeader(tuple(tensor.shape), _bare(tensor.dtype), tensor.element_size(), unfit_tensor(tensor))

    def read(self, name: str) -> NDArray[Any]:
        """A tensor as an array, one of 16 bits as float32, which holds all its values; InputError if damaged."""
        tensor = self._tensors[name].detach().resolve_conj().resolve_neg()
        with one_line_faults("data", self.path, f"a readable file of tensors, {printable(repr(name))} cannot be taken"):
            own: NDArray[Any] = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
            return own


def _bare(value: object) -> str:
    return str(value).removeprefix("torch.")
