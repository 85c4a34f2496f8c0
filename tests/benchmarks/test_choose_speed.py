"""What choosing among 14 checkpoints of VGG-8 with 2,000 target images costs beside the bare forward passes.

    python -m pytest -m slow tests/benchmarks/test_choose_speed.py -s

Before each checkpoint that the choice reads, another network makes its bare passes from the same file: other work on
the machine slows both. CPU time is printed beside wall time: other work disturbs it less, but it counts threads that
wait for each other. Where other work takes one of the cores, such waits are nearly all the time of several threads.

One thread of an AMD EPYC, milliseconds for each checkpoint: 47 for the linear probe, of which 35 are the eigenvalues of
500 labelled images in float64; 47 for the reconstruction, of which 19 are those of 512 activations in float32 and 16
products; 11 for the sketch of the images, once for all; 10 to keep the network undisturbed. Bare passes: 270.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from empirical import ChoosePlan, TransferTarget, choose
from empirical.networks.checkpoint_file import with_weights_from
from empirical.networks.networks import build_network
from tests.benchmarks.photographs import photographs

IMAGES, CHECKPOINTS, ROUNDS = 2000, 14, 4

Item = TypeVar("Item")


def clocks() -> np.ndarray:
    """Wall time and CPU time, in seconds."""
    return np.array([time.perf_counter(), time.process_time()])


class PassesBefore:
    """A progress report that makes the bare passes of a checkpoint before it hands out the next item."""

    def __init__(self, paths: list[Path], images: torch.Tensor) -> None:
        self.network, self.paths, self.images = build_network("vgg8", 10).eval(), paths, images
        self.spent = np.zeros(2)

    def __call__(self, items: Iterable[Item], _: str | None = None, /) -> Iterator[Item]:
        for path, item in zip(self.paths, items, strict=True):
            started = clocks()
            with torch.inference_mode():
                with_weights_from(self.network, path)
                for part in self.images.split(250):
                    self.network(part)
            self.spent += clocks() - started
            yield item


@pytest.fixture
def threads(request: pytest.FixtureRequest) -> Iterator[None]:
    """The number of torch's threads in a test."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize(
    ("threads", "most"),
    [(1, 1.6), (os.cpu_count() or 1, 1.8)],
    indirect=["threads"],
    ids=["one thread", "a thread for each core"],
)
def test_choosing_costs_little_beside_the_forward_passes(tmp_path: Path, most: float) -> None:
    paths = []
    for step in range(CHECKPOINTS):
        state = build_network("vgg8", 10, seed=step).state_dict()
        paths.append(tmp_path / f"step-{step}.safetensors")
        save_file(state, paths[-1])
    images = photographs(IMAGES)
    target = TransferTarget.from_arrays(images, np.random.default_rng(1).integers(10, size=IMAGES))
    found = []
    for _ in range(ROUNDS):
        passes, started = PassesBefore(paths, torch.from_numpy(images)), clocks()
        choose(paths, "vgg8", target, ChoosePlan(labels_per_class=50), progress=passes)
        found.append((passes.spent, clocks() - started - passes.spent))
    bare, whole = np.median(found[1:], axis=0)  # the first round warms up
    ratios = np.median([choice / passes for passes, choice in found[1:]], axis=0)
    for name, one, other, ratio in zip(("wall time", "CPU time"), bare, whole, ratios, strict=True):
        print(f"\n{name}: forward passes {one:.2f} s, choice {other:.2f} s, {ratio:.2f} times")
    assert ratios[0] < most
