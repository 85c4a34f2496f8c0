"""The command ``phases``: derive the learning phases of a data set and check them by training."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from empirical.command.exit_codes import CLAIM_FAILS, INTERNAL_ERROR, OneLineGroup, bad_input_exits
from empirical.command.options import (
    LARGEST_INTEGER,
    LARGEST_MOMENTUM,
    LARGEST_RUNS,
    LARGEST_SHARE,
    LARGEST_WIDTH,
    count_option,
    data_path,
    is_given,
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
from empirical.command.terminal import complain, say, say_lines

app = typer.Typer(
    cls=OneLineGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


DataRoot = Annotated[
    Path | None,
    path_option("Folder that holds cifar-10-batches-bin. [default: the variable LEARNING_PHASES_DATA]"),
]
LossName = Annotated[str, text_option("softmax, logistic (two classes) or squared.")]
InputsKey = Annotated[
    str | None,
    text_option(
        "Name of the inputs in a file, or of two arrays for images. [default: inputs; train_images,test_images]"
    ),
]
LabelsKey = Annotated[
    str | None,
    text_option(
        "Name of the labels in a file, or of two arrays for images; for a .npy file the path of the .npy file of "
        "its labels; for cifar100, fine or coarse. [default: labels; train_labels,test_labels; labels.npy; fine]"
    ),
]


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
    data: Annotated[
        str,
        text_option(
            "digits, cifar10, or a file with inputs (n, d) and labels (n,): .npz, .npy, .pt, .safetensors, "
            ".parquet or .h5; inputs are scaled to variance 1."
        ),
    ] = "digits",
    data_root: DataRoot = None,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch CIFAR-10 into the data root if it is absent.")
    ] = False,
    inputs_key: InputsKey = None,
    labels_key: LabelsKey = None,
    init_scale: Annotated[
        list[float] | None,
        scale_option("Standard deviation of W(0); repeat it for several. [default: depends on the data]"),
    ] = None,
    loss: LossName = "softmax",
    steps: Annotated[int, count_option("Last training step.")] = 4096,
    step_size: Annotated[
        float | None,
        scale_option("Step size eta. [default: 0.08 / largest eigenvalue of the covariance; cifar10: 0.002]"),
    ] = None,
    batch_size: Annotated[int | None, count_option("Inputs a step. [default: all inputs; cifar10: 1024]")] = None,
    replicas: Annotated[int | None, count_option("Draws of W(0) for each scale. [default: 6]")] = None,
    out: Annotated[Path | None, path_option("Folder of the results. [default: results/verify-DATA]")] = None,
    seed: Annotated[int, seed_option("Seed of W(0), of the batches and of the synthetic sample.")] = 0,
) -> None:
    """Check every derived phase boundary against trained single-layer networks.

    Takes the moments of the inputs, derives from them the curve of the reconstruction loss and its
    boundaries (mean field and linearised), trains networks on the same inputs and on Gaussian data
    with the same moments, and compares. Each claim is a row: what was derived, what was measured,
    how far they differ (and the standard error of that, over draws of W(0)), how far they may, and
    the verdict. A claim fails beyond its tolerance plus two standard errors; between the two, or
    with a standard error above the tolerance, it is not resolved: more replicas, larger batches
    or more steps would tell. Claims on curves that move by less than 1 % of the variance are neither: such curves have
    no phases to speak of, and an absolute tolerance says nothing about them.

    Writes result.json, curves.parquet and phases.png. The same command run again in the same folder
    uses what is finished there.

    For example:

      phases verify

      phases verify --data cifar10 --data-root DIR

      phases verify --data features.npz --init-scale 0.01 --loss softmax --out results/mine
    """
    with bad_input_exits() as bars:
        from empirical.data.datasets import load
        from empirical.studies.verify import boundary_equality, curve_columns, plan_for, result_as_json
        from empirical.studies.verify import verify as run_verification
        from empirical.studies.verify_figure import draw_verification
        from simulation.runs.run_folder import RunFolder
        from simulation.runs.run_kinds import VERIFY
        from theory import loss_named

        data = data_path(data)
        refuse_where_nothing_is_fetched(context, data)
        default = plan_for(data)
        plan = replace(
            default,
            loss=loss_named(loss),
            init_scales=tuple(init_scale) if init_scale else default.init_scales,
            steps=steps,
            step_size=step_size if step_size is not None else default.step_size,
            batch_size=batch_size if batch_size is not None else default.batch_size,
            replicas=replicas if replicas is not None else default.replicas,
            seed=seed,
        )
        folder = RunFolder(out if out is not None else Path("results") / f"verify-{Path(data).stem}", VERIFY)
        data_set = load(data, data_root, download, inputs_key, labels_key)
        result = run_verification(data_set, plan, folder, bars)
        folder.write_table("curves.parquet", curve_columns(result))
        figure = folder.write("phases.png", lambda path: draw_verification(result, path))
        report = folder.write_json("result.json", result_as_json(result))
    _print_notes(data_set.notes)
    for line in claim_table(result):
        say(line)
    equality = boundary_equality(result)
    if equality is not None:
        differ = f"{equality.rejected.sum()} of {equality.rejected.size} boundaries"
        say(f"{differ} differ from the derived ones beyond chance (Holm's test, {equality.level:.0%} for the table)")
    say(f"figure: {figure}")
    say(f"result: {report}")
    if not result.nothing_fails:
        raise typer.Exit(CLAIM_FAILS)


@app.command()
def check(
    context: typer.Context,
    data: Annotated[str, text_argument("digits, cifar10, or a file of inputs (n, d) and labels (n,).")],
    data_root: DataRoot = None,
    inputs_key: InputsKey = None,
    labels_key: LabelsKey = None,
    loss: LossName = "softmax",
    step_share: Annotated[float, share_option("Step size times the largest eigenvalue, for A5.")] = 0.1,
    init_scale: Annotated[float, scale_option("Standard deviation of W(0), for A7 and A8.")] = 0.01,
    out: Annotated[Path | None, path_option("Folder for check.json. [default: nothing is written]")] = None,
    seed: Annotated[int, seed_option("Seed of the sample, its parts, and W(0) for A4.")] = 0,
) -> None:
    """Evaluate the assumptions A1 to A8 on data: do they hold, by what margin, which theorems apply.

    For example:

      phases check digits
    """
    with bad_input_exits() as bars:
        from empirical.data.datasets import load
        from empirical.studies.check import check as run_check
        from empirical.studies.check import check_as_json, check_lines
        from empirical.studies.run_sizes import check_step_share
        from simulation.runs.run_folder import RunFolder
        from simulation.runs.run_kinds import CHECK
        from theory import loss_named

        data = data_path(data)
        refuse_where_nothing_is_fetched(context, data)
        folder = RunFolder(out, CHECK) if out is not None else None
        chosen = loss_named(loss)
        check_step_share(step_share, chosen)
        data_set = load(data, data_root, False, inputs_key, labels_key)
        result = run_check(data_set, chosen, step_share, init_scale, seed, bars("moments"))
        if folder is not None:
            folder.write_json("check.json", check_as_json(result))
    _print_notes(data_set.notes)
    for line in check_lines(result):
        say(line)


@app.command()
def derive(
    theorem: Annotated[str | None, text_argument("T1 to T8 or L1 to L5; all of them if left out.")] = None,
    latex: Annotated[bool, typer.Option("--latex", help="Print LaTeX instead of text.")] = False,
    values: Annotated[
        str | None,
        text_option("Numbers for the statement's symbols, as in sigma0=1e-3,d=1000,alpha=1,beta=2,g=.2."),
    ] = None,
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
    with bad_input_exits() as bars:
        from theory.theorems.catalogue import lemmas, theorem_named, theorems
        from theory.theorems.domains import DOMAINS
        from theory.theorems.evaluation import complete_values, parse_values, statement_at
        from theory.typeset.theorem_text import kinds_text, statement_text, theorem_latex, theorem_text
        from theory.validation import InputError, one_of

        if values is not None and theorem is None:
            raise InputError("values: no theorem is named; give one, as in phases derive T5 --values ...")
        if values is not None and latex:
            raise InputError("values: does not go with --latex; give one of the two")
        if theorem is not None:
            one_of("theorem", theorem, tuple(DOMAINS))
        # Deriving takes half a minute: values are refused before.
        given = parse_values(values) if values is not None else None
        if theorem is not None and given is not None:
            complete_values(theorem, given)
        chosen = (*theorems(), *lemmas()) if theorem is None else (theorem_named(theorem),)
        if given is not None:
            say_lines(statement_text(statement_at(chosen[0], given)))
            return
        if latex:
            say_lines("\n".join(theorem_latex(one) for one in chosen))
            return
        lines = [line for one in bars("check")(chosen) for line in [*theorem_text(one), ""]]
        if theorem is None:
            lines.append(f"in all, {kinds_text(chosen)}")
    say_lines("\n".join(lines).rstrip())
    if any("NOT VERIFIED" in line for line in lines):
        raise typer.Exit(CLAIM_FAILS)


@app.command()
def diagram(
    dimension: Annotated[int, whole_option("Dimension d of the spectrum lambda_i = i^-alpha.", 8, LARGEST_WIDTH)] = 64,
    alpha: Annotated[float, real_option("Its exponent.", 0.01, 10)] = 0.5,
    replicas: Annotated[int, count_option("Draws of W(0) a point.")] = 16,
    out: Annotated[Path, path_option("Folder of the results.")] = Path("results") / "diagram",
    seed: Annotated[int, seed_option("Seed of W(0) and of the samples.")] = 0,
) -> None:
    """Draw the phase diagram over initialisation scale and alignment, with trained networks as points.

    Regions and borders come from the closed form; 225 ensembles of one-output networks are trained.
    Exit code 1 where fewer than 95 % of those farther than 10 % from a border do as predicted.

    Writes result.json (with every disagreement), points.parquet and diagram.png.
    """
    with bad_input_exits() as bars:
        from simulation.experiments.diagram import agreement, simulate_diagram
        from simulation.figures.diagram import diagram_as_json, diagram_grid, draw_diagram, point_columns
        from simulation.runs.run_folder import RunFolder
        from simulation.runs.run_kinds import DIAGRAM

        folder = RunFolder(out, DIAGRAM)
        grid = diagram_grid(dimension, alpha, replicas)
        points = simulate_diagram(
            grid.eigenvalues, grid.scaled, grid.alignments, replicas, seed, grid.resolution, bars("train")
        )
        folder.write_table("points.parquet", point_columns(points))
        figure = folder.write("diagram.png", lambda path: draw_diagram(grid, points, path))
        report = folder.write_json("result.json", diagram_as_json(grid, points, replicas, seed))
    share = agreement(points)
    for point in points:
        if not point.near_border and not point.agrees:
            say(
                f"disagrees: scale {point.scaled:.3g}, alignment {point.alignment:.3g}: "
                f"predicted {point.predicted.value}, measured {point.measured.value}"
            )
    far = sum(not point.near_border for point in points)
    say(f"{share:.1%} of {far} points away from the borders do as predicted ({len(points)} in all)")
    say(f"figure: {figure}")
    say(f"result: {report}")
    if share < 0.95:
        raise typer.Exit(CLAIM_FAILS)


@app.command()
def explore(
    out: Annotated[Path, path_option("File of the page.")] = Path("results") / "explorer.html",
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
    with bad_input_exits():
        from empirical.studies.explore import write_explorer

        page = write_explorer(out)
    say(f"page: {page}")


Device = Annotated[str, text_option("Where torch computes: cpu, cuda, or cuda:1 and so on.")]
Images = Annotated[
    str,
    text_option(
        "cifar10, cifar100, mnist, fashion-mnist, a folder train/CLASS/*.png beside test/CLASS/*.png, or a "
        "file (.npz, .pt, .safetensors or .h5) of train_images, train_labels, test_images, test_labels."
    ),
]


NetworkName = Annotated[str, text_option("vgg8, vgg11, vgg13, vgg16, resnet10, resnet18 or resnet20.")]
BaseWidth = Annotated[
    int | None,
    whole_option(
        "Width of the network's first part, as memory allows. [default: vgg 32, resnet 16]", 1, LARGEST_INTEGER
    ),
]
Checkpoint = Annotated[
    Path | None,
    path_option("File of the network's weights, .safetensors or torch. [default: an untrained network]"),
]
PooledFeatures = Annotated[
    int,
    count_option(
        "Features of a layer, at most. Larger feature maps are average-pooled; what is still larger becomes as many "
        "means of random groups of features."
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
        result = run_tracking(plan, trained_on, tasks, folder, chosen, bars("checkpoints"))
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
    data: Annotated[
        str,
        text_option("digits, cifar10 or a file of inputs and labels; with --network: images as for track."),
    ] = "digits",
    network: Annotated[
        str | None, text_option("vgg8, resnet10, ...: fit the activations of one of its layers.")
    ] = None,
    checkpoint: Checkpoint = None,
    layer: Annotated[str | None, text_option("The layer's name. [default: the last block]")] = None,
    base_width: BaseWidth = None,
    pooled_features: PooledFeatures = 1024,
    data_root: DataRoot = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch the data if they are absent.")] = False,
    inputs_key: InputsKey = None,
    labels_key: LabelsKey = None,
    init_scale: Annotated[float, scale_option("Standard deviation of W(0), for the predicted boundaries.")] = 0.003,
    step_share: Annotated[float, share_option("Step size times the largest eigenvalue.")] = 0.08,
    steps: Annotated[int, count_option("Last step of the predicted curves.")] = 4096,
    device: Device = "cpu",
    out: Annotated[Path | None, path_option("Folder of the results. [default: results/fit-NAME]")] = None,
    seed: Annotated[int, seed_option("Seed of an untrained network, of the halves and of W(0).")] = 0,
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

      phases fit --data digits

      phases fit --data cifar10 --network vgg8 --checkpoint step-00001024.safetensors --layer block5
    """
    with bad_input_exits() as bars:
        from empirical.data.datasets import load
        from empirical.data.images import load_images
        from empirical.networks.layer_features import network_with_weights, training_features
        from empirical.networks.networks import layer_names
        from empirical.probes.probe_tasks import at_least_32
        from empirical.studies.fit_figure import draw_fit
        from empirical.studies.fit_report import fit_as_json, fit_lines, spectrum_columns
        from empirical.studies.layer_fit import fit_features
        from empirical.studies.run_sizes import check_features, check_step_share
        from simulation.devices import checked_device
        from simulation.runs.run_folder import RunFolder, software_versions
        from simulation.runs.run_kinds import FIT
        from theory import Softmax

        data = data_path(data)
        refuse_where_nothing_is_fetched(context, data)
        if network is None:
            refuse_without(context, "--network", "checkpoint", "layer", "base_width", "pooled_features", "device")
        name = Path(data).stem if network is None else f"{network}-{Path(data).stem}"
        folder = RunFolder(out if out is not None else Path("results") / f"fit-{name}", FIT)
        chosen = checked_device(device)
        check_step_share(step_share, Softmax())
        if network is None:
            features = load(data, data_root, download, inputs_key, labels_key)
            notes = features.notes
        else:
            images = at_least_32(load_images(data, data_root, download, inputs_key, labels_key))
            notes = images.notes
            module = network_with_weights(images, network, base_width, checkpoint, seed)
            layers = (layer,) if layer else layer_names(module)[-1:]
            check_features(module, layers, images, pooled_features)
            of_layers = training_features(module, images, layers, pooled_features, chosen)
            features = list(of_layers.values())[-1]
        title = name if network is None else f"{name} {features.name}"
        result = fit_features(features, init_scale, step_share, steps, seed, bars)
        folder.write_table("spectrum.parquet", spectrum_columns(result))
        figure = folder.write("fit.png", lambda path: draw_fit(result.fitted, title, path))
        report = folder.write_json("result.json", fit_as_json(result) | {"versions": software_versions(chosen)})
    _print_notes(notes)
    for line in fit_lines(result):
        say(line)
    say(f"figure: {figure}")
    say(f"result: {report}")


