"""A power law against rival spectra: broken power law, exponential, a few spikes above a flat bulk.

All are fitted to the variances of one half of the held-out samples along the fitted directions, and scored on
those of the other half, and the other way round; neither half chose the directions. The fit maximises the
likelihood of Gaussian samples, the score is its loss on the other half: half the mean over directions of
v/m - 1 - log(v/m), with v measured and m expected, the divergence in nats of a sample's coordinate. A curve
with more parameters gains nothing by following noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial

import numpy as np

from empirical.fit.rank_bins import rank_bins
from theory import InputError, Moments
from theory.validation import FloatArray, at_least

#: Spikes are at most this many, and at most a quarter of the directions: more would be the spectrum itself.
MOST_SPIKES = 20

#: Rivals are compared over at least this many directions.
FEWEST_RANKS = 8

_ITERATIONS = 60
_ACCURACY = 1e-10


class SpectrumShape(Enum):
    """A curve of variance against rank; the values are names in tables and files."""

    POWER_LAW = "power law"
    BROKEN_POWER_LAW = "broken power law"
    EXPONENTIAL = "exponential"
    SPIKES_AND_BULK = "spikes and bulk"


@dataclass(frozen=True)
class Rival:
    """A spectrum fitted and scored on held-out samples.

    Attributes:
        shape: which curve.
        parameters: names and values; the mean of the two fits.
        loss: mean divergence in nats per direction, at least 0; smaller is better.
        behind: loss less that of the best rival.
        behind_error: standard error of ``behind`` over the parts of the held-out samples.
        place: 1 for the best.
    """

    shape: SpectrumShape
    parameters: tuple[tuple[str, float], ...]
    loss: float
    behind: float
    behind_error: float
    place: int

    @property
    def name(self) -> str:
        """The curve's name in tables."""
        return self.shape.value


@dataclass(frozen=True, eq=False)
class _Shape:
    """A fitted spectrum: (r,) expected variances and its parameters by name."""

    expected: FloatArray
    parameters: dict[str, float]


def variances_along(basis: FloatArray, parts: Sequence[Moments]) -> FloatArray:
    """(m, r) variances, with n - 1, of each part along the columns of ``basis`` (D, r)."""
    return np.stack(
        [np.einsum("ij,ij->j", basis, part.covariance @ basis) * (part.count / (part.count - 1)) for part in parts]
    )


