"""The report of predictions: kept, read back, drawn, and made by the job."""

import json
from pathlib import Path

import numpy as np
import pytest

from empirical.data.images import ImageData
from empirical.studies.assumption_costs import Derivation
from empirical.studies.predict.job import predict
from empirical.studies.predict.plan import FeaturePlan, PredictPlan
from empirical.studies.predict.prediction import FeaturePrediction, Features
from empirical.studies.predict.report import PredictReport
from simulation.runs.run_folder import RunFolder, json_text
from tests.empirical.studies.test_track import blobs
from theory import Curve, InputError
from theory.curves.gradient_defect import DefectResponse

RESULTS = Path(__file__).parents[3] / "paper" / "results"
STEPS = np.array([0, 1, 2, 4, 8, 16, 32])
VALLEY = np.array([0.50, 0.45, 0.40, 0.32, 0.25, 0.30, 0.45])


def prediction(layer, checkpoint, shift, without=()):
    """A valley trained on two draws, and derived curves beside it by ``shift``."""
    times = 0.1 * STEPS
    trained = Curve(times, np.stack([VALLEY, VALLEY + 0.001]))
    derived = {
        source: Curve(times, (VALLEY + shift + 0.001 * number)[None])
        for number, source in enumerate(Derivation)
        if source not in without
    }
    defect = DefectResponse(STEPS, VALLEY, 0.01 * STEPS / 32, 0 * VALLEY, 10)
    missing = "too few directions" if Derivation.PARAMETRIC in without else None
    features = Features(layer, checkpoint, 12, 11)
    return FeaturePrediction.from_curves(features, 0.1, trained, derived, defect, ("a warning",), missing)


@pytest.fixture
def report():
    predictions = (
        prediction("block4", None, 0.001),
        prediction("block4", "step-8", 0.2, without=(Derivation.PARAMETRIC,)),
    )
    plan = PredictPlan("resnet10", (Path("runs/step-8.pt"),), ("block4",), 4, 32, FeaturePlan(steps=32, replicas=2))
    return PredictReport(plan, predictions, {"python": "3"})


def test_a_report_that_is_read_back_says_the_same(report, tmp_path):
    report.save(RunFolder(tmp_path, PredictReport.kind))
    again = PredictReport.read(tmp_path)
    assert json_text(again.content()) == json_text(report.content())
    assert again.plan == report.plan
    assert again.lines() == report.lines()
    for name, column in report.tables()["curves.parquet"].items():
        np.testing.assert_array_equal(again.tables()["curves.parquet"][name], column)
    assert again.holds == report.holds is False
    assert (tmp_path / "predict.png").stat().st_size > 10_000


def test_what_fails_gives_its_reasons_and_what_is_missing_its_own(report):
    lines = report.lines()
    assert max(len(line) for line in lines) <= 80
    assert sum("fails: " in line for line in lines) == len(report.predictions[1].reasons) == 4
    assert "no parametric model: too few directions" in lines
    assert not report.predictions[0].reasons
    with pytest.raises(InputError, match="source: block4, step-8 has no curve of parametric model"):
        report.predictions[1].agreement(Derivation.PARAMETRIC)


@pytest.mark.parametrize(("network", "early", "holds"), [("vgg8", 0.0130, True), ("resnet10", 0.0160, False)])
def test_the_published_predictions_are_read(network, early, holds):
    """Their results name neither network nor layers, which their folder and the names of features do."""
    folder = RESULTS / f"predict-{network}"
    report = PredictReport.read(folder)
    assert report.plan.network == network
    assert [one.features.checkpoint is None for one in report.predictions] == [True] * 3 + [False] * 3
    assert max(one.agreement(Derivation.COMMON).early for one in report.predictions) == pytest.approx(early, abs=5e-5)
    assert report.holds is holds
    kept = json.loads((folder / "result.json").read_text())["rows"]
    written = json.loads(json_text(report.content()))["rows"]
    assert [row | old for row, old in zip(written, kept, strict=True)] == written  # old entries, and new ones beside


def test_a_table_without_a_curve_is_refused(report, tmp_path):
    folder = RunFolder(tmp_path, PredictReport.kind)
    report.save(folder)
    columns = report.tables()["curves.parquet"]
    kept = columns["curve"] != "trained"
    folder.write_table("curves.parquet", {name: column[kept] for name, column in columns.items()})
    with pytest.raises(InputError, match=r"folder: .*lacks the curve of trained, block4, untrained"):
        PredictReport.read(tmp_path)


def test_the_job_takes_images_in_memory_and_goes_on_in_its_folder(tmp_path, monkeypatch):
    images = ImageData("blobs", blobs(140, 0), blobs(60, 1), 4, tuple("abcd"), notes=("made up",))
    plan = PredictPlan(
        layers=("block4",), base_width=4, pooled_features=16, training=FeaturePlan(steps=8, batch_size=30)
    )
    report = predict(images, plan, folder=tmp_path)
    assert [one.features.name for one in report.predictions] == ["block4, untrained"]
    assert report.notes == ("made up",)
    monkeypatch.setattr("empirical.studies.predict.deriving.train", None)
    again = predict(images, plan, folder=str(tmp_path))
    assert json_text(again.content()) == json_text(report.content())


def test_a_folder_of_another_job_is_refused_before_images_are_loaded(tmp_path):
    def load():
        raise AssertionError("images were loaded")

    (tmp_path / "run.json").write_text('{"command": "phases track"}')
    with pytest.raises(InputError, match="holds results of phases track"):
        predict(load, folder=tmp_path)
    with pytest.raises(InputError, match="device: 'abacus' is unknown"):
        predict(load, device="abacus")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": "lenet"}, "network: 'lenet' is unknown"),
        ({"pooled_features": 0}, "pooled_features: 0"),
        ({"base_width": 0}, "base_width: 0"),
        ({"checkpoints": (Path("a/x.pt"), Path("b/x.pt"))}, "checkpoint: x is the name of two files"),
    ],
)
def test_bad_plans_are_named(change, message):
    with pytest.raises(InputError, match=message):
        PredictPlan(**change)
