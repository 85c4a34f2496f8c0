"""Theorems as inequalities on random instances: none may be violated beyond 1e-12 of the quantity.

Phase III is stated for one piece of its path at a time, from any rows W: W = M phi_s for some M whatever W is.
Rows are orthonormalised first and the piece multiplies no direction by more than 4, so that rounding is not
amplified and the limit of 1e-12 can be as strict as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import row_spaces, spectra, two_class_models, weights
from theory import Logistic, OneOutput, SquaredError, budgeted_reconstruction_loss, explained_variance
from theory.curves.phase_three import learnt_growth, learnt_growth_in_steps
from theory.curves.reconstruction import reconstruction_loss
from theory.validation import FloatArray

_LIMIT = 1e-12
_PIECES = 6

#: What a claim is evaluated on; each has a strategy of its own.
Instance = tuple[Any, ...]


@dataclass(frozen=True)
class Claim:
    """An inequality of a theorem.

    Attributes:
        name: the theorem and its case.
        instances: where it is claimed.
        violation: by how much an instance breaks it, relative to the quantity; at most 0 up to rounding.
    """

    name: str
    instances: st.SearchStrategy[Instance]
    violation: Callable[[Instance], float]


@st.composite
def flow_pieces(draw: st.DrawFn) -> Instance:
    """Spectrum, orthonormal rows of Sigma^(1/2) W^T, and the growth over the pieces of a flow, one a row."""
    eigenvalues = draw(spectra())
    rows = draw(row_spaces(eigenvalues))
    times = 10.0 ** draw(st.floats(-3, 3)) / eigenvalues[0] * draw(st.floats(1.01, 4)) ** np.arange(_PIECES + 1)
    growth = [learnt_growth(eigenvalues, *pair) for pair in pairwise(times)]
    return eigenvalues, rows, np.stack(growth)


@st.composite
def descent_pieces(draw: st.DrawFn) -> Instance:
    """The same for gradient descent with eta c lambda_1 <= 1, in pieces of one step or of several."""
    eigenvalues = draw(spectra())
    rows = draw(row_spaces(eigenvalues))
    curvature = draw(st.sampled_from([1.0, 0.25, 0.1]))
    step_size = draw(st.one_of(st.just(1.0), st.floats(1e-3, 1))) / (curvature * eigenvalues[0])
    first, factor = draw(st.integers(1, 300)), draw(st.sampled_from([1, 2, 3, 4]))
    # A factor of 1 stands for single steps.
    counts = [first * factor**k if factor > 1 else first + k for k in range(_PIECES + 1)]
    growth = [learnt_growth_in_steps(eigenvalues, *pair, step_size, curvature) for pair in pairwise(counts)]
    return eigenvalues, rows, np.stack(growth)


def _explained(rows: FloatArray, eigenvalues: FloatArray) -> float:
    """R of orthonormal or nearly orthonormal rows of Sigma^(1/2) W^T."""
    return float(explained_variance(rows / np.sqrt(eigenvalues), eigenvalues))


def rise_in_a_piece(instance: Instance) -> float:
    """Relative rise of R over the first piece."""
    eigenvalues, rows, growth = instance
    return _explained(growth[0] * rows, eigenvalues) / _explained(rows, eigenvalues) - 1


def rise_along_the_path(instance: Instance) -> float:
    """Largest relative rise of R over a piece, each begun from an orthonormal basis of where the last one ended."""
    eigenvalues, rows, growth = instance
    rises = []
    for factors in growth:
        rises.append(rise_in_a_piece((eigenvalues, rows, factors[None])))
        rows = np.linalg.qr((factors * rows).T).Q.T
    return max(rises)


@st.composite
def one_outputs(draw: st.DrawFn) -> tuple[OneOutput, float, float]:
    """A one-output network, an initial scale, and a time up to the first mode's saturation."""
    network = OneOutput.from_model(draw(two_class_models()), draw(st.sampled_from([SquaredError(), Logistic()])))
    saturation = 1 / (network.curvature * network.eigenvalues[0])
    time = 10.0 ** draw(st.floats(-8, 0)) * saturation
    ratio = 10.0 ** draw(st.floats(-3, 3))
    # At this scale time / s1 is the ratio: the level is caught anywhere between its two ends.
    return network, time / ratio / network.phase_one_end(1.0), time


def departure_from_the_two_levels(instance: tuple[OneOutput, float, float]) -> float:
    """How far R(s) leaves the range from R0 to R2, whose lower end sinks by exp(-2 c lambda_1 s) at most."""
    network, scale, time = instance
    level = float(network.explained_variance(scale, np.array([time]))[0])
    low, high = sorted([network.initial_level, network.signal_level])
    floor = low * np.exp(-2 * network.curvature * network.eigenvalues[0] * time)
    return max(level / high - 1, 1 - level / floor)


