"""Which score orders checkpoints best, on planted problems.

    python -m pytest -m slow tests/benchmarks/test_choose_order.py -s

Orders are judged by what the checkpoint that they take loses against the best one on fresh samples. All but LogME are
smoothed over log steps, as in ``choose``. ``combined`` is the mean of three estimates of how good a probe of these
labels is on fresh samples, each in units of its own deviation: of its squared error, left out one by one and as the
likeliest model of the labels expects it, and of its calibrated accuracy. It was the one candidate that was judged on
trainings of seeds which no rule had read, and it lost there what squared error lost.
"""

from __future__ import annotations

import numpy as np
import pytest

from empirical.probes.gain_curve import GainCurve, gain_curve
from empirical.probes.ridge_probe import RidgeProbe
from empirical.probes.target_probe import target_scores
from empirical.probes.transferability import logme
from tests.benchmarks.candidate_orders import LabelModel, calibrated_accuracy, explained, left_out
from tests.benchmarks.planted_checkpoints import GENERATORS, STEPS, Generator, Problem

Orders = dict[str, list[np.ndarray]]


def measured_orders(features: list[np.ndarray], labels: np.ndarray, classes: int) -> Orders:
    """By the name of a score: its parts (n,) at each step."""
    values = np.eye(classes)[labels]
    found: Orders = {}
    for rows in features:
        probe, scores = RidgeProbe.from_features(rows), target_scores(rows, values, labels)
        alone, model = left_out(probe, values, scores.penalty), LabelModel(probe, values)
        own = {
            "accuracy": scores.scores,
            "squared error": scores.shares,
            "squared error, one left out": explained(alone, values),
            "calibrated accuracy": calibrated_accuracy(alone, labels),
            "expected squared error": model.expected,
            "evidence": model.evidence,
        }
        for name, parts in own.items():
            found.setdefault(name, []).append(parts)
    return found


def leading_steps(steps: np.ndarray, orders: Orders, published: np.ndarray) -> dict[str, int]:
    """The index that each order takes.

    Args:
        steps: (T,) of the checkpoints.
        orders: as from ``measured_orders``.
        published: (T,) LogME.
    """
    curves = {name: gain_curve(steps, np.stack(parts)) for name, parts in orders.items()}
    kinds = ("squared error, one left out", "expected squared error", "calibrated accuracy")
    combined = sum((_in_deviations(curves[name]) for name in kinds), np.zeros(steps.size))
    return {name: curve.leading for name, curve in curves.items()} | {
        "combined": _last_largest(combined),
        "LogME": _last_largest(published),
    }


def _in_deviations(curve: GainCurve) -> np.ndarray:
    return np.asarray(curve.mean / curve.deviation[:-1].mean())


def _last_largest(values: np.ndarray) -> int:
    return int(values.size - 1 - np.argmax(values[::-1]))


def regrets(problem: Problem) -> dict[str, float]:
    """What the orders lose on one problem, in points."""
    count, classes, known = problem.labelled, problem.classes, problem.labels[: problem.labelled]
    values, fresh = np.eye(classes)[known], problem.labels[problem.labelled :]
    labelled = [own[:count] for own in problem.features]
    published = np.array([logme(own, values) for own in labelled])
    picks = leading_steps(STEPS, measured_orders(labelled, known, classes), published)
    worth, errors = [], []
    for own in problem.features:
        probe = RidgeProbe.from_features(own[:count])
        predicted = probe.predict(values, probe.penalty(values), own[count:])
        worth.append(float((predicted.argmax(axis=1) == fresh).mean()))
        errors.append(float(np.square(np.eye(classes)[fresh] - predicted).sum()))
    picks["squared error of fresh samples"] = int(np.argmin(errors))
    return {name: 100 * (max(worth) - worth[place]) for name, place in picks.items()}


def found_regrets(generator: Generator, problems: int, draw: np.random.Generator) -> list[dict[str, float]]:
    """Of problems whose classes have four labels or more."""
    found: list[dict[str, float]] = []
    while len(found) < problems:
        problem = generator(draw)
        if np.bincount(problem.labels[: problem.labelled], minlength=problem.classes).min() >= 4:
            found.append(regrets(problem))
    return found


@pytest.mark.slow
def test_squared_error_orders_checkpoints_better_than_accuracy() -> None:
    draw, excess = np.random.default_rng(20), []
    print("\nmean regret in points; in brackets what an order loses more than squared error, with its standard error")
    for name, (generator, problems) in GENERATORS.items():
        found = found_regrets(generator, problems, draw)
        lines = []
        for rule in found[0]:
            over = np.array([one[rule] - one["squared error"] for one in found])
            mean = np.mean([one[rule] for one in found])
            lines.append(f"{rule} {mean:.2f} ({over.mean():+.2f}, {over.std() / np.sqrt(problems):.2f})")
        excess += [one["accuracy"] - one["squared error"] for one in found]
        print(f"{problems} {name}: {'; '.join(lines)}")
    assert np.mean(excess) > 3 * np.std(excess) / np.sqrt(len(excess))
