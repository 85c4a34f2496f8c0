"""How long a call takes, and the limit that benchmarks are held against: a bare matrix product in torch."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch


def seconds(call: Callable[[], object], rounds: int) -> float:
    """The best of ``rounds`` calls, after one that is not counted where there are several."""
    found = []
    for _ in range(rounds if rounds == 1 else rounds + 1):
        started = time.perf_counter()
        call()
        found.append(time.perf_counter() - started)
    return min(found[-rounds:])


def seconds_of_product(left: torch.Tensor, right: torch.Tensor) -> float:
    """The best of three products left^T right, after one that is not counted."""
    return seconds(lambda: left.T @ right, rounds=3)
