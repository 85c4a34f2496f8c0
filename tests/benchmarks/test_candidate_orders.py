"""The scores of candidate orders against refits, the density of the labels and scores whose calibration is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, special, stats

from empirical.probes.ridge_probe import RidgeProbe
from tests.benchmarks.candidate_orders import LabelModel, calibrated_accuracy, left_out

COUNT = 30


def planted(columns: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    features = draw.standard_normal((COUNT, columns)) + 2
    return features, features @ draw.standard_normal((columns, 2)) / 2 + draw.standard_normal((COUNT, 2)) + 5


@pytest.mark.parametrize("columns", [4, 40], ids=["more samples", "more features"])
def test_the_evidence_is_the_largest_density_of_contrasts_against_that_without_features(columns: int) -> None:
    features, values = planted(columns)
    contrasts = np.linalg.svd(np.ones((1, COUNT)))[2][1:]
    seen, own = contrasts @ features, contrasts @ values

    def negative(logs: np.ndarray) -> float:
        covariance = np.exp(logs[0]) * np.eye(COUNT - 1) + np.exp(logs[1]) * seen @ seen.T
        density = stats.multivariate_normal(np.zeros(COUNT - 1), covariance).logpdf(own.T)
        return -float(density.sum()) / float(own.size)

    best = -optimize.minimize(negative, [0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-6}).fun
    without = -0.5 * (np.log(2 * np.pi * np.square(own).mean()) + 1)
    found = -0.5 * np.log(1 - LabelModel(RidgeProbe.from_features(features), values).evidence.mean())
    # Half a step of the grid is log(10) / 12 = .19, which moves a maximum whose curvature is .25 by .005.
    assert found == pytest.approx(best - without, abs=5e-3)


def test_predictions_left_out_are_those_of_probes_fitted_to_all_other_samples() -> None:
    features, values = planted(4)
    probe, parts = RidgeProbe.from_features(features), [np.array([one]) for one in range(COUNT)]
    np.testing.assert_allclose(left_out(probe, values, 3.0), probe.cross_fitted(values, parts, 3.0), atol=1e-9)


def test_calibrated_accuracy_is_the_accuracy_of_scores_with_less_noise_than_counting() -> None:
    draw = np.random.default_rng(0)
    found, counted, truth = [], [], []
    for _ in range(100):
        scores = draw.standard_normal((200, 3))
        probability = special.softmax(1.5 * scores, axis=1)
        labels = (probability.cumsum(axis=1) < draw.random((200, 1))).sum(axis=1).clip(max=2)
        found.append(calibrated_accuracy(7 * scores, labels).mean())
        counted.append((scores.argmax(axis=1) == labels).mean())
        truth.append(probability.max(axis=1).mean())
    errors = np.array(found) - np.mean(truth)
    assert abs(errors.mean()) < 3 * errors.std() / np.sqrt(errors.size)
    assert np.std(found) < 0.9 * np.std(counted)
