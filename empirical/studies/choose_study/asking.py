"""What is lost by a user who labels as many more as the answer says, and asks again.

The first labels are those of the study. More are drawn at random from the other known images and, since these are few,
from the first half of the fresh ones; what is lost is measured on the rest of the fresh images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from empirical.networks.checkpoint_series import default_layer
from empirical.probes.gain_curve import GainCurve
from empirical.probes.target_probe import TargetScores, target_gains, target_scores
from empirical.studies.choose_study.measuring import pool_features, worth_on_fresh
from empirical.studies.choose_study.plan import StudyPlan
from empirical.studies.choose_study.targets import Pool, StudyTarget, study_targets
from empirical.studies.choose_study.training import StudyTraining
from theory.progress import Progress, silent
from theory.validation import FloatArray, IntArray

# Labels of a round, at least, as a share of those that there are: answers can ask for one label at a time.
_LEAST_SHARE = 0.1


@dataclass(frozen=True)
class AskedTarget:
    """One target of a training, asked for until there is a verdict or no more images to label.

    Attributes:
        source: trained on.
        network: its name.
        seed: of the training, counted from the plan's.
        target: its name.
        available: number of images that can be labelled.
        labels: in use at each round.
        missing: labels that each answer asks for; 0 with a verdict.
        regrets: what is lost on the judged images by taking the best guess of each round, against the best checkpoint.
    """

    source: str
    network: str
    seed: int
    target: str
    available: int
    labels: tuple[int, ...]
    missing: tuple[int, ...]
    regrets: tuple[float, ...]

    @property
    def decided(self) -> bool:
        """Whether there is a verdict in the end."""
        return self.missing[-1] == 0

    @property
    def kept_word(self) -> bool | None:
        """Whether as many labels as the first answer asked for brought a verdict.

        None where it asked for none, or for more than there are.
        """
        if self.missing[0] == 0 or self.labels[0] + self.missing[0] > self.available:
            return None
        return self.missing[1] == 0

    @property
    def used_share(self) -> float | None:
        """Labels at the verdict over those that the first answer announced; None without a verdict, or at once."""
        return self.labels[-1] / (self.labels[0] + self.missing[0]) if self.decided and self.missing[0] else None


@dataclass(frozen=True, eq=False)
class Supply:
    """Images in the order in which they are labelled, and judged ones.

    Attributes:
        features: of each checkpoint, (n, p) and (m, p).
        values: (n, q) and (m, q): one-hot rows or numbers.
        labels: (n,) and (m,) classes; None for numbers.
    """

    features: Sequence[tuple[FloatArray, FloatArray]]
    values: tuple[FloatArray, FloatArray]
    labels: tuple[IntArray, IntArray] | None

    def scores(self, place: int, count: int, seed: int) -> TargetScores:
        """Of a checkpoint on the first ``count`` images."""
        labels = None if self.labels is None else self.labels[0][:count]
        return target_scores(self.features[place][0][:count], self.values[0][:count], labels, seed)

    def worth(self, place: int, count: int, penalty: float) -> float:
        """Of a checkpoint on the judged images, with a probe of the first ``count``."""
        own, new = self.features[place]
        labels = None if self.labels is None else (self.labels[0][:count], self.labels[1])
        return worth_on_fresh(own[:count], new, (self.values[0][:count], self.values[1]), labels, penalty)


def asked_rounds(
    steps: IntArray, supply: Supply, first: int, seed: int
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[float, ...]]:
    """Labels in use, labels missing and regret of each round.

    Args:
        steps: (T,) of the checkpoints.
        supply: images to label and to judge by.
        first: number of images that are labelled at first.
        seed: of the folds.
    """
    available = supply.values[0].shape[0]
    count, rounds = first, []
    while True:
        curve, regret = _answer(steps, supply, count, seed)
        rounds.append((count, curve.more_samples, regret))
        if curve.more_samples == 0 or count == available:
            labels, missing, regrets = zip(*rounds, strict=True)
            return labels, missing, regrets
        count = min(available, count + max(curve.more_samples, int(_LEAST_SHARE * count)))


def _answer(steps: IntArray, supply: Supply, count: int, seed: int) -> tuple[GainCurve, float]:
    """The answer from the first ``count`` labels, and what its best guess loses."""
    scores = [supply.scores(place, count, seed) for place in range(steps.size)]
    curve = target_gains(steps, np.stack([one.scores for one in scores]), np.stack([one.shares for one in scores]))
    worth = [supply.worth(place, count, one.penalty) for place, one in enumerate(scores)]
    return curve, max(worth) - worth[curve.best_guess]


def asked_targets(
    training: StudyTraining, plan: StudyPlan, pools: dict[str, Pool], progress: Progress = silent
) -> list[AskedTarget]:
    """All targets of one finished training.

    Args:
        training: whose checkpoints are all there.
        plan: with the number of labels at first.
        pools: of images.
        progress: shows how many checkpoints are read, and then how many targets are asked for.
    """
    features: dict[str, list[tuple[Tensor, Tensor]]] = {}
    targets = study_targets(training.source, pools, plan.labels_per_class)
    used = {name: pools[name] for name in sorted({target.pool for target in targets})}
    for step in progress(plan.checkpoints.tolist()):
        network = training.run.network_at(step)
        for name, own in pool_features(network, default_layer(network), used, training.run.normalisation):
            features.setdefault(name, []).append(own)
    found = []
    for target, every in zip(targets, study_targets(training.source, pools, plan.known), strict=True):
        supply = _supply(target, every, features[target.pool])
        rounds = asked_rounds(plan.checkpoints, supply, target.labelled.size, plan.seed)
        identity = training.source, training.network, training.number, target.name
        found.append(AskedTarget(*identity, supply.values[0].shape[0], *rounds))
    return found


def _supply(target: StudyTarget, every: StudyTarget, features: Sequence[tuple[Tensor, Tensor]]) -> Supply:
    """The images of a target: first its labelled ones, then the other known ones, then half of the fresh ones.

    Args:
        target: with the labels of the study.
        every: the same target with all known images, in random order.
        features: of each checkpoint, of known and fresh images.
    """
    at_first = np.isin(every.labelled, target.labelled)
    order = np.concatenate([np.flatnonzero(at_first), np.flatnonzero(~at_first)])
    half = every.fresh.size // 2
    known, more, judged = every.labelled[order], every.fresh[:half], every.fresh[half:]

    def split(own: FloatArray, fresh: FloatArray) -> tuple[FloatArray, FloatArray]:
        return np.concatenate([own[order], fresh[:half]]), fresh[half:]

    return Supply(
        [
            (
                torch.cat([own[torch.from_numpy(known)], fresh[torch.from_numpy(more)]]).double().numpy(),
                fresh[torch.from_numpy(judged)].double().numpy(),
            )
            for own, fresh in features
        ],
        split(*every.values),
        None
        if every.labels is None
        else (np.concatenate([every.labels[0][order], every.labels[1][:half]]), every.labels[1][half:]),
    )
