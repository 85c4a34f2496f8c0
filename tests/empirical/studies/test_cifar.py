"""CIFAR-10, all 50,000 images as raw pixels, batches of 1,024, step size 0.002."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from empirical.studies.verify import INPUTS
from phases import app


def _claims(root: Path, out: Path, *arguments: str) -> list[dict[str, Any]]:
    command = ["verify", "--data", "cifar10", "--data-root", str(root), "--out", str(out), *arguments]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    return json.loads((out / "result.json").read_text())["claims"]


def _deviations(claims: list[dict[str, Any]], name: str) -> dict[tuple[str, float], float]:
    return {
        (claim["source"], claim["init_scale"]): claim["deviation"] for claim in claims if claim["name"].startswith(name)
    }


@pytest.mark.cifar
def test_the_first_quarter_of_the_run_holds(cifar_root: Path, tmp_path: Path) -> None:
    """All four initial scales to step 1,024: about two minutes on two cores."""
    claims = _claims(cifar_root, tmp_path / "out", "--steps", "1024")
    assert all(claim["verdict"] != "FAILS" for claim in claims)
    curves = _deviations(claims, "mean-field curve, steps 0 to 1024")
    assert len(curves) == 8
    assert max(curves.values()) < 0.02
    # At 0.0001 the noise of batches of 1,024 is larger than what W(0) adds: see the next test.
    turning = _deviations(claims, "turning point")
    assert max(turning[INPUTS, scale] for scale in (0.001, 0.003, 0.01)) < 0.25
    regimes = [claim for claim in claims if claim["name"] == "regime" and claim["source"] == INPUTS]
    assert regimes[-1]["init_scale"] == 0.01
    assert regimes[-1]["derived"].startswith("rise-dip-rise")
    assert regimes[-1]["measured"].startswith("rise-dip-rise")


@pytest.mark.cifar
def test_with_larger_batches_the_smallest_scale_turns_where_derived(cifar_root: Path, tmp_path: Path) -> None:
    arguments = ("--init-scale", "0.0001", "--batch-size", "8192", "--steps", "64")
    claims = _claims(cifar_root, tmp_path / "out", *arguments)
    assert {claim["verdict"] for claim in claims} == {"holds"}
    assert max(_deviations(claims, "turning point").values()) < 0.25


@pytest.mark.cifar
@pytest.mark.slow
def test_the_whole_run_holds(cifar_root: Path, tmp_path: Path) -> None:
    """To step 4,096: about six minutes on two cores."""
    claims = _claims(cifar_root, tmp_path / "out")
    assert all(claim["verdict"] != "FAILS" for claim in claims)
    assert max(_deviations(claims, "mean-field curve, steps 0").values()) < 0.02
    assert max(_deviations(claims, "mean-field curve, steps 1025").values()) < 0.03
