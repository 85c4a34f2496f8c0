"""Reports of the command's jobs, which print, store, draw and read themselves.

The command prints ``lines``, ends with an exit code by ``holds``, and has ``save`` write the folder; the paper and a
user in Python read the same object back.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Self

from simulation.runs.run_folder import RunFolder
from simulation.runs.run_kinds import RunKind
from theory import Curve, InputError
from theory.validation import path_argument

#: Columns of a table by name, of equal length.
Columns = dict[str, Any]


class Report(ABC):
    """The result of a job.

    Attributes:
        kind: the run that its folder belongs to.
        result_name: file of ``content``.
    """

    kind: ClassVar[RunKind]
    result_name: ClassVar[str] = "result.json"

    @property
    def holds(self) -> bool:
        """Whether no claim fails; a job without claims always holds."""
        return True

    @property
    def failures(self) -> tuple[str, ...]:
        """What could not be computed, one line per failure."""
        return ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on how the data were read, where that is not obvious."""
        return ()

    @abstractmethod
    def lines(self) -> list[str]:
        """The printed text, in lines of at most 80 characters where names allow it."""

    @abstractmethod
    def content(self) -> dict[str, Any]:
        """The content of ``result_name``: plain values, with the configuration, the versions and the seed."""

    def tables(self) -> dict[str, Columns]:
        """Tables by the names of their Parquet files."""
        return {}

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """The report that ``save`` wrote into ``folder``.

        Raises:
            InputError: a file is missing, damaged or of another job.
        """
        return cls._read(path_argument("folder", folder))

    @classmethod
    @abstractmethod
    def _read(cls, folder: Path) -> Self:
        """See ``read``."""

    def save(self, folder: str | Path | RunFolder) -> None:
        """Write figure, tables and result into ``folder``, each file at once; the result is the last one.

        Raises:
            InputError: the folder belongs to another job or cannot be written.
        """
        self._write(folder if isinstance(folder, RunFolder) else RunFolder(path_argument("folder", folder), self.kind))

    def _write(self, folder: RunFolder) -> None:
        for name, columns in self.tables().items():
            folder.write_table(name, columns)
        folder.write_json(self.result_name, self.content())

    def __str__(self) -> str:
        """The lines, as ``print`` shows them."""
        return "\n".join(self.lines())


class DrawnReport(Report):
    """A report with a figure.

    Attributes:
        figure_name: file of the figure in its folder.
    """

    figure_name: ClassVar[str]

    @abstractmethod
    def draw(self, path: Path | str) -> None:
        """Draw the figure; the ending of ``path`` decides the format."""

    def _write(self, folder: RunFolder) -> None:
        folder.write(self.figure_name, self.draw)
        super()._write(folder)


def run_folder(folder: str | Path | None, kind: RunKind) -> RunFolder | None:
    """The folder of a job from the ``folder`` that its caller gives; None stays None, and nothing is saved.

    Raises:
        InputError: it belongs to another job or cannot be written.
    """
    return None if folder is None else RunFolder(path_argument("folder", folder), kind)


@contextmanager
def working_folder(folder: str | Path | None, kind: RunKind) -> Iterator[RunFolder]:
    """The folder of a job that stores parts as it runs: the caller's, or a temporary one that is removed at the end.

    Raises:
        InputError: as ``run_folder``.
    """
    own = run_folder(folder, kind)
    if own is not None:
        yield own
        return
    with TemporaryDirectory() as temporary:
        yield RunFolder(Path(temporary))


def curve_part(folder: RunFolder | None, name: str, key: str, compute: Callable[[], Curve]) -> Curve:
    """A curve that takes long: read from ``folder`` if it is finished there, or else computed and stored there.

    Args:
        folder: of the run; None stores nothing.
        name: of the part.
        key: made from all that determines the curve.
        compute: computes it.
    """
    return compute() if folder is None else folder.curve_part(name, key, compute)


def with_tuples(stored: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a plan from JSON, which has lists where plans have tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()}


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Name the folder whose files have the right shape but do not fit together, as when a curve is missing."""
    try:
        yield
    except (LookupError, ArithmeticError, TypeError, ValueError) as error:  # InputError is a ValueError
        fault = " ".join(str(error).split())
        raise InputError(f"folder: {folder}: its files do not fit together ({fault}); run it again") from error
