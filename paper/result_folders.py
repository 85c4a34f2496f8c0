"""Reading the result folders of the command ``phases``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from paper.result_shapes import shape_of
from simulation.runs.json_reader import read_json
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
        """What ``result.json`` holds; InputError where it is missing, damaged, or not of its study."""
        return read_json(self.folder(name) / "result.json", shape_of(name), "results")

    def table(self, name: str, file: str) -> dict[str, np.ndarray[Any, Any]]:
        """Columns of a Parquet table of a result; InputError where it is missing or damaged."""
        path = self.folder(name) / file
        if not path.is_file():  # a pipe would never end
            raise InputError(f"results: {path} is missing; run its study again")
        try:
            table = pq.read_table(path)
        except (OSError, ValueError) as error:  # pyarrow's own errors are ValueErrors
            raise InputError(f"results: {path} cannot be read ({error}); run its study again") from None
        if len(set(table.column_names)) < table.num_columns:
            raise InputError(f"results: {path} has two columns of one name; run its study again")
        return {column: table.column(column).to_numpy() for column in table.column_names}
