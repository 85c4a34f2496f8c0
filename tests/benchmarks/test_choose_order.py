"""Which score of a probe orders checkpoints best, on planted problems: its accuracy, its squared error, or LogME.

    python -m pytest -m slow tests/benchmarks/test_choose_order.py -s

Latent factors enter the features with weights that move with the step; the classes read a few of them. The order by
squared error was decided on these problems, before the later seeds of ``phases study choose`` were read.
"""

from __future__ import annotations

import numpy as np
import pytest

from empirical.probes.gain_curve import gain_curve
from empirical.probes.ridge_probe import RidgeProbe
from empirical.probes.target_probe import target_scores
from empirical.probes.transferability import logme

STEPS = np.array([0, *(2**power for power in range(12))])
FACTORS, FEATURES, FRESH, PROBLEMS = 24, 64, 4000, 250


def factor_weights(draw: np.random.Generator, move: float) -> np.ndarray:
    """(T, q): log weights drift and wander."""
    count = STEPS.size
    walk = np.cumsum(draw.standard_normal((count, FACTORS)) * move / np.sqrt(count), axis=0)
    walk -= walk[draw.integers(count)]
    drift = np.outer(np.linspace(-1, 1, count), draw.standard_normal(FACTORS)) * move
    return np.exp(walk + drift)


def problem(draw: np.random.Generator) -> tuple[list[np.ndarray], np.ndarray, int]:
    """Rectified features (n + m, p) at each step, classes (n + m,), and n."""
    classes = int(draw.choice([2, 3, 5, 10]))
    labelled = 50 * classes
    weights = factor_weights(draw, float(draw.choice([0.15, 0.3, 0.6])))
    first, second = (draw.standard_normal((FACTORS, FEATURES)) / np.sqrt(FACTORS) for _ in range(2))
    used = draw.permutation(FACTORS)[: draw.integers(2, 8)]
    readout = draw.standard_normal((used.size, classes))
    factors = draw.standard_normal((labelled + FRESH, FACTORS))
    margin = 0.3 * np.linalg.norm(readout, axis=0).mean() * draw.standard_normal((factors.shape[0], classes))
    labels = (factors[:, used] @ readout + margin).argmax(axis=1)
    noise = 0.5 * draw.standard_normal((factors.shape[0], FEATURES))
    angles = np.pi / 2 * np.arange(STEPS.size) / STEPS.size
    features = [
        np.maximum((factors * own) @ (np.cos(angle) * first + np.sin(angle) * second) + noise, 0)
        for own, angle in zip(weights, angles, strict=True)
    ]
    return features, labels, labelled


def regrets(draw: np.random.Generator) -> dict[str, float]:
    """What the orders lose on one problem, in points; empty where a class has fewer than four labels."""
    features, labels, labelled = problem(draw)
    known = labels[:labelled]
    values = np.eye(labelled // 50)[known]
    if np.bincount(known, minlength=values.shape[1]).min() < 4:
        return {}
    scores = [target_scores(own[:labelled], values, known) for own in features]
    predicted = [
        RidgeProbe.from_features(own[:labelled]).predict(values, one.penalty, own[labelled:])
        for own, one in zip(features, scores, strict=True)
    ]
    worth = np.array([(own.argmax(axis=1) == labels[labelled:]).mean() for own in predicted])
    accuracy, shares = np.stack([one.scores for one in scores]), np.stack([one.shares for one in scores])
    evidence = np.array([logme(own[:labelled], values) for own in features])
    picks = {
        "accuracy": gain_curve(STEPS, accuracy).best_guess,
        "squared error": gain_curve(STEPS, accuracy, ordered_by=shares).leading,
        "LogME": STEPS.size - 1 - int(np.argmax(evidence[::-1])),
    }
    return {name: 100 * float(worth.max() - worth[place]) for name, place in picks.items()}


@pytest.mark.slow
def test_squared_error_orders_checkpoints_better_than_accuracy() -> None:
    draw = np.random.default_rng(1)
    found = [one for one in (regrets(draw) for _ in range(PROBLEMS)) if one]
    means = (f"{name} {np.mean([one[name] for one in found]):.2f}" for name in found[0])
    print(f"\n{len(found)} problems, mean regret in points: {', '.join(means)}")
    gained = np.array([one["accuracy"] - one["squared error"] for one in found])
    assert gained.mean() > 3 * gained.std() / np.sqrt(gained.size)
