from __future__ import annotations

import numpy as np
import pytest

from theory import DataModel, InputError, Logistic, OneOutput, Softmax, SquaredError
from theory.assumptions import (
    Assessment,
    Side,
    Verdict,
    alignment,
    assess,
    effective_rank,
    fit_power_law,
    power_law_signal,
    power_law_spectrum,
    small_initialisation,
    small_outputs,
    small_steps,
)
from theory.validation import FloatArray


def _flat(signal: FloatArray) -> DataModel:
    return DataModel.two_classes(np.ones(signal.size), signal)


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.5])
def test_a_power_law_is_fitted_exactly(exponent: float) -> None:
    fit = fit_power_law(np.arange(1, 5001) ** -exponent)
    assert fit is not None
    # Means within a range of ranks lie a little above the value at the mean of the logarithms.
    assert fit.exponent == pytest.approx(exponent, abs=0.01)
    assert fit.determination > 0.999


def test_noise_of_sampled_signals_averages_out_in_the_fit() -> None:
    """Squared Gaussian prototypes of ten classes: nine degrees of freedom a rank."""
    noise = np.mean(np.random.default_rng(0).standard_normal((9, 5000)) ** 2, axis=0)
    fit = fit_power_law(noise * np.arange(1, 5001) ** -1.5)
    assert fit is not None
    assert fit.exponent == pytest.approx(1.5, abs=0.1)  # about three times its scatter over draws


def test_few_ranks_or_vanishing_values_have_no_fit() -> None:
    assert fit_power_law(np.array([1.0, 0.5])) is None
    assert fit_power_law(np.zeros(100)) is None


def test_power_laws_hold_and_an_exponential_spectrum_does_not() -> None:
    power = DataModel.power_law(500, 1.2, 2.0, 0.01)
    assert power_law_spectrum(power).holds
    assert power_law_signal(power).holds
    assert "exponent 1.20" in power_law_spectrum(power).statement
    # Of the squares, not of the coordinates, whose exponent is half of it.
    assert "exponent 2.00" in power_law_signal(power).statement
    exponential = DataModel.two_classes(np.exp(-np.arange(200) / 8.0), np.exp(-np.arange(200) / 16.0) * 0.1)
    assert not power_law_spectrum(exponential).holds
    assert not power_law_signal(exponential).holds


def test_alignment_is_that_of_the_annealed_theory_up_to_the_equivalent_of_one_random_row() -> None:
    """With one output, R2 is exact and R0 the deterministic equivalent of sum l^2 / sum l."""
    model = DataModel.power_law(2000, 0.5, 1.5, 0.01)
    network = OneOutput.from_model(model, SquaredError())
    found = alignment(model, SquaredError())
    assert found.holds
    assert found.value == pytest.approx(network.signal_level / network.initial_level, rel=0.05)
    misaligned = DataModel.two_classes(np.array([4.0, 2.0, 1.0, 0.5]), np.array([0.0, 0.0, 0.05, 0.3]))
    assert not alignment(misaligned, SquaredError()).holds


def test_alignment_of_three_classes_is_held_against_two_random_rows() -> None:
    """Five eigenvalues of 4 and five of 1: for two rows 2 kappa^2 - 15 kappa - 32 = 0, and R0 = 25 - 2 kappa."""
    eigenvalues = np.repeat([4.0, 1.0], 5)
    prototypes = np.zeros((3, 10))
    prototypes[:, :2] = 0.1 * np.array([[1.0, 0], [0, 1], [-1, -1]])
    model = DataModel(eigenvalues, prototypes, np.full(3, 1 / 3))
    kappa = (15 + np.sqrt(15**2 + 8 * 32)) / 4
    # Both directions of the prototypes have the eigenvalue 4: R2 = 8.
    for loss in (Softmax(), SquaredError()):
        assert alignment(model, loss).value == pytest.approx(8 / (25 - 2 * kappa), rel=1e-9)


