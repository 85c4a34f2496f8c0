"""The gain of each checkpoint over the last one, smoothed over log steps, with bands that hold for all of them at once.

Each labelled sample scores every checkpoint: 1 or 0 for a class that is predicted or not, or its share of explained
variance. The mean difference to the last checkpoint estimates the gain; samples are the same at all checkpoints, so
that what one of them adds to all alike cancels.

With few labels the estimates are noisy, but a curve over log steps is smooth. The prior states how smooth: going back
from the last checkpoint, the gain is a Brownian motion in the number of doublings of the step, which moves by
CHANGE_PER_DOUBLING (a standard deviation) with each. Its posterior mean is the first-order smoothing spline (Wahba
1978). The prior pulls gains to zero, the more so the nearer a step is to the last one and the fewer labels there are:
the last checkpoint is what is taken without evidence. The number is fixed, and not fitted to any training.

The bands are mean +- q deviation with one q for all steps: the quantile of the largest of the |t| under the joint
posterior (max-t). They hold at every step at once, and so at the one that is chosen, whatever chose it. Nested
cross-fitting would cost a fifth of the few labels, and judges the rule of choice instead of the chosen step.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import ceil

import numpy as np
from scipy import linalg
from sklearn.covariance import ledoit_wolf

from theory import InputError
from theory.validation import FloatArray, IntArray, finite_array, positive, step_counts

#: Standard deviation of the prior: how far a score moves as the number of steps doubles.
CHANGE_PER_DOUBLING = 0.02

#: Coverage of the bands.
COVERAGE = 0.95

#: Gains below a point are not worth a choice.
TOLERANCE = 0.01

# Draws of the joint posterior: the quantile is known to about one per cent.
_DRAWS = 4_000


class Verdict(Enum):
    """The three answers."""

    TAKE = "take an earlier checkpoint"
    LAST = "take the last checkpoint"
    UNDECIDED = "cannot tell"


@dataclass(frozen=True, eq=False)
class GainCurve:
    """Gains over the last checkpoint.

    Attributes:
        steps: (T,) of the checkpoints, ascending.
        raw: (T,) measured gains; 0 at the last step.
        mean: (T,) posterior means.
        deviation: (T,) posterior standard deviations; 0 at the last step.
        width: q of the bands, in standard deviations.
        samples: number of labelled samples n.
        tolerance: gains below it are not worth a choice.
        leading: index of the step to take if one is taken: that of the largest expected gain in what orders the steps.
    """

    steps: IntArray
    raw: FloatArray
    mean: FloatArray
    deviation: FloatArray
    width: float
    samples: int
    tolerance: float
    leading: int

    @property
    def lower(self) -> FloatArray:
        """(T,) lower ends of the bands."""
        return np.asarray(self.mean - self.width * self.deviation, dtype=np.float64)

    @property
    def upper(self) -> FloatArray:
        """(T,) upper ends of the bands."""
        return np.asarray(self.mean + self.width * self.deviation, dtype=np.float64)

    @property
    def verdict(self) -> Verdict:
        """TAKE where the leading step's band lies above 0; LAST where no band reaches the tolerance."""
        if self.lower[self.leading] > 0:
            return Verdict.TAKE
        return Verdict.LAST if bool((self.upper <= self.tolerance).all()) else Verdict.UNDECIDED

    @property
    def chosen(self) -> int:
        """Index of the leading checkpoint if it is better for sure, otherwise of the last."""
        return self.leading if self.verdict is Verdict.TAKE else self.mean.size - 1

    @property
    def best_guess(self) -> int:
        """Index of the leading checkpoint, unless no gain is worth a choice: then of the last.

        The posterior mean is what loses least on average if the prior holds, sure or not.
        """
        return self.mean.size - 1 if self.verdict is Verdict.LAST else self.leading

    @property
    def more_samples(self) -> int:
        """Labelled samples that are missing for a verdict, about; 0 with one.

        Bands shrink with the root of the number of samples. Enough are those at which the leading step's band would
        leave 0 or, where its gain is small, stay below the tolerance.
        """
        if self.verdict is not Verdict.UNDECIDED:
            return 0
        widest = int(np.argmax(self.upper)) if self.mean[self.leading] < self.tolerance / 2 else self.leading
        gain, half = float(self.mean[widest]), float(self.width * self.deviation[widest])
        wanted = max(gain, self.tolerance - gain)
        return max(1, ceil(self.samples * ((half / wanted) ** 2 - 1)))


