from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from empirical import VerifyPlan, VerifyReport, verify
from empirical.data.datasets import DataSet
from empirical.studies.assumption_costs import REST
from empirical.studies.verify.finding import Source
from simulation import ClaimKind
from simulation.runs.run_folder import RunFolder
from theory import InputError, SquaredError, Verdict

COMMITTED = Path(__file__).parents[3] / "paper" / "results"


def two_classes() -> DataSet:
    """Two Gaussian classes of 150 samples in five dimensions."""
    generator = np.random.default_rng(0)
    labels = np.arange(300) % 2
    inputs = generator.standard_normal((300, 5)) * np.arange(5, 0, -1) ** 0.5
    inputs[:, :2] += 1.5 * (labels[:, None] - 0.5)
    return DataSet("pair", inputs.astype(np.float32), labels, 2, ("labels are numbered anew",))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[VerifyReport, Path]:
    """One scale at which claims hold, and one far beyond small outputs (A8), at which one fails."""
    folder = tmp_path_factory.mktemp("runs") / "pair"
    plan = VerifyPlan(init_scales=(0.01, 3.0), steps=100, replicas=4)
    return verify(two_classes(), plan, folder=folder), folder


def test_a_report_that_is_read_back_says_the_same(saved: tuple[VerifyReport, Path]) -> None:
    report, folder = saved
    again = VerifyReport.read(folder)
    assert again.content() == report.content()
    assert again.lines() == report.lines()
    assert again.holds is report.holds is False
    assert again.notes == report.notes == ("labels are numbered anew",)
    for name, column in report.tables()["curves.parquet"].items():
        np.testing.assert_array_equal(again.tables()["curves.parquet"][name], column)


@pytest.mark.parametrize(
    ("name", "claims", "holds", "tested", "differ"), [("digits", 30, 30, 12, 4), ("cifar10", 56, 52, 22, 1)]
)
def test_the_published_verifications_are_read(name: str, claims: int, holds: int, tested: int, differ: int) -> None:
    folder = COMMITTED / f"verify-{name}"
    report = VerifyReport.read(folder)
    assert len(report.claims) == claims
    assert sum(claim.verdict is Verdict.HOLDS for claim in report.claims) == holds
    equality = report.boundary_equality()
    assert equality is not None
    assert (equality.rejected.size, equality.rejected.sum()) == (tested, differ)
    # Every entry of the file, the verdicts among them, follows from what was read.
    written, stored = report.content(), json.loads((folder / "result.json").read_text())
    for row, own in zip(stored.pop("claims"), written.pop("claims"), strict=True):
        assert {entry: own[entry] for entry in row} == row
    assert {entry: written[entry] for entry in stored} == stored


def test_lines_fit_a_terminal_and_name_each_claim_once(saved: tuple[VerifyReport, Path]) -> None:
    for report in (saved[0], VerifyReport.read(COMMITTED / "verify-cifar10")):
        lines = report.lines()
        assert max(map(len, lines)) <= 80
        verdicts = [line for line in lines if line.endswith(("holds", "FAILS", "not resolved", "no phases"))]
        assert len(verdicts) == len(report.claims)


def test_the_costs_of_a_failed_claim_add_up_to_what_it_misses(saved: tuple[VerifyReport, Path]) -> None:
    """From the linearised to the trained curve by A8, A4 and the rest, at the claim's own step."""
    held, failed = (own for own in saved[0].findings if own.source is Source.INPUTS)
    assert held.reasons == ()
    (claim,) = (one for one in failed.comparison.claims if one.verdict is Verdict.FAILS)
    assert claim.kind is ClaimKind.LINEARISED
    costs = {one.assumption: one.deviation for one in failed.reasons}
    missed = claim.measured_value - claim.derived_value
    assert costs["A8"] + costs["A4"] + costs[REST] == pytest.approx(missed, rel=1e-9)
    assert {one.step for one in failed.reasons} == {claim.worst_step}
    # The linearisation is what is wrong, not the Gaussian classes.
    assert abs(costs["A8"]) > 5 * abs(costs["A4"])


def test_squared_error_on_full_batches_is_its_own_closed_form() -> None:
    plan = VerifyPlan(loss=SquaredError(), init_scales=(0.01,), steps=64, replicas=2)
    report = verify(two_classes(), plan)
    assert max(claim.deviation for claim in report.claims if claim.kind.is_curve) < 1e-5
    assert report.holds


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"init_scale": 0.5}, "no curve for a claim"),
        ({"source": "elsewhere"}, "claims[0].source is 'elsewhere'; give one of inputs, synthetic"),
        ({"kind": "luck"}, "claims[0].kind is 'luck'"),
    ],
)
def test_a_damaged_folder_is_named(
    saved: tuple[VerifyReport, Path], tmp_path: Path, changes: dict[str, object], fault: str
) -> None:
    saved[0].save(RunFolder(tmp_path))
    content = json.loads((tmp_path / "result.json").read_text())
    content["claims"][0] |= changes
    (tmp_path / "result.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=f"^folder: .*{re.escape(fault)}"):
        VerifyReport.read(tmp_path)


def test_covariances_of_classes_bring_the_mean_field_closer_and_train_nothing_again(tmp_path: Path) -> None:
    """Three classes, each with one direction in which it varies six times as much: .0105 off, and .0034."""
    generator, labels = np.random.default_rng(1), np.arange(600) % 3
    deviations = np.ones((3, 6))
    deviations[range(3), range(3)] = 6
    inputs = deviations[labels] * generator.standard_normal((600, 6))
    inputs[np.arange(600), 3 + labels] += 1
    inputs[labels == 1, 0] += 0.5
    data = DataSet("unequal", inputs.astype(np.float32), labels, 3)
    plan = VerifyPlan(init_scales=(0.01,), steps=60, step_share=0.8, replicas=1)
    folders = {None: tmp_path, 1: None, 2: tmp_path}
    reports = {count: verify(data, replace(plan, components=count), folder=place) for count, place in folders.items()}
    common, own, _ = (
        np.abs(one.findings[0].comparison.derived.mean - one.findings[0].comparison.trained.mean).max()
        for one in reports.values()
    )
    assert common > 0.008
    assert own < common / 2
    trained = [one.findings[0].comparison.trained.losses for one in reports.values()]
    np.testing.assert_array_equal(trained[0], trained[1])
    assert len(list((tmp_path / "parts").glob("trained-inputs*"))) == 1
    again = VerifyReport.read(tmp_path)
    assert again.content() == reports[2].content()
    assert again.lines() == reports[2].lines()
    assert any("Gaussians by class" in line and line.endswith(": 2 2 2") for line in again.lines())
    assert reports[1].lines()[-1] == "mean field: one Gaussian per class, with a covariance of its own"