def test_initialisation_and_outputs_by_hand() -> None:
    """Unit eigenvalues, sigma0 = .01, and delta = .05 in twenty directions, or three classes in two directions.

    A7 is sigma0 c (tr Sigma / gamma)^(1/2), A8 the root of sigma0^2 tr Sigma and (1 - 1/e)^2 |M|^2 / c^2 an output.
    """
    gone = (1 - np.exp(-1)) ** 2
    two = _flat(np.full(20, 0.05))
    for loss, curvature, squares, strongest in (
        (SquaredError(), 1, 0.05, 0.05),
        (Logistic(), 1 / 4, 0.05, 0.05),
        # Two rows, each with half of the squares: the one that learns has them all.
        (Softmax(), 1 / 2, 0.05, 0.1),
    ):
        assert small_initialisation(two, loss, 0.01).value == pytest.approx(
            0.01 * curvature * np.sqrt(20 / strongest), rel=1e-9
        )
        assert small_outputs(two, loss, 0.01).value == pytest.approx(
            np.sqrt(0.01**2 * 20 + gone * squares / curvature**2), rel=1e-9
        )
        assert small_steps(two, loss, 0.3).value == pytest.approx(0.3 * curvature)
    # M M^T of the rows (a, 0), (0, b), (-a, -b) has the eigenvalues a^2 + b^2 +- (a^4 + b^4 - a^2 b^2)^(1/2).
    rows = np.zeros((3, 20))
    rows[:, :2] = np.array([[0.1, 0], [0, 0.05], [-0.1, -0.05]])
    three = DataModel(np.ones(20), rows, np.full(3, 1 / 3))
    gamma = 0.0125 + np.sqrt(0.1**4 + 0.05**4 - (0.1 * 0.05) ** 2)
    assert small_initialisation(three, Softmax(), 0.01).value == pytest.approx(0.01 / 3 * np.sqrt(20 / gamma), rel=1e-9)
    grown = gone * 9 * (2 * 0.1**2 + 2 * 0.05**2) / 3
    assert small_outputs(three, Softmax(), 0.01).value == pytest.approx(np.sqrt(0.01**2 * 20 + grown), rel=1e-9)


def test_steps_and_effective_rank_are_what_they_say() -> None:
    model = _flat(np.full(20, 0.05))
    assert small_steps(model, SquaredError(), 1.0).holds
    assert not small_steps(model, SquaredError(), 1.01).holds
    assert small_steps(model, Logistic(), 4.0).holds
    assert effective_rank(model).value == pytest.approx(20)
    assert effective_rank(DataModel.two_classes([3.0, 1.0], np.array([0.1, 0.1]))).value == pytest.approx(16 / 10)
    assert not effective_rank(_flat(np.full(9, 0.05))).holds


def test_initialisation_and_outputs_grow_with_the_scale() -> None:
    model = DataModel.power_law(100, 1.0, 1.5, 0.02)
    small, large = (small_initialisation(model, Softmax(), scale) for scale in (1e-3, 1.0))
    assert small.holds
    assert not large.holds
    assert large.value == pytest.approx(1e3 * small.value)
    assert small_outputs(model, Softmax(), 1e-3).holds
    assert not small_outputs(model, Softmax(), 5.0).holds


def test_a_margin_is_positive_where_the_assumption_holds() -> None:
    for one in assess(DataModel.power_law(200, 1.0, 2.0, 0.02), SquaredError(), 0.1, 1e-3):
        assert (one.margin > 0) is one.holds
    assert Assessment("A6", "", "", 5.0, 10.0, Side.AT_LEAST).margin == pytest.approx(-0.5)


@pytest.mark.parametrize(
    ("value", "interval", "verdict"),
    [
        (11.0, None, Verdict.HOLDS),
        (9.0, None, Verdict.FAILS),
        (float("nan"), None, Verdict.FAILS),
        (11.0, (10.5, 12.0), Verdict.HOLDS),
        (11.0, (9.0, 13.0), Verdict.NOT_RESOLVED),
        (9.0, (7.0, 9.5), Verdict.FAILS),
        (9.0, (-float("inf"), float("inf")), Verdict.NOT_RESOLVED),
        (11.0, (float("nan"), float("nan")), Verdict.NOT_RESOLVED),
    ],
)
def test_a_sample_resolves_an_assumption_only_where_its_interval_leaves_out_the_limit(
    value: float, interval: tuple[float, float] | None, verdict: Verdict
) -> None:
    found = Assessment("A6", "", "", value, 10.0, Side.AT_LEAST, interval)
    assert found.verdict is verdict
    assert found.holds is (verdict is Verdict.HOLDS)


def test_a_value_at_its_limit_is_admitted_but_where_more_is_asked_and_none_where_it_is_no_number() -> None:
    admitted = {side: side.admits(0.02, 0.02) for side in Side}
    assert admitted == {Side.AT_MOST: True, Side.AT_LEAST: True, Side.ABOVE: False}
    for side in Side:
        assert not side.admits(float("nan"), 0.02)
        assert Assessment("A4", "", "", float("nan"), 0.02, side).verdict is Verdict.FAILS
    # On a flat spectrum every output explains the same, a random one too: not aligned.
    flat = OneOutput.from_model(_flat(np.array([0.1, 0.2, 0.05])), SquaredError())
    assert flat.signal_level == flat.initial_level
    assert not flat.is_aligned
    assert Assessment("A4", "", "", 0.01, 0.02, Side.AT_MOST).margin == pytest.approx(0.5)


def test_an_interval_has_its_lower_end_first() -> None:
    with pytest.raises(InputError, match="interval"):
        Assessment("A6", "", "", 5.0, 10.0, Side.AT_LEAST, (6.0, 4.0))
