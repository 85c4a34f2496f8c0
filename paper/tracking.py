"""Phases of deep training: results of ``phases track``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from empirical.networks.networks import network_title
from empirical.probes.measures import RECONSTRUCTION, TEST_ACCURACY, WHOLE, Measure
from empirical.probes.probe_tasks import COLOUR
from empirical.studies.track.figure import draw_layers, shade_layer
from empirical.studies.track.report import TrackReport
from empirical.tracker.phase_reading import Estimate, mean_over_seeds
from paper.latex_text import latex_text
from paper.macros import count, fixed, plain, with_error
from paper.part import Draw, Part
from paper.result_folders import ResultFolders
from paper.tables import table
from simulation.figures.seed_lines import draw_seeds
from simulation.figures.style import step_axis
from theory.validation import FloatArray

#: The network whose numbers the text states; all others are in the table.
MAIN = "track-vgg8-cifar10"

#: Folders of all trainings.
TRAININGS = "track-*"


def numbers(folders: ResultFolders) -> dict[str, str]:
    """The last layer's loss and the probe of the dominant colour, at the start, at their best and at the end."""
    report = TrackReport.read(folders.folder(MAIN))
    steps, last = report.plan.steps, report.last_layer
    reading = report.readings[last]
    loss = report.values(last, RECONSTRUCTION)
    colour = report.values(last, Measure.probe(COLOUR))
    accuracy = report.values(WHOLE, TEST_ACCURACY)
    best = int(np.argmax(colour.mean(axis=0)))
    training = report.plan.training
    return {
        "TrackSteps": count(training.steps),
        "TrackSeeds": count(report.plan.seeds),
        "TrackBatch": count(training.batch_size),
        "TrackStepSize": plain(training.step_size),
        "TrackMomentum": plain(training.momentum),
        "TrackStart": mean_with_error(loss[:, 0]),
        "TrackLowest": mean_with_error(loss[:, int(np.argmin(loss.mean(axis=0)))]),
        "TrackEnd": mean_with_error(loss[:, -1]),
        "TrackFlat": _boundary(reading.near_constant_end),
        "TrackHalf": _boundary(reading.half_fall),
        "TrackTurning": _boundary(reading.turning_point),
        "TrackColourStart": mean_with_error(colour[:, 0]),
        "TrackColourBest": mean_with_error(colour[:, best]),
        "TrackColourBestStep": count(int(steps[best])),
        "TrackColourEnd": mean_with_error(colour[:, -1]),
        "TrackAccuracy": mean_with_error(accuracy[:, -1]),
        "TrackTrainings": count(len(folders.names(TRAININGS))),
        "TrackAllPhases": count(sum(one.readings[one.last_layer].turned for one in _trainings(folders))),
    }


def _trainings(folders: ResultFolders) -> list[TrackReport]:
    return [TrackReport.read(folders.folder(name)) for name in folders.names(TRAININGS)]


def class_ranges(classes: Sequence[int] | None) -> str:
    """The classes that a network was trained on; consecutive classes are a range, as 0--4."""
    if classes is None:
        return "all"
    runs: list[list[int]] = []
    for one in classes:
        if runs and one == runs[-1][-1] + 1:
            runs[-1].append(one)
        else:
            runs.append([one])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}--{run[-1]}" for run in runs)


def mean_with_error(values: FloatArray) -> str:
    """Mean over seeds with its standard error, where there are several seeds."""
    mean = mean_over_seeds(values)
    return with_error(mean.value, mean.error)


def _boundary(step: Estimate) -> str:
    """A step with its error; a dash where it does not exist."""
    return with_error(step.value, step.error, 2)


def tables(folders: ResultFolders) -> dict[str, str]:
    """A row for each network and layer: fall, end of phase I, half of the fall, turning point, rise."""
    rows = []
    for report in _trainings(folders):
        trained = [latex_text(network_title(report.plan.training.network)), class_ranges(report.plan.classes)]
        for layer, reading in report.readings.items():
            steps = [_boundary(one) for one in (reading.near_constant_end, reading.half_fall, reading.turning_point)]
            rows.append([*trained, latex_text(layer), _change(reading.fall), *steps, _change(reading.rise)])
    header = ["network", "classes", "layer", "fall", "end of I", "half of fall", "turning point", "rise"]
    return {"tracking.tex": table("lllrrrrr", header, rows)}


def _change(change: Estimate) -> str:
    """A change of the loss: with its error, or to three decimals."""
    return fixed(change.value, 3) if np.isnan(change.error) else with_error(change.value, change.error)


def figures(folders: ResultFolders) -> dict[str, Draw]:
    """Reconstruction and probes of the main network."""
    return {"tracking.pdf": lambda path: draw(folders, path)}


def draw(folders: ResultFolders, path: Path) -> None:
    """Exact decoder of every layer, and accuracies of the network and of probes of its last layer.

    Shaded are the phases of the last layer; bands are a standard error over seeds.
    """
    report = TrackReport.read(folders.folder(MAIN))
    steps, last = np.asarray(report.plan.steps, dtype=np.float64), report.last_layer
    figure = Figure(figsize=(6.9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True)
    reading = report.readings[last]
    for axes in (left, right):
        shade_layer(axes, reading, float(steps[-1]), last)
    draw_layers(left, report)
    left.set_ylabel(r"reconstruction loss, $L / \mathrm{tr}\,\Sigma$", fontsize=9)
    draw_seeds(right, steps, report.values(WHOLE, TEST_ACCURACY), "network", 6)
    for number, task in enumerate(report.tasks(last)):
        draw_seeds(right, steps, report.values(last, Measure.probe(task)), f"probe of {last}: {task}", number)
    right.set_ylabel("held-out accuracy", fontsize=9)
    right.set_ylim(0, 1)
    for axes in (left, right):
        step_axis(axes, steps[-1])
        axes.set_xlabel("training step", fontsize=9)
        axes.tick_params(labelsize=8)
        axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    figure.savefig(path)


PART = Part("tracking", (MAIN,), numbers, tables, figures)
