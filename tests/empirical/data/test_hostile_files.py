"""Files of data as strangers and accidents make them: each is taken by a stated rule, or refused in one line.

Nothing here is larger than some hundred kilobytes: sizes are claimed, not held.
"""

from __future__ import annotations

import io
import os
import pickle
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import safetensors.numpy
import torch

from empirical import load
from empirical.data import npz_format
from empirical.data.datasets import DataSet
from empirical.data.images import load_images
from empirical.data.labels import Classes
from theory import InputError

_GENERATOR = np.random.default_rng(0)
INPUTS = _GENERATOR.standard_normal((12, 3))
LABELS = np.arange(12) % 3


class Planted:
    """What a hostile pickle does on loading."""

    def __reduce__(self) -> tuple[object, ...]:
        return (exec, ("raise SystemExit('code in a pickle was run')",))


def write(path: Path, inputs: np.ndarray = INPUTS, labels: np.ndarray = LABELS, names: str = "inputs labels") -> Path:
    """A file in the format of its suffix."""
    arrays = dict(zip(names.split(), (inputs, labels), strict=True))
    match path.suffix:
        case ".npz":
            np.savez(path, **arrays)
        case ".npy":
            np.save(path, inputs)
            np.save(path.with_name("labels.npy"), labels)
        case ".pt" | ".pth":
            torch.save({name: torch.as_tensor(array) for name, array in arrays.items()}, path)
        case ".safetensors":
            safetensors.numpy.save_file(arrays, path)
        case ".parquet":
            pq.write_table(pa.table({name: list(array) for name, array in arrays.items()}), path)
        case ".h5" | ".hdf5":
            with h5py.File(path, "w") as file:
                for name, array in arrays.items():
                    file[name] = array
    return path


def refused(path: Path | str, match: str, read: Callable[..., object] = load, **keys: str) -> None:
    """The file is refused in one printable line of the user's own argument, which gives no advice to run code."""
    with pytest.raises(InputError, match=match) as caught:
        read(str(path), **keys)
    line = str(caught.value)
    assert line.isprintable()
    assert len(line) < 700
    assert line.startswith(("data: ", "inputs_key: ", "labels_key: "))
    assert not any(word in line for word in ("allow_pickle", "weights_only", "trust", "Errno"))


FORMATS = (".npz", ".npy", ".pt", ".pth", ".safetensors", ".parquet", ".h5", ".hdf5")


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_gives_the_same_data(tmp_path: Path, suffix: str) -> None:
    expected = load(str(write(tmp_path / "reference.npz")))
    data = load(str(write(tmp_path / f"mine{suffix}")))
    np.testing.assert_array_equal(data.inputs, expected.inputs)
    np.testing.assert_array_equal(data.labels, LABELS)
    assert (data.name, data.classes, data.notes) == ("mine", 3, ())


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("names", ["X y", "x_train y_train", "features targets", "embeddings label", "data label"])
def test_other_names_are_taken_by_option_and_listed_without(tmp_path: Path, suffix: str, names: str) -> None:
    path = write(tmp_path / f"mine{suffix}", names=names)
    if suffix == ".npy":
        refused(path, "inputs_key: does nothing for .*mine.npy, which holds one array", inputs_key="X")
        (tmp_path / "labels.npy").rename(tmp_path / "y.npy")
        refused(path, r"labels_key: .*labels\.npy is not a file, it does not exist; give the .npy file of the labels")
        refused(path, "give the .npy file of their labels by --labels-key FILE.npy, 'y' is none", labels_key="y")
        assert load(str(path), labels_key="y.npy").labels.tolist() == LABELS.tolist()
        assert load(str(path), labels_key=str(tmp_path / "y.npy")).labels.tolist() == LABELS.tolist()
        return
    inputs, labels = names.split()
    if suffix == ".parquet":
        refused(path, f"holds no array 'labels' but .*{inputs!r}.*{labels!r}", inputs_key=inputs)
    else:
        refused(path, f"holds no array 'inputs' but .*{inputs!r}.*; give one of these names by --inputs-key")
        refused(path, "no array 'labels' but .*give one of these names by --labels-key", inputs_key=inputs)
    data = load(str(path), inputs_key=inputs, labels_key=labels)
    assert data.labels.tolist() == LABELS.tolist()


