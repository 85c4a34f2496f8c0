"""What one checkpoint's layer shows of a target: a cross-fitted linear probe, and reconstruction of the inputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from empirical.moments.activation_moments import JointAccumulator
from empirical.probes.reconstruction_probe import MomentDecoder
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


def reconstruction_of(features: Tensor, inputs: Tensor) -> float:
    """L / tr Sigma of a decoder that is fitted to three quarters of the inputs and scored on the last quarter.

    At the penalty of generalised cross-validation, as in ``SubsetProbe``.

    Args:
        features: (n, p) activations.
        inputs: (n, D) that gave them, in random order.
    """
    held_out = features.shape[0] // 4
    accumulator = JointAccumulator(2)
    accumulator.update(features[held_out:], inputs[held_out:], torch.zeros(features.shape[0] - held_out).long())
    decoder = MomentDecoder.cross_validated(accumulator.result())
    known = inputs[:held_out].double().numpy()
    errors = np.square(decoder.reconstruct(features[:held_out].double().numpy()) - known).sum()
    return float(errors / np.square(known - known.mean(axis=0)).sum())
