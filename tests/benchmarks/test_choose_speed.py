"""What choosing among 14 checkpoints of VGG-8 with 2,000 target images costs beside the bare forward passes.

    python -m pytest -m slow tests/benchmarks/test_choose_speed.py -s

The two read the same files in turn, so that other work on the machine slows both. CPU time is printed beside wall time:
other work disturbs it less, but it counts threads that wait for each other.

A checkpoint costs two eigendecompositions of 500 and 512 rows (75 ms of one core of an AMD EPYC, beside 265 ms of the
forward passes) and the products of 512 activations with 3,072 pixels (90 ms). The Gram matrix of the images would spare
a fifth of these products in float32, and none in float64.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from empirical import ChoosePlan, TransferTarget, choose
from empirical.networks.checkpoint_file import with_weights_from
from empirical.networks.networks import build_network

IMAGES, CHECKPOINTS, ROUNDS = 2000, 14, 3


@pytest.mark.slow
def test_choosing_costs_little_beside_the_forward_passes(tmp_path: Path) -> None:
    paths = []
    for step in range(CHECKPOINTS):
        state = build_network("vgg8", 10, seed=step).state_dict()
        paths.append(tmp_path / f"step-{step}.safetensors")
        save_file(state, paths[-1])
    draw = np.random.default_rng(0)
    images = draw.standard_normal((IMAGES, 3, 32, 32)).astype(np.float32)
    target = TransferTarget.from_arrays(images, draw.integers(10, size=IMAGES))
    network, inputs = build_network("vgg8", 10).eval(), torch.from_numpy(images)

    def bare() -> None:
        with torch.inference_mode():
            for path in paths:
                with_weights_from(network, path)
                for part in inputs.split(250):
                    network(part)

    found = []
    for _ in range(ROUNDS):
        seconds, cpu_seconds = [], []
        for call in (bare, lambda: choose(paths, "vgg8", target, ChoosePlan(labels_per_class=50))):
            started, worked = time.perf_counter(), time.process_time()
            call()
            seconds.append(time.perf_counter() - started)
            cpu_seconds.append(time.process_time() - worked)
        found.append((seconds, cpu_seconds))
    for name, (passes, whole) in zip(("wall time", "CPU time"), np.median(found, axis=0), strict=True):
        print(f"\n{name}: forward passes {passes:.2f} s, choice {whole:.2f} s, {whole / passes:.2f} times")
    passes, whole = np.median(found, axis=0)[0]
    assert whole < 2.4 * passes
