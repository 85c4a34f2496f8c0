"""The study of rules of choice: regrets and coverage of planted pairs, and a run on a few images that resumes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from empirical.data.images import ImageData, ImageSplit
from empirical.probes.gain_curve import Verdict
from empirical.studies.choose_study.fine_tuning import fine_tuned_accuracy
from empirical.studies.choose_study.job import choose_study
from empirical.studies.choose_study.pairs import BY_ACCURACY, CHOSEN, SURE, PairResult, tuned_places
from empirical.studies.choose_study.plan import DIGITS, StudyPlan, Tuning
from empirical.studies.choose_study.regrets import excess, pair_mean
from empirical.studies.choose_study.report import ChooseStudyReport
from empirical.studies.choose_study.targets import CIFAR_POOL, TURNED_POOL, pools_of, study_targets
from empirical.studies.choose_study.training import StudyImages, in_colour

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
    accuracy_leading=1,
    mean=(-0.3, 0.0, 0.04, 0.0),
    lower=(-0.4, -0.1, -0.02, 0.0),
    upper=(-0.36, 0.1, 0.1, 0.0),
    tuned=(0.7, 0.4),
)


def test_regret_is_what_a_pick_loses_against_the_best_on_fresh_images() -> None:
    assert PAIR.regret("last") == pytest.approx(0.05)
    assert PAIR.regret("LogME") == pytest.approx(0.1)
    assert PAIR.regret("RankMe") is None
    assert PAIR.regret(CHOSEN) == 0
    assert PAIR.regret(SURE) == pytest.approx(0.05)
    assert replace(PAIR, verdict=Verdict.TAKE.value).regret(SURE) == 0
    assert replace(PAIR, verdict=Verdict.LAST.value).regret(CHOSEN) == pytest.approx(0.05)


def test_a_pick_that_was_not_fine_tuned_counts_as_the_next_one_that_was() -> None:
    assert tuned_places(4).tolist() == [1, 3]
    assert tuned_places(13).tolist() == [0, 2, 4, 6, 8, 10, 12]
    assert PAIR.tuned_regret("last") == pytest.approx(0.3)
    assert PAIR.tuned_regret("LogME") == 0
    assert PAIR.tuned_regret(CHOSEN) == pytest.approx(0.3)  # step 2 is between those of .7 and .4
    assert PAIR.tuned_regret("RankMe") is None
    assert replace(PAIR, tuned=()).tuned_regret("last") is None


def test_no_step_is_taken_by_accuracy_either_where_no_gain_is_worth_it() -> None:
    assert PAIR.regret(BY_ACCURACY) == pytest.approx(0.1)
    assert replace(PAIR, verdict=Verdict.LAST.value).regret(BY_ACCURACY) == pytest.approx(0.05)


def test_the_interval_of_a_mean_is_that_of_the_means_of_trainings() -> None:
    draw = np.random.default_rng(0)
    of_trainings = draw.standard_normal(40)
    found = pair_mean(np.repeat(of_trainings, 5).tolist(), np.repeat(np.arange(40), 5).tolist())
    error = of_trainings.std() / np.sqrt(40)
    assert found.mean == pytest.approx(of_trainings.mean())
    assert found.interval is not None
    # Ends from 9999 resamples are known to about 2 % of the error; skewness moves them by as much again.
    assert found.interval == pytest.approx((found.mean - 1.96 * error, found.mean + 1.96 * error), abs=0.15 * error)
    assert pair_mean([0.2, 0.4], ["one", "one"]).interval is None


def test_what_a_rule_loses_more_than_another_is_read_from_the_same_pairs() -> None:
    report = ChooseStudyReport(StudyPlan(), (PAIR, replace(PAIR, seed=1, picks={"last": 3})))
    over = report.mean_regret(excess("LogME", CHOSEN))
    assert over is not None
    assert (over.mean, over.pairs) == (pytest.approx(10), 1)
    assert [one.seed for one in report.since(1).pairs] == [1]


def test_regrets_are_split_by_whether_the_choice_gives_a_verdict() -> None:
    sure = replace(PAIR, verdict=Verdict.TAKE.value, leading=1)
    last = replace(PAIR, verdict=Verdict.LAST.value)
    report = ChooseStudyReport(StudyPlan(), (PAIR, sure, last))
    content = report.content()
    assert content["undecided_regrets"][CHOSEN]["mean"] == 0  # the best of all steps
    decided = content["decided_regrets"][CHOSEN]
    assert (decided["mean"], decided["worst"], decided["pairs"]) == (pytest.approx(7.5), pytest.approx(10), 2)
    assert content["undecided_regrets"]["last"]["pairs"] == 1
    assert any("a verdict in 2 pairs, none in 1" in line for line in report.lines())


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


@pytest.fixture(scope="module")
def data() -> dict[str, ImageData]:
    return {"cifar": images(120, 3, 32, 0), "digits": images(120, 1, 28, 1)}


def test_turned_images_are_the_others_once_turned_back(data: dict[str, ImageData]) -> None:
    pools = pools_of(StudyImages(data["cifar"], in_colour(data["digits"])), 100, 100, 3)
    turned, upright = pools[TURNED_POOL].known, pools[CIFAR_POOL].known
    assert set(turned.labels.tolist()) == {0, 1, 2, 3}
    for image, turns, own in zip(turned.images, turned.labels, upright.images, strict=True):
        assert np.array_equal(np.rot90(image, -int(turns), axes=(1, 2)), own)
    (rotation,) = [one for one in study_targets(DIGITS, pools, 4) if one.name == "rotation"]
    assert rotation.labels is not None
    assert np.bincount(rotation.labels[0]).tolist() == [4] * 4


def test_fine_tuning_changes_features_that_do_not_tell_the_classes() -> None:
    torch.manual_seed(0)
    inputs = torch.randn(1200, 1, 1, 2)
    labels = (inputs[:, 0, 0, 1] > 0).long().numpy()
    first = nn.Linear(2, 16)
    nn.init.zeros_(first.weight.data[:, 1])  # the features do not see what the label reads
    network = nn.Sequential(nn.Flatten(), first, nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))
    before = {name: one.clone() for name, one in network.state_dict().items()}
    known, fresh = (inputs[:200], labels[:200]), (inputs[200:], labels[200:])
    assert fine_tuned_accuracy(network, known, fresh, Tuning(steps=60, step_size=0.1), 0) > 0.9
    assert fine_tuned_accuracy(network, known, fresh, Tuning(steps=0), 0) == (fresh[1] == 0).mean()
    assert all(torch.equal(one, before[name]) for name, one in network.state_dict().items())


#: Of the targets; numbers have ten times as many labels as a class.
CLASSES = {
    "held-out classes": 5,
    "dominant colour": 3,
    "animal or vehicle": 2,
    "brightness": 10,
    "rotation": 4,
    "mnist": 10,
    "cifar10": 10,
}


def test_a_study_runs_and_resumes_with_what_is_finished(
    tmp_path: Path, data: dict[str, ImageData], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("empirical.studies.choose_study.fine_tuning.TUNING", Tuning(steps=1))
    plan = StudyPlan(steps=1, labels_per_class=4, known=100, fresh=100, batch_size=16, asked=1)
    first = choose_study(plan, **data, networks=("vgg8",), folder=tmp_path)
    assert len(first.pairs) == 11
    assert {pair.steps for pair in first.pairs} == {(0, 1)}
    assert {pair.target for pair in first.pairs if not pair.tuned} == {"brightness"}
    assert [(one.target, one.labels[0]) for one in first.asked] == [
        (pair.target, 4 * CLASSES[pair.target]) for pair in first.pairs
    ]
    parts = [min((tmp_path / folder).iterdir()) for folder in ("pairs", "tuned", "asked")]
    stored = [part.read_text(encoding="utf-8") for part in parts]
    cut_off = [text[: len(text) // 2] for text in stored]
    older = [text.replace("accuracy_leading", "error_leading") for text in stored]
    assert older[0] != stored[0]
    for damaged in (cut_off, older):  # they are made again
        for part, text in zip(parts, damaged, strict=True):
            part.write_text(text, encoding="utf-8")
        assert choose_study(plan, **data, networks=("vgg8",), folder=tmp_path).lines() == first.lines()
        assert [part.read_text(encoding="utf-8") for part in parts] == stored
    for file in (tmp_path / "trainings").rglob("*.safetensors"):
        file.unlink()  # what is finished needs no weights
    again = choose_study(plan, **data, networks=("vgg8",), folder=tmp_path)
    assert again.lines() == first.lines()
    assert not list((tmp_path / "trainings").rglob("*.safetensors"))
    assert ChooseStudyReport.read(tmp_path).lines() == first.lines()
    assert (tmp_path / "choose-study.png").is_file()
