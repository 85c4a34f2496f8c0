"""The diagram of theory.curves.transfer_diagram with trained networks as points: where to stop for which target.

Targets do not act on training, so that one training of all initial scales serves every alignment of the shared signal.
A verdict is read from two trained curves, at scales a little above and below: whether the best time moves with sigma0
is what tells the turning point from a later stop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from simulation.comparison.transfer import RESOLUTION
from simulation.experiments.diagram import NEAR, SAMPLES_PER_DIRECTION
from simulation.training.antithetic import antithetic_weights
from simulation.training.batches import FullBatch
from simulation.training.sampling import sample_with_exact_moments
from simulation.training.training import Status, check_weights, train
from theory import Curve, DataModel, InputError, OneOutput, SquaredError, Stopping, Target, unexplained_share
from theory.curves.transfer_diagram import alignment_range, own_verdict, shared_target
from theory.data.memory_limit import array_bytes, check_memory
from theory.progress import Progress, described, silent
from theory.validation import FloatArray, IntArray, at_least, non_negative, positive

#: Eta lambda_1: small, so that the best times of small initial scales are many steps away from the start.
_STEP_SHARE = 0.02

#: Most training steps.
_MOST_STEPS = 20_000

#: Each scale is trained a little smaller and a little larger, by this factor.
_APART = 1.1

#: A best time that moves with sigma0 by more than this power is that of the turning point (2/3), by less a later one.
_MOVES = 1 / 3

#: Initialisation scales and alignments of the grid.
_SCALES, _ALIGNMENTS = 13, 13

#: Arrays of the size of the samples that are held at once while they are given exact moments.
_SAMPLE_COPIES = 4


@dataclass(frozen=True, eq=False)
class TransferGrid:
    """Where networks are trained.

    Attributes:
        model: two classes on a power law.
        scaled: (X,) initialisation scales lambda_1 s1.
        alignments: (Y,) of the signal that target and source share, as ``shared_alignment`` has it.
        resolution: smallest loss of R_T that counts in a verdict.
    """

    model: DataModel
    scaled: FloatArray
    alignments: FloatArray
    resolution: float

    @property
    def network(self) -> OneOutput:
        """The network whose annealed curves give the regions."""
        return OneOutput.from_model(self.model, SquaredError())


def transfer_grid(
    dimension: int, alpha: float, beta: float = 0.0, resolution: float = RESOLUTION, replicas: int = 2
) -> TransferGrid:
    """Thirteen scales from 0.02 to 50 by thirteen alignments, from the last directions to the first.

    Args:
        dimension: d of the spectrum lambda_i = i^-alpha, at least 8.
        alpha: its exponent, positive.
        beta: exponent of the squared signal, delta_i^2 ~ i^-beta, at least 0; 0 lets targets share it anywhere.
        resolution: smallest loss of R_T that counts, positive.
        replicas: draws of W(0) per point, for which there must be memory.

    Raises:
        InputError: replicas or samples that do not fit in memory; a dimension below 8; an exponent that is not
            positive, or with which the last mode takes too many steps to saturate.
    """
    check_weights(2 * _SCALES * at_least("replicas", replicas, 2), 1, at_least("dimension", dimension, 8))
    check_memory(
        "dimension", _SAMPLE_COPIES * array_bytes((SAMPLES_PER_DIRECTION * dimension, dimension)), "give fewer"
    )
    ranks = np.arange(1, dimension + 1, dtype=np.float64)
    if positive("alpha", alpha) * np.log(dimension) > np.log(_MOST_STEPS / _last_step(1.0)):
        raise InputError(
            f"alpha: at {alpha:g} the last of {dimension} modes takes more than {_MOST_STEPS:,} steps to saturate; "
            f"give at most {np.log(_MOST_STEPS / _last_step(1.0)) / np.log(dimension):.2f}, or a smaller dimension"
        )
    eigenvalues, signal = ranks**-alpha, ranks ** (-non_negative("beta", beta) / 2)
    # Classes can hold half of the variance in a direction.
    factor = np.sqrt(0.5 / (4 * np.sum(signal**2 / eigenvalues)))
    model = DataModel.two_classes(eigenvalues, factor * signal)
    lowest, highest = alignment_range(OneOutput.from_model(model, SquaredError()))
    alignments = np.geomspace(lowest * 1.15, highest / 1.15, _ALIGNMENTS)
    return TransferGrid(model, np.geomspace(0.02, 50, _SCALES), alignments, positive("resolution", resolution))


@dataclass(frozen=True)
class TransferPoint:
    """The networks at one place of the diagram.

    Attributes:
        scaled: initialisation scale, lambda_1 s1.
        alignment: of the shared signal.
        predicted: verdict of the annealed curve.
        measured: verdict of the mean curves of the networks.
        near_border: whether 10 % of change in an axis changes the prediction.
        reproduced: whether two halves of the pairs of draws give the same verdict; None with one pair.
    """

    scaled: float
    alignment: float
    predicted: Stopping
    measured: Stopping
    near_border: bool
    reproduced: bool | None = None

    @property
    def agrees(self) -> bool:
        """Whether the measured verdict is the predicted one."""
        return self.predicted is self.measured


def simulate_transfer_diagram(
    grid: TransferGrid, replicas: int, seed: int, progress: Progress = silent
) -> list[TransferPoint]:
    """Train one-output networks on squared error at every scale, and read for every target where to stop.

    Full-batch gradient descent on samples with exactly the moments of the model, so that least squares on the samples
    is what the moments say; W(0) in pairs of opposite sign.

    Args:
        grid: data model, scales and alignments.
        replicas: draws of W(0) per point, even.
        seed: of W(0) and of the samples.
        progress: shows how many steps and alignments are done.
    """
    network, count = grid.network, 2 * grid.scaled.size
    targets = [shared_target(network, float(one)) for one in grid.alignments]
    curves = _trained(grid, targets, at_least("replicas", replicas, 2), at_least("seed", seed, 0), progress)
    points = []
    for number, alignment in enumerate(progress([float(one) for one in grid.alignments], "verdicts")):
        predicted = _predicted(network, targets[number], grid.scaled, grid.resolution)
        near = _near_border(network, alignment, grid, predicted)
        own = curves[number].losses.reshape(count, replicas, -1)
        for place, scaled in enumerate(grid.scaled):
            smaller, larger = (Curve(curves[number].times, own[2 * place + one]) for one in (0, 1))
            measured = stopping_of(smaller, larger, _APART**2, grid.resolution)
            same = _reproduced(smaller, larger, grid.resolution)
            points.append(TransferPoint(float(scaled), alignment, predicted[place], measured, near[place], same))
    return points


def _reproduced(smaller: Curve, larger: Curve, resolution: float) -> bool | None:
    """Whether two halves of the pairs of replicas give the same verdict; None where there is one pair."""
    half = 2 * (smaller.replicas // 4)
    if half == 0:
        return None
    first, second = (
        stopping_of(smaller.replica(part), larger.replica(part), _APART**2, resolution)
        for part in (slice(half), slice(half, None))
    )
    return first is second


def stopping_of(smaller: Curve, larger: Curve, ratio: float, resolution: float) -> Stopping:
    """The verdict of trained curves from two initial scales.

    Args:
        smaller: 1 - R_T (replica, T) from the smaller sigma0.
        larger: of the same draws and times from the larger one.
        ratio: of the larger sigma0 to the smaller one.
        resolution: smallest loss of R_T that counts; the end is preferred to the start, and both to a peak between.
    """
    shares = 1 - (smaller.mean + larger.mean) / 2
    accepted = shares.max() - resolution
    if shares[-1] >= accepted:
        return Stopping.GO_ON
    if shares[0] >= accepted:
        return Stopping.BEFORE_TRAINING
    exponent = np.log(_peak_time(larger) / _peak_time(smaller)) / np.log(ratio)
    return Stopping.TURNING_POINT if exponent > _MOVES else Stopping.LATER


@dataclass(frozen=True, eq=False)
class _Moments:
    """A probe by the moments of a target, which are those of the samples exactly."""

    target: Target

    def missed(self, weights: FloatArray, resolution: float) -> FloatArray:
        return unexplained_share(weights, self.target, resolution)


def _trained(
    grid: TransferGrid, targets: Sequence[Target], replicas: int, seed: int, progress: Progress
) -> list[Curve]:
    """A curve for each target, (2 X * replicas, T): every scale a little smaller, then a little larger."""
    model, network = grid.model, grid.network
    inputs, labels = sample_with_exact_moments(model, SAMPLES_PER_DIRECTION * model.dimension, seed)
    unit = antithetic_weights(replicas, 1, model.dimension, 1.0, seed)
    scales = np.outer(grid.scaled, (1 / _APART, _APART)).ravel() / network.phase_one_end(1.0) / model.eigenvalues[0]
    weights = np.concatenate([scale * unit for scale in scales])
    steps = _recorded(_last_step(float(model.eigenvalues[0] / model.eigenvalues[-1])))
    step_size = _STEP_SHARE / float(model.eigenvalues[0])
    batch, probes = FullBatch(inputs, labels), [_Moments(one) for one in targets]
    trained = train(
        batch,
        model,
        SquaredError(),
        weights,
        steps,
        step_size,
        dtype=torch.float64,
        progress=described(progress, "train"),
        probes=probes,
    )
    assert trained.status is Status.COMPLETED, "full-batch descent within the stability limit stays finite"
    return trained.transfer_curves()


def _recorded(last: int) -> IntArray:
    """Every early step, then 60 in each decade, so that a peak is seen from both sides."""
    later = np.geomspace(40, last, 2 + int(60 * np.log10(last / 40)))
    return np.unique(np.concatenate([np.arange(40), np.rint(later).astype(np.int64)]))


def _last_step(condition: float) -> int:
    """Steps after which the last mode is within exp(-12) of its rest; ``condition`` is lambda_1 / lambda_d."""
    return int(np.ceil(12 * condition / _STEP_SHARE))


def _predicted(network: OneOutput, target: Target, scaled: FloatArray, resolution: float) -> list[Stopping]:
    return [own_verdict(network, target, float(one), resolution) for one in scaled]


def _near_border(network: OneOutput, alignment: float, grid: TransferGrid, predicted: list[Stopping]) -> list[bool]:
    """Whether a change of 10 % in the scale or in the alignment changes the predicted verdict."""
    here, factors = shared_target(network, alignment), (1 + NEAR, 1 / (1 + NEAR))
    moved = [_predicted(network, here, grid.scaled * by, grid.resolution) for by in factors]
    for by in factors:
        moved.append(_predicted(network, shared_target(network, alignment * by), grid.scaled, grid.resolution))
    return [any(other[place] is not verdict for other in moved) for place, verdict in enumerate(predicted)]


def _peak_time(curve: Curve) -> float:
    """Time of the highest R_T: of the parabola in log time through the highest recorded one and its neighbours."""
    shares = 1 - curve.mean
    place = int(np.clip(np.argmax(shares), 2, shares.size - 2))
    near = slice(place - 1, place + 2)
    bend, slope, _ = np.polyfit(np.log(curve.times[near] / curve.times[place]), shares[near], 2)
    return float(curve.times[place] * (np.exp(-slope / (2 * bend)) if bend < 0 else 1.0))
