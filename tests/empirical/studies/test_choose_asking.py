"""Asking for labels until there is a verdict: planted checkpoints whose gain is known, and what is counted of it."""

from __future__ import annotations

import re

import numpy as np
import pytest

from empirical.studies.choose_study.asking import AskedTarget, Supply, asked_rounds
from empirical.studies.choose_study.asking_table import asking_lines

STEPS = np.array([1, 2, 4, 8])


def planted(reads: np.ndarray, available: int, seed: int) -> Supply:
    """Two classes by the sign of a number that each checkpoint shows with its own noise; 2000 images judge.

    Args:
        reads: (T,) standard deviations of the noise.
        available: number of images to label.
        seed: of the draw.
    """
    draw = np.random.default_rng(seed)
    hidden = draw.standard_normal(available + 2000)
    labels = (hidden > 0).astype(np.int64)
    noise = draw.standard_normal(hidden.size)
    features = [(hidden + own * noise)[:, None] for own in reads]
    values = np.eye(2)[labels]
    return Supply(
        [(one[:available], one[available:]) for one in features],
        (values[:available], values[available:]),
        (labels[:available], labels[available:]),
    )


def test_a_large_gain_is_found_with_the_labels_that_are_there() -> None:
    labels, missing, regrets = asked_rounds(STEPS, planted(np.array([2.0, 0.1, 2.0, 2.0]), 4000, 0), 400, 0)
    assert (labels, missing, regrets) == ((400,), (0,), (0.0,))


def test_a_smaller_gain_is_asked_for_and_found() -> None:
    labels, missing, regrets = asked_rounds(STEPS, planted(np.array([0.5, 0.3, 0.5, 0.5]), 4000, 0), 60, 0)
    assert missing[0] > 0 == missing[-1]
    assert all(after >= before + asked for before, after, asked in zip(labels, labels[1:], missing, strict=False))
    assert regrets[-1] == 0


def test_asking_ends_where_no_more_images_are_there() -> None:
    labels, missing, regrets = asked_rounds(STEPS, planted(np.array([0.5, 0.48, 0.5, 0.5]), 150, 0), 60, 0)
    assert labels[-1] == 150
    assert missing[-1] > 0
    assert len(labels) == len(missing) == len(regrets)


def asked(labels: tuple[int, ...], missing: tuple[int, ...], regrets: tuple[float, ...]) -> AskedTarget:
    return AskedTarget("mnist", "vgg8", 0, "rotation", 1000, labels, missing, regrets)


def test_answers_are_held_to_the_labels_that_they_ask_for() -> None:
    kept = asked((100, 300), (200, 0), (0.03, 0.01))
    broken = asked((100, 300, 450), (200, 150, 0), (0.02, 0.02, 0.0))
    beyond = asked((100, 1000), (2000, 500), (0.04, 0.02))
    at_first = asked((100,), (0,), (0.0,))
    found = (kept, broken, beyond, at_first)
    assert [one.kept_word for one in found] == [True, False, None, None]
    assert [one.used_share for one in found] == [1.0, 1.5, None, None]
    assert [one.decided for one in found] == [True, True, False, True]
    lines = "\n".join(asking_lines(found))
    assert "bring a verdict on 1 of 2" in lines
    assert "announced: 1.25" in lines
    rows = {name: cells for name, *cells in (re.split(r" {2,}", line) for line in lines.splitlines())}
    assert rows["verdict later"] == ["2", "375", "2.50", "3.00", "0.50", "1.00"]
    assert rows["all"][3:] == ["4.00", "0.75", "2.00"]
    assert asking_lines(()) == []


@pytest.mark.parametrize("seed", range(3))
def test_more_labels_are_a_continuation_of_the_first(seed: int) -> None:
    """The first round is that of the same labels alone, whatever else could be labelled."""
    reads = np.array([0.5, 0.4, 0.5, 0.5])
    supply = planted(reads, 400, seed)
    alone = Supply(
        [(own[:100], new) for own, new in supply.features],
        (supply.values[0][:100], supply.values[1]),
        None if supply.labels is None else (supply.labels[0][:100], supply.labels[1]),
    )
    first = [part[0] for part in asked_rounds(STEPS, supply, 100, 0)]
    assert first == [part[0] for part in asked_rounds(STEPS, alone, 100, 0)]