def test_keys_are_refused_where_they_do_nothing(tmp_path: Path) -> None:
    refused("digits", "inputs_key: does nothing for digits; give it with a file", inputs_key="X")
    refused("cifar10", "labels_key: does nothing for cifar10; give it with a file", labels_key="y")
    refused("mnist", "labels_key: does nothing for mnist", load_images, labels_key="coarse")
    refused(tmp_path, "inputs_key: does nothing for", load_images, inputs_key="a,b")


def test_the_columns_of_a_table_are_the_inputs_together(tmp_path: Path) -> None:
    columns = {f"feature.{at}": INPUTS[:, at] for at in range(3)} | {"species": [f"iris {at}" for at in LABELS]}
    pq.write_table(pa.table(columns | {"__index_level_0__": np.arange(12)}), tmp_path / "iris.parquet")
    data = load(str(tmp_path / "iris.parquet"), labels_key="species")
    np.testing.assert_array_equal(data.inputs, load(str(write(tmp_path / "reference.npz"))).inputs)
    assert data.notes[0].endswith("'iris 0' is class 0, 'iris 1' is class 1, 'iris 2' is class 2")
    text = {"feature": INPUTS[:, 0], "name": ["a"] * 12, "labels": LABELS}
    pq.write_table(pa.table(text), tmp_path / "text.parquet")
    refused(tmp_path / "text.parquet", "column 'name' has type string; leave it out, or name one column of lists")
    for column, match in (
        ([1.0, None] * 6, r"inputs in .* have shape \(12,\)"),
        ([[1.0], None] * 6, "column 'inputs' in .* lacks 6 values"),
        ([[1.0], [2.0, 3.0]] * 6, "has lists of 1 to 2 numbers; give lists of one length"),
        ([[1.0, None]] * 12, "column 'inputs' in .* lacks 12 values"),
        ([{"bytes": b""}] * 12, "'inputs' in .* has type struct"),
        ([[[1.0]]] * 12, "'inputs' in .* has type list"),
    ):
        pq.write_table(pa.table({"inputs": column, "labels": LABELS}), tmp_path / "bad.parquet")
        refused(tmp_path / "bad.parquet", match)


@pytest.mark.parametrize(
    "labels",
    [
        LABELS[:, None],
        LABELS[None],
        np.eye(3)[LABELS],
        np.eye(3, dtype=bool)[LABELS],
        LABELS.astype(np.float16),
        LABELS.astype(np.uint64),
        LABELS.astype(">i2"),
    ],
    ids=["column", "row", "one-hot", "truth one-hot", "whole floats", "unsigned", "big-endian"],
)
def test_labels_that_are_numbers_of_classes_are_taken_as_they_are(tmp_path: Path, labels: np.ndarray) -> None:
    data = load(str(write(tmp_path / "mine.npz", labels=labels)))
    assert (data.labels.tolist(), data.labels.dtype, data.notes) == (LABELS.tolist(), np.int64, ())


@pytest.mark.parametrize(
    ("values", "note"),
    [
        (np.array([-1, 1, 3]), "-1 is class 0, 1 is class 1, 3 is class 2"),
        (np.array([0, 2, 5]), "0 is class 0, 2 is class 1, 5 is class 2"),
        (np.array([0, 2.0, 5]), "0 is class 0, 2 is class 1, 5 is class 2"),
        (np.array(["ape", "bee", "cat"]), "'ape' is class 0, 'bee' is class 1, 'cat' is class 2"),
        (np.array([b"ape", b"b\xc3\xa9", b"cat"]), "'ape' is class 0, 'b\xe9' is class 1, 'cat' is class 2"),
        (np.array(["", "\x1b[31m", "\n"])[[0, 2, 1]], r"'' is class 0, '\n' is class 1, '\x1b[31m' is class 2"),
        (np.array([2**63, 2**63 + 1, 2**64 - 1], np.uint64), "9223372036854775808 is class 0, "),
    ],
    ids=["negative", "gaps", "gaps in floats", "text", "bytes", "control characters", "64 bits"],
)
def test_other_labels_are_numbered_in_ascending_order_and_the_user_is_told(
    tmp_path: Path, values: np.ndarray, note: str
) -> None:
    # In another order than the ascending one.
    turned = (LABELS + 2) % 3
    data = load(str(write(tmp_path / "mine.npz", labels=values[turned])))
    assert data.labels.tolist() == turned.tolist()
    assert note in data.notes[0]
    assert data.notes[0].isprintable()


