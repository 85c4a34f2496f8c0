"""The mean field of linear networks: exact cases, the chain rule by differences, blocks against single steps."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from theory import ClassConditionalModel, DataModel, InputError, Softmax, SquaredError, mean_field_curve
from theory.curves.class_mean_field import class_mean_field_curve
from theory.curves.deep_linear import (
    deep_linear_curves,
    deep_linear_path,
    descend,
    layer_descents,
    layers_above,
    partial_products,
)
from theory.data.target import Target
from theory.validation import FloatArray


def _layers(widths: tuple[int, ...], scale: float, replicas: int = 2, seed: int = 0) -> tuple[FloatArray, ...]:
    generator = np.random.default_rng(seed)
    return tuple(scale * generator.standard_normal((replicas, rows, columns)) for columns, rows in pairwise(widths))


def _classes() -> ClassConditionalModel:
    generator = np.random.default_rng(3)
    roots = generator.standard_normal((3, 8, 8)) * np.arange(1, 9) ** -0.5
    means = generator.standard_normal((3, 8)) * np.arange(1, 9) ** -0.5
    return ClassConditionalModel.from_class_moments(np.array([5, 8, 7]), means, roots @ np.swapaxes(roots, 1, 2) / 4)


def test_layers_move_along_the_gradient_by_each_of_them() -> None:
    """Central differences of a quadratic loss of the product, for four layers."""
    layers = _layers((7, 5, 4, 6, 3), 1.0)
    generator = np.random.default_rng(1)
    signal, curvature = generator.standard_normal((3, 7)), generator.standard_normal((3, 3))
    curvature = curvature @ curvature.T
    spectrum = np.arange(7, 0, -1.0)

    def loss(moved: tuple[FloatArray, ...]) -> FloatArray:
        product = partial_products(moved)[-1]
        quadratic = np.einsum("rki,kl,rli,i->r", product, curvature, product, spectrum) / 2
        return np.asarray(quadratic - np.einsum("rki,ki->r", product, signal))

    above = layers_above(layers)
    assert np.allclose(above[0], partial_products(layers)[-1], rtol=1e-12)
    moves = layer_descents(layers, above, signal - curvature @ (above[0] * spectrum))
    for number, layer in enumerate(layers):
        direction = generator.standard_normal(layer.shape)
        small = 1e-5
        sides = [
            loss(tuple(one + sign * small * direction if index == number else one for index, one in enumerate(layers)))
            for sign in (1, -1)
        ]
        expected = (sides[1] - sides[0]) / (2 * small)
        assert np.allclose(np.sum(moves[number] * direction, axis=(1, 2)), expected, rtol=1e-6)


def test_one_layer_is_the_mean_field_of_a_single_layer() -> None:
    """Both ways of taking a block are exact for one layer at a constant pull."""
    conditional = _classes()
    steps, weights = np.array([0, 1, 5, 30, 200]), _layers((8, 3), 0.1)
    ours = deep_linear_curves(conditional.model, Softmax(), weights, steps, 0.05)[0]
    single = mean_field_curve(conditional.model, Softmax(), weights[0], steps, 0.05)
    assert np.abs(ours.losses - single.losses).max() < 1e-9
    ours = deep_linear_curves(conditional, Softmax(), weights, steps, 0.05)[0]
    single = class_mean_field_curve(conditional, Softmax(), weights[0], steps, 0.05)
    assert np.abs(ours.losses - single.losses).max() < 1e-9


@pytest.mark.parametrize("own", [False, True], ids=["common covariance", "covariance per class"])
def test_blocks_agree_with_single_steps(own: bool) -> None:
    """Three layers, to well beyond the turning point of the first."""
    conditional = _classes()
    data = conditional if own else conditional.model
    steps, layers = np.array([0, 20, 60, 150, 400, 800]), _layers((8, 5, 4, 3), 0.3)
    exact = deep_linear_curves(data, Softmax(), layers, steps, 0.05, growth=0.0)
    blocks = deep_linear_curves(data, Softmax(), layers, steps, 0.05)
    for one, other in zip(exact, blocks, strict=True):
        assert np.abs(one.losses - other.losses).max() < 2e-3
    assert np.ptp(exact[0].losses) > 0.02


def test_balance_of_neighbouring_layers_is_conserved_by_the_flow() -> None:
    """W_(l+1)^T W_(l+1) - W_l W_l^T moves by the second order of a step: a tenth at a tenth of eta."""
    model, layers = DataModel.power_law(12, 1.0, 1.5, 0.1), _layers((12, 4, 3, 1), 0.4)

    def balances(state: tuple[FloatArray, ...]) -> list[FloatArray]:
        return [np.swapaxes(upper, 1, 2) @ upper - lower @ np.swapaxes(lower, 1, 2) for lower, upper in pairwise(state)]

    def change(step_size: float, count: int) -> float:
        *_, last = deep_linear_path(model, SquaredError(), layers, np.array([0, count]), step_size, growth=0.0)
        moved = [np.abs(new - old).max() for new, old in zip(balances(last), balances(layers), strict=True)]
        assert np.abs(last[0] - layers[0]).max() > 0.1
        return float(max(moved))

    assert change(0.01, 1000) == pytest.approx(change(0.1, 100) / 10, rel=0.1)


def test_squared_error_ends_at_least_squares() -> None:
    """The product of two layers wider than the outputs tends to M Sigma^-1, in every replica."""
    model = DataModel.power_law(5, 0.5, 1.0, 0.1)
    *_, last = deep_linear_path(model, SquaredError(), _layers((5, 3, 1), 0.5), np.array([0, 3000]), 0.2)
    expected = SquaredError().signal(model.prototypes) / model.eigenvalues
    assert np.allclose(partial_products(last)[-1], expected, atol=1e-6)


def test_a_target_is_decoded_from_every_layer() -> None:
    """At time 0 by the normal equations; the output explains no more of it than the hidden layer does."""
    model, layers = _classes().model, _layers((8, 5, 3), 0.2)
    target = Target.source_classes(model)
    hidden, output = deep_linear_curves(model, Softmax(), layers, np.array([0, 50]), 0.05, target=target)
    rows = layers[0][0]
    gram = (rows * model.eigenvalues) @ rows.T
    crossed = rows @ model.prototypes.T
    explained = np.trace(crossed.T @ np.linalg.solve(gram, crossed))
    assert hidden.losses[0, 0] == pytest.approx(1 - explained / target.variance, rel=1e-9)
    assert np.all(output.losses >= hidden.losses - 1e-12)


def test_bad_input_is_refused() -> None:
    model, steps = DataModel.power_law(6, 1.0, 1.5, 0.1), np.array([0, 200])
    good = _layers((6, 3, 1), 0.3)
    for layers, match in (
        ((), "layers: none are given"),
        ((good[0][:, :, :5], good[1]), r"layer 1: has shape \(2, 3, 5\); give \(2, 3, 6\)"),
        ((good[0], good[1][:, :, :2]), r"layer 2: has shape \(2, 1, 2\); give \(2, 1, 3\)"),
        ((good[0], good[1][:1]), "layer 2: has shape"),
        ((good[0] * np.nan, good[1]), "layer 1: holds 36 NaN"),
    ):
        with pytest.raises(InputError, match=match):
            deep_linear_path(model, SquaredError(), layers, steps, 0.1)
    with pytest.raises(InputError, match="step_size: 0 is not accepted"):
        deep_linear_path(model, SquaredError(), good, steps, 0)
    for growth in (0.0, 0.1):  # in single steps, and in blocks, where the quadrature meets the infinite weights first
        with pytest.raises(InputError, match="step_size: at 50 gradient descent diverges"):
            list(deep_linear_path(model, SquaredError(), good, steps, 50.0, growth=growth))


def test_descending_leaves_the_layers_as_they_were() -> None:
    layers = _layers((4, 3, 2), 1.0)
    kept = [layer.copy() for layer in layers]
    descend(layers, lambda product: -product, 0.1, 5)
    assert all(np.array_equal(one, other) for one, other in zip(layers, kept, strict=True))


def _largest_rises(spectra: FloatArray, signals: FloatArray, layers: tuple[FloatArray, ...], end: float) -> FloatArray:
    """(replica,) how far R of the first layer rises above its lowest so far along the flow of squared error.

    Runge and Kutta's method of fourth order, a spectrum (replica, 1, d) and a signal (replica, K, d) per replica.
    """
    steps = 2500
    step = end / steps

    def speed(state: tuple[FloatArray, ...]) -> tuple[FloatArray, ...]:
        above = layers_above(state)
        return layer_descents(state, above, signals - above[0] * spectra)

    def moved(state: tuple[FloatArray, ...], share: float, speeds: tuple[FloatArray, ...]) -> tuple[FloatArray, ...]:
        return tuple(layer + share * step * one for layer, one in zip(state, speeds, strict=True))

    lowest, rises = np.full(len(spectra), np.inf), np.zeros(len(spectra))
    for count in range(steps):
        if count % 10 == 0:
            rows, back = layers[0] * spectra, np.swapaxes(layers[0], 1, 2)
            explained = np.trace(np.linalg.solve(rows @ back, (rows * spectra) @ back), axis1=1, axis2=2)
            lowest = np.minimum(lowest, explained)
            rises = np.maximum(rises, explained - lowest)
        first = speed(layers)
        second = speed(moved(layers, 0.5, first))
        third = speed(moved(layers, 0.5, second))
        last = speed(moved(layers, 1.0, third))
        for share, speeds in ((1 / 6, first), (1 / 3, second), (1 / 3, third), (1 / 6, last)):
            layers = moved(layers, share, speeds)
    return rises


def test_phase_three_of_a_chain_and_not_of_several_outputs() -> None:
    """The conjecture of T10 on 100 random instances; and two outputs of unequal strength, where it fails."""
    generator = np.random.default_rng(0)
    replicas, dimension, small = 100, 4, 1e-3
    spectra = np.sort(generator.gamma(0.5, size=(replicas, 1, dimension)))[..., ::-1]
    spectra = spectra / spectra[..., :1] + 0.1
    signals = generator.standard_normal((replicas, 1, dimension)) * spectra
    signals /= np.linalg.norm(signals, axis=2, keepdims=True)
    chain = (small * signals, np.full((replicas, 1, 1), small))
    assert _largest_rises(spectra, signals, chain, 60.0).max() < 1e-9
    left, _, right = np.linalg.svd(generator.standard_normal((replicas, 2, dimension)), full_matrices=False)
    both = left @ (np.array([1.0, 0.3])[:, None] * right)
    start = (small * right, small * np.swapaxes(left, 1, 2))
    assert np.mean(_largest_rises(spectra, both, start, 60.0) > 1e-3) > 0.1
