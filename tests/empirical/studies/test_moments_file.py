from __future__ import annotations

import json
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from empirical.moments.activation_moments import (
    ClassCovarianceAccumulator,
    ClassCovariances,
    JointAccumulator,
    JointMoments,
)
from empirical.studies.moments_file import load_moments, save_moments
from theory import InputError, Moments

AnyMoments = Moments | JointMoments | ClassCovariances
KINDS = ("plain", "joint", "classes")


def _moments(kind: str) -> AnyMoments:
    generator = torch.Generator().manual_seed(0)
    activations, inputs = torch.randn(30, 4, generator=generator), torch.randn(30, 6, generator=generator)
    labels = torch.arange(30) % 3
    if kind == "classes":
        classes = ClassCovarianceAccumulator(3)
        classes.update(activations, labels)
        return classes.result()
    joint = JointAccumulator(3)
    joint.update(activations, inputs, labels)
    return joint.result() if kind == "joint" else joint.result().activations


def _values(moments: AnyMoments) -> dict[str, Any]:
    values = dict(vars(moments))
    inner = values.pop("activations", None)
    return values | (vars(inner) if inner else {})


def _assert_equal(found: AnyMoments, expected: AnyMoments) -> None:
    assert type(found) is type(expected)
    for name, value in _values(expected).items():
        np.testing.assert_array_equal(_values(found)[name], value)
        assert np.asarray(_values(found)[name]).dtype == np.asarray(value).dtype


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_read_is_what_was_written(tmp_path: Path, kind: str) -> None:
    path, moments = tmp_path / "new" / "layer4.safetensors", _moments(kind)
    save_moments(path, moments, "layer4.0", {"step": "1,024", "note": 'quotes " and ü'})
    read = load_moments(path)
    _assert_equal(read.moments, moments)
    assert (read.layer, read.notes) == ("layer4.0", {"step": "1,024", "note": 'quotes " and ü'})
    assert [entry.name for entry in path.parent.iterdir()] == ["layer4.safetensors"]
    # What was read merges with what is at hand, as shards of several processes do.
    _assert_equal(read.moments.merge(moments), moments.merge(moments))  # type: ignore[arg-type]


def test_arrays_are_written_as_they_read_whatever_their_order_in_memory(tmp_path: Path) -> None:
    plain = _moments("plain")
    assert isinstance(plain, Moments)
    transposed = Moments(plain.mean, plain.covariance, plain.class_counts, np.asfortranarray(plain.class_means))
    save_moments(tmp_path / "a", transposed, "")
    _assert_equal(load_moments(tmp_path / "a").moments, plain)


@pytest.mark.parametrize("kind", KINDS)
def test_any_reader_of_safetensors_finds_float64_arrays_under_their_names(tmp_path: Path, kind: str) -> None:
    save_moments(tmp_path / "a", _moments(kind), "x")
    arrays = load_file(tmp_path / "a")
    assert sorted(arrays) == sorted(_values(_moments(kind)))
    assert {array.dtype.name for array in arrays.values()} == {"float64", "int64"}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("written") / "a"
    save_moments(path, _moments("joint"), "layer4", {"step": "8"})
    return path.read_bytes()


def _assert_refused(path: Path, match: str = "path: ") -> None:
    with pytest.raises(InputError, match=match) as caught:
        load_moments(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.data())
def test_every_damaged_byte_is_noticed(tmp_path: Path, written: bytes, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(written) - 1))
    flipped = bytearray(written)
    flipped[position] ^= 1 << data.draw(st.integers(0, 7))
    (tmp_path / "a").write_bytes(bytes(flipped))
    _assert_refused(tmp_path / "a")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_every_truncation_and_every_addition_is_noticed(tmp_path: Path, written: bytes, data: st.DataObject) -> None:
    length = data.draw(st.integers(0, len(written) - 1))
    (tmp_path / "a").write_bytes(written[:length])
    _assert_refused(tmp_path / "a")
    (tmp_path / "a").write_bytes(written + data.draw(st.binary(min_size=1, max_size=9)))
    _assert_refused(tmp_path / "a")


