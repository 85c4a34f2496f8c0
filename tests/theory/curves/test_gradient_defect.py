"""The gradient defect: nothing for squared error, the deviation of training from the mean field to first order."""

from __future__ import annotations

import numpy as np
import pytest

from theory import DataModel, InputError, Logistic, Loss, Moments, Softmax, SquaredError, relative_loss
from theory.assumptions import Verdict, gaussian_gradient
from theory.curves.gradient_defect import DefectResponse, defect_response
from theory.curves.mean_field import mean_field_path
from theory.data.stratified import stratified_parts
from theory.validation import FloatArray, IntArray

LAST = 300


def _skewed(count: int, dimension: int, classes: int, seed: int) -> tuple[DataModel, FloatArray, IntArray]:
    """Classes far from Gaussian: each coordinate exponential, scaled differently in each class."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % (classes + 1) % classes  # class 0 twice as often
    scales = np.arange(1, dimension + 1) ** -0.5
    centres = generator.standard_normal((classes, dimension)) * scales * 0.5
    noise = (generator.exponential(size=(count, dimension)) - 1) * (1 + labels[:, None])
    inputs = centres[labels] + noise * scales
    model = DataModel.from_moments(Moments.from_samples(inputs, labels, classes))
    return model, model.to_eigenbasis(inputs - inputs.mean(axis=0)), labels


def _weights(loss: Loss, model: DataModel) -> FloatArray:
    return 0.01 * np.random.default_rng(7).standard_normal((1, loss.outputs(model.classes), model.dimension))


def _response(loss: Loss, model: DataModel, inputs: FloatArray, labels: IntArray) -> DefectResponse:
    step_size = 0.2 / float(model.eigenvalues[0])
    parts = stratified_parts(labels, 10, np.random.default_rng(0))
    return defect_response(model, loss, inputs, labels, _weights(loss, model), LAST, step_size, parts)


def _trained_less_derived(loss: Loss, model: DataModel, inputs: FloatArray, labels: IntArray) -> FloatArray:
    """Gradient descent on the samples, step by step, less the mean field from the same W(0), at every step."""
    step_size = 0.2 / float(model.eigenvalues[0])
    weights = _weights(loss, model)[0]
    targets = loss.targets(model.frequencies)[labels]
    trained = np.empty(LAST + 1)
    for step in range(LAST + 1):
        trained[step] = relative_loss(weights, model.eigenvalues)
        error = targets - loss.predictions(inputs @ weights.T)
        weights = weights + step_size * error.T @ inputs / inputs.shape[0]
    path = mean_field_path(model, loss, _weights(loss, model), np.arange(LAST + 1), step_size)
    return trained - np.array([float(relative_loss(one, model.eigenvalues)[0]) for one in path])


@pytest.mark.parametrize(("loss", "classes", "second"), [(Softmax(), 3, 0.045), (Logistic(), 2, 0.15)])
def test_the_response_is_the_deviation_of_training(loss: Loss, classes: int, second: float) -> None:
    model, inputs, labels = _skewed(500, 8, classes, 0)
    found = _response(loss, model, inputs, labels)
    truth = _trained_less_derived(loss, model, inputs, labels)[found.steps]
    size = np.abs(truth).max()
    assert size > 5e-4  # far above rounding and the step of the path
    # Terms of second order in the defect are left out: a share of a deviation of this size.
    np.testing.assert_allclose(found.deviation, truth, atol=second * size)
    assert found.largest == pytest.approx(size, rel=second)


def test_squared_error_needs_no_gaussian_classes() -> None:
    model, inputs, labels = _skewed(400, 6, 3, 1)
    found = _response(SquaredError(), model, inputs, labels)
    # Its gradient knows moments alone; rounding adds up over the steps. Each part has all classes in proportion, so
    # that without it the same holds of the moments that are left.
    assert found.largest < 1e-9
    assert found.standard_error.max() < 1e-9


def test_gaussian_classes_have_a_defect_of_their_sampling_error() -> None:
    labels = np.arange(1500) % 2
    generator = np.random.default_rng(3)
    inputs = generator.standard_normal((1500, 6)) * np.arange(1, 7) ** -0.5 + 0.8 * labels[:, None]
    model = DataModel.from_moments(Moments.from_samples(inputs, labels, 2))
    found = _response(Softmax(), model, model.to_eigenbasis(inputs - inputs.mean(axis=0)), labels)
    low, high = found.interval
    assert high < 0.02
    assert low < 0.003
    assert np.all(np.abs(found.deviation) <= 5 * found.standard_error + 1e-4)


def test_the_interval_of_the_largest_deviation_by_hand() -> None:
    """Ten parts: Student's 97.5 % quantile at nine degrees of freedom is 2.2622."""
    found = DefectResponse(
        np.array([0, 1, 2]),
        np.array([0.5, 0.4, 0.3]),
        np.array([0.0, 0.01, -0.025]),
        np.array([0.0, 0.001, 0.004]),
        10,
    )
    assert found.largest == 0.025
    assert found.interval == pytest.approx((0.025 - 2.2622 * 0.004, 0.025 + 2.2622 * 0.004), abs=1e-6)
    # The last step counts, and the interval decides A4: its limit of .02 lies inside of it.
    assert found.within(1).steps.tolist() == [0, 1]
    assert found.within(1).largest == 0.01
    assert found.within(1).interval == pytest.approx((0.01 - 0.0022622, 0.01 + 0.0022622), abs=1e-6)
    judged = gaussian_gradient(found)
    assert (judged.value, judged.interval, judged.verdict) == (0.025, found.interval, Verdict.NOT_RESOLVED)
    assert "(step 2, 12% of the curve's range)" in judged.measure
    assert gaussian_gradient(found.within(1)).verdict is Verdict.HOLDS
    uncertain = DefectResponse(found.steps, found.derived, found.deviation, np.full(3, 1.0), 10)
    assert uncertain.interval[0] == 0


