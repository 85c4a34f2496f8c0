"""Training of a deep classifier with a checkpoint at every log-spaced step, resumed to the bit after a kill.

What a step does is a function of the plan, the images and the step's number: the order of an epoch's images comes from
the seed and the epoch alone. A state (weights, batch-normalisation statistics, momentum) on the disk is therefore all
that a run needs to go on as if it had never stopped, on one kind of device.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor, nn

from empirical.data.images import ImageSplit, Normalisation
from empirical.data.reading import check_regular_file, one_line_faults
from empirical.data.tensor_file import write_tensors
from empirical.networks.networks import NETWORK_NAMES, build_network
from simulation.runs.run_folder import RunFolder, array_digest, part_key
from theory import InputError
from theory.progress import Progress, silent
from theory.validation import IntArray, at_least, non_negative, one_of, positive

#: Steps between two states from which a killed run can resume; a checkpoint is such a state as well.
STATE_INTERVAL = 256

_STATE = "state.safetensors"
_CHECKPOINTS = "checkpoints"
_MOMENTUM = "momentum/"
_NARROW = 8


@dataclass(frozen=True)
class TrainingPlan:
    """A network and its training by stochastic gradient descent with momentum, without augmentation.

    The defaults are those of the published figures (Schneider & Prabhushankar 2024).

    Attributes:
        network: of NETWORK_NAMES.
        base_width: of its first part; None takes the family's default.
        steps: last step.
        batch_size: images per step; the last batch of an epoch takes what is left.
        step_size: eta.
        momentum: in [0, 1).
        weight_decay: at least 0.
        seed: of the weights and of the order of the images.
    """

    network: str = "vgg8"
    base_width: int | None = None
    steps: int = 8192
    batch_size: int = 128
    step_size: float = 0.002
    momentum: float = 0.9
    weight_decay: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        one_of("network", self.network, NETWORK_NAMES)
        if self.base_width is not None:
            at_least("base_width", self.base_width, 1)
        at_least("steps", self.steps, 1)
        at_least("batch_size", self.batch_size, 2)
        positive("step_size", self.step_size)
        if not 0 <= non_negative("momentum", self.momentum) < 1:
            raise InputError(f"momentum: {self.momentum} is not accepted; give a number in [0, 1)")
        non_negative("weight_decay", self.weight_decay)
        at_least("seed", self.seed, 0)


def checkpoint_steps(last: int) -> IntArray:
    """0, 1, 2, 4, ... and ``last``: where the phases are measured."""
    doubling = 2 ** np.arange(int(np.log2(at_least("last", last, 1))) + 1)
    return np.unique(np.concatenate([[0], doubling, [last]])).astype(np.int64)


@dataclass(frozen=True, eq=False)
class TrainingRun:
    """One training of one network on one split of images, kept in one folder.

    Attributes:
        plan: network and training.
        split: the images that it is trained on.
        classes: K.
        normalisation: of the images.
        folder: checkpoints/step-NNNNNNNN.safetensors, and the last state.
        device: that trains.
    """

    plan: TrainingPlan
    split: ImageSplit
    classes: int
    normalisation: Normalisation
    folder: RunFolder
    device: torch.device

    def __post_init__(self) -> None:
        if self.plan.batch_size > self.split.labels.size:
            raise InputError(
                f"batch_size: {self.plan.batch_size} exceeds the {self.split.labels.size} images; give at most as many"
            )
        for folder in (".", _CHECKPOINTS):
            self.folder.remove_abandoned(folder)
        for file in sorted(self._checkpoints.glob("step-*.safetensors")):
            _read(file, self.key)

    @cached_property
    def key(self) -> str:
        """Identifies all that determines the weights at a step, apart from the last step."""
        digest = array_digest(self.split.images, self.split.labels)
        constants = [*self.normalisation.mean.tolist(), *self.normalisation.deviation.tolist()]
        configuration = asdict(self.plan) | {"data": digest, "classes": self.classes, "normalisation": constants}
        del configuration["steps"]
        return part_key(configuration)

    @property
    def _checkpoints(self) -> Path:
        return self.folder.path / _CHECKPOINTS

    def checkpoint(self, step: int) -> Path:
        """The file of the network at ``step``."""
        return self._checkpoints / f"step-{step:08d}.safetensors"

    def network_at(self, step: int) -> nn.Sequential:
        """The network at a step whose checkpoint has been written, in evaluation mode.

        Raises:
            InputError: no such checkpoint, or a damaged or foreign file.
        """
        network = self._new_network()
        tensors, _ = _read(self.checkpoint(step), self.key)
        with one_line_faults("checkpoint", self.checkpoint(step), "a file of this network's weights", "delete it"):
            network.load_state_dict(tensors)
        return network.eval()

    def train_to(self, last: int, progress: Progress = silent) -> None:
        """Train up to step ``last`` from the latest state; steps that are already on the disk are not repeated.

        Raises:
            InputError: ``last`` beyond the plan's steps, a loss that is not finite, a damaged or foreign file.
            OSError: the disk is full.
        """
        if not 0 <= last <= self.plan.steps:
            raise InputError(f"last: {last} is not accepted; give a step from 0 to {self.plan.steps}")
        wanted = [int(step) for step in checkpoint_steps(self.plan.steps) if step <= last]
        missing = [step for step in (*wanted, last) if not self.checkpoint(step).exists()]
        if not missing:
            return
        network = self._new_network().train()
        optimiser = torch.optim.SGD(
            network.parameters(),
            lr=self.plan.step_size,
            momentum=self.plan.momentum,
            weight_decay=self.plan.weight_decay,
        )
        start = self._restore(network, optimiser, missing[0])
        with _convolutions_that_repeat():
            for step in progress(range(start, last + 1)):
                if step in wanted or step == last:
                    self._save(self.checkpoint(step), step, network.state_dict())
                if step == last or (step % STATE_INTERVAL == 0 and step > start) or (step in wanted and step > start):
                    self._save(self.folder.path / _STATE, step, _state(network, optimiser))
                if step < last:
                    self._advance(network, optimiser, step)

    def _advance(self, network: nn.Module, optimiser: torch.optim.Optimizer, step: int) -> None:
        chosen = batch_indices(self.plan.seed, step, self.split.labels.size, self.plan.batch_size)
        inputs = torch.from_numpy(self.normalisation.apply(self.split.images[chosen])).to(self.device)
        labels = torch.from_numpy(self.split.labels[chosen]).to(self.device)
        loss = nn.functional.cross_entropy(network(inputs.contiguous(memory_format=fast_layout(network))), labels)
        if not bool(torch.isfinite(loss)):
            raise InputError(f"step_size: training diverged at step {step}; give less than {self.plan.step_size}")
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()

    def _new_network(self) -> nn.Sequential:
        channels = self.split.images.shape[1]
        network = build_network(self.plan.network, self.classes, channels, self.plan.base_width, self.plan.seed)
        network = network.to(self.device)
        use_fast_layout(network)
        return network

    def _restore(self, network: nn.Module, optimiser: torch.optim.Optimizer, missing: int) -> int:
        """Resume from the latest state that is not past the step ``missing``, if there is one; returns its step."""
        file = self.folder.path / _STATE
        if not file.exists():
            return 0
        tensors, step = _read(file, self.key)
        if step > missing:
            return 0
        with one_line_faults("checkpoint", file, "a state of this training", "delete it"):
            network.load_state_dict({name: one for name, one in tensors.items() if not name.startswith(_MOMENTUM)})
            for name, parameter in network.named_parameters():
                if _MOMENTUM + name in tensors:
                    buffer = torch.empty_like(parameter).copy_(tensors[_MOMENTUM + name])
                    optimiser.state[parameter]["momentum_buffer"] = buffer
        return step

    def _save(self, path: Path, step: int, tensors: dict[str, Tensor]) -> None:
        metadata = {"step": str(step), "key": self.key, "network": self.plan.network}
        relative = str(path.relative_to(self.folder.path))
        self.folder.write(relative, lambda temporary: write_tensors(temporary, path, tensors, metadata))


def batch_indices(seed: int, step: int, count: int, batch_size: int) -> IntArray:
    """The samples of a step: epochs of ``count`` samples in random orders, cut in batches.

    Args:
        seed: of the orders; each epoch's is independent of the others'.
        step: from 0 on.
        count: samples n.
        batch_size: samples per step; the last batch of an epoch takes what is left.
    """
    epoch, position = divmod(step, -(-count // batch_size))
    order = np.random.default_rng([seed, epoch]).permutation(count)
    return order[position * batch_size : (position + 1) * batch_size]


def image_batches(
    split: ImageSplit, normalisation: Normalisation, size: int, device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """Consecutive batches of normalised images (n, c, h, w) float32 with their labels (n,) on ``device``.

    Args:
        split: the images, not normalised.
        normalisation: to apply.
        size: most images per batch, at least 1.
        device: to put the batches on.
    """
    for start in range(0, split.labels.size, at_least("size", size, 1)):
        inputs = torch.from_numpy(normalisation.apply(split.images[start : start + size])).to(device)
        labels = torch.from_numpy(split.labels[start : start + size]).to(device)
        yield inputs.contiguous(memory_format=torch.channels_last), labels


def fast_layout(network: nn.Module) -> torch.memory_format:
    """Channels last, in which CPUs convolve fastest, where its gradients are computed without fault.

    For a convolution by 1 x 1 pixels with a stride and fewer channels than _NARROW, oneDNN (of PyTorch 2.13) writes
    past the end of the gradient's memory in that layout, which ends the process. Values are the same in both.
    """
    faulty = any(
        isinstance(part, nn.Conv2d)
        and set(part.kernel_size) == {1}
        and set(part.stride) != {1}
        and part.in_channels < _NARROW
        for part in network.modules()
    )
    return torch.contiguous_format if faulty else torch.channels_last


def use_fast_layout(network: nn.Module) -> None:
    """Keep the weights of a network's convolutions in ``fast_layout``."""
    layout = fast_layout(network)
    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=layout)


