from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from empirical import DeriveReport, derive
from empirical.studies.derive import StatementReport, TypesetReport, evaluate_statement, typeset
from theory import InputError


def test_reports_that_are_read_back_say_the_same(tmp_path: Path) -> None:
    for report in (
        derive("T3", seed=2, folder=tmp_path),
        typeset("T3", folder=tmp_path),
        evaluate_statement("T5", {"sigma0": 1e-3, "d": 1000, "alpha": 1, "beta": 2, "g": 0.2}, folder=tmp_path),
    ):
        again = type(report).read(tmp_path)
        assert again.content() == report.content()
        assert again.lines() == report.lines()
        assert again.holds is report.holds is True


def test_a_report_holds_where_every_step_does(tmp_path: Path) -> None:
    report = derive("T3")
    (theorem,) = report.theorems
    step = replace(theorem.steps[-1], holds=False)
    broken = DeriveReport((theorem, replace(theorem, steps=(*theorem.steps[:-1], step))), 0, report.versions)
    assert not broken.holds
    assert sum("NOT VERIFIED" in line for line in broken.lines()) == 1
    # Words that look like an outcome are none.
    worded = replace(theorem, words="NOT VERIFIED, says the title")
    assert DeriveReport((worded,), 0, report.versions).holds


def test_words_and_formulas_break_at_spaces_to_fit_a_terminal() -> None:
    lines = derive("T3").lines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("T3  ")


def test_a_value_as_text_is_the_value() -> None:
    by_name = evaluate_statement("T5", {"sigma0": 1e-3, "d": 1000, "alpha": 1, "beta": 2, "g": 0.2})
    as_text = evaluate_statement("T5", "sigma0=1e-3,d=1000,alpha=1,beta=2,g=0.2")
    assert by_name.lines() == as_text.lines()


def test_bad_input_is_refused_before_anything_is_derived(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"command": "phases track"}')
    with pytest.raises(InputError, match="theorem: 'T99' is unknown"):
        derive("T99")
    with pytest.raises(InputError, match="holds results of phases track"):
        derive(folder=tmp_path)
    with pytest.raises(InputError, match="values: no theorem is named"):
        evaluate_statement(None, "d=2")
    for kind in (DeriveReport, TypesetReport, StatementReport):
        with pytest.raises(InputError, match="is missing; give the folder of a finished run"):
            kind.read(tmp_path)
