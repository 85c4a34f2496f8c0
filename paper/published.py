"""The published curve of VGG-8 and one of this package: a trained decoder and the exact one on the same networks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from empirical.probes.measures import RECONSTRUCTION, Measure, MeasureKind
from empirical.probes.probe_tasks import COLOUR
from empirical.studies.track.report import TrackReport
from empirical.tracker.phase_reading import mean_over_seeds, read_phases
from paper.macros import count, fixed, with_error
from paper.part import Draw, Part
from paper.result_folders import ResultFolders
from paper.studies import SOURCE
from paper.tables import table
from simulation.figures.seed_lines import draw_seeds
from simulation.figures.style import step_axis
from theory.validation import FloatArray, IntArray

#: Results with the exact decoder of several networks, and with a trained decoder of one of them.
EXACT, TRAINED = "track-vgg8-cifar10", "decoder-vgg8"

_TRAINED_LOSS = Measure(MeasureKind.LINEAR_DECODER_LOSS)
_FILE = SOURCE / "published" / "learnphase.csv"


@dataclass(frozen=True, eq=False)
class Published:
    """The published curves of VGG-8's last layer.

    Attributes:
        steps: (T,) training steps.
        loss: (T,) reconstruction loss in units of its own value at step 0: the normalisation of their pixels is not
            known well enough to give a share of the variance.
        colour: (T,) accuracy of a linear probe of the dominant colour.
    """

    steps: IntArray
    loss: FloatArray
    colour: FloatArray


def published() -> Published:
    """The figures in the paper's folder."""
    rows = np.genfromtxt(_FILE, delimiter=",", names=True)
    loss = rows["reconstruction_loss_sum_over_79_batches"]
    return Published(rows["iteration"].astype(np.int64), loss / loss[0], rows["transfer_test_accuracy"])


def _curves(folders: ResultFolders) -> tuple[TrackReport, FloatArray, IntArray, FloatArray]:
    """The exact run with its (seed, T) losses of the last layer; steps and losses of the trained decoder."""
    exact, trained = (TrackReport.read(folders.folder(name)) for name in (EXACT, TRAINED))
    layer = exact.last_layer
    found = trained.values(trained.last_layer, _TRAINED_LOSS)[0]
    made = np.isfinite(found)
    return exact, exact.values(layer, RECONSTRUCTION), trained.plan.steps[made], found[made]


def numbers(folders: ResultFolders) -> dict[str, str]:
    """Fall and rise of each curve, its lowest step, and the probe of the dominant colour."""
    theirs = published()
    exact, losses, steps, trained = _curves(folders)
    layer, last = exact.last_layer, int(exact.plan.steps[-1])
    until = theirs.steps <= last
    colour = exact.values(layer, Measure.probe(COLOUR)).mean(axis=0)
    reading = read_phases(exact.plan.steps, losses)
    common = np.isin(exact.plan.steps, steps)
    ratio = trained / losses[0, common]
    return {
        "PublishedLastStep": count(last),
        "PublishedFall": fixed(1 - theirs.loss[until].min(), 2),
        "PublishedRise": fixed(float(theirs.loss[until][-1] - theirs.loss[until].min()), 2),
        "PublishedLowestStep": count(int(theirs.steps[until][np.argmin(theirs.loss[until])])),
        "PublishedColourBest": fixed(float(theirs.colour.max()), 3),
        "PublishedColourLast": fixed(float(theirs.colour[-1]), 3),
        "PublishedColourLastStep": count(int(theirs.steps[-1])),
        "PublishedExactFall": fixed(reading.fall.value / float(losses[:, 0].mean()), 2),
        "PublishedExactRise": fixed(reading.rise.value / float(losses[:, 0].mean()), 2),
        "PublishedExactLowestStep": count(int(exact.plan.steps[np.argmin(losses.mean(axis=0))])),
        "PublishedTrainedFall": fixed(1 - trained.min() / trained[0], 2),
        "PublishedTrainedRise": fixed((trained[-1] - trained.min()) / trained[0], 2),
        "PublishedTrainedLowestStep": count(int(steps[np.argmin(trained)])),
        "PublishedTrainedExcessLeast": fixed(float(ratio.min()), 3),
        "PublishedTrainedExcessMost": fixed(float(ratio.max()), 3),
        "PublishedOurColourBest": fixed(float(colour.max()), 3),
        "PublishedOurColourEnd": fixed(float(colour[-1]), 3),
        "PublishedDecoderCheckpoints": count(steps.size),
        "PublishedExactSeeds": count(exact.plan.seeds),
    }


def tables(folders: ResultFolders) -> dict[str, str]:
    """A row per step that both have: the three losses, and the two probes of the dominant colour."""
    theirs = published()
    exact, losses, steps, trained = _curves(folders)
    colour = exact.values(exact.last_layer, Measure.probe(COLOUR))
    rows = []
    for index, step in enumerate(exact.plan.steps):
        there, here = np.flatnonzero(theirs.steps == step), np.flatnonzero(steps == step)
        if there.size == 0:
            continue
        own, mean, probe = int(there[0]), mean_over_seeds(losses[:, index]), mean_over_seeds(colour[:, index])
        rows.append(
            [
                count(int(step)),
                fixed(float(theirs.loss[own])),
                fixed(float(trained[here[0]] / trained[0])) if here.size else "--",
                fixed(float(losses[:, index].mean() / losses[:, 0].mean())),
                fixed(float(trained[here[0]])) if here.size else "--",
                with_error(mean.value, mean.error),
                fixed(float(theirs.colour[own])),
                with_error(probe.value, probe.error),
            ]
        )
    header = ["step", "published", "trained", "exact", "trained", "exact", "published", "here"]
    return {"published.tex": table("rrrrrrrr", header, rows)}


def figures(folders: ResultFolders) -> dict[str, Draw]:
    """Losses in units of their values at step 0, and probes of the dominant colour."""
    return {"published.pdf": lambda path: draw(folders, path)}


def draw(folders: ResultFolders, path: Path) -> None:
    """Left the three reconstruction losses, right the probes of the dominant colour; bands are standard errors."""
    theirs = published()
    exact, losses, steps, trained = _curves(folders)
    own = np.asarray(exact.plan.steps, dtype=np.float64)
    colour = exact.values(exact.last_layer, Measure.probe(COLOUR))
    figure = Figure(figsize=(6.9, 3.1), layout="constrained")
    left, right = figure.subplots(1, 2)
    own_trained = (trained / trained[0])[None, :]
    for number, (label, at, values) in enumerate(
        (
            ("here, exact decoder", own, losses / losses[:, :1]),
            ("here, trained decoder", np.asarray(steps, dtype=np.float64), own_trained),
            ("published, trained decoder", np.asarray(theirs.steps, dtype=np.float64), theirs.loss[None, :]),
        )
    ):
        draw_seeds(left, at, values, label, number)
    left.set_ylabel("reconstruction loss of the last layer,\nin units of its value at step 0", fontsize=9)
    draw_seeds(right, own, colour, "here", 0)
    draw_seeds(right, np.asarray(theirs.steps, dtype=np.float64), theirs.colour[None, :], "published", 2)
    right.set_ylabel("accuracy of a linear probe\nof the dominant colour", fontsize=9)
    for axes in (left, right):
        step_axis(axes, float(theirs.steps[-1]))
        axes.set_xlabel("training step", fontsize=9)
        axes.tick_params(labelsize=8)
        axes.legend(frameon=False, fontsize=8)
    figure.savefig(path)


PART = Part("published", (EXACT, TRAINED), numbers, tables, figures)
