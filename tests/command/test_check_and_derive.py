from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import sympy as sp
from typer.testing import CliRunner

import empirical.studies.check.outcome
import empirical.studies.derive
from empirical.data.datasets import DataSet, load
from empirical.moments.streaming import moments_of
from empirical.studies.check.outcome import CheckPlan, evaluate
from phases import app
from theory import DataModel, Softmax, expected_turning_point
from theory.progress import silent
from theory.theorems import catalogue
from theory.theorems.sampled_assumptions import SampledAssumptions
from theory.theorems.t3_alignment import ALIGNMENT
from theory.theorems.theorem import Derivation


def test_the_digits_are_checked_line_by_line(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["check", "digits", "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert [line[:2] for line in lines if line.startswith("A")] == [f"A{number}" for number in range(1, 9)]
    assert max(map(len, lines[:-1])) <= 80  # the last line names a file
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
    # T5's series beside the minimum of the expected curve, in steps of eta = 0.08 / lambda_1.
    data = load("digits")
    model = DataModel.from_moments(moments_of(data.inputs, data.labels, data.classes, silent))
    expected = expected_turning_point(model, Softmax(), 0.01).time
    assert expected is not None
    found = report["predicted"]["T5"]
    assert found["step"] == pytest.approx(expected * model.eigenvalues[0] / 0.08, rel=0.15)
    assert f"T5: {found['event']} at step {found['step']:.4g}" in done.stdout


def test_a_theorem_that_gives_no_number_is_not_listed_and_says_why() -> None:
    # Ten outputs of unequal strength: at this scale the weakest is late for T5's series.
    data = load("digits")
    result = evaluate(data, CheckPlan(step_share=0.1, init_scale=0.1), silent)
    assert "T5" not in (*result.applicable, *result.missing, *result.unresolved)
    assert result.predicted == {}
    assert any(line.startswith("T5 gives no number here: its series asks") for line in result.lines())


def test_a_theorem_is_printed_with_every_step_verified() -> None:
    done = CliRunner().invoke(app, ["derive", "T3"])
    assert done.exit_code == 0
    assert "phase II exists" in done.stdout
    assert done.stdout.count("[verified: identity, by SymPy]") == 2
    latex = CliRunner().invoke(app, ["derive", "T3", "--latex"])
    assert latex.stdout.startswith(r"\begin{theorem}[T3")


def test_a_step_that_does_not_hold_ends_with_one_whatever_is_printed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(empirical.studies.derive, "check_step", lambda step, seed: seed == 0)
    for seed, code in (("0", 0), ("1", 1)):
        done = CliRunner().invoke(app, ["derive", "T3", "--seed", seed, "--quiet", "--out", str(tmp_path)])
        assert (done.exit_code, done.stdout) == (code, "")
        assert json.loads((tmp_path / "derive.json").read_text())["verified"] is (code == 0)


def test_a_step_that_does_not_hold_is_a_claim_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = replace(ALIGNMENT.steps[0], right=sp.Integer(1))
    broken = replace(ALIGNMENT, derive=lambda: Derivation(ALIGNMENT.statement, (wrong,)))
    monkeypatch.setattr(catalogue, "THEOREMS", (broken,))
    assert CliRunner().invoke(app, ["derive", "T3"]).exit_code == 1


def test_the_diagram_is_drawn_with_its_points_and_disagreements(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["diagram", "--dimension", "24", "--replicas", "4", "--out", str(tmp_path)])
    assert done.exit_code in (0, 1), done.output
    report = json.loads((tmp_path / "result.json").read_text())
    assert (done.exit_code == 1) is (report["verdict"] == "FAILS")
    assert f"at least 95% are to agree: {report['verdict']}" in done.stdout
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


def test_what_is_checked_are_centred_samples_by_the_seed_and_steps_of_the_step_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generator = np.random.default_rng(0)
    labels = np.arange(300) % 2
    inputs = (7 + generator.standard_normal((300, 5)) * [3, 2, 1, 1, 1] + labels[:, None]).astype(np.float32)
    seen: list[SampledAssumptions] = []

    def watched(*given: Any) -> SampledAssumptions:
        seen.append(SampledAssumptions(*given))
        return seen[-1]

    monkeypatch.setattr(empirical.studies.check.outcome, "SampledAssumptions", watched)
    monkeypatch.setattr(empirical.studies.check.outcome, "LARGEST_SAMPLE", 200)
    steps = []
    monkeypatch.setattr(SampledAssumptions, "assess", lambda self, loss, size, scale: steps.append(size) or [])
    monkeypatch.setattr(empirical.studies.check.outcome, "THEOREMS", ())
    for seed in (0, 1, 0):
        evaluate(DataSet("pair", inputs, labels, 2), CheckPlan(step_share=0.2, seed=seed), silent)
    first, other, same = (np.linalg.norm(one.inputs, axis=1) for one in seen)
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)
    # Lengths about the mean, which a basis does not change; inputs are float32.
    lengths = np.linalg.norm(inputs - inputs.mean(axis=0, dtype=np.float64), axis=1)
    assert np.isclose(first[:, None], lengths, rtol=1e-5).any(axis=1).all()
    assert [one.seed for one in seen] == [0, 1, 0]
    largest = np.linalg.eigvalsh(np.cov(inputs.T, bias=True))[-1]
    assert steps == pytest.approx([0.2 / largest] * 3, rel=1e-5)
