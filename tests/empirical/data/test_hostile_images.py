"""Image files as cameras, scanners and strangers make them: what is done with each is stated, or it is refused."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from empirical.data.cifar_format import CIFAR10, CIFAR100
from empirical.data.downloads import RemoteFile
from empirical.data.idx_format import FASHION_MNIST, MNIST
from empirical.data.images import load_images
from theory import InputError

_HEIGHT, _WIDTH = 6, 4


def pixels(seed: int, *channels: int, shape: tuple[int, int] = (_HEIGHT, _WIDTH)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*shape, *channels), np.uint8)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two classes, two colour images of training and one of test each."""
    for split, count in (("train", 2), ("test", 1)):
        for number, name in enumerate(("cat", "dog")):
            folder = tmp_path / split / name
            folder.mkdir(parents=True)
            for at in range(count):
                Image.fromarray(pixels(100 * count + 10 * number + at, 3)).save(folder / f"{at}.png")
    return tmp_path


def first_of(tree: Path, replacement: Callable[[Path], None], suffix: str = ".png") -> np.ndarray:
    """(channels, height, width) of the first training image, once it is replaced."""
    target = tree / "train" / "cat" / "0.png"
    target.unlink()
    replacement(target.with_suffix(suffix))
    return load_images(str(tree)).train.images[0]


def refused(tree: Path, match: str) -> None:
    with pytest.raises(InputError, match=match) as caught:
        load_images(str(tree))
    assert str(caught.value).isprintable()
    assert str(caught.value).startswith("data: ")


_TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda seen: seen,
    2: np.fliplr,
    3: lambda seen: np.rot90(seen, 2),
    4: np.flipud,
    5: lambda seen: seen.transpose(1, 0, 2),
    6: np.rot90,
    7: lambda seen: np.rot90(seen, 2).transpose(1, 0, 2),
    8: lambda seen: np.rot90(seen, -1),
}


