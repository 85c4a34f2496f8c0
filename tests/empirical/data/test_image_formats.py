"""Small files in the exact official layouts, and what is wrong with files that are not."""

from __future__ import annotations

import gzip
import struct
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from empirical.data.cifar_format import CIFAR10, CIFAR100
from empirical.data.data_root import DATA_ROOT_VARIABLE
from empirical.data.images import load_images
from theory import InputError

_SMALL_CIFAR10 = replace(CIFAR10, records=dict.fromkeys(CIFAR10.records, 20))
_SMALL_CIFAR100 = replace(CIFAR100, records={"train.bin": 300, "test.bin": 200})


def _pixels(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture
def cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six files of 20 records."""
    monkeypatch.setattr("empirical.data.images.CIFAR10", _SMALL_CIFAR10)
    folder = tmp_path / CIFAR10.folder
    folder.mkdir()
    for seed, name in enumerate(CIFAR10.records):
        images = _pixels(20, 3, 32, 32, seed=seed)
        (folder / name).write_bytes(b"".join(bytes([at % 10]) + images[at].tobytes() for at in range(20)))
    return tmp_path


@pytest.fixture
def cifar100(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """300 and 200 records of class i % 100 and superclass i % 20."""
    monkeypatch.setattr("empirical.data.images.CIFAR100", _SMALL_CIFAR100)
    folder = tmp_path / CIFAR100.folder
    folder.mkdir()
    for name, count in _SMALL_CIFAR100.records.items():
        images = _pixels(count, 3, 32, 32, seed=count)
        (folder / name).write_bytes(b"".join(bytes([at % 20, at % 100]) + images[at].tobytes() for at in range(count)))
    return tmp_path


def test_cifar10_keeps_files_records_and_planes_in_order(cifar10: Path) -> None:
    data = load_images("cifar10", cifar10)
    assert (data.name, data.classes, data.class_names[3], data.channels, data.size) == (
        "CIFAR-10",
        10,
        "cat",
        3,
        (32, 32),
    )
    np.testing.assert_array_equal(data.train.images, np.concatenate([_pixels(20, 3, 32, 32, seed=n) for n in range(5)]))
    np.testing.assert_array_equal(data.test.images, _pixels(20, 3, 32, 32, seed=5))
    np.testing.assert_array_equal(data.train.labels, np.arange(100) % 10)


def test_cifar100_takes_the_fine_label(cifar100: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_ROOT_VARIABLE, str(cifar100))
    data = load_images("cifar100")
    np.testing.assert_array_equal(data.train.labels, np.arange(300) % 100)
    np.testing.assert_array_equal(data.test.images, _pixels(200, 3, 32, 32, seed=200))
    assert (data.name, data.classes, data.test.labels.dtype) == ("CIFAR-100", 100, np.int64)


def test_the_classes_of_cifar100_are_a_hundred_in_the_order_of_their_names() -> None:
    assert len(set(CIFAR100.class_names)) == 100
    assert list(CIFAR100.class_names) == sorted(CIFAR100.class_names)


def test_damaged_cifar_files_are_refused(cifar100: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = cifar100 / CIFAR100.folder / "train.bin"
    whole = path.read_bytes()
    for content, match in (
        (whole[:-1], r"data_root: .*train\.bin has 922199 bytes instead of 922200"),
        (b"\x14" + whole[1:], r"data_root: .*train\.bin holds the label 20; labels are 0 to 19"),
        (b"\x00\x64" + whole[2:], r"data_root: .*train\.bin holds the label 100; labels are 0 to 99"),
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=match):
            load_images("cifar100", cifar100)
    path.unlink()
    with pytest.raises(InputError, match=r"data_root: .*train\.bin is missing; give a complete cifar-100-binary"):
        load_images("cifar100", cifar100)
    with pytest.raises(InputError, match=r"data_root: .*cifar-10-batches-bin does not exist"):
        load_images("cifar10", cifar100)
    monkeypatch.delenv(DATA_ROOT_VARIABLE, raising=False)
    with pytest.raises(InputError, match="data_root: is not given"):
        load_images("cifar100")


def test_the_official_files_are_held_to_their_official_length(tmp_path: Path) -> None:
    folder = tmp_path / CIFAR100.folder
    folder.mkdir()
    for name in CIFAR100.records:
        (folder / name).write_bytes(bytes(3074))
    with pytest.raises(InputError, match=r"train\.bin has 3074 bytes instead of 153700000"):
        load_images("cifar100", tmp_path)


def _idx(array: np.ndarray) -> bytes:
    """http://yann.lecun.com/exdb/mnist: magic number, lengths and entries, most significant byte first."""
    return struct.pack(f">{1 + array.ndim}I", 0x00000800 + array.ndim, *array.shape) + array.tobytes()


def _write_mnist(folder: Path, packed: bool) -> Path:
    folder.mkdir(parents=True)
    for prefix, count in (("train", 40), ("t10k", 30)):
        for kind, array in (
            ("images-idx3", _pixels(count, 28, 28, seed=count)),
            ("labels-idx1", np.arange(count) % 10),
        ):
            content = _idx(array.astype(np.uint8))
            name = f"{prefix}-{kind}-ubyte"
            (folder / (name + ".gz" if packed else name)).write_bytes(gzip.compress(content) if packed else content)
    return folder


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize(
    ("name", "folder", "title", "first"),
    [("mnist", "MNIST/raw", "MNIST", "0"), ("fashion-mnist", "FashionMNIST/raw", "Fashion-MNIST", "T-shirt/top")],
)
def test_idx_files_are_read(tmp_path: Path, name: str, folder: str, title: str, first: str, packed: bool) -> None:
    own = _write_mnist(tmp_path / folder, packed)
    for root in (tmp_path, own):
        data = load_images(name, root)
        assert (data.name, data.class_names[0], data.channels, data.size) == (title, first, 1, (28, 28))
        np.testing.assert_array_equal(data.train.images[:, 0], _pixels(40, 28, 28, seed=40))
        np.testing.assert_array_equal(data.test.images[:, 0], _pixels(30, 28, 28, seed=30))
        np.testing.assert_array_equal(data.test.labels, np.arange(30) % 10)
        # Frameworks warn of arrays that they cannot write to.
        assert data.train.images.flags.writeable


_LABELS = _idx((np.arange(40) % 10).astype(np.uint8))
_IMAGES = _idx(_pixels(40, 28, 28))


@pytest.mark.parametrize(
    ("file", "content", "match"),
    [
        ("train-images-idx3-ubyte", _LABELS, "starts with the bytes 00000801 instead of 00000803"),
        ("train-labels-idx1-ubyte", b"\x00\x00\x0d\x01" + _LABELS[4:], "00000d01 instead of 00000801"),
        ("train-images-idx3-ubyte", b"", "starts with the bytes none instead of 00000803"),
        ("train-images-idx3-ubyte", _IMAGES[:9], r"is empty \(shape \(40, 0, 0\)\)|is empty"),
        ("train-images-idx3-ubyte", _IMAGES[:-5], "has 31355 bytes after its header instead of 31360"),
        ("train-images-idx3-ubyte", _IMAGES + b"x", "has more bytes after its header instead of 31360"),
        ("train-images-idx3-ubyte", _IMAGES[:4] + b"\xff" * 12 + _IMAGES[16:], "has 31360 bytes after its header"),
        ("train-labels-idx1-ubyte", _idx(np.zeros(0, np.uint8)), r"is empty \(shape \(0,\)\)"),
        ("train-labels-idx1-ubyte", _idx(np.arange(30).astype(np.uint8) % 10), "30 labels and .* 40 images"),
        ("train-labels-idx1-ubyte", _LABELS[:-1] + b"\x0a", "holds the label 10; labels are 0 to 9"),
        ("train-labels-idx1-ubyte", _idx(np.zeros(40, np.uint8)), "MNIST: class 1 of 0 to 9 is empty in the train"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else str(value)[:40],
)
def test_bad_idx_files_are_refused(tmp_path: Path, file: str, content: bytes, match: str) -> None:
    folder = _write_mnist(tmp_path / "MNIST" / "raw", packed=False)
    (folder / file).write_bytes(content)
    with pytest.raises(InputError, match=match) as refused:
        load_images("mnist", tmp_path)
    assert "\n" not in str(refused.value)


def test_damaged_gzip_files_are_refused(tmp_path: Path) -> None:
    folder = _write_mnist(tmp_path / "MNIST" / "raw", packed=True)
    path = folder / "t10k-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    flipped = whole[:5000] + bytes([whole[5000] ^ 255]) + whole[5001:]
    for content in (whole[:-4], whole[: len(whole) // 2], flipped, b"not gzip", whole[:-8] + b"\0" + whole[-7:]):
        path.write_bytes(content)
        with pytest.raises(
            InputError, match=r"data_root: .*t10k-images-idx3-ubyte\.gz cannot be read .* fetch it again"
        ):
            load_images("mnist", tmp_path)
    path.unlink()
    with pytest.raises(InputError, match=r"t10k-images-idx3-ubyte\.gz is missing; give a complete MNIST/raw folder"):
        load_images("mnist", tmp_path)
    with pytest.raises(InputError, match=r"data_root: .*FashionMNIST/raw does not exist"):
        load_images("fashion-mnist", tmp_path)


def _write_tree(root: Path, mode: str = "RGB", test: str = "test") -> np.ndarray:
    """Two classes of two training images and one test image each; returns the training images."""
    images = []
    for split, count in (("train", 2), (test, 1)):
        for number, name in enumerate(("cat", "dog")):
            (root / split / name).mkdir(parents=True)
            for at in range(count):
                shape = (6, 4) if mode == "L" else (6, 4, 3)
                pixels = _pixels(*shape, seed=10 * number + at)
                Image.fromarray(pixels).save(root / split / name / f"{at}.png")
                images.append(pixels)
    return np.array(images[:4])


@pytest.mark.parametrize("test", ["test", "val"])
def test_a_tree_of_images_is_read_class_by_class(tmp_path: Path, test: str) -> None:
    expected = _write_tree(tmp_path / "pets", test=test)
    (tmp_path / "pets" / "train" / "cat" / ".hidden").write_text("passed over")
    data = load_images(str(tmp_path / "pets"))
    np.testing.assert_array_equal(data.train.images, expected.transpose(0, 3, 1, 2))
    assert (data.name, data.class_names, data.size) == ("pets", ("cat", "dog"), (6, 4))
    assert (data.train.labels.tolist(), data.test.labels.tolist()) == ([0, 0, 1, 1], [0, 1])


def test_gray_trees_keep_one_channel_and_mixed_ones_take_three(tmp_path: Path) -> None:
    expected = _write_tree(tmp_path, mode="L")
    data = load_images(str(tmp_path))
    assert data.channels == 1
    np.testing.assert_array_equal(data.train.images[:, 0], expected)
    coloured = _pixels(6, 4, 3, seed=99)
    Image.fromarray(coloured).save(tmp_path / "test" / "dog" / "0.png")
    mixed = load_images(str(tmp_path))
    np.testing.assert_array_equal(mixed.train.images, np.repeat(expected[:, None], 3, axis=1))
    np.testing.assert_array_equal(mixed.test.images[1], coloured.transpose(2, 0, 1))


@pytest.mark.parametrize("mode", ["RGBA", "P", "CMYK"])
def test_other_modes_are_read_as_rgb(tmp_path: Path, mode: str) -> None:
    _write_tree(tmp_path)
    red = Image.new("RGB", (4, 6), (255, 0, 0)).convert(mode)
    # A palette with transparent entries, of which Pillow would warn.
    options = {"transparency": b"\x80\x00"} if mode == "P" else {}
    red.save(
        tmp_path / "train" / "cat" / "0.png" if mode != "CMYK" else tmp_path / "train" / "cat" / "0.tif", **options
    )
    if mode == "CMYK":
        (tmp_path / "train" / "cat" / "0.png").unlink()
    image = load_images(str(tmp_path)).train.images[0]
    np.testing.assert_array_equal(image.reshape(3, -1).T, np.tile([255, 0, 0], (24, 1)))


def _bad_trees() -> list[object]:
    def cut(root: Path) -> None:
        path = root / "train" / "dog" / "1.png"
        path.write_bytes(path.read_bytes()[:60])

    def wide(root: Path) -> None:
        Image.new("RGB", (5, 6)).save(root / "test" / "dog" / "0.png")

    def deep(root: Path) -> None:
        Image.fromarray(np.zeros((6, 4), np.uint16)).save(root / "train" / "cat" / "0.png")

    def emptied(root: Path) -> None:
        for path in (root / "test" / "cat").iterdir():
            path.unlink()

    def foreign(root: Path) -> None:
        (root / "train" / "cat" / "2.png").write_bytes(b"\x80\x04cposix\nsystem\n.")

    def other_class(root: Path) -> None:
        (root / "test" / "cat").rename(root / "test" / "lion")

    def one_class(root: Path) -> None:
        for split in ("train", "test"):
            (root / split / "cat").rename(root / f"{split} cat")

    return [
        pytest.param(cut, r"1\.png is not a readable image \(.*\); remove or replace it", id="truncated"),
        pytest.param(foreign, r"2\.png is not a readable image \(cannot identify", id="foreign"),
        pytest.param(
            wide, r"0\.png is 6 x 5 \(height x width\) and .*0\.png 6 x 4; give images of one size", id="size"
        ),
        pytest.param(deep, r"0\.png has pixels of mode I.*; give images of 8 bits per channel", id="16 bits"),
        pytest.param(emptied, "class folder .*cat is empty; give at least one image per class", id="empty class"),
        pytest.param(other_class, r"test lacks the class folder 'cat' of .*train", id="class in one split"),
        pytest.param(one_class, "train holds 1 class folders; give at least 2 classes", id="one class"),
        pytest.param(lambda root: (root / "test").rename(root / "tests"), "holds no folder test or val", id="no test"),
        pytest.param(lambda root: (root / "train").rename(root / "t"), "holds no folder train", id="no train"),
        pytest.param(lambda root: (root / "train" / "a.png").write_text(""), "is not a class folder", id="no class"),
        pytest.param(
            lambda root: (root / "train" / "cat" / "a").mkdir(), "is not a file but a folder", id="folder inside"
        ),
        pytest.param(lambda root: (root / "train" / "a\nb").mkdir(), r"'a\\nb' in .*train has characters", id="name"),
    ]


@pytest.mark.parametrize(("spoil", "match"), _bad_trees())
def test_bad_trees_are_refused(tmp_path: Path, spoil: object, match: str) -> None:
    _write_tree(tmp_path)
    spoil(tmp_path)  # type: ignore[operator]
    with pytest.raises(InputError, match=f"^data: .*{match}") as refused:
        load_images(str(tmp_path))
    assert str(refused.value).isprintable()


def test_an_image_large_enough_to_fill_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write_tree(tmp_path)
    for limit in (20, 10):
        # Pillow warns above its limit and refuses above twice the limit; images have 24 pixels.
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(InputError, match=r"is not a readable image .*decompression bomb"):
            load_images(str(tmp_path))


def test_a_tree_without_pillow_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write_tree(tmp_path)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(InputError, match=r"needs pillow; install it with: pip install 'learning-phases\[images\]'"):
        load_images(str(tmp_path))


def _arrays() -> dict[str, np.ndarray]:
    return {
        "train_images": _pixels(6, 3, 5, 4),
        "train_labels": np.array([0, 1, 2, 0, 1, 2], np.uint8),
        "test_images": _pixels(3, 3, 5, 4, seed=1),
        "test_labels": np.array([2, 1, 0]),
    }


def test_arrays_are_read_and_gray_ones_get_their_channel(tmp_path: Path) -> None:
    arrays = _arrays()
    np.savez(tmp_path / "mine.npz", **arrays)
    data = load_images(str(tmp_path / "mine.npz"))
    np.testing.assert_array_equal(data.train.images, arrays["train_images"])
    np.testing.assert_array_equal(data.test.labels, arrays["test_labels"])
    assert (data.name, data.classes, data.class_names, data.size) == ("mine", 3, ("0", "1", "2"), (5, 4))
    gray = {name: array[:, 0] if array.ndim == 4 else array for name, array in arrays.items()}
    np.savez(tmp_path / "gray.npz", **gray)
    data = load_images(str(tmp_path / "gray.npz"))
    np.testing.assert_array_equal(data.train.images, arrays["train_images"][:, :1])


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        pytest.param(
            {"train_images": _pixels(6, 3, 5, 4) / 255}, "train_images in .* type float64; give uint8", id="float"
        ),
        pytest.param({"train_images": _pixels(6, 5, 4, 3)}, "train_images .* with the channels last", id="last"),
        pytest.param({"test_images": _pixels(3, 60)}, r"test_images in .* have shape \(3, 60\)", id="flat"),
        pytest.param({"test_images": _pixels(3, 3, 4, 5)}, r"test images have shape \(3, 4, 5\)", id="shapes differ"),
        pytest.param({"test_labels": np.array([0, 1])}, r"test_labels .* shape \(2,\) for 3 inputs", id="fewer labels"),
        pytest.param({"train_labels": np.arange(6) / 2}, "train_labels .* hold 0.5 at place 1", id="float labels"),
        pytest.param({"train_labels": np.arange(1, 7)}, "train_labels in .* take 6 values on 6", id="no classes"),
        pytest.param({"train_labels": np.zeros(6, int)}, "labels hold 1 class only", id="one class"),
        pytest.param(
            {"train_labels": np.array([0, 1, 3] * 2)},
            "test_labels .* holds the label 2, which the training labels lack",
            id="gap",
        ),
        pytest.param({"test_labels": np.array([0, 1, 1])}, "class 2 of 0 to 2 is empty in the test", id="not tested"),
        pytest.param(
            {"train_labels": np.array([0, 1, 1] * 2)},
            "holds the label 2, which the training labels lack",
            id="only in test",
        ),
        pytest.param({"train_labels": np.array([{}] * 6, object)}, "'train_labels' .* Python objects", id="pickle"),
    ],
)
def test_bad_arrays_are_refused(tmp_path: Path, changed: dict[str, np.ndarray], match: str) -> None:
    np.savez(tmp_path / "bad.npz", **(_arrays() | changed))
    with pytest.raises(InputError, match=match):
        load_images(str(tmp_path / "bad.npz"))


def test_an_archive_without_one_of_the_arrays_is_refused(tmp_path: Path) -> None:
    arrays = _arrays()
    del arrays["test_labels"]
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(
        InputError,
        match=r"holds no array 'test_labels' but 'train_images', .*; give two of these names by --labels-key",
    ):
        load_images(str(tmp_path / "bad.npz"))
