"""Downloads, with a pooch that takes its files from a dictionary but keeps its promise: what it returns was checked."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import shutil
import sys
import tarfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from empirical.data.cifar_format import CIFAR10, CIFAR100
from empirical.data.downloads import RemoteFile, fetch, fetch_and_unpack
from empirical.data.idx_format import FASHION_MNIST, MNIST
from empirical.data.images import load_images
from theory import InputError


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


class _Internet:
    """Files by address; pooch.retrieve's contract."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []

    def retrieve(self, url: str, known_hash: str, fname: str, path: Path, progressbar: bool) -> str:
        target = path / fname
        if target.is_file() and f"md5:{_md5(target.read_bytes())}" == known_hash:
            return str(target)
        self.asked.append(url)
        if url not in self.files:
            raise ConnectionError(f"no route to\n{url}")
        if f"md5:{_md5(self.files[url])}" != known_hash:
            raise ValueError("MD5 hash does not match the known hash")
        path.mkdir(parents=True, exist_ok=True)
        target.write_bytes(self.files[url])
        return str(target)


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> _Internet:
    internet = _Internet()
    monkeypatch.setitem(sys.modules, "pooch", SimpleNamespace(retrieve=internet.retrieve))  # type: ignore[misc]
    return internet


def _archive(members: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def _published(internet: _Internet, content: bytes, url: str = "https://one/set.tar.gz") -> RemoteFile:
    internet.files[url] = content
    return RemoteFile((url,), _md5(content))


def test_the_first_address_that_delivers_is_taken(internet: _Internet, tmp_path: Path) -> None:
    remote = RemoteFile(("https://one/a.gz", "https://two/a.gz", "https://three/a.gz"), _md5(b"right"))
    internet.files = {"https://two/a.gz": b"wrong", "https://three/a.gz": b"right"}
    assert fetch(remote, tmp_path).read_bytes() == b"right"
    assert internet.asked == list(remote.urls)
    fetch(remote, tmp_path)
    assert len(internet.asked) == 3


def test_a_file_that_nobody_delivers_is_reported_in_one_line(internet: _Internet, tmp_path: Path) -> None:
    remote = RemoteFile(("https://one/a.gz", "https://two/a.gz"), _md5(b"right"))
    internet.files = {"https://two/a.gz": b"wrong"}
    with pytest.raises(
        InputError, match=r"^download: https://one/a.gz could .*https://two/a.gz .*fetch it by hand"
    ) as bad:
        fetch(remote, tmp_path)
    assert "\n" not in str(bad.value)
    assert list(tmp_path.iterdir()) == []


def test_only_the_named_members_are_unpacked(internet: _Internet, tmp_path: Path) -> None:
    remote = _published(internet, _archive({"set/a": b"A", "../evil": b"!", "set/b": b"B", "/tmp/evil": b"!"}))
    fetch_and_unpack(remote, tmp_path / "root", ("set/a", "set/b"))
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b", "root", "set", "set.tar.gz"]
    assert (tmp_path / "root" / "set" / "b").read_bytes() == b"B"


def test_archives_that_lack_a_member_or_are_damaged_are_refused(internet: _Internet, tmp_path: Path) -> None:
    whole = _archive({"set/a": bytes(np.random.default_rng(0).integers(0, 256, 5000, dtype=np.uint8))})
    for content in (
        whole[: len(whole) // 2],
        b"no archive",
        _archive({"set/b": b""}),
        whole[:30] + b"\xff" + whole[31:],
    ):
        remote = _published(internet, content)
        with pytest.raises(InputError, match=r"^download: .*set\.tar\.gz could not be unpacked"):
            fetch_and_unpack(remote, tmp_path, ("set/a",))
        assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["set.tar.gz"]


def test_a_full_disk_leaves_no_half_file_and_the_next_run_goes_on(
    internet: _Internet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = _published(internet, _archive({"set/a": b"A" * 100, "set/b": b"B" * 100}))
    copy, copied = shutil.copyfileobj, []

    def full(source: io.BytesIO, target: io.BytesIO, *length: int) -> None:
        copied.append(target)
        if len(copied) == 2:
            target.write(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        copy(source, target, *length)

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copyfileobj", full)
        with pytest.raises(InputError, match=r"could not be unpacked .*No space left"):
            fetch_and_unpack(remote, tmp_path, ("set/a", "set/b"))
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["a"]
    fetch_and_unpack(remote, tmp_path, ("set/a", "set/b"))
    assert (tmp_path / "set" / "b").read_bytes() == b"B" * 100
    assert len(internet.asked) == 1


def test_cifar_is_fetched_where_a_file_is_absent_and_only_on_request(
    internet: _Internet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = {"train.bin": 200, "test.bin": 100}
    members = {
        f"{CIFAR100.folder}/{name}": b"".join(bytes([0, at % 100]) + bytes(3072) for at in range(count))
        for name, count in counts.items()
    }
    remote = _published(internet, _archive(members), CIFAR100.archive.urls[0])
    monkeypatch.setattr("empirical.data.images.CIFAR100", replace(CIFAR100, archive=remote, records=counts))
    with pytest.raises(InputError, match="does not exist; give the folder that holds it, or --download"):
        load_images("cifar100", tmp_path)
    assert internet.asked == []
    assert load_images("cifar100", tmp_path, download=True).train.labels.size == 200
    assert internet.asked == ["https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz"]
    (tmp_path / CIFAR100.folder / "test.bin").unlink()
    (tmp_path / CIFAR100.archive.name).unlink()
    assert load_images("cifar100", tmp_path / CIFAR100.folder, download=True).test.labels.size == 100
    load_images("cifar100", tmp_path, download=True)
    assert len(internet.asked) == 2


def test_mnist_is_fetched_packed_and_what_is_there_is_kept(
    internet: _Internet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def idx(array: np.ndarray) -> bytes:
        lengths = b"".join(length.to_bytes(4, "big") for length in array.shape)
        return bytes((0, 0, 8, array.ndim)) + lengths + array.astype(np.uint8).tobytes()

    images, labels = gzip.compress(idx(np.ones((20, 28, 28)))), gzip.compress(idx(np.arange(20) % 10))
    small = MNIST
    for which in ("train", "test"):
        split = getattr(MNIST, which)
        own = replace(
            split, images=replace(split.images, md5=_md5(images)), labels=replace(split.labels, md5=_md5(labels))
        )
        small = replace(small, **{which: own})
        # The second mirror only.
        internet.files |= {split.images.urls[1]: images, split.labels.urls[1]: labels}
    monkeypatch.setattr("empirical.data.images.MNIST", small)
    assert load_images("mnist", tmp_path, download=True).train.images.shape == (20, 1, 28, 28)
    assert len(internet.asked) == 8
    assert len(list((tmp_path / "MNIST" / "raw").iterdir())) == 4
    load_images("mnist", tmp_path, download=True)
    assert len(internet.asked) == 8


def test_downloads_without_pooch_say_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    for name in ("cifar10", "cifar100", "mnist", "fashion-mnist"):
        with pytest.raises(InputError, match=r"download: needs pooch; .*pip install 'learning-phases\[download\]'"):
            load_images(name, tmp_path, download=True)


def test_the_published_checksums_are_eight_files_and_two_archives() -> None:
    splits = (MNIST.train, MNIST.test, FASHION_MNIST.train, FASHION_MNIST.test)
    remotes = [CIFAR10.archive, CIFAR100.archive, *(one for split in splits for one in (split.images, split.labels))]
    assert len({remote.md5 for remote in remotes}) == 10
    for remote in remotes:
        assert len(bytes.fromhex(remote.md5)) == 16
        assert {url.rsplit("/", 1)[-1] for url in remote.urls} == {remote.name}
