"""Reading the result folders of the command ``phases``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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
