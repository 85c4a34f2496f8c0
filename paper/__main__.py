"""``python -m paper``: make the paper's numbers, tables and figures, and on request its PDF."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from empirical.command.exit_codes import OneLineCommand, bad_input_exits
from empirical.command.interrupts import run
from empirical.command.options import path_option, seed_option
from empirical.command.terminal import say

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

#: Folder of the paper's source, where results and all that is generated go by default.
SOURCE = Path(__file__).resolve().parent


@app.command(cls=OneLineCommand)
def paper(
    quick: Annotated[
        bool, typer.Option("--quick", help="Run the studies that are missing at small settings, in a separate folder.")
    ] = False,
    pdf: Annotated[bool, typer.Option("--pdf", help="Typeset the paper, with latexmk.")] = False,
    pictures: Annotated[
        bool, typer.Option("--pictures", help="Only draw the figures of README, documentation and results again.")
    ] = False,
    out: Annotated[Path, path_option("Folder of the results of new runs and of all that is generated.")] = SOURCE,
    seed: Annotated[int | None, seed_option("Rerun all short studies with this seed, in a separate folder.")] = None,
) -> None:
    """Make all numbers, tables and figures of the paper from result folders.

    Results are looked for under --out and in paper/results. Short studies that are missing run first; the long ones,
    on deep networks, are never started: a line names each that is missing, with its command.

    Exit codes: 0 made, 2 bad input, or a result or a program is missing, 3 an error of this program, 130 interrupted
    (Ctrl-C), 141 nobody reads the output.
    """
    with bad_input_exits():
        from paper.document import compile_pdf, find_latexmk, make
        from paper.pictures import draw_pictures
        from paper.studies import Run

        if pictures:
            draw_pictures(say)
            return
        run = Run(out, quick, seed)
        latexmk = find_latexmk() if pdf else None
        say(f"generated: {make(run, say)}")
        if latexmk is not None:
            say(f"paper: {compile_pdf(run, latexmk)}")


if __name__ == "__main__":
    run(app)
