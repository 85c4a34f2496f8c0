"""The limit that benchmarks are held against: a bare matrix product in torch."""

from __future__ import annotations

import time

import torch


def seconds_of_product(left: torch.Tensor, right: torch.Tensor) -> float:
    """The best of three products left^T right, after one that is not counted."""
    seconds = []
    for _ in range(4):
        started = time.perf_counter()
        left.T @ right
        seconds.append(time.perf_counter() - started)
    return min(seconds[1:])
