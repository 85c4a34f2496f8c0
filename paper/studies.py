"""The studies that the paper reports: which command makes each result folder, and which are run on demand."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from paper.result_folders import ResultFolders
from theory import InputError
from theory.validation import at_least

#: Folder of the paper's source and of the results that come with it.
SOURCE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Study:
    """A command of ``phases`` and the folder of its results.

    Attributes:
        name: of the folder under ``results``.
        command: arguments of ``phases``, without ``--out`` and ``--seed``.
        minutes: on two cores, about; of a long study no more than the order of magnitude.
        long: never run by the paper itself.
        optional: without it the paper lacks a subsection.
        quick: further arguments for a quick run.
    """

    name: str
    command: tuple[str, ...]
    minutes: float
    long: bool = False
    optional: bool = False
    quick: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The command as a user types it."""
        return f"phases {shlex.join(self.command)} --out paper/results/{self.name}"


_CHECKPOINTS = {
    network: f"paper/results/track-{network}-cifar10/seed-0/checkpoints/step-{step:08d}.safetensors"
    for network, step in (("vgg8", 8192), ("resnet10", 2048))
}
_BLOCKS = ("--layer", "block3", "--layer", "block4", "--layer", "block5")
_STAGES = ("--layer", "stage2", "--layer", "stage3", "--layer", "stage4")

_TARGETS = (
    *("digits:0-4", "digits:0-9", "digits:5-9", "digits:6,9", "digits:7,8"),
    *("digits:ink", "digits:centre", "digits:upper", "digits:left-right", "component:5"),
)
_ON_TARGETS = (
    *("verify", "digits", "--classes", "0-4"),
    *(word for name in _TARGETS for word in ("--target", name)),
    *("--clones", "16"),
)
_RECTIFIED = ("--init-scale", "0.1", "--step-size", "0.05", "--steps", "1024")

_ON_A_CARD = ("--seeds", "3", "--device", "cuda")
_FIVE = ("--classes", "0,1,2,3,4")
_VEHICLES = ("--classes", "0,1,8,9", "--layer", "block5")
_ANIMALS = ("--classes", "2,3,4,5,6,7", "--layer", "block5")
_DECODER = ("--layer", "block5", "--also", "linear decoder", "--also-stride", "2")
_OUTPUTS = ("--layer", "classifier", "--layer", "block5", "--also", "softmax decoder", "--transfer-data", "mnist")
_SHOWN = ("--step", "0", "--step", "256", "--step", "8192")
_TRACKED = tuple(
    f"paper/results/track-{name}"
    for name in ("vgg8-cifar10", "resnet10-cifar10", "vgg8-five", "resnet10-five", "vgg8-vehicles", "vgg8-animals")
)


def _on_network(command: str, network: str) -> tuple[str, ...]:
    """A command on the layers of a trained network."""
    return (command, "--network", network, "--checkpoint", _CHECKPOINTS[network], "--init-scale", "0.003")


def _tracked(network: str) -> tuple[str, ...]:
    """Three trainings of a network, which take hours without a CUDA GPU."""
    return ("track", "--network", network, *_ON_A_CARD)


STUDIES = (
    Study("verify-digits", ("verify",), 0.5, quick=("--steps", "256", "--replicas", "3")),
    Study(
        "verify-cifar10",
        ("verify", "cifar10"),
        6,
        quick=("--steps", "64", "--replicas", "2", "--batch-size", "256", "--init-scale", "0.003"),
    ),
    Study("verify-transfer-digits", _ON_TARGETS, 1.5, quick=("--steps", "64", "--replicas", "2", "--components", "1")),
    Study(
        "verify-hidden-digits-linear",
        ("verify", "digits", "--hidden-width", "20", "--steps", "8192"),
        1,
        quick=("--steps", "512", "--replicas", "1", "--components", "1"),
    ),
    Study(
        "verify-hidden-digits-relu",
        ("verify", "digits", "--hidden-width", "20", "--activation", "relu", *_RECTIFIED),
        1,
        quick=("--steps", "128", "--replicas", "1", "--components", "1"),
    ),
    Study("diagram", ("diagram",), 0.25, quick=("--dimension", "24", "--replicas", "4")),
    Study("diagram-transfer", ("diagram", "--transfer"), 1, quick=("--dimension", "24", "--replicas", "4")),
    Study("scaling", ("sweep", "scaling"), 2, quick=("--pairs", "2")),
    Study(
        "robustness",
        ("sweep", "robustness"),
        6,
        quick=("--draws", "2", "--axis", "tail_index", "--axis", "step_share", "--axis", "optimiser"),
    ),
    Study("track-vgg8-cifar10", ("track", "--network", "vgg8", "--seeds", "3"), 120, long=True),
    Study("track-resnet10-cifar10", _tracked("resnet10"), 300, long=True, optional=True),
    Study("track-vgg8-five", (*_tracked("vgg8"), *_FIVE), 120, long=True, optional=True),
    Study("track-resnet10-five", (*_tracked("resnet10"), *_FIVE), 300, long=True, optional=True),
    Study("track-vgg8-vehicles", (*_tracked("vgg8"), *_VEHICLES), 60, long=True, optional=True),
    Study("track-vgg8-animals", (*_tracked("vgg8"), *_ANIMALS), 60, long=True, optional=True),
    Study("decoder-vgg8", ("track", "--network", "vgg8", *_DECODER), 120, long=True, optional=True),
    Study(
        "outputs-vgg8",
        ("track", "--network", "vgg8", "--base-width", "16", "--seeds", "3", *_OUTPUTS),
        30,
        long=True,
        optional=True,
    ),
    Study("decoded", ("decode", "paper/results/outputs-vgg8", *_SHOWN), 1, long=True, optional=True),
    Study("transfer-digits", ("transfer", "paper/results/outputs-vgg8"), 0.1, long=True, optional=True),
    Study("transfer", ("transfer", *_TRACKED), 0.1, long=True, optional=True),
    Study("deep", ("deep", *_TRACKED), 6, long=True, optional=True),
    Study("last-block", ("study", "last-block"), 45, long=True, optional=True),
    Study("simplified", ("study", "simplified"), 15, long=True, optional=True),
    Study("choose", ("study", "choose", "--seeds", "5", "--fine-tuned", "3"), 50, long=True, optional=True),
    Study("predict-vgg8", (*_on_network("predict", "vgg8"), *_BLOCKS), 10, long=True, optional=True),
    Study("predict-resnet10", (*_on_network("predict", "resnet10"), *_STAGES), 10, long=True, optional=True),
    Study("fits/vgg8-trained-block5", (*_on_network("fit", "vgg8"), "--layer", "block5"), 5, long=True, optional=True),
)


