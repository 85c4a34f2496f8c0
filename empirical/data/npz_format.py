"""Plain arrays out of .npz archives; nothing in them is ever run, and sizes are read before contents."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from empirical.data.array_file import ArrayHeader
from empirical.data.npy_format import header_in
from empirical.data.reading import one_line_faults, printable, shown
from theory import InputError

_SUFFIX = ".npy"
_ENCRYPTED = 1

#: A member above this many bytes that is compressed by more than this factor is refused: numbers that vary are not
#: compressed so far, while a small file of zeros can fill any memory.
_LARGE, _LARGEST_RATIO = 2**28, 500


@dataclass(frozen=True)
class NpzFile:
    """An archive of arrays, as np.savez and np.savez_compressed write it."""

    path: Path

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its arrays, without the suffix of their members; InputError for a damaged archive."""
        with self._archive() as archive:
            return tuple(dict.fromkeys(map(_array_name, archive.namelist())))

    def header(self, name: str) -> ArrayHeader:
        """The header of an array; InputError for a damaged archive or member, or one that is not an array."""
        with self._member(name) as (stream, info):
            return header_in(stream, info.file_size, f"{printable(repr(name))} in {shown(self.path)}")

    def read(self, name: str) -> NDArray[Any]:
        """The values of an array; InputError for a damaged archive or member, or one that is not an array."""
        with self._member(name) as (stream, _):
            return np.asarray(np.lib.format.read_array(stream, allow_pickle=False))

    @contextmanager
    def _archive(self) -> Iterator[zipfile.ZipFile]:
        expected = "a readable .npz file of plain arrays"
        with one_line_faults("data", self.path, expected), zipfile.ZipFile(self.path) as archive:
            yield archive

    @contextmanager
    def _member(self, name: str) -> Iterator[tuple[IO[bytes], zipfile.ZipInfo]]:
        with self._archive() as archive:
            found = [info for info in archive.infolist() if _array_name(info.filename) == name]
            self._check(name, found)
            with archive.open(found[0]) as stream:
                yield stream, found[0]

    def _check(self, name: str, found: list[zipfile.ZipInfo]) -> None:
        """Refuse, before it is opened, a member that occurs twice, is encrypted, not an array or packed to excess."""
        count = Counter(info.filename for info in found)
        if len(found) != 1:
            raise InputError(
                f"data: {shown(self.path)} holds {len(found)} arrays {printable(repr(name))} "
                f"({', '.join(map(printable, map(repr, count)))}); give an archive with one of each name"
            )
        (info,) = found
        place = f"{printable(repr(info.filename))} in {shown(self.path)}"
        if info.flag_bits & _ENCRYPTED:
            raise InputError(f"data: {place} is encrypted; save it without a password")
        if not info.filename.endswith(_SUFFIX):
            raise InputError(f"data: {place} is no array; give an archive of members NAME.npy, as np.savez writes them")
        if info.file_size > _LARGE and info.file_size > _LARGEST_RATIO * info.compress_size:
            raise InputError(
                f"data: {place} has {info.file_size} bytes packed into {info.compress_size}, little more than one "
                "number over and over; give data that vary"
            )


def _array_name(member: str) -> str:
    return member.removesuffix(_SUFFIX)
