"""The command ``phases verify``: single layers, their transfer to a target, and hidden layers."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from empirical.command.exit_codes import bad_input_exits
from empirical.command.options import (
    LARGEST_CLONES,
    LARGEST_WIDTH,
    chosen_data,
    count_option,
    is_given,
    path_option,
    refuse_where_nothing_is_fetched,
    refuse_without,
    scale_option,
    seed_option,
    text_option,
    trained_scale_option,
    whole_option,
)
from empirical.command.publish import Output, publish
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


def verify(
    context: typer.Context,
    data: LabelledData = None,
    older_data: OlderData = None,
    data_root: DataRoot = None,
    download: Download = False,
    inputs_key: InputsKey = None,
    labels_key: LabelsKey = None,
    directions: Directions = None,
    target: Annotated[
        list[str] | None,
        text_option(
            "Check transfer to a target instead; repeat it for several: DATA:5-9 for classes, component:5 for a "
            "principal component, the name of an array of numbers in the file; for the digits also digits:ink, "
            "digits:centre, digits:upper and digits:left-right."
        ),
    ] = None,
    classes: Annotated[
        str | None, text_option("With --target: the classes that are trained on, as 0-4. [default: all]")
    ] = None,
    clones: Annotated[
        int | None,
        whole_option(
            "With --target: train on this many samples drawn from the fitted Gaussians as well, as many inputs as the "
            "data have: by how much another sample would differ. [default: none]",
            2,
            LARGEST_CLONES,
        ),
    ] = None,
    hidden_width: Annotated[
        list[int] | None,
        whole_option(
            "Check a network with a hidden layer of this width instead; repeat it for deeper linear networks.",
            1,
            LARGEST_WIDTH,
        ),
    ] = None,
    activation: Annotated[
        str, text_option("With --hidden-width: linear, or relu for one rectified hidden layer.")
    ] = "linear",
    components: Annotated[
        int | None,
        count_option(
            "Gaussians per class in the mean field, with covariances of their own: parts of the class, cut by k-means. "
            "[default: one covariance for all classes; --target and --hidden-width: several of the largest likelihood, "
            "their number chosen by held-out samples]"
        ),
    ] = None,
    init_scale: Annotated[
        list[float] | None,
        trained_scale_option(
            "Standard deviation of W(0); repeat it for several. [default: depends on the data; --target and "
            "--hidden-width: 0.01]"
        ),
    ] = None,
    loss: LossName = "softmax",
    steps: Annotated[int | None, count_option("Last training step.")] = None,
    step_size: Annotated[
        float | None,
        scale_option(
            "Step size eta. [default: 0.08 / largest eigenvalue of the covariance; --target: 0.5 / it; "
            "--hidden-width: 0.2 / it; cifar10: 0.002]"
        ),
    ] = None,
    batch_size: Annotated[int | None, count_option("Inputs per step. [default: all inputs; cifar10: 1024]")] = None,
    replicas: Annotated[
        int | None, count_option("Draws of W(0) for each scale. [default: 6; --hidden-width: 4]")
    ] = None,
    out: Annotated[
        Path | None,
        path_option("Folder of the results. [default: results/verify-DATA, with -transfer or -hidden behind]"),
    ] = None,
    seed: Annotated[int, seed_option("Seed of W(0), of the batches and of the synthetic sample.")] = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Check every derived phase boundary against trained single-layer networks.

    Takes the moments of the inputs, derives from them the curve of the reconstruction loss and its
    boundaries (mean field and linearised), trains networks on the same inputs and on Gaussian data
    with the same moments, and compares. Each claim is a row: what was derived, what was measured,
    how far they differ (and the standard error of that, over draws of W(0)), how far they may, and
    the verdict. A claim fails beyond its tolerance plus two standard errors; between the two, or
    with a standard error above the tolerance, it is not resolved: more replicas, larger batches
    or more steps would decide. Claims on curves that move by less than 1 % of the variance are
    neither: such curves have no phases to speak of, and an absolute tolerance says nothing about
    them. Where a claim fails, the cost of each assumption is printed.

    With --target, layers trained on --classes are probed for targets: the theory derives what a linear
    probe explains, the best step, and whether to stop at the turning point, later, or to go on.
    With --hidden-width, a network with hidden layers is trained: the theory derives how well the inputs
    can be reconstructed from each. Both take several Gaussians per class; --components N takes N of them
    for the first check, too.

    Writes result.json, curves.parquet and a figure. The same command run again in the same folder
    uses what is finished there.

    For example:

      phases verify

      phases verify cifar10 --data-root DIR

      phases verify features.npz --init-scale 0.01 --out results/mine

      phases verify digits --classes 0-4 --target digits:5-9 --target digits:ink

      phases verify digits --hidden-width 20 --activation relu
    """
    output = Output(as_json, quiet)
    chosen = chosen_data(data, older_data, "digits")
    refuse_where_nothing_is_fetched(context, chosen)
    if target and hidden_width:
        raise typer.BadParameter("excludes --hidden-width; give one of the two", param_hint="target")
    if not target:
        refuse_without(context, "--target", "classes", "clones")
    if not hidden_width:
        refuse_without(context, "--hidden-width", "activation")
    if target or hidden_width:
        if is_given(context, "batch_size"):
            raise typer.BadParameter(
                "does nothing here: all inputs are in every step; leave it out", param_hint="batch_size"
            )
        if init_scale and len(init_scale) > 1:
            raise typer.BadParameter("is given several times; give one for this check", param_hint="init_scale")
    suffix = "-transfer" if target else "-hidden" if hidden_width else ""
    place = out if out is not None else Path("results") / f"verify-{Path(chosen).stem}{suffix}"
    given: dict[str, Any] = {
        name: value
        for name, value in {
            "steps": steps,
            "step_size": step_size,
            "batch_size": batch_size,
            "replicas": replicas,
            "components": components,
            "clones": clones,
        }.items()
        if value is not None
    }
    with bad_input_exits() as bars:
        from empirical.data.datasets import load
        from theory import loss_named

        data_set = partial(load, chosen, data_root, download, inputs_key, labels_key, directions)
        given |= {"loss": loss_named(loss), "seed": seed}
        report: Any
        if target:
            from empirical.studies.verify_transfer.job import verify_transfer

            report = verify_transfer(
                data_set, target, _transfer_plan(given, init_scale, classes), file=chosen, folder=place, progress=bars
            )
        elif hidden_width:
            from empirical.studies.verify_hidden.job import verify_hidden

            plan = _hidden_plan(given, init_scale, hidden_width, activation)
            report = verify_hidden(data_set, plan, folder=place, progress=bars)
        else:
            from empirical.studies.verify.job import verify as verify_layer
            from empirical.studies.verify.plan import VerifyPlan

            scales: dict[str, Any] = {"init_scales": tuple(init_scale)} if init_scale else {}
            report = verify_layer(
                data_set, replace(VerifyPlan.for_data(chosen), **given, **scales), folder=place, progress=bars
            )
    publish(report, place, output)


def _transfer_plan(given: dict[str, Any], init_scale: list[float] | None, classes: str | None) -> Any:
    from empirical.data.target_tasks import parse_class_ranges
    from empirical.studies.verify_transfer.plan import VerifyTransferPlan

    chosen = None if classes is None else parse_class_ranges(classes)
    return VerifyTransferPlan(classes=chosen, **given, **_scale(init_scale))


def _hidden_plan(given: dict[str, Any], init_scale: list[float] | None, widths: list[int], activation: str) -> Any:
    from empirical.studies.verify_hidden.plan import VerifyHiddenPlan, hidden_units_named

    units = hidden_units_named(activation)
    return VerifyHiddenPlan(widths=tuple(widths), units=units, **given, **_scale(init_scale))


def _scale(init_scale: list[float] | None) -> dict[str, Any]:
    return {"init_scale": init_scale[0]} if init_scale else {}