@contextmanager
def _convolutions_that_repeat() -> Iterator[None]:
    """CUDA's convolutions by methods that give the same bits each time; what was chosen before is put back."""
    chosen = torch.backends.cudnn
    before = chosen.deterministic, chosen.benchmark
    chosen.deterministic, chosen.benchmark = True, False
    try:
        yield
    finally:
        chosen.deterministic, chosen.benchmark = before


def _state(network: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    momentum = {
        _MOMENTUM + name: optimiser.state[parameter]["momentum_buffer"]
        for name, parameter in network.named_parameters()
        if optimiser.state[parameter].get("momentum_buffer") is not None
    }
    return network.state_dict() | momentum


def _read(path: Path, key: str) -> tuple[dict[str, Tensor], int]:
    """The tensors and the step of a file that this run wrote.

    Raises:
        InputError: no such file, a damaged or foreign one, or one of a run with other settings.
    """
    if not path.exists():
        raise InputError(f"checkpoint: {path} does not exist; train up to its step first")
    check_regular_file("checkpoint", path, "another folder")
    with (
        one_line_faults("checkpoint", path, "an intact safetensors file", "it is damaged: delete it"),
        safe_open(path, framework="pt") as file,
    ):
        metadata = file.metadata() or {}
        if "step" not in metadata or "key" not in metadata or not metadata["step"].isdecimal():
            raise InputError(f"checkpoint: {path} was not written by this training; give another folder")
        if metadata["key"] != key:
            raise InputError(f"checkpoint: {path} is of other settings, data or seed; give another folder")
        return {name: file.get_tensor(name) for name in file.keys()}, int(metadata["step"])  # noqa: SIM118
