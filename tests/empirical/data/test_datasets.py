from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from empirical import DATA_ROOT_VARIABLE, batches_of, load, stream_moments
from empirical.data.datasets import CIFAR10_FOLDER, given_data
from theory import InputError


@pytest.fixture
def fake_cifar(tmp_path: Path) -> Path:
    """The official binary layout with 10,000 small-valued records a file."""
    folder = tmp_path / CIFAR10_FOLDER
    folder.mkdir()
    generator = np.random.default_rng(0)
    for number in range(1, 6):
        records = np.zeros((10_000, 3073), np.uint8)
        records[:, 0] = np.arange(10_000) % 10
        records[:, 1:4] = generator.integers(0, 256, (10_000, 3))
        records.tofile(folder / f"data_batch_{number}.bin")
    return tmp_path


def test_the_digits_are_scikit_learns() -> None:
    data = load("digits")
    assert data.inputs.shape == (1797, 64)
    assert data.inputs.dtype == np.float32
    assert (data.inputs.min(), data.inputs.max()) == (0, 1)
    assert np.bincount(data.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_cifar10_is_read_record_by_record_and_scaled_by_one_number(
    fake_cifar: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the data root in the environment; the tests of damaged files give it as an argument."""
    monkeypatch.setenv(DATA_ROOT_VARIABLE, str(fake_cifar / CIFAR10_FOLDER))
    data = load("cifar10")
    assert data.inputs.shape == (50_000, 3072)
    assert np.bincount(data.labels).tolist() == [5000] * 10
    assert np.var(data.inputs[:, :3].astype(np.float64)) * 3 / 3072 == pytest.approx(1, rel=1e-2)
    raw = np.fromfile(fake_cifar / CIFAR10_FOLDER / "data_batch_3.bin", np.uint8).reshape(-1, 3073)[:, 1:]
    ratio = data.inputs[20_000:20_100, :3] / np.maximum(raw[:100, :3], 1)
    np.testing.assert_allclose(ratio[raw[:100, :3] > 0], ratio.max(), rtol=1e-5)


def test_a_missing_data_root_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DATA_ROOT_VARIABLE, raising=False)
    with pytest.raises(InputError, match=f"data_root: is not given; give --data-root or set {DATA_ROOT_VARIABLE}"):
        load("cifar10")
    with pytest.raises(InputError, match=r"data_root: .* does not exist"):
        load("cifar10", tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is not a folder"):
        load("cifar10", tmp_path / "file")


def test_truncated_missing_and_mislabelled_files_are_refused(fake_cifar: Path) -> None:
    path = fake_cifar / CIFAR10_FOLDER / "data_batch_4.bin"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(InputError, match=r"data_batch_4\.bin has 30729999 bytes instead of 30730000"):
        load("cifar10", fake_cifar)
    path.write_bytes(b"\x0a" + whole[1:])
    with pytest.raises(InputError, match=r"data_batch_4\.bin holds the label 10; labels are 0 to 9"):
        load("cifar10", fake_cifar)
    path.unlink()
    with pytest.raises(InputError, match=r"data_batch_4\.bin is missing"):
        load("cifar10", fake_cifar)


def test_a_download_without_pooch_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(InputError, match=r"pip install 'learning-phases\[download\]'"):
        load("cifar10", tmp_path, download=True)


def test_an_npz_file_is_flattened_centred_and_scaled_without_losing_digits(tmp_path: Path) -> None:
    images = 1e8 + np.random.default_rng(0).standard_normal((6, 2, 3))
    np.savez(tmp_path / "mine.npz", inputs=images, labels=np.array([0, 1, 0, 1, 0, 1], np.uint8))
    data = load(str(tmp_path / "mine.npz"))
    centred = images.reshape(6, 6) - images.reshape(6, 6).mean(axis=0)
    np.testing.assert_allclose(data.inputs, centred / np.sqrt(np.mean(centred**2)), atol=1e-6)
    assert (data.name, data.classes, data.labels.dtype) == ("mine", 2, np.int64)


@pytest.mark.parametrize("unit", [1e-300, 1e-18, 1e18, 1.7e308])
def test_the_unit_of_the_inputs_does_not_matter(tmp_path: Path, unit: float) -> None:
    plain = np.random.default_rng(0).uniform(-1, 1, (6, 3))
    for name, factor in (("plain", 1.0), ("scaled", unit)):
        np.savez(tmp_path / f"{name}.npz", inputs=factor * plain, labels=[0, 1, 0, 1, 0, 1])
    one, other = (load(str(tmp_path / f"{name}.npz")).inputs for name in ("plain", "scaled"))
    np.testing.assert_allclose(other, one, atol=1e-6)


_INPUTS = np.eye(4)


@pytest.mark.parametrize(
    ("arrays", "match"),
    [
        pytest.param(
            {"inputs": _INPUTS},
            "no array 'labels' but 'inputs'; give one of these names by --labels-key",
            id="no labels",
        ),
        pytest.param({"inputs": _INPUTS * np.nan, "labels": [0, 1, 0, 1]}, "hold 16 NaN or infinite", id="NaN"),
        pytest.param({"inputs": np.ones((4, 2)), "labels": [0, 1, 0, 1]}, "all equal", id="constant"),
        pytest.param({"inputs": _INPUTS, "labels": [0, 0, 0, 0]}, "hold 1 class only", id="one class"),
        pytest.param({"inputs": _INPUTS, "labels": [0, 1, 2, 3]}, "take 4 values on 4 inputs", id="no classes"),
        pytest.param({"inputs": _INPUTS, "labels": [0, 1]}, r"have shape \(2,\) for 4 inputs", id="lengths differ"),
        pytest.param({"inputs": np.ones((4, 0)), "labels": [0, 1] * 2}, r"have shape \(4, 0\)", id="no features"),
        pytest.param({"inputs": np.ones((0, 4)), "labels": []}, r"have shape \(0, 4\)", id="no samples"),
        pytest.param({"inputs": np.array(1.0), "labels": [0]}, r"have shape \(\)", id="no axis"),
        pytest.param({"inputs": 1j * _INPUTS, "labels": [0, 1] * 2}, "'inputs' .* complex", id="complex"),
        pytest.param({"inputs": _INPUTS.astype("M8[s]"), "labels": [0, 1] * 2}, "type datetime64", id="dates"),
        pytest.param({"inputs": np.ones(4, "f4,f8"), "labels": [0, 1] * 2}, "named fields", id="structured"),
        pytest.param({"inputs": _INPUTS[0], "labels": [0, 1, 0, 1]}, "give numbers", id="one axis"),
        pytest.param({"inputs": [["a"], ["b"]], "labels": [0, 1]}, "give numbers", id="text"),
        pytest.param({"inputs": np.array([[{}], [{}]], object), "labels": [0, 1]}, "Python objects", id="pickle"),
    ],
)
def test_bad_npz_files_are_refused(tmp_path: Path, arrays: dict[str, object], match: str) -> None:
    np.savez(tmp_path / "bad.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=match):
        load(str(tmp_path / "bad.npz"))


def test_files_that_are_not_npz_archives_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "cut.npz", inputs=_INPUTS, labels=[0, 1, 0, 1])
    whole = (tmp_path / "cut.npz").read_bytes()
    np.savez_compressed(tmp_path / "packed.npz", inputs=np.random.default_rng(0).random((50, 4)), labels=[0, 1] * 25)
    packed = (tmp_path / "packed.npz").read_bytes()
    flipped = [packed[:at] + bytes([packed[at] ^ 255]) + packed[at + 1 :] for at in range(60, 400, 17)]
    for content in (whole[: len(whole) // 2], b"", b"not an archive", *flipped):
        (tmp_path / "cut.npz").write_bytes(content)
        with pytest.raises(InputError, match=r"is not a readable \.npz file"):
            load(str(tmp_path / "cut.npz"))
    with pytest.raises(InputError, match="is not a file"):
        load(str(tmp_path / "none.npz"))
    with pytest.raises(InputError, match="characters that cannot be printed"):
        load("\udcff.npz")
    with pytest.raises(InputError, match="data: 'mnist' is unknown; give digits, cifar10 or"):
        load("mnist")


def test_moments_do_not_depend_on_the_size_of_the_batches() -> None:
    data = load("digits")
    one = stream_moments(batches_of(data.inputs, data.labels, 1797), 10)
    many = stream_moments(batches_of(data.inputs, data.labels, 100), 10)
    np.testing.assert_allclose(many.covariance, one.covariance, atol=1e-13)
    np.testing.assert_allclose(many.class_means, one.class_means, atol=1e-13)


def test_a_job_takes_data_in_memory_a_name_a_path_or_what_loads_them(tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", inputs=np.eye(4), labels=[0, 1, 0, 1])
    own = load(str(tmp_path / "mine.npz"))
    assert given_data(own) is own
    assert given_data("digits").name == "digits"
    for given in (tmp_path / "mine.npz", str(tmp_path / "mine.npz"), lambda: own):
        np.testing.assert_array_equal(given_data(given).inputs, own.inputs)
    with pytest.raises(InputError, match="data: 'nowhere' is unknown"):
        given_data("nowhere")
