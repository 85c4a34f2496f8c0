"""Checks of the paths that a run writes: regular files and folders are used, anything else is refused, untouched.

A symbolic link is followed: its target is written and the link stays. All checks can be made before a run starts, so
that no training is lost because its last file cannot be written.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from theory import InputError

_KINDS = (
    (stat.S_ISREG, "file"),
    (stat.S_ISDIR, "folder"),
    (stat.S_ISCHR, "device"),
    (stat.S_ISBLK, "device"),
    (stat.S_ISFIFO, "named pipe"),
    (stat.S_ISSOCK, "socket"),
)


def check_output_folder(path: Path, argument: str = "out") -> None:
    """Check that ``path`` is a writable folder, or can be created as one.

    Raises:
        InputError: something else is at it or above it, a link leads nowhere, or the folder is not writable.
    """
    existing = path
    while not _is_there(existing, argument) and existing != existing.parent:
        existing = existing.parent
    kind = _kind(existing, argument)
    if kind != "folder":
        raise InputError(f"{argument}: {existing} is a {kind}; give a folder, new or existing")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(f"{argument}: {existing} is not writable; give a folder that is")


def check_output_file(path: Path, argument: str = "out") -> None:
    """Check that ``path`` is a regular file, a link to one, or free.

    Raises:
        InputError: something else is there, a link leads nowhere, or the folder cannot be written.
    """
    if _is_there(path, argument):
        kind = _kind(path, argument)
        if kind != "file":
            raise InputError(f"{argument}: {path} is a {kind}; give a regular file or a new one")
    check_output_folder(written_file(path).parent, argument)


def written_file(path: Path) -> Path:
    """The file that is written at ``path``: itself, or what the link there leads to."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _is_there(path: Path, argument: str) -> bool:
    """Whether anything exists at ``path``, including a dangling link."""
    try:
        path.lstat()
    except ValueError:
        raise InputError(f"{argument}: holds a character that no path can have; give another one") from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise InputError(f"{argument}: a name of {len(path.name)} characters is too long; give another") from None
        return False
    return True


def _kind(path: Path, argument: str) -> str:
    """The kind of file at ``path``, links followed."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if path.is_symlink():
            where = f"{path} is a symbolic link to {os.readlink(path)}, which leads nowhere"
        else:
            where = f"{path} cannot be read ({error.strerror})"
        raise InputError(f"{argument}: {where}; give another path") from None
    return next((name for is_such, name in _KINDS if is_such(mode)), "special file")
