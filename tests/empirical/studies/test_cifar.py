"""CIFAR-10, all 50,000 images as raw pixels, batches of 1,024, step size 0.002."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from empirical.studies.verify.finding import Source
from empirical.studies.verify.report import VerifyReport
from phases import app
from simulation import Claim, ClaimKind
from theory import Verdict


def _report(root: Path, out: Path, *arguments: str) -> VerifyReport:
    done = CliRunner().invoke(app, ["verify", "cifar10", "--data-root", str(root), "--out", str(out), *arguments])
    assert done.exit_code == 0, done.output
    return VerifyReport.read(out)


def _claims(report: VerifyReport, kind: ClaimKind) -> dict[tuple[Source, float], list[Claim]]:
    return {
        (finding.source, finding.init_scale): [one for one in finding.comparison.claims if one.kind is kind]
        for finding in report.findings
    }


def _largest(report: VerifyReport, column: int) -> float:
    """The largest deviation of the mean field in its earlier or later claim."""
    return max(own[column].deviation for own in _claims(report, ClaimKind.MEAN_FIELD).values())


@pytest.mark.cifar
def test_the_first_quarter_of_the_run_holds(cifar_root: Path, tmp_path: Path) -> None:
    """All four initial scales to step 1,024: about two minutes on two cores."""
    report = _report(cifar_root, tmp_path / "out", "--steps", "1024")
    assert report.holds
    assert len(report.findings) == 8
    assert _largest(report, 0) < 0.02
    # At 0.0001 the noise of batches of 1,024 is larger than what W(0) adds: see the next test.
    turning = _claims(report, ClaimKind.TURNING_POINT)
    assert max(turning[Source.INPUTS, scale][0].deviation for scale in (0.001, 0.003, 0.01)) < 0.25
    (regime,) = _claims(report, ClaimKind.REGIME)[Source.INPUTS, 0.01]
    assert regime.derived.startswith("rise-dip-rise")
    assert regime.measured.startswith("rise-dip-rise")


@pytest.mark.cifar
def test_with_larger_batches_the_smallest_scale_turns_where_derived(cifar_root: Path, tmp_path: Path) -> None:
    arguments = ("--init-scale", "0.0001", "--batch-size", "8192", "--steps", "64")
    report = _report(cifar_root, tmp_path / "out", *arguments)
    assert {claim.verdict for claim in report.claims} == {Verdict.HOLDS}
    turning = _claims(report, ClaimKind.TURNING_POINT)
    assert max(claim.deviation for own in turning.values() for claim in own) < 0.25


@pytest.mark.cifar
@pytest.mark.slow
def test_the_whole_run_holds(cifar_root: Path, tmp_path: Path) -> None:
    """To step 4,096: about six minutes on two cores."""
    report = _report(cifar_root, tmp_path / "out")
    assert report.holds
    assert _largest(report, 0) < 0.02
    assert _largest(report, 1) < 0.03
