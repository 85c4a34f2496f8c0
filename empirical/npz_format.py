"""Plain arrays out of .npz files; nothing in them is ever run."""

from __future__ import annotations

import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theory import InputError

#: Names of arrays that an error tells, at most.
_SHOWN = 5

#: What reading a damaged archive, a damaged member or a damaged header of one raises.
_DAMAGED = (
    OSError,
    ValueError,
    EOFError,
    AttributeError,
    TypeError,
    KeyError,
    MemoryError,
    RuntimeError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_arrays(path: Path, names: tuple[str, ...]) -> tuple[NDArray[Any], ...]:
    """The arrays called ``names`` in the .npz file at ``path``; pickled objects are refused.

    Raises:
        InputError: not an .npz file, a damaged one, an array missing, or pickled objects in place of an array.
    """
    try:
        # Opened here, as np.load leaves a file that is not an archive open.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            missing = [name for name in names if name not in archive.files]
            if missing:
                accepted = f"{', '.join(names[:-1])} and {names[-1]}"
                held = ", ".join(map(repr, archive.files[:_SHOWN])) or "nothing"
                raise InputError(f"data: {path} holds no array {missing[0]!r} but {held}; give {accepted}")
            return tuple(np.asarray(archive[name]) for name in names)
    except InputError:
        raise
    except _DAMAGED as error:
        raise InputError(f"data: {path} is not a readable .npz file of plain arrays ({error})") from None
