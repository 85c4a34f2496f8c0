"""The explorer's page as a file. What it does in a browser is in tests/browser."""

from __future__ import annotations

import dataclasses
import re
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from typer.testing import CliRunner

from phases import app
from theory import DataModel
from theory.explorer import page as explorer_page
from theory.symbols.complexity import ALPHA, BETA, STRENGTH
from theory.symbols.curve_terms import one_output_formula
from theory.symbols.symbolic import boundary_formulas


@pytest.fixture(scope="module")
def page() -> str:
    return explorer_page.explorer_page()


def test_it_needs_nothing_from_elsewhere(page: str) -> None:
    assert not re.findall(r"(?i)https?:|ftp:|file:|@import|url\(|\bsrc\s*=|import\(|fetch\(|XMLHttpRequest", page)
    assert re.findall(r'\bhref="([^"]*)"', page) == ["data:,"]
    assert "default-src 'none'" in page
    # A protocol-relative address; what is left after "//" are comments, which a space follows.
    assert not re.findall(r"//[^\s]", page)


def test_its_formulas_are_printed_and_not_typed(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    template = files("theory.explorer").joinpath("explorer.html").read_text(encoding="utf-8")
    assert "/* formulas */" in template
    assert "/* formulas */" not in page
    for name in ("powerLawMode", "momentParts", "laws", "oneOutput", "manyOutputs", "balance", "saturation"):
        assert f"function {name}(" in page
        assert f"function {name}(" not in template
    assert "expm1" not in template
    derived, formula = boundary_formulas(), one_output_formula()
    changes = {
        "boundary_formulas": dataclasses.replace(derived, turning_point=2 * derived.turning_point),
        "one_output_formula": dataclasses.replace(formula, loss=formula.loss**2),
    }
    for name, changed in changes.items():
        with monkeypatch.context() as patch:
            patch.setattr(explorer_page, name, lambda changed=changed: changed)
            assert explorer_page.explorer_page() != page
    assert explorer_page.explorer_page() == page


def test_the_printed_power_law_is_that_of_the_data_model() -> None:
    eigenvalue, signal = explorer_page.power_law_mode()
    function = sp.lambdify([explorer_page.RANK, ALPHA, BETA, STRENGTH], [eigenvalue, signal])
    model = DataModel.power_law(20, 0.7, 1.3, 0.04)
    eigenvalues, signals = function(np.arange(1.0, 21), 0.7, 1.3, 0.04)
    np.testing.assert_allclose(eigenvalues, model.eigenvalues, rtol=1e-14)
    np.testing.assert_allclose(signals, model.prototypes[1], rtol=1e-14)


def test_what_is_learnt_grows_with_the_squared_signal() -> None:
    """The page's diagram takes this for granted, to sum the modes once for all signals."""
    learnt = explorer_page.moment_parts().learnt
    assert not sp.simplify(learnt / explorer_page.SIGNAL**2).has(explorer_page.SIGNAL)


def test_the_command_writes_one_file(page: str, tmp_path: Path) -> None:
    target = tmp_path / "new" / "page.html"
    done = CliRunner().invoke(app, ["explore", "--out", str(target)])
    assert done.exit_code == 0, done.output
    assert done.stdout == f"page: {target}\n"
    assert target.read_text(encoding="utf-8") == page
    assert list(target.parent.iterdir()) == [target]


def test_a_page_that_cannot_be_finished_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "page.html"
    target.write_text("old")
    monkeypatch.setattr(
        "simulation.runs.run_folder._flush", lambda path: (_ for _ in ()).throw(OSError("no space left"))
    )
    done = CliRunner().invoke(app, ["explore", "--out", str(target)])
    assert done.exit_code == 2
    assert done.stderr == f"error: {target}: no space left\n"
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("out", "message"), [("folder", "out: folder is a folder; give a file"), ("file/page.html", "out: file is a file")]
)
def test_a_bad_place_gives_one_line_and_exit_code_two(
    out: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("file").write_text("")
    done = CliRunner().invoke(app, ["explore", "--out", out])
    assert done.exit_code == 2
    assert done.stderr.startswith(f"error: {message}")
    assert done.stderr.count("\n") == 1
