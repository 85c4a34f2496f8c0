"""Phases of deep training: results of ``phases track``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from empirical.probes.probe_tasks import COLOUR
from empirical.probes.standard import PROBE_ACCURACY, RECONSTRUCTION, TEST_ACCURACY, WHOLE
from empirical.studies.tracked_file import read_tracked
from empirical.tracker.phase_reading import mean_over_seeds
from paper.latex_text import latex_text
from paper.macros import count, fixed, plain, with_error
from paper.part import Draw, Part
from paper.result_folders import ResultFolders
from paper.tables import table
from simulation.figures.seed_lines import draw_seeds
from simulation.figures.step_axis import step_axis
from simulation.figures.style import PHASE_NAMES, shade_between
from theory.validation import FloatArray

#: The network whose numbers the text states; all others are in the table.
MAIN = "track-vgg8-cifar10"

#: Folders of all trainings.
TRAININGS = "track-*"


def numbers(folders: ResultFolders) -> dict[str, str]:
    """The last layer's loss and the probe of the dominant colour, at the start, at their best and at the end."""
    content = folders.content(MAIN)
    steps, last = np.asarray(content["steps"]), _layers(content)[-1]
    reading = content["phases"][last]
    tracked = read_tracked(folders.folder(MAIN))
    loss = tracked.values(last, RECONSTRUCTION)
    colour = tracked.values(last, PROBE_ACCURACY + COLOUR)
    accuracy = tracked.values(WHOLE, TEST_ACCURACY)
    best = int(np.argmax(colour.mean(axis=0)))
    training = content["plan"]["training"]
    return {
        "TrackSteps": count(training["steps"]),
        "TrackSeeds": count(content["plan"]["seeds"]),
        "TrackBatch": count(training["batch_size"]),
        "TrackStepSize": plain(training["step_size"]),
        "TrackMomentum": plain(training["momentum"]),
        "TrackStart": _mean(loss[:, 0]),
        "TrackLowest": _mean(loss[:, int(np.argmin(loss.mean(axis=0)))]),
        "TrackEnd": _mean(loss[:, -1]),
        "TrackHalf": _estimate(reading["half_fall"], 2),
        "TrackTurning": _estimate(reading["turning_point"], 2),
        "TrackColourStart": _mean(colour[:, 0]),
        "TrackColourBest": _mean(colour[:, best]),
        "TrackColourBestStep": count(int(steps[best])),
        "TrackColourEnd": _mean(colour[:, -1]),
        "TrackAccuracy": _mean(accuracy[:, -1]),
        "TrackTrainings": count(len(folders.names(TRAININGS))),
        "TrackAllPhases": count(sum(_last_turned(folders.content(name)) for name in folders.names(TRAININGS))),
    }


def _last_turned(content: dict[str, Any]) -> bool:
    """Whether the last layer shows all three phases: a fall, a turning point and a rise."""
    return bool(content["phases"][_layers(content)[-1]]["turned"])


def classes_of(data: str) -> str:
    """The classes that a network was trained on, of a data set as ``empirical.data.images.only_classes`` names it.

    Consecutive ones are a range, as 0--4.
    """
    _, _, chosen = data.partition(" classes ")
    if not chosen:
        return "all"
    runs: list[list[int]] = []
    for one in map(int, chosen.split(", ")):
        if runs and one == runs[-1][-1] + 1:
            runs[-1].append(one)
        else:
            runs.append([one])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}--{run[-1]}" for run in runs)


def _layers(content: dict[str, Any]) -> list[str]:
    return list(content["plan"]["probe"]["layers"])


def _mean(values: FloatArray) -> str:
    """Mean over seeds with its standard error, where there are several seeds."""
    mean = mean_over_seeds(values)
    return with_error(mean.value, mean.error)


def _estimate(values: dict[str, Any], digits: int) -> str:
    """A number of ``result.json`` with its error; a dash where it does not exist."""
    value, error = (np.nan if values[name] is None else float(values[name]) for name in ("value", "error"))
    return with_error(value, error, digits)


def tables(folders: ResultFolders) -> dict[str, str]:
    """A row for each network and layer: fall, half of it, turning point, rise."""
    rows = []
    for result in folders.names(TRAININGS):
        content = folders.content(result)
        for layer in _layers(content):
            reading = content["phases"][layer]
            steps = [_estimate(reading[name], 2) for name in ("half_fall", "turning_point")]
            changes = [_change(reading[name]) for name in ("fall", "rise")]
            trained = [latex_text(content["plan"]["training"]["network"]), classes_of(content["data"])]
            rows.append([*trained, latex_text(layer), changes[0], *steps, changes[1]])
    header = ["network", "classes", "layer", "fall", "half of it at step", "turning point at step", "rise"]
    return {"tracking.tex": table("lllrrrr", header, rows)}


def _change(values: dict[str, Any]) -> str:
    """A change of the loss: with its error, or to three decimals."""
    if values["error"] is None:
        return fixed(values["value"], 3)
    return with_error(values["value"], values["error"])


def figures(folders: ResultFolders) -> dict[str, Draw]:
    """Reconstruction and probes of the main network."""
    return {"tracking.pdf": lambda path: draw(folders, path)}


def draw(folders: ResultFolders, path: Path) -> None:
    """Exact decoder of every layer, and accuracies of the network and of probes of its last layer.

    Shaded are the phases of the last layer; bands are a standard error over seeds.
    """
    content = folders.content(MAIN)
    steps, layers = np.asarray(content["steps"], dtype=np.float64), _layers(content)
    last = layers[-1]
    tracked = read_tracked(folders.folder(MAIN))
    figure = Figure(figsize=(6.9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True)
    reading = content["phases"][last]
    if reading["turned"]:
        edges = (0.0, reading["half_fall"]["value"], reading["turning_point"]["value"], float(steps[-1]))
        for axes in (left, right):
            shade_between(axes, edges, PHASE_NAMES)
    for number, layer in enumerate(layers):
        draw_seeds(left, steps, tracked.values(layer, RECONSTRUCTION), layer, number)
    left.set_ylabel(r"reconstruction loss, $L / \mathrm{tr}\,\Sigma$", fontsize=9)
    draw_seeds(right, steps, tracked.values(WHOLE, TEST_ACCURACY), "network", 6)
    probes = [name for name in content["means"][last] if name.startswith(PROBE_ACCURACY)]
    for number, name in enumerate(probes):
        label = f"probe of {last}: {name.removeprefix(PROBE_ACCURACY)}"
        draw_seeds(right, steps, tracked.values(last, name), label, number)
    right.set_ylabel("held-out accuracy", fontsize=9)
    right.set_ylim(0, 1)
    for axes in (left, right):
        step_axis(axes, steps[-1])
        axes.set_xlabel("training step", fontsize=9)
        axes.tick_params(labelsize=8)
        axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    figure.savefig(path)


PART = Part("tracking", (MAIN,), numbers, tables, figures)
