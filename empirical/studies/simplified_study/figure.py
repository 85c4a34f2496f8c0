"""Figure of the study: loss and error of each network by training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from empirical.networks.networks import network_title
from empirical.studies.simplified_study.plan import Training
from empirical.studies.simplified_study.runs import SimplifiedRun
from simulation.figures.seed_lines import draw_seeds


def draw_study(runs: Sequence[SimplifiedRun], path: Path) -> None:
    """Draw a study into a file, whose ending decides the format; see ``draw_panels``."""
    figure = Figure(figsize=(9.0, 3.4 * len(runs)), layout="constrained")
    draw_panels(figure, runs)
    figure.savefig(path, dpi=150)


def draw_panels(figure: Figure, runs: Sequence[SimplifiedRun]) -> None:
    """A row for each network: the reconstruction loss on the left, the error on the right."""
    rows = figure.subplots(len(runs), 2, squeeze=False, sharex=True)
    for (left, right), run in zip(rows, runs, strict=True):
        plan, steps = run.setting.training, np.maximum(run.steps, 0.5)  # step 0 counts as one half
        for number, training in enumerate(Training):
            draw_seeds(left, steps, run.losses[training][None], training.value, number)
            draw_seeds(right, steps, run.errors[training][None], training.value, number)
        left.set_title(network_title(plan.network, plan.base_width), fontsize=10, loc="left")
        left.set_ylabel("reconstruction loss of the images\n(share of their variance)")
        right.set_ylabel("share of test images\nof a wrong class")
        left.set_xscale("log")
    for axes in rows[-1]:
        axes.set_xlabel("training step (step 0 at 1/2)")
    handles, labels = rows[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