def test_labels_that_the_training_labels_lack_are_refused_and_the_others_keep_their_numbers() -> None:
    classes = Classes.from_labels("labels", np.array([3, 7, 5, 3, 7, 5]))
    assert classes.numbers("test labels", np.array([7, 3, 5])).tolist() == [2, 0, 1]
    for foreign in (2, 4, 9):
        with pytest.raises(InputError, match=f"test labels: holds the label {foreign}, which the training labels lack"):
            classes.numbers("test labels", np.array([3, foreign]))


def test_truth_values_are_two_classes(tmp_path: Path) -> None:
    data = load(str(write(tmp_path / "mine.npz", labels=LABELS == 1)))
    assert (data.labels.tolist(), data.classes, data.notes) == ((LABELS == 1).astype(int).tolist(), 2, ())


_HOT = np.eye(3)[LABELS]


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        (np.where(LABELS == 1, np.nan, LABELS), "labels in .* hold nan at place 1, which is not a whole number"),
        (LABELS + 0.5, "hold 0.5 at place 0, which is not a whole number"),
        (LABELS * 1e30, r"hold 1e\+30 at place 1, which is not a whole number"),
        (_HOT * 0.9, r"have shape \(12, 3\), but row 0 is not one-hot"),
        (np.concatenate([_HOT[:5], np.ones((7, 3))]), "row 5 is not one-hot, 1 in the column of its class and 0"),
        (np.concatenate([_HOT[:11], np.zeros((1, 3))]), "row 11 is not one-hot"),
        (np.array([["a", "b"]] * 12), r"have shape \(12, 2\) and type <U1"),
        (LABELS[:11], r"have shape \(11,\) for 12 inputs; give one integer or name of a class for each input"),
        (np.zeros((12, 2, 2)), r"have shape \(12, 2, 2\) for 12 inputs"),
        (np.zeros((12, 400)), r"have shape \(12, 400\) for 12 inputs"),
        (np.array(3), r"have shape \(\) for 12 inputs"),
        (np.zeros(12, int), "labels hold 1 class only"),
        (np.arange(12), "take 12 values on 12 inputs; give labels of classes"),
        (LABELS.astype(complex), "'labels' in .* holds complex numbers"),
        (LABELS.astype("M8[D]"), "'labels' in .* has type datetime64"),
        (np.array([b"\xff", b"a"] * 6), "hold text that is not UTF-8"),
        (np.array([None, 1] * 6, object), "'labels' in .* holds Python objects, which could run code"),
    ],
)
def test_what_are_no_labels_is_refused(tmp_path: Path, labels: np.ndarray, match: str) -> None:
    refused(write(tmp_path / "bad.npz", labels=labels), match)


@pytest.mark.parametrize(
    "inputs",
    [
        INPUTS.astype(np.float16),
        INPUTS.astype(np.longdouble),
        INPUTS.astype(">f8"),
        np.asfortranarray(INPUTS),
        (INPUTS > 0),
        (100 * INPUTS).astype(np.int8),
        (2.0**63 * (INPUTS / np.abs(INPUTS).max())).clip(-(2.0**63), 2.0**62).astype(np.int64),
        np.column_stack([INPUTS, np.zeros(12), np.full(12, 1e8 / 3)]),
        INPUTS.reshape(12, 3, 1, 1),
    ],
    ids=["half", "long", "big-endian", "Fortran", "truth", "bytes", "least integer", "constant features", "axes"],
)
def test_every_kind_of_real_numbers_is_taken(tmp_path: Path, inputs: np.ndarray) -> None:
    data = load(str(write(tmp_path / "mine.npz", inputs=inputs)))
    exact = inputs.astype(np.float64).reshape(12, -1)
    centred = exact - exact.mean(axis=0)
    # Within the rounding of float32; constant features are zero to the last digit.
    np.testing.assert_allclose(data.inputs, centred / np.sqrt(np.mean(centred**2)), atol=1e-5)
    assert not data.inputs[:, 3:].any()


def test_numbers_of_any_scale_are_taken_without_a_warning(tmp_path: Path) -> None:
    # Warnings are errors in these tests.
    sized = INPUTS / np.abs(INPUTS).max()
    for unit in (1.79e308, 1e-305):
        data = load(str(write(tmp_path / "mine.npz", inputs=unit * sized)))
        np.testing.assert_allclose(np.mean(data.inputs.var(axis=0)), 1, rtol=1e-5)
        np.testing.assert_allclose(data.inputs, load(str(write(tmp_path / "one.npz"))).inputs, atol=1e-5)
    assert np.isfinite(load(str(write(tmp_path / "mine.npz", inputs=5e-324 * np.sign(INPUTS)))).inputs).all()
    if np.finfo(np.longdouble).maxexp > 1024:  # where the machine has longer floats than double ones
        longer = np.longdouble(10) ** 400 * INPUTS
        refused(write(tmp_path / "mine.npz", inputs=longer), "hold 36 NaN or infinite entries")


