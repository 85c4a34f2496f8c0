"""What a phase tracker with 2,000 images costs beside the training of VGG-8.

    python -m pytest -m slow tests/benchmarks/test_tracker_speed.py -s

A probe of the last layer and a step of the training (SGD 0.002, momentum 0.9, batch 128) are timed in turn, so that
other work on the machine slows both. Steps all cost the same: the share between two probes is the probe's time over
that of the steps between them.
"""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from torch import nn

from empirical.networks.networks import build_network
from empirical.tracker.phase_tracker import ProbeSchedule, SubsetProbe
from empirical.tracker.probe_schedule import CHEAP_FROM
from tests.benchmarks.photographs import photographs

IMAGES, BATCH, LAST, ROUNDS, STEPS = 2000, 128, 8192, 5, 12


@pytest.mark.slow
def test_the_tracker_costs_a_hundredth_and_a_half_of_the_training_and_a_twentieth_of_every_gap() -> None:
    """In whole to step 8,192, and in each gap from step 128 on.

    In the short gaps before, a probe costs more than a twentieth of the few steps.
    """
    torch.manual_seed(0)
    images = torch.from_numpy(photographs(IMAGES))
    labels = torch.randint(10, (BATCH,))
    network = build_network("vgg8", 10).to(memory_format=torch.channels_last)
    optimiser = torch.optim.SGD(network.parameters(), 0.002, momentum=0.9)
    batch = images[:BATCH].contiguous(memory_format=torch.channels_last)
    probe = SubsetProbe(images, ["block5"])

    def steps() -> None:
        for _ in range(STEPS):
            optimiser.zero_grad()
            torch.autograd.backward(nn.functional.cross_entropy(network(batch), labels))
            optimiser.step()

    found = []
    for _ in range(ROUNDS):
        seconds = []
        for call in (steps, lambda: probe.losses(network)):
            started = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - started)
        found.append((seconds[0] / STEPS, seconds[1]))
    step, cost = np.median(found[1:], axis=0)  # the first round warms up

    schedule = ProbeSchedule()
    grid = [0]
    while grid[-1] < LAST:
        grid.append(schedule.after(grid[-1]))
    shares = cost / (step * np.diff(grid))
    whole = cost * len(grid) / (step * LAST)
    print(
        f"\nprobe {cost:.3f} s, step {step:.4f} s: a probe costs {cost / step:.1f} steps; {whole:.2%} to step {LAST:,}"
    )
    for begin, end, share in zip(grid, grid[1:], shares, strict=False):
        print(f"{begin:>6,} to {end:>6,}: {share:.2%}")
    assert whole < 0.015
    assert (shares[np.array(grid[:-1]) >= CHEAP_FROM] < 0.05).all()
