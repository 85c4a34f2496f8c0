"""The command ``phases``: derive the learning phases of a data set and check them by training."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from empirical.command.exit_codes import CLAIM_FAILS, OneLineGroup, bad_input_exits
from empirical.command.options import (
    LARGEST_MOMENTUM,
    LARGEST_RUNS,
    LARGEST_SHARE,
    LARGEST_WIDTH,
    chosen_data,
    count_option,
    data_path,
    path_argument,
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
    BaseWidth,
    Checkpoint,
    DataRoot,
    Device,
    Download,
    FitData,
    ImageSet,
    InitScale,
    InputsKey,
    LabelledData,
    LabelsKey,
    Layers,
    LossName,
    NetworkName,
    OlderData,
    PooledFeatures,
    Quiet,
    SchedulerAddress,
    Steps,
    StepShare,
    Workers,
    chosen_scheduler,
)
from empirical.command.terminal import complain, say

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


def _print_notes(notes: tuple[str, ...]) -> None:
    """Print how labels were read on the standard error; after the work, as a failed command prints its error alone."""
    for note in notes:
        complain(f"note: {note}")


@app.command()
def verify(
    context: typer.Context,
    data: LabelledData = None,
    older_data: OlderData = None,
    data_root: DataRoot = None,
    download: Download = False,
    inputs_key: InputsKey = None,
    labels_key: LabelsKey = None,
    init_scale: Annotated[
        list[float] | None,
        scale_option("Standard deviation of W(0); repeat it for several. [default: depends on the data]"),
    ] = None,
    loss: LossName = "softmax",
    steps: Steps = 4096,
    step_size: Annotated[
        float | None,
        scale_option("Step size eta. [default: 0.08 / largest eigenvalue of the covariance; cifar10: 0.002]"),
    ] = None,
    batch_size: Annotated[int | None, count_option("Inputs per step. [default: all inputs; cifar10: 1024]")] = None,
    replicas: Annotated[int, count_option("Draws of W(0) for each scale.")] = 6,
    out: Annotated[Path | None, path_option("Folder of the results. [default: results/verify-DATA]")] = None,
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
    or more steps would tell. Claims on curves that move by less than 1 % of the variance are neither: such curves have
    no phases to speak of, and an absolute tolerance says nothing about them. Where a claim fails, which assumption
    costs how much is printed.

    Writes result.json, curves.parquet and phases.png. The same command run again in the same folder
    uses what is finished there.

    For example:

      phases verify

      phases verify cifar10 --data-root DIR

      phases verify features.npz --init-scale 0.01 --out results/mine
    """
    output = Output(as_json, quiet)
    chosen = chosen_data(data, older_data, "digits")
    refuse_where_nothing_is_fetched(context, chosen)
    place = out if out is not None else Path("results") / f"verify-{Path(chosen).stem}"
    with bad_input_exits() as bars:
        from empirical.data.datasets import load
        from empirical.studies.verify.job import verify as run
        from empirical.studies.verify.plan import VerifyPlan
        from theory import loss_named

        default = VerifyPlan.for_data(chosen)
        plan = replace(
            default,
            loss=loss_named(loss),
            init_scales=tuple(init_scale) if init_scale else default.init_scales,
            steps=steps,
            step_size=step_size if step_size is not None else default.step_size,
            batch_size=batch_size if batch_size is not None else default.batch_size,
            replicas=replicas,
            seed=seed,
        )
        data_set = partial(load, chosen, data_root, download, inputs_key, labels_key)
        report = run(data_set, plan, folder=place, progress=bars)
    publish(report, place, output)


