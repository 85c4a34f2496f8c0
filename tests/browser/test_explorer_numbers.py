"""What the page computes is what theory/ computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq

from tests.browser.conftest import OpenPage
from theory import (
    Absence,
    DataModel,
    OneOutput,
    Regime,
    SquaredError,
    Target,
    budgeted_curve,
    random_outputs_curve,
    regime_of,
)
from theory.curves.annealed_transfer import AnnealedTransfer
from theory.curves.boundaries import NEAR_CONSTANT
from theory.curves.phase_diagram import ScaleFamily, regimes_at
from theory.curves.regimes import lowest_descent
from theory.explorer.page import DIMENSION, FIRST_SIGNAL
from theory.validation import FloatArray

NAMES = ("alpha", "beta", "sigma0", "K", "mu")
GRID = [
    (alpha, beta, sigma0, outputs, budget)
    for alpha, beta in ((0.5, 1.0), (1.0, 2.0), (1.0, -0.5), (1.35, 0.4), (2.0, 4.0))
    for sigma0 in (1e-5, 1e-3, 1e-1)
    for outputs in (1, 2, 20)
    for budget in (0.0, 1e-8, 1e-2)
]
#: The accuracy that is promised. Both sides compute in float64, so most numbers agree to 1e-12.
AGREEMENT = 1e-6


def network(alpha: float, beta: float) -> OneOutput:
    return OneOutput.from_model(DataModel.power_law(DIMENSION, alpha, beta, FIRST_SIGNAL), SquaredError())


def curve_of(setting: tuple[float, float, float, int, float]) -> Callable[[FloatArray], FloatArray]:
    """The loss as theory/ has it, as a function of times (T,)."""
    alpha, beta, sigma0, outputs, budget = setting
    own = network(alpha, beta)
    if outputs == 1:
        return lambda times: budgeted_curve(own, sigma0, times, budget)
    return lambda times: random_outputs_curve(own, outputs, sigma0, times, budget)


@pytest.fixture(scope="module")
def evaluated(explorer: OpenPage) -> list[dict[str, Any]]:
    settings = [dict(zip(NAMES, setting, strict=True)) for setting in GRID]
    found: list[dict[str, Any]] = explorer.evaluate("(all) => all.map(window.explorer.evaluate)", settings)
    return found


def test_curves_agree(evaluated: list[dict[str, Any]]) -> None:
    for setting, found in zip(GRID, evaluated, strict=True):
        curve = curve_of(setting)
        times = np.array([0.0, *found["times"]])
        expected = curve(times)
        np.testing.assert_allclose(
            [found["initialLoss"], *found["curve"]], expected, rtol=AGREEMENT, err_msg=f"{setting}"
        )


def test_the_formulas_and_the_place_in_the_diagram_agree(evaluated: list[dict[str, Any]]) -> None:
    for (alpha, beta, sigma0, *_), found in zip(GRID, evaluated, strict=True):
        own = network(alpha, beta)
        s1, turning = own.phase_one_end(sigma0), own.turning_point_formula(sigma0)
        assert found["laws"]["phaseOneEnd"] == pytest.approx(s1, rel=AGREEMENT)
        assert found["laws"]["turningPoint"] == (None if turning is None else pytest.approx(turning, rel=AGREEMENT))
        assert found["diagram"]["scale"] == pytest.approx(s1 * own.eigenvalues[0], rel=AGREEMENT)
        assert found["diagram"]["alignment"] == pytest.approx(own.alignment, rel=AGREEMENT)
        assert found["saturation"] == pytest.approx(1 / (own.curvature * own.eigenvalues[-1]), rel=AGREEMENT)


def test_the_turning_point_of_one_output_is_that_of_the_annealed_curve(evaluated: list[dict[str, Any]]) -> None:
    turns = 0
    for (alpha, beta, sigma0, outputs, budget), found in zip(GRID, evaluated, strict=True):
        if outputs == 1 and budget == 0:
            expected = network(alpha, beta).turning_point(sigma0).time
            assert found["turningPoint"] == (None if expected is None else pytest.approx(expected, rel=AGREEMENT))
            turns += expected is not None
    assert turns >= 9


def slope(curve: Callable[[FloatArray], FloatArray], log: float) -> float:
    """Derivative by log time, of order four: its error is near 1e-8 of the fifth derivative."""
    step = 1e-2
    near = curve(np.exp(log + step * np.array([-2.0, -1.0, 1.0, 2.0])))
    return float((near[0] - 8 * near[1] + 8 * near[2] - near[3]) / (12 * step))


def test_the_boundaries_are_those_of_the_curve(evaluated: list[dict[str, Any]]) -> None:
    """The turning point by differences of theory's curve, and half of the fall before it by its values."""
    seen = 0
    for setting, found in zip(GRID, evaluated, strict=True):
        curve, turning = curve_of(setting), found["turningPoint"]
        if turning is None:
            assert found["phaseOneEnd"] is None
            # A rise and then a fall, either of which may be missing, have no minimum between them.
            losses = np.array(found["curve"])
            top = int(np.argmax(losses))
            assert np.all(np.diff(losses[: top + 1]) > -1e-12)
            assert np.all(np.diff(losses[top:]) < 1e-12)
            continue
        lowest, late = curve(np.array([turning, found["times"][-1]]))
        assert found["turningLoss"] == pytest.approx(lowest, rel=AGREEMENT)
        before = np.array([time for time in found["times"] if time < turning])
        fall = max(curve(before).max(), found["initialLoss"]) - lowest
        # Without a fall and a rise to speak of, differences do not find the place where the slope is zero.
        if min(fall, late - lowest) < 1e-3:
            continue
        log = float(np.log(turning))
        root = brentq(lambda at, curve=curve: slope(curve, at), log - 0.3, log + 0.3, xtol=1e-12)
        assert found["turningPoint"] == pytest.approx(np.exp(root), rel=AGREEMENT), setting
        peak = before[np.argmax(curve(before))]
        crest = max(found["initialLoss"], _crest(curve, float(peak), before[0]))
        middle = brentq(
            lambda at, curve=curve, level=(crest + lowest) / 2: float(curve(np.exp([at]))[0]) - level,
            np.log(peak),
            log,
            xtol=1e-13,
        )
        assert found["phaseOneEnd"] == pytest.approx(np.exp(middle), rel=AGREEMENT), setting
        # A tenth of the fall is done where phase I ends.
        tenth = float(curve(np.array([found["nearConstantEnd"]]))[0])
        assert (crest - tenth) / (crest - lowest) == pytest.approx(NEAR_CONSTANT, abs=1e-6), setting
        assert found["nearConstantEnd"] < found["phaseOneEnd"]
        seen += 1
    assert seen >= 80