@pytest.mark.parametrize(
    ("extent", "deviation", "verdict", "compared"),
    [
        (0.02, 0.005, Verdict.HOLDS, "step 1, 25% of the curve's range"),
        (0.009, 0.006, Verdict.NO_PHASES, "step 1, the curve moves by 0.009 to step 2"),
        (0.009, 0.02, Verdict.NO_PHASES, "step 1, the curve moves by 0.009 to step 2"),  # holds or not: not resolved
        (0.009, 0.5, Verdict.FAILS, "step 1, the curve moves by 0.009 to step 2"),
        (0.0, 0.0, Verdict.NO_PHASES, "the curve moves by 0 to step 2"),
    ],
)
def test_a_flat_curve_has_no_phases_and_no_range_to_take_a_share_of(
    extent: float, deviation: float, verdict: Verdict, compared: str
) -> None:
    derived, moved = np.array([0.5, 0.5, 0.5 - extent]), np.array([0.0, deviation, 0.0])
    judged = gaussian_gradient(DefectResponse(np.array([0, 1, 2]), derived, moved, np.full(3, 0.001), 10))
    assert judged.verdict is verdict
    assert compared in judged.measure


def test_the_standard_error_is_the_scatter_over_samples() -> None:
    """Twelve samples of one population of Gaussian classes, at the end of a short training."""
    labels = np.arange(160) % 2
    deviations, errors = [], []
    for seed in range(12):
        inputs = np.random.default_rng(seed).standard_normal((160, 3)) * [1, 0.7, 0.5] + 0.8 * labels[:, None]
        model = DataModel.from_moments(Moments.from_samples(inputs, labels, 2))
        rows, parts = (
            model.to_eigenbasis(inputs - inputs.mean(axis=0)),
            stratified_parts(labels, 10, np.random.default_rng(seed)),
        )
        found = defect_response(model, Logistic(), rows, labels, _weights(Logistic(), model), 12, 2.0, parts)
        deviations.append(found.deviation[-1])
        errors.append(found.standard_error[-1])
    # A deviation of twelve is known to 1 / sqrt(2 * 11), a fifth; the bounds are three of these on the logarithm.
    ratio = np.sqrt(np.mean(np.square(errors)) / np.mean(np.square(deviations)))
    assert 0.5 < ratio < 2


@pytest.mark.parametrize(("loss", "classes"), [(Softmax(), 3), (Logistic(), 2), (SquaredError(), 3)])
def test_the_standard_error_is_the_jackknife_of_runs_without_each_part(loss: Loss, classes: int) -> None:
    """Each with the mean, the classes and the response of the samples that are left; unequal parts, unlike classes."""
    model, inputs, labels = _skewed(150, 4, classes, 0)
    step_size, weights = 0.2 / float(model.eigenvalues[0]), _weights(loss, model)
    parts = np.split(np.random.default_rng(0).permutation(150), [20, 55, 90])

    def run(kept: IntArray) -> FloatArray:
        halves = stratified_parts(labels[kept], 2, np.random.default_rng(0))
        own = inputs[kept] - inputs[kept].mean(axis=0)
        return defect_response(model, loss, own, labels[kept], weights, 40, step_size, halves).deviation

    left = np.stack([run(np.setdiff1d(np.arange(150), part)) for part in parts])
    expected = np.sqrt(3 / 4 * np.square(left - left.mean(axis=0)).sum(axis=0))
    found = defect_response(model, loss, inputs, labels, weights, 40, step_size, parts)
    # The same sums in another order.
    np.testing.assert_allclose(found.standard_error, expected, rtol=1e-6, atol=1e-12)


def test_a_class_in_one_part_alone_and_parts_that_do_not_cover_are_refused() -> None:
    model, inputs, labels = _skewed(40, 4, 2, 0)
    weights = _weights(Softmax(), model)
    by_class = [np.flatnonzero(labels == label) for label in (0, 1)]
    with pytest.raises(InputError, match="class 0 lies in one part alone"):
        defect_response(model, Softmax(), inputs, labels, weights, 4, 0.1, by_class)
    with pytest.raises(InputError, match="parts: 1 are given"):
        defect_response(model, Softmax(), inputs, labels, weights, 4, 0.1, by_class[:1])
