from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from empirical.checking import check, check_lines
from empirical.datasets import load
from phases import app
from theory import Softmax
from theory.progress import silent


def test_the_digits_are_checked_line_by_line(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["check", "digits", "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert [line[:2] for line in lines[:8]] == [f"A{number}" for number in range(1, 9)]
    report = json.loads((tmp_path / "out" / "check.json").read_text())
    held = {row["name"] for row in report["assumptions"] if row["holds"]}
    # Digits are aligned and small steps are small; their spectrum is no power law, so T6 does not apply.
    assert {"A3", "A5", "A7", "A8"} <= held
    assert "A1" not in held
    assert "T6" in report["missing"]
    assert "T5" in report["applicable"]
    # Softmax read from its outputs as they are: T4 says nothing where the conserved row may add what it takes.
    assert "T4" not in report["applicable"]
    assert report["unmet"]["T4"][0].startswith("centred outputs, or a bound on idle ones (1 of 10 outputs")
    assert report["turning_step"] > 0
    assert f"T5: turning point at step {report['turning_step']:.4g}" in done.stdout


def test_a_theorem_that_gives_no_number_is_not_listed_and_says_why() -> None:
    # Ten outputs of unequal strength: at this scale the weakest is late for T5's series.
    data = load("digits")
    result = check(data, Softmax(), 0.1, 0.1, 0, silent)
    assert "T5" not in (*result.applicable, *result.missing, *result.unresolved)
    assert result.turning_step is None
    assert any(line.startswith("T5 gives no number here: its series asks") for line in check_lines(result))


def test_a_theorem_is_printed_with_every_step_verified() -> None:
    done = CliRunner().invoke(app, ["derive", "T3"])
    assert done.exit_code == 0
    assert "phase II exists" in done.stdout
    assert done.stdout.count("[verified: identity, by SymPy]") == 2
    latex = CliRunner().invoke(app, ["derive", "T3", "--latex"])
    assert latex.stdout.startswith(r"\begin{theorem}[T3")


def test_the_diagram_is_drawn_with_its_points_and_disagreements(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["diagram", "--dimension", "24", "--replicas", "8", "--out", str(tmp_path)])
    assert done.exit_code in (0, 1), done.output
    report = json.loads((tmp_path / "result.json").read_text())
    assert (done.exit_code == 0) is (report["agreement"] >= 0.95)
    assert report["points"] == 225
    assert report["away_from_borders"] > 150
    table = pq.read_table(tmp_path / "points.parquet")
    differ = sum(a != b for a, b in zip(*(table.column(n).to_pylist() for n in ("predicted", "measured")), strict=True))
    assert differ == len(report["disagreements"])
    assert (tmp_path / "diagram.png").read_bytes()[:4] == b"\x89PNG"


def test_a_statement_is_evaluated_at_values() -> None:
    done = CliRunner().invoke(app, ["derive", "T5", "--values", "sigma0=1e-3,d=1000,alpha=1,beta=2,g=0.2"])
    assert done.exit_code == 0, done.output
    # The figure of the formula for this model: .0935.
    name, value = done.stdout.strip().split(" = ")
    assert name == "s*"
    assert float(value) == pytest.approx(0.0935, abs=5e-5)
