"""The phase diagram of theory.curves.phase_diagram with simulated networks as points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from simulation.training.batches import FullBatch
from simulation.training.sampling import sample_with_exact_moments
from simulation.training.training import Status, check_weights, initial_weights, train
from theory import Curve, InputError, OneOutput, Regime, SquaredError, regime_of
from theory.curves.phase_diagram import ScaleFamily, alignment_range, network_with_alignment, regimes_at
from theory.data.data_model import DataModel
from theory.data.memory_limit import array_bytes, check_memory
from theory.progress import Progress, silent
from theory.validation import FloatArray, at_least, positive

#: A point is near a border if a change of an axis by this share changes the predicted regime.
NEAR = 0.1


#: Samples for each direction, and eta lambda_1.
SAMPLES_PER_DIRECTION, STEP_SHARE = 4, 0.5

#: Most training steps per point: with more, the 225 points take half a day.
MOST_STEPS = 100_000

# Initialisation scales, which train together.
_SCALES = 15

# Arrays of the size of the samples that are held at once while they are given exact moments.
_SAMPLE_COPIES = 4


@dataclass(frozen=True, eq=False)
class DiagramGrid:
    """Where networks are trained: spectrum (d,), scales (X,), alignments (Y,), and the smallest move that counts."""

    eigenvalues: FloatArray
    scaled: FloatArray
    alignments: FloatArray
    resolution: float


def diagram_grid(dimension: int, alpha: float, replicas: int = 1) -> DiagramGrid:
    """Fifteen scales from 0.003 to 30 by fifteen alignments, from a misaligned to an aligned signal.

    Args:
        dimension: d of the spectrum lambda_i = i^-alpha, at least 8.
        alpha: its exponent, positive.
        replicas: draws of W(0) per point, for which there must be memory.

    Raises:
        InputError: replicas or samples that do not fit in memory; a dimension below 8; an exponent that is not
            positive, or with which the last mode takes more than MOST_STEPS to saturate.
    """
    check_weights(_SCALES * at_least("replicas", replicas, 1), 1, at_least("dimension", dimension, 8))
    samples = array_bytes((SAMPLES_PER_DIRECTION * dimension, dimension))
    check_memory("dimension", _SAMPLE_COPIES * samples, "give a smaller one")
    if positive("alpha", alpha) * np.log(dimension) > np.log(MOST_STEPS / saturation_steps(1.0)):
        raise InputError(
            f"alpha: at {alpha:g} the last of {dimension} modes takes more than {MOST_STEPS:,} steps to saturate; give "
            f"at most {np.log(MOST_STEPS / saturation_steps(1.0)) / np.log(dimension):.2f}, or a smaller dimension"
        )
    ranks = np.arange(1, dimension + 1, dtype=np.float64)
    eigenvalues = np.asarray(ranks ** -positive("alpha", alpha), dtype=np.float64)
    lowest, highest = alignment_range(eigenvalues)
    scaled = np.geomspace(0.003, 30, _SCALES)
    alignments = np.geomspace(lowest * 1.15, min(highest / 1.15, 4.0), 15)
    # One output explains little of the variance: a twentieth of the level of a random one is resolved.
    resolution = float(0.05 * np.sum(eigenvalues**2) / eigenvalues.sum() ** 2)
    return DiagramGrid(eigenvalues, np.asarray(scaled), np.asarray(alignments), resolution)


@dataclass(frozen=True)
class DiagramPoint:
    """One simulated ensemble.

    Attributes:
        scaled: initialisation scale, lambda_1 s1.
        alignment: R2 / R0.
        predicted: regime of the annealed curve.
        measured: regime of the mean curve of the networks.
        near_border: whether 10 % of change in an axis changes the prediction.
        reproduced: whether the mean curves of two halves of the draws have the same regime; None with one draw.
    """

    scaled: float
    alignment: float
    predicted: Regime
    measured: Regime
    near_border: bool
    reproduced: bool | None = None

    @property
    def agrees(self) -> bool:
        """Whether the measured regime is the predicted one."""
        return self.predicted == self.measured


def simulate_diagram(grid: DiagramGrid, replicas: int, seed: int, progress: Progress = silent) -> list[DiagramPoint]:
    """Train one-output networks on squared error over a grid of scales and alignments.

    All scales of an alignment train together, by full-batch gradient descent at eta lambda_1 = 1/2 on
    samples with exactly the moments of the model, until its last mode has saturated.

    Args:
        grid: spectrum, scales, alignments that the spectrum allows, and the smallest move that counts.
        replicas: draws of W(0) per point.
        seed: of W(0) and of the samples.
        progress: shows how many alignments are done.
    """
    at_least("replicas", replicas, 1)
    at_least("seed", seed, 0)
    eigenvalues, scaled, resolution = grid.eigenvalues, grid.scaled, grid.resolution
    check_weights(replicas * len(scaled), 1, len(eigenvalues))
    points = []
    for alignment in progress([float(value) for value in grid.alignments], "train"):
        network = network_with_alignment(eigenvalues, alignment)
        curves = _trained(network, scaled, replicas, seed)
        predicted = regimes_at(ScaleFamily.from_network(network), scaled, resolution)
        near = _near_border(eigenvalues, alignment, scaled, predicted, resolution)
        for index, value in enumerate(scaled):
            own = curves.replica(slice(index * replicas, (index + 1) * replicas))
            measured = regime_of(own.mean, resolution)
            same = _reproduced(own, resolution)
            points.append(DiagramPoint(float(value), alignment, predicted[index], measured, near[index], same))
    return points


def _reproduced(curve: Curve, resolution: float) -> bool | None:
    """Whether the first and the second half of the replicas have the same regime; None where there is one replica."""
    half = curve.replicas // 2
    if half == 0:
        return None
    first, second = (regime_of(curve.replica(part).mean, resolution) for part in (slice(half), slice(half, None)))
    return first == second


def saturation_steps(condition: float) -> int:
    """Steps at eta lambda_1 = 1/2 after which the last mode is within exp(-12) of its rest.

    Args:
        condition: lambda_1 / lambda_d.
    """
    return int(np.ceil(12 * condition / STEP_SHARE))


def _trained(network: OneOutput, scaled: FloatArray, replicas: int, seed: int) -> Curve:
    """Curves (X * replicas, T), the replicas of a scale together."""
    # Classes can hold half of the variance in a direction; W(0) is scaled along with the signal.
    factor = np.sqrt(0.5 / (4 * np.sum(network.signal**2 / network.eigenvalues)))
    model = DataModel.two_classes(network.eigenvalues, factor * network.signal)
    inputs, labels = sample_with_exact_moments(model, SAMPLES_PER_DIRECTION * model.dimension, seed)
    per_unit = network.phase_one_end(1.0) * network.eigenvalues[0]
    weights = np.concatenate(
        [
            initial_weights(replicas, 1, model.dimension, factor * value / per_unit, seed + n)
            for n, value in enumerate(scaled)
        ]
    )
    step_size = STEP_SHARE / network.eigenvalues[0]
    last = saturation_steps(float(network.eigenvalues[0] / network.eigenvalues[-1]))
    steps = np.unique(np.concatenate([np.arange(20), np.geomspace(20, last, 60).astype(np.int64)]))
    result = train(FullBatch(inputs, labels), model, SquaredError(), weights, steps, step_size, dtype=torch.float64)
    assert result.status is Status.COMPLETED, "full-batch descent within the stability limit stays finite"
    return result.curve


def _near_border(
    eigenvalues: FloatArray, alignment: float, scaled: FloatArray, predicted: list[Regime], resolution: float
) -> list[bool]:
    """Whether a change of 10 % in the scale or in the alignment changes the predicted regime."""
    here = ScaleFamily.from_network(network_with_alignment(eigenvalues, alignment))
    neighbours = [regimes_at(here, moved, resolution) for moved in (scaled * (1 + NEAR), scaled / (1 + NEAR))]
    for moved in (alignment * (1 + NEAR), alignment / (1 + NEAR)):
        family = ScaleFamily.from_network(network_with_alignment(eigenvalues, moved))
        neighbours.append(regimes_at(family, scaled, resolution))
    return [any(other[index] != regime for other in neighbours) for index, regime in enumerate(predicted)]
