"""What one checkpoint's layer shows of a target, by a cross-fitted linear probe, and what checkpoints gain by it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from empirical.probes.gain_curve import TOLERANCE, GainCurve, gain_curve
from empirical.probes.ridge_probe import RidgeProbe, fold_parts
from theory.validation import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class TargetScores:
    """How well a linear probe predicts a target from one layer, each label by a probe that was not fitted to it.

    Attributes:
        scores: (n,) of each labelled sample: 1 where its class is predicted, otherwise 0; of numbers, one minus its
            squared error over the mean squared deviation.
        shares: (n,) one minus each sample's squared error over the mean squared deviation, of one-hot rows for classes.
        explained_variance: 1 - squared error over variance, at most 1.
        accuracy: share of the samples whose class is predicted; None for numbers.
        penalty: mu of the probe.
    """

    scores: FloatArray
    shares: FloatArray
    explained_variance: float
    accuracy: float | None
    penalty: float


def target_scores(features: FloatArray, values: FloatArray, labels: IntArray | None, seed: int = 0) -> TargetScores:
    """Scores of a layer on labelled samples.

    Args:
        features: (n, p) activations.
        values: (n, q): one-hot rows, or numbers.
        labels: (n,) classes; None for numbers.
        seed: of the folds.
    """
    probe = RidgeProbe.from_features(features)
    penalty = probe.penalty(values)
    strata = np.zeros(values.shape[0], dtype=np.int64) if labels is None else labels
    predicted = probe.cross_fitted(values, fold_parts(strata, seed=seed), penalty)
    errors = np.square(predicted - values).sum(axis=1)
    shares = 1 - errors / np.square(values - values.mean(axis=0)).sum(axis=1).mean()
    explained = float(shares.mean())
    if labels is None:
        return TargetScores(shares, shares, explained, None, penalty)
    right = np.asarray(predicted.argmax(axis=1) == labels, dtype=np.float64)
    return TargetScores(right, shares, explained, float(right.mean()), penalty)


def target_gains(steps: IntArray, scores: FloatArray, shares: FloatArray, tolerance: float = TOLERANCE) -> GainCurve:
    """The gains of checkpoints over the last one, ordered by the squared error of their probes.

    The squared error tells more of a probe than whether its class is right. What a step gains is stated in the scores.

    Args:
        steps: (T,) of the checkpoints, ascending, T at least 2.
        scores: (T, n) of ``TargetScores``.
        shares: (T, n) of ``TargetScores``, which decide what step leads.
        tolerance: as in ``gain_curve``.

    Raises:
        InputError: as ``gain_curve``.
    """
    return gain_curve(steps, scores, tolerance=tolerance, ordered_by=shares)
