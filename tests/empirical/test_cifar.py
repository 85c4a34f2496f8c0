"""CIFAR-10, all 50,000 images as raw pixels, batches of 1,024, step size 0.002."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from phases import app


def _claims(root: Path, out: Path, *arguments: str) -> list[dict[str, Any]]:
    CliRunner().invoke(app, ["verify", "--data", "cifar10", "--data-root", str(root), "--out", str(out), *arguments])
    return json.loads((out / "result.json").read_text())["claims"]


def _deviations(claims: list[dict[str, Any]], name: str) -> dict[tuple[str, float], float]:
    return {
        (claim["source"], claim["init_scale"]): claim["deviation"] for claim in claims if claim["name"].startswith(name)
    }


@pytest.mark.cifar
def test_the_first_steps_follow_the_mean_field(cifar_root: Path, tmp_path: Path) -> None:
    claims = _claims(cifar_root, tmp_path / "out", "--steps", "256", "--init-scale", "0.001", "--init-scale", "0.01")
    curves = _deviations(claims, "mean-field curve")
    assert len(curves) == 4
    assert max(curves.values()) < 0.02
    assert all(claim["verdict"] != "FAILS" for claim in claims)


@pytest.mark.cifar
@pytest.mark.slow
def test_the_whole_run_holds(cifar_root: Path, tmp_path: Path) -> None:
    """About eight minutes on two cores."""
    claims = _claims(cifar_root, tmp_path / "out")
    assert max(_deviations(claims, "mean-field curve, steps 0").values()) < 0.02
    assert max(_deviations(claims, "mean-field curve, steps 1025").values()) < 0.03
    turning = _deviations(claims, "turning point")
    assert max(turning["CIFAR-10", scale] for scale in (0.001, 0.003, 0.01)) < 0.25
    regimes = {
        claim["init_scale"]: claim for claim in claims if claim["name"] == "regime" and claim["source"] == "CIFAR-10"
    }
    assert regimes[0.01]["derived"].startswith("rise-dip-rise")
    assert regimes[0.01]["measured"].startswith("rise-dip-rise")
