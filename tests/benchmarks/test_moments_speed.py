"""Moments of 50,000 x 3,072 inputs against a bare torch matrix product of the same size, X^T X.

python -m pytest -m slow tests/benchmarks -s
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from empirical import stream_moments
from tests.benchmarks.timing import seconds_of_product
from theory import Moments

COUNT, PIXELS, BATCH = 50_000, 3072, 8192


@pytest.mark.slow
def test_moments_reach_sixty_percent_of_the_rate_of_a_bare_product(benchmark: BenchmarkFixture) -> None:
    """The peer multiplies in float32; the moments accumulate in float64 throughout."""
    inputs = torch.randn(COUNT, PIXELS, generator=torch.Generator().manual_seed(0))
    labels = np.arange(COUNT) % 10
    single = seconds_of_product(inputs, inputs)
    array = inputs.numpy()

    def moments() -> Moments:
        parts = ((array[start : start + BATCH], labels[start : start + BATCH]) for start in range(0, COUNT, BATCH))
        return stream_moments(parts, 10)

    benchmark.pedantic(moments, rounds=3, warmup_rounds=1)
    rate = single / benchmark.stats.stats.min
    benchmark.extra_info.update(share_of_float32_product=rate)
    print(f"\nmoments {benchmark.stats.stats.min:.2f} s, bare float32 product {single:.2f} s: {rate:.0%} of its rate")
    assert rate >= 0.6
