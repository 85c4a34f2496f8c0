"""Reading of files that may come from anywhere: every failure is reported in one line that names the file."""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from theory import InputError

#: Most characters shown of a library's message or of a name from a file.
_SHOWN = 160

#: Most names that an error lists.
_LISTED = 8

#: Descriptions of errors that have no text.
_WORDS = (
    (EOFError, "it ends too early"),
    (MemoryError, "it asks for more memory than there is"),
    (RecursionError, "it is nested too deeply"),
    (KeyError, "its content is not what its kind of file has"),
)

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISCHR, "a device"),
)


def check_regular_file(name: str, path: Path, accepted: str) -> None:
    """Refuse a path that is not a regular file, before it is opened: a pipe or a device could be read for ever.

    Symbolic links are followed.

    Args:
        name: the argument that the user gave.
        path: of the file.
        accepted: what to give instead, for the message.

    Raises:
        InputError: nothing there, a folder, a pipe, a socket, a device, a loop of links, or no permission.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        raise InputError(f"{name}: {shown(path)} is not a file, it does not exist; give {accepted}") from None
    except (OSError, ValueError) as error:  # a loop of links, no permission, a name too long or with a zero byte
        raise InputError(f"{name}: {shown(path)} is not a file ({one_line(error)}); give {accepted}") from None
    if not stat.S_ISREG(mode):
        kind = next((kind for matches, kind in _KINDS if matches(mode)), "something else")
        raise InputError(f"{name}: {shown(path)} is not a file but {kind}; give {accepted}")


@contextmanager
def one_line_faults(name: str, path: Path, expected: str, remedy: str = "give an intact file") -> Iterator[None]:
    """Turn what a reader raises on a damaged or hostile file into an ``InputError``, and silence its warnings.

    Readers raise some twenty kinds of exceptions on such files, among them TypeError, IndexError, AssertionError,
    NotImplementedError, RecursionError and MemoryError; none of them is a fault of the caller.

    Args:
        name: the argument that the user gave.
        path: of the file.
        expected: what it should be, as in "a readable .npz file of plain arrays".
        remedy: what to do about it.

    Raises:
        InputError: instead of any other exception.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{name}: {shown(path)} is not {expected} ({one_line(error)}); {remedy}") from None


def one_line(error: BaseException) -> str:
    """A library's message about an error, in one printable line; the error's class where the message is of no use.

    It ends before the first sentence about pickles: such sentences advise loading pickles, which run code.
    """
    text = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
    if not text or isinstance(error, KeyError):  # whose text is the key alone
        return next((words for kind, words in _WORDS if isinstance(error, kind)), type(error).__name__)
    kept: list[str] = []
    for sentence in " ".join(text.split()).split(". "):
        if any(word in sentence.lower() for word in ("pickle", "weights_only", "weights only", "trust")):
            break
        kept.append(sentence)
    line = printable(". ".join(kept))
    return line or type(error).__name__


def shown(path: Path) -> str:
    """A path as an error shows it, without control characters."""
    text = str(path)
    return text if text.isprintable() else repr(text)


def printable(text: str) -> str:
    """Text from a file or a library, cut to a line, with what cannot be printed escaped."""
    cut = text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in cut)


def listed(names: list[str]) -> str:
    """List names from a file, quoted, the first few of many; "nothing" if there are none."""
    some = [repr(name if len(name) <= _SHOWN else name[:_SHOWN] + "...") for name in names[:_LISTED]]
    more = [f"{len(names) - _LISTED} more"] if len(names) > _LISTED else []
    return ", ".join([*some, *more]) or "nothing"