def _crest(curve: Callable[[FloatArray], FloatArray], peak: float, first: float) -> float:
    """The height of the maximum near ``peak``."""
    fine = np.geomspace(max(peak / 1.3, first), peak * 1.3, 601)
    return float(curve(fine).max())


def test_regimes_are_those_of_the_phase_diagram(evaluated: list[dict[str, Any]]) -> None:
    compared = set()
    for (alpha, beta, sigma0, outputs, budget), found in zip(GRID, evaluated, strict=True):
        if outputs > 1 or budget > 0:
            continue
        own = network(alpha, beta)
        near = _regimes_near(ScaleFamily.from_network(own), own, sigma0 * own.phase_one_end(1.0) * own.eigenvalues[0])
        assert found["regime"] in near
        if len(near) == 1:
            compared |= near
    assert compared >= {"three phases", "monotone rise"}


def _regimes_near(family: ScaleFamily, own: OneOutput, scaled: float) -> set[str]:
    """The regime, and those next to it at a border: with moves a tenth smaller or larger."""
    resolution = 0.05 * own.initial_level / own.eigenvalues.sum()
    found = [regimes_at(family, np.array([scaled]), factor * resolution)[0] for factor in (0.9, 1.0, 1.1)]
    return {regime.value for regime in found}


TAUS = (-1.0, 0.5, 1.5, 2.0, 3.0, 4.0, 6.0)


def test_the_verdicts_on_a_task_are_those_of_theory(explorer: OpenPage) -> None:
    """T9's three verdicts, and the share that is explained, of tasks with covariances i^(-tau/2)."""
    verdicts = set()
    ranks = np.arange(1, DIMENSION + 1)
    for alpha, beta in ((1.0, 2.0), (1.0, 0.5), (0.7, 1.5)):
        own = network(alpha, beta)
        for tau in TAUS:
            crossed = ranks ** (-tau / 2)
            target = Target(own.eigenvalues, crossed[:, None], float((crossed**2 / own.eigenvalues).sum()))
            transfer = AnnealedTransfer(own, target)
            settings = {"alpha": alpha, "beta": beta, "sigma0": 1e-3, "K": 1, "mu": 0, "tau": tau}
            found = explorer.evaluate("(given) => window.explorer.evaluate(given)", settings)
            expected = transfer.shares(1e-3, np.array(found["times"]))
            np.testing.assert_allclose(found["task"]["shares"], expected, rtol=AGREEMENT)
            assert found["task"]["start"] == pytest.approx(transfer.start, rel=AGREEMENT)
            # Peaks that differ from their neighbours by the resolution may be judged either way.
            near = {transfer.peak(1e-3, resolution).stopping.value for resolution in (9e-4, 1e-3, 1.1e-3)}
            assert found["task"]["verdict"] in near, (alpha, beta, tau)
            verdicts |= near
            peak = transfer.peak(1e-3, 1e-3)
            if peak.stopping.is_between:
                # By a parabola through points 4 % apart or more.
                assert found["task"]["time"] == pytest.approx(peak.time, rel=0.03)
    assert verdicts >= {"go on", "stop later", "stop at the turning point"}


