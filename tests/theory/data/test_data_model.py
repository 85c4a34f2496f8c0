from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from tests.strategies import data_models, seeds
from theory import DataModel, InputError, Moments


@given(seeds)
def test_a_model_of_moments_gives_back_the_moments(seed: int) -> None:
    generator = np.random.default_rng(seed)
    inputs = generator.standard_normal((60, 5)) @ generator.standard_normal((5, 7))  # rank 5 in 7 coordinates
    labels = np.arange(60) % 3
    moments = Moments.from_samples(inputs, labels, 3)
    model = DataModel.from_moments(moments)
    assert model.dimension == 5
    assert model.basis is not None
    restored = (model.basis * model.eigenvalues) @ model.basis.T
    np.testing.assert_allclose(restored, moments.covariance, atol=1e-10 * moments.total_variance)
    np.testing.assert_allclose(model.prototypes @ model.basis.T, moments.prototypes, atol=1e-10)
    turned = model.to_eigenbasis(inputs - moments.mean)
    np.testing.assert_allclose(turned.var(axis=0), model.eigenvalues, rtol=1e-9)
    np.testing.assert_allclose(model.from_eigenbasis(turned), inputs - moments.mean, atol=1e-12 * np.abs(inputs).max())


def test_rows_of_the_eigenbasis_have_one_number_for_each_direction() -> None:
    model = DataModel.power_law(4, 1.0, 1.0, 0.01)
    rows = np.arange(8.0).reshape(2, 4)
    np.testing.assert_array_equal(model.from_eigenbasis(rows), rows)
    with pytest.raises(InputError, match=r"rows: has shape \(2, 3\); give 4 columns, one for each direction"):
        model.from_eigenbasis(rows[:, :3])


@given(seeds)
def test_classes_of_real_samples_never_hold_more_than_all_of_the_variance(seed: int) -> None:
    generator = np.random.default_rng(seed)
    labels = np.arange(12) % 4
    moments = Moments.from_samples(generator.standard_normal((12, 5)) + labels[:, None], labels, 4)
    assert DataModel.from_moments(moments).is_realisable


@given(data_models())
def test_class_shares_are_the_eigenvalues_of_the_whitened_between_class_covariance(model: DataModel) -> None:
    between = (model.means.T * model.frequencies) @ model.means
    whitened = between / np.sqrt(np.outer(model.eigenvalues, model.eigenvalues))
    expected = np.linalg.eigvalsh(whitened)[::-1]
    shares = model.class_shares[1][: model.dimension]
    np.testing.assert_allclose(shares, expected[: shares.size], atol=1e-9)


def test_power_law_and_spiked_models_hold_what_they_say() -> None:
    power = DataModel.power_law(5, alpha=1.0, beta=2.0, signal=0.2)
    np.testing.assert_allclose(power.eigenvalues, [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5])
    np.testing.assert_allclose(power.prototypes[1] ** 2, 0.2 / np.arange(1, 6) ** 2)
    spiked = DataModel.spiked([8.0, 4.0], bulk=1.0, dimension=10, signal=0.5, signal_in_spikes=0.9)
    np.testing.assert_allclose(spiked.eigenvalues, [8, 4] + 8 * [1])
    assert np.sum(spiked.prototypes[1] ** 2) == pytest.approx(0.5)
    assert np.sum(spiked.prototypes[1, :2] ** 2) == pytest.approx(0.45)


def test_the_share_limit_is_where_a_model_stops_being_realisable() -> None:
    model = DataModel.power_law(1000, alpha=1.0, beta=2.0, signal=0.2)
    share = model.class_shares[1][0]
    # Balanced classes at +-2 delta hold 4 sum delta^2 / lambda, here 0.8 times the harmonic number.
    assert share == pytest.approx(0.8 * np.sum(1 / np.arange(1, 1001)))
    assert not model.is_realisable
    assert model.with_signal_scaled(0.999 / np.sqrt(share)).is_realisable