def step_along_the_alignment(instance: tuple[OneOutput, float, float], sign: int) -> float:
    """Largest move of R, times ``sign``, towards R2 in the limit s << 1/lambda_1: 1e-13 of it at the last time."""
    network, _, _ = instance
    last = 1e-13 / (network.curvature * network.eigenvalues[0])
    scale = 1e-2 * last / network.phase_one_end(1.0)
    levels = network.explained_variance(scale, last * np.geomspace(1e-4, 1, 40))
    direction = np.sign(network.signal_level - network.initial_level)
    return float(np.max(sign * direction * np.diff(levels)) / levels.max())


@st.composite
def budgets(draw: st.DrawFn) -> Instance:
    """Spectrum, weights of 2 to 10 outputs, and ascending budgets."""
    eigenvalues = draw(spectra())
    outputs = draw(st.integers(min(2, eigenvalues.size), min(10, eigenvalues.size)))
    rows = draw(weights(outputs, eigenvalues.size, replicas=1))[0]
    middle = 10.0 ** draw(st.floats(-6, 6)) * np.square(rows).mean() * eigenvalues[0]
    return eigenvalues, rows, middle * np.geomspace(1e-3, 1e3, 7)


def gain_from_a_smaller_budget(instance: Instance) -> float:
    """Largest fall of L_mu from one budget to the next, or departure from the range L to tr Sigma, over tr Sigma."""
    eigenvalues, rows, penalties = instance
    exact, total = float(reconstruction_loss(rows, eigenvalues)), float(eigenvalues.sum())
    between = [float(budgeted_reconstruction_loss(rows, eigenvalues, penalty)) for penalty in penalties]
    return float(np.max(-np.diff([exact, *between, total])) / total)


CLAIMS = (
    Claim("T4 a piece of the flow", flow_pieces(), rise_in_a_piece),
    Claim("T4 a piece of gradient descent", descent_pieces(), rise_in_a_piece),
    Claim("T4 a path of the flow", flow_pieces(), rise_along_the_path),
    Claim("T4 a path of gradient descent", descent_pieces(), rise_along_the_path),
    Claim("T2 between R0 and R2", one_outputs(), departure_from_the_two_levels),
    Claim("T3 never away from R2", one_outputs(), lambda one: step_along_the_alignment(one, -1)),
    Claim("T8 budgeted decoders", budgets(), gain_from_a_smaller_budget),
)


def _check(claim: Claim, count: int) -> list[float]:
    """Violations on ``count`` instances; the first beyond the limit is shrunk and raised."""
    seen: list[float] = []

    @given(claim.instances)
    @settings(max_examples=count)
    def on_an_instance(instance: Instance) -> None:
        seen.append(claim.violation(instance))
        assert seen[-1] <= _LIMIT

    on_an_instance()
    return seen


@pytest.mark.parametrize("count", [50, pytest.param(2000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_no_instance_violates_the_theorem(claim: Claim, count: int) -> None:
    seen = _check(claim, count)
    print(f"{claim.name}: {len(seen)} instances, largest violation {max(seen):.1e}")
    assert len(seen) >= count


def _reversed_growth(violation: Callable[[Instance], float]) -> Callable[[Instance], float]:
    """The violation where growth rises with the eigenvalue."""
    return lambda instance: violation((instance[0], instance[1], instance[2][:, ::-1]))


def departure_from_half_the_range(instance: tuple[OneOutput, float, float]) -> float:
    """As ``departure_from_the_two_levels``, with the upper end halfway down."""
    network, scale, time = instance
    level = float(network.explained_variance(scale, np.array([time]))[0])
    return level / (0.5 * (network.initial_level + network.signal_level)) - 1


#: Claims that are false, beside those that are checked above.
FALSE_CLAIMS = (
    Claim("T4 a piece of the flow", flow_pieces(), _reversed_growth(rise_in_a_piece)),
    Claim("T4 a piece of gradient descent", descent_pieces(), _reversed_growth(rise_in_a_piece)),
    Claim("T4 a path of the flow", flow_pieces(), _reversed_growth(rise_along_the_path)),
    Claim("T4 a path of gradient descent", descent_pieces(), _reversed_growth(rise_along_the_path)),
    Claim("T2 within half of the range", one_outputs(), departure_from_half_the_range),
    Claim("T3 never towards R2", one_outputs(), lambda one: step_along_the_alignment(one, 1)),
    Claim("T8 a smaller budget hurts", budgets(), lambda one: gain_from_a_smaller_budget((*one[:2], one[2][::-1]))),
)


@pytest.mark.parametrize("claim", FALSE_CLAIMS, ids=lambda claim: claim.name)
def test_the_same_checks_refute_a_false_claim(claim: Claim) -> None:
    with pytest.raises(AssertionError):
        _check(claim, 50)
