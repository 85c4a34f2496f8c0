"""The measurements of tracked trainings, by layer and measure, and the phases of their layers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from empirical.probes.measures import RECONSTRUCTION, Measure, Measurement
from empirical.studies.track.plan import TrackPlan
from empirical.tracker.phase_reading import PhaseReading, read_phases
from theory import InputError
from theory.validation import FloatArray

#: For every seed, for every checkpoint, its measurements.
Rows = tuple[tuple[tuple[Measurement, ...], ...], ...]


@dataclass(frozen=True, eq=False)
class TrackedTrainings:
    """Measurements of all checkpoints of all seeds.

    Attributes:
        plan: of the trainings.
        data: name of what was trained on.
        rows: for every seed, for every checkpoint, its measurements.
        readings: for every layer the phases of its reconstruction loss, as they were read after the training.
    """

    plan: TrackPlan
    data: str
    rows: Rows
    readings: dict[str, PhaseReading]

    def values(self, layer: str, measure: Measure) -> FloatArray:
        """(seed, T) values of one measure of one layer; NaN where a probe on request was not made.

        Raises:
            InputError: it was not measured.
        """
        known = self.measures(layer)
        if measure not in known:
            names = ", ".join(one.name for one in known) or "none: no such layer"
            raise InputError(f"measure: {measure.name!r} of {layer!r} was not measured; give one of {names}")
        return values_of(self.rows, layer, measure)

    def measures(self, layer: str) -> list[Measure]:
        """The measures of a layer, read at the last checkpoint, where none is left out."""
        return [row.measure for row in self.rows[0][-1] if row.layer == layer]

    def tasks(self, layer: str) -> list[str]:
        """The tasks whose linear probes of a layer were scored."""
        return [one.task for one in self.measures(layer) if one.task is not None]

    @property
    def last_layer(self) -> str:
        """The last of the plan's layers."""
        return self.plan.probe.layers[-1]


def readings_of(plan: TrackPlan, rows: Rows) -> dict[str, PhaseReading]:
    """The phases of every layer's reconstruction loss.

    Args:
        plan: with the steps and layers.
        rows: for every seed, for every checkpoint, its measurements.
    """
    return {layer: read_phases(plan.steps, values_of(rows, layer, RECONSTRUCTION)) for layer in plan.probe.layers}


def values_of(rows: Rows, layer: str, measure: Measure) -> FloatArray:
    """(seed, T) values of one measure of one layer; NaN where there is none.

    Args:
        rows: of every seed and step.
        layer: its name.
        measure: what was measured.
    """
    found = [
        [next((row.value for row in own if (row.layer, row.measure) == (layer, measure)), np.nan) for own in seed]
        for seed in rows
    ]
    return np.asarray(found, dtype=np.float64)