def npy(header: str, content: bytes = b"", version: int = 1) -> bytes:
    """A .npy file of any header."""
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header.encode() + content


def described(shape: str, content: bytes = b"", kind: str = "'<f8'") -> bytes:
    return npy(f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}}}", content)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (described("(375000000, 1)"), "holds 0 bytes after its header, which says shape .*, 3000000000 bytes"),
        (described(f"({2**62}, {2**62})"), "holds 0 bytes after its header"),
        (described("(12, 3)", bytes(287)), "holds 287 bytes after its header, .* 288 bytes; save it again"),
        (described("(12, 3)", bytes(289)), "holds 289 bytes after its header, .* 288 bytes; save it again"),
        (described("(-12, -3)", bytes(288)), "is not a readable"),
        (described("(12, 3)", kind="__import__('os').abort()"), "is not a readable"),
        (described("(12, 3)", bytes(288), "'<q9'"), "is not a readable"),
        (described("(12, 3)", bytes(288), "'|O'"), "holds Python objects"),
        (described("(12,)", bytes(192), "[('a', '<f8'), ('b', '<f8')]"), "has named fields"),
        (described("(12, 3)", bytes(288), "'|V8'"), r"has type \|V8"),
        (npy("{" * 5000), "is not a readable"),
        (npy("(" * 9000), "is not a readable"),
        (npy("[1, 2"), "is not a readable"),
        (npy("{'descr': '<f8'}"), "is not a readable"),
        (npy("\x1b[31m"), "is not a readable"),
        (npy("{}", version=3), "has named fields"),
        (npy("{}", version=9), "is not a readable|named fields"),
        (b"\x93NUMPY", "is not a readable"),
        (b"", "is not a readable"),
        (pickle.dumps(Planted()), "is not a readable"),
    ],
)
def test_arrays_with_forged_headers_cost_nothing(tmp_path: Path, content: bytes, match: str) -> None:
    np.save(tmp_path / "labels.npy", LABELS)
    (tmp_path / "bad.npy").write_bytes(content)
    refused(tmp_path / "bad.npy", match)
    with zipfile.ZipFile(tmp_path / "bad.npz", "w") as archive:
        archive.writestr("inputs.npy", content)
        archive.writestr("labels.npy", (tmp_path / "labels.npy").read_bytes())
    refused(tmp_path / "bad.npz", match)


