"""The commands on deep networks, ``track`` to ``predict``: options and help."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from empirical.command.exit_codes import bad_input_exits
from empirical.command.options import (
    LARGEST_MOMENTUM,
    LARGEST_RUNS,
    LARGEST_SHARE,
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
    text_option,
    whole_option,
)
from empirical.command.publish import Output, publish
from empirical.command.shared_options import (
    AsJson,
    BaseWidth,
    Checkpoint,
    DataRoot,
    Device,
    Directions,
    Download,
    FitData,
    ImageSet,
    InitScale,
    InputsKey,
    LabelsKey,
    Layers,
    NetworkName,
    OlderData,
    PooledFeatures,
    Quiet,
    Steps,
    StepShare,
    TrainedInitScale,
)


def track(
    context: typer.Context,
    data: ImageSet = None,
    older_data: OlderData = None,
    network: NetworkName = "vgg8",
    steps: Steps = 8192,
    seeds: Annotated[int, whole_option("Networks trained, for the uncertainty.", 1, LARGEST_RUNS)] = 1,
    layer: Layers = None,
    classes: Annotated[
        str | None, text_option("Classes to train on, as in 0,1,2,3,4; the others are a task of transfer.")
    ] = None,
    transfer_data: Annotated[
        str | None,
        text_option(
            "Another data set with images of the same size, as a task of transfer; gray ones get equal channels."
        ),
    ] = None,
    data_root: DataRoot = None,
    download: Download = False,
    inputs_key: InputsKey = None,
    labels_key: LabelsKey = None,
    base_width: BaseWidth = None,
    batch_size: Annotated[int, count_option("Images per step.", 2)] = 128,
    step_size: Annotated[float, scale_option("Step size eta.")] = 0.002,
    momentum: Annotated[float, real_option("Momentum of the gradient descent.", 0, LARGEST_MOMENTUM)] = 0.9,
    weight_decay: Annotated[float, real_option("L2 penalty on the weights.", 0, LARGEST_SHARE)] = 0.0,
    pooled_features: PooledFeatures = 1024,
    classifier_samples: Annotated[int, count_option("Images that the linear probes are fitted to.", 2)] = 10_000,
    also: Annotated[
        list[str] | None,
        text_option(
            "linear decoder, convolutional decoder (of the last layer, trained for 20 epochs as in the published "
            "figures: minutes per checkpoint), softmax decoder (exact, of the network's probabilities), or information "
            "(the information plane); repeat it for several."
        ),
    ] = None,
    also_stride: Annotated[
        int, count_option("Make these only at every n-th checkpoint, counted back from the last.")
    ] = 1,
    device: Device = "cpu",
    out: Annotated[Path | None, path_option("Folder of the results. [default: results/track-NETWORK-DATA]")] = None,
    seed: Annotated[int, seed_option("Seed of the first network and of its batches.")] = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Train a deep network and measure the phases of each of its layers.

    At steps 0, 1, 2, 4, ... a checkpoint is stored and measured: the held-out loss of reconstructing the image from
    each layer, by the exact linear decoder and by budgeted decoders; linear probes of the classes and of tasks of
    transfer (dominant colour, held-out classes, another data set); neural collapse; the share of the images that carry
    the gradient. Decoders and probes are fitted on the training split and scored on the test split; the statistics of
    batch normalisation are recomputed at each checkpoint.

    Writes measures.parquet, result.json and track.png. A run that was stopped or killed resumes when it is
    started again. VGG-8 on CIFAR-10 takes about half an hour per seed on two cores, a few minutes on a CUDA GPU.

    For example:

      phases track cifar10 --network vgg8 --steps 8192 --seeds 3 --data-root DIR
    """
    output = Output(as_json, quiet)
    name = chosen_data(data, older_data, "cifar10")
    place = out if out is not None else Path("results") / f"track-{network}-{Path(name).name}"
    with bad_input_exits() as bars:
        from empirical.data.images import load_images
        from empirical.networks.network_training import TrainingPlan
        from empirical.probes.probe_tasks import parse_classes
        from empirical.probes.standard import ProbePlan
        from empirical.studies.track.job import track as run
        from empirical.studies.track.plan import TrackPlan

        other = None if transfer_data is None else data_path(transfer_data)
        refuse_where_nothing_is_fetched(context, name, other or "")
        if not also:
            refuse_without(context, "--also", "also_stride")
        training = TrainingPlan(network, base_width, steps, batch_size, step_size, momentum, weight_decay, seed)
        probe = ProbePlan(tuple(layer or ()), pooled_features, classifier_samples)
        report = run(
            partial(load_images, name, data_root, download, inputs_key, labels_key),
            TrackPlan(training, probe, seeds, tuple(also or ()), also_stride, parse_classes(classes)),
            transfer_data=None if other is None else partial(load_images, other, data_root, download),
            folder=place,
            device=device,
            progress=bars,
        )
    publish(report, place, output)


