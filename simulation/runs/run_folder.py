"""A run's folder: finished parts, final tables, configuration and versions, each written atomically.

Files are written under a temporary name, flushed to the disk and renamed, so that a reader never sees
half a file, not even after a loss of power. Parts carry a key made from all that determines them; a run
that is restarted finds them and resumes. The temporary name identifies its process, so that the files of a killed
run can be distinguished from the files of a live run in the same folder.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import platform
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors import SafetensorError

from simulation.devices import device_name
from simulation.runs.output_paths import check_output_file, check_output_folder, written_file
from simulation.runs.run_kinds import MARKER, RunKind
from theory import Curve, InputError

#: Seconds after which any temporary file counts as abandoned; writing one takes a fraction of them.
ABANDONED_AFTER = 3600

_TEMPORARY = re.compile(r"\.(?P<machine>.*)-(?P<process>\d+)-[0-9a-f]{8}\..+")


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run; created on the first write.

    Attributes:
        path: of the folder.
        kind: of the run; the folder is marked as such, and other kinds of run refuse it. None marks nothing.

    Raises:
        InputError: a path that is neither a folder nor, for the kind's files, a regular file; a folder
            that is not writable or belongs to another kind of run.
    """

    path: Path
    kind: RunKind | None = None

    def __post_init__(self) -> None:
        check_output_folder(self.path)
        if self.kind is not None:
            self.kind.check(self.path)

    def write(self, name: str, writer: Callable[[Path], None]) -> Path:
        """Have ``writer`` write a temporary file next to ``name``, rename it and return the path.

        Where ``name`` is a link to a file, that file is written.

        Raises:
            InputError: ``name`` exists and is not a regular file; it is left as it is.
            OSError: the disk is full or cannot be written, with the path; the earlier file stays and no
                temporary file is left.
        """
        if self.kind is not None and name != MARKER and not (self.path / MARKER).exists():
            self.write_text(MARKER, self.kind.marker)
        check_output_file(self.path / name)
        target = written_file(self.path / name)
        temporary = target.with_name(f".{platform.node()}-{os.getpid()}-{secrets.token_hex(4)}.{target.name}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            writer(temporary)
            _flush(temporary)
            os.replace(temporary, target)
        except (OSError, SafetensorError) as error:
            raise _with_path(error, target) from error
        finally:
            temporary.unlink(missing_ok=True)
        return self.path / name

    def remove_abandoned(self, name: str) -> None:
        """Remove the temporary files that killed runs left in the folder ``name`` of this folder."""
        for file in (self.path / name).glob(".*"):
            if _is_abandoned(file):
                file.unlink(missing_ok=True)

    def write_text(self, name: str, text: str) -> Path:
        """Write ``text`` as UTF-8."""
        return self.write(name, lambda path: _write_text(path, text))

    def write_json(self, name: str, content: dict[str, Any]) -> Path:
        """Write ``content`` as indented JSON; NaN becomes null."""
        return self.write_text(name, json_text(content))

    def write_table(self, name: str, columns: dict[str, Any]) -> Path:
        """Write columns of equal length as a Parquet table."""
        table = pa.table(columns)
        return self.write(name, lambda path: pq.write_table(table, path))

    def curve_part(self, name: str, key: str, compute: Callable[[], Curve]) -> Curve:
        """Return the stored curve of a finished part with this key, or compute and store it.

        Args:
            name: path of the part within the folder.
            key: of all that determines the curve.
            compute: computes the curve.
        """
        file = f"parts/{name}-{key}.parquet"
        known = _read_curve(self.path / file)
        if known is not None:
            return known
        self.remove_abandoned("parts")
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
    except (OSError, pa.ArrowException, InputError, LookupError, TypeError, ValueError):
        return None


def _with_path(error: OSError | SafetensorError, target: Path) -> OSError:
    """The error of a writer, with the path of the file that it was to write."""
    if isinstance(error, OSError):
        return OSError(error.errno or errno.EIO, error.strerror or str(error), str(target))
    # This library gives the system's error as text only.
    stated = re.search(r"os error (\d+)", str(error))
    number = int(stated[1]) if stated else errno.EIO
    return OSError(number, os.strerror(number) if stated else str(error), str(target))


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _flush(path: Path) -> None:
    """Wait until the file is on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _is_abandoned(file: Path) -> bool:
    """Whether this is a temporary file whose process has ended, or an old one of a process on another machine."""
    name = _TEMPORARY.fullmatch(file.name)
    if name is None:
        return False
    try:
        old = time.time() - file.stat().st_mtime > ABANDONED_AFTER
    except FileNotFoundError:  # renamed or removed meanwhile by the run that wrote it
        return False
    return old or (name["machine"] == platform.node() and not _is_running(int(name["process"])))


def _is_running(process: int) -> bool:
    """Whether this machine has such a process; true where signals cannot show it."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)  # signal 0 only tests
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(entry) for entry in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def json_text(content: dict[str, Any]) -> str:
    """``content`` as indented JSON with a line break at its end; NaN and infinities become null."""
    return json.dumps(_without_nan(content), indent=2, allow_nan=False) + "\n"


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


def source_digest(*modules: ModuleType) -> str:
    """Sixteen hexadecimal digits of a digest of the source files of packages, or of single modules."""
    digest = hashlib.blake2b(digest_size=8)
    for module in modules:
        own = Path(str(module.__file__))
        for file in sorted(own.parent.rglob("*.py")) if hasattr(module, "__path__") else [own]:
            digest.update(file.relative_to(own.parent).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()


def software_versions(device: torch.device | str = "cpu") -> dict[str, str]:
    """Versions of Python, this package and what its numbers depend on, and the name of the device that computed.

    Raises:
        InputError: there is no such device.
    """
    packages = ("learning-phases", "numpy", "scipy", "sympy", "scikit-learn")
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "device": device_name(device),
        # As the running library reports it: an installer may omit the build, as in 2.14.1 for 2.14.1+cu130.
        "torch": str(torch.__version__),
    } | {name: _version(name) for name in packages}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
