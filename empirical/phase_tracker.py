"""An adviser beside any training loop, which probes a small fixed set of inputs now and then and says when to stop.

    tracker = PhaseTracker(network, images, ["block5"], "tracked")
    for step, batch in enumerate(batches):
        tracker.update(step)
        ...  # the loop as it was

The training is only watched. A probe works on a copy of the network that lives as long as the probe, on inputs that
stay on the processor, draws no random number of the training's, and leaves weights, buffers, gradients, flags and hooks
alone. The steps that are probed depend on the steps alone, not on a clock, so that two runs of one training are told
the same; what the probes cost is measured and reported.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, distributed, nn

from empirical.activation_moments import JointAccumulator, JointMoments
from empirical.batch_norm import recalibrated
from empirical.capture import capture
from empirical.reconstruction_probe import CrossValidatedDecoder
from empirical.stop_rule import StopRule
from simulation.results import RunFolder, array_digest
from theory import InputError
from theory.validation import FloatArray, at_least, positive

#: Least inputs of a probe: three quarters are for fitting, and one group of one held-out input tells nothing of noise.
LEAST_INPUTS = 64

_BATCH = 250
# Statistics of batch normalisation from 500 inputs: known to a few per cent, and the same ones at every step.
_CALIBRATION_BATCHES = 2
_GROUPS = 25
_CHECKPOINTS = "step-*.safetensors"


@dataclass(frozen=True)
class ProbeSchedule:
    """The steps that are probed: the first one that a tracker sees, then first * ratio^k, rounded, k = 0, 1, 2, ...

    Attributes:
        first: at least 1. Early steps are close to each other and dear in units of the training between them.
        ratio: above 1.
    """

    first: int = 16
    ratio: float = math.sqrt(2)

    def __post_init__(self) -> None:
        at_least("first", self.first, 1)
        if positive("ratio", self.ratio) <= 1:
            raise InputError(f"ratio: {self.ratio!r} is not accepted; give a number above 1")

    def after(self, step: int) -> int:
        """The first scheduled step that comes after ``step``."""
        power = max(0, math.floor(math.log(max(step, 1) / self.first, self.ratio)))
        while round(self.first * self.ratio**power) <= step:
            power += 1
        return round(self.first * self.ratio**power)


class SubsetProbe:
    """Reconstruction losses of layers on a small set of inputs, always the same and in the same parts.

    Three quarters of the inputs, chosen by a fixed draw, fit ridge decoders at the penalty of generalised
    cross-validation (``CrossValidatedDecoder``); the rest scores them. With so few samples the exact decoder would
    fit noise. The penalty is chosen at every step, also where samples suffice, so that the curve has no jump. Batch
    normalisation is measured anew on the first 500 of the fitting part.

    Args:
        inputs: (n, ...) real numbers as the network takes them, n at least LEAST_INPUTS; a copy is kept on the
            processor.
        layers: names of the network's modules.
        pooled_features: largest number of features of a layer; larger feature maps are average-pooled (see
            ``empirical.capture``).

    Raises:
        InputError: inputs of another type, too few, not finite or without variance.
    """

    def __init__(self, inputs: Tensor | NDArray[Any], layers: Sequence[str], pooled_features: int = 512) -> None:
        kept = torch.as_tensor(inputs).detach()
        if not kept.is_floating_point() or kept.ndim < 2 or kept.shape[0] < LEAST_INPUTS:
            raise InputError(
                f"inputs: have shape {tuple(kept.shape)}, type {kept.dtype}; "
                f"give at least {LEAST_INPUTS} rows of real numbers"
            )
        # A fixed draw, as labels may come in a regular order.
        order = torch.from_numpy(np.random.default_rng(0).permutation(kept.shape[0]))
        # Indexing copies: the caller's tensor may change later on.
        shuffled = kept.cpu().float()[order]
        held_out = shuffled.shape[0] // 4
        self._fitting, self._held_out = shuffled[held_out:], shuffled[:held_out]
        varied = all(bool((part != part[0]).any()) for part in (self._fitting, self._held_out))
        if not (varied and bool(torch.isfinite(shuffled).all())):
            raise InputError("inputs: hold NaN, infinity or hardly a difference; give finite inputs that vary")
        self._held_out_variance = float(self._held_out.flatten(1).double().numpy().var(axis=0).sum())
        self.layers = tuple(layers)
        self._pooled_features = at_least("pooled_features", pooled_features, 1)
        self.digest = array_digest(shuffled.numpy())

    def losses(self, network: nn.Module) -> dict[str, FloatArray]:
        """(G,) losses of each layer on G groups of held-out inputs, in units of L / tr Sigma; their mean is the loss.

        Args:
            network: any module, on any device; it is left as it was.

        Raises:
            InputError: a layer that cannot be captured, NaN or infinity in the activations (the layer is named).
        """
        first = next(network.parameters(), torch.zeros(0))
        with _generators_untouched(first.device), torch.autocast(first.device.type, enabled=False):
            calibration = torch.split(self._fitting[: _CALIBRATION_BATCHES * _BATCH], _BATCH)
            batches = (inputs.to(first.device, first.dtype) for inputs in calibration)
            own = recalibrated(network, batches)
            training = {layer: JointAccumulator(2) for layer in self.layers}
            seen: dict[str, list[Tensor]] = {layer: [] for layer in self.layers}
            for inputs, activations in self._captured(own, self._fitting, first.dtype):
                for layer, rows in activations.items():
                    training[layer].update(rows, inputs, _no_labels(rows))
            for _, activations in self._captured(own, self._held_out, first.dtype):
                for layer, rows in activations.items():
                    seen[layer].append(rows.cpu())
        return {layer: self._scored(training[layer].result(), torch.cat(seen[layer])) for layer in self.layers}

    def _captured(
        self, network: nn.Module, inputs: Tensor, dtype: torch.dtype
    ) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
        """Batches of the inputs, in single precision, and the activations of all layers."""
        parts = torch.split(inputs, _BATCH)
        stream = capture(
            network, self.layers, ((one.to(dtype), _no_labels(one)) for one in parts), self._pooled_features
        )
        for part, captured in zip(parts, stream, strict=True):
            yield part, captured.activations

    def _scored(self, fitted: JointMoments, activations: Tensor) -> FloatArray:
        """(G,) losses of the decoder that cross-validation chooses, in groups of about the same size."""
        predicted = CrossValidatedDecoder.fit(fitted).reconstruct(activations.double().numpy())
        errors = np.square(self._held_out.flatten(1).double().numpy() - predicted).sum(axis=1)
        groups = min(_GROUPS, errors.size)
        sums = np.array([part.sum() for part in np.array_split(errors, groups)])
        return np.asarray(sums * (groups / errors.size / self._held_out_variance), dtype=np.float64)


class PhaseTracker:
    """Watches a training, says which checkpoint to transfer and why, and keeps that checkpoint.

    In a distributed training every process makes one and calls ``update`` at the same steps. All compute, as a network
    may exchange statistics between them, and all take over what the first one found, so that they decide alike; the
    first one writes. The network of each process has to hold all weights: sharded ones are not supported.

    Args:
        network: the module that is trained, as it is, wrapped for distributed training or compiled.
        inputs: (n, ...) a fixed set of what the network is given, normalised as in training; 2,000 images are enough.
        layers: names of its modules, from input to output; the last one decides.
        folder: for step-NNNNNNNN.safetensors, the network's state as it was at the recommended step and at the
            step of the smallest loss; others are removed when a newer one is safe.
        schedule: the steps that are probed.
        pooled_features: as in ``SubsetProbe``.
        stop_after_turning: whether ``should_stop`` ever tells the loop to stop.

    Raises:
        InputError: inputs, layers or a folder that are not accepted.
    """

    def __init__(
        self,
        network: nn.Module,
        inputs: Tensor | NDArray[Any],
        layers: Sequence[str],
        folder: str | Path,
        schedule: ProbeSchedule | None = None,
        pooled_features: int = 512,
        stop_after_turning: bool = False,
    ) -> None:
        self._network = _bare(network)
        self.rule = StopRule(layers)
        # Refuses unknown layers now, not at the first probe.
        capture(self._network, self.rule.layers, ())
        self._probe = SubsetProbe(inputs, self.rule.layers, pooled_features)
        self._folder = RunFolder(Path(folder))
        self._schedule = ProbeSchedule() if schedule is None else schedule
        self._stop_after_turning = stop_after_turning
        self._fault: str | None = None
        self._seconds = self._probe_seconds = 0.0
        self._last_call: float | None = None

    def update(self, step: int) -> None:
        """Probe the network if a probe is due; between probes this costs nothing.

        Args:
            step: number of updates of the weights so far, not less than at the last probe.

        Raises:
            InputError: a step before the last probe. At the first probe also a layer that cannot be captured, weights
                that are not finite, a folder with the checkpoints of another training. A later fault, such as NaN
                in the activations, is a warning that names the layer and the step: it ends the probes, not the
                training.
            OSError: the disk is full.
        """
        started = time.perf_counter()
        if self._last_call is not None:
            self._seconds += started - self._last_call
        last = self.rule.steps[-1] if self.rule.steps else None
        known = at_least("step", step, last or 0)
        if self._fault is None and (last is None or known >= self._schedule.after(last)):
            self._measure(known)
            spent = time.perf_counter() - started
            self._probe_seconds += spent
            self._seconds += spent
        self._last_call = time.perf_counter()

    @property
    def recommendation(self) -> int | None:
        """The step whose checkpoint to transfer: see ``StopRule.recommendation``."""
        return self.rule.recommendation

    @property
    def reason(self) -> str:
        """Why, in one line."""
        return self.rule.reason if self._fault is None else f"{self.rule.reason}; probes ended at {self._fault}"

    @property
    def checkpoint(self) -> Path | None:
        """The file of the recommended step; None before there is one."""
        step = self.recommendation
        file = None if step is None else self._folder.path / _file_name(step)
        return file if file is not None and file.is_file() else None

    @property
    def should_stop(self) -> bool:
        """Whether the loop is to stop: a turning point has been passed, and a stop was asked for at construction."""
        return self._stop_after_turning and self.rule.turned

    @property
    def share(self) -> float:
        """Time of the probes over the time of everything else between the first and the last call of ``update``.

        NaN before the second call.
        """
        rest = self._seconds - self._probe_seconds
        return self._probe_seconds / rest if rest > 0 else float("nan")

    def state_dict(self) -> dict[str, Any]:
        """All that a tracker of the same training needs to go on, as values that JSON keeps exactly."""
        return {
            "rule": self.rule.state_dict(),
            "inputs": self._probe.digest,
            "fault": self._fault,
            "seconds": self._seconds,
            "probe_seconds": self._probe_seconds,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from the state of a tracker of the same layers and inputs.

        Raises:
            InputError: a state of other layers or inputs, or a damaged one; the tracker is left as it was then.
        """
        try:
            digest, fault, rule = state["inputs"], state["fault"], state["rule"]
            seconds, probe_seconds = float(state["seconds"]), float(state["probe_seconds"])
        except (KeyError, TypeError, ValueError):
            raise InputError("state: is no state of a tracker; give what state_dict returned") from None
        if digest != self._probe.digest:
            raise InputError("state: was measured on other inputs; give the inputs of the first run")
        self.rule.load_state_dict(rule)
        self._fault, self._seconds, self._probe_seconds = fault, seconds, probe_seconds
        self._last_call = None

    def _measure(self, step: int) -> None:
        losses, fault = _of_first_process(self._losses_or_fault())
        if fault is not None:
            named = f"step {step:,}: {fault}"
            if not self.rule.steps:
                raise InputError(named)
            self._fault = named
            warnings.warn(f"the phases are no longer tracked: {named}", RuntimeWarning, stacklevel=3)
            return
        self.rule.update(step, losses)
        if _process() == 0:
            self._keep(step)

    def _losses_or_fault(self) -> tuple[dict[str, FloatArray], str | None]:
        try:
            if not self.rule.steps and any(self._folder.path.glob(_CHECKPOINTS)):
                raise InputError(
                    f"folder: {self._folder.path} holds checkpoints of another training; give a new folder, or load "
                    "the tracker's state"
                )
            return self._probe.losses(self._network), None
        except InputError as error:
            return {}, str(error)

    def _keep(self, step: int) -> None:
        """Write the network if it may be asked for; then remove what no longer can be."""
        lowest = self.rule.reading(self.rule.deciding_layer).lowest_step
        wanted = {lowest, self.rule.recommendation}
        if step in wanted:
            tensors = {
                name: one.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
                for name, one in self._network.state_dict().items()
                if isinstance(one, Tensor)
            }
            self._folder.write(_file_name(step), lambda path: save_file(tensors, path, {"step": str(step)}))
        for old in set(self.rule.steps) - wanted:
            (self._folder.path / _file_name(old)).unlink(missing_ok=True)