@dataclass(frozen=True)
class Run:
    """One run that makes the paper.

    Attributes:
        out: folder of what is generated and of new results.
        quick: whether missing studies run at small settings.
        seed: of the short studies, all of which are then rerun; None uses the existing results.

    Raises:
        InputError: a negative seed.
    """

    out: Path
    quick: bool = False
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.seed is not None:
            at_least("seed", self.seed, 0)

    @property
    def fresh(self) -> Path:
        """The folder for the results of studies that run: separate, unless they are the paper's own."""
        apart = [*(["quick"] if self.quick else []), *([f"seed-{self.seed}"] if self.seed is not None else [])]
        return self.out / "-".join(apart) / "results" if apart else self.out / "results"

    @property
    def kept(self) -> tuple[Path, ...]:
        """The folders of finished results: under ``out``, then those that come with the paper."""
        return tuple(dict.fromkeys((self.out / "results", SOURCE / "results")))

    def folders(self, study: Study) -> ResultFolders:
        """The folders that may hold a study's results; with a seed, short studies use those of this run alone."""
        own = (self.fresh,) if self.seed is not None and not study.long else (*self.kept, self.fresh)
        return ResultFolders(tuple(dict.fromkeys(own)))

    @property
    def results(self) -> ResultFolders:
        """All results of the paper, those of this run first where a seed asks for them."""
        places = (self.fresh, *self.kept) if self.seed is not None else (*self.kept, self.fresh)
        return ResultFolders(tuple(dict.fromkeys(places)))

    @property
    def is_quick(self) -> bool:
        """Whether any result of the paper comes from a study at small settings."""
        if not self.quick:
            return False
        used = [self.results.folder(name) for study in STUDIES for name in self.results.names(study.name)]
        return any(folder.is_relative_to(self.fresh) for folder in used)


def missing(run: Run) -> tuple[Study, ...]:
    """Studies without a result."""
    return tuple(study for study in STUDIES if not run.folders(study).names(study.name))


def arguments(study: Study, run: Run) -> tuple[str, ...]:
    """Arguments of ``phases`` for a study of this run."""
    small = study.quick if run.quick else ()
    seed = ("--seed", str(run.seed)) if run.seed is not None and not study.long else ()
    return (*study.command, *small, *seed, "--out", str(run.fresh / study.name))


def run_missing(run: Run, say: Callable[[str], None]) -> None:
    """Run the short studies that are missing; say which optional ones are.

    Args:
        run: what is made.
        say: takes a line for the reader.

    Raises:
        InputError: a long study that the paper needs is missing, or a study ends without a result.
    """
    lacking = missing(run)
    for study in lacking:
        if study.long and not study.optional:
            raise InputError(f"results: {study.name} is missing and takes long; make it with: {study.line}")
    for study in lacking:
        if study.optional:
            say(f"left out, as {study.name} is missing; to add it: {study.line}")
        else:
            say(f"running phases {' '.join(arguments(study, run))}")
            _run(study, run)


def _run(study: Study, run: Run) -> None:
    # Exit code 1 says that a claim does not hold, which is a result like another.
    done = subprocess.run([sys.executable, "-m", "phases", *arguments(study, run)], check=False)
    if done.returncode not in (0, 1) or not (run.fresh / study.name / "result.json").is_file():
        raise InputError(f"results: {study.name} was not made (exit code {done.returncode}); its own message is above")
