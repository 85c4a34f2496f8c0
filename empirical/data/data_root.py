"""The folder that holds data sets in their official layouts."""

from __future__ import annotations

import os
from pathlib import Path

from theory import InputError
from theory.validation import path_argument

#: Names the folder where --data-root is not given.
DATA_ROOT_VARIABLE = "LEARNING_PHASES_DATA"


def data_folder(data_root: str | Path | None, official: str) -> Path:
    """The folder of one data set, which need not exist yet.

    Args:
        data_root: the folder that holds the data set's own, or is it; None takes the environment variable
            LEARNING_PHASES_DATA.
        official: the data set's own folder, relative to the root, with forward slashes.

    Raises:
        InputError: no data root is given, or it is a file.
    """
    given = data_root if data_root is not None else os.environ.get(DATA_ROOT_VARIABLE) or None
    if given is None:
        raise InputError(f"data_root: is not given; give --data-root or set {DATA_ROOT_VARIABLE}")
    root = path_argument("data_root", given)
    if root.exists() and not root.is_dir():
        raise InputError(f"data_root: {root} is not a folder; give the folder that holds {official}")
    own = Path(official)
    return root if root.parts[-len(own.parts) :] == own.parts else root / own


def missing_files(folder: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    """Those of ``names`` that are not files in ``folder``."""
    return tuple(name for name in names if not (folder / name).is_file())
