"""JSON files of results, read back and checked against the shape that they must have.

A result folder comes from a user and may be truncated, edited or foreign. Each fault in it is reported in one line
that names the file, the entry and what is accepted.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, Protocol

from theory import InputError
from theory.validation import quoted

#: Bytes of a result, at most; those of this package have thousands.
LARGEST_FILE = 64 * 2**20


class Misfit(Exception):  # noqa: N818 (it is caught here and becomes an InputError)
    """A value that is not of its shape: where, what was found, what is accepted."""


class Shape(Protocol):
    """The shape that a JSON value must have."""

    def check(self, where: str, value: Any) -> None:
        """Raise Misfit unless ``value``, found at ``where``, has this shape."""


@dataclass(frozen=True)
class Whole:
    """An integer within bounds."""

    least: int = 0
    most: int = 10**9

    def check(self, where: str, value: Any) -> None:
        """See ``Shape``."""
        if isinstance(value, bool) or not isinstance(value, int) or not self.least <= value <= self.most:
            _refuse(where, value, f"an integer from {self.least} to {self.most}")


@dataclass(frozen=True)
class Real:
    """A finite number within bounds."""

    least: float = -1e100
    most: float = 1e100

    def check(self, where: str, value: Any) -> None:
        """See ``Shape``."""
        known = isinstance(value, int | float) and not isinstance(value, bool)
        # An integer of JSON may be too large for a float; comparing it is exact.
        if not known or (isinstance(value, float) and math.isnan(value)) or not self.least <= value <= self.most:
            _refuse(where, value, f"a number from {self.least:g} to {self.most:g}")


@dataclass(frozen=True)
class Text:
    """A string that is not too long."""

    most: int = 500

    def check(self, where: str, value: Any) -> None:
        """See ``Shape``."""
        if not isinstance(value, str) or len(value) > self.most:
            _refuse(where, value, f"a string of at most {self.most} characters")


@dataclass(frozen=True)
class Word:
    """One of a few strings."""

    accepted: tuple[str, ...]

    def check(self, where: str, value: Any) -> None:
        """See ``Shape``."""
        if not isinstance(value, str) or value not in self.accepted:
            _refuse(where, value, f"one of {', '.join(self.accepted)}")


@dataclass(frozen=True)
class Named:
    """A string that a reader of names takes, such as ``Regime.from_name``; its InputError says what is accepted."""

    reader: Callable[[str], object]

    def check(self, where: str, value: Any) -> None:
        """See ``Shape``."""
        if not isinstance(value, str):
            _refuse(where, value, "a name")
        try:
            self.reader(value)
        except InputError as error:
            raise Misfit(f"{where}: {error}") from None


@dataclass(frozen=True)
class Flag:
    """True or false."""

    def check(self, where: str, value: Any) -> None:
        """See ``Shape``."""
        if not isinstance(value, bool):
            _refuse(where, value, "true or false")


@dataclass(frozen=True)
class Maybe:
    """null, or a value of a shape."""

    shape: Shape

    def check(self, where: str, value: Any) -> None:
        """See ``Shape``."""
        if value is not None:
            self.shape.check(where, value)


@dataclass(frozen=True)
class AnyOf:
    """A value of one of several shapes."""

    shapes: tuple[Shape, ...]

    def check(self, where: str, value: Any) -> None:
        """See ``Shape``; the error is that of the last shape."""
        for shape in self.shapes[:-1]:
            try:
                shape.check(where, value)
            except Misfit:
                continue
            return
        self.shapes[-1].check(where, value)


@dataclass(frozen=True)
class ListOf:
    """A list of values of one shape, by default with at least one."""

    shape: Shape
    least: int = 1

    def check(self, where: str, value: Any) -> None:
        """See ``Shape``."""
        if not isinstance(value, list) or len(value) < self.least:
            _refuse(where, value, f"a list of at least {self.least}")
        for index, entry in enumerate(value):
            self.shape.check(f"{where}[{index}]", entry)


@dataclass(frozen=True)
class MapOf:
    """An object whose entries, with any names, have one shape."""

    shape: Shape

    def check(self, where: str, value: Any) -> None:
        """See ``Shape``."""
        if not isinstance(value, dict):
            _refuse(where, value, "an object")
        for name, entry in value.items():
            self.shape.check(f"{where}[{quoted(name)}]", entry)


@dataclass(frozen=True)
class Record:
    """An object with certain entries; others are left alone.

    Attributes:
        entries: shapes by name.
        optional: shapes of entries that may be missing.
    """

    entries: Mapping[str, Shape]
    optional: Mapping[str, Shape] = field(default_factory=dict)

    def check(self, where: str, value: Any) -> None:
        """See ``Shape``."""
        if not isinstance(value, dict):
            _refuse(where, value, "an object")
        missing = next((name for name in self.entries if name not in value), None)
        if missing is not None:
            raise Misfit(f"{where or 'the file'} has no {missing}")
        for name, shape in (*self.entries.items(), *self.optional.items()):
            if name in value:
                shape.check(f"{where}.{name}" if where else name, value[name])


def read_json(path: Path, shape: Shape, argument: str) -> dict[str, Any]:
    """Read the object in a JSON file and check its shape.

    Args:
        path: of the file.
        shape: usually a Record.
        argument: names the file in errors, as ``folder``.

    Raises:
        InputError: not a regular file, too large, not JSON, nested too deeply, or of another shape.
    """
    content = _content(path, argument)
    try:
        shape.check("", content)
    except Misfit as fault:
        raise InputError(f"{argument}: {path}: {fault}") from None
    checked: dict[str, Any] = content
    return checked


def _content(path: Path, argument: str) -> Any:
    try:
        if not path.is_file():
            raise InputError(f"{argument}: {path} is missing; give the folder of a finished run")
        if path.stat().st_size > LARGEST_FILE:
            raise InputError(f"{argument}: {path} is larger than {LARGEST_FILE >> 20} MiB; give a smaller result")
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_constant)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{argument}: {path} cannot be read ({error.strerror}); give another folder") from None
    except (ValueError, RecursionError):
        raise InputError(f"{argument}: {path} is not a JSON result; give the folder of a finished run") from None


def _no_constant(name: str) -> NoReturn:
    """NaN and infinities are not JSON, and are written as null here."""
    raise ValueError(f"{name} is not JSON")


def _refuse(where: str, value: Any, accepted: str) -> NoReturn:
    raise Misfit(f"{where or 'the file'} is {_found(value)}; give {accepted}")


def _found(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() if value.bit_length() > 64:
            return f"an integer of {value.bit_length()} bits"
        case int() | float():
            return str(value)
        case str():
            return quoted(value)
        case list():
            return f"a list of {len(value)}"
    return "an object"
