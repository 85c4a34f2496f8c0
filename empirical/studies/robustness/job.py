"""The job of ``phases sweep robustness``: measures where the theory breaks, one assumption relaxed at a time."""

from __future__ import annotations

from pathlib import Path

from empirical.studies.report import working_folder
from empirical.studies.robustness.report import RobustnessPlan, RobustnessReport
from simulation.experiments.robustness import run_robustness_sweep, settings
from simulation.runs.run_folder import software_versions
from simulation.runs.run_kinds import ROBUSTNESS
from simulation.runs.schedulers import LocalScheduler, Scheduler
from theory.progress import Progress, described, silent
from theory.validation import given_or_default

#: Processes on this machine, where no scheduler is given.
_WORKERS = 2


def robustness(
    plan: RobustnessPlan | None = None,
    *,
    folder: str | Path | None = None,
    scheduler: Scheduler | None = None,
    progress: Progress = silent,
) -> RobustnessReport:
    """Relax one assumption at a time, at several levels, and compare training with the mean field.

    Args:
        plan: what to relax; ``RobustnessPlan()`` by default, six minutes on two cores.
        folder: where each level's result and the report are saved; a sweep started again there resumes. None saves
            nothing.
        scheduler: where levels run; two processes of this machine by default.
        progress: shows how many levels are done.

    Raises:
        InputError: a plan that does not fit in memory, or a folder of another job. A level that fails is among the
            report's ``failures``.
    """
    chosen = given_or_default("plan", plan, RobustnessPlan)
    with working_folder(folder, ROBUSTNESS) as place:
        levels = settings(chosen.draws, chosen.seed, chosen.axes)
        runner = scheduler if scheduler is not None else LocalScheduler(_WORKERS)
        found = run_robustness_sweep(levels, place, runner, described(progress, "train and derive"))
        report = RobustnessReport(chosen, found, software_versions())
        if folder is not None:
            report.save(place)
    return report