def transfer(
    tracked: Annotated[list[Path], path_argument("Folders that phases track has written.", "FOLDER...")],
    out: Annotated[Path, path_option("Folder of the results.")] = Path("results") / "transfer",
    seed: Annotated[int, seed_option("Seed of random pairings of gains and alignments, from 9 trainings on.")] = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Compare the recommended checkpoint of tracked trainings with the last one, on tasks of transfer.

    The stop rule reads the reconstruction loss of the last layer and recommends a checkpoint for each seed. For every
    task of transfer, the accuracy of a linear probe at that checkpoint is compared with the last and with the best
    one. The gain over the last is paired by seed, with a 95 % interval by Student's distribution; it is given with the
    alignment of the tasks: the share of the new task's linear signal within the predictors of the trained classes. With
    five trainings or more per task, the rank correlation of gain and alignment is given.

    Writes result.json, accuracies.parquet and transfer.png. Exit code 1 where stopping hurts the probe of the dominant
    colour, for which the published figures say that it helps.

    For example:

      phases transfer results/track-vgg8-cifar10 results/track-resnet10-cifar10
    """
    output = Output(as_json, quiet)
    with bad_input_exits() as bars:
        from empirical.studies.transfer.job import transfer as run

        report = run(tracked, folder=out, seed=seed, progress=bars)
    publish(report, out, output)


def deep(
    context: typer.Context,
    tracked: Annotated[list[Path], path_argument("Folders that phases track has written.", "FOLDER...")],
    images: Annotated[str, text_option("The images that all of them were trained on, as for track.")] = "cifar10",
    data_root: DataRoot = None,
    download: Download = False,
    inputs_key: InputsKey = None,
    labels_key: LabelsKey = None,
    device: Device = "cpu",
    out: Annotated[Path, path_option("Folder of the results.")] = Path("results") / "deep",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Derive when the last layer of tracked networks turns, from these networks before they are trained.

    The features that an untrained network gives its classifier are taken as fixed, and the classifier as a single
    layer on them, from the weights that it begins with, with eta / (1 - momentum) as its step size. Nothing is fitted.
    The boundaries of the derived curve are put beside those that were tracked: half of the fall, and the turning point.

    It is a clock and not a mechanism: in training the features move, and the images are reconstructed from the last
    hidden layer. What the classifier's initial scale does is derived with the wrong sign here; two layers are needed
    for it (phases derive T10).

    Writes result.json and deep.png. Exit code 1 where a turning point is off by more than a quarter and two standard
    errors.

    For example:

      phases deep results/track-vgg8-cifar10 results/track-resnet10-cifar10
    """
    output = Output(as_json, quiet)
    refuse_where_nothing_is_fetched(context, images)
    with bad_input_exits() as bars:
        from empirical.data.images import load_images
        from empirical.studies.deep.job import deep as run

        loaded = partial(load_images, images, data_root, download, inputs_key, labels_key)
        report = run(tracked, loaded, folder=out, device=device, progress=bars)
    publish(report, out, output)


def decode(
    context: typer.Context,
    tracked: Annotated[Path, path_argument("Folder that phases track has written, with its checkpoints.", "FOLDER")],
    images: Annotated[str, text_option("The images that it was trained on, as for track.")] = "cifar10",
    step: Annotated[
        list[int] | None,
        count_option("A checkpoint; repeat it for several. [default: first, recommended, last]", 0),
    ] = None,
    count: Annotated[int, whole_option("Classes whose first test image is shown.", 1, 16)] = 8,
    layer: Annotated[str | None, text_option("The layer's name. [default: the last that was tracked]")] = None,
    data_root: DataRoot = None,
    download: Download = False,
    inputs_key: InputsKey = None,
    labels_key: LabelsKey = None,
    device: Device = "cpu",
    out: Annotated[Path, path_option("Folder of the results.")] = Path("results") / "decoded",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show what a layer keeps of images: what the best linear decoder makes of it, at a few checkpoints.

    The decoder is that of track: least squares, fitted to all training images. Shown are test images, the first of
    each class, each with its squared error in units of the variance of all test images; the network is the one of the
    first seed. Between the recommended and the last checkpoint the difference is what the classifier has forgotten.

    Writes result.json, images.parquet, decoded.parquet and decoded.png.

    For example:

      phases decode results/track-vgg8-cifar10 --step 0 --step 256 --step 8192
    """
    output = Output(as_json, quiet)
    refuse_where_nothing_is_fetched(context, images)
    with bad_input_exits() as bars:
        from empirical.data.images import load_images
        from empirical.studies.decode.job import decode as run
        from empirical.studies.decode.plan import DecodePlan

        plan = DecodePlan(tuple(sorted(set(step or ()))), count, layer)
        loaded = partial(load_images, images, data_root, download, inputs_key, labels_key)
        report = run(tracked, loaded, plan, folder=out, device=device, progress=bars)
    publish(report, out, output)


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
    directions: Directions = None,
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
    measured along them. Both hold the classes in equal shares; each class needs six samples.

    Writes result.json, spectrum.parquet and fit.png.

    For example:

      phases fit digits

      phases fit cifar10 --network vgg8 --checkpoint step-00001024.safetensors --layer block5
    """
    output = Output(as_json, quiet)
    name = chosen_data(data, older_data, "digits" if network is None else "cifar10")
    refuse_where_nothing_is_fetched(context, name)
    if network is None:
        refuse_without(context, "--network", "checkpoint", "layer", "base_width", "pooled_features", "device")
    elif directions is not None:
        raise typer.BadParameter("does nothing with --network; give --pooled-features", param_hint="directions")
    of = Path(name).stem if network is None else f"{network}-{Path(name).stem}"
    place = out if out is not None else Path("results") / f"fit-{of}"
    with bad_input_exits() as bars:
        from empirical.data.datasets import load
        from empirical.data.images import load_images
        from empirical.studies.fit.job import fit_features, fit_layer
        from empirical.studies.fit.plan import FitPlan, NetworkLayer

        plan, where = FitPlan(init_scale, step_share, steps, seed), (data_root, download, inputs_key, labels_key)
        if network is None:
            report = fit_features(partial(load, name, *where, directions), plan, folder=place, progress=bars)
        else:
            source = NetworkLayer(network, checkpoint, layer, base_width, pooled_features)
            images = partial(load_images, name, *where)
            report = fit_layer(images, source, plan, folder=place, device=device, progress=bars)
    publish(report, place, output)


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
    init_scale: TrainedInitScale = 0.01,
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
    """Test the theory on features: single-layer classifiers on frozen activations.

    For each layer of the untrained network and of every checkpoint, the curve of the reconstruction loss is derived in
    four ways (linearised; mean field with one covariance within classes, and with one for each class; mean field of
    the fitted parametric model) and compared with trained classifiers: the largest difference of L / tr Sigma up to
    step 1,024 and over all steps, and the ratio of turning points.

    Writes result.json, curves.parquet and predict.png. A run started again resumes. Exit code 1 where
    the better of linearised and mean field from the full moments is off by more than .02 up to step 1,024, .03 in all,
    or a quarter of the turning point; for each such set of features, which assumption costs how much is printed.

    For example:

      phases predict cifar10 --network vgg8 --checkpoint step-00001024.safetensors --layer block5
    """
    output = Output(as_json, quiet)
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
    publish(report, place, output)