@app.command()
def check(
    context: typer.Context,
    data: LabelledData = None,
    older_data: OlderData = None,
    data_root: DataRoot = None,
    download: Download = False,
    inputs_key: InputsKey = None,
    labels_key: LabelsKey = None,
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
        data_set = partial(load, chosen, data_root, download, inputs_key, labels_key)
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
    """Print theorems with their derivations, every step of which is checked again.

    Beside each step stands how far its check carries: an identity or an inequality that SymPy proves, or a comparison
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
        raise typer.BadParameter("does not go with --latex; give one of the two", param_hint="values")
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
    replicas: Annotated[int, count_option("Draws of W(0) per point.")] = 16,
    out: Annotated[Path, path_option("Folder of the results.")] = Path("results") / "diagram",
    seed: Annotated[int, seed_option("Seed of W(0) and of the samples.")] = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Draw the phase diagram over initialisation scale and alignment, with trained networks as points.

    Regions and borders come from the closed form; 225 ensembles of one-output networks are trained.
    Exit code 1 where fewer than 95 % of those farther than 10 % from a border agree with the prediction.

    Writes result.json (with every disagreement), points.parquet and diagram.png.
    """
    output = Output(as_json, quiet)
    with bad_input_exits() as bars:
        from empirical.studies.diagram import DiagramPlan
        from empirical.studies.diagram import diagram as run

        report = run(DiagramPlan(dimension, alpha, replicas, seed), out, bars)
    publish(report, out, output)


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


Images = Annotated[
    str,
    text_option(
        "cifar10, cifar100, mnist, fashion-mnist, a folder train/CLASS/*.png beside test/CLASS/*.png, or a "
        "file (.npz, .pt, .safetensors or .h5) of train_images, train_labels, test_images, test_labels."
    ),
]


@app.command()
def track(
    context: typer.Context,
    data: Images = "cifar10",
    network: NetworkName = "vgg8",
    steps: Annotated[int, count_option("Last training step.")] = 8192,
    seeds: Annotated[int, whole_option("Networks trained, for the uncertainty.", 1, LARGEST_RUNS)] = 1,
    layer: Annotated[
        list[str] | None, text_option("A module's name; repeat it for several. [default: every block]")
    ] = None,
    classes: Annotated[
        str | None, text_option("Classes to train on, as in 0,1,2,3,4; the others are a task of transfer.")
    ] = None,
    transfer_data: Annotated[
        str | None, text_option("Another data set with images of the same shape, as a task of transfer.")
    ] = None,
    data_root: DataRoot = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch the data if they are absent.")] = False,
    inputs_key: InputsKey = None,
    labels_key: LabelsKey = None,
    base_width: BaseWidth = None,
    batch_size: Annotated[int, count_option("Images a step.", 2)] = 128,
    step_size: Annotated[float, scale_option("Step size eta.")] = 0.002,
    momentum: Annotated[float, real_option("Momentum of the gradient descent.", 0, LARGEST_MOMENTUM)] = 0.9,
    weight_decay: Annotated[float, real_option("L2 penalty on the weights.", 0, LARGEST_SHARE)] = 0.0,
    pooled_features: PooledFeatures = 1024,
    classifier_samples: Annotated[int, count_option("Images that the linear probes are fitted to.", 2)] = 10_000,
    also: Annotated[
        list[str] | None,
        text_option(
            "linear decoder, convolutional decoder (of the last layer, trained for 20 epochs as in the published "
            "figures: minutes a checkpoint), or information (the information plane); repeat it for several."
        ),
    ] = None,
    also_stride: Annotated[
        int, count_option("Make these only at every n-th checkpoint, counted back from the last.")
    ] = 1,
    device: Device = "cpu",
    out: Annotated[Path | None, path_option("Folder of the results. [default: results/track-NETWORK-DATA]")] = None,
    seed: Annotated[int, seed_option("Seed of the first network and of its batches.")] = 0,
) -> None:
    """Train a deep network and see the phases of each of its layers.

    At steps 0, 1, 2, 4, ... a checkpoint is kept and measured: the held-out loss of reconstructing the image from each
    layer, by the exact linear decoder and by decoders of limited budget; linear probes of the classes and of tasks of
    transfer (dominant colour, held-out classes, another data set); neural collapse; the share of the images that carry
    the gradient. Decoders and probes are fitted on the training split and scored on the test split; the statistics of
    batch normalisation are measured anew at each checkpoint.

    Writes measures.parquet, result.json and track.png. A run that was stopped or killed and is started again goes on
    where it was. VGG-8 on CIFAR-10 takes about half an hour a seed on two cores, a few minutes on a CUDA card.

    For example:

      phases track --data cifar10 --network vgg8 --steps 8192 --seeds 3 --data-root DIR
    """
    with bad_input_exits() as bars:
        from empirical.data.images import Normalisation, load_images
        from empirical.networks.network_training import TrainingPlan
        from empirical.networks.networks import build_network, layer_names
        from empirical.probes.probe_tasks import at_least_32, parse_classes, transfer_tasks
        from empirical.probes.standard import ProbePlan
        from empirical.probes.task_alignment import alignments
        from empirical.studies.run_sizes import check_features
        from empirical.studies.track import TrackPlan, measurement_columns
        from empirical.studies.track import track as run_tracking
        from empirical.studies.track_report import draw_tracked, phase_lines, tracked_as_json
        from simulation.devices import checked_device
        from simulation.runs.run_folder import RunFolder, software_versions
        from simulation.runs.run_kinds import TRACK
        from theory.progress import described

        data, transfer_data = data_path(data), transfer_data and data_path(transfer_data)
        refuse_where_nothing_is_fetched(context, data, transfer_data or "")
        if not also:
            refuse_without(context, "--also", "also_stride")
        own_out = Path("results") / f"track-{network}-{Path(data).name}"
        folder = RunFolder(out if out is not None else own_out, TRACK)
        training = TrainingPlan(network, base_width, steps, batch_size, step_size, momentum, weight_decay, seed)
        own = tuple(layer) if layer else layer_names(build_network(network, 2))
        probe = ProbePlan(own, pooled_features, classifier_samples)
        plan = TrackPlan(training, probe, seeds, tuple(also or ()), also_stride)
        chosen, trained_classes = checked_device(device), parse_classes(classes)
        whole = at_least_32(load_images(data, data_root, download, inputs_key, labels_key))
        other = at_least_32(load_images(transfer_data, data_root, download)) if transfer_data else None
        trained_on, tasks = transfer_tasks(whole, trained_classes, other)
        check_features(
            build_network(network, trained_on.classes, whole.channels, base_width), own, whole, pooled_features
        )
        result = run_tracking(plan, trained_on, tasks, folder, chosen, described(bars, "checkpoints"))
        folder.write_table("measures.parquet", measurement_columns(result))
        figure = folder.write("track.png", lambda path: draw_tracked(result, path))
        alignment = {"alignment": alignments(tasks, Normalisation.of(trained_on.train))}
        versions = {"versions": software_versions(chosen)}
        report = folder.write_json("result.json", tracked_as_json(result) | alignment | versions)
    for one in (whole, other):
        if one is not None:
            _print_notes(one.notes)
    for line in phase_lines(result):
        say(line)
    say(f"figure: {figure}")
    say(f"result: {report}")


@app.command()
def transfer(
    tracked: Annotated[
        list[Path],
        path_argument("Folders that phases track has written.", "FOLDER..."),
    ],
    out: Annotated[Path, path_option("Folder of the results.")] = Path("results/transfer"),
) -> None:
    """Ask of tracked trainings whether the recommended checkpoint transfers better than the last one.

    The stop rule reads the reconstruction loss of the last layer and recommends a checkpoint for each seed. For every
    task of transfer, the accuracy of a linear probe at that checkpoint is compared with the last and with the best
    one. The gain over the last is paired by seed, with a 95 % interval by Student's distribution; it stands beside the
    alignment of the tasks: the share of the new task's linear signal that predictors of the trained classes see. With
    five trainings or more a task, the rank correlation of gain and alignment is given.

    Writes result.json and transfer.png. Exit code 1 where stopping hurts the probe of the dominant colour, for which
    the published figures say that it helps.

    For example:

      phases transfer results/track-vgg8-cifar10 results/track-resnet10-cifar10
    """
    with bad_input_exits():
        from empirical.probes.probe_tasks import COLOUR
        from empirical.studies.alignment_relation import alignment_relations, relation_lines
        from empirical.studies.tracked_file import read_all
        from empirical.studies.transfer import Effect, transfer_as_json, transfer_lines, transfer_rows
        from empirical.studies.transfer_figure import draw_transfer
        from simulation.runs.run_folder import RunFolder
        from simulation.runs.run_kinds import TRANSFER

        folder = RunFolder(out, TRANSFER)
        read = read_all(tracked)
        runs = [(one, transfer_rows(one, alignment)) for one, alignment in read]
        rows = [row for _, own in runs for row in own]
        figure = folder.write("transfer.png", lambda path: draw_transfer(runs, path))
        relations = alignment_relations(rows)
        content = {"rows": transfer_as_json(rows), "alignment": [asdict(one) for one in relations]}
        report = folder.write_json("result.json", content)
    for line in [*transfer_lines(rows), *relation_lines(relations)]:
        say(line)
    say(f"figure: {figure}")
    say(f"result: {report}")
    if any(row.task == COLOUR and row.effect is Effect.HURTS for row in rows):
        raise typer.Exit(CLAIM_FAILS)


@app.command()
def fit(
    context: typer.Context,
    data: FitData = None,
    older_data: OlderData = None,
    network: Annotated[
        str | None, text_option("vgg8, resnet10, ...: fit the activations of one of its layers.")
    ] = None,
    checkpoint: Checkpoint = None,
    layer: Annotated[str | None, text_option("The layer's name. [default: the last block]")] = None,
    base_width: BaseWidth = None,
    pooled_features: PooledFeatures = 1024,
    data_root: DataRoot = None,
    download: Download = False,
    inputs_key: InputsKey = None,
    labels_key: LabelsKey = None,
    init_scale: InitScale = 0.01,
    step_share: StepShare = 0.08,
    steps: Annotated[int, count_option("Last step of the predicted curves.")] = 4096,
    device: Device = "cpu",
    out: Annotated[Path | None, path_option("Folder of the results. [default: results/fit-NAME]")] = None,
    seed: Annotated[int, seed_option("Seed of an untrained network, of the halves and of W(0).")] = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Fit the data model to inputs, or to the activations of a network's layer.

    The leading K - 1 directions of K classes, measured one by one; beyond them the exponents alpha of the spectrum and
    beta of the signal, and how they depend on range and estimator; alignment, class separation, tail index, minority
    share, effective rank, all with 95 % intervals; rival spectra on held-out samples; the assumptions A1 to A8; the
    boundaries of a softmax layer trained on these features, as predicted from the full moments and from the parametric
    model, with the distance between the two. Half of the samples give the principal directions, the other half is
    measured along them; both hold the classes alike, of which each needs six samples.

    Writes result.json, spectrum.parquet and fit.png.

    For example:

      phases fit digits

      phases fit cifar10 --network vgg8 --checkpoint step-00001024.safetensors --layer block5
    """
    name = chosen_data(data, older_data, "digits" if network is None else "cifar10")
    refuse_where_nothing_is_fetched(context, name)
    if network is None:
        refuse_without(context, "--network", "checkpoint", "layer", "base_width", "pooled_features", "device")
    of = Path(name).stem if network is None else f"{network}-{Path(name).stem}"
    place = out if out is not None else Path("results") / f"fit-{of}"
    with bad_input_exits() as bars:
        from empirical.data.datasets import load
        from empirical.data.images import load_images
        from empirical.studies.fit.job import fit_features, fit_layer
        from empirical.studies.fit.plan import FitPlan, NetworkLayer

        plan, where = FitPlan(init_scale, step_share, steps, seed), (data_root, download, inputs_key, labels_key)
        if network is None:
            report = fit_features(partial(load, name, *where), plan, folder=place, progress=bars)
        else:
            source = NetworkLayer(network, checkpoint, layer, base_width, pooled_features)
            images = partial(load_images, name, *where)
            report = fit_layer(images, source, plan, folder=place, device=device, progress=bars)
    publish(report, place, Output(as_json, quiet))


@app.command()
def predict(
    context: typer.Context,
    data: ImageSet = None,
    older_data: OlderData = None,
    network: NetworkName = "vgg8",
    checkpoint: Annotated[
        list[Path] | None,
        path_option("Files of the network's weights; repeat it for several. An untrained network comes first."),
    ] = None,
    layer: Layers = None,
    base_width: BaseWidth = None,
    pooled_features: PooledFeatures = 1024,
    data_root: DataRoot = None,
    download: Download = False,
    inputs_key: InputsKey = None,
    labels_key: LabelsKey = None,
    init_scale: InitScale = 0.01,
    step_share: StepShare = 0.08,
    steps: Steps = 4096,
    batch_size: Annotated[int, count_option("Features per step.")] = 1024,
    replicas: Annotated[int, count_option("Draws of W(0).")] = 4,
    device: Device = "cpu",
    out: Annotated[Path | None, path_option("Folder of the results. [default: results/predict-NETWORK-DATA]")] = None,
    seed: Annotated[int, seed_option("Seed of the untrained network, of W(0), the batches and the fit.")] = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Put the theory to the test on features: single-layer classifiers on frozen activations.

    For each layer of the untrained network and of every checkpoint, the curve of the reconstruction loss is derived in
    four ways (linearised; mean field with one covariance within classes, and with one for each class; mean field of
    the fitted parametric model) and compared with trained classifiers: the largest difference of L / tr Sigma up to
    step 1,024 and over all steps, and the ratio of turning points.

    Writes result.json, curves.parquet and predict.png. A run started again goes on where it was. Exit code 1 where
    the better of linearised and mean field from the full moments is off by more than .02 up to step 1,024, .03 in all,
    or a quarter of the turning point; for each such set of features, which assumption costs how much is printed.

    For example:

      phases predict cifar10 --network vgg8 --checkpoint step-00001024.safetensors --layer block5
    """
    name = chosen_data(data, older_data, "cifar10")
    refuse_where_nothing_is_fetched(context, name)
    place = out if out is not None else Path("results") / f"predict-{network}-{Path(name).stem}"
    with bad_input_exits() as bars:
        from empirical.data.images import load_images
        from empirical.studies.predict.job import predict as run
        from empirical.studies.predict.plan import FeaturePlan, PredictPlan

        training = FeaturePlan(init_scale, step_share, steps, batch_size, replicas, seed)
        plan = PredictPlan(network, tuple(checkpoint or ()), tuple(layer or ()), base_width, pooled_features, training)
        images = partial(load_images, name, data_root, download, inputs_key, labels_key)
        report = run(images, plan, folder=place, device=device, progress=bars)
    publish(report, place, Output(as_json, quiet))


sweep_app = typer.Typer(cls=OneLineGroup, no_args_is_help=True, rich_markup_mode=None)
app.add_typer(sweep_app, name="sweep")


@sweep_app.callback()
def sweep() -> None:
    """Train many ensembles: measure the scaling laws, or see where the theory breaks.

    Each configuration's result is a file of its own in the folder --out, written once; a sweep that was stopped
    or killed and is started again runs only what is missing.
    """


@sweep_app.command()
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
    each, and at 95 % for all nine together. Beside each slope stand the exponent of the limit and the slope of the
    derived curve over the measured range; an interval covers the draws of W(0) alone. Exit code 1 where a derived slope
    over the measured range is outside the latter interval, or in phase III further than 0.01 from the measured one.

    By chance that happens for one seed in twenty. Writes result.json, points.parquet and scaling.png; two minutes on
    two cores.
    """
    with bad_input_exits() as bars:
        from empirical.studies.scaling import ScalingPlan
        from empirical.studies.scaling import scaling as run

        place = chosen_scheduler(context, workers, scheduler)
        report = run(ScalingPlan(pairs, seed), folder=out, scheduler=place, progress=bars)
    publish(report, out, Output(as_json, quiet))


@sweep_app.command()
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
    """See where the theory breaks: relax one assumption after another and compare training with the mean field.

    Heavy tails, a minority in each class, label noise, batch size, step size, number of samples, classes, imbalance and
    optimiser, each by degrees. For each level, with errors over independent samples: the largest deviation of
    L / tr Sigma from gradient descent and from the gradient flow as derived, regime, end of phase I, turning point and
    return. At last the rises of explained variance in phase III at steps past 1 / lambda_1.

    Writes result.json and robustness.png. Exit code 3 where a setting could not be computed. Six minutes on two cores.

    For example, only what optimisers do:

      phases sweep robustness --axis optimiser
    """
    with bad_input_exits() as bars:
        from empirical.studies.robustness import RobustnessPlan
        from empirical.studies.robustness import robustness as run

        place = chosen_scheduler(context, workers, scheduler)
        plan = RobustnessPlan(draws, tuple(dict.fromkeys(axis or ())), seed)
        report = run(plan, folder=out, scheduler=place, progress=bars)
    publish(report, out, Output(as_json, quiet))


def main() -> None:
    """Entry point of the command."""
    app()


if __name__ == "__main__":
    main()
