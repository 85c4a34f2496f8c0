"""The study of rules of choice: regrets and coverage of planted pairs, and a run on a few images that resumes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from empirical.data.images import ImageData, ImageSplit
from empirical.probes.gain_curve import Verdict
from empirical.studies.choose_study.job import choose_study
from empirical.studies.choose_study.pairs import CHOSEN, SURE, PairResult
from empirical.studies.choose_study.plan import StudyPlan
from empirical.studies.choose_study.report import ChooseStudyReport

PAIR = PairResult(
    source="cifar10 0-4",
    network="vgg8",
    seed=0,
    target="held-out classes",
    steps=(0, 1, 2, 4),
    worth=(0.2, 0.5, 0.6, 0.55),
    losses=(0.5, 0.5, 0.5, 0.5),
    picks={"last": 3, "LogME": 1},
    verdict=Verdict.UNDECIDED.value,
    leading=2,
    error_leading=1,
    mean=(-0.3, 0.0, 0.04, 0.0),
    lower=(-0.4, -0.1, -0.02, 0.0),
    upper=(-0.36, 0.1, 0.1, 0.0),
)


def test_regret_is_what_a_pick_loses_against_the_best_on_fresh_images() -> None:
    assert PAIR.regret("last") == pytest.approx(0.05)
    assert PAIR.regret("LogME") == pytest.approx(0.1)
    assert PAIR.regret("RankMe") is None
    assert PAIR.regret(CHOSEN) == 0
    assert PAIR.regret(SURE) == pytest.approx(0.05)
    assert replace(PAIR, verdict=Verdict.TAKE.value).regret(SURE) == 0
    assert replace(PAIR, verdict=Verdict.LAST.value).regret(CHOSEN) == pytest.approx(0.05)


def test_coverage_is_counted_at_the_leading_step_and_at_all() -> None:
    assert PAIR.covered
    assert PAIR.share_covered == pytest.approx(2 / 3)
    assert replace(PAIR, leading=0).covered is False
    assert replace(PAIR, leading=3).covered is None


def test_the_best_rule_is_one_that_applies_to_every_pair() -> None:
    only_once = replace(PAIR, picks={"last": 3, "LogME": 2}, leading=1), replace(PAIR, picks={"last": 3}, leading=1)
    report = ChooseStudyReport(StudyPlan(), only_once)
    assert report.regrets("LogME").tolist() == [0]
    assert report.best_rule != "LogME"
    assert any("cannot tell" in line for line in report.lines())


def images(count: int, channels: int, size: int, seed: int) -> ImageData:
    draw = np.random.default_rng(seed)

    def split(number: int) -> ImageSplit:
        labels = np.arange(number) % 10
        pixels = draw.integers(0, 200, (number, channels, size, size)) + 5 * labels[:, None, None, None]
        return ImageSplit(pixels.astype(np.uint8), labels.astype(np.int64))

    return ImageData(f"images {seed}", split(count), split(120), 10, tuple("0123456789"))


def test_a_study_runs_and_resumes_with_what_is_finished(tmp_path: Path) -> None:
    plan = StudyPlan(steps=1, labels_per_class=4, known=100, fresh=100, batch_size=16)
    data = {"cifar": images(120, 3, 32, 0), "digits": images(120, 1, 28, 1)}
    first = choose_study(plan, **data, networks=("vgg8",), folder=tmp_path)
    assert len(first.pairs) == 11
    assert {pair.steps for pair in first.pairs} == {(0, 1)}
    for file in (tmp_path / "trainings").rglob("*.safetensors"):
        file.unlink()  # what is finished needs no weights
    again = choose_study(plan, **data, networks=("vgg8",), folder=tmp_path)
    assert again.lines() == first.lines()
    assert not list((tmp_path / "trainings").rglob("*.safetensors"))
    assert ChooseStudyReport.read(tmp_path).lines() == first.lines()
    assert (tmp_path / "choose-study.png").is_file()
