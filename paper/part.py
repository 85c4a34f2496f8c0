"""A part of the paper: one section file, with its numbers, tables and figures from result folders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from paper.result_folders import ResultFolders

#: Writes one figure to a path whose ending decides the format.
Draw = Callable[[Path], None]


@dataclass(frozen=True)
class Part:
    """One section with its numbers, tables and figures.

    Attributes:
        section: name of its file under ``sections``, without the ending.
        results: patterns of result folders; a part that lacks one of them is left out.
        numbers: macros by name.
        tables: LaTeX by file name.
        figures: how each is drawn, by file name.
    """

    section: str
    results: tuple[str, ...]
    numbers: Callable[[ResultFolders], Mapping[str, str]]
    tables: Callable[[ResultFolders], Mapping[str, str]]
    figures: Callable[[ResultFolders], Mapping[str, Draw]]

    def is_present(self, folders: ResultFolders) -> bool:
        """Whether all of its results exist."""
        return all(folders.names(pattern) for pattern in self.results)
