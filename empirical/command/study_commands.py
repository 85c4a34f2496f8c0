"""The commands of ``phases study``: options and help."""

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
    whole_option,
)
from empirical.command.publish import Output, publish
from empirical.command.shared_options import AsJson, DataRoot, Download, Quiet

#: The group ``phases study``.
studies = typer.Typer(cls=OneLineGroup, no_args_is_help=True, rich_markup_mode=None)


@studies.callback()
def study() -> None:
    """Judge this package's rules and theory by training networks."""


@studies.command("choose")
def choose_study(
    networks: Annotated[list[str] | None, text_option("vgg8 or resnet10; repeat it for both. [default: both]")] = None,
    seeds: Annotated[int, whole_option("Trainings of each network on each source.", 1, 1000)] = 1,
    steps: Annotated[int, count_option("Last training step.", 16)] = 2048,
    labels_per_class: Annotated[int, whole_option("Labels that rules may use of each class.", 2)] = 50,
    fine_tuned: Annotated[
        int, whole_option("Seeds, from the first on, whose checkpoints are fine-tuned as well; 0 for none.", 0, 1000)
    ] = 1,
    asked: Annotated[
        int,
        whole_option(
            "Seeds, from the first on, on whose targets as many labels are taken as the answers ask for.", 0, 1000
        ),
    ] = 0,
    data_root: DataRoot = None,
    download: Download = False,
    out: Annotated[Path, path_option("Folder of the results.")] = Path("results") / "study-choose",
    seed: Annotated[int, seed_option("Seed of the first training and of all draws.")] = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Judge rules of choice: how much accuracy does each lose against the best checkpoint?

    Small networks are trained on CIFAR-10's classes 0 to 4 and on MNIST. For several targets, every rule chooses from
    the same few labels; what a checkpoint is worth is measured on fresh images, by a linear probe of its features and
    after fine-tuning. Mean and worst regret of each rule are listed, with intervals over the trainings, and how often
    the stated band of the gain holds the gain on fresh images.

    Needs CIFAR-10 and MNIST in the data root. Writes result.json, choose-study.png, trainings,
    pairs, tuned and asked; a run that was stopped goes on in the same folder.

    For example:

      phases study choose --data-root DIR --networks vgg8
    """
    output = Output(as_json, quiet)
    with bad_input_exits() as bars:
        from functools import partial

        from empirical.data.images import load_images
        from empirical.studies.choose_study.job import choose_study as run
        from empirical.studies.choose_study.plan import StudyPlan

        report = run(
            StudyPlan(seeds, steps, labels_per_class=labels_per_class, tuned=fine_tuned, seed=seed, asked=asked),
            cifar=partial(load_images, "cifar10", data_root, download),
            digits=partial(load_images, "mnist", data_root, download),
            networks=tuple(networks or ("vgg8", "resnet10")),
            folder=out,
            progress=bars,
        )
    publish(report, out, output)


@studies.command("last-block")
def last_block_study(
    steps: Annotated[
        int, count_option("Last training step at step size .002; with others, at the same eta n.", 16)
    ] = 2048,
    base_width: Annotated[int, count_option("Width of VGG-8's first block.")] = 8,
    networks: Annotated[list[str] | None, text_option("vgg8, and resnet10 with it; repeat it. [default: both]")] = None,
    data_root: DataRoot = None,
    download: Download = False,
    out: Annotated[Path, path_option("Folder of the results.")] = Path("results") / "study-last-block",
    seed: Annotated[int, seed_option("Seed of the weights and of the order of the images.")] = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Judge the theory of a network's last layers: how much of the whole training does it explain?

    VGG-8 is trained on CIFAR-10 with four step sizes, and with three scales of the classifier's initial weights. The
    reconstruction loss of the images from the last block is measured while all layers train, and while the last two
    train alone on features that stay; it is derived for these two as a batch-normalised hidden layer (theorem T11).
    The classifier as a single layer on pooled features, as in phases deep, gives another clock. ResNet-10 is trained,
    measured and derived once; its last two layers are the second half of stage 4, which has a shortcut and 16 positions
    that share their weights, and the classifier. The whole stage is trained alone too, and so are the two layers on
    draws from the Gaussians of the classes, which theory takes for the features.

    Exit code 1 where two derived layers miss the order or are off by more than a factor of 1.5.

    Needs CIFAR-10 in the data root. Writes result.json, last-block.png and parts; a run that was stopped goes on with
    what is finished in the same folder. Three quarters of an hour on one core.

    For example:

      phases study last-block --data-root DIR
    """
    output = Output(as_json, quiet)
    with bad_input_exits() as bars:
        from functools import partial

        from empirical.data.images import load_images
        from empirical.studies.last_block_study.job import last_block_study as run
        from empirical.studies.last_block_study.plan import LastBlockPlan

        widths = (base_width, LastBlockPlan.widths[1])
        plan = LastBlockPlan(steps=steps, widths=widths, networks=tuple(networks or LastBlockPlan.networks), seed=seed)
        report = run(plan, data=partial(load_images, "cifar10", data_root, download), folder=out, progress=bars)
    publish(report, out, output)


@studies.command("simplified")
def simplified_study(
    steps: Annotated[int, count_option("Last training step.", 16)] = 1024,
    networks: Annotated[list[str] | None, text_option("vgg8 or resnet10; repeat it. [default: both]")] = None,
    data_root: DataRoot = None,
    download: Download = False,
    out: Annotated[Path, path_option("Folder of the results.")] = Path("results") / "study-simplified",
    seed: Annotated[int, seed_option("Seed of the weights, of the order of the images and of the clone.")] = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Find out how long a deep training is that of a simpler one.

    VGG-8 and ResNet-10 are trained on CIFAR-10, on a Gaussian clone of it (images drawn with the mean and covariance
    of each class), and as networks that are linear in their weights, which a theory of fixed features of the weights
    would describe exactly. All begin with the same weights. The reconstruction loss of the images from the last block
    and the share of test images of a wrong class are measured on CIFAR-10; the step is printed at which each
    simplification leaves the training.

    Needs CIFAR-10 in the data root. Writes result.json, simplified.png and parts; a run that was stopped goes on with
    what is finished in the same folder. A quarter of an hour on one core.

    For example:

      phases study simplified --data-root DIR
    """
    output = Output(as_json, quiet)
    with bad_input_exits() as bars:
        from functools import partial

        from empirical.data.images import load_images
        from empirical.studies.simplified_study.job import simplified_study as run
        from empirical.studies.simplified_study.plan import SimplifiedPlan

        plan = SimplifiedPlan(networks=tuple(networks or SimplifiedPlan.networks), steps=steps, seed=seed)
        report = run(plan, data=partial(load_images, "cifar10", data_root, download), folder=out, progress=bars)
    publish(report, out, output)
