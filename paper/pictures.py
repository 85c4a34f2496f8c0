"""Pictures of the README and the documentation, drawn again from the results that come with the paper."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from empirical.studies.decode.report import DecodeReport
from empirical.studies.diagram import DiagramReport
from empirical.studies.last_block_study.report import LastBlockReport
from empirical.studies.predict.report import PredictReport
from empirical.studies.report import DrawnReport
from empirical.studies.robustness.report import RobustnessReport
from empirical.studies.scaling import ScalingReport
from empirical.studies.simplified_study.report import SimplifiedReport
from empirical.studies.stopping_diagram import StoppingDiagramReport
from empirical.studies.track.report import TrackReport
from empirical.studies.transfer.report import TransferReport
from empirical.studies.verify.report import VerifyReport
from empirical.studies.verify_hidden.report import HiddenVerification
from empirical.studies.verify_transfer.report import TransferVerification
from paper import tracking
from paper.boundaries import boundary_pairs, draw_boundaries
from paper.result_folders import ResultFolders
from paper.studies import SOURCE
from simulation.runs.run_folder import RunFolder

#: Where the pictures of the documentation lie that no single report draws.
PICTURES = SOURCE.parent / "docs" / "figures"

#: The layer of the first picture: the last one before the classifier.
_LAYER = "block5"

_REPORTS: dict[str, type[DrawnReport]] = {
    "diagram": DiagramReport,
    "last-block": LastBlockReport,
    "simplified": SimplifiedReport,
    "diagram-transfer": StoppingDiagramReport,
    "predict-*": PredictReport,
    "robustness": RobustnessReport,
    "scaling": ScalingReport,
    "track-*": TrackReport,
    "decoder-*": TrackReport,
    "outputs-*": TrackReport,
    "decoded": DecodeReport,
    "transfer*": TransferReport,
    "verify-cifar10": VerifyReport,
    "verify-digits": VerifyReport,
    "verify-transfer-*": TransferVerification,
    "verify-hidden-*": HiddenVerification,
}


def draw_pictures(say: Callable[[str], None]) -> None:
    """Draw the figure of every committed result again, in its own folder, and the documentation's pictures.

    Args:
        say: takes a line for each figure.

    Raises:
        InputError: a result is missing, damaged or of another job.
    """
    results = SOURCE / "results"
    for pattern, kind in _REPORTS.items():
        for folder in sorted(results.glob(pattern)):
            report = kind.read(folder)
            RunFolder(folder).write(kind.figure_name, report.draw)
            say(str(folder / kind.figure_name))
    first = TrackReport.read(results / tracking.MAIN)
    robustness = RobustnessReport.read(results / "robustness")
    pairs = boundary_pairs(ResultFolders((results,)))
    pictures: dict[str, Callable[[Path], None]] = {
        "hero.png": lambda path: first.draw_layer(_LAYER, path),
        "boundaries.png": lambda path: draw_boundaries(pairs, path),
        "robustness-panels.png": robustness.draw_panels,
    }
    target = RunFolder(PICTURES)
    for name, draw in pictures.items():
        target.write(name, draw)
        say(str(PICTURES / name))
