"""Files of weights as strangers and accidents make them: weights are taken number by number, or refused in one line."""

from __future__ import annotations

import errno
import os
import pickle
import zipfile
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from empirical.data import tensor_file
from empirical.data.tensor_file import read_tensors, write_tensors
from empirical.networks.checkpoint_file import with_weights_from
from theory import InputError


class Planted:
    """What a hostile pickle does on loading."""

    def __reduce__(self) -> tuple[object, ...]:
        return (exec, ("raise SystemExit('code in a pickle was run')",))


def network() -> nn.Module:
    return nn.Sequential(OrderedDict(hidden=nn.Linear(3, 2), norm=nn.BatchNorm1d(2)))


def state(**changes: object) -> dict[str, object]:
    """The weights of ``network`` with another one instead of those of the hidden layer."""
    return {**network().state_dict(), **{f"hidden.{name}": one for name, one in changes.items()}}


def refused(path: Path, match: str) -> None:
    with pytest.raises(InputError, match=match) as caught:
        with_weights_from(network(), path)
    line = str(caught.value)
    assert line.startswith("checkpoint: ")
    assert line.isprintable()
    assert str(path) in line
    assert not any(word in line for word in ("weights_only", "trust", "Errno"))


def quantised() -> torch.Tensor:
    return torch.quantize_per_tensor(torch.zeros(2, 3), 0.1, 0, torch.qint8)


def nested(depth: int) -> list[object]:
    inside: list[object] = []
    for _ in range(depth):
        inside = [inside]
    return inside


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (lambda: state(weight=torch.zeros(2, 3, dtype=torch.complex64)), "type complex64, whose imaginary parts would"),
        (lambda: state(weight=torch.zeros(2, 3).to_sparse()), r"has the layout sparse_coo; save it with to_dense\(\)"),
        (lambda: state(weight=torch.zeros(2, 3, device="meta")), "hidden.weight in .* is on the device meta"),
        (lambda: state(weight=torch.zeros(2, 3).to(torch.float8_e4m3fn)), "has type float8_e4m3fn; save it as float32"),
        (lambda: state(weight=torch.zeros(2, 3).to(torch.float8_e5m2)), "has type float8_e5m2; save it as float32"),
        (
            lambda: state(weight=torch.zeros(2, 3, dtype=torch.int64)),
            "has type torch.int64; the network's is torch.floa",
        ),
        (lambda: state(weight=torch.full((2, 3), 1e300, dtype=torch.float64)), "holds NaN or infinite numbers"),
        (lambda: state(weight=torch.full((2, 3), np.inf)), "holds NaN or infinite numbers"),
        (lambda: state(weight=torch.zeros(2, 3, 0)), r"has shape \(2, 3, 0\)"),
        (lambda: state(weight=torch.zeros(1).expand(10**6, 10**6)), r"has shape \(1000000, 1000000\)"),
        (lambda: state(weight=[1.0, 2.0]), "holds no dictionary of tensors"),
        (lambda: state(weight=None), "holds no dictionary of tensors"),
        (lambda: {1: torch.zeros(2)}, "holds tensors without names"),
        (lambda: state() | {"a\n\x1b[31m": torch.zeros(2)}, r"the network differ in a\\n\\x1b\[31m"),
        (lambda: nested(400), "holds no dictionary of tensors|does not hold plain tensors"),
        (dict, "the network differ in hidden.bias"),
        (lambda: torch.zeros(2), "holds no dictionary of tensors"),
        (lambda: state() | {"extra": Planted()}, "does not hold plain tensors"),
        (network, "does not hold plain tensors"),
        (lambda: {"a": np.zeros(3)}, "does not hold plain tensors|holds no dictionary"),
    ],
)
def test_weights_that_would_not_be_taken_number_by_number_are_refused(tmp_path: Path, content, match: str) -> None:
    torch.save(content(), tmp_path / "weights.pt")
    refused(tmp_path / "weights.pt", match)


@pytest.mark.filterwarnings("ignore")
def test_quantised_weights_are_refused(tmp_path: Path) -> None:
    torch.save(state(weight=quantised()), tmp_path / "weights.pt")
    refused(tmp_path / "weights.pt", r"is quantised; save it with dequantize\(\)|does not hold plain tensors")


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_weights_of_another_precision_are_taken(tmp_path: Path, kind: torch.dtype, suffix: str) -> None:
    saved = {name: one.to(kind) if one.is_floating_point() else one for name, one in network().state_dict().items()}
    path = tmp_path / f"weights{suffix}"
    torch.save(saved, path) if suffix == ".pt" else save_file(saved, path)
    read = with_weights_from(network(), path).state_dict()
    assert torch.equal(read["hidden.weight"], saved["hidden.weight"].float())


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("old", [False, True], ids=["zip", "before 1.6"])
def test_files_cut_short_or_changed_anywhere_are_refused_or_hold_the_weights(
    tmp_path: Path, suffix: str, old: bool
) -> None:
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pt":
        torch.save(network().state_dict(), path, _use_new_zipfile_serialization=not old)
    else:
        save_file(network().state_dict(), path)
    whole = path.read_bytes()
    for length in range(0, len(whole), max(1, len(whole) // 60)):
        path.write_bytes(whole[:length])
        # torch reads the format before 1.6 up to what it needs.
        refused(
            path, "is not a (readable|whole) .*, it does not hold plain tensors|does not hold plain tensors|differ in"
        )
    for at in range(0, len(whole), max(1, len(whole) // 60)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
        # A flipped digit of a weight is another weight; nothing but InputError may come out.
        with suppress(InputError):
            with_weights_from(network(), path)


def test_pickles_and_other_files_are_never_run(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    for content in (pickle.dumps(Planted()), pickle.dumps(Planted(), 0), b"PK\x03\x04 cut", b"hello", bytes(100), b""):
        path.write_bytes(content)
        refused(path, "does not hold plain tensors")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Planted()))
        archive.writestr("archive/version", "3\n")
    refused(path, "does not hold plain tensors")


def test_a_torch_file_that_unpacks_to_more_than_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "weights.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/0", bytes(10**6))
    monkeypatch.setattr("theory.data.memory_limit.available_memory", lambda: 10**5)
    refused(path, r"weights\.pt: would need 976.6 KiB of memory|would need 977 KiB of memory")


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    for suffix in (".pt", ".safetensors"):
        path = tmp_path / f"weights{suffix}"
        refused(path, "is not a file, it does not exist; give a .safetensors or torch file")
        path.mkdir()
        refused(path, "holds none of model.safetensors, pytorch_model.bin")
        path.rmdir()
        os.mkfifo(path)
        refused(path, "is not a file but a named pipe")
        path.unlink()
        path.symlink_to(path)
        refused(path, "is not a file .Too many levels of symbolic links")


def test_a_full_disk_is_an_error_of_the_disk_with_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(tensor_file, "save_file", full)
    with pytest.raises(OSError, match=r"No space left on device: .*weights\.safetensors") as caught:
        write_tensors(tmp_path / "temporary", tmp_path / "weights.safetensors", {"a": torch.zeros(2)}, {})
    assert caught.value.errno == errno.ENOSPC


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    turned = torch.arange(6.0).reshape(2, 3).T
    write_tensors(path, path, {"a": turned}, {"step": "1"})
    assert torch.equal(read_tensors("checkpoint", path)["a"], turned)
