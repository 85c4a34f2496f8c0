"""Fetches official files on request, checks their published checksums, and stores them whole or not at all.

pooch, an optional dependency, downloads under a temporary name and renames what passes the check. An existing file,
fetched by hand, is used if it passes.
"""

from __future__ import annotations

import shutil
import tarfile
import zlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from simulation.runs.run_folder import RunFolder
from theory import InputError


@dataclass(frozen=True)
class RemoteFile:
    """A published file.

    Attributes:
        urls: where it is, the first choice first; all end in the name of the file.
        md5: its published checksum, in hexadecimal digits.
    """

    urls: tuple[str, ...]
    md5: str

    def __post_init__(self) -> None:
        # Files are checked against md5 alone, which anyone who answers an unencrypted request may forge.
        plain = [url for url in self.urls if not url.startswith("https://")]
        if plain or not self.urls:
            raise InputError(f"urls: {plain[0] if plain else 'none'} is not accepted; give https:// addresses")

    @property
    def name(self) -> str:
        """The name of the file, without folders."""
        return self.urls[0].rsplit("/", 1)[-1]


def fetch(remote: RemoteFile, folder: Path) -> Path:
    """Fetch a file into ``folder`` from the first of its addresses that delivers it; returns its path.

    Raises:
        InputError: pooch is not installed, or no address delivers a file with the published checksum.
    """
    try:
        import pooch
    except ImportError:
        raise InputError("download: needs pooch; install it with: pip install 'learning-phases[download]'") from None
    faults = []
    for url in remote.urls:
        try:
            return Path(pooch.retrieve(url, f"md5:{remote.md5}", fname=remote.name, path=folder, progressbar=True))
        except (OSError, ValueError) as error:
            faults.append(f"{url} could not be fetched ({' '.join(str(error).split())})")
    raise InputError(f"download: {'; '.join(faults)}; fetch it by hand into {folder}")


def fetch_and_unpack(remote: RemoteFile, root: Path, members: tuple[str, ...]) -> None:
    """Fetch a tar archive into ``root`` and unpack the named members there, each under its own path.

    Nothing but ``members`` is unpacked, so that no archive can write elsewhere.

    Args:
        remote: the archive, with its addresses and checksum.
        root: folder to unpack in.
        members: paths in the archive.

    Raises:
        InputError: the archive cannot be fetched, lacks a member, is damaged, or the disk is full.
    """
    path = fetch(remote, root)
    try:
        with tarfile.open(path) as archive:
            for member in members:
                content = archive.extractfile(member)
                if content is None:
                    raise InputError(f"download: {member} in {path} is not a file; fetch {remote.name} by hand")
                with content:
                    RunFolder(root).write(member, partial(_copy, content))
    except (OSError, KeyError, EOFError, zlib.error, tarfile.TarError) as error:
        raise InputError(f"download: {path} could not be unpacked ({' '.join(str(error).split())})") from None


def _copy(source: IO[bytes], target: Path) -> None:
    with target.open("wb") as file:
        shutil.copyfileobj(source, file)