@pytest.mark.parametrize("orientation", _TURNS)
@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_an_image_is_turned_as_its_camera_says(tree: Path, orientation: int, suffix: str) -> None:
    # What the sensor stored, so that it looks like `seen` once it is turned: CIPA DC-008, tag 274.
    seen = pixels(7, 3)
    stored = Image.fromarray(np.ascontiguousarray(_TURNS[orientation](seen)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if suffix == ".webp" else {}
    read = first_of(tree, lambda path: stored.save(path, exif=exif, **options), suffix)
    np.testing.assert_array_equal(read.transpose(1, 2, 0), seen)


def png(bits: int, colour: int, row: bytes, size: tuple[int, int] = (_WIDTH, _HEIGHT)) -> bytes:
    """A PNG of rows that are all the same, of any number of bits; W3C Portable Network Graphics, section 11.2."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress((b"\0" + row) * _HEIGHT)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".png", png(16, 0, bytes(2 * _WIDTH))),
        (".png", png(16, 4, bytes(4 * _WIDTH))),
        (".png", png(16, 2, bytes(6 * _WIDTH))),
        (".png", png(16, 6, bytes(8 * _WIDTH))),
        (".ppm", b"P6 4 6 65535\n" + bytes(6 * 24)),
        (".pgm", b"P5 4 6 65535\n" + bytes(2 * 24)),
        (".pgm", b"P5 4 6 300\n" + bytes(2 * 24)),
    ],
    ids=["gray", "gray with alpha", "colour", "colour with alpha", "ppm", "pgm", "pgm of 9 bits"],
)
def test_images_of_more_than_eight_bits_a_channel_are_refused(tree: Path, suffix: str, content: bytes) -> None:
    (tree / "train" / "cat" / "0.png").unlink()
    (tree / "train" / "cat" / f"0{suffix}").write_bytes(content)
    refused(tree, r"cat/0\.\w+ has (16 bits per channel|pixels of mode I.*); give images of 8 bits per channel")


def test_floats_and_integers_of_tiff_are_refused(tree: Path) -> None:
    for mode in ("F", "I", "I;16", "LAB"):
        Image.new(mode, (_WIDTH, _HEIGHT)).save(tree / "train" / "cat" / "0.tif")
        refused(tree, r"0\.tif has pixels of mode .*; give images of 8 bits per channel")


def test_fewer_bits_are_scaled_to_eight(tree: Path) -> None:
    # 0, 1, 2, 3 of two bits are 0, 85, 170, 255 of eight.
    read = first_of(tree, lambda path: path.write_bytes(png(2, 0, bytes([0b00011011]))) and None)
    np.testing.assert_array_equal(read[0], np.tile([0, 85, 170, 255], (_HEIGHT, 1)))


def test_transparency_is_dropped_palettes_and_cmyk_are_converted_and_animations_give_their_first(tree: Path) -> None:
    colour = pixels(8, 3)
    alpha = np.dstack([colour, np.zeros((_HEIGHT, _WIDTH), np.uint8)])
    read = first_of(tree, lambda path: Image.fromarray(alpha).save(path))
    np.testing.assert_array_equal(read, colour.transpose(2, 0, 1))
    frames = [Image.new("P", (_WIDTH, _HEIGHT), at) for at in (1, 2)]
    for frame in frames:
        frame.putpalette([0, 0, 0, 255, 0, 0, 0, 0, 255])
    (tree / "train" / "cat" / "0.png").unlink()
    frames[0].save(tree / "train" / "cat" / "0.gif", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(load_images(str(tree)).train.images[0][:, 0, 0], [255, 0, 0])
    (tree / "train" / "cat" / "0.gif").unlink()
    # Cyan without black.
    Image.new("CMYK", (_WIDTH, _HEIGHT), (255, 0, 0, 0)).save(tree / "train" / "cat" / "0.tif")
    np.testing.assert_array_equal(load_images(str(tree)).train.images[0][:, 0, 0], [0, 255, 255])
    Image.new("LA", (_WIDTH, _HEIGHT), (90, 3)).save(tree / "train" / "cat" / "0.tif")
    np.testing.assert_array_equal(load_images(str(tree)).train.images[0][:, 0, 0], [90, 90, 90])


def test_small_files_that_claim_large_images_are_refused(tree: Path) -> None:
    path = tree / "train" / "cat" / "0.png"
    # 81 million pixels pass Pillow's own limit.
    path.write_bytes(png(8, 2, bytes(3), (9000, 9000)))
    refused(tree, r"0\.png has 9000 x 9000 pixels; give images of at most 16777216 pixels")
    path.write_bytes(png(8, 2, bytes(3), (2**31 - 1, 2**31 - 1)))
    refused(tree, r"0\.png is not a readable image .*; remove or replace it")


def test_images_that_together_fill_the_memory_are_refused(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("theory.data.memory_limit.available_memory", lambda: 6 * 3 * 24 - 1)
    refused(tree, r"images of \(6, 3, 6, 4\): would need 432 bytes of memory \(432 bytes\), with 431 bytes available")


def test_what_is_no_regular_file_is_refused_before_it_is_opened(tree: Path) -> None:
    odd = tree / "train" / "cat" / "odd.png"
    os.mkfifo(odd)
    refused(tree, r"odd\.png is not a file but a named pipe; give a readable image")
    odd.unlink()
    odd.symlink_to(odd)
    refused(tree, r"odd\.png is not a file \(Too many levels of symbolic links\)")
    odd.unlink()
    odd.symlink_to("/dev/zero")
    refused(tree, r"odd\.png is not a file but a device")
    odd.unlink()
    odd.symlink_to(tree)
    refused(tree, r"odd\.png is not a file but a folder")
    odd.unlink()
    odd.symlink_to(tree / "train" / "cat" / "1.png")
    assert load_images(str(tree)).train.labels.tolist() == [0, 0, 0, 1, 1]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".gif", ".tif", ".bmp", ".webp", ".ppm"])
def test_images_cut_short_anywhere_are_refused(tree: Path, suffix: str) -> None:
    path = tree / "train" / "cat" / "0.png"
    path.unlink()
    path = path.with_suffix(suffix)
    Image.fromarray(pixels(9, 3)).save(path)
    whole = path.read_bytes()
    # The last bytes of some formats close the file and hold no pixel.
    for length in range(0, len(whole) - 24, max(1, len(whole) // 30)):
        path.write_bytes(whole[:length])
        refused(tree, rf"0\{suffix} is not a readable image \(.*\); remove or replace it")


def _official(root: Path, layout: object, labels: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in CIFAR's layout with other images in each file."""
    small = replace(layout, records={name: own.shape[0] for name, own in labels.items()})  # type: ignore[type-var]
    monkeypatch.setattr(f"empirical.data.images.{small.name.replace('-', '')}", small)  # type: ignore[attr-defined]
    folder = root / small.folder  # type: ignore[attr-defined]
    folder.mkdir()
    for seed, (name, own) in enumerate(labels.items()):
        images = np.random.default_rng(seed).integers(0, 256, (own.shape[0], 3072), np.uint8)
        np.concatenate([own.reshape(own.shape[0], -1), images], axis=1).astype(np.uint8).tofile(folder / name)
    return folder


@pytest.fixture
def cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As in the official files, whole splits have as many images of each class, single training files have not."""
    shuffled = np.random.default_rng(0).permutation(np.repeat(np.arange(10), 10)).reshape(5, 20)
    labels = dict(zip(CIFAR10.train, shuffled, strict=True)) | {"test_batch.bin": np.arange(20) % 10}
    return _official(tmp_path, CIFAR10, labels, monkeypatch)


def test_training_and_test_files_of_cifar10_that_are_swapped_are_refused(cifar10: Path) -> None:
    assert load_images("cifar10", cifar10).test.labels.size == 20
    test, batch = cifar10 / "test_batch.bin", cifar10 / "data_batch_2.bin"
    (cifar10 / "kept").write_bytes(test.read_bytes())
    test.write_bytes(batch.read_bytes())
    batch.write_bytes((cifar10 / "kept").read_bytes())
    with pytest.raises(
        InputError, match=r"data_root: .*data_batch_1.bin and the like hold .* images per class, the off"
    ):
        load_images("cifar10", cifar10)
    batch.write_bytes(test.read_bytes())
    with pytest.raises(InputError, match=r"data_root: .*test_batch.bin holds .* training and test files are swapped"):
        load_images("cifar10", cifar10)


def test_a_test_file_with_training_images_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = dict.fromkeys((*CIFAR10.train, "test_batch.bin"), np.arange(20) % 10)
    folder = _official(tmp_path, CIFAR10, labels, monkeypatch)
    (folder / "test_batch.bin").write_bytes((folder / "data_batch_3.bin").read_bytes())
    with pytest.raises(
        InputError, match="CIFAR-10: 100% of the test images are training images too; give the official"
    ):
        load_images("cifar10", tmp_path)


def test_the_twenty_superclasses_of_cifar100_are_an_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fine = {"train.bin": np.arange(200) % 100, "test.bin": np.arange(100)}
    folder = _official(
        tmp_path, CIFAR100, {name: np.column_stack([own // 5, own]) for name, own in fine.items()}, monkeypatch
    )
    data = load_images("cifar100", folder, labels_key="coarse")
    assert (data.name, data.classes, data.class_names[0], data.class_names[-1]) == (
        "CIFAR-100 coarse",
        20,
        "aquatic_mammals",
        "vehicles_2",
    )
    np.testing.assert_array_equal(data.train.labels, np.arange(200) % 100 // 5)
    np.testing.assert_array_equal(load_images("cifar100", folder, labels_key="fine").test.labels, np.arange(100))
    with pytest.raises(InputError, match="labels_key: 'superclass' is unknown; give one of fine, coarse"):
        load_images("cifar100", folder, labels_key="superclass")


def test_training_and_test_files_of_mnist_that_are_swapped_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for prefix, count in (("train", 20), ("t10k", 30)):
        images = np.random.default_rng(count).integers(0, 256, (count, 28, 28), np.uint8)
        for name, array in (("images-idx3", images), ("labels-idx1", (np.arange(count) % 10).astype(np.uint8))):
            header = struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape)
            (folder / f"{prefix}-{name}-ubyte").write_bytes(header + array.tobytes())
    with pytest.raises(InputError, match="holds 30 test images and 20 training images; training and test files are sw"):
        load_images("mnist", tmp_path)


def test_every_official_file_comes_encrypted() -> None:
    remotes = [CIFAR10.archive, CIFAR100.archive]
    remotes += [
        file for one in (MNIST, FASHION_MNIST) for two in (one.train, one.test) for file in (two.images, two.labels)
    ]
    assert all(url.startswith("https://") for remote in remotes for url in remote.urls)
    with pytest.raises(InputError, match=r"urls: http://one/a\.gz is not accepted; give https:// addresses"):
        RemoteFile(("https://one/a.gz", "http://one/a.gz"), "0" * 32)
