"""Make everything that the paper's source inputs, and typeset it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from paper import theorems
from paper.commands import commands
from paper.macros import newcommands
from paper.part import Part
from paper.parts import EMPIRICAL, SIMULATIONS
from paper.result_folders import ResultFolders
from paper.studies import SOURCE, Run, run_missing
from simulation.runs.run_folder import RunFolder
from theory import InputError

#: Name of the folder of all that is made; the source inputs its files by this name.
GENERATED = "generated"

#: Debian's packages with all that the source needs.
TEX_PACKAGES = "latexmk texlive-latex-base texlive-latex-recommended texlive-fonts-recommended"


def make(run: Run, say: Callable[[str], None]) -> Path:
    """Run the short studies that are missing, then write macros, theorems, tables and figures.

    Args:
        run: what is made.
        say: takes a line for the reader.

    Returns:
        The folder of what was made.

    Raises:
        InputError: a long study that the paper needs is missing, a study fails, or a result is damaged.
    """
    folder = RunFolder(run.out / GENERATED)
    run_missing(run, say)
    results = run.results
    present = present_parts(results)
    write_numbers(folder, results, present, run.is_quick)
    for part in present:
        with results_of(part):
            tables, figures = part.tables(results), part.figures(results)
        for name, text in tables.items():
            folder.write_text(name, text)
        for name, draw in figures.items():
            with results_of(part):
                folder.write(name, draw)
    return folder.path


@contextmanager
def results_of(part: Part) -> Iterator[None]:
    """Name the part whose results are of the right shape but do not fit together, as when a layer has no phases."""
    try:
        yield
    except (InputError, OSError):
        raise
    except (LookupError, ArithmeticError, TypeError, ValueError, StopIteration) as error:
        fault = " ".join(f"{type(error).__name__}: {error}".split())
        named = ", ".join(part.results)
        raise InputError(f"results: those of {named} do not fit together ({fault}); run their study again") from error


def present_parts(results: ResultFolders) -> tuple[Part, ...]:
    """The simulations, and the empirical parts that have results."""
    return (*SIMULATIONS, *(part for part in EMPIRICAL if part.is_present(results)))


def write_numbers(folder: RunFolder, results: ResultFolders, present: tuple[Part, ...], quick: bool) -> None:
    """Write the macros, the theorems, the commands of the abstract and the list of the empirical sections.

    Args:
        folder: to write to.
        results: the result folders that the macros are read from.
        present: the parts whose results exist.
        quick: whether the results are those of a quick run, which the text then says.
    """
    derived = theorems.derived()
    numbers = dict(theorems.numbers(derived))
    for part in present:
        with results_of(part):
            numbers |= part.numbers(results)
    numbers["RunNote"] = "Quick run: small settings, not the numbers of the paper." if quick else ""
    folder.write_text("macros.tex", newcommands(numbers))
    folder.write_text("statements.tex", theorems.statements(derived))
    folder.write_text("theorems.tex", theorems.proofs(derived))
    folder.write_text("commands.tex", commands())
    sections = [part.section for part in present if part in EMPIRICAL]
    folder.write_text("empirical.tex", "".join(f"\\input{{sections/{name}}}\n" for name in sections))


def find_latexmk() -> str:
    """The program latexmk; InputError, which says what to install, where it is absent."""
    program = shutil.which("latexmk")
    if program is None:
        raise InputError(f"pdf: latexmk is not installed; on Debian: apt-get install {TEX_PACKAGES}")
    return program


def compile_pdf(run: Run, latexmk: str) -> Path:
    """Typeset the paper and its supplement in ``build``, next to figures and tables; returns the paper's PDF.

    Raises:
        InputError: LaTeX finds an error.
    """
    build = run.out.resolve() / "build"
    build.mkdir(parents=True, exist_ok=True)
    # The empty last entry of each path means the files of TeX itself.
    places = os.pathsep.join((str(run.out.resolve()), str(SOURCE), ""))
    environment = os.environ | {"TEXINPUTS": places, "BIBINPUTS": places}
    for name in ("supplement", "main"):
        command = [latexmk, "-pdf", "-interaction=nonstopmode", "-halt-on-error", str(SOURCE / f"{name}.tex")]
        done = subprocess.run(command, cwd=build, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise InputError(f"pdf: LaTeX found an error; see {build / f'{name}.log'}")
    return build / "main.pdf"
