from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from empirical.probes.decoder import fit_linear_decoder
from theory import InputError

Pair = tuple[NDArray[np.float32], NDArray[np.float32]]


def _pair(count: int, seed: int = 0) -> Pair:
    generator = np.random.default_rng(seed)
    inputs = generator.standard_normal((count, 6)) @ generator.standard_normal((6, 6)) + 3
    features = np.maximum(inputs @ np.random.default_rng(9).standard_normal((6, 4)), 0)
    return features.astype(np.float32), inputs.astype(np.float32)


def _batches(pair: Pair, size: int) -> list[Pair]:
    return [(pair[0][start : start + size], pair[1][start : start + size]) for start in range(0, len(pair[0]), size)]


def test_the_decoder_is_the_least_squares_solution_however_the_data_are_cut() -> None:
    features, inputs = _pair(500)
    design = np.concatenate([features, np.ones((500, 1))], axis=1).astype(np.float64)
    expected, *_ = np.linalg.lstsq(design, inputs.astype(np.float64), rcond=None)
    for size in (500, 64):
        decoder = fit_linear_decoder(_batches((features, inputs), size))
        np.testing.assert_allclose(decoder.weights, expected[:-1], atol=1e-4)  # products in float32
        np.testing.assert_allclose(decoder.intercept, expected[-1], atol=1e-3)
        residual = design @ expected - inputs
        assert decoder.loss(_batches((features, inputs), 100)) == pytest.approx(np.mean(residual**2), rel=1e-4)


def test_no_other_decoder_does_better_on_the_data_it_was_fitted_to() -> None:
    pair = _pair(300)
    best = fit_linear_decoder([pair])
    base = best.loss([pair])
    generator = np.random.default_rng(1)
    for _ in range(20):
        nudged = type(best)(best.weights + 0.1 * generator.standard_normal(best.weights.shape), best.intercept)
        assert nudged.loss([pair]) > base
    assert fit_linear_decoder([pair], ridge=10.0).loss([pair]) > base


def test_dependent_features_change_nothing() -> None:
    features, inputs = _pair(300)
    doubled = np.concatenate([features, features[:, :2]], axis=1)
    once = fit_linear_decoder([(features, inputs)]).loss([(features, inputs)])
    twice = fit_linear_decoder([(doubled, inputs)]).loss([(doubled, inputs)])
    assert twice == pytest.approx(once, rel=1e-4)


@pytest.mark.parametrize(
    ("batches", "match"),
    [
        pytest.param([], "none was given", id="no batch"),
        pytest.param([(np.zeros((3, 2), np.float32), np.zeros((2, 2), np.float32))], "do not fit", id="lengths"),
        pytest.param([(np.full((3, 2), np.nan, np.float32), np.zeros((3, 2), np.float32))], "NaN", id="NaN"),
    ],
)
def test_bad_batches_are_refused(batches: list[Pair], match: str) -> None:
    with pytest.raises(InputError, match=match):
        fit_linear_decoder(batches)