class _Code:
    """Runs when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def test_pickles_are_refused_and_their_code_is_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "was run"
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(_Code(mark)))
    torch.save({"mean": _Code(mark)}, tmp_path / "a.pt")
    torch.save({"mean": _Code(mark)}, tmp_path / "b.pt", _use_new_zipfile_serialization=False)
    np.save(tmp_path / "a.npy", np.array([_Code(mark)], dtype=object), allow_pickle=True)
    for name in ("a.pkl", "a.pt", "b.pt", "a.npy"):
        _assert_refused(tmp_path / name, "is no readable safetensors file")
    assert not mark.exists()


def _forged(path: Path, header: dict[str, Any], body: bytes = b"") -> Path:
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)
    return path


def test_foreign_files_are_refused_with_one_line(tmp_path: Path, written: bytes) -> None:
    _assert_refused(tmp_path / "none", "is not a file")
    _assert_refused(tmp_path, "is not a file")
    (tmp_path / "empty").touch()
    _assert_refused(tmp_path / "empty", "is no readable safetensors file")
    (tmp_path / "huge").write_bytes(struct.pack("<Q", 2**63) + b"{}")
    _assert_refused(tmp_path / "huge", "is no readable safetensors file")
    save_file({"weight": np.zeros(3)}, tmp_path / "weights")
    _assert_refused(tmp_path / "weights", "holds no moments")
    save_file({"weight": np.zeros(3)}, tmp_path / "named", metadata={"kind": "model", "format": "pt"})
    _assert_refused(tmp_path / "named", "holds no moments")
    length = struct.unpack("<Q", written[:8])[0]
    header = json.loads(written[8 : 8 + length])
    newer = header | {"__metadata__": header["__metadata__"] | {"version": "2"}}
    _assert_refused(_forged(tmp_path / "newer", newer, written[8 + length :]), "has version '2'; give one of version 1")
    brain = {"__metadata__": header["__metadata__"], "mean": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}
    _assert_refused(_forged(tmp_path / "bfloat16", brain, b"00"))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        pytest.param({"covariance": np.full((4, 4), np.nan)}, "covariance: holds 16 NaN", id="NaN"),
        pytest.param({"mean": np.zeros(3)}, r"covariance: has shape \(4, 4\)", id="shapes"),
        pytest.param({"class_counts": np.zeros(3, dtype=np.int64)}, "class_counts: give 3 counts", id="no samples"),
        pytest.param({"mean": None}, "mean", id="an array missing"),
    ],
)
def test_sound_files_of_senseless_moments_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], match: str
) -> None:
    """Written by a program with a fault of its own: the digest fits, the content does not."""
    import empirical.studies.moments_file as module

    arrays = {name: array for name, array in (_values(_moments("plain")) | change).items() if array is not None}
    monkeypatch.setattr(module, "_arrays_of", lambda moments: ("moments", arrays))
    save_moments(tmp_path / "a", _moments("plain"), "x")
    _assert_refused(tmp_path / "a", f"does not hold moments .*{match}")


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import empirical.studies.moments_file as module

    path, before = tmp_path / "a", _moments("plain")
    save_moments(path, before, "x")

    def full(arrays: object, target: Path, metadata: object) -> None:
        target.write_bytes(b"half of it")
        raise module.SafetensorError("No space left on device")

    monkeypatch.setattr(module, "save_file", full)
    with pytest.raises(OSError, match=r"a could not be written.*No space left"):
        save_moments(path, _moments("joint"), "y")
    _assert_equal(load_moments(path).moments, before)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(InputError, match="is a file; give a folder"):
        save_moments(tmp_path / "a" / "b", _moments("plain"), "x")
