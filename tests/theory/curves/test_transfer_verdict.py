"""Theorem T9 in numbers: learnt path, turning law, annealed curve and verdict of a target."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import data_models, seeds, spectra, targets, two_class_models
from theory import (
    AnnealedTransfer,
    CentredOutputs,
    DataModel,
    InputError,
    LearntTransfer,
    Logistic,
    Loss,
    OneOutput,
    Softmax,
    SquaredError,
    Stopping,
    Target,
    TurningLaw,
    flow_curve,
    transfer_verdict,
    unexplained_share,
)
from theory.validation import FloatArray

SPECTRUM = np.arange(1, 101) ** -1.0


def shared_target(model: DataModel, exponent: float) -> Target:
    """Targets t = delta lambda^a without noise, for the one output of a model of two classes."""
    row = model.prototypes[1] * (model.eigenvalues / model.eigenvalues[0]) ** exponent
    return Target(model.eigenvalues, row[:, None], float(np.sum(row**2 / model.eigenvalues)))


# The learnt path.


@st.composite
def paths(draw: st.DrawFn) -> tuple[DataModel, Loss, Target]:
    model = draw(data_models(largest_dimension=12).filter(lambda one: one.dimension > one.classes))
    loss: Loss = draw(st.sampled_from([CentredOutputs(Softmax()), CentredOutputs(SquaredError())]))
    if model.classes == 2:
        loss = SquaredError()
    return model, loss, draw(targets(model.eigenvalues))


@given(paths())
@settings(max_examples=40)
def test_the_learnt_path_is_the_flow_from_zero(case: tuple[DataModel, Loss, Target]) -> None:
    model, loss, target = case
    times = np.array([0.3, 3.0, 30.0]) / model.eigenvalues[0]
    zero = np.zeros((1, loss.outputs(model.classes), model.dimension))
    expected = 1 - flow_curve(model, loss, zero, times, target).losses[0]
    np.testing.assert_allclose(LearntTransfer.from_model(model, loss, target).shares(times), expected, atol=1e-6)


@given(paths())
@settings(max_examples=40)
def test_its_ends_are_the_prototypes_and_the_best_predictors(case: tuple[DataModel, Loss, Target]) -> None:
    model, loss, target = case
    path = LearntTransfer.from_model(model, loss, target)
    rows = loss.signal(model.prototypes)
    assert path.phase_two_end == pytest.approx(float(1 - unexplained_share(rows, target)), abs=1e-7)
    assert path.limit == pytest.approx(float(1 - unexplained_share(rows / model.eigenvalues, target)), abs=1e-7)


@given(paths())
@settings(max_examples=40)
def test_its_slope_at_the_beginning_is_the_closed_form(case: tuple[DataModel, Loss, Target]) -> None:
    model, loss, target = case
    path = LearntTransfer.from_model(model, loss, target)
    if path.idle.size:
        return
    step = 1e-5 / path.rates.max()
    measured = (path.shares(np.array([step])) - path.phase_two_end)[0] / step
    # One-sided: the next term is of order 1e-5, in units of the fastest rate; rounding leaves 1e-13 / 1e-5.
    assert path.initial_slope == pytest.approx(measured, abs=1e-4 * path.rates.max())


def test_outputs_that_learn_nothing_add_what_draws_of_them_do() -> None:
    """A softmax layer's conserved row, and squared error's third output, which fades; 400 draws of W(0)."""
    model = DataModel.power_law_classes(200, 0.5, 1.0, 3, 0.5, 0)
    generator = np.random.default_rng(0)
    crossed = model.eigenvalues[:, None] * generator.standard_normal((200, 3))
    target = Target(model.eigenvalues, crossed, 1.2 * float(np.sum(crossed**2 / model.eigenvalues[:, None])))
    times = np.array([1e-3, 1.0, 30.0])
    for loss in (Softmax(), SquaredError()):
        start = 1e-9 * generator.standard_normal((400, 3, 200))
        drawn = 1 - flow_curve(model, loss, start, times, target).losses
        error = drawn.std(axis=0) / 20
        found = LearntTransfer.from_model(model, loss, target).shares(times)
        # An effective rank of 65: the annealed average is a percent off.
        assert np.all(np.abs(found - drawn.mean(axis=0)) < 4 * error + 0.02 * (1 - found))


# The turning law.


@pytest.mark.parametrize("other_inputs", [False, True])
def test_the_coefficients_of_the_law_with_projectors_written_out(other_inputs: bool) -> None:
    """C by the mean of a second difference over Gaussian noise, v by the slope of the learnt path."""
    model = DataModel.power_law_classes(7, 0.5, 0.7, 3, 0.5, 2)
    generator = np.random.default_rng(3)
    mixing = np.linalg.qr(generator.standard_normal((7, 7))).Q
    root = np.diag(np.sqrt(model.eigenvalues)) @ (mixing if other_inputs else np.eye(7))
    signal = generator.standard_normal((7, 2))
    covariance = root @ root.T if other_inputs else model.eigenvalues
    target = Target(covariance, root @ signal, 50.0)
    loss = CentredOutputs(Softmax())
    law = TurningLaw.from_model(model, loss, target)
    learnt = root.T @ loss.signal(model.prototypes).T
    shared = signal @ signal.T

    def explained(columns: FloatArray) -> float:
        basis = np.linalg.qr(columns).Q
        return float(np.trace(basis.T @ shared @ basis))

    # The Laplacian by central differences along every entry of W(0): E of the second-order term is half of it.
    step, total = 1e-4 * np.linalg.norm(learnt, 2), 0.0
    for row in range(7):
        for output in range(2):
            moved = np.zeros((7, 2))
            moved[row, output] = step
            noise = root.T @ moved
            total += (explained(learnt + noise) + explained(learnt - noise) - 2 * explained(learnt)) / step**2
    assert law.remainder == pytest.approx(-total / 2, rel=1e-4)
    path = LearntTransfer.from_model(model, loss, target)
    late = 1e-5 / path.rates.max()
    slope = (path.shares(np.array([late])) - path.phase_two_end)[0] / late * target.variance
    assert law.drift == pytest.approx(-slope, rel=1e-3)


def test_the_peak_of_many_draws_is_where_the_law_says_and_moves_as_sigma0_to_two_thirds() -> None:
    model = DataModel.power_law_classes(300, 0.5, 1.0, 3, 0.5, 1)
    loss = CentredOutputs(Softmax())
    # The first five coordinates of the inputs.
    target = Target(model.eigenvalues, np.eye(300)[:, :5] * model.eigenvalues[:, None], 5.0)
    law = TurningLaw.from_model(model, loss, target)
    generator = np.random.default_rng(0)
    peaks = []
    for scale in (1e-6, 1e-4):
        expected = law.turning_point(scale)
        assert expected is not None
        times = expected * np.geomspace(0.3, 3, 60)
        rows = scale * generator.standard_normal((150, 2, 300))
        # The term linear in W(0) vanishes on average over W(0) and -W(0).
        curves = flow_curve(model, loss, np.concatenate([rows, -rows]), times, target)
        fitted = np.polyfit(np.log(times), curves.mean, 4)
        fine = np.linspace(np.log(times[0]), np.log(times[-1]), 2000)
        peaks.append(float(np.exp(fine[np.argmin(np.polyval(fitted, fine))])))
        assert peaks[-1] == pytest.approx(expected, rel=0.1)
    assert np.log(peaks[1] / peaks[0]) / np.log(100) == pytest.approx(2 / 3, abs=0.04)


# One output, annealed.


@given(two_class_models(), st.data(), st.sampled_from([SquaredError(), Logistic()]), st.floats(-4, 1))
@settings(max_examples=30)
def test_reconstruction_is_the_annealed_curve_of_t5(
    model: DataModel, data: st.DataObject, loss: Loss, exponent: float
) -> None:
    network = OneOutput.from_model(model, loss)
    own = AnnealedTransfer(network, Target.reconstruction(model.eigenvalues))
    total = model.total_variance
    assert own.start * total == pytest.approx(network.initial_level)
    assert own.signal_level * total == pytest.approx(network.signal_level)
    scale = 10.0**exponent * float(np.abs(network.signal).max()) / model.eigenvalues[0]
    times = np.array([0.1, 1.0, 10.0]) / (network.curvature * model.eigenvalues[0])
    np.testing.assert_allclose(
        own.shares(scale, times) * total, network.explained_variance(scale, times), rtol=1e-7, atol=1e-9 * total
    )
    formula = network.turning_point_formula(scale)
    if formula is not None:
        assert own.turning_point_formula(scale) == pytest.approx(formula, rel=1e-5)


@given(two_class_models(), st.data())
@settings(max_examples=25)
def test_it_is_a_ratio_of_means_over_draws(model: DataModel, data: st.DataObject) -> None:
    """The mean covariance with the target, and the mean variance, by all 2^k corners of a discrete W(0)."""
    target = data.draw(targets(model.eigenvalues))
    network = OneOutput.from_model(model, SquaredError())
    own = AnnealedTransfer(network, target)
    scale = float(np.abs(network.signal).max()) / model.eigenvalues[0]
    times = np.array([0.5, 5.0]) / model.eigenvalues[0]
    decay, learnt = network.modes(times)
    covariance = np.diag(target.covariance) if target.covariance.ndim == 1 else target.covariance
    crossed = np.diag(target.cross_covariance) if target.cross_covariance.ndim == 1 else target.cross_covariance
    expected = []
    for left, grown in zip(scale * decay, learnt, strict=True):
        # One entry at a time at +- its deviation, sqrt(d) times as large: the same second moments.
        rows = grown + np.concatenate([np.diag(left), -np.diag(left)]) * np.sqrt(left.size)
        up = np.square(rows @ crossed).sum(axis=1).mean()
        low = np.einsum("ri,ij,rj->r", rows, covariance, rows).mean()
        expected.append(up / low / target.variance)
    np.testing.assert_allclose(own.shares(scale, times), expected, rtol=1e-7)


def test_its_slope_is_the_derivative_of_its_shares() -> None:
    model = DataModel.power_law(30, 1.0, 1.0, 0.1)
    own = AnnealedTransfer(OneOutput.from_model(model, Logistic()), shared_target(model, 0.3))
    times, step = np.geomspace(1e-2, 1e3, 30), 1e-5
    measured = (own.shares(0.05, times * np.exp(step)) - own.shares(0.05, times * np.exp(-step))) / (2 * step)
    np.testing.assert_allclose(own.slopes(0.05, times), measured, atol=1e-9)


def test_the_turning_point_is_the_peak_for_small_sigma0() -> None:
    """The relative error of the leading order is of the order of c lambda_1 s*."""
    model = DataModel.power_law(100, 1.0, 2.0, 0.2)
    own = AnnealedTransfer(OneOutput.from_model(model, SquaredError()), shared_target(model, 2.0))
    for scale in (1e-6, 1e-5, 1e-4):
        peak, formula = own.peak(scale), own.turning_point_formula(scale)
        assert formula is not None
        assert peak.stopping is Stopping.TURNING_POINT
        assert formula == pytest.approx(peak.time, rel=3 * peak.time)
        assert peak.exponent == pytest.approx(2 / 3, abs=peak.time)


def test_no_turning_point_is_given_where_phase_two_gains_nothing_or_nothing_is_forgotten() -> None:
    model = DataModel.power_law(100, 1.0, 2.0, 0.2)
    network = OneOutput.from_model(model, SquaredError())
    assert AnnealedTransfer(network, shared_target(model, -1.0)).turning_point_formula(1e-3) is None
    with pytest.raises(InputError, match="target: has 2 directions; give the network's 100"):
        AnnealedTransfer(network, Target.reconstruction([2.0, 1.0]))


# Verdicts.


@pytest.mark.parametrize(
    ("exponent", "stopping"),
    [
        (-1.0, Stopping.GO_ON),
        (0.0, Stopping.GO_ON),
        (0.01, Stopping.LATER),
        (0.5, Stopping.LATER),
        (0.99, Stopping.LATER),
        (1.0, Stopping.TURNING_POINT),
        (2.0, Stopping.TURNING_POINT),
    ],
)
def test_the_exponent_of_the_shared_signal_decides(exponent: float, stopping: Stopping) -> None:
    """Theorem T9: t = delta lambda^a."""
    model = DataModel.power_law(100, 1.0, 2.0, 0.2)
    verdict = transfer_verdict(model, shared_target(model, exponent), SquaredError(), 1e-4)
    assert verdict.stopping is stopping
    own = AnnealedTransfer(OneOutput.from_model(model, SquaredError()), shared_target(model, exponent))
    small = own.peak(1e-7)
    assert small.stopping is stopping
    if stopping is Stopping.LATER:
        assert verdict.time == pytest.approx(small.time, rel=0.02)
        assert verdict.best == pytest.approx(small.share, abs=1e-6)


@given(two_class_models(), st.floats(-3, 3), st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_without_a_change_of_sign_the_conditions_of_t9_hold(model: DataModel, exponent: float, seed: int) -> None:
    """Any t / delta that is positive and monotone as T9 asks: R_T never falls, or never rises, after phase II."""
    levels = model.eigenvalues / model.eigenvalues[0]
    generator = np.random.default_rng(seed)
    # A monotone factor: rising with lambda, in steps of random size.
    rising = np.cumsum(generator.exponential(size=levels.size))[::-1] * levels ** abs(exponent)
    for row, sign in ((1 / rising, 1), (levels * rising, -1)):
        crossed = model.prototypes[1] * row
        if not crossed.any():
            continue
        target = Target(model.eigenvalues, crossed[:, None], float(np.sum(crossed**2 / model.eigenvalues)))
        path = LearntTransfer.from_model(model, SquaredError(), target)
        shares = path.shares(np.concatenate([[0.0], path.grid(4), [np.inf]]))
        # Equal eigenvalues in another order of t / delta are one mode to no condition.
        if np.unique(levels).size == levels.size:
            assert np.all(sign * np.diff(shares) >= -1e-7)


@given(data_models(largest_dimension=15).filter(lambda one: one.dimension > one.classes))
@settings(max_examples=40)
def test_the_task_trained_on_is_best_at_the_end_for_any_number_of_classes(model: DataModel) -> None:
    loss = SquaredError() if model.classes == 2 else CentredOutputs(Softmax())
    own = Target.source_classes(model)
    verdict = transfer_verdict(model, own, loss, resolution=1e-7)
    assert verdict.stopping is Stopping.GO_ON
    assert verdict.final == pytest.approx(own.explained_by_inputs / own.variance, rel=1e-6)


def test_the_four_verdicts_and_their_times() -> None:
    model = DataModel.power_law(100, 1.0, 2.0, 0.2)
    turning = transfer_verdict(model, shared_target(model, 2.0), SquaredError(), 1e-3)
    assert turning.time == pytest.approx(
        TurningLaw.from_model(model, SquaredError(), shared_target(model, 2.0)).turning_point(1e-3)
    )
    assert transfer_verdict(model, shared_target(model, 2.0), SquaredError()).time is None
    later = transfer_verdict(model, shared_target(model, 0.5), SquaredError())
    assert later.turns == (later.time,)
    assert later.phase_two_end < later.best
    assert later.final < later.best
    # Training that ends before the peak: go on.
    ended = transfer_verdict(model, shared_target(model, 0.5), SquaredError(), last=0.5 * later.time)
    assert ended.stopping is Stopping.GO_ON
    assert ended.time == pytest.approx(0.5 * later.time)
    # A resolution beyond all that stopping gains.
    assert transfer_verdict(model, shared_target(model, 0.5), SquaredError(), resolution=0.9).stopping is Stopping.GO_ON
    reversed_model = DataModel.two_classes(SPECTRUM, np.where(np.arange(100) > 50, 0.1, 0.0))
    first = Target(SPECTRUM, np.eye(100)[:, :1], 1.0)
    before = transfer_verdict(reversed_model, first, SquaredError())
    assert before.stopping is Stopping.BEFORE_TRAINING
    assert before.time == 0
    for verdict in (turning, later, ended, before):
        assert len(verdict.reasons) == 3
        assert f"{verdict.phase_two_end:.3f}" in verdict.reasons[0]


@given(st.permutations(list(Stopping)))
def test_verdicts_agree_where_they_give_the_same_advice(order: list[Stopping]) -> None:
    for first, second in pairwise(order):
        both_between = {first, second} == {Stopping.TURNING_POINT, Stopping.LATER}
        assert first.agrees_with(second) is both_between
        assert first.agrees_with(first)


# What the specification's figures are: d = 1,000, lambda = 1/i, delta^2 = .2 / i^2.


def test_three_leading_directions_peak_early_and_directions_beyond_twenty_rise_to_the_end() -> None:
    """Whitened coordinates: three targets of the first directions; one sum of all from the 20th on."""
    model = DataModel.power_law(1000, 1.0, 2.0, 0.2)
    levels = model.eigenvalues
    leading = Target(levels, np.diag(np.sqrt(levels))[:, :3], 3.0)
    verdict = transfer_verdict(model, leading, SquaredError())
    assert verdict.stopping is Stopping.TURNING_POINT
    # By hand: sum of l delta^2 over three modes / (3 B1), and of delta^2 / l over three modes / (3 sum of all).
    assert verdict.phase_two_end == pytest.approx((1 + 1 / 8 + 1 / 27) / (3 * np.sum(levels**3)), rel=1e-9)
    assert verdict.final == pytest.approx((1 + 1 / 2 + 1 / 3) / (3 * np.sum(levels)), rel=1e-9)
    assert (verdict.phase_two_end, verdict.final) == (pytest.approx(0.322, abs=5e-4), pytest.approx(0.082, abs=5e-4))
    peak = AnnealedTransfer(OneOutput.from_model(model, Logistic()), leading).peak(0.02)
    assert (peak.share, peak.time) == (pytest.approx(0.317, abs=1e-3), pytest.approx(1.4, abs=0.06))
    beyond = np.where(np.arange(1, 1001) >= 20, np.sqrt(levels), 0.0)[:, None]
    verdict = transfer_verdict(model, Target(levels, beyond, 981.0), SquaredError())
    assert verdict.stopping is Stopping.GO_ON
    assert (verdict.phase_two_end, verdict.final) == (pytest.approx(0.0, abs=5e-4), pytest.approx(0.403, abs=5e-4))


@given(spectra(smallest=2, largest=10), seeds)
def test_the_path_takes_any_time(eigenvalues: FloatArray, seed: int) -> None:
    """Zero, infinity, and times beyond all rates give numbers between 0 and 1."""
    row = np.random.default_rng(seed).standard_normal(eigenvalues.size)
    model = DataModel.two_classes(eigenvalues, 0.1 * row * np.sqrt(eigenvalues / eigenvalues.size))
    path = LearntTransfer.from_model(model, SquaredError())
    shares = path.shares(np.array([0.0, 1e-300, 1e300, np.inf]))
    assert np.all((shares > 0) & (shares <= 1 + 1e-9))
    assert shares[0] == pytest.approx(shares[1])
    assert shares[2] == pytest.approx(shares[3], rel=1e-6)
