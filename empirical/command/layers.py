"""The commands on features and layers, ``phases fit`` and ``phases predict``: options and help."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from empirical.command.exit_codes import bad_input_exits
from empirical.command.options import (
    chosen_data,
    count_option,
    path_option,
    refuse_where_nothing_is_fetched,
    refuse_without,
    seed_option,
    text_option,
)
from empirical.command.publish import Output, publish
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
    LabelsKey,
    Layers,
    NetworkName,
    OlderData,
    PooledFeatures,
    Quiet,
    Steps,
    StepShare,
)


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
    output = Output(as_json, quiet)
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