@app.command()
def predict(
    context: typer.Context,
    data: Images = "cifar10",
    network: NetworkName = "vgg8",
    checkpoint: Annotated[
        list[Path] | None,
        path_option("Files of the network's weights; repeat it for several. An untrained network comes first."),
    ] = None,
    layer: Annotated[
        list[str] | None, text_option("A module's name; repeat it for several. [default: every block]")
    ] = None,
    base_width: BaseWidth = None,
    pooled_features: PooledFeatures = 1024,
    data_root: DataRoot = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch the data if they are absent.")] = False,
    inputs_key: InputsKey = None,
    labels_key: LabelsKey = None,
    init_scale: Annotated[float, scale_option("Standard deviation of W(0).")] = 0.003,
    step_share: Annotated[float, share_option("Step size times the largest eigenvalue.")] = 0.08,
    steps: Annotated[int, count_option("Last training step.")] = 4096,
    batch_size: Annotated[int, count_option("Features a step.")] = 1024,
    replicas: Annotated[int, count_option("Draws of W(0).")] = 4,
    device: Device = "cpu",
    out: Annotated[Path | None, path_option("Folder of the results. [default: results/predict-NETWORK-DATA]")] = None,
    seed: Annotated[int, seed_option("Seed of the untrained network, of W(0), the batches and the fit.")] = 0,
) -> None:
    """Put the theory to the test on features: single-layer classifiers on frozen activations.

    For each layer of the untrained network and of every checkpoint, the curve of the reconstruction loss is derived in
    four ways (linearised; mean field with one covariance within classes, and with one for each class; mean field of
    the fitted parametric model) and compared with trained classifiers: the largest difference of L / tr Sigma up to
    step 1,024 and over all steps, and the ratio of turning points.

    Writes result.json, curves.parquet and predict.png. A run started again goes on where it was. Exit code 1 where
    the better of linearised and mean field from the full moments is off by more than .02 up to step 1,024, .03 in all,
    or a quarter of the turning point; for each such set of features, which assumption costs how much is printed.
    """
    with bad_input_exits() as bars:
        from empirical.data.images import load_images
        from empirical.networks.layer_features import network_with_weights, training_features
        from empirical.networks.networks import layer_names
        from empirical.probes.probe_tasks import at_least_32
        from empirical.studies.predict import (
            FeaturePlan,
            predict_features,
            prediction_curves,
            prediction_lines,
            prediction_rows,
            reason_lines,
            reason_rows,
        )
        from empirical.studies.predict_figure import draw_predictions
        from empirical.studies.run_sizes import check_batches, check_features, check_step_share
        from simulation.devices import checked_device
        from simulation.runs.run_folder import RunFolder, software_versions
        from simulation.runs.run_kinds import PREDICT
        from simulation.training.training import check_weights
        from theory import Softmax
        from theory.assumptions import Verdict

        data = data_path(data)
        refuse_where_nothing_is_fetched(context, data)
        own_out = Path("results") / f"predict-{network}-{Path(data).stem}"
        folder = RunFolder(out if out is not None else own_out, PREDICT)
        check_step_share(step_share, Softmax())
        plan = FeaturePlan(init_scale, step_share, steps, batch_size, replicas, seed)
        chosen = checked_device(device)
        images = at_least_32(load_images(data, data_root, download, inputs_key, labels_key))
        files = (None, *(checkpoint or ()))
        modules = [network_with_weights(images, network, base_width, file, seed) for file in files]
        check_batches(batch_size, replicas, images.train.labels.size)
        for module in modules:
            counts = check_features(module, layer or layer_names(module), images, pooled_features)
            check_weights(replicas, images.classes, max(counts.values()))
        predictions = []
        for file, module in zip(files, modules, strict=True):
            state = "untrained" if file is None else file.stem
            for name, own in training_features(module, images, layer, pooled_features, chosen).items():
                predictions.append(predict_features(replace(own, name=f"{name}, {state}"), plan, folder, bars))
        folder.write_table("curves.parquet", prediction_curves(predictions))
        figure = folder.write("predict.png", lambda path: draw_predictions(predictions, path))
        content = {"plan": asdict(plan), "rows": prediction_rows(predictions), "reasons": reason_rows(predictions)}
        content |= {"versions": software_versions(chosen)}
        report = folder.write_json("result.json", content)
    _print_notes(images.notes)
    for line in [*prediction_lines(predictions), *reason_lines(predictions)]:
        say(line)
    say(f"figure: {figure}")
    say(f"result: {report}")
    if any(one.verdict is Verdict.FAILS for one in predictions):
        raise typer.Exit(CLAIM_FAILS)


