"""Commands that train many ensembles: sweep scaling and sweep robustness."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from empirical.command.exit_codes import OneLineGroup, bad_input_exits
from empirical.command.options import (
    count_option,
    path_option,
    seed_option,
    text_option,
)
from empirical.command.publish import Output, publish
from empirical.command.shared_options import (
    AsJson,
    Quiet,
    SchedulerAddress,
    Workers,
    chosen_scheduler,
)

#: The group ``phases sweep``.
sweeps = typer.Typer(cls=OneLineGroup, no_args_is_help=True, rich_markup_mode=None)


@sweeps.callback()
def sweep() -> None:
    """Train many ensembles: measure the scaling laws, or where the theory breaks.

    Each configuration's result is a separate file in the folder --out, written once; a sweep that was stopped
    or killed and is started again runs only what is missing.
    """


@sweeps.command()
def scaling(
    context: typer.Context,
    pairs: Annotated[int, count_option("Pairs W(0), -W(0) at each value of sigma0.", 2)] = 64,
    workers: Workers = 2,
    scheduler: SchedulerAddress = None,
    out: Annotated[Path, path_option("Folder of the results.")] = Path("results") / "scaling",
    seed: Annotated[int, seed_option("Seed of W(0) and of the samples.")] = 1,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure how boundaries scale on trained networks, with confidence intervals.

    End of phase I against sigma0 (derived exponent 1), turning point against sigma0 (2/3) and, in steps, against eta
    (-1), on three data models; explained variance against time in phase III on four. Two intervals per slope: at 95 %
    each, and at 95 % for all nine together. Next to each slope are the exponent of the limit and the slope of the
    derived curve over the measured range; an interval covers the draws of W(0) alone. Exit code 1 where a derived slope
    over the measured range is outside the latter interval, or in phase III further than 0.01 from the measured one.

    By chance that happens for one seed in twenty. Writes result.json, points.parquet and scaling.png; two minutes on
    two cores.
    """
    output = Output(as_json, quiet)
    with bad_input_exits() as bars:
        from empirical.studies.scaling import ScalingPlan
        from empirical.studies.scaling import scaling as run

        place = chosen_scheduler(context, workers, scheduler)
        report = run(ScalingPlan(pairs, seed), folder=out, scheduler=place, progress=bars)
    publish(report, out, output)


@sweeps.command()
def robustness(
    context: typer.Context,
    draws: Annotated[int, count_option("Samples, each with W(0) and -W(0), in a setting with full batches.", 2)] = 6,
    axis: Annotated[
        list[str] | None,
        text_option(
            "What to relax: tail_index, minority_share, label_noise, batch_size, step_share, samples, classes, "
            "imbalance or optimiser; repeat it for several. [default: all]"
        ),
    ] = None,
    workers: Workers = 2,
    scheduler: SchedulerAddress = None,
    out: Annotated[Path, path_option("Folder of the results.")] = Path("results") / "robustness",
    seed: Annotated[int, seed_option("Seed of W(0), the samples and the batches.")] = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure where the theory breaks: relax one assumption at a time and compare training with the mean field.

    Heavy tails, a minority in each class, label noise, batch size, step size, number of samples, classes, imbalance and
    optimiser, each at several levels. For each level, with errors over independent samples: the largest deviation of
    L / tr Sigma from gradient descent and from the gradient flow as derived, regime, half of the fall, turning point
    and return. Finally the rises of explained variance in phase III at steps past 1 / lambda_1.

    Writes result.json and robustness.png. Exit code 3 where a setting could not be computed. Six minutes on two cores.

    For example, only what optimisers do:

      phases sweep robustness --axis optimiser
    """
    output = Output(as_json, quiet)
    with bad_input_exits() as bars:
        from empirical.studies.robustness.job import robustness as run
        from empirical.studies.robustness.report import RobustnessPlan

        place = chosen_scheduler(context, workers, scheduler)
        plan = RobustnessPlan(draws, tuple(dict.fromkeys(axis or ())), seed)
        report = run(plan, folder=out, scheduler=place, progress=bars)
    publish(report, out, output)
