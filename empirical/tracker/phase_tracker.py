"""Tracks the phases in any training loop: probes a small fixed set of inputs now and then and says when to stop.

    tracker = PhaseTracker(network, images, ["block5"], "tracked")
    for step, batch in enumerate(batches):
        tracker.update(step)
        ...  # the loop as it was

The training is only watched: a probe leaves the network and the process as they were (see ``undisturbed``), and a
fault of a probe ends the probes, not the training. The steps that are probed depend on the steps alone, not on a clock,
so that two runs of one training get the same advice; what the probes cost is measured and reported.
"""

from __future__ import annotations

import math
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from torch import Tensor, distributed, nn

from empirical.networks.module_names import checked_network, named_layers, uninitialised
from empirical.networks.row_rule import Rows, rules_for
from empirical.tracker.checkpoint_keeper import CheckpointKeeper
from empirical.tracker.stop_rule import StopRule
from empirical.tracker.subset_probe import LEAST_INPUTS, SubsetProbe
from theory import InputError
from theory.validation import FloatArray, at_least, positive, quoted

__all__ = ["LEAST_INPUTS", "PhaseTracker", "ProbeSchedule", "SubsetProbe"]


@dataclass(frozen=True)
class ProbeSchedule:
    """The steps that are probed: the first one that a tracker sees, then first * ratio^k, rounded, k = 0, 1, 2, ...

    Attributes:
        first: from 1 to 10^15. Early steps are close to each other and expensive in units of the training between them.
        ratio: above 1.
    """

    first: int = 16
    ratio: float = math.sqrt(2)

    def __post_init__(self) -> None:
        if at_least("first", self.first, 1) > 10**15:
            raise InputError(f"first: {quoted(self.first)} is not accepted; give at most 10^15")
        if positive("ratio", self.ratio) <= 1:
            raise InputError(f"ratio: {quoted(self.ratio)} is not accepted; give a number above 1")

    def after(self, step: int) -> int:
        """The first scheduled step that comes after ``step``."""
        if step < self.first:
            return self.first
        if step >= sys.maxsize:
            return step + 1
        # first * ratio^power rounds to more than step from step + 1/2 on; a power less, as logarithms are rounded.
        power = math.ceil(math.log((step + 0.5) / self.first) / math.log(self.ratio)) - 1
        while (found := self._at(max(power, 0))) <= step:
            power += 1
        return found

    def _at(self, power: int) -> int:
        try:
            return round(self.first * self.ratio**power)
        except OverflowError:  # a step that no training reaches
            return sys.maxsize


