"""Chains of linear layers with one unit each, below one output: when the first layer's reconstruction loss is lowest.

Draws of W(0) come in pairs that differ in the sign of what is orthogonal to the signal, so that the term linear in it,
which the annealed theory does not have (theorem T10, lemma L5), cancels in the mean of a pair.
"""

from __future__ import annotations

import numpy as np
import torch

from simulation.training.antithetic import pair_means
from simulation.training.batches import FullBatch
from simulation.training.deep_training import linear_measurement, train_layers
from simulation.training.sampling import sample_with_exact_moments
from theory import Curve, DataModel, InputError, SquaredError
from theory.curves.deep_linear import Layers
from theory.validation import FloatArray, IntArray, at_least, finite_array, positive


def random_chains(signal: FloatArray, depth: int, scale: float, pairs: int, seed: int) -> Layers:
    """W_1, ..., W_L of ``depth`` layers with N(0, scale^2) entries, (2 pairs, 1, h_(l-1)).

    Args:
        signal: (d,) delta, in the coordinates of the inputs.
        depth: L, at least 1.
        scale: sigma0.
        pairs: number of independent draws; 2 i and 2 i + 1 are a pair.
        seed: of the draws.
    """
    direction = _direction(signal)
    normal = np.random.default_rng(seed).standard_normal((pairs, direction.size + depth))
    return _chains(direction, depth, scale, normal[:, depth:], normal[:, :depth])


def balanced_chains(signal: FloatArray, depth: int, scale: float, pairs: int, seed: int) -> Layers:
    """Random chains whose later layers and signal part of the first layer equal ``scale`` instead of being drawn.

    Args:
        signal: (d,) delta, in the coordinates of the inputs.
        depth: L, at least 1.
        scale: sigma0.
        pairs: number of independent draws; 2 i and 2 i + 1 are a pair.
        seed: of the draws.
    """
    direction = _direction(signal)
    normal = np.random.default_rng(seed).standard_normal((pairs, direction.size))
    return _chains(direction, depth, scale, normal, np.ones((pairs, depth)))


def _direction(signal: FloatArray) -> FloatArray:
    """(d,) the signal at unit length."""
    known = finite_array("signal", signal, 1)
    return np.asarray(known / np.linalg.norm(known), dtype=np.float64)


def _chains(direction: FloatArray, depth: int, scale: float, rows: FloatArray, grown: FloatArray) -> Layers:
    """Layers from rows (pairs, d), orthogonal to the signal once projected, and a(0) and the later units (pairs, L)."""
    at_least("depth", depth, 1)
    across = rows - np.outer(rows @ direction, direction)
    along = np.outer(grown[:, 0], direction)
    first = np.stack([along + across, along - across], axis=1).reshape(-1, 1, direction.size)
    later = np.repeat(grown[:, 1:], 2, axis=0)
    deviation = positive("scale", scale)
    return (deviation * first, *(deviation * later[:, number, None, None] for number in range(depth - 1)))


def trained_chains(model: DataModel, layers: Layers, steps: IntArray, step_size: float, seed: int = 0) -> Curve:
    """Mean loss of the first layer over each pair of chains trained on squared error, (pair, T), in double precision.

    The samples have the model's moments exactly: squared error and linear layers depend on nothing else.

    Args:
        model: two balanced classes, in its own eigenbasis.
        layers: from ``random_chains`` or ``balanced_chains``.
        steps: (T,) steps to record, from 0 on.
        step_size: eta.
        seed: of the samples.
    """
    count = 2 * (model.dimension // 2 + 2)
    inputs, labels = sample_with_exact_moments(model, count, seed)
    measurement = linear_measurement(model, torch.float64)
    trained = train_layers(
        FullBatch(inputs, labels), SquaredError(), layers, steps, step_size, measurement, dtype=torch.float64
    )
    if trained.steps.size != len(steps) or not np.all(np.isfinite(trained.losses)):
        raise InputError(f"step_size: at {step_size:g} a chain diverged; give a smaller one")
    return pair_means(trained.layer(1).curve)


def lowest_times(curve: Curve) -> FloatArray:
    """(replica,) time of the lowest loss of each curve, by a parabola in log time; infinite where it falls to the end.

    Args:
        curve: recorded at times dense enough in the logarithm, from 0 on.
    """
    losses, logs = curve.losses[:, 1:], np.log(curve.times[1:])
    found = np.full(curve.replicas, np.inf)
    for index, row in enumerate(losses):
        lowest = int(np.argmin(row))
        if lowest == 0:
            found[index] = curve.times[1]
        elif lowest < row.size - 1:
            near = slice(lowest - 1, lowest + 2)
            bend, slope, _ = np.polyfit(logs[near] - logs[lowest], row[near], 2)
            found[index] = curve.times[1 + lowest] * np.exp(-slope / (2 * bend))
    return found


def slope_of_medians(
    abscissas: FloatArray, times: list[FloatArray], level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> tuple[float, float, float]:
    """Slope of the median over draws against an abscissa, and its percentile interval from resampled draws.

    Medians, as single draws may turn very late, or not within the run (infinite).

    Args:
        abscissas: (m,) such as log sigma0.
        times: m arrays (draws,), of independent draws, such as log s*.
        level: of the interval.
        resamples: bootstrap resamples.
        seed: of the resampling.

    Returns:
        The slope, and the ends of its interval.
    """
    generator = np.random.default_rng(seed)
    offsets = finite_array("abscissas", abscissas, 1) - np.mean(abscissas)
    shares = offsets / np.sum(offsets**2)
    drawn = [
        np.median(one[generator.integers(0, one.size, (at_least("resamples", resamples, 2), one.size))], axis=1)
        for one in times
    ]
    slopes = shares @ np.stack(drawn)
    low, high = np.quantile(slopes, [(1 - level) / 2, (1 + level) / 2])
    return float(shares @ [np.median(one) for one in times]), float(low), float(high)
