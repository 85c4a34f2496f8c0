"""The command ``phases``: derive the learning phases of a data set and check them by training."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from empirical.command.choose_command import choose
from empirical.command.exit_codes import OneLineGroup, bad_input_exits
from empirical.command.interrupts import run
from empirical.command.network_commands import decode, deep, fit, predict, track, transfer
from empirical.command.options import (
    LARGEST_WIDTH,
    chosen_data,
    count_option,
    path_option,
    real_option,
    refuse_where_nothing_is_fetched,
    refuse_without,
    scale_option,
    seed_option,
    share_option,
    text_argument,
    text_option,
    whole_option,
)
from empirical.command.publish import Output, publish, publish_file
from empirical.command.shared_options import (
    AsJson,
    DataRoot,
    Directions,
    Download,
    InputsKey,
    LabelledData,
    LabelsKey,
    LossName,
    OlderData,
    Quiet,
)
from empirical.command.study_commands import studies
from empirical.command.sweep_commands import sweeps
from empirical.command.terminal import say
from empirical.command.verify_command import verify

app = typer.Typer(
    cls=OneLineGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        say(f"phases {version('learning-phases')}")
        raise typer.Exit


@app.callback()
def phases(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Learning phases of neural networks.

    While a classifier trains, the loss of reconstructing its input from a layer's output stays
    near-constant, then falls, then rises. These commands derive when, from the data's moments,
    and check it by training.

    Start with: phases verify

    Exit codes: 0 no claim fails, 1 a claim fails, 2 bad input or a file that cannot be read or written,
    3 an error of this program, 130 interrupted (Ctrl-C), 141 nobody reads the output (as with | head -1).
    """


app.command()(verify)