def gain_curve(
    steps: IntArray,
    scores: FloatArray,
    change_per_doubling: float = CHANGE_PER_DOUBLING,
    tolerance: float = TOLERANCE,
    ordered_by: FloatArray | None = None,
) -> GainCurve:
    """The gains of T checkpoints from the scores of n samples.

    The bands hold at every step at once, so that other scores of the same samples may decide which step leads.

    Args:
        steps: (T,) ascending, T at least 2; step 0 counts as one half.
        scores: (T, n) of each sample at each checkpoint, n at least 2; their mean is what is gained.
        change_per_doubling: of the prior.
        tolerance: smallest gain that is worth a choice.
        ordered_by: (T, n) scores whose largest expected gain leads, as the squared error, which tells more of a
            probe than whether its class is right; None takes ``scores``.

    Raises:
        InputError: shapes that do not fit, NaN or infinity, numbers out of range.
    """
    counts = step_counts("steps", steps)
    given = _checked("scores", scores, counts)
    change, smallest = positive("change_per_doubling", change_per_doubling), positive("tolerance", tolerance)
    raw, mean, covariance = _posterior(counts, given, change)
    order = mean if ordered_by is None else _posterior(counts, _checked("ordered_by", ordered_by, counts), change)[1]
    deviation = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    return GainCurve(
        counts,
        np.append(raw, 0.0),
        np.append(mean, 0.0),
        np.append(deviation, 0.0),
        _joint_width(covariance),
        given.shape[1],
        smallest,
        _leading(order),
    )


def _checked(name: str, scores: FloatArray, steps: IntArray) -> FloatArray:
    given = finite_array(name, scores, 2)
    if steps.size < 2 or given.shape[0] != steps.size or given.shape[1] < 2:
        raise InputError(f"{name}: have shape {given.shape}; give ({steps.size}, n) for at least 2 steps and samples")
    return given


def _leading(gains: FloatArray) -> int:
    """Index of the largest of the gains (T - 1,) and 0, that of the last step; the later of two equal ones."""
    return int(gains.size - np.argmax(np.append(gains, 0.0)[::-1]))


def _posterior(steps: IntArray, scores: FloatArray, change: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Measured gains (T - 1,) over the last step, their posterior means and its covariance."""
    differences = scores[:-1] - scores[-1]
    samples = differences.shape[1]
    raw = differences.mean(axis=1)
    # Shrunk (Ledoit & Wolf 2004): from fewer samples than checkpoints, some contrasts would seem to have no noise.
    # One more sample on which two checkpoints differ, as in the rule of succession: that none of a few samples tells
    # them apart does not show that they are the same.
    noise = ledoit_wolf(differences.T)[0] / samples + np.eye(differences.shape[0]) / samples**2
    doublings = np.log2(np.maximum(steps, 0.5))
    back = doublings[-1] - doublings[:-1]
    prior = change**2 * np.minimum(back[:, None], back[None, :])
    # Solved from the side of prior + noise: the noise alone is singular where two checkpoints predict the same.
    gain = linalg.solve(prior + noise, prior, assume_a="pos", check_finite=False)
    return raw, gain.T @ raw, prior - prior @ gain


def _joint_width(covariance: FloatArray) -> float:
    """The quantile of the largest |t| of a Gaussian with this covariance, by draws with a fixed seed."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    deviation = np.sqrt(np.square(root).sum(axis=1))
    varies = deviation > 0
    if not varies.any():
        return 0.0
    draws = np.random.default_rng(0).standard_normal((_DRAWS, values.size)) @ root.T
    largest = np.abs(draws[:, varies] / deviation[varies]).max(axis=1)
    return float(np.quantile(largest, COVERAGE))
