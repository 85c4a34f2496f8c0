from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from empirical.probes.linear_probe import LinearClassifier, fit_logistic_classifier
from theory import InputError
from theory.validation import FloatArray, IntArray


def _sample(seed: int, count: int, classes: int = 3, features: int = 6) -> tuple[FloatArray, IntArray]:
    """Overlapping Gaussian classes of unequal frequency, in features of very different scales and with an offset."""
    fixed = np.random.default_rng(0)
    means, scales = fixed.standard_normal((classes, features)), np.geomspace(0.01, 100, features)
    generator = np.random.default_rng(seed)
    labels = generator.choice(classes, count, p=np.arange(1, classes + 1) / (classes * (classes + 1) / 2))
    return (means[labels] + 1.5 * generator.standard_normal((count, features)) + 5) * scales, labels


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("penalty", [1e-4, 0.1])
def test_logistic_regression_is_scikit_learns(classes: int, penalty: float) -> None:
    features, labels = _sample(1, 600, classes)
    found = fit_logistic_classifier(features, labels, classes, penalty)
    scaler = StandardScaler().fit(features)
    peer = LogisticRegression(C=1 / (600 * penalty), tol=1e-8, max_iter=10_000)
    if classes == 2:
        # One row of scores has half the penalty of two opposite rows that differ by it.
        peer.set_params(C=2 / (600 * penalty))
    peer.fit(scaler.transform(features), labels)
    held_out, _ = _sample(2, 300, classes)
    scores = held_out @ found.weights.T + found.intercept
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    assert found.warning is None
    # A gradient of 1e-5 over the smallest curvature, about 0.02, is an error of the weights of 5e-4.
    np.testing.assert_allclose(shares, peer.predict_proba(scaler.transform(held_out)), rtol=0, atol=2e-3)
    np.testing.assert_allclose(found.weights.sum(axis=0) / np.abs(found.weights).max(axis=0), 0, atol=1e-3)


def test_without_information_the_frequencies_are_left() -> None:
    labels = np.array([0] * 30 + [1] * 60 + [2] * 10)
    found = fit_logistic_classifier(np.full((100, 4), 7.3), labels, 3)
    assert np.array_equal(found.weights, np.zeros((3, 4)))
    shares = np.exp(found.intercept) / np.exp(found.intercept).sum()
    np.testing.assert_allclose(shares, [0.3, 0.6, 0.1], atol=1e-4)
    assert found.accuracy([(np.full((5, 4), 7.3), np.ones(5, dtype=int))]).value == 1


def test_scales_and_offsets_of_features_change_no_answer() -> None:
    features, labels = _sample(1, 400)
    scale, offset = np.geomspace(1e-3, 1e3, 6), np.arange(6)
    plain = fit_logistic_classifier(features, labels, 3)
    moved = fit_logistic_classifier(features * scale + offset, labels, 3)
    held_out, _ = _sample(2, 200)
    expected = held_out @ plain.weights.T + plain.intercept
    found = (held_out * scale + offset) @ moved.weights.T + moved.intercept
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.01)  # both end within a gradient of 1e-5


def test_held_out_accuracy_with_its_binomial_error() -> None:
    classifier = LinearClassifier(np.array([[1.0], [-1.0]]), np.zeros(2))
    features, labels = np.array([[1.0], [2.0], [-1.0], [3.0], [-2.0]]), np.array([0, 0, 1, 1, 0])
    for cut in (5, 2):
        batches = [(features[:cut], labels[:cut]), (features[cut:], labels[cut:])]
        found = classifier.accuracy(part for part in batches if len(part[1]))
        assert (found.value, found.count) == (0.6, 5)
        assert found.standard_error == pytest.approx((0.6 * 0.4 / 5) ** 0.5)
    assert classifier.accuracy([(torch.from_numpy(features), torch.from_numpy(labels))]).value == 0.6


def test_a_fit_that_does_not_converge_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("empirical.probes.linear_probe.LARGEST_ITERATIONS", 2)
    found = fit_logistic_classifier(*_sample(1, 200), 3, penalty=1e-6)
    assert found.warning is not None
    assert found.warning.startswith("L-BFGS stopped after 2 steps")


def test_the_fit_is_deterministic() -> None:
    first, second = (fit_logistic_classifier(*_sample(1, 300), 3) for _ in range(2))
    assert np.array_equal(first.weights, second.weights)


@pytest.mark.parametrize(
    ("features", "labels", "match"),
    [
        pytest.param(np.ones(3), [0, 1, 0], "features: has shape", id="one axis"),
        pytest.param(np.array([[np.nan], [1.0]]), [0, 1], "features: holds 1 NaN", id="NaN"),
        pytest.param(np.ones((2, 1)), [0, 1, 0], "labels: has shape", id="labels"),
        pytest.param(np.ones((2, 1)), [0, 2], "labels: holds the label 2", id="label out of range"),
        pytest.param(np.ones((2, 1)), [0.0, 1.0], "labels: has type", id="label not an integer"),
    ],
)
def test_bad_samples_are_refused(features: FloatArray, labels: list[int], match: str) -> None:
    known = np.asarray(labels)
    with pytest.raises(InputError, match=match):
        fit_logistic_classifier(features, known, 2)
    with pytest.raises(InputError, match=match):
        LinearClassifier(np.ones((2, 1)), np.zeros(2)).accuracy([(features, known)])


def test_values_out_of_range_are_refused() -> None:
    features, labels = _sample(1, 50)
    with pytest.raises(InputError, match="penalty"):
        fit_logistic_classifier(features, labels, 3, penalty=0.0)
    with pytest.raises(InputError, match="classes"):
        fit_logistic_classifier(features, labels, 1)
    with pytest.raises(InputError, match="batches: none was given"):
        LinearClassifier(np.ones((2, 1)), np.zeros(2)).accuracy([])
    with pytest.raises(InputError, match="features: has shape"):
        LinearClassifier(np.ones((2, 1)), np.zeros(2)).accuracy([(np.ones((3, 2)), np.zeros(3, dtype=int))])