def _file_name(step: int) -> str:
    return f"step-{step:08d}.safetensors"


def _bare(network: nn.Module) -> nn.Module:
    """The module inside the wrappers of distributed training and compilation, which know its layers by other names."""
    if isinstance(network, nn.parallel.DistributedDataParallel | nn.DataParallel):
        return _bare(cast(nn.Module, network.module))
    inside = getattr(network, "_orig_mod", None)
    return _bare(inside) if isinstance(inside, nn.Module) else network


def _no_labels(rows: Tensor) -> Tensor:
    """Reconstruction asks for no labels."""
    return torch.zeros(rows.shape[0], dtype=torch.int64)


def _generators_untouched(device: torch.device) -> Any:
    """Random numbers that a network draws in its forward pass are not taken from the training's."""
    if device.type == "cpu":
        return torch.random.fork_rng(devices=[])
    return torch.random.fork_rng(devices=[device], device_type=device.type)


def _is_distributed() -> bool:
    return distributed.is_available() and distributed.is_initialized()


def _process() -> int:
    return distributed.get_rank() if _is_distributed() else 0


def _of_first_process(found: tuple[dict[str, FloatArray], str | None]) -> tuple[dict[str, FloatArray], str | None]:
    """What the first process found, in all of them."""
    if not _is_distributed():
        return found
    box = [found]
    distributed.broadcast_object_list(box, src=0)
    return box[0]