@app.command()
def check(
    context: typer.Context,
    data: LabelledData = None,
    older_data: OlderData = None,
    data_root: DataRoot = None,
    download: Download = False,
    inputs_key: InputsKey = None,
    labels_key: LabelsKey = None,
    directions: Directions = None,
    loss: LossName = "softmax",
    step_share: Annotated[float, share_option("Step size times the largest eigenvalue, for A5.")] = 0.08,
    init_scale: Annotated[float, scale_option("Standard deviation of W(0), for A7 and A8.")] = 0.01,
    out: Annotated[Path | None, path_option("Folder for check.json. [default: nothing is written]")] = None,
    seed: Annotated[int, seed_option("Seed of the sample, its parts, and W(0) for A4.")] = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Evaluate the assumptions A1 to A8 on data: do they hold, by what margin, which theorems apply.

    For example:

      phases check digits
    """
    output = Output(as_json, quiet)
    chosen = chosen_data(data, older_data, "digits")
    refuse_where_nothing_is_fetched(context, chosen)
    with bad_input_exits() as bars:
        from empirical.data.datasets import load
        from empirical.studies.check.job import check as run
        from empirical.studies.check.outcome import CheckPlan
        from theory import loss_named

        plan = CheckPlan(loss_named(loss), step_share, init_scale, seed)
        data_set = partial(load, chosen, data_root, download, inputs_key, labels_key, directions)
        report = run(data_set, plan, folder=out, progress=bars)
    publish(report, out, output)


@app.command()
def derive(
    context: typer.Context,
    theorem: Annotated[str | None, text_argument("T1 to T11 or L1 to L5; all of them if left out.")] = None,
    latex: Annotated[bool, typer.Option("--latex", help="Print LaTeX instead of text.")] = False,
    values: Annotated[
        str | None,
        text_option("Numbers for the statement's symbols, as in sigma0=1e-3,d=1000,alpha=1,beta=2,g=.2."),
    ] = None,
    out: Annotated[Path | None, path_option("Folder for a JSON file. [default: nothing is written]")] = None,
    seed: Annotated[int, seed_option("Seed of the random instances of numerical checks.")] = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Print theorems with their derivations, and check every step.

    Each step is shown with how far its check carries: an identity or an inequality that SymPy proves, or a comparison
    at 50 digits on random instances, which is evidence and no proof; under each theorem and at the end, how many there
    are of each. --latex prints without checking.
    With --values the statement of one theorem is evaluated instead: give the sums A1, B1, ... that it holds, or
    d, alpha, beta and g of a power law (lambda_i = i^-alpha, delta_i^2 = g i^-beta). Exit code 1 if a step does not
    hold.

    For example:

      phases derive T5

      phases derive T5 --latex

      phases derive T5 --values sigma0=1e-3,d=1000,alpha=1,beta=2,g=0.2
    """
    output = Output(as_json, quiet)
    if values is not None and latex:
        raise typer.BadParameter("excludes --latex; give one of the two", param_hint="values")
    if values is not None or latex:
        refuse_without(context, "a check of steps", "seed")
    with bad_input_exits() as bars:
        from empirical.studies.derive import derive as run
        from empirical.studies.derive import evaluate_statement, typeset

        report: Any
        if values is not None:
            report = evaluate_statement(theorem, values, folder=out)
        elif latex:
            report = typeset(theorem, folder=out)
        else:
            report = run(theorem, seed=seed, folder=out, progress=bars)
    publish(report, out, output)


@app.command()
def diagram(
    dimension: Annotated[int, whole_option("Dimension d of the spectrum lambda_i = i^-alpha.", 8, LARGEST_WIDTH)] = 64,
    alpha: Annotated[float, real_option("Its exponent.", 0.01, 10)] = 0.5,
    transfer: Annotated[
        bool, typer.Option("--transfer", help="Where training should stop for another task, by theorem T9, instead.")
    ] = False,
    replicas: Annotated[int, count_option("Draws of W(0) per point.")] = 16,
    out: Annotated[
        Path | None, path_option("Folder of the results. [default: results/diagram; results/diagram-transfer]")
    ] = None,
    seed: Annotated[int, seed_option("Seed of W(0) and of the samples.")] = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Draw the phase diagram over initialisation scale and alignment, with trained networks as points.

    Regions and borders come from the closed form; 225 ensembles of one-output networks are trained.
    Of those farther than 10 % from a border 95 % are to agree with the prediction. Exit code 1 where more disagree
    than this allows and than chance decides: the share at which two halves of the draws differ from each other.

    With --transfer the other axis is whether source and target share their signal in directions of large variance;
    regions are theorem T9's verdicts go on, stop later, stop at the turning point, do not train; 169 ensembles.

    Writes result.json, points.parquet and diagram.png.
    """
    output = Output(as_json, quiet)
    place = out if out is not None else Path("results") / ("diagram-transfer" if transfer else "diagram")
    report: Any
    with bad_input_exits() as bars:
        if transfer:
            from empirical.studies.stopping_diagram import StoppingDiagramPlan, stopping_diagram

            report = stopping_diagram(
                StoppingDiagramPlan(dimension, alpha, replicas=replicas, seed=seed), folder=place, progress=bars
            )
        else:
            from empirical.studies.diagram import DiagramPlan
            from empirical.studies.diagram import diagram as run

            report = run(DiagramPlan(dimension, alpha, replicas, seed), folder=place, progress=bars)
    publish(report, place, output)


@app.command()
def explore(
    out: Annotated[Path, path_option("File of the page.")] = Path("results") / "explorer.html",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write a web page on which sliders move the theory's parameters: open it in any browser, also without a network.

    For a power-law data model (spectrum i^-alpha, squared signal i^-beta) it shows at once the curve of the
    reconstruction loss, the phases with their boundaries and the place in the phase diagram, while alpha, beta, sigma0,
    the number K of outputs and the budget mu of the decoder move. One output has the annealed curve, several the mean
    over W(0) and over random prototypes. Its formulas are printed from the SymPy derivations when the page is made.

    In the browser's console explorer.evaluate({alpha: 1, beta: 2, sigma0: 1e-3, K: 1, mu: 0}) gives the numbers.

    For example:

      phases explore

      phases explore --out page.html
    """
    output = Output(as_json, quiet)
    with bad_input_exits():
        from empirical.studies.explore import write_explorer

        page = write_explorer(out)
    publish_file("page", page, output)


app.command()(track)
app.command()(transfer)
app.command()(choose)
app.command()(deep)
app.command()(decode)
app.command()(fit)
app.command()(predict)
app.add_typer(sweeps, name="sweep")
app.add_typer(studies, name="study")


def main() -> None:
    """Run the command in a process of its own."""
    run(app)


if __name__ == "__main__":
    main()