def member(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def packed(path: Path, compression: int, *members: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


WIDE = np.random.default_rng(1).standard_normal((12, 60))


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_members_that_are_damaged_anywhere_are_refused(tmp_path: Path, compression: int) -> None:
    path = packed(tmp_path / "mine.npz", compression, ("inputs.npy", member(WIDE)), ("labels.npy", member(LABELS)))
    assert load(str(path)).inputs.shape == (12, 60)
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo("inputs.npy").compress_size
    for at in range(42, 40 + size, size // 60):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x5A]) + whole[at + 1 :])
        refused(path, r"is not a readable \.npz file|bytes after its header|has type|holds Python objects|named fields")


def test_archives_of_other_things_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = ("labels.npy", member(LABELS))
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = packed(tmp_path / "a.npz", 0, ("inputs.npy", member(INPUTS)), ("inputs.npy", member(WIDE)), labels)
    refused(path, r"holds 2 arrays 'inputs' \('inputs.npy'\); give an archive with one of each name")
    path = packed(tmp_path / "b.npz", 0, ("inputs.npy", member(INPUTS)), ("inputs", b"text"), labels)
    refused(path, r"holds 2 arrays 'inputs' \('inputs.npy', 'inputs'\)")
    inner = packed(tmp_path / "c.npz", 0, ("inputs.npy", member(INPUTS))).read_bytes()
    refused(
        packed(tmp_path / "d.npz", 0, ("inputs.npz", inner), labels), "no array 'inputs' but 'inputs.npz', 'labels'"
    )
    refused(packed(tmp_path / "e.npz", 0, ("inputs", inner), labels), "'inputs' in .* is no array; give an archive of")
    refused(packed(tmp_path / "f.npz", 0), "holds no array 'inputs' but nothing")
    many = [(f"array{at}.npy", member(LABELS)) for at in range(40)]
    refused(packed(tmp_path / "g.npz", 0, *many), "'array7', 32 more; give one of these names")
    refused(packed(tmp_path / "h.npz", 0, ("\x1b[31m.npy", b"")), r"'\\x1b\[31m'")
    encrypted = bytearray(packed(tmp_path / "i.npz", 0, ("inputs.npy", member(INPUTS)), labels).read_bytes())
    for start, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        encrypted[encrypted.index(start) + flags] |= 1
    (tmp_path / "i.npz").write_bytes(encrypted)
    refused(tmp_path / "i.npz", "'inputs.npy' in .* is encrypted; save it without a password")
    # Above 2^28 bytes; lowered here, as to pack so many takes seconds.
    monkeypatch.setattr(npz_format, "_LARGE", 2**18)
    path = packed(tmp_path / "j.npz", zipfile.ZIP_DEFLATED, ("inputs.npy", member(np.zeros((12, 10_000)))), labels)
    refused(path, r"'inputs.npy' in .* has 960128 bytes packed into \d+, little more than one number over and over")


@pytest.mark.parametrize("suffix", FORMATS)
def test_files_cut_short_anywhere_are_refused(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"mine{suffix}", inputs=WIDE)
    whole = path.read_bytes()
    for length in {*range(0, len(whole), max(1, len(whole) // 80)), *range(16), len(whole) - 1}:
        path.write_bytes(whole[:length])
        refused(path, "is not a |bytes after its header")


@pytest.mark.parametrize("suffix", FORMATS)
def test_files_of_other_kinds_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"mine{suffix}"
    np.save(tmp_path / "labels.npy", LABELS)
    for content in (pickle.dumps(Planted()), b"hello", bytes(4096), b"\xff" * 64):
        path.write_bytes(content)
        refused(path, "is not a ")
    path.unlink()
    path.mkdir()
    refused(path, f"mine{suffix} is not a file but a folder; give a file .npz, .npy, .pt")
    path.rmdir()
    # A pipe that nobody writes to would be waited for without end.
    os.mkfifo(path)
    refused(path, f"mine{suffix} is not a file but a named pipe")
    path.unlink()
    path.symlink_to(path)
    refused(path, rf"mine{suffix} is not a file \(Too many levels of symbolic links\)")
    path.unlink()
    path.symlink_to("/dev/zero")
    refused(path, f"mine{suffix} is not a file but a device")
    path.unlink()
    refused(path, f"mine{suffix} is not a file, it does not exist")
    refused("long" * 100 + suffix, r"is not a file \(File name too long\)")
    refused("a\0b" + suffix, "characters that cannot be printed")


def odd_tensors() -> dict[str, object]:
    return {
        "holds complex|complex64, whose imaginary": torch.zeros(12, 3, dtype=torch.complex64),
        "layout sparse_coo; save it with to_dense": torch.eye(12, 3).to_sparse(),
        "is on the device meta, which keeps no values": torch.zeros(12, 3, device="meta"),
        "has type float8_e4m3fn; save it as float32": torch.zeros(12, 3).to(torch.float8_e4m3fn),
        "holds no array 'inputs' but 'labels'; give one of these names": [1, 2],
    }


@pytest.mark.parametrize("match", odd_tensors())
def test_tensors_that_are_no_arrays_of_real_numbers_are_refused(tmp_path: Path, match: str) -> None:
    torch.save({"inputs": odd_tensors()[match], "labels": torch.as_tensor(LABELS)}, tmp_path / "bad.pt")
    refused(tmp_path / "bad.pt", match)


def test_tensors_of_sixteen_bits_and_views_are_taken(tmp_path: Path) -> None:
    whole = torch.as_tensor(INPUTS.astype(np.float32))
    torch.save({"inputs": whole.bfloat16().T.contiguous().T, "labels": torch.as_tensor(LABELS)}, tmp_path / "a.pt")
    reference = load(str(write(tmp_path / "b.npz", inputs=whole.bfloat16().float().numpy())))
    np.testing.assert_array_equal(load(str(tmp_path / "a.pt")).inputs, reference.inputs)
    # One number that claims to be 10^12 of them.
    torch.save({"inputs": torch.zeros(1).expand(10**6, 10**6), "labels": torch.as_tensor(LABELS)}, tmp_path / "c.pt")
    refused(tmp_path / "c.pt", "would need 3.6 TiB of memory|labels in .* for 1000000 inputs")


def test_hdf5_without_its_library_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "mine.h5")
    monkeypatch.setitem(sys.modules, "h5py", None)
    refused(path, r"a \.h5 file needs h5py; install it with: pip install 'learning-phases\[hdf5\]'")


def test_hdf5_files_that_lead_elsewhere_are_refused(tmp_path: Path) -> None:
    other = write(tmp_path / "other.h5")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["labels"] = LABELS
        file["inputs"] = h5py.ExternalLink(str(other), "inputs")
        file["group/mine"] = INPUTS
        file["empty"] = h5py.Empty("f8")
        layout = h5py.VirtualLayout((12, 3), "f8")
        layout[:] = h5py.VirtualSource(str(other), "inputs", (12, 3))
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("huge", (2**40, 2**10), "f8", chunks=(2**10, 2**10))
    path = tmp_path / "a.h5"
    refused(path, "holds no array 'inputs' but .*'group/mine'")
    refused(path, "'virtual' in .* takes its values from other files", inputs_key="virtual")
    refused(path, "'empty' in .* is empty", inputs_key="empty")
    refused(path, "'huge' in .* would need 8.0 PiB of memory", inputs_key="huge")
    assert load(str(path), inputs_key="group/mine").labels.tolist() == LABELS.tolist()
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["inputs"], file["labels"] = INPUTS, [f"iris {at}" for at in LABELS]
    assert load(str(tmp_path / "b.h5")).notes[0].endswith("'iris 2' is class 2")


def test_sizes_are_refused_by_their_headers(tmp_path: Path) -> None:
    # 40 photographs: 6 MB, whose covariance takes 8 x 150,528^2 bytes.
    photographs = np.zeros((40, 224, 224, 3), np.uint8)
    refused(
        write(tmp_path / "photographs.npz", inputs=photographs, labels=np.arange(40) % 2),
        "inputs in .* have 150528 features, whose covariance: would need 169 GiB of memory .* keep their leading "
        r"directions \(--directions N, at most 39\), give smaller images, or features of a network's layer",
    )
    np.save(tmp_path / "mine.npy", INPUTS)
    (tmp_path / "labels.npy").write_bytes(described("(2000000000,)", kind="'<i8'"))
    refused(tmp_path / "mine.npy", "labels.npy holds 0 bytes after its header, .* 16000000000 bytes")


def arrays_of_images() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(2)
    return {
        "x_train": generator.integers(0, 256, (12, 5, 4), np.uint8),
        "y_train": np.array(["ape", "bee"])[np.arange(12) % 2],
        "x_test": generator.integers(0, 256, (4, 5, 4), np.uint8),
        "y_test": np.array(["bee", "ape"])[np.arange(4) % 2],
    }


def test_images_have_names_by_option_and_labels_by_the_same_rule(tmp_path: Path) -> None:
    arrays = arrays_of_images()
    np.savez(tmp_path / "mine.npz", **arrays)
    keys = {"inputs_key": "x_train,x_test", "labels_key": "y_train, y_test"}
    data = load_images(str(tmp_path / "mine.npz"), **keys)
    assert (data.class_names, data.train.labels.tolist()[:3], data.test.labels.tolist()) == (
        ("ape", "bee"),
        [0, 1, 0],
        [1, 0, 1, 0],
    )
    assert "'ape' is class 0" in data.notes[0]
    refused(tmp_path / "mine.npz", "no array 'train_images' but 'x_train'", load_images)
    refused(tmp_path / "mine.npz", "give two names with a comma between", load_images, inputs_key="x_train")
    arrays["x_test"] = arrays["x_train"][:4]
    np.savez(tmp_path / "mine.npz", **arrays)
    assert "100% of the test images are training images too" in load_images(str(tmp_path / "mine.npz"), **keys).notes[1]
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        for name, array in arrays_of_images().items():
            file[name] = array.tolist() if array.dtype.kind == "U" else array
    np.testing.assert_array_equal(load_images(str(tmp_path / "mine.h5"), **keys).test.images, data.test.images)


def test_a_data_set_is_the_same_whether_chunks_are_many_or_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(write(tmp_path / "mine.npz"))
    one: DataSet = load(path)
    monkeypatch.setattr("empirical.data.datasets._CHUNK", 7)
    np.testing.assert_allclose(load(path).inputs, one.inputs, atol=1e-7)
