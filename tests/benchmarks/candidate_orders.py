"""Scores by which checkpoints may be ordered, each as parts of n labelled samples whose mean is what is compared.

They were compared with the order of ``choose`` on planted problems and on trainings (``test_choose_order.py``).
"""

from __future__ import annotations

import numpy as np

from empirical.probes.ridge_probe import RidgeProbe
from theory.validation import FloatArray, IntArray

# mu in units of the largest squared singular value, six for each decade.
_GRID = np.geomspace(1e-6, 1e3, 55)


def left_out(probe: RidgeProbe, values: FloatArray, penalty: float) -> FloatArray:
    """(n, q) predictions, each by the probe that was fitted to all other samples: as many folds as samples."""
    left, squares = probe.left.numpy(), probe.squares.numpy()
    centred = values - values.mean(axis=0)
    scaled = left * np.sqrt(squares / (squares + penalty))
    leverage = np.square(scaled).sum(axis=1) + 1 / values.shape[0]
    return np.asarray(values - (centred - scaled @ (scaled.T @ centred)) / (1 - leverage)[:, None], dtype=np.float64)


def explained(predicted: FloatArray, values: FloatArray) -> FloatArray:
    """(n,) one minus squared errors over the mean squared deviation."""
    return np.asarray(
        1 - np.square(predicted - values).sum(axis=1) / np.square(values - values.mean(axis=0)).sum(axis=1).mean(),
        dtype=np.float64,
    )


def calibrated_accuracy(predicted: FloatArray, labels: IntArray) -> FloatArray:
    """(n,) parts of the accuracy that a probe expects of itself once its scores are calibrated.

    Class k has probability softmax(beta s)_k, with beta at its maximum likelihood; the accuracy is the mean largest
    probability. A sample's part holds its influence on beta, so that the parts have the variance of the mean.

    Args:
        predicted: (n, q) scores s by probes that were not fitted to the sample.
        labels: (n,).
    """
    # Where the scores separate the classes the likelihood grows without end; at the bound all probabilities are 0 or 1.
    rows, unit = np.arange(labels.size), 1 / predicted.std()
    beta, least = unit, 1e-9 / unit**2
    for _ in range(100):
        probability = _softmax(beta * predicted)
        mean = (probability * predicted).sum(axis=1)
        slope = predicted[rows, labels] - mean
        information = max(((probability * np.square(predicted)).sum(axis=1) - mean**2).mean(), least)
        before = beta
        # Newton's steps, at most to half or to twice of beta: the likelihood is concave.
        beta = min(beta * (1 + np.clip(slope.mean() / (information * beta), -0.5, 1.0)), 1e3 * unit)
        if abs(beta - before) < 1e-9 * before:
            break
    top = predicted.argmax(axis=1)
    largest = probability[rows, top]
    return np.asarray(
        largest + (largest * (predicted[rows, top] - mean)).mean() * slope / information, dtype=np.float64
    )


def _softmax(scores: FloatArray) -> FloatArray:
    own = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(own / own.sum(axis=1, keepdims=True), dtype=np.float64)


class LabelModel:
    """The values as a constant, plus features times Gaussian weights, plus Gaussian noise, at its maximum likelihood.

    The constant drops out in contrasts (Patterson & Thompson 1971). mu is the ratio of the variances of noise and
    weights, P = (I + Xc Xc^T / mu)^-1, and a sample's log likelihood against features that tell nothing is
    e = -1/2 log q + 1/2 log det P / (n - 1), with q = tr(Yc^T P Yc) / tr(Yc^T Yc).

    Args:
        probe: of the n samples' features.
        values: (n, q), not all rows the same.
    """

    def __init__(self, probe: RidgeProbe, values: FloatArray) -> None:
        left, squares = probe.left.numpy(), probe.squares.numpy()
        count, centred = values.shape[0], values - values.mean(axis=0)
        coefficients, total = left.T @ centred, np.square(centred).sum()
        read = np.square(coefficients).sum(axis=1)
        penalties = _GRID * squares[0]
        kept = penalties[:, None] / (squares + penalties[:, None])
        residuals = (max(total - read.sum(), 0) + kept @ read) / total
        likelihood = -0.5 * np.log(residuals) + 0.5 * np.log(kept).sum(axis=1) / (count - 1)
        best = int(np.argmax(likelihood))
        solved = centred - left @ ((1 - kept[best])[:, None] * coefficients)
        self._parts = count * (centred * solved).sum(axis=1) / (residuals[best] * total)
        self._likelihood = likelihood[best]
        self._residual = residuals[best] * count / (count - 1)
        self._leverage = np.square(left) @ (1 - kept[best]) + 1 / count

    @property
    def evidence(self) -> FloatArray:
        """(n,) parts of 1 - exp(-2 e), the evidence in units of explained variance.

        By the chain rule it judges the features with training sets of all sizes (Fong & Holmes 2020).
        """
        return np.asarray(1 - np.exp(-2 * self._likelihood) * self._parts, dtype=np.float64)

    @property
    def expected(self) -> FloatArray:
        """(n,) parts of the explained variance that the model expects of a probe that was fitted to all other samples.

        A sample given all others has the variance noise / (1 - h), h its leverage.
        """
        return np.asarray(1 - self._residual * (1 / (1 - self._leverage)).mean() * self._parts, dtype=np.float64)
