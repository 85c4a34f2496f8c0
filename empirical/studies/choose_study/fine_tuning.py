"""What a checkpoint is worth when all its weights are fine-tuned: a short training on a target's labels.

Every checkpoint gets the same budget, step size and batches, and a new linear layer of zeros, so that checkpoints
differ in nothing but their weights. Nothing is chosen on test images.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor, nn

from empirical.data.images import Normalisation
from empirical.networks.batch_norm import measure_statistics
from empirical.studies.choose_study.pairs import tuned_places
from empirical.studies.choose_study.plan import TUNING, StudyPlan, Tuning
from empirical.studies.choose_study.targets import Pool, StudyTarget, study_targets
from empirical.studies.choose_study.training import StudyTraining
from theory.progress import Progress, silent
from theory.validation import IntArray

#: Fresh images that a fine-tuned network is scored on, at most.
_SCORED = 2000

_BATCH = 250


def tuned_accuracies(
    training: StudyTraining, plan: StudyPlan, pools: dict[str, Pool], progress: Progress = silent
) -> dict[str, list[float]]:
    """By the targets of classes: the accuracy of each fine-tuned checkpoint of ``tuned_places``.

    Args:
        training: whose checkpoints are all there.
        plan: with the number of labels.
        pools: of images.
        progress: shows how many checkpoints are done.
    """
    targets = [one for one in study_targets(training.source, pools, plan.labels_per_class) if one.labels is not None]
    given = {one.name: _labelled_inputs(one, pools[one.pool], training.run.normalisation) for one in targets}
    found: dict[str, list[float]] = {name: [] for name in given}
    for step in progress(plan.checkpoints[tuned_places(plan.checkpoints.size)].tolist()):
        network = training.run.network_at(step)
        for name, (known, fresh) in given.items():
            found[name].append(fine_tuned_accuracy(network, known, fresh, TUNING, plan.seed))
    return found


def _labelled_inputs(target: StudyTarget, pool: Pool, normalisation: Normalisation) -> list[tuple[Tensor, IntArray]]:
    """Normalised images with their classes: the labelled ones, and at most _SCORED fresh ones."""
    assert target.labels is not None
    chosen = ((pool.known, target.labelled, target.labels[0]), (pool.fresh, target.fresh, target.labels[1]))
    return [
        # Channels last is the layout in which the networks of the study were trained.
        (
            torch.from_numpy(normalisation.apply(split.images[numbers[:_SCORED]])).to(
                memory_format=torch.channels_last
            ),
            labels[:_SCORED],
        )
        for split, numbers, labels in chosen
    ]


def fine_tuned_accuracy(
    network: nn.Sequential,
    known: tuple[Tensor, IntArray],
    fresh: tuple[Tensor, IntArray],
    tuning: Tuning,
    seed: int,
) -> float:
    """The accuracy on fresh images of a network whose weights are all trained on a target's labels.

    Batch normalisation takes the statistics of each batch while it trains, and those of all known images afterwards.

    Args:
        network: whose last part is a linear layer; left as it was.
        known: (n, c, h, w) normalised images that it is trained on, and their (n,) classes, each present.
        fresh: the same of the images that it is scored on.
        tuning: steps, batches and step size.
        seed: of the order of the images.
    """
    inputs, labels = known
    own = _with_new_classifier(network, int(labels.max()) + 1)
    targets = torch.from_numpy(labels)
    optimiser = torch.optim.SGD(own.parameters(), lr=tuning.step_size, momentum=tuning.momentum)
    draw = np.random.default_rng(seed)
    own.train()
    for _ in range(tuning.steps):
        chosen = torch.from_numpy(draw.permutation(labels.size)[: tuning.batch_size])
        loss = nn.functional.cross_entropy(own(inputs[chosen]), targets[chosen])
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
    own.eval()
    with torch.no_grad():
        measure_statistics(own, [inputs])
        found = torch.cat([own(part).argmax(dim=1) for part in torch.split(fresh[0], _BATCH)])
    return float((found.numpy() == fresh[1]).mean())


def _with_new_classifier(network: nn.Sequential, classes: int) -> nn.Sequential:
    """A copy whose last part is a linear layer of zeros for ``classes``."""
    own = copy.deepcopy(network).requires_grad_()
    last = own[-1]
    assert isinstance(last, nn.Linear)
    own[-1] = nn.Linear(last.in_features, classes)
    for parameter in own[-1].parameters():
        nn.init.zeros_(parameter)
    return own
