"""Sizes that do not fit are refused with the number of bytes, whatever the sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from theory import InputError, Moments
from theory.data import memory_limit
from theory.data.memory_limit import array_bytes, available_memory, check_memory, memory_text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1023, "1,023 bytes"),
        (1024, "1.0 KiB"),
        (8 * 150_528**2, "169 GiB"),
        (2**30 * 500, "500 GiB"),
        (2**69, "512 EiB"),
        (2**90, "more than 1,000 EiB"),
    ],
)
def test_bytes_are_written_in_binary_units(count: int, text: str) -> None:
    assert memory_text(count) == text


def test_products_of_sizes_do_not_overflow() -> None:
    # 2^62 x 2^62 x 8 is far above both 64-bit integers and, a few axes later, the largest float.
    assert array_bytes((2**62, 2**62)) == 2**127
    with pytest.raises(
        InputError, match=r"^base_width: would need more than 1,000 EiB of memory, with .*; give a smaller one$"
    ):
        check_memory("base_width", array_bytes((2**62,) * 40), "give a smaller one")


def test_what_does_not_fit_is_refused_with_the_bytes_and_the_remedy() -> None:
    check_memory("replicas", 1000, "give fewer", available=1000)
    with pytest.raises(InputError) as refused:
        check_memory("replicas", 8 * 10**12, "give fewer replicas", available=2**34)
    assert str(refused.value) == (
        "replicas: would need 7.3 TiB of memory (8000000000000 bytes), with 16.0 GiB available; give fewer replicas"
    )


def test_a_covariance_that_does_not_fit_is_refused_before_it_is_made() -> None:
    # 40 images of 224 x 224 x 3: 2 x 169 GiB.
    with pytest.raises(InputError, match=r"a covariance of 150528 features: would need 338 GiB of memory"):
        Moments.from_samples(np.zeros((2, 150_528)), [0, 1], 2)


def test_the_machine_has_some_memory_and_not_without_end() -> None:
    assert 2**20 < available_memory() < 2**47


@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        ("0::/job\n", {"job/memory.max": "3000", "job/memory.current": "1000"}, 2000),
        ("0::/job\n", {"memory.max": "900", "memory.current": "100", "job/memory.max": "max"}, 800),
        (
            "0::/\n",
            {"memory.max": "900", "memory.current": "700", "memory.stat": "anon 5\ninactive_file 300\n"},
            500,
        ),
        (
            "4:memory:/job\n",
            {"memory/memory.limit_in_bytes": "700", "memory/memory.usage_in_bytes": "600"},
            100,
        ),
        ("0::/job\n", {"job/memory.max": "10", "job/memory.current": "30"}, 0),
    ],
)
def test_control_groups_limit_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str, files: dict[str, str], expected: int
) -> None:
    (tmp_path / "own").write_text(own)
    for name, content in files.items():
        (tmp_path / "groups" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "groups" / name).write_text(content)
    monkeypatch.setattr(memory_limit, "_OWN_GROUPS", tmp_path / "own")
    monkeypatch.setattr(memory_limit, "_GROUPS", tmp_path / "groups")
    assert available_memory() == expected


def test_the_machine_states_what_is_available(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "meminfo").write_text("MemTotal:  64 kB\nMemFree:  1 kB\nMemAvailable:  3 kB\n")
    monkeypatch.setattr(memory_limit, "_MEMORY_TABLE", tmp_path / "meminfo")
    assert available_memory() == 3 * 1024
