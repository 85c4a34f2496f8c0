"""Features of layers, and the theory put to the test on them."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from empirical.data.datasets import DataSet, unit_variance
from empirical.data.images import ImageSplit, Normalisation
from empirical.networks.layer_features import layer_features
from empirical.networks.networks import build_network
from empirical.studies.assumption_costs import OF_COVARIANCES, REST, Derivation
from empirical.studies.predict.deriving import predict_features
from empirical.studies.predict.plan import FeaturePlan, PredictPlan
from empirical.studies.predict.prediction import FeaturePrediction, Features
from empirical.studies.predict.report import PredictReport
from simulation import train
from simulation.runs.run_folder import RunFolder, json_text
from theory import Curve, InputError
from theory.assumptions import Verdict
from theory.curves.gradient_defect import DefectResponse

LINEARISED, COMMON, CLASSES, PARAMETRIC = Derivation
PLAN = FeaturePlan(init_scale=0.01, steps=512, batch_size=1000, replicas=4)


def rotated_classes(count, seed=0):
    """Gaussian classes whose covariances differ: in each, another coordinate has most of the variance."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    rows = generator.standard_normal((count, 24)) * np.arange(1, 25) ** -0.4
    rows[np.arange(count), labels] *= 4
    rows[np.arange(count), labels] += 1.0
    return DataSet("rotated", unit_variance((rows - rows.mean(axis=0)).astype(np.float32)), labels, 3)


@pytest.fixture(scope="module")
def prediction():
    return predict_features(rotated_classes(8000), PLAN)


def test_gaussian_features_are_trained_as_both_mean_fields_say(prediction):
    found = {one.source: one for one in prediction.agreements}
    assert set(found) >= {LINEARISED, COMMON, CLASSES}
    # Sampling noise of batches of 1,000 is left, below .005 here for four draws.
    assert found[CLASSES].late < 0.01
    assert found[COMMON].late < 0.01
    assert found[CLASSES].holds
    assert prediction.features.rank == prediction.features.count == 24
    apart = np.abs(prediction.derived[CLASSES].mean - prediction.derived[COMMON].mean).max()
    assert apart > 1e-4  # they are two derivations, not one


def report_of(*predictions):
    return PredictReport(PredictPlan(), predictions, {"python": "3"})


def with_trained(prediction, trained):
    """The same derived curves compared with another trained one; no defect is known, so that it has no reasons."""
    return FeaturePrediction.from_curves(prediction.features, prediction.step_size, trained, prediction.derived)


def test_a_run_started_again_does_not_train(prediction, tmp_path, monkeypatch):
    folder = RunFolder(tmp_path)
    small = dataclasses.replace(PLAN, steps=8, batch_size=20, replicas=2)
    first = predict_features(rotated_classes(108), small, folder=folder)
    monkeypatch.setattr("empirical.studies.predict.deriving.train", None)
    again = predict_features(rotated_classes(108), small, folder=folder)
    np.testing.assert_array_equal(first.trained.losses, again.trained.losses)


def test_a_claim_fails_when_the_curve_is_off(prediction):
    trained = prediction.trained
    shifted = with_trained(prediction, dataclasses.replace(trained, losses=trained.losses + 0.04))
    assert prediction.holds
    assert not shifted.holds
    assert report_of(prediction).holds
    assert not report_of(prediction, shifted).holds


def test_a_failed_claim_says_which_assumption_costs_how_much(prediction, monkeypatch):
    def shifted(*arguments, **options):
        result = train(*arguments, **options)
        return dataclasses.replace(result, losses=result.losses + 0.04)

    monkeypatch.setattr("empirical.studies.predict.deriving.train", shifted)
    failing = predict_features(rotated_classes(4000), dataclasses.replace(PLAN, steps=64))
    found = {one.assumption: one for one in failing.reasons}
    assert set(found) == {"A8", "A4", OF_COVARIANCES, REST}
    # The rungs add up, and a shift that no assumption explains is left to the rest.
    column = int(np.argmin(np.abs(failing.trained.times / failing.step_size - found["A4"].step)))
    total = failing.trained.mean[column] - failing.derived[LINEARISED].mean[column]
    assert sum(found[name].deviation for name in ("A8", "A4", REST)) == pytest.approx(total)
    assert found[REST].deviation == pytest.approx(0.04, abs=0.01)
    assert abs(found["A4"].deviation) < 0.01
    assert prediction.reasons == ()


