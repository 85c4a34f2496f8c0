"""Tracks the phases in any training loop: probes a small fixed set of inputs now and then and says when to stop.

    tracker = PhaseTracker(network, images, ["block5"], "tracked")
    for step, batch in enumerate(batches):
        tracker.update(step)
        ...  # the loop as it was

The training is only watched: a probe leaves the network and the process as they were (see ``undisturbed``), and a
fault of a probe ends the probes, not the training. The steps that are probed depend on the steps alone, not on a clock,
so that two runs of one training get the same advice; what the probes cost is measured and reported. A ``budget`` of
time is another bargain: it holds on every machine, and the steps differ with the machine.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor, nn

from empirical.networks.module_names import checked_network, named_layers, uninitialised
from empirical.networks.row_rule import Rows, rules_for
from empirical.networks.undisturbed import undisturbed
from empirical.tracker.checkpoint_keeper import CheckpointKeeper
from empirical.tracker.probe_schedule import CHEAP_FROM, ProbeSchedule
from empirical.tracker.probed import INPUT, OTHER, POSTPONED, Probed, described_error, of_first_process, process
from empirical.tracker.stop_rule import StopRule
from empirical.tracker.subset_probe import LEAST_INPUTS, SubsetProbe
from empirical.tracker.target_watch import TargetWatch
from empirical.tracker.tracked_curve import curve_content, draw_tracked
from theory import InputError
from theory.validation import at_least, non_negative, positive, quoted

__all__ = ["LEAST_INPUTS", "PhaseTracker", "ProbeSchedule", "SubsetProbe"]


class PhaseTracker:
    """Watches a training, says which checkpoint to transfer and why, and keeps that checkpoint.

    In a distributed training every process makes one and calls ``update`` at the same steps. All compute, as a network
    may exchange statistics between them, and all take over what the first one found, so that they decide alike; the
    first one writes. The network of each process has to hold all weights: sharded ones are not supported.

    Args:
        network: the module that is trained, as it is, wrapped for distributed training or compiled.
        inputs: (n, ...) a fixed set of what the network is given, normalised as in training, or a dictionary of them as
            Hugging Face's tokenizers give it; 2,000 are enough. Token identities are reconstructed as one-hot vectors
            (see ``empirical.data.reconstructed``).
        layers: names of its modules, from input to output, with or without the prefixes of wrappers; the last one
            decides.
        folder: for step-NNNNNNNN.safetensors, the network's state as it was at the recommended step and at the
            step of the smallest loss; others are removed when a newer one is safe.
        schedule: the steps that are probed.
        pooled_features: as in ``SubsetProbe``, and so are rows and batch_size.
        stop_after_turning: whether ``should_stop`` is ever true.
        rows: what becomes a row of a layer's activations: flattened, or the mean, first or last token.
        reconstruct: what is reconstructed, where inputs have several entries; ``target`` of ``SubsetProbe``.
        batch_size: of a network that takes batches of one size alone.
        overwrite: whether the checkpoints of another training in the folder are removed, once the first one of this
            training is safe. A resumed training keeps them.
        target: inputs and labels (classes or numbers) of the task to transfer to. It then decides, in place of the
            reconstruction: see ``TargetWatch``.
        budget: largest share of the training's time that a probe may take, from step CHEAP_FROM on: no probe comes
            before the training since the last one has taken that probe's time over ``budget``. The steps then depend on
            a clock, and differ from run to run. None leaves it to the schedule.
        accuracy: of the training task, a function of the network in evaluation mode; ``reason`` says what the
            recommended step costs of it.

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
        reconstruct: str | Tensor | NDArray[Any] | None = None,
        batch_size: int | None = None,
        overwrite: bool = False,
        target: object = None,
        accuracy: Callable[[nn.Module], float] | None = None,
        budget: float | None = None,
    ) -> None:
        self._network = checked_network("network", network)
        # Refuses unknown layers now, not at the first probe.
        own = tuple(named_layers(self._network, layers))
        rules = rules_for(rows, own)
        if not isinstance(schedule, ProbeSchedule | None):
            raise InputError(f"schedule: {quoted(schedule)} is not accepted; give a ProbeSchedule")
        for name, flag in (("stop_after_turning", stop_after_turning), ("overwrite", overwrite)):
            if not isinstance(flag, bool):
                raise InputError(f"{name}: {quoted(flag)} is not accepted; give True or False")
        self.rule = StopRule(own)
        self._probe = SubsetProbe(inputs, own, pooled_features, rows, reconstruct, batch_size)
        self._watch = None if target is None else TargetWatch(target, own[-1], pooled_features, rules[own[-1]])
        if not (accuracy is None or callable(accuracy)):
            raise InputError(f"accuracy: {quoted(accuracy)} is not accepted; give a function of the network")
        self._accuracy = accuracy
        self._budget = None if budget is None else positive("budget", budget)
        self._accuracies: dict[int, float] = {}
        self._keeper = CheckpointKeeper(folder)
        self._schedule = ProbeSchedule() if schedule is None else schedule
        self._stop_after_turning = stop_after_turning
        self._overwrite = overwrite
        self._fault: str | None = None
        self._not_kept: dict[int, str] = {}
        self._waited = False
        self._resumed_at: int | None = None
        self._seconds = self._probe_seconds = 0.0
        self._last_cost = self._rest_at_last = 0.0
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
        if self._fault is None and (last is None or (known >= self._schedule.after(last) and self._affordable(last))):
            self._measure(known)
            spent = time.perf_counter() - started
            self._probe_seconds += spent
            self._seconds += spent
            self._last_cost, self._rest_at_last = spent, self._seconds - self._probe_seconds
        elif known == self._resumed_at and known == self.recommendation and self.checkpoint is None:
            self._keep(known)
        self._last_call = time.perf_counter()

    def _affordable(self, last: int) -> bool:
        """Whether the training since the probe of step ``last`` has taken long enough for another one."""
        if self._budget is None or last < CHEAP_FROM:
            return True
        rest = self._seconds - self._probe_seconds - self._rest_at_last
        return of_first_process(self._last_cost <= self._budget * rest)

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
        """The step whose checkpoint to transfer: that of the target, or else of ``StopRule.recommendation``."""
        return self.rule.recommendation if self._watch is None else self._watch.recommendation

    @property
    def reason(self) -> str:
        """Why, in one line; also why there is no checkpoint, or why probes have ended."""
        parts = [self.rule.reason]
        step = self.recommendation
        if self._watch is not None:
            parts.insert(0, self._watch.reason)
        elif self.rule.turned:
            parts.append("this holds for tasks that need what the classifier forgets, not for ones like its own")
        if step in self._accuracies and self.rule.steps[-1] in self._accuracies:
            own, latest = self._accuracies[step], self._accuracies[self.rule.steps[-1]]
            parts.append(
                f"accuracy of the training task: {own:.3f} there, {latest:.3f} at step {self.rule.steps[-1]:,}"
            )
        if step is not None and self.checkpoint is None and process() == 0:
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
            "target": None if self._watch is None else self._watch.state_dict(),
            "accuracy": [[step, value] for step, value in self._accuracies.items()],
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
            accuracies = {int(step): float(value) for step, value in state.get("accuracy", ())}
        except (KeyError, TypeError, ValueError, IndexError):
            raise InputError("state: is no state of a tracker; give what state_dict returned") from None
        if not isinstance(fault, str | None):
            raise InputError("state: is no state of a tracker; give what state_dict returned")
        if digest != self._probe.digest:
            raise InputError("state: was measured on other inputs; give the inputs of the first run")
        loaded = StopRule(self.rule.layers)
        loaded.load_state_dict(rule)
        if self._watch is not None:
            self._watch.load_state_dict(state.get("target"))
        self.rule = loaded
        self._accuracies = accuracies
        self._fault, self._seconds, self._probe_seconds = fault, seconds, probe_seconds
        self._last_cost, self._rest_at_last = 0.0, seconds - probe_seconds
        self._last_call = None
        self._not_kept = {}
        self._resumed_at = self.rule.steps[-1] if self.rule.steps else None

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw the curves so far over log steps, the recommended step marked; into ``path`` where one is given."""
        figure = draw_tracked(self.rule, self._watch, self.recommendation)
        if path is not None:
            figure.savefig(path, dpi=150)
        return figure

    def __repr__(self) -> str:
        """What is watched, and what was found so far."""
        known = len(self.rule.steps)
        latest = f", latest step {self.rule.steps[-1]:,}" if known else ""
        return (
            f"<PhaseTracker of {', '.join(self.rule.layers)}: {known} measurements{latest}, "
            f"recommends step {self.recommendation}>"
        )

    def _measure(self, step: int) -> None:
        found = of_first_process(self._measured_or_fault())
        if found.kind == POSTPONED:
            if not self._waited:
                warnings.warn(f"not probed at step {step:,}: {found.fault}", RuntimeWarning, stacklevel=3)
            self._waited = True
            return
        fault = found.fault
        if fault is None:
            try:
                self.rule.update(step, found.losses)
            except InputError as error:
                fault = str(error)
        if fault is not None:
            named = f"step {step:,}: {fault}"
            if not self.rule.steps and found.kind == INPUT:
                raise InputError(named)
            self._fault = named
            warnings.warn(f"the phases are no longer tracked: {named}", RuntimeWarning, stacklevel=3)
            return
        if self._watch is not None and found.target is not None:
            self._watch.update(step, found.target)
        if found.accuracy is not None:
            self._accuracies[step] = found.accuracy
        if process() == 0:
            self._keep(step)

    def _measured_or_fault(self) -> Probed:
        """The measurements of the network as it is, or else what was wrong and of which kind it is."""
        try:
            if not self.rule.steps and not self._overwrite and self._keeper.files():
                raise InputError(
                    f"folder: {self._keeper.path} holds checkpoints of another training; give a new folder, or "
                    "overwrite=True to replace them, or load the tracker's state to resume"
                )
            waiting = uninitialised(self._network)
            if waiting is not None:
                return Probed(fault=f"{waiting} of the network waits for its first forward pass", kind=POSTPONED)
            losses = self._probe.losses(self._network)
            target = None if self._watch is None else self._watch.measured(self._network)
            return Probed(losses, target, self._own_accuracy())
        except InputError as error:
            return Probed(fault=str(error), kind=INPUT)
        except Exception as error:  # the training must not end with its observer
            return Probed(fault=described_error(error), kind=OTHER)

    def _own_accuracy(self) -> float | None:
        if self._accuracy is None:
            return None
        with undisturbed(self._network):
            return non_negative("accuracy", self._accuracy(self._network))

    def _keep(self, step: int) -> None:
        """Write the network if it may be asked for; then remove what no longer can be."""
        lowest = self.rule.reading(self.rule.deciding_layer).lowest_step
        own = set() if self._watch is None else {self._watch.leading, self._watch.recommendation}
        wanted = {lowest, self.rule.recommendation, *own}
        first = len(self.rule.steps) == 1
        try:
            if step in wanted:
                self._keeper.write(step, self._network)
            kept = {self._keeper.file(one) for one in wanted if one is not None}
            if first and self._overwrite:
                self._keeper.remove(file for file in self._keeper.files() if file not in kept)
            self._keeper.remove(self._keeper.file(old) for old in set(self.rule.steps) - wanted)
            self._keeper.write_curve(curve_content(self.rule, self._watch, self._accuracies, self.recommendation))
        except Exception as error:
            self._not_kept[step] = f"writing it failed ({described_error(error)})"
            if len(self._not_kept) == 1:
                text = f"the checkpoint of step {step:,} is not kept: {described_error(error)}"
                warnings.warn(text, RuntimeWarning, stacklevel=4)
