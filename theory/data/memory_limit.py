"""Memory checks: sizes that do not fit are refused before anything is allocated, with the bytes that they need."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from theory.validation import InputError

#: Where Linux reports its memory, and the control groups that limit a process.
_MEMORY_TABLE = Path("/proc/meminfo")
_OWN_GROUPS = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def array_bytes(shape: Sequence[int], item_bytes: int = 8) -> int:
    """Bytes of an array, as an exact integer of any size.

    Args:
        shape: lengths of its axes, each at least 0.
        item_bytes: bytes of an entry; 8 for float64.
    """
    return math.prod(int(length) for length in shape) * item_bytes


def memory_text(count: int) -> str:
    """A number of bytes in the largest binary unit of which there is at least one: ``169 GiB``."""
    power = max(count.bit_length() - 1, 0) // 10
    if power >= len(_UNITS):  # a product of sizes that a user gives may have hundreds of digits
        return f"more than 1,000 {_UNITS[-1]}"
    value = count / 1024**power
    return f"{value:,.0f} {_UNITS[power]}" if value >= 100 or power == 0 else f"{value:.1f} {_UNITS[power]}"


def check_memory(name: str, bytes_needed: int, remedy: str, available: int | None = None) -> None:
    """Check that a size fits in the memory that is free now.

    Args:
        name: the argument (or file) that needs it, and what for: ``replicas`` or ``inputs: their covariance``.
        bytes_needed: of all arrays held at the same time.
        remedy: what to do instead, as in "give fewer replicas".
        available: bytes; None measures them.

    Raises:
        InputError: more bytes than are available.
    """
    free = available_memory() if available is None else available
    if bytes_needed > free:
        exact = f" ({bytes_needed} bytes)" if bytes_needed.bit_length() <= 64 else ""
        raise InputError(
            f"{name}: would need {memory_text(bytes_needed)} of memory{exact}, with {memory_text(free)} available; "
            f"{remedy}"
        )


def available_memory() -> int:
    """Bytes that this process can still take without swapping.

    The least of what the machine has free, what the limits of its control groups leave, and what its limit of
    address space leaves. Where a system reports none of these, its whole memory, or else what a pointer can address.
    """
    return max(0, min((*_machine(), *_control_groups(), *_address_space()), default=2**47))


def _machine() -> Iterator[int]:
    fields = _fields(_MEMORY_TABLE)
    if "MemAvailable:" in fields:
        yield 1024 * fields["MemAvailable:"]
        return
    try:
        yield os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not a POSIX system
        return


def _control_groups() -> Iterator[int]:
    """The bytes left by each group that this process belongs to; the second version's groups, then the first's."""
    own = [line.partition("::")[2] for line in _lines(_OWN_GROUPS) if line.startswith("0::")]
    for group in [_GROUPS / path.strip("/") for path in own]:
        for folder in (group, *group.parents):
            if folder.is_relative_to(_GROUPS):
                yield from _left(folder, "memory.max", "memory.current", "inactive_file")
    yield from _left(_GROUPS / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def _left(folder: Path, limit: str, usage: str, reclaimable: str) -> Iterator[int]:
    """The limit less what is used, where cached files that can be dropped do not count."""
    stated, used = _number(folder / limit), _number(folder / usage)
    if stated is not None and used is not None:
        yield stated - used + _fields(folder / "memory.stat").get(reclaimable, 0)


def _address_space() -> Iterator[int]:
    try:
        import resource
    except ImportError:  # not a POSIX system
        return
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY:
        pages = next(iter(_lines(Path("/proc/self/statm"))), "0").split()[0]
        yield limit - int(pages) * resource.getpagesize()


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def _number(path: Path) -> int | None:
    """The number that a file holds; None where there is no such file or it says ``max``."""
    text = next(iter(_lines(path)), "").strip()
    return int(text) if text.isdecimal() else None


def _fields(path: Path) -> dict[str, int]:
    """The lines ``name number`` of a table."""
    parts = [line.split() for line in _lines(path)]
    return {part[0]: int(part[1]) for part in parts if len(part) > 1 and part[1].isdecimal()}