def test_a_flat_curve_has_no_phases_to_speak_of(prediction):
    def flattened(curve):
        return dataclasses.replace(curve, losses=0.5 + 0.001 * curve.losses)

    derived = {source: flattened(curve) for source, curve in prediction.derived.items()}
    flat = FeaturePrediction.from_curves(
        prediction.features, prediction.step_size, flattened(prediction.trained), derived
    )
    assert flat.verdict is Verdict.NO_PHASES
    assert not flat.holds
    assert report_of(flat).content()["rows"][0]["verdict"] == "no phases to speak of"
    assert report_of(flat).holds  # which is no failure
    assert prediction.agreements[0].range_share == pytest.approx(
        prediction.agreements[0].late / np.ptp(prediction.trained.mean), rel=0.1
    )


def test_features_of_a_layer_are_centred_of_unit_variance_and_called_by_its_name():
    generator = np.random.default_rng(0)
    split = ImageSplit(generator.integers(0, 256, (60, 3, 32, 32), dtype=np.uint8), np.arange(60) % 2)
    network = build_network("vgg8", 2, base_width=4)
    found = layer_features(
        network, ("block4", "block5"), split, 2, Normalisation.from_images(split), 32, torch.device("cpu")
    )
    assert list(found) == ["block4", "block5"]
    for name, data in found.items():
        assert data.name == name
        assert data.inputs.shape[0] == 60
        np.testing.assert_allclose(data.inputs.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(data.inputs.var(axis=0).mean(), 1, rtol=1e-4)
    assert found["block4"].inputs.shape[1] == 32


def test_a_layer_that_is_dead_is_named():
    split = ImageSplit(np.random.default_rng(0).integers(0, 256, (20, 3, 32, 32), dtype=np.uint8), np.arange(20) % 2)
    network = build_network("vgg8", 2, base_width=2)
    with torch.no_grad():
        network.get_submodule("block5.1").weight.zero_()
        network.get_submodule("block5.1").bias.fill_(-1.0)
    with pytest.raises(InputError, match="layer block5: inputs: are all equal"):
        layer_features(network, ("block5",), split, 2, Normalisation.from_images(split), 32, torch.device("cpu"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"init_scale": 0.0}, "init_scale"),
        ({"step_share": -1.0}, "step_share"),
        ({"steps": 0}, "steps"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 3000}, "batch_size"),
        ({"replicas": 0}, "replicas"),
        ({"seed": -1}, "seed"),
        ({"step_share": 5.0}, "step_share: 5 is not stable"),
    ],
)
def test_bad_plans_are_named(change, message):
    with pytest.raises(InputError, match=message):
        predict_features(rotated_classes(4000), dataclasses.replace(PLAN, **change))


def test_more_classes_than_features_are_predicted_but_by_the_parametric_model():
    generator = np.random.default_rng(0)
    labels = np.arange(432) % 12
    rows = generator.standard_normal((12, 10))[labels] + generator.standard_normal((432, 10))
    data = DataSet("wide", unit_variance((rows - rows.mean(axis=0)).astype(np.float32)), labels, 12)
    plan = FeaturePlan(steps=8, batch_size=100, replicas=2)
    found = predict_features(data, plan)
    assert set(found.derived) == {LINEARISED, COMMON, CLASSES}
    # Twelve outputs hold all of ten inputs.
    assert np.abs(found.trained.mean).max() < 1e-6
    assert found.no_parametric is not None
    assert report_of(found).lines()[-2].startswith("no parametric model: fitted: 10 directions leave 0 beyond")


TIMES = np.arange(6) / 2.0  # steps 0 .. 5 of eta 1/2
NO_DEFECT = DefectResponse(np.array([0, 1, 5]), np.zeros(3), np.zeros(3), np.zeros(3), 10)
VALLEY = np.array([0.50, 0.42, 0.30, 0.20, 0.30, 0.45])


def planted(trained, defect=None, **derived):
    """Curves given loss by loss, by names as in ``Derivation``."""
    curves = {Derivation[name.upper()]: Curve(TIMES, np.array([losses])) for name, losses in derived.items()}
    return FeaturePrediction.from_curves(
        Features("planted", None, 8, 8), 0.5, Curve(TIMES, np.array([trained])), curves, defect
    )


def test_agreement_is_that_of_the_mean_curves_and_of_the_derived_turning_point_over_the_trained(monkeypatch):
    monkeypatch.setattr("empirical.studies.predict.agreement.EARLY", 2)
    earlier = np.array([0.50, 0.30, 0.10, 0.30, 0.32, 0.45])
    (found,) = planted(VALLEY, common=earlier).agreements
    assert found.early == pytest.approx(0.20)  # of -.12 and -.20 up to step 2; the derived curve lies below
    assert found.late == pytest.approx(0.20)
    (found,) = planted(VALLEY, common=VALLEY - np.array([0, 0.01, 0, 0, 0.04, 0])).agreements
    assert (found.early, found.late) == pytest.approx((0.01, 0.04))
    (found,) = planted(VALLEY, common=earlier).agreements
    assert found.extent == pytest.approx(0.40)  # the larger of .30 and .40
    # A cubic in log time through few points: the lowest ones are at the steps 2 and 3.
    assert found.turning_ratio == pytest.approx(2 / 3, abs=0.2)


