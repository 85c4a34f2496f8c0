"""Theorem T9 with its conditions, and without them one at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import find, settings
from hypothesis import strategies as st

from theory import (
    AnnealedTransfer,
    CentredOutputs,
    DataModel,
    LearntTransfer,
    OneOutput,
    Softmax,
    SquaredError,
    Stopping,
    Target,
    flow_curve,
    gradient_descent_curve,
    transfer_verdict,
)
from theory.theorems.evaluation import statement_at
from theory.theorems.step import Kind, count_kinds
from theory.theorems.t9_transfer import TRANSFER
from theory.validation import FloatArray

LEVELS = np.array([1.0, 0.3, 0.03])
_TENTHS = st.integers(-10, 10).map(lambda number: number / 10)
_ROWS = st.tuples(*[st.lists(_TENTHS, min_size=3, max_size=3) for _ in range(2)])


def _target(row: FloatArray, levels: FloatArray = LEVELS) -> Target:
    return Target(levels, row[:, None], float(np.sum(row**2 / levels)))


def _shares(signal: FloatArray, row: FloatArray, levels: FloatArray = LEVELS) -> FloatArray:
    """R_T along what is learnt, from the end of phase II to the end, for a target t = ``row``."""
    path = LearntTransfer.from_model(DataModel.two_classes(levels, signal), SquaredError(), _target(row, levels))
    return path.shares(np.concatenate([[0.0], path.grid(6), [np.inf]]))


def _usable(rows: tuple[list[float], list[float]]) -> tuple[FloatArray, FloatArray] | None:
    signal, ratio = (np.array(row) for row in rows)
    return (signal, ratio) if np.all(signal != 0) and np.any(ratio != 0) else None


def test_its_statement_is_the_turning_point_of_the_annealed_curve() -> None:
    model = DataModel.power_law(200, 1.0, 2.0, 0.2)
    row = model.prototypes[1] * model.eigenvalues**1.5
    target = _target(row, model.eigenvalues)
    expected = AnnealedTransfer(OneOutput.from_model(model, SquaredError()), target).turning_point_formula(1e-4)
    signal = model.prototypes[1]
    values = {
        "sigma0": 1e-4,
        "A1": model.eigenvalues.sum(),
        "B1": model.eigenvalues @ signal**2,
        "B2": model.eigenvalues**2 @ signal**2,
        "P_N": row @ row,
        "P_00": (row @ signal) ** 2,
        "P_01": (row @ signal) * (row @ (model.eigenvalues * signal)),
    }
    assert float(statement_at(TRANSFER, values).rhs) == pytest.approx(expected, rel=1e-10)


def test_nothing_in_it_rests_on_instances() -> None:
    assert count_kinds(TRANSFER.steps)[Kind.INSTANCES] == 0


def test_a_ratio_that_falls_with_the_eigenvalue_goes_on_and_without_its_sign_it_need_not() -> None:
    """|t / delta| may fall as T9 asks: where t / delta changes its sign R_T falls all the same."""

    def falls(rows: tuple[list[float], list[float]]) -> bool:
        known = _usable(rows)
        if known is None or not np.all(np.diff(np.abs(known[1])) >= 0):  # modes come in descending order
            return False
        shares = _shares(known[0], known[0] * known[1])
        return bool(np.any(np.diff(shares) < -0.05))

    signal, ratio = (np.array(row) for row in find(_ROWS, falls, settings=settings(max_examples=4000)))
    print(f"delta = {signal}, t / delta = {ratio}: R_T {_shares(signal, signal * ratio)[[0, -1]]}")
    assert np.unique(np.sign(ratio[ratio != 0])).size == 2
    assert np.all(np.diff(_shares(signal, signal * np.abs(ratio))) >= -1e-9)


def test_without_a_ratio_that_falls_a_target_may_rise_and_fall() -> None:
    """A positive t / delta that is not monotone in the eigenvalue."""

    def moves(rows: tuple[list[float], list[float]]) -> bool:
        known = _usable(rows)
        if known is None or known[1].min() < 0:
            return False
        steps = np.diff(_shares(known[0], known[0] * known[1]))
        return bool(np.any(steps < -0.02) and np.any(steps > 0.02))

    _, ratio = (np.array(row) for row in find(_ROWS, moves, settings=settings(max_examples=4000)))
    assert np.any(np.diff(ratio) < 0)  # modes come in descending order: it rises with the eigenvalue somewhere


def test_with_large_steps_the_task_trained_on_may_fall() -> None:
    """Without A5: above eta c lambda_1 = 1 the first modes overshoot."""

    def lowest_move(rows: tuple[list[float], list[float]], step_size: float) -> float:
        known = _usable(rows)
        if known is None:
            return 0.0
        model = DataModel.two_classes(LEVELS, known[0])
        zero, steps = np.zeros((1, 1, 3)), np.arange(1, 12)
        curve = gradient_descent_curve(model, SquaredError(), zero, steps, step_size, _target(known[0]))
        return float(np.min(np.diff(1 - curve.losses[0])))

    found = find(_ROWS, lambda rows: lowest_move(rows, 1.9) < -0.05, settings=settings(max_examples=4000))
    assert lowest_move(found, 1.0) >= -1e-9


def test_the_counterexamples_say_what_their_claims_say() -> None:
    turned, rows, others, start = (one.losses() for one in TRANSFER.counterexamples)
    assert turned[0] < turned[1] > turned[2]
    assert turned[2] < turned[0] - 0.1
    assert rows[1] > rows[0] + 0.01
    assert rows[2] == pytest.approx(0.0, abs=1e-9)
    assert others[-1] > others[0] + 0.5
    assert start[0] < min(start[1:]) - 0.5
    assert "the loss goes 0.787, 1.000, 0.583" in TRANSFER.counterexamples[0].text()


def test_slope_and_verdict_are_different_things() -> None:
    """The first counterexample: it falls after phase II, and the verdict is to go on."""
    model = DataModel.two_classes([1.0, 0.1, 0.01], [1.0, 1.0, -0.5])
    verdict = transfer_verdict(model, _target(np.array([1.0, -0.2, 0.1]), model.eigenvalues), SquaredError())
    assert verdict.initial_slope < 0
    assert verdict.stopping is Stopping.GO_ON


def test_at_large_sigma0_the_turning_point_is_not_best() -> None:
    """Without A7: random outputs of a large W(0) show more of the first directions than any that are trained."""
    model = DataModel.power_law(100, 1.0, 0.0, 0.2)
    target = _target(model.prototypes[1] * model.eigenvalues**4, model.eigenvalues)
    own = AnnealedTransfer(OneOutput.from_model(model, SquaredError()), target)
    assert own.peak(1e-5).stopping is Stopping.TURNING_POINT
    assert own.peak(10.0).stopping is Stopping.BEFORE_TRAINING


def test_one_draw_may_peak_elsewhere_than_the_mean() -> None:
    """Without A6, at an effective rank of 2.5: draws of W(0) scatter by more than a factor of two about s_T*."""
    model = DataModel.power_law(100, 1.5, 2.0, 0.2)
    target = _target(model.prototypes[1] * model.eigenvalues**2, model.eigenvalues)
    formula = AnnealedTransfer(OneOutput.from_model(model, SquaredError()), target).turning_point_formula(1e-5)
    assert formula is not None
    times = formula * np.geomspace(1e-2, 1e2, 300)
    start = 1e-5 * np.random.default_rng(0).standard_normal((200, 1, 100))
    best = times[np.argmin(flow_curve(model, SquaredError(), start, times, target).losses, axis=1)]
    assert np.std(np.log(best)) > np.log(2)


def test_the_end_is_best_for_targets_in_the_span_of_the_rows_and_not_beyond() -> None:
    model = DataModel.power_law_classes(8, 1.0, 1.0, 4, 0.5, 3)
    loss = CentredOutputs(Softmax())
    inside = model.prototypes.T @ np.random.default_rng(0).standard_normal((4, 2))
    verdict = transfer_verdict(model, Target(model.eigenvalues, inside, 1e3), loss)
    assert verdict.stopping is Stopping.GO_ON
    beyond = inside + 3 * np.abs(inside).max() * np.eye(8)[:, :2]
    assert transfer_verdict(model, Target(model.eigenvalues, beyond, 1e3), loss).stopping is not Stopping.GO_ON
