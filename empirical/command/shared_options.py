"""Arguments and options that several commands share, with their help texts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from empirical.command.options import (
    LARGEST_INTEGER,
    LARGEST_RUNS,
    count_option,
    data_argument,
    data_option,
    is_given,
    json_option,
    path_option,
    quiet_option,
    scale_option,
    share_option,
    text_option,
    trained_scale_option,
    whole_option,
)

if TYPE_CHECKING:
    from simulation.runs.schedulers import Scheduler

_LABELLED = (
    "digits, cifar10, or a file with inputs (n, d) and labels (n,): .npz, .npy, .pt, .safetensors, .parquet or .h5. "
    "[default: digits]"
)
_IMAGES = (
    "cifar10, cifar100, mnist, fashion-mnist, a folder train/CLASS/*.png and test/CLASS/*.png, or a "
    "file (.npz, .pt, .safetensors or .h5) of train_images, train_labels, test_images, test_labels. "
    "[default: cifar10]"
)

#: The data of a job, as its argument; a command also has ``OlderData`` and passes both to ``chosen_data``.
LabelledData = Annotated[str | None, data_argument(_LABELLED)]
ImageSet = Annotated[str | None, data_argument(_IMAGES)]
FitData = Annotated[
    str | None,
    data_argument(
        "digits, cifar10 or a file, as for verify; with --network images, as for track. [default: digits; cifar10]"
    ),
]
OlderData = Annotated[str | None, data_option()]

DataRoot = Annotated[
    Path | None,
    path_option("Folder that holds cifar-10-batches-bin. [default: the variable LEARNING_PHASES_DATA]"),
]
Download = Annotated[bool, typer.Option("--download", help="Fetch the data into the data root if they are absent.")]
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

Directions = Annotated[
    int | None,
    count_option(
        "Reduce the inputs to their N leading principal directions first, as for images too wide for a covariance. "
        "[default: all]"
    ),
]

LossName = Annotated[str, text_option("softmax, logistic (two classes) or squared.")]
InitScale = Annotated[float, scale_option("Standard deviation of W(0).")]
TrainedInitScale = Annotated[float, trained_scale_option("Standard deviation of W(0).")]
StepShare = Annotated[float, share_option("Step size times the largest eigenvalue.")]
Steps = Annotated[int, count_option("Last training step.")]

Device = Annotated[str, text_option("Where torch computes: cpu, cuda, or cuda:1 and so on.")]
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
Layers = Annotated[list[str] | None, text_option("A module's name; repeat it for several. [default: every block]")]
PooledFeatures = Annotated[
    int,
    count_option(
        "Features of a layer, at most. Larger feature maps are average-pooled; what is still larger becomes as many "
        "means of random groups of features."
    ),
]

Workers = Annotated[int, whole_option("Processes on this machine.", 1, LARGEST_RUNS)]
SchedulerAddress = Annotated[
    str | None, text_option("Address of a Dask scheduler, as tcp://host:8786, instead of processes here.")
]


AsJson = Annotated[bool, json_option()]
Quiet = Annotated[bool, quiet_option()]


def chosen_scheduler(context: typer.Context, workers: int, address: str | None) -> Scheduler:
    """The scheduler that a sweep runs on.

    Args:
        context: of the call.
        workers: processes on this machine.
        address: of a Dask scheduler instead; None for this machine.

    Raises:
        typer.BadParameter: both are given.
    """
    from simulation.runs.schedulers import DaskScheduler, LocalScheduler

    if address is not None and is_given(context, "workers"):
        raise typer.BadParameter("does nothing with --scheduler; give one of the two", param_hint="workers")
    return LocalScheduler(workers) if address is None else DaskScheduler(address)
