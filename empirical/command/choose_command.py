"""The command ``choose``: options and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from empirical.command.exit_codes import bad_input_exits
from empirical.command.options import (
    count_option,
    data_path,
    path_argument,
    path_option,
    refuse_where_nothing_is_fetched,
    seed_option,
    text_option,
    whole_option,
)
from empirical.command.publish import Output, publish
from empirical.command.shared_options import AsJson, DataRoot, Download, InputsKey, LabelsKey, PooledFeatures, Quiet


def choose(
    context: typer.Context,
    checkpoints: Annotated[
        list[Path],
        path_argument("Files or folders of the checkpoints, whose names hold the step.", "CHECKPOINT..."),
    ],
    network: Annotated[
        str,
        text_option("vgg8, resnet10, ..., or MODULE:FUNCTION, which is called without arguments and returns yours."),
    ],
    target: Annotated[
        str,
        text_option(
            "The task to transfer to: cifar10, mnist, ..., a folder train/CLASS/*.png, or a file (.npz, .pt, ...) of "
            "inputs as the network takes them (of tokens: input_ids, attention_mask) and labels (classes, or real "
            "numbers)."
        ),
    ],
    layer: Annotated[
        str | None, text_option("The layer that the probe reads. [default: the one before the last linear layer]")
    ] = None,
    labels_per_class: Annotated[
        int | None, whole_option("Labels that are used of each class; 0 uses none. [default: all]", 0)
    ] = None,
    rows: Annotated[
        str,
        text_option("What becomes a row of a layer with tokens or other positions: flatten, mean, first or last."),
    ] = "flatten",
    compare: Annotated[bool, typer.Option("--compare", help="Print what the rules in use would take.")] = False,
    samples: Annotated[int, count_option("Inputs of the target that are used, at most.", 40)] = 2000,
    pooled_features: PooledFeatures = 512,
    data_root: DataRoot = None,
    download: Download = False,
    inputs_key: InputsKey = None,
    labels_key: LabelsKey = None,
    out: Annotated[Path, path_option("Folder of the results.")] = Path("results") / "choose",
    seed: Annotated[int, seed_option("Seed of the draw of inputs and of the folds.")] = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Choose the checkpoint of a finished training from which to transfer to your task.

    At each checkpoint a linear probe of one layer is fitted to the target's labels and scored on labels that it was
    not fitted to. Errors and gains over the last checkpoint are smoothed over log steps; the step of the smallest
    error leads. The 95 % bands of the gain hold for all checkpoints at once, and so for the best of many.

    The answer is one of three: take step S; take the last; cannot tell with N labels, label about M more.
    The reconstruction loss of the target's inputs shows the phase that each checkpoint is in. Without labels
    there is no verdict; what reconstruction points to is printed, which is weaker.

    Read are .safetensors files, state dictionaries of torch.save, Lightning's .ckpt files and folders of Hugging Face;
    none of their code is run. Writes result.json and choose.png.

    For example:

      phases choose run/step-*.safetensors --network vgg8 --target mine.npz

      phases choose run/*.pt --network mine:small_cnn --target mine.npz --labels-per-class 50
    """
    output = Output(as_json, quiet)
    name = data_path(target)
    refuse_where_nothing_is_fetched(context, name)
    with bad_input_exits() as bars:
        from empirical.data.transfer_target import load_target
        from empirical.studies.choose.job import choose as run
        from empirical.studies.choose.plan import ChoosePlan

        plan = ChoosePlan(layer, labels_per_class, samples, pooled_features, rows, compare=compare, seed=seed)
        data = load_target(name, data_root, download, inputs_key, labels_key)
        report = run(checkpoints, network, data, plan, folder=out, progress=bars)
    publish(report, out, output)
