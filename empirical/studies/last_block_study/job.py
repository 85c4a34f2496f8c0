"""The job of ``phases study last-block``: theories of the last layers beside training of them and of all layers."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import empirical
import simulation
import theory
from empirical.data.images import GivenImages, ImageData, given_images
from empirical.probes.probe_tasks import at_least_32
from empirical.studies.deep.last_block import LastBlock, last_block
from empirical.studies.deep.last_layer import LastLayer, last_layer
from empirical.studies.last_block_study.on_gaussians import losses_on_gaussians
from empirical.studies.last_block_study.plan import RESIDUAL, LastBlockPlan, Setting
from empirical.studies.last_block_study.report import LastBlockReport
from empirical.studies.last_block_study.runs import TWO_DERIVED, BlockRun, Level
from empirical.studies.last_block_study.training import (
    last_stage,
    trained_losses,
    two_layers,
    untrained,
    whole_network,
)
from empirical.studies.report import working_folder
from simulation.runs.run_folder import RunFolder, array_digest, part_key, software_versions, source_digest
from simulation.runs.run_kinds import LAST_BLOCK
from theory import Curve
from theory.progress import Progress, described, silent
from theory.validation import FloatArray, given_or_default

_CPU = torch.device("cpu")


def last_block_study(
    plan: LastBlockPlan | None = None,
    *,
    data: GivenImages = "cifar10",
    folder: str | Path | None = None,
    progress: Progress = silent,
) -> LastBlockReport:
    """Put derived curves of a network's last layers beside these layers trained alone, and beside the whole training.

    Two series of VGG-8, of step sizes and of the classifier's initial scale; of ResNet-10 one training. Its last two
    layers are the second half of stage 4 and the classifier; the whole stage is trained on features that stay as well.

    Args:
        plan: the trainings; ``LastBlockPlan()`` by default, three quarters of an hour on one core.
        data: images of 32 x 32 pixels, or what loads them (``given_images``).
        folder: where finished curves and the report are kept, and a stopped run resumes; None stores nothing.
        progress: shows which curve is made.

    Raises:
        InputError: data that do not load or of another size, training that diverges, a ``folder`` of another job.
    """
    chosen = given_or_default("plan", plan, LastBlockPlan)
    with working_folder(folder, LAST_BLOCK) as place:
        images = at_least_32(given_images(data))
        study = _Study(chosen, images, place)
        pairs = [(setting, level) for setting in chosen.settings for level in study.levels(setting)]
        curves: dict[Setting, dict[Level, FloatArray]] = {}
        for setting, level in described(progress, "curves")(pairs):
            curves.setdefault(setting, {})[level] = study.curve(setting, level).losses[0]
        runs = tuple(BlockRun(setting, own) for setting, own in curves.items())
        report = LastBlockReport(chosen, images.name, runs, software_versions(), images.notes)
        if folder is not None:
            report.save(place)
    return report


class _Study:
    """The curves of all trainings, each read from the folder or made now."""

    def __init__(self, plan: LastBlockPlan, data: ImageData, folder: RunFolder) -> None:
        self._plan, self._data, self._folder = plan, data, folder
        self._last_layer, self._last_block = cache(self._untrained_last_layer), cache(self._untrained_last_block)

    def levels(self, setting: Setting) -> tuple[Level, ...]:
        """All but the last stage where that is the last block, and what only trainings that both series share have."""
        missing = set()
        if setting.training.network != RESIDUAL:
            missing.add(Level.STAGE_TRAINED)
        if setting not in self._plan.of_each_network:
            missing.add(Level.TWO_ON_GAUSSIANS)
        if setting != self._plan.shared:
            missing.add(Level.PARTS_DERIVED)  # with 16 positions and four times the Gaussians it takes an hour
        return tuple(level for level in Level if level not in missing)

    def curve(self, setting: Setting, level: Level) -> Curve:
        plan, own = setting.training, {"images": self._plan.images, "parts": self._plan.parts, "level": level.name}
        key = part_key(asdict(setting) | own | self._made_by)
        name = f"{plan.network}-{plan.step_size:g}-{setting.scale:g}-{level.name.lower().replace('_', '-')}"
        return self._folder.curve_part(name, key, partial(self._made, setting, level))

    def _made(self, setting: Setting, level: Level) -> Curve:
        plan, steps = setting.training, setting.longer_steps
        if level is Level.ONE_DERIVED:
            return self._last_layer(plan.network).scaled(setting.scale).curve(plan, steps)
        if level in TWO_DERIVED:
            parts = self._plan.parts if level is Level.PARTS_DERIVED else 1
            return self._last_block(plan.network, parts).scaled(setting.scale).curve(plan, steps)
        network = untrained(setting, self._data)
        if level is Level.TWO_ON_GAUSSIANS:
            losses = losses_on_gaussians(network, self._data, plan, steps, self._plan.images)
            return Curve(plan.step_size * steps.astype(np.float64), losses[None])
        if level is Level.END_TO_END:
            trained, steps = whole_network(network, self._data), setting.steps
        else:
            trained = (last_stage if level is Level.STAGE_TRAINED else two_layers)(network, self._data)
        losses = trained_losses(trained, self._data, plan, steps, self._plan.images)
        return Curve(plan.step_size * steps.astype(np.float64), losses[None])

    @cached_property
    def _made_by(self) -> dict[str, Any]:
        """What determines every curve beside its setting and level."""
        data = array_digest(self._data.train.images, self._data.train.labels)
        return {"data": data, "code": source_digest(theory, simulation, empirical), "versions": software_versions()}

    def _untrained_last_block(self, network: str, parts: int) -> LastBlock:
        """Of the untrained network, which all trainings of it share."""
        return last_block(self._untrained(network), self._data, _CPU, parts=parts)

    def _untrained_last_layer(self, network: str) -> LastLayer:
        """Likewise."""
        return last_layer(self._untrained(network), self._data, _CPU)

    def _untrained(self, network: str) -> nn.Sequential:
        setting = next(one for one in self._plan.of_each_network if one.training.network == network)
        return untrained(setting, self._data)
