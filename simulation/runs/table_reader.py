"""Parquet tables of results, read back with the columns that they must have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from theory import InputError


def read_table(path: Path, columns: Sequence[str], argument: str) -> dict[str, np.ndarray[Any, Any]]:
    """Read the columns of a Parquet table by name.

    Args:
        path: of the table.
        columns: names that it must have; others are read as well.
        argument: names the file in errors, as ``folder``.

    Raises:
        InputError: not a regular file, not a Parquet table, a duplicate name, or a missing column.
    """
    if not path.is_file():  # a pipe would never end
        raise InputError(f"{argument}: {path} is missing; give the folder of a finished run")
    try:
        table = pq.read_table(path)
    except (OSError, ValueError) as error:  # pyarrow's own errors are ValueErrors
        raise InputError(f"{argument}: {path} cannot be read ({error}); give another folder") from None
    if len(set(table.column_names)) < table.num_columns:
        raise InputError(f"{argument}: {path} has two columns of the same name; give the folder of a finished run")
    missing = next((name for name in columns if name not in table.column_names), None)
    if missing is not None:
        raise InputError(f"{argument}: {path} has no column {missing}; give the folder of a finished run")
    return {column: table.column(column).to_numpy() for column in table.column_names}
