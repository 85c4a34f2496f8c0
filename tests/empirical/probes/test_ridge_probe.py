"""Cross-fitted ridge probes against probes that are fitted anew from the merged moments of the other folds."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest
import torch

from empirical.moments.activation_moments import JointAccumulator, JointMoments
from empirical.probes.ridge_probe import RidgeProbe, fold_parts
from theory import InputError


def samples(count: int, features: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    rows = draw.standard_normal((count, features)) @ np.diag(np.linspace(2, 0.1, features)) + labels[:, None] / 4
    return rows, labels, np.eye(3)[labels]


def moments(rows: np.ndarray, values: np.ndarray, labels: np.ndarray) -> JointMoments:
    accumulator = JointAccumulator(3)
    accumulator.update(torch.from_numpy(rows), torch.from_numpy(values), torch.from_numpy(labels))
    return accumulator.result()


@pytest.mark.parametrize("features", [7, 90], ids=["more samples", "more features"])
def test_cross_fitted_predictions_are_those_of_fits_to_the_merged_moments_of_the_other_folds(features: int) -> None:
    rows, labels, values = samples(60, features)
    parts, penalty = fold_parts(labels, 5), 3.0
    found = RidgeProbe.from_features(rows).cross_fitted(values, parts, penalty)
    folds = [moments(rows[own], values[own], labels[own]) for own in parts]
    for number, own in enumerate(parts):
        merged = reduce(JointMoments.merge, folds[:number] + folds[number + 1 :])
        ridge = merged.activations.covariance + penalty / merged.count * np.eye(features)
        weights = np.linalg.solve(ridge, merged.cross)
        expected = merged.input_mean + (rows[own] - merged.activations.mean) @ weights
        np.testing.assert_allclose(found[own], expected, atol=1e-7)


def test_predictions_on_the_fitted_samples_are_those_of_least_squares_without_a_penalty() -> None:
    rows, _, values = samples(60, 7)
    probe = RidgeProbe.from_features(rows)
    design = np.column_stack([np.ones(60), rows])
    expected = design @ np.linalg.lstsq(design, values, rcond=None)[0]
    np.testing.assert_allclose(probe.predict(values, 1e-12, rows), expected, atol=1e-9)


def test_the_penalty_grows_where_the_labels_are_noise() -> None:
    rows, labels, values = samples(60, 30)
    probe = RidgeProbe.from_features(rows + 3 * labels[:, None])
    shuffled = values[np.random.default_rng(1).permutation(60)]
    assert probe.penalty(shuffled) > 10 * probe.penalty(values)


def test_constant_activations_predict_the_mean_of_the_other_folds() -> None:
    _, labels, values = samples(60, 3)
    probe = RidgeProbe.from_features(np.ones((60, 3)))
    parts = fold_parts(labels, 4)
    found = probe.cross_fitted(values, parts, probe.penalty(values))
    for own in parts:
        np.testing.assert_allclose(found[own], np.delete(values, own, axis=0).mean(axis=0)[None].repeat(own.size, 0))


def test_arrays_that_torch_does_not_take_give_the_same_predictions() -> None:
    rows, labels, values = samples(60, 7)
    expected = RidgeProbe.from_features(rows).cross_fitted(values, fold_parts(labels, 5), 3.0)
    reversed_rows, locked = rows[:, ::-1], values.copy()
    locked.flags.writeable = False
    found = RidgeProbe.from_features(reversed_rows).cross_fitted(locked, fold_parts(labels, 5), 3.0)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_one_row_is_refused() -> None:
    with pytest.raises(InputError, match="give at least 2"):
        RidgeProbe.from_features(np.ones((1, 3)))
