"""Reading the result folders of the command ``phases``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from theory import InputError


@dataclass(frozen=True)
class ResultFolders:
    """Folders that hold result folders; where a name is in several of them, the first one counts."""

    roots: tuple[Path, ...]

    def names(self, pattern: str) -> tuple[str, ...]:
        """Names of the finished results that match ``pattern``, as ``fits/*``, in alphabetical order."""
        found = {
            file.parent.relative_to(root).as_posix()
            for root in self.roots
            for file in root.glob(f"{pattern}/result.json")
        }
        return tuple(sorted(found))

    def folder(self, name: str) -> Path:
        """The folder of a result; InputError where there is none."""
        for root in self.roots:
            if (root / name / "result.json").is_file():
                return root / name
        raise InputError(f"results: {name} is missing; looked in {', '.join(map(str, self.roots))}")

    def content(self, name: str) -> dict[str, Any]:
        """What ``result.json`` holds; InputError where it is missing or damaged."""
        file = self.folder(name) / "result.json"
        try:
            content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"results: {file} is not JSON ({error}); run its study again") from None
        return content

    def table(self, name: str, file: str) -> dict[str, np.ndarray[Any, Any]]:
        """Columns of a Parquet table of a result; InputError where it is missing or damaged."""
        path = self.folder(name) / file
        try:
            table = pq.read_table(path)
        except (OSError, ValueError) as error:  # pyarrow's own errors are ValueErrors
            raise InputError(f"results: {path} cannot be read ({error}); run its study again") from None
        return {column: table.column(column).to_numpy() for column in table.column_names}
