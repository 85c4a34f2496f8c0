"""The end of every job of the command: files, lines, and the exit code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from empirical.command.exit_codes import CLAIM_FAILS, INTERNAL_ERROR
from empirical.command.terminal import complain, say, say_lines

if TYPE_CHECKING:
    from pathlib import Path

    from empirical.studies.report import Report


@dataclass(frozen=True)
class Output:
    """What a call prints on the standard output.

    Attributes:
        as_json: the result as JSON instead of lines.
        quiet: print nothing.
    """

    as_json: bool = False
    quiet: bool = False

    def __post_init__(self) -> None:
        if self.as_json and self.quiet:
            raise typer.BadParameter("excludes --json; give one of the two", param_hint="quiet")


def publish(report: Report, folder: Path | None, output: Output) -> None:
    """Print a report and end the command.

    Args:
        report: of the job.
        folder: where it was saved; None where nothing was.
        output: what goes to the standard output; notes and failures go to the standard error.

    Raises:
        typer.Exit: something could not be computed, or a claim fails.
    """
    for note in report.notes:
        complain(f"note: {note}")
    if output.as_json:
        from simulation.runs.run_folder import json_text

        say_lines(json_text(report.content()).rstrip())
    elif not output.quiet:
        for line in report.lines():
            say(line)
        if folder is not None:
            figure = getattr(report, "figure_name", None)
            if figure is not None:
                say(f"figure: {folder / figure}")
            say(f"result: {folder / report.result_name}")
    for failure in report.failures:
        complain(f"failed: {failure}")
    if report.failures:
        raise typer.Exit(INTERNAL_ERROR)
    if not report.holds:
        raise typer.Exit(CLAIM_FAILS)


def publish_file(title: str, path: Path, output: Output) -> None:
    """Print where a job wrote its one file.

    Args:
        title: what the file is, as ``page``.
        path: of the file.
        output: what goes to the standard output.
    """
    if output.as_json:
        from simulation.runs.run_folder import json_text

        say_lines(json_text({title: str(path)}).rstrip())
    elif not output.quiet:
        say(f"{title}: {path}")
