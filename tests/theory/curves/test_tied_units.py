"""Units whose weights all positions share: against units of their own, samples, and differences of the closed loss."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.theory.curves.test_relu_closure import CLASSES, DIMENSION, WIDTH, mixture, network, squared_error
from theory import BatchNormalised, ClassConditionalModel, InputError, Softmax, SquaredError, TiedBranch, TiedUnits
from theory.curves.mean_field import gaussian_nodes
from theory.curves.relu_closure import closed_gradient
from theory.curves.relu_layer import relu_curve
from theory.curves.relu_parameters import Parameters

#: Windows of two and of one entry at three positions of five inputs; the first begins on the frame.
WINDOWS = (np.array([[-1, 0, 1], [0, 1, 2]]), np.array([[2, 3, 4]]))
MEAN = np.array([0.3, -0.2, 0.5, 0.1, -0.4])
NAMES = ("output", "output_bias", "weights", "gains", "shifts", "shortcut", "its gains", "its shifts")


def tied(epsilon: float = 0.01) -> TiedUnits:
    return TiedUnits(tuple(TiedBranch.from_windows(one, MEAN, mixture().model) for one in WINDOWS), epsilon)


def parameters(replicas: int = 1) -> Parameters:
    generator = np.random.default_rng(5)
    shapes = [(CLASSES, 2), (CLASSES,), *(shape for one in WINDOWS for shape in ((2, len(one)), (2,), (2,)))]
    return tuple(generator.normal(size=(replicas, *shape)) for shape in shapes)


def test_one_position_and_one_branch_are_batch_normalised_units() -> None:
    """Whatever the inputs' mean, which then is that over all positions; network and moves, to rounding."""
    model = mixture().model
    branch = TiedBranch.from_windows(np.arange(DIMENSION)[:, None], MEAN, model)
    rule, plain = TiedUnits((branch,), 0.01), BatchNormalised(0.01)
    start = network(CLASSES)
    gains, weights = np.full((1, WIDTH), 0.8), start.hidden
    own = (start.output, start.output_bias, weights, gains, start.hidden_bias)
    assert model.basis is not None
    turned = (weights @ model.basis, start.output, gains, start.hidden_bias, start.output_bias)
    found, expected = rule.network(own, model.eigenvalues), plain.network(turned, model.eigenvalues)
    for name in ("hidden", "output", "hidden_bias", "output_bias"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-13)
    descent = closed_gradient(mixture(), SquaredError(), expected, gaussian_nodes(CLASSES, 64))
    output, last, rows, along, shift = rule.moves(own, rule.gathered(descent).descent, model.eigenvalues)
    moves = plain.moves(turned, descent.descent, model.eigenvalues)
    for one, other in zip((rows @ model.basis, output, along, shift, last), moves, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-13)


def test_the_effective_network_is_the_block_normalised_over_samples_and_positions() -> None:
    """On samples whose own moments are the model's, statistics are exact: the same outputs to rounding."""
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(60, DIMENSION)) @ generator.normal(size=(DIMENSION, DIMENSION)) + MEAN
    model = ClassConditionalModel.from_samples(inputs, np.arange(60) % CLASSES, CLASSES).model
    mean = inputs.mean(axis=0)
    rule = TiedUnits(tuple(TiedBranch.from_windows(one, mean, model) for one in WINDOWS), 0.01)
    own = parameters()
    effective = rule.network(own, model.eigenvalues)
    centred = model.to_eigenbasis(inputs - mean)
    units = np.maximum(centred @ effective.hidden[0].T + effective.hidden_bias[0], 0)
    found = units @ effective.output[0].T + effective.output_bias[0]

    padded = np.column_stack([inputs, np.zeros(len(inputs))])  # entry -1 is 0
    total = np.zeros((len(inputs), WINDOWS[0].shape[1], 2))
    for windows, weights, gains, shifts in zip(WINDOWS, own[2::3], own[3::3], own[4::3], strict=True):
        seen = np.moveaxis(padded[:, windows], 1, 2) @ weights[0].T
        normal = (seen - seen.mean(axis=(0, 1))) / np.sqrt(seen.var(axis=(0, 1)) + 0.01)
        total += gains[0] * normal + shifts[0]
    expected = np.maximum(total, 0).mean(axis=1) @ own[0][0].T + own[1][0]
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("number", range(8), ids=NAMES)
def test_all_move_down_the_gradient_of_the_closed_loss(number: int) -> None:
    """Central differences of squared error, to the error of Plackett's integral."""
    model, rule, own = mixture(), tied(), parameters()
    effective = rule.network(own, model.model.eigenvalues)
    gradient = closed_gradient(model, SquaredError(), effective, gaussian_nodes(CLASSES, 64))
    moves = rule.moves(own, rule.gathered(gradient).descent, model.model.eigenvalues)[number]
    differences = np.empty_like(moves)
    for place in np.ndindex(moves.shape):
        sides = []
        for sign in (1, -1):
            moved = [one.copy() for one in own]
            moved[number][place] += sign * 1e-5
            sides.append(squared_error(model, rule.network(tuple(moved), model.model.eigenvalues)))
        differences[place] = (sides[0] - sides[1]) / 2e-5
    assert np.abs(moves).max() > 1e-3
    np.testing.assert_allclose(moves, -differences, atol=1e-6)