def compare_spectra(variances: FloatArray, samples: int, first_rank: int = 1) -> tuple[Rival, ...]:
    """The rivals, best first.

    Args:
        variances: (m, r) positive variances of m held-out parts of about equal size along r directions, in the order
            of the fitted eigenvalues; m at least 4, r at least 8.
        samples: number of samples in all parts.
        first_rank: rank of the first of these directions, from 1 on.

    Raises:
        InputError: too few parts or directions, or a direction without variance in one half of the parts.
    """
    at_least("parts", variances.shape[0], 4)
    at_least("directions", variances.shape[1], FEWEST_RANKS)
    start = at_least("first_rank", first_rank, 1)
    ranks = np.arange(start, start + variances.shape[1], dtype=np.float64)
    halves = (variances[::2], variances[1::2])
    means = [half.mean(axis=0) for half in halves]
    if min(mean.min() for mean in means) <= 0:
        raise InputError("variances: a direction has none in half of the parts; give directions in which inputs vary")
    fits: dict[SpectrumShape, Callable[[FloatArray, FloatArray], _Shape]] = {
        SpectrumShape.POWER_LAW: power_law,
        SpectrumShape.BROKEN_POWER_LAW: broken_power_law,
        SpectrumShape.EXPONENTIAL: exponential,
        SpectrumShape.SPIKES_AND_BULK: partial(spikes_and_bulk, samples=at_least("samples", samples, 4) // 2),
    }
    found = {shape: [fit(ranks, mean) for mean in means] for shape, fit in fits.items()}
    # Less what no curve can explain, the losses of the scored half's own variances.
    scored = {
        shape: np.concatenate(
            [_losses(halves[1], one) - _floor(means[1]), _losses(halves[0], other) - _floor(means[0])]
        )
        for shape, (one, other) in found.items()
    }
    order = sorted(scored, key=lambda shape: float(scored[shape].mean()))
    return tuple(
        _rival(shape, found[shape], scored[shape], scored[order[0]], place) for place, shape in enumerate(order, 1)
    )


def _rival(shape: SpectrumShape, shapes: Sequence[_Shape], losses: FloatArray, best: FloatArray, place: int) -> Rival:
    behind = losses - best
    parameters = tuple((key, float(np.mean([one.parameters[key] for one in shapes]))) for key in shapes[0].parameters)
    error = float(behind.std(ddof=1) / np.sqrt(behind.size))
    return Rival(shape, parameters, float(losses.mean()), float(behind.mean()), error, place)


def power_law(ranks: FloatArray, variances: FloatArray) -> _Shape:
    """A i^-alpha."""
    logs = np.log(ranks)
    curve = _log_linear(np.stack([np.ones_like(logs), logs], axis=1)[None], variances)
    offset, slope = curve.coefficients
    return _Shape(curve.expected, {"alpha": -float(slope), "amplitude": float(np.exp(offset))})


def broken_power_law(ranks: FloatArray, variances: FloatArray) -> _Shape:
    """A i^-alpha up to a rank, continued with another exponent; the break is sought at the ends of bins."""
    logs = np.log(ranks)
    ends = rank_bins(int(ranks[-1])).starts
    inside = ends[(ends > ranks[1]) & (ends < ranks[-2])]
    breaks = np.log(inside if inside.size else np.sqrt(ranks[:1] * ranks[-1]))
    late = np.maximum(logs - breaks[:, None], 0.0)  # (C, r)
    design = np.stack([np.ones_like(late), np.broadcast_to(logs, late.shape), late], axis=2)
    curve = _log_linear(design, variances)
    offset, slope, bend = curve.coefficients
    return _Shape(
        curve.expected,
        {
            "alpha": -float(slope),
            "alpha beyond": -float(slope + bend),
            "break": float(np.exp(breaks[curve.number])),
            "amplitude": float(np.exp(offset)),
        },
    )


def exponential(ranks: FloatArray, variances: FloatArray) -> _Shape:
    """A exp(-decay i)."""
    curve = _log_linear(np.stack([np.ones_like(ranks), ranks], axis=1)[None], variances)
    offset, slope = curve.coefficients
    return _Shape(curve.expected, {"decay": -float(slope), "amplitude": float(np.exp(offset))})


def spikes_and_bulk(ranks: FloatArray, variances: FloatArray, samples: int) -> _Shape:
    """Free leading eigenvalues above a flat bulk; the criterion of Schwarz (1978) decides how many.

    Args:
        ranks: (m,) consecutive ranks.
        variances: (m,) their variances, positive.
        samples: number of samples that the variances were measured on.
    """
    most = min(MOST_SPIKES, variances.size // 4)
    counts = np.arange(most + 1)
    sums = np.concatenate([[0.0], np.cumsum(variances)])[counts]
    bulks = (variances.sum() - sums) / (variances.size - counts)
    logs = np.concatenate([[0.0], np.cumsum(np.log(variances))])[counts]
    # Twice the loss of a sample is the sum of the logarithms of the expected variances, as these are the means.
    misfit = logs + (variances.size - counts) * np.log(bulks)
    count = int(np.argmin(samples * misfit + counts * np.log(samples)))
    expected = np.where(ranks - ranks[0] < count, variances, bulks[count])
    return _Shape(expected, {"spikes": float(count), "bulk": float(bulks[count])})


def _losses(parts: FloatArray, shape: _Shape) -> FloatArray:
    """(m,) mean over directions of (v/m + log m) / 2 in each part."""
    return np.asarray(np.mean(parts / shape.expected + np.log(shape.expected), axis=1) / 2, dtype=np.float64)


def _floor(variances: FloatArray) -> float:
    """The loss of a curve that meets these variances exactly."""
    return float(np.mean(1 + np.log(variances)) / 2)


@dataclass(frozen=True, eq=False)
class _LogLinear:
    """The likeliest of some log-linear curves: its number, coefficients (p,) and (r,) expected variances."""

    number: int
    coefficients: FloatArray
    expected: FloatArray


def _log_linear(designs: FloatArray, variances: FloatArray) -> _LogLinear:
    """Fit log expected variance = design @ coefficients for designs (C, r, p) by Fisher scoring.

    The variances are chi-square around their expectation, so that the information is that of least squares.
    """
    inverse = np.linalg.pinv(designs)  # (C, p, r)
    coefficients = inverse @ np.log(variances)
    for _ in range(_ITERATIONS):
        ratio = variances * np.exp(-np.einsum("crp,cp->cr", designs, coefficients))
        step = np.clip(np.einsum("cpr,cr->cp", inverse, ratio - 1), -1.0, 1.0)
        coefficients = coefficients + step
        if np.abs(step).max() < _ACCURACY:
            break
    logs = np.einsum("crp,cp->cr", designs, coefficients)
    best = int(np.argmin(np.mean(logs + variances * np.exp(-logs), axis=1)))
    return _LogLinear(best, coefficients[best], np.exp(logs[best]))
