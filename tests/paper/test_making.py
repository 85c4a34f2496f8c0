"""What is run, what is left out, and the command ``python -m paper``."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from empirical.probes.probe_tasks import parse_classes
from empirical.studies.track.report import TrackReport
from paper import studies
from paper.__main__ import app
from paper.document import compile_pdf, find_latexmk, present_parts
from paper.parts import EMPIRICAL
from paper.result_folders import ResultFolders
from paper.studies import SOURCE, STUDIES, Run, arguments, missing, run_missing
from theory import InputError


def study(name: str) -> studies.Study:
    return next(one for one in STUDIES if one.name == name)


@pytest.fixture
def elsewhere(copied: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place of the paper whose results can be removed."""
    monkeypatch.setattr(studies, "SOURCE", copied.parent)
    copied.rename(copied.parent / "results")
    return copied.parent


def test_all_studies_that_the_paper_needs_come_with_it() -> None:
    assert [one.name for one in missing(Run(SOURCE)) if not one.optional] == []


def test_a_tracked_network_was_made_by_the_command_beside_it() -> None:
    own = [one for one in STUDIES if one.command[0] == "track"]
    folders = ResultFolders((SOURCE / "results",))
    present = [one for one in own if folders.names(one.name)]
    assert present
    for one in present:
        options = dict(zip(one.command[1::2], one.command[2::2], strict=True))
        plan = TrackReport.read(folders.folder(one.name)).plan
        assert options["--network"] == plan.training.network
        assert int(options.get("--seeds", 1)) == plan.seeds
        assert parse_classes(options.get("--classes")) == plan.classes


@pytest.mark.parametrize("package", ["theory", "simulation", "empirical", "phases.py"])
def test_nothing_imports_the_paper(package: str) -> None:
    place = SOURCE.parent / package
    for file in [place] if place.is_file() else place.glob("*.py"):
        assert not re.search(r"^\s*(?:from|import) paper\b", file.read_text(encoding="utf-8"), re.M), file


def test_a_missing_long_study_is_named_with_its_command_and_nothing_runs(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(elsewhere / "results" / "track-vgg8-cifar10")
    shutil.rmtree(elsewhere / "results" / "verify-digits")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("a study was started"))
    with pytest.raises(InputError, match="track-vgg8-cifar10 is missing and takes long; make it with: phases track"):
        run_missing(Run(elsewhere / "out"), print)


def test_a_missing_short_study_runs_and_missing_optional_ones_are_named(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(elsewhere / "results" / "verify-digits")
    shutil.rmtree(elsewhere / "results" / "predict-vgg8")
    started, said = [], []

    def started_instead(command: list[str], check: bool) -> subprocess.CompletedProcess[str]:
        started.append(command)
        folder = Path(command[-1])
        folder.mkdir(parents=True)
        (folder / "result.json").write_text("{}")
        return subprocess.CompletedProcess(command, 1)  # a claim fails: still a result

    monkeypatch.setattr(subprocess, "run", started_instead)
    run = Run(elsewhere / "out")
    run_missing(run, said.append)
    folder = str(elsewhere / "out" / "results" / "verify-digits")
    assert started == [[sys.executable, "-m", "phases", "verify", "--out", folder]]
    assert any("left out, as predict-vgg8 is missing; to add it: phases predict" in line for line in said)
    assert run.results.folder("verify-digits") == Path(folder)


def test_a_study_that_ends_without_a_result_is_an_error(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(elsewhere / "results" / "verify-digits")
    monkeypatch.setattr(subprocess, "run", lambda command, check: subprocess.CompletedProcess(command, 2))
    with pytest.raises(InputError, match=r"verify-digits was not made \(exit code 2\)"):
        run_missing(Run(elsewhere / "out"), print)


def test_a_quick_run_is_small_and_apart_and_says_so(elsewhere: Path) -> None:
    run = Run(elsewhere / "out", quick=True)
    assert not run.is_quick  # all results are there: nothing of it is quick
    assert arguments(study("diagram"), run)[-1] == str(elsewhere / "out" / "quick" / "results" / "diagram")
    assert "--replicas" in arguments(study("diagram"), run)
    shutil.rmtree(elsewhere / "results" / "diagram")
    (run.fresh / "diagram").mkdir(parents=True)
    (run.fresh / "diagram" / "result.json").write_text("{}")
    assert run.is_quick


def test_a_seed_makes_all_short_studies_anew_and_keeps_the_long_ones(elsewhere: Path) -> None:
    run = Run(elsewhere / "out", seed=3)
    short = [one.name for one in STUDIES if not one.long]
    assert [one.name for one in missing(run) if not one.optional] == short
    assert arguments(study("scaling"), run)[-4:-2] == ("--seed", "3")
    with pytest.raises(InputError, match="seed"):
        Run(elsewhere, seed=-1)


@pytest.mark.parametrize("one", STUDIES, ids=lambda one: one.name)
def test_the_command_of_a_study_is_one_of_phases(one: studies.Study) -> None:
    import typer.main

    from phases import app

    command = typer.main.get_command(app)
    words = list(arguments(one, Run(Path("out"), quick=True, seed=1)))
    while isinstance(command, typer.core.TyperGroup):
        command = command.commands[words.pop(0)]
    command.make_context("phases", words)


def test_empirical_parts_are_left_out_without_results(copied: Path) -> None:
    def present(root: Path) -> list[str]:
        return [part.section for part in present_parts(ResultFolders((root,))) if part in EMPIRICAL]

    assert present(copied) == [part.section for part in EMPIRICAL]
    for folder in copied.glob("track-*"):
        shutil.rmtree(folder)
    left = ["decoded", "predictions", "fits", "deep", "lastblock", "simplified", "transfer", "choosing"]
    assert present(copied) == left


def test_the_readme_holds_every_result_with_its_command() -> None:
    readme = (SOURCE / "README.md").read_text(encoding="utf-8")
    for one in STUDIES:
        assert f"| `results/{one.name}` | `{one.line}` |" in readme


def test_making_writes_the_switch_and_all_files(made: Run) -> None:
    folder = made.out / "generated"
    switch = (folder / "empirical.tex").read_text().splitlines()
    assert switch == [rf"\input{{sections/{part.section}}}" for part in EMPIRICAL]
    names = {file.name for file in folder.iterdir()}
    assert {"macros.tex", "theorems.tex", "verification.pdf", "diagram.pdf", "predictions.pdf"} <= names
    assert r"\newcommand{\RunNote}{}" in (folder / "macros.tex").read_text()


@pytest.mark.skipif(shutil.which("latexmk") is None, reason="latexmk is not installed")
def test_the_pdf_is_typeset_without_a_loose_end(made: Run) -> None:
    pdf = compile_pdf(made, find_latexmk())
    assert pdf.read_bytes().startswith(b"%PDF")
    for name in ("main", "supplement"):
        log = (pdf.parent / f"{name}.log").read_text(encoding="utf-8", errors="replace")
        assert "undefined" not in log
        # Ten points, a third of a centimetre, are not seen in the margin.
        wide = [float(part.split("pt")[0]) for part in log.split("Overfull \\hbox (")[1:]]
        assert [one for one in wide if one > 10] == []
    assert not list(SOURCE.glob("*.aux"))


def test_without_latexmk_one_line_says_what_to_install_before_anything_is_made(tmp_path: Path) -> None:
    done = CliRunner(env={"PATH": str(tmp_path)}).invoke(app, ["--pdf", "--out", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert done.stderr.startswith("error: pdf: latexmk is not installed; on Debian: apt-get install latexmk texlive")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