def test_replicas_do_not_see_each_other() -> None:
    model, rule, both = mixture(), tied(), parameters(2)
    alone, nodes = tuple(one[1:] for one in both), gaussian_nodes(CLASSES, 64)
    found = []
    for own in (both, alone):
        effective = rule.network(own, model.model.eigenvalues)
        gradient = rule.gathered(closed_gradient(model, Softmax(), effective, nodes))
        found.append(rule.moves(own, gradient.descent, model.model.eigenvalues))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one[1:], other, rtol=1e-12, atol=1e-14)


def test_blocks_of_steps_agree_with_single_steps() -> None:
    """Curvatures of tied weights add up over positions, which blocks follow: within their tolerance of 3e-4 each."""
    output, bias, *rest = parameters()
    steps = np.array([0, 1, 10, 40, 150])
    arguments = (mixture(), Softmax(), (0.3 * output, bias, *rest), steps, 0.05, tied(), 0.9, 64)
    blocks, single = relu_curve(*arguments), relu_curve(*arguments, growth=0.0)
    assert np.ptp(single.losses) > 0.02
    assert np.abs(blocks.losses - single.losses).max() < 1e-3


def _without(number: int) -> Parameters:
    return tuple(one[..., :1] if place == number else one for place, one in enumerate(parameters()))


@pytest.mark.parametrize(
    ("message", "given"),
    [
        ("parameters: 7 are given; give 8", parameters()[:-1]),
        ("output_bias: has shape", _without(1)),
        ("weights_0: has shape", _without(2)),
        ("gains_1: has shape", _without(6)),
        ("shifts_0: holds", (*parameters()[:4], np.full((1, 2), np.nan), *parameters()[5:])),
    ],
)
def test_parameters_that_do_not_fit_are_refused(message: str, given: Parameters) -> None:
    with pytest.raises(InputError, match=message):
        tied().checked(given, DIMENSION, CLASSES)


def test_branches_that_do_not_fit_are_refused() -> None:
    model = mixture().model
    for windows in (np.array([[5]]), np.array([[-2]]), np.array([[0.0]]), np.array([0])):
        with pytest.raises(InputError, match="windows: give"):
            TiedBranch.from_windows(windows, MEAN, model)
    with pytest.raises(InputError, match="mean: has shape"):
        TiedBranch.from_windows(WINDOWS[0], MEAN[:3], model)
    fewer = TiedBranch.from_windows(WINDOWS[1][:, :2], MEAN, model)
    with pytest.raises(InputError, match="branches: give at least one"):
        TiedUnits((fewer, tied().branches[0]))
    with pytest.raises(InputError, match="branches: give at least one"):
        TiedUnits(())
    with pytest.raises(InputError, match="branches: see 5 inputs"):
        tied().checked(parameters(), DIMENSION + 1, CLASSES)
    with pytest.raises(InputError, match="covariance: has shape"):
        replace(fewer, covariance=np.eye(2))