_OK = {"eigenvalues": [2.0, 1.0], "prototypes": [[0.1, 0.0], [-0.1, 0.0]], "frequencies": [0.5, 0.5]}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        pytest.param({"eigenvalues": [1.0, 2.0]}, "eigenvalues: give positive numbers in descending", id="ascending"),
        pytest.param({"eigenvalues": [1.0, 0.0]}, "eigenvalues: give positive", id="zero eigenvalue"),
        pytest.param({"eigenvalues": [np.nan, 0.0]}, "eigenvalues: holds 1 NaN", id="NaN"),
        pytest.param({"eigenvalues": [1e160, 1.0]}, "eigenvalues: the largest is 1e.160; give .* units", id="large"),
        pytest.param({"eigenvalues": [1e-200, 1e-201]}, "eigenvalues: the largest is 1e-200; give", id="tiny"),
        pytest.param({"prototypes": [[1e160, 0.0], [-1e160, 0.0]]}, "prototypes: the largest entry is", id="far means"),
        pytest.param({"prototypes": [[0.1], [-0.1]]}, "prototypes: has shape", id="wrong width"),
        pytest.param({"prototypes": [[0.1, 0.0], [0.1, 0.0]]}, "rows must sum to 0", id="not centred"),
        pytest.param({"frequencies": [1.0, 0.0]}, "frequencies: give positive shares", id="empty class"),
        pytest.param({"frequencies": [0.5, 0.4]}, "frequencies: give positive shares", id="does not sum to 1"),
        pytest.param({"prototypes": [[0.0, 0.0]], "frequencies": [1.0]}, "at least 2", id="one class"),
    ],
)
def test_bad_models_are_refused(change: dict[str, object], match: str) -> None:
    arguments = {name: np.array(value) for name, value in (_OK | change).items()}
    with pytest.raises(InputError, match=match):
        DataModel(**arguments)  # type: ignore[arg-type]


def test_moments_with_an_empty_class_or_constant_inputs_are_refused() -> None:
    with pytest.raises(InputError, match="class 2 is empty"):
        DataModel.from_moments(Moments.from_samples(np.eye(2), [0, 1], 3))
    with pytest.raises(InputError, match="all inputs are equal"):
        DataModel.from_moments(Moments.from_samples(np.ones((4, 2)), [0, 1, 0, 1], 2))


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        pytest.param({"spikes": [1.0]}, "spikes", id="spike not above the bulk"),
        pytest.param({"dimension": 1}, "dimension", id="no bulk"),
        pytest.param({"signal_in_spikes": 1.5}, "signal_in_spikes", id="share above one"),
        pytest.param({"bulk": -1.0}, "bulk", id="negative bulk"),
    ],
)
def test_bad_spiked_models_are_refused(arguments: dict[str, object], match: str) -> None:
    good = {"spikes": [4.0], "bulk": 1.0, "dimension": 5, "signal": 1.0, "signal_in_spikes": 0.5}
    with pytest.raises(InputError, match=match):
        DataModel.spiked(**(good | arguments))  # type: ignore[arg-type]


def test_classes_of_a_power_law_hold_the_share_asked_for() -> None:
    model = DataModel.power_law_classes(40, 0.8, 1.5, 5, 0.4, seed=0)
    assert model.classes == 5
    assert model.class_shares[1][0] == pytest.approx(0.4)
    np.testing.assert_allclose(model.eigenvalues, np.arange(1, 41) ** -0.8)
    # Log squared lengths fall with slope beta; log chi-squared of 4 degrees of freedom scatters by .7 around it.
    strengths = np.log(np.square(DataModel.power_law_classes(4000, 0.8, 1.5, 5, 0.4, seed=0).prototypes).sum(axis=0))
    slope = np.polyfit(np.log(np.arange(1, 4001)), strengths, 1)[0]
    assert slope == pytest.approx(-1.5, abs=4 * 0.7 / np.sqrt(4000))
