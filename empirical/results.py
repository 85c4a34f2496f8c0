"""A run's folder: finished parts, final tables, configuration and versions, each written at once.

Files are written under a temporary name and renamed, so that a reader never sees half a file. Parts
carry a key made from all that determines them; a run started again finds them and goes on.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from theory import Curve, InputError


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run; created on the first write."""

    path: Path

    def __post_init__(self) -> None:
        existing = self.path
        while not existing.exists() and existing != existing.parent:
            existing = existing.parent
        if not existing.is_dir():
            raise InputError(f"out: {existing} is a file; give a folder, new or existing")
        if not os.access(existing, os.W_OK):
            raise InputError(f"out: {existing} is not writable; give a folder that is")

    def write(self, name: str, writer: Callable[[Path], None]) -> Path:
        """Have ``writer`` write a temporary file beside ``name`` and rename it; returns the path."""
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{os.getpid()}.{target.name}")
        try:
            writer(temporary)
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
        return target

    def write_json(self, name: str, content: dict[str, Any]) -> Path:
        """Write ``content`` as indented JSON; NaN becomes null."""
        text = json.dumps(_without_nan(content), indent=2, allow_nan=False) + "\n"
        return self.write(name, lambda path: _write_text(path, text))

    def write_table(self, name: str, columns: dict[str, Any]) -> Path:
        """Write columns of equal length as a Parquet table."""
        table = pa.table(columns)
        return self.write(name, lambda path: pq.write_table(table, path))

    def curve_part(self, name: str, key: str, compute: Callable[[], Curve]) -> Curve:
        """The curve of a finished part with this key, or else computed now and kept."""
        file = f"parts/{name}-{key}.parquet"
        known = _read_curve(self.path / file)
        if known is not None:
            return known
        curve = compute()
        columns = {"time": curve.times} | {f"replica_{index}": row for index, row in enumerate(curve.losses)}
        self.write_table(file, columns)
        return curve


def _read_curve(path: Path) -> Curve | None:
    """The curve in a part's file; None where there is none or it cannot be read as one."""
    try:
        table = pq.read_table(path)
        columns = [table.column(name).to_numpy() for name in table.column_names]
        return Curve(columns[0], np.stack(columns[1:]))
    except (OSError, pa.ArrowException, InputError, IndexError, ValueError):
        return None


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(entry) for entry in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def part_key(configuration: dict[str, Any]) -> str:
    """Sixteen hexadecimal digits of the configuration's SHA-256."""
    text = json.dumps(configuration, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def array_digest(*arrays: np.ndarray[Any, Any]) -> str:
    """Sixteen hexadecimal digits of a digest of the arrays' shapes, types and bytes."""
    digest = hashlib.blake2b(digest_size=8)
    for array in arrays:
        digest.update(f"{array.shape}{array.dtype}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def source_digest(*packages: ModuleType) -> str:
    """Sixteen hexadecimal digits of a digest of the packages' source files."""
    digest = hashlib.blake2b(digest_size=8)
    for package in packages:
        for file in sorted(Path(str(package.__file__)).parent.glob("*.py")):
            digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


def software_versions() -> dict[str, str]:
    """Versions of Python, this package and what its numbers depend on, and the device."""
    packages = ("learning-phases", "numpy", "scipy", "sympy", "torch", "scikit-learn")
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "device": "cpu",
    } | {name: _version(name) for name in packages}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
