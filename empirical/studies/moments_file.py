"""Moments on disk: a safetensors file of float64 arrays with a header that says what they are.

Reading runs no code from the file. A digest in the header covers all of it, so that a damaged file is
refused, not used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from empirical.moments.activation_moments import ClassCovariances, JointMoments
from simulation.runs.run_folder import RunFolder, array_digest
from theory import InputError, Moments
from theory.validation import FloatArray, IntArray

#: Of the layout written here, and the only one that is read.
VERSION = 1

_Arrays = dict[str, NDArray[np.generic]]
_KINDS = ("moments", "joint moments", "class covariances")
_HEADER = ("kind", "version", "layer", "notes", "digest")

#: What reading a damaged or foreign file raises, an array of a type that numpy lacks among it.
_UNREADABLE = (SafetensorError, OSError, ValueError, TypeError, KeyError, AttributeError, MemoryError, OverflowError)


@dataclass(frozen=True, eq=False)
class SavedMoments:
    """What a file holds.

    Attributes:
        moments: the moments.
        layer: name of the layer whose activations they are of.
        notes: whatever else the writer said about them, such as the network, the step or the seed.
    """

    moments: Moments | JointMoments | ClassCovariances
    layer: str
    notes: dict[str, str]


def save_moments(
    path: Path,
    moments: Moments | JointMoments | ClassCovariances,
    layer: str,
    notes: Mapping[str, str] | None = None,
) -> None:
    """Write ``moments`` of ``layer`` at once: a reader finds the whole file or the one that was there before.

    Args:
        path: of the file, by custom with the suffix .safetensors; its folder is made where there is none.
        moments: plain, joint or of each class.
        layer: name of the layer.
        notes: names and values that are kept with them.

    Raises:
        InputError: the folder is a file or cannot be written to.
        OSError: the disk is full or cannot be written; what was there before stays, and nothing else.
    """
    kind, arrays = _arrays_of(moments)
    # safetensors writes memory as it lies, whatever the strides say.
    contiguous = {name: np.ascontiguousarray(array) for name, array in sorted(arrays.items())}
    header = {"kind": kind, "version": str(VERSION), "layer": layer, "notes": json.dumps(dict(notes or {}))}
    header["digest"] = _digest(header, contiguous)

    def write(temporary: Path) -> None:
        try:
            save_file(contiguous, temporary, metadata=header)
        except SafetensorError as error:
            raise OSError(f"{path} could not be written ({error})") from None

    RunFolder(path.parent).write(path.name, write)


def load_moments(path: Path) -> SavedMoments:
    """The moments that ``save_moments`` wrote, bit for bit.

    Raises:
        InputError: no such file, one that is damaged, truncated, of another kind (pickles among them: they
            are not unpickled) or of another version.
    """
    if not path.is_file():
        raise InputError(f"path: {path} is not a file; give one that save_moments wrote")
    try:
        with safe_open(path, framework="np") as file:
            header = file.metadata() or {}
            _check_header(path, header)
            arrays: _Arrays = {name: np.array(file.get_tensor(name)) for name in sorted(file.keys())}
    except InputError:
        raise
    except _UNREADABLE as error:
        raise InputError(f"path: {path} is no readable safetensors file ({_line(error)}); make it again") from None
    if header["digest"] != _digest(header, arrays):
        raise InputError(f"path: {path} is damaged, its digest differs; make it again")
    try:
        return SavedMoments(_moments_of(header["kind"], arrays), header["layer"], json.loads(header["notes"]))
    except (KeyError, ValueError) as error:
        raise InputError(f"path: {path} does not hold moments ({_line(error)}); make it again") from None


def _check_header(path: Path, header: Mapping[str, str]) -> None:
    if any(name not in header for name in _HEADER) or header["kind"] not in _KINDS:
        raise InputError(f"path: {path} holds no moments; give one that save_moments wrote")
    if header["version"] != str(VERSION):
        raise InputError(f"path: {path} has version {header['version']!r}; give one of version {VERSION}")


def _digest(header: Mapping[str, str], arrays: _Arrays) -> str:
    """Of the header, other than the digest, and of names, shapes, types and bytes of the arrays."""
    named = [(name, header[name]) for name in _HEADER if name != "digest"]
    text = json.dumps([named, list(arrays), array_digest(*arrays.values())])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _arrays_of(moments: Moments | JointMoments | ClassCovariances) -> tuple[str, _Arrays]:
    match moments:
        case JointMoments():
            own: _Arrays = {
                "input_mean": moments.input_mean,
                "input_variance": np.array([moments.input_variance]),
                "cross": moments.cross,
            }
            return "joint moments", own | _arrays_of(moments.activations)[1]
        case ClassCovariances():
            return "class covariances", {name: getattr(moments, name) for name in ("counts", "means", "covariances")}
        case _:
            names = ("mean", "covariance", "class_counts", "class_means")
            return "moments", {name: getattr(moments, name) for name in names}


def _moments_of(kind: str, arrays: _Arrays) -> Moments | JointMoments | ClassCovariances:
    def numbers(name: str) -> FloatArray:
        return np.asarray(arrays[name], dtype=np.float64)

    def counts(name: str) -> IntArray:
        return np.asarray(arrays[name], dtype=np.int64)

    if kind == "class covariances":
        return ClassCovariances(counts("counts"), numbers("means"), numbers("covariances"))
    plain = Moments(numbers("mean"), numbers("covariance"), counts("class_counts"), numbers("class_means"))
    if kind == "moments":
        return plain
    return JointMoments(plain, numbers("input_mean"), float(numbers("input_variance")[0]), numbers("cross"))
