"""The job of ``phases choose``: which checkpoint of a finished training serves a target best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import nn

from empirical.data.transfer_target import TransferTarget
from empirical.networks.checkpoint_series import CheckpointSeries, default_layer, network_for
from empirical.studies.choose.measuring import measured_checkpoints
from empirical.studies.choose.plan import ChoosePlan
from empirical.studies.choose.report import ChooseReport
from empirical.studies.report import run_folder
from simulation.runs.run_folder import software_versions
from simulation.runs.run_kinds import CHOOSE
from theory.progress import Progress, described, silent
from theory.validation import given_or_default


def choose(
    checkpoints: Sequence[str | Path] | Mapping[int, str | Path],
    network: nn.Module | str,
    target: TransferTarget,
    plan: ChoosePlan | None = None,
    *,
    folder: str | Path | None = None,
    progress: Progress = silent,
) -> ChooseReport:
    """Choose the checkpoint of a finished training from which to transfer to a target.

    At each checkpoint a linear probe of one layer is cross-fitted to the target's labels. Errors and gains over the
    last checkpoint are smoothed over log steps (``empirical.probes.gain_curve``); the smallest error leads. Batch
    normalisation is used as the checkpoint has it, as it will be after the transfer.

    Args:
        checkpoints: paths whose names hold the step, or a dictionary of steps and paths; see ``CheckpointSeries``.
        network: of the checkpoints' architecture, which is left as it was; or a name, as for ``network_for``.
        target: what to transfer to; ``TransferTarget.from_arrays`` makes one.
        plan: layer and number of labels; ``ChoosePlan()`` by default.
        folder: where the report is saved; None saves nothing.
        progress: shows how many checkpoints are read.

    Raises:
        InputError: checkpoints that cannot be read or are not of the network, an unknown layer, too few labels, NaN in
            the activations; a ``folder`` of another job.
    """
    chosen = given_or_default("plan", plan, ChoosePlan)
    place = run_folder(folder, CHOOSE)
    series = CheckpointSeries.from_paths(checkpoints)
    own = network_for(network, series.paths[0]) if isinstance(network, str) else network
    layer = chosen.layer if chosen.layer is not None else default_layer(own)
    drawn = target.drawn(chosen.samples, chosen.seed)
    measured = measured_checkpoints(series, own, layer, drawn, chosen, described(progress, "checkpoints"))
    report = ChooseReport.from_measured(
        chosen,
        network if isinstance(network, str) else type(network).__name__,
        target.name,
        layer,
        measured,
        software_versions(),
        target.notes,
    )
    if place is not None:
        report.save(place)
    return report
