from __future__ import annotations

from dataclasses import replace

import pytest
import sympy as sp
from sympy.core.function import AppliedUndef

from theory import DataModel, InputError, OneOutput, SquaredError
from theory.theorems.catalogue import LEMMAS, THEOREMS, theorem_named
from theory.theorems.evaluation import parse_values, statement_at
from theory.theorems.theorem import Derivation, Theorem

LAW = {"d": 1000, "alpha": 1, "beta": 2, "g": 0.2}


@pytest.mark.parametrize("scale", [1e-5, 1e-3])
def test_the_statements_of_t2_and_t5_are_the_boundaries_of_a_network(scale: float) -> None:
    network = OneOutput.from_model(DataModel.power_law(1000, 1.0, 2.0, 0.2), SquaredError())
    for name, expected in (("T2", network.phase_one_end(scale)), ("T5", network.turning_point_formula(scale))):
        found = statement_at(theorem_named(name), {"sigma0": scale, **LAW})
        assert float(found.rhs) == pytest.approx(expected, rel=1e-10)


def test_sums_can_be_given_themselves() -> None:
    found = statement_at(theorem_named("T2"), {"sigma0": 0.5, "A1": 4.0, "B1": 1.0})
    assert float(found.rhs) == pytest.approx(1.0)


def test_an_inequality_and_an_order_are_evaluated_too() -> None:
    assert statement_at(theorem_named("T3"), LAW) == sp.true
    assert statement_at(theorem_named("T3"), {**LAW, "beta": 1e-9, "d": 2}) == sp.true
    order = statement_at(theorem_named("T6"), {"alpha": 1, "beta": 1.5, "s": 100}).rhs
    assert float(order.args[0]) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("name", "values", "match"),
    [
        ("T5", {"sigma": 1.0}, "values: sigma is not in the statement of T5; give A1, A2, B1"),
        ("T5", {**LAW}, "values: sigma0 of T5 have no value"),
        ("T5", {"sigma0": 1.0}, "or d, alpha, beta, g for the sums"),
        ("T5", {"sigma0": 1.0, "d": 10}, "values: alpha, beta, g of the power law have no value"),
        ("T5", {"sigma0": 1e-3, **LAW, "A1": 1.0}, "values: A1 follows from d, alpha, beta, g; give the sums or"),
        ("T5", {"sigma0": 1e-3, **LAW, "alpha": 1e300}, "values: alpha = 1e.300 is not accepted; give at most 20 at"),
        ("T5", {"sigma0": 1e3, **LAW}, "T5 does not apply to them; give a sigma0 so small that the loss turns below"),
        ("T5", {"sigma0": 1e-3, **LAW, "c": 2.0}, "T5 does not apply to them; give a curvature c of at most 1"),
        ("L5", {"sigma0": 1e3, **LAW}, "L5 does not apply to them; give a sigma0 so small"),
        ("T8", {"R": 1.01, "T": 1, "g": 1, "mu": 1}, "an explained variance R of at most T = tr Sigma"),
        ("L2", {"B0": 1, "B1": 1, "T1": 2, "T2": 2, "n": 9, "p": 0.26, "sigma0": 1}, "at most 1/4"),
        ("L2", {"B0": 1, "B1": 1, "T1": 2, "T2": 2, "n": 2, "p": 0.2, "sigma0": 1}, "samples n, at least 3"),
        ("L1", {"d": 2.5, "p": 1}, "L1 does not apply to them; give a whole number d"),
        ("L2", {"B0": 1, "B1": 1, "T1": 1, "T2": 2, "n": 9, "p": 0.2, "sigma0": 1}, "give sums of a spectrum, T2"),
        ("T7", {"rho": 0.01, "A1": 3, "A2": 3, "A3": 3, "B1": 2, "B2": 3}, "give sums of a spectrum, A1 A3 above A2"),
        ("T2", {"sigma0": float("nan"), "A1": 1, "B1": 1}, "values: sigma0: nan is not accepted"),
        ("T6", {"alpha": 1, "beta": 1.5, "s": 0.5}, "give a time s above"),
        ("T5", {"sigma0": 1.0, **LAW, "d": 1.5}, "values: d = 1.5 is not accepted"),
        ("T5", {"sigma0": 1.0, **LAW, "d": 1e300}, "values: d = 1e"),
        (
            "T5",
            {"sigma0": 1, "A1": 1, "A2": 2, "B1": 1, "B2": 1, "B3": 2},
            "T5 does not apply to them; give an aligned",
        ),
        ("T6", {"alpha": 0.4, "beta": 0.2, "s": 10}, "alpha . beta is at most 1"),
        ("T4", {"s": 1.0}, "T4 holds for all values"),
    ],
)
def test_values_that_do_not_fit_are_refused_before_anything_is_derived(
    name: str, values: dict[str, float], match: str
) -> None:
    def derive() -> Derivation:
        raise AssertionError("derived")

    with pytest.raises(InputError, match=match):
        statement_at(replace(theorem_named(name), derive=derive), values)


@pytest.mark.parametrize("theorem", [*THEOREMS, *LEMMAS], ids=lambda one: one.name)
def test_a_domain_has_the_symbols_of_the_derived_statement(theorem: Theorem) -> None:
    statement = theorem.statement
    right = statement.rhs if isinstance(statement, sp.Eq) else statement
    unknown = statement.has(AppliedUndef)
    symbols = set() if unknown else {symbol.name for symbol in right.free_symbols if symbol.is_real}
    assert set(theorem.domain.names) == symbols


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("=3", "values: .=3. is not understood"),
        ("sigma0", "values: 'sigma0' is not understood"),
        ("sigma0=x", "values: 'sigma0=x' is not understood"),
        ("a=1,a=2", "values: a is given twice"),
        ("a=-1", "values: a: -1.0 is not accepted"),
        ("a=nan", "values: a: nan is not accepted"),
        ("", "values: '' is not understood"),
    ],
)
def test_texts_that_are_not_values_are_refused(text: str, match: str) -> None:
    with pytest.raises(InputError, match=match):
        parse_values(text)
    assert parse_values("sigma0=1e-3, d=10") == {"sigma0": 1e-3, "d": 10.0}
