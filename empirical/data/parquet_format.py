"""Columns of Parquet tables as arrays: a column of lists is a matrix, and so are all columns of numbers together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from empirical.data.array_file import ArrayHeader
from empirical.data.reading import one_line_faults, printable, shown
from theory import InputError
from theory.validation import quoted

#: Columns that pandas adds for the numbers of the rows.
_INDEX = re.compile(r"__index_level_\d+__")

#: The name of all columns but the one of labels, where no column has it.
ALL_COLUMNS = "inputs"


@dataclass(frozen=True)
class ParquetFile:
    """A table.

    Attributes:
        path: of the file.
        labels: name of the column of labels, which is none of the inputs.
    """

    path: Path
    labels: str

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its columns, and ``inputs`` for all but the labels; InputError for a damaged file."""
        return tuple(dict.fromkeys((*self._schema.names, ALL_COLUMNS)))

    def header(self, name: str) -> ArrayHeader:
        """The header of a column or of all together; InputError for a damaged file.

        The length of the lists in a column is the mean one, until the column is read.
        """
        rows = self._rows
        if name in self._schema.names:
            kind = self._schema.field(name).type
            values = self._entries([name])
            shape = (rows, values // max(rows, 1)) if _is_list(kind) else (rows,)
            return ArrayHeader(shape, str(kind), _item_bytes(kind), _fault(kind))
        columns = self._inputs
        faults = [(column, _fault(self._schema.field(column).type)) for column in columns]
        other = next(
            (column for column, fault in faults if fault or not _is_number(self._schema.field(column).type)), None
        )
        fault = None
        if not columns:
            fault = f"would be all columns but {quoted(self.labels)}, and there are none"
        elif other is not None:
            fault = (
                f"would be all columns but {printable(repr(self.labels))}, but column {printable(repr(other))} has "
                f"type {self._schema.field(other).type}; leave it out, or name one column of lists by --inputs-key"
            )
        return ArrayHeader((rows, len(columns)), "columns", 8, fault)

    def read(self, name: str) -> NDArray[Any]:
        """The values of a column, or of all; InputError for a damaged file, missing values, or unequal lists."""
        together = name not in self._schema.names
        columns = self._inputs if together else (name,)
        with self._faults():
            table = pq.read_table(self.path, columns=list(columns), memory_map=False)
        for column in columns:
            if table.column(column).null_count:
                raise InputError(
                    f"data: column {printable(repr(column))} in {shown(self.path)} lacks "
                    f"{table.column(column).null_count} values; give a value in each row"
                )
        with self._faults():
            if not together:
                return self._array(name, table.column(name).combine_chunks())
            return np.column_stack([pc.cast(table.column(one), pa.float64()).to_numpy() for one in columns])

    @property
    def _inputs(self) -> tuple[str, ...]:
        return tuple(name for name in self._schema.names if name != self.labels and not _INDEX.fullmatch(name))

    @cached_property
    def _file(self) -> tuple[pa.Schema, Any]:
        with self._faults(), pq.ParquetFile(self.path) as file:
            schema, found = file.schema_arrow, file.metadata
            if len(set(schema.names)) != len(schema.names):
                raise ValueError("two columns have the same name")
            return schema, found

    @property
    def _schema(self) -> pa.Schema:
        return self._file[0]

    @property
    def _rows(self) -> int:
        return int(self._file[1].num_rows)

    def _entries(self, columns: list[str]) -> int:
        """Numbers in the columns, those in lists counted one by one."""
        found = self._file[1]
        groups = (found.row_group(at) for at in range(found.num_row_groups))
        parts = (group.column(at) for group in groups for at in range(group.num_columns))
        return sum(part.num_values for part in parts if _belongs(part.path_in_schema, columns))

    @contextmanager
    def _faults(self) -> Iterator[None]:
        with one_line_faults("data", self.path, "a readable .parquet file of numbers"):
            yield

    def _array(self, name: str, column: pa.Array) -> NDArray[Any]:
        if isinstance(column, pa.ChunkedArray):  # a column without any chunk
            column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if _is_list(column.type):
            lengths = np.unique(pc.list_value_length(column).to_numpy(zero_copy_only=False))
            if lengths.size != 1:
                raise InputError(
                    f"data: column {printable(repr(name))} in {shown(self.path)} has lists of {lengths.min()} to "
                    f"{lengths.max()} numbers; give lists of one length"
                )
            flat = column.flatten()
            if flat.null_count:
                raise InputError(
                    f"data: column {printable(repr(name))} in {shown(self.path)} lacks {flat.null_count} values; "
                    "give a value in each place"
                )
            return np.asarray(flat.to_numpy(zero_copy_only=False)).reshape(len(column), int(lengths[0]))
        values = column.to_numpy(zero_copy_only=False)
        return np.asarray(values, dtype=str) if _is_text(column.type) else np.asarray(values)


def _belongs(path: str, columns: list[str]) -> bool:
    """Whether a path in the file's schema is one of the columns, or what is inside its lists."""
    return any(path == name or path.startswith(f"{name}.") for name in columns)


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _item_bytes(kind: pa.DataType) -> int:
    inner = kind.value_type if _is_list(kind) else kind
    return max(1, inner.bit_width // 8) if _is_number(inner) else 8


def _fault(kind: pa.DataType) -> str | None:
    inner = kind.value_type if _is_list(kind) or pa.types.is_dictionary(kind) else kind
    if _is_number(inner) or (_is_text(inner) and not _is_list(kind)):
        return None
    return f"has type {printable(str(kind))}; give numbers, text, or lists of numbers"