def test_the_parametric_model_alone_does_not_hold():
    off = VALLEY + 0.2
    assert planted(VALLEY, linearised=off, common=off, classes=VALLEY, parametric=off).holds
    assert not planted(VALLEY, linearised=off, common=off, classes=off, parametric=VALLEY).holds


def test_reasons_are_the_differences_from_rung_to_rung_where_the_mean_field_is_farthest_off():
    linear, common = VALLEY + np.array([0, 0, 0, 0.01, -0.14, 0.07]), VALLEY + np.array([0, 0, 0, 0, 0.01, 0.03])
    classes, trained = common - 0.005, VALLEY - np.array([0, 0, 0.02, 0, 0.30, 0.01])
    # At step 4, log(1 + 4) lies at a share log(5/2) / log(6/2) of the way from step 1 to step 5.
    defect = DefectResponse(np.array([0, 1, 5]), np.zeros(3), np.array([0.0, -0.01, -0.11]), np.zeros(3), 10)
    moved = -0.01 - 0.10 * np.log(5 / 2) / np.log(3)
    prediction = planted(trained, defect, linearised=linear, common=common, classes=classes)
    found = {one.assumption: one for one in prediction.reasons}
    expected = {"A8": 0.15, "A4": moved, OF_COVARIANCES: -0.005, REST: -0.31 - moved}
    assert {name: one.deviation for name, one in found.items()} == pytest.approx(expected)
    assert {one.step for one in found.values()} == {4.0}
    extent = 0.5 - 0.0  # the trained curve falls from .5 to 0
    assert found[REST].share == pytest.approx(expected[REST] / extent)
    # The trained and the linearised curve turn at step 4 and the others at 3, to what a cubic makes of few points.
    turning = [(found[name].turning_before, found[name].turning_after) for name in ("A8", "A4", REST)]
    np.testing.assert_allclose(turning, [(4, 3), (3, 3), (3, 4)], atol=0.3)
    # The costliest first, of either sign.
    words = ("what is left", "(A8)", "(A4)", "classes with covariances of their own")
    text = " ".join(report_of(prediction).lines()).split("fails: ")[1:]
    assert all(word in " ".join(line.split()) for word, line in zip(words, text, strict=True))
    # Reasons are of those that fail.
    assert planted(VALLEY, defect, linearised=VALLEY, common=VALLEY, classes=VALLEY).reasons == ()


def test_a_flat_curve_that_is_missed_has_a_reason_and_no_share_of_its_range():
    flat = 0.3 + 0.001 * VALLEY
    prediction = planted(flat, NO_DEFECT, linearised=flat + 0.1, common=flat + 0.1, classes=flat + 0.1)
    assert [one.verdict for one in prediction.agreements] == [Verdict.FAILS] * 3
    assert all(np.isnan(one.range_share) for one in prediction.agreements)
    assert [one.share for one in prediction.reasons] == [None] * 4
    report = report_of(prediction)
    text = " ".join(str(report).split())
    assert "-0.1000 of L / tr Sigma at step" in text
    assert "(of a flat curve)" in text
    assert "of the range)" not in text
    assert json.loads(json_text(report.content()))["reasons"][0]["share"] is None
    met = planted(flat, NO_DEFECT, linearised=flat, common=flat, classes=flat)
    assert (met.verdict, met.reasons) == (Verdict.NO_PHASES, ())


def test_weights_and_batches_of_features_follow_the_seed(monkeypatch):
    seen = []

    def stop(source, model, loss, weights, *_, **__):
        seen.append((next(iter(source.batches(0))).inputs.numpy().copy(), weights))
        raise InterruptedError

    monkeypatch.setattr("empirical.studies.predict.deriving.train", stop)
    small = dataclasses.replace(PLAN, batch_size=20, replicas=2)
    for seed in (0, 1, 0):
        with pytest.raises(InterruptedError):
            predict_features(rotated_classes(120), dataclasses.replace(small, seed=seed))
    for first, other, same in zip(*seen, strict=True):
        np.testing.assert_array_equal(first, same)
        assert not np.array_equal(first, other)