def test_what_is_explained_is_the_mean_of_the_eigenvalues_under_the_bars(explorer: OpenPage) -> None:
    """For one output; the bars of single directions are exact, those of several lie between their eigenvalues."""
    settings = {"alpha": 1, "beta": 2, "sigma0": 1e-3, "K": 1, "mu": 0}
    found = explorer.evaluate("(given) => window.explorer.evaluate(given)", settings)
    own = network(1.0, 2.0)
    bars = np.array([found["outputs"]["start"], *found["outputs"]["later"]])
    np.testing.assert_allclose(bars.sum(axis=1), 1, rtol=1e-12)
    ends = np.array(explorer.evaluate("window.explorer.barEnds"))
    assert ends[-1] == DIMENSION
    starts = np.concatenate([[0], ends[:-1]])
    explained = (1 - np.array([found["initialLoss"], *found["curve"]])) * own.eigenvalues.sum()
    assert np.all(bars @ own.eigenvalues[starts] >= explained - 1e-12)
    assert np.all(bars @ own.eigenvalues[ends - 1] <= explained + 1e-12)


def test_the_rule_of_the_page_is_that_of_theory(explorer: OpenPage) -> None:
    """On random curves, of up to nine moves, where a resolution hides some of them."""
    curves = np.random.default_rng(0).uniform(0, 1, (300, 10))
    found = explorer.evaluate(
        "(all) => all.map((one) => [window.explorer.regimeOf(one, 0.3), window.explorer.lowestDescent(one, 0.3)])",
        curves.tolist(),
    )
    for curve, (regime, descent) in zip(curves, found, strict=True):
        assert regime == regime_of(curve, 0.3).value
        expected = lowest_descent(curve, 0.3)
        if isinstance(expected, Absence):
            assert descent is None
        else:
            own = {"start": expected.start, "lowest": expected.lowest, "rises": expected.stop is not None}
            assert descent == own
    assert len({regime for regime, _ in found}) > 8


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.7])
def test_the_regions_of_the_diagram_are_those_of_theory(explorer: OpenPage, alpha: float) -> None:
    diagram = explorer.evaluate("(alpha) => window.explorer.phaseDiagram(alpha)", alpha)
    regions = set()
    for row in diagram["rows"]:
        own = network(alpha, row["beta"])
        assert row["alignment"] == pytest.approx(own.alignment, rel=AGREEMENT)
        family = ScaleFamily.from_network(own, points=120)
        resolution = 0.05 * own.initial_level / own.eigenvalues.sum()
        near = [regimes_at(family, np.array(diagram["scales"]), factor * resolution) for factor in (0.85, 1.0, 1.15)]
        for regime, *allowed in zip(row["regimes"], *near, strict=True):
            assert regime in {one.value for one in allowed}
            regions.add(regime)
    assert regions >= {Regime.THREE_PHASES.value, Regime.RISE_DIP_RISE.value, Regime.MONOTONE_RISE.value}


@pytest.mark.parametrize(
    ("name", "value"),
    [("alpha", 0), ("beta", "2"), ("sigma0", -1), ("K", 1.5), ("K", 0), ("mu", -1e-9), ("mu", None)],
)
def test_bad_settings_are_refused_by_name(explorer: OpenPage, name: str, value: object) -> None:
    settings = {"alpha": 1, "beta": 2, "sigma0": 1e-3, "K": 1, "mu": 0} | {name: value}
    refused = (
        "(given) => { try { window.explorer.evaluate(given); return null; } catch (error) { return `${error}`; } }"
    )
    message = explorer.evaluate(refused, settings)
    assert message.startswith(f"RangeError: {name}: ")
    assert "give a" in message
