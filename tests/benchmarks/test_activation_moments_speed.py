"""Moments of 50,000 x 8,192 activations against the bare float32 torch product X^T X of the same size.

    python -m pytest -m slow tests/benchmarks/test_activation_moments_speed.py -s

Batches of 512, as a network gives them. Each memory is the peak of a process of its own, Python and torch in it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from empirical.moments.activation_moments import ActivationAccumulator
from tests.benchmarks.timing import seconds
from theory import Moments

COUNT, FEATURES, BATCH, ROUNDS = 50_000, 8192, 512, 2
ROOT = Path(__file__).parents[2]

_ALL_ACTIVATIONS = """
from tests.benchmarks.test_activation_moments_speed import activations, moments
moments(activations())
"""

# Neither the accumulator nor the result grows with the number of batches.
_SHARDS_WITH_INPUTS = """
import torch
from empirical.moments.activation_moments import JointAccumulator
def shard(seed):
    generator = torch.Generator().manual_seed(seed)
    accumulator = JointAccumulator(10)
    for _ in range(2):
        accumulator.update(
            torch.randn(512, 8192, generator=generator),
            torch.randn(512, 3, 32, 32, generator=generator),
            torch.arange(512) % 10,
        )
    return accumulator.result()
shard(0).merge(shard(1))
"""


def activations() -> torch.Tensor:
    """(n, p) rectified Gaussians."""
    return torch.randn(COUNT, FEATURES, generator=torch.Generator().manual_seed(0)).relu_()


def moments(data: torch.Tensor) -> Moments:
    """Their moments, from batches."""
    labels = torch.arange(COUNT) % 10
    accumulator = ActivationAccumulator(10)
    for start in range(0, COUNT, BATCH):
        accumulator.update(data[start : start + BATCH], labels[start : start + BATCH])
    return accumulator.result()


@pytest.mark.slow
def test_moments_reach_sixty_percent_of_the_rate_of_a_bare_product() -> None:
    """The bare product takes both halves of a symmetric matrix; the moments one, and add it up in float64."""
    data = activations()
    bare, own = [], []
    # By turns, so that both meet the same load of the machine.
    for _ in range(ROUNDS):
        bare.append(seconds(lambda: data.T @ data, rounds=1))
        own.append(seconds(lambda: moments(data), rounds=1))
    rate = min(bare) / min(own)
    print(f"\nmoments {min(own):.1f} s, bare float32 product {min(bare):.1f} s: {rate:.0%} of its rate")
    assert rate >= 0.6


@pytest.mark.slow
@pytest.mark.parametrize(
    "program",
    [
        pytest.param(_ALL_ACTIVATIONS, id="all activations held beside their moments"),
        pytest.param(_SHARDS_WITH_INPUTS, id="two shards with 3,072 inputs merged"),
    ],
)
def test_moments_stay_within_four_gigabytes(program: str) -> None:
    """The activations alone are 1.6 GB, a covariance in float64 is 0.5 GB."""
    measured = program + "\nimport resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    finished = subprocess.run([sys.executable, "-c", measured], cwd=ROOT, capture_output=True, text=True, check=True)
    peak = int(finished.stdout) * 1024  # in KiB on Linux
    print(f"\npeak memory {peak / 1e9:.2f} GB")
    assert peak < 4e9
