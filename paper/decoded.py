"""What is forgotten: images decoded from a layer, what the network's outputs keep of images, and a probe of digits."""

from __future__ import annotations

import numpy as np

from empirical.networks.networks import network_title
from empirical.probes.measures import RECONSTRUCTION, WHOLE, Measure, MeasureKind
from empirical.studies.decode.report import DecodeReport
from empirical.studies.track.report import TrackReport
from empirical.studies.transfer.report import TransferReport
from paper.latex_text import latex_text
from paper.macros import count, fixed
from paper.part import Draw, Part
from paper.result_folders import ResultFolders
from paper.tables import table
from paper.tracking import mean_with_error
from paper.transfer import DIGITS as COMPARED
from paper.transfer import gain
from theory.validation import FloatArray

#: The training whose outputs are measured, and the images decoded from its checkpoints.
TRAINED, DECODED = "outputs-vgg8", "decoded"

#: The other data set, as the training names it.
DIGITS = "MNIST"

_CLASSIFIER = "classifier"
_SOFTMAX = Measure(MeasureKind.SOFTMAX_LOSS)


def numbers(folders: ResultFolders) -> dict[str, str]:
    """The losses of the decoded images, of block, logits and probabilities, and the probe of digits."""
    report, shown = _reports(folders)
    first, *_, last = shown.decoded
    best = min(shown.decoded, key=lambda one: one.loss)
    steps = report.plan.steps
    digits = report.values(report.last_layer, Measure.probe(DIGITS))
    highest = int(np.argmax(digits.mean(axis=0)))
    (compared,) = (row for row in TransferReport.read(folders.folder(COMPARED)).rows if row.task == DIGITS)
    found = {
        "DecodedNetwork": latex_text(network_title(report.plan.training.network)),
        "DecodedWidth": "--" if report.plan.training.base_width is None else count(report.plan.training.base_width),
        "DecodedSeeds": count(report.plan.seeds),
        "DecodedImages": count(shown.numbers.size),
        "DecodedFirst": fixed(first.loss),
        "DecodedBest": fixed(best.loss),
        "DecodedLast": fixed(last.loss),
        "DecodedFirstStep": count(first.step),
        "DecodedBestStep": count(best.step),
        "DecodedLastStep": count(last.step),
        "DecodedWorse": count(int((last.image_losses > best.image_losses).sum())),
        "DigitsStart": mean_with_error(digits[:, 0]),
        "DigitsBest": mean_with_error(digits[:, highest]),
        "DigitsBestStep": count(int(steps[highest])),
        "DigitsEnd": mean_with_error(digits[:, -1]),
        "DigitsGain": gain(compared),
        "DigitsStops": " to ".join(dict.fromkeys(count(end(compared.recommended_steps)) for end in (min, max))),
    }
    for name, losses in _losses(report).items():
        lowest = int(np.argmin(losses.mean(axis=0)))
        found |= {
            f"{name}Start": mean_with_error(losses[:, 0]),
            f"{name}Lowest": mean_with_error(losses[:, lowest]),
            f"{name}LowestStep": count(int(steps[lowest])),
            f"{name}End": mean_with_error(losses[:, -1]),
        }
    return found


def _reports(folders: ResultFolders) -> tuple[TrackReport, DecodeReport]:
    return TrackReport.read(folders.folder(TRAINED)), DecodeReport.read(folders.folder(DECODED))


def _losses(report: TrackReport) -> dict[str, FloatArray]:
    """(seed, T) losses of the exact decoder of the last block, of the logits and of the probabilities."""
    return {
        "Block": report.values(report.last_layer, RECONSTRUCTION),
        "Logits": report.values(_CLASSIFIER, RECONSTRUCTION),
        "Softmax": report.values(WHOLE, _SOFTMAX),
    }


def tables(folders: ResultFolders) -> dict[str, str]:
    """A row per step: the three losses, and the probe of digits."""
    report, _ = _reports(folders)
    columns = [*_losses(report).values(), report.values(report.last_layer, Measure.probe(DIGITS))]
    rows = [
        [count(int(step)), *(mean_with_error(values[:, place]) for values in columns)]
        for place, step in enumerate(report.plan.steps)
    ]
    header = ["step", "last block", "logits", "softmax outputs", "probe of digits"]
    return {"decoded.tex": table("rrrrr", header, rows)}


def figures(folders: ResultFolders) -> dict[str, Draw]:
    """The decoded images."""
    return {"decoded.pdf": _reports(folders)[1].draw}


PART = Part("decoded", (TRAINED, DECODED, COMPARED), numbers, tables, figures)
