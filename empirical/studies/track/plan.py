"""Plans of tracked trainings: networks, their training and their probes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from empirical.networks.network_training import TrainingPlan, checkpoint_steps
from empirical.networks.networks import build_network, layer_names
from empirical.probes.on_request import requested_probe
from empirical.probes.standard import ProbePlan
from theory import InputError
from theory.validation import IntArray, at_least, whole_numbers

#: Most networks of one run.
LARGEST_SEEDS = 1_000

# Seeds of torch's generators are below it.
_SEEDS_END = 2**63


@dataclass(frozen=True)
class TrackPlan:
    """The networks to train, and how each is measured.

    Attributes:
        training: of every network, apart from the seed.
        probe: of every checkpoint; without layers, every block of the network is measured.
        seeds: number of networks, of seeds 0, 1, ... counted from the training plan's.
        also: probes made on request, by name (``empirical.probes.on_request``).
        also_stride: these are made at every n-th checkpoint, counted back from the last.
        classes: that are trained on, the others being held out as a task of transfer; None trains on all.

    Raises:
        InputError: a value out of its range, an unknown network or probe.
    """

    training: TrainingPlan = field(default_factory=TrainingPlan)
    probe: ProbePlan = field(default_factory=ProbePlan)
    seeds: int = 1
    also: tuple[str, ...] = ()
    also_stride: int = 1
    classes: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if at_least("seeds", self.seeds, 1) > LARGEST_SEEDS:
            raise InputError(f"seeds: {self.seeds} is not accepted; give an integer from 1 to {LARGEST_SEEDS}")
        if self.training.seed + self.seeds > _SEEDS_END:
            raise InputError(f"seed: {self.training.seed} with {self.seeds} seeds goes beyond 2^63 - 1; give less")
        at_least("also_stride", self.also_stride, 1)
        for name in self.also:
            requested_probe(name)
        if self.classes is not None:
            whole_numbers("classes", self.classes, 0)
        if not self.probe.layers:
            every = layer_names(build_network(self.training.network, 2))
            object.__setattr__(self, "probe", replace(self.probe, layers=every))

    @property
    def steps(self) -> IntArray:
        """(T,) the checkpoints' steps."""
        return checkpoint_steps(self.training.steps)

    @property
    def also_steps(self) -> IntArray:
        """The steps at which probes are made on request."""
        return self.steps[:: -self.also_stride][::-1]
