"""A folder belongs to one kind of run: which command wrote it, so that no other command overwrites its results."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from simulation.runs.output_paths import check_output_file, check_output_folder
from theory import InputError

#: The file that names the run to which a folder belongs.
MARKER = "run.json"

_RESULT = "result.json"


@dataclass(frozen=True)
class RunKind:
    """One command that writes a folder.

    Attributes:
        command: its name, as a user types it.
        files: the names of its final files.
        folders: where it stores parts.
        entries: names that together only its result.json has; they identify older folders without a marker.
    """

    command: str
    files: tuple[str, ...]
    folders: tuple[str, ...] = ()
    entries: frozenset[str] = frozenset()

    def check(self, path: Path) -> None:
        """Check that a run of this kind may write into the folder ``path``, before it starts.

        Raises:
            InputError: the folder belongs to another kind of run, or a path of its files is blocked.
        """
        for name in (*self.files, MARKER):
            check_output_file(path / name)
        for name in self.folders:
            check_output_folder(path / name)
        owner = owner_of(path)
        if owner is not None and owner != self.command:
            raise InputError(f"out: {path} holds results of {owner}; give another folder")

    @property
    def marker(self) -> str:
        """The text of the marker."""
        return json.dumps({"command": self.command}) + "\n"


VERIFY = RunKind("phases verify", ("curves.parquet", "phases.png", _RESULT), ("parts",), frozenset({"claims", "draws"}))
VERIFY_TRANSFER = RunKind(
    "phases verify --target",
    ("curves.parquet", "transfer.png", _RESULT),
    ("parts",),
    frozenset({"source", "targets", "saturation"}),
)
VERIFY_HIDDEN = RunKind(
    "phases verify --hidden-width",
    ("curves.parquet", "hidden.png", _RESULT),
    ("parts",),
    frozenset({"hidden", "layers"}),
)
CHECK = RunKind("phases check", ("check.json",))
DERIVE = RunKind("phases derive", ("derive.json", "latex.json", "values.json"))
DIAGRAM = RunKind(
    "phases diagram", ("points.parquet", "diagram.png", _RESULT), (), frozenset({"agreement", "disagreements"})
)
STOPPING_DIAGRAM = RunKind(
    "phases diagram --transfer",
    ("points.parquet", "diagram.png", _RESULT),
    (),
    frozenset({"small_scale_borders", "verdicts"}),
)
TRACK = RunKind("phases track", ("measures.parquet", "track.png", _RESULT), (), frozenset({"plan", "phases", "means"}))
TRANSFER = RunKind(
    "phases transfer", ("accuracies.parquet", "transfer.png", _RESULT), (), frozenset({"rows", "alignment"})
)
DECODE = RunKind(
    "phases decode",
    ("images.parquet", "decoded.parquet", "decoded.png", _RESULT),
    (),
    frozenset({"decoded", "numbers", "shape"}),
)
DEEP = RunKind("phases deep", ("deep.png", _RESULT), (), frozenset({"deep"}))
CHOOSE = RunKind("phases choose", ("choose.png", _RESULT), (), frozenset({"checkpoints", "gains", "leading_step"}))
CHOOSE_STUDY = RunKind(
    "phases study choose",
    ("choose-study.png", _RESULT),
    ("trainings", "pairs"),
    frozenset({"pairs", "regrets", "coverage"}),
)
LAST_BLOCK = RunKind(
    "phases study last-block",
    ("last-block.png", _RESULT),
    ("parts",),
    frozenset({"runs", "series", "distances"}),
)
SIMPLIFIED_STUDY = RunKind(
    "phases study simplified", ("simplified.png", _RESULT), ("parts",), frozenset({"simplified", "plan"})
)
FIT = RunKind("phases fit", ("spectrum.parquet", "fit.png", _RESULT), (), frozenset({"spectrum_law", "signal_law"}))
PREDICT = RunKind("phases predict", ("curves.parquet", "predict.png", _RESULT), ("parts",), frozenset({"plan", "rows"}))
SCALING = RunKind(
    "phases sweep scaling",
    ("points.parquet", "scaling.png", _RESULT),
    ("results", "failures"),
    frozenset({"configuration", "laws"}),
)
ROBUSTNESS = RunKind(
    "phases sweep robustness",
    ("robustness.png", _RESULT),
    ("results", "failures"),
    frozenset({"points", "phase_three_rises"}),
)

RUN_KINDS = (
    VERIFY,
    VERIFY_TRANSFER,
    VERIFY_HIDDEN,
    CHECK,
    DERIVE,
    DIAGRAM,
    TRACK,
    TRANSFER,
    CHOOSE,
    CHOOSE_STUDY,
    LAST_BLOCK,
    SIMPLIFIED_STUDY,
    DECODE,
    DEEP,
    FIT,
    PREDICT,
    SCALING,
    ROBUSTNESS,
)


def owner_of(path: Path) -> str | None:
    """The command whose results are in the folder ``path``; None where there are none.

    Raises:
        InputError: a result.json that no command of this package wrote and a run would overwrite.
    """
    marker = _entries(path / MARKER)
    if marker is not None and isinstance(marker.get("command"), str):
        return str(marker["command"])
    result = _entries(path / _RESULT)
    if result is None:
        return CHECK.command if (path / "check.json").is_file() else None
    found = next((kind for kind in RUN_KINDS if kind.entries and kind.entries <= result.keys()), None)
    if found is None:
        raise InputError(f"out: {path / _RESULT} was not written by this package; give another folder")
    return found.command


def _entries(file: Path) -> dict[str, object] | None:
    """The object in a JSON file, empty if it holds something else; None where there is no file."""
    if not file.is_file():
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