sweep_app = typer.Typer(cls=OneLineGroup, no_args_is_help=True, rich_markup_mode=None)
app.add_typer(sweep_app, name="sweep")

Workers = Annotated[int, whole_option("Processes on this machine.", 1, LARGEST_RUNS)]
SchedulerAddress = Annotated[
    str | None, text_option("Address of a Dask scheduler, as tcp://host:8786, instead of processes here.")
]


@sweep_app.callback()
def sweep() -> None:
    """Train many ensembles: measure the scaling laws, or see where the theory breaks.

    Each configuration's result is a file of its own in the folder --out, written once; a sweep that was stopped
    or killed and is started again runs only what is missing.
    """


def _scheduler(context: typer.Context, workers: int, address: str | None) -> Any:
    from simulation.runs.schedulers import DaskScheduler, LocalScheduler

    if address is not None and is_given(context, "workers"):
        raise typer.BadParameter("does nothing with --scheduler; give one of the two", param_hint="workers")
    return LocalScheduler(workers) if address is None else DaskScheduler(address)


@sweep_app.command()
def scaling(
    context: typer.Context,
    pairs: Annotated[int, count_option("Pairs W(0), -W(0) at each value of sigma0.", 2)] = 64,
    workers: Workers = 2,
    scheduler: SchedulerAddress = None,
    out: Annotated[Path, path_option("Folder of the results.")] = Path("results") / "scaling",
    seed: Annotated[int, seed_option("Seed of W(0) and of the samples.")] = 1,
) -> None:
    """Measure how boundaries scale on trained networks, with confidence intervals.

    End of phase I against sigma0 (derived exponent 1), turning point against sigma0 (2/3) and, in steps, against eta
    (-1), on three data models; explained variance against time in phase III on four. Two intervals a slope: at 95 %
    each, and at 95 % for all nine together. Beside each slope stand the exponent of the limit and the slope of the
    derived curve over the measured range; an interval covers the draws of W(0) alone. Exit code 1 where a derived slope
    over the measured range is outside the latter interval, or in phase III further than 0.01 from the measured one.

    By chance that happens for one seed in twenty. Writes result.json, points.parquet and scaling.png; two minutes on
    two cores.
    """
    with bad_input_exits() as bars:
        from simulation.experiments.scaling_sweep import run_scaling_sweep, scaling_measurements
        from simulation.figures.scaling import draw_scaling, scaling_columns, scaling_lines, scaling_rows
        from simulation.runs.run_folder import RunFolder, software_versions
        from simulation.runs.run_kinds import SCALING

        folder, chosen = RunFolder(out, SCALING), _scheduler(context, workers, scheduler)
        measurements = scaling_measurements(pairs, seed)
        laws = run_scaling_sweep(measurements, folder, chosen, bars("measure"))
        folder.write_table("points.parquet", scaling_columns(laws))
        figure = folder.write("scaling.png", lambda path: draw_scaling(laws, path))
        configuration = {"pairs": pairs, "seed": seed}
        content = {"configuration": configuration, "versions": software_versions(), "laws": scaling_rows(laws)}
        report = folder.write_json("result.json", content)
    for line in scaling_lines(laws):
        say(line)
    say(f"figure: {figure}")
    say(f"result: {report}")
    if not all(law.holds for law in laws):
        raise typer.Exit(CLAIM_FAILS)


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
        from simulation.experiments.robustness import run_robustness_sweep, settings
        from simulation.figures.robustness import draw_robustness, robustness_content, robustness_lines
        from simulation.runs.run_folder import RunFolder, software_versions
        from simulation.runs.run_kinds import ROBUSTNESS

        folder, place = RunFolder(out, ROBUSTNESS), _scheduler(context, workers, scheduler)
        names = list(dict.fromkeys(axis or ()))
        chosen = settings(draws, seed, names)
        found = run_robustness_sweep(chosen, folder, place, bars("train and derive"))
        figure = folder.write("robustness.png", lambda path: draw_robustness(found, path))
        configuration = {
            "configuration": {"draws": draws, "axes": names or "all", "seed": seed},
            "versions": software_versions(),
        }
        report = folder.write_json("result.json", configuration | robustness_content(found))
    for line in robustness_lines(found):
        say(line)
    for point in found.failures:
        complain(f"failed: {point.axis.title} {point.level_name}: {point.failure}")
    say(f"figure: {figure}")
    say(f"result: {report}")
    if found.failures:
        raise typer.Exit(INTERNAL_ERROR)


def claim_table(result: Any) -> list[str]:
    """The claims of a verification as aligned lines of text, and how many there are of each verdict."""
    header = ("source", "sigma0", "claim", "derived", "measured", "deviation", "of range", "+-", "tolerance", "verdict")
    rows = [
        (
            finding.source,
            f"{finding.init_scale:g}",
            claim.name,
            claim.derived,
            claim.measured,
            f"{claim.deviation:.4f}",
            "" if claim.range_share is None else f"{claim.range_share:.1%}",
            f"{claim.standard_error:.2g}",
            f"{claim.tolerance:g}",
            claim.verdict.value,
        )
        for finding in result.findings
        for claim in finding.comparison.claims
    ]
    table = [header, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    counts = Counter(row[-1] for row in rows)
    summary = ", ".join(f"{counts[verdict]} {verdict}" for verdict in ("holds", "not resolved", "FAILS"))
    flat = counts["no phases to speak of"]
    if flat:
        summary += f"; {flat} on curves with no phases to speak of, which are no evidence"
    return [*lines, f"{len(rows)} claims: {summary}"]


def main() -> None:
    """Entry point of the command."""
    app()


if __name__ == "__main__":
    main()