class PhaseTracker:
    """Watches a training, says which checkpoint to transfer and why, and keeps that checkpoint.

    In a distributed training every process makes one and calls ``update`` at the same steps. All compute, as a network
    may exchange statistics between them, and all take over what the first one found, so that they decide alike; the
    first one writes. The network of each process has to hold all weights: sharded ones are not supported.

    Args:
        network: the module that is trained, as it is, wrapped for distributed training or compiled.
        inputs: (n, ...) a fixed set of what the network is given, normalised as in training, or a dictionary of them as
            Hugging Face's tokenizers give it; 2,000 are enough. Token identities are reconstructed as one-hot vectors
            (see ``probe_inputs``).
        layers: names of its modules, from input to output, with or without the prefixes of wrappers; the last one
            decides.
        folder: for step-NNNNNNNN.safetensors, the network's state as it was at the recommended step and at the
            step of the smallest loss; others are removed when a newer one is safe.
        schedule: the steps that are probed.
        pooled_features: as in ``SubsetProbe``, and so are rows, target and batch_size.
        stop_after_turning: whether ``should_stop`` is ever true.
        rows: what becomes a row of a layer's activations: flattened, or the mean, first or last token.
        target: what is reconstructed, where inputs have several entries.
        batch_size: of a network that takes batches of one size alone.
        overwrite: whether the checkpoints of another training in the folder are removed, once the first one of this
            training is safe. A resumed training keeps them.

    Raises:
        InputError: arguments that are not accepted.
    """

    def __init__(
        self,
        network: nn.Module,
        inputs: Tensor | NDArray[Any] | Mapping[str, Any],
        layers: Sequence[str],
        folder: str | Path,
        schedule: ProbeSchedule | None = None,
        pooled_features: int = 512,
        stop_after_turning: bool = False,
        *,
        rows: Rows = None,
        target: str | Tensor | NDArray[Any] | None = None,
        batch_size: int | None = None,
        overwrite: bool = False,
    ) -> None:
        self._network = checked_network("network", network)
        # Refuses unknown layers now, not at the first probe.
        own = tuple(named_layers(self._network, layers))
        rules_for(rows, own)
        if not isinstance(schedule, ProbeSchedule | None):
            raise InputError(f"schedule: {quoted(schedule)} is not accepted; give a ProbeSchedule")
        for name, flag in (("stop_after_turning", stop_after_turning), ("overwrite", overwrite)):
            if not isinstance(flag, bool):
                raise InputError(f"{name}: {quoted(flag)} is not accepted; give True or False")
        self.rule = StopRule(own)
        self._probe = SubsetProbe(inputs, own, pooled_features, rows, target, batch_size)
        self._keeper = CheckpointKeeper(folder)
        self._schedule = ProbeSchedule() if schedule is None else schedule
        self._stop_after_turning = stop_after_turning
        self._overwrite = overwrite
        self._fault: str | None = None
        self._not_kept: dict[int, str] = {}
        self._waited = False
        self._resumed_at: int | None = None
        self._seconds = self._probe_seconds = 0.0
        self._last_call: float | None = None

    def update(self, step: int) -> None:
        """Probe the network if a probe is due; between probes this costs nothing.

        What a probe raises, except an interrupt, is a warning with the step and the reason: it ends the probes, not the
        training. A checkpoint that cannot be written is one likewise, and the probes go on. A network that waits for
        its first forward pass is probed after it.

        Args:
            step: number of updates of the weights so far, not less than at the last probe.

        Raises:
            InputError: a step before the last probe. At the first probe, where nothing is lost yet, also a layer that
                cannot be captured, weights that are not finite, a folder with the checkpoints of another training.
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
        elif known == self._resumed_at and known == self.recommendation and self.checkpoint is None:
            self._keep(known)
        self._last_call = time.perf_counter()

    @property
    def network(self) -> nn.Module:
        """The watched module, without wrappers."""
        return self._network

    @property
    def widths(self) -> dict[str, str]:
        """What the last probe did to each layer's output to get its features, in words."""
        return dict(self._probe.widths)

    @property
    def recommendation(self) -> int | None:
        """The step whose checkpoint to transfer: see ``StopRule.recommendation``."""
        return self.rule.recommendation

    @property
    def reason(self) -> str:
        """Why, in one line; also why there is no checkpoint, or why probes have ended."""
        parts = [self.rule.reason]
        step = self.recommendation
        if step is not None and self.checkpoint is None and _process() == 0:
            why = self._not_kept.get(step, "it was removed after a later measurement, or lies in another folder")
            parts.append(f"there is no checkpoint of step {step:,} in {self._keeper.path}: {why}")
        if self._fault is not None:
            parts.append(f"probes ended at {self._fault}")
        return "; ".join(parts)

    @property
    def checkpoint(self) -> Path | None:
        """The file of the recommended step; None before there is one, or where ``reason`` says why there is none."""
        step = self.recommendation
        file = None if step is None else self._keeper.file(step)
        return file if file is not None and file.is_file() else None

    @property
    def should_stop(self) -> bool:
        """Whether the loop is to stop: a turning point has been passed, and ``stop_after_turning`` is set."""
        return self._stop_after_turning and self.rule.turned

    @property
    def share(self) -> float:
        """Time of the probes over the time of everything else between the first and the last call of ``update``.

        NaN before the second call.
        """
        rest = self._seconds - self._probe_seconds
        return self._probe_seconds / rest if rest > 0 else float("nan")

    def state_dict(self) -> dict[str, Any]:
        """All that a tracker of the same training needs to resume, as values that JSON stores exactly."""
        return {
            "rule": self.rule.state_dict(),
            "inputs": self._probe.digest,
            "fault": self._fault,
            "seconds": self._seconds,
            "probe_seconds": self._probe_seconds,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Resume from the state of a tracker of the same layers and inputs.

        The checkpoints stay in the folder. One that the state recommends may have been removed since, if the training
        went on after it: ``reason`` says so. It is written again if the training goes on from that very step.

        Raises:
            InputError: a state of other layers or inputs, or a damaged one; the tracker is left as it was then.
        """
        try:
            digest, fault, rule = state["inputs"], state["fault"], state["rule"]
            seconds, probe_seconds = float(state["seconds"]), float(state["probe_seconds"])
        except (KeyError, TypeError, ValueError, IndexError):
            raise InputError("state: is no state of a tracker; give what state_dict returned") from None
        if not isinstance(fault, str | None):
            raise InputError("state: is no state of a tracker; give what state_dict returned")
        if digest != self._probe.digest:
            raise InputError("state: was measured on other inputs; give the inputs of the first run")
        self.rule.load_state_dict(rule)
        self._fault, self._seconds, self._probe_seconds = fault, seconds, probe_seconds
        self._last_call = None
        self._not_kept = {}
        self._resumed_at = self.rule.steps[-1] if self.rule.steps else None

    def _measure(self, step: int) -> None:
        losses, fault, kind = _of_first_process(self._losses_or_fault())
        if kind == _POSTPONED:
            if not self._waited:
                warnings.warn(f"not probed at step {step:,}: {fault}", RuntimeWarning, stacklevel=3)
            self._waited = True
            return
        if fault is None:
            try:
                self.rule.update(step, losses)
            except InputError as error:
                fault = str(error)
        if fault is not None:
            named = f"step {step:,}: {fault}"
            if not self.rule.steps and kind == _INPUT:
                raise InputError(named)
            self._fault = named
            warnings.warn(f"the phases are no longer tracked: {named}", RuntimeWarning, stacklevel=3)
            return
        if _process() == 0:
            self._keep(step)

    def _losses_or_fault(self) -> tuple[dict[str, FloatArray], str | None, str]:
        """The losses, or else what was wrong and of which kind it is."""
        try:
            if not self.rule.steps and not self._overwrite and self._keeper.files():
                raise InputError(
                    f"folder: {self._keeper.path} holds checkpoints of another training; give a new folder, or "
                    "overwrite=True to replace them, or load the tracker's state to resume"
                )
            waiting = uninitialised(self._network)
            if waiting is not None:
                return {}, f"{waiting} of the network waits for its first forward pass", _POSTPONED
            return self._probe.losses(self._network), None, _NONE
        except InputError as error:
            return {}, str(error), _INPUT
        except Exception as error:  # the training must not end with its observer
            return {}, _described(error), _OTHER

    def _keep(self, step: int) -> None:
        """Write the network if it may be asked for; then remove what no longer can be."""
        lowest = self.rule.reading(self.rule.deciding_layer).lowest_step
        wanted = {lowest, self.rule.recommendation}
        first = len(self.rule.steps) == 1
        try:
            if step in wanted:
                self._keeper.write(step, self._network)
            kept = {self._keeper.file(one) for one in wanted if one is not None}
            if first and self._overwrite:
                self._keeper.remove(file for file in self._keeper.files() if file not in kept)
            self._keeper.remove(self._keeper.file(old) for old in set(self.rule.steps) - wanted)
        except Exception as error:
            self._not_kept[step] = f"writing it failed ({_described(error)})"
            if len(self._not_kept) == 1:
                text = f"the checkpoint of step {step:,} is not kept: {_described(error)}"
                warnings.warn(text, RuntimeWarning, stacklevel=4)


# Kinds of faults of a probe.
_NONE, _INPUT, _OTHER, _POSTPONED = "none", "input", "other", "postponed"


def _described(error: Exception) -> str:
    """Describe an exception in one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _is_distributed() -> bool:
    return distributed.is_available() and distributed.is_initialized()


def _process() -> int:
    return distributed.get_rank() if _is_distributed() else 0


def _of_first_process(
    found: tuple[dict[str, FloatArray], str | None, str],
) -> tuple[dict[str, FloatArray], str | None, str]:
    """Broadcast the results of the first process to all."""
    if not _is_distributed():
        return found
    box = [found]
    distributed.broadcast_object_list(box, src=0)
    return box[0]
