"""``python -m paper``: make the paper's numbers, tables and figures, and on request its PDF."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from paper.document import compile_pdf, find_latexmk, make
from paper.studies import SOURCE, Run
from theory import InputError


def paper(
    quick: Annotated[
        bool, typer.Option("--quick", help="Run the studies that are missing at small settings, in a folder apart.")
    ] = False,
    pdf: Annotated[bool, typer.Option("--pdf", help="Typeset the paper, with latexmk.")] = False,
    out: Annotated[Path, typer.Option(help="Folder of the results of new runs and of all that is generated.")] = SOURCE,
    seed: Annotated[
        int | None, typer.Option(help="Run all short studies anew with this seed, in a folder apart.")
    ] = None,
) -> None:
    """Make all numbers, tables and figures of the paper from result folders.

    Results are looked for under --out and in paper/results. Short studies that are missing run first; the long ones,
    on deep networks, are never started: a line names each that is missing, with its command.

    Exit codes: 0 made, 2 a result or a program is missing.
    """
    try:
        run = Run(out, quick, seed)
        latexmk = find_latexmk() if pdf else None
        typer.echo(f"generated: {make(run, typer.echo)}")
        if latexmk is not None:
            typer.echo(f"paper: {compile_pdf(run, latexmk)}")
    except (InputError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None


if __name__ == "__main__":
    typer.run(paper)
