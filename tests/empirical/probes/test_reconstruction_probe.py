from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given

from empirical.moments.activation_moments import JointMoments
from empirical.probes.reconstruction_probe import BudgetedDecoders, MomentDecoder
from tests.strategies import seeds, spectra
from theory import InputError, Moments, budgeted_reconstruction_loss, reconstruction_loss
from theory.validation import FloatArray

Pair = tuple[FloatArray, FloatArray]

#: Weights and intercept.
Decoder = tuple[FloatArray, FloatArray]


def _moments(pair: Pair) -> JointMoments:
    activations, inputs = pair
    centred = inputs - inputs.mean(axis=0)
    return JointMoments(
        activations=Moments.from_samples(activations, np.arange(len(inputs)) % 2, 2),
        input_mean=inputs.mean(axis=0),
        input_variance=float(np.square(centred).sum() / len(inputs)),
        cross=(activations - activations.mean(axis=0)).T @ centred / len(inputs),
    )


def _pair(seed: int, count: int, features: int = 5, coordinates: int = 7) -> Pair:
    """Inputs with an offset through a fixed ReLU layer; the seed draws the samples alone."""
    fixed = np.random.default_rng(0)
    mixing = fixed.standard_normal((coordinates, coordinates))
    layer = fixed.standard_normal((coordinates, features))
    inputs = np.random.default_rng(seed).standard_normal((count, coordinates)) @ mixing + 3
    return np.maximum(inputs @ layer, 0), inputs


def _direct_loss(decoder: Decoder, pair: Pair) -> float:
    return float(np.square(pair[0] @ decoder[0] + decoder[1] - pair[1]).mean())


def _budgeted(pair: Pair, budget: float) -> Decoder:
    """The oracle: ridge with a free intercept, from the samples."""
    activations, inputs = pair
    centred = activations - activations.mean(axis=0)
    gram = centred.T @ centred / len(inputs) + budget * np.eye(activations.shape[1])
    weights = np.linalg.solve(gram, centred.T @ (inputs - inputs.mean(axis=0)) / len(inputs))
    return weights, inputs.mean(axis=0) - activations.mean(axis=0) @ weights


def _least_squares(pair: Pair) -> Decoder:
    """The oracle without a penalty, of least length where several decoders fit as well."""
    means = [part.mean(axis=0) for part in pair]
    weights = np.linalg.lstsq(pair[0] - means[0], pair[1] - means[1], rcond=None)[0]
    return weights, means[1] - means[0] @ weights


def test_losses_from_moments_are_those_of_a_second_pass_over_the_held_out_samples() -> None:
    training, held_out = _pair(1, 400), _pair(2, 90)
    probe = BudgetedDecoders.from_moments(_moments(training), _moments(held_out))
    budgets = [1e-3, 1.0, 100.0]
    for budget, found in zip(budgets, probe.budgeted(budgets), strict=True):
        expected = _direct_loss(_budgeted(training, budget), held_out)
        # Sums in another order, in float64.
        assert found.loss == pytest.approx(expected, rel=1e-9)
        assert found.relative == pytest.approx(expected / held_out[1].var(axis=0).mean(), rel=1e-9)
        assert (found.budget, found.rank, found.warning) == (budget, 5, None)
    expected = _direct_loss(_budgeted(training, 0.0), held_out)
    exact = probe.exact()
    assert exact.loss == pytest.approx(expected, rel=1e-9)
    assert (exact.rank, exact.budget, exact.warning) == (5, 0.0, None)


@given(spectra(smallest=4, largest=20), seeds)
def test_of_a_linear_layer_and_without_sampling_error_the_losses_are_those_of_the_theory(
    eigenvalues: FloatArray, seed: int
) -> None:
    """The same population behind both samples, of 10,000 and 1,000 members."""
    weights = np.random.default_rng(seed).standard_normal((3, eigenvalues.size)) / np.sqrt(eigenvalues[0])
    covariance = (weights * eigenvalues) @ weights.T

    def population(count: int) -> JointMoments:
        activations = Moments(np.zeros(3), covariance, np.array([count, count]), np.zeros((2, 3)))
        return JointMoments(activations, np.zeros(eigenvalues.size), eigenvalues.sum(), weights * eigenvalues)

    probe = BudgetedDecoders.from_moments(population(5_000), population(500))
    budgets = [1e-3, 0.1, 10.0]
    for budget, found in zip(budgets, probe.budgeted(budgets), strict=True):
        if probe.rank == 3:
            expected = budgeted_reconstruction_loss(weights, eigenvalues, budget) / eigenvalues.size
            assert found.loss == pytest.approx(expected, rel=1e-6)  # condition of G, at most 1e6, times float error
    if probe.rank == 3:
        expected = reconstruction_loss(weights, eigenvalues)
        assert probe.exact().relative * eigenvalues.sum() == pytest.approx(expected, abs=1e-6 * eigenvalues.sum())


def test_dependent_and_dead_features_change_nothing() -> None:
    training, held_out = _pair(1, 400), _pair(2, 90)
    once = BudgetedDecoders.from_moments(_moments(training), _moments(held_out)).exact()

    def widened(pair: Pair) -> JointMoments:
        return _moments((np.concatenate([pair[0], pair[0][:, :2], np.zeros((len(pair[1]), 2))], axis=1), pair[1]))

    wide = BudgetedDecoders.from_moments(widened(training), widened(held_out)).exact()
    assert wide.loss == pytest.approx(once.loss, rel=1e-9)
    assert (wide.rank, wide.warning) == (5, None)


def test_a_direction_below_the_rank_tolerance_is_not_read_though_it_has_a_cholesky_factor() -> None:
    def with_whisper(pair: Pair) -> JointMoments:
        """A sixth feature with 1e-10 of the variance that carries the part of an input no other feature has."""
        return _moments((np.concatenate([pair[0], 1e-5 * pair[1][:, :1]], axis=1), pair[1]))

    training, held_out = with_whisper(_pair(1, 400)), with_whisper(_pair(2, 90))
    assert np.isfinite(np.linalg.cholesky(training.activations.covariance)).all()
    assert BudgetedDecoders.from_moments(training, held_out).exact().rank == 5


def test_a_dead_layer_leaves_the_mean_alone() -> None:
    training, held_out = ((np.zeros((count, 3)), _pair(count, count)[1]) for count in (200, 90))
    probe = BudgetedDecoders.from_moments(_moments(training), _moments(held_out))
    expected = np.square(held_out[1] - training[1].mean(axis=0)).mean()
    for found in (probe.exact(), probe.regularised(), *probe.budgeted([1.0])):
        assert found.loss == pytest.approx(expected, rel=1e-12)
        assert found.rank == 0


@pytest.mark.parametrize("decoder", ["exact", "regularised"])
def test_fewer_samples_than_features_regularise_with_a_warning(decoder: str) -> None:
    """Noise cannot be reconstructed from independent noise: least squares would reach 0 on the training samples."""

    def noise(seed: int) -> JointMoments:
        generator = np.random.default_rng(seed)
        return _moments((generator.standard_normal((60, 200)), generator.standard_normal((60, 10))))

    training, held_out = noise(1), noise(2)
    found = getattr(BudgetedDecoders.from_moments(training, held_out), decoder)()
    assert found.budget > 0
    assert found.warning is not None
    assert found.warning.startswith("60 samples for 59 directions of 200 features: budget")
    # The mean's loss, 1 + 1/60, is the best there is; the scatter of 600 squares is 0.06.
    assert found.relative == pytest.approx(1 + 1 / 60, abs=0.18)


def test_fewer_samples_than_features_regularise_also_where_the_rank_is_low() -> None:
    def widened(pair: Pair) -> JointMoments:
        return _moments((np.tile(pair[0], 30), pair[1]))

    found = BudgetedDecoders.from_moments(widened(_pair(1, 120)), widened(_pair(2, 90))).exact()
    assert found.rank == 5
    assert found.warning is not None


@pytest.mark.parametrize(
    ("count", "least_gain"),
    [
        pytest.param(40, 1.0, id="far fewer samples, where interpolation is nearly the best"),
        pytest.param(90, 3.0, id="about as many samples as features, where least squares is at its worst"),
        pytest.param(150, 1.8, id="more samples than features"),
    ],
)
def test_cross_validation_finds_nearly_the_best_penalty_where_samples_are_few(count: int, least_gain: float) -> None:
    training, held_out = _noisy(1, count), _noisy(2, 2_000)
    probe = BudgetedDecoders.from_moments(_moments(training), _moments(held_out))
    best = min(one.loss for one in probe.budgeted(list(np.geomspace(1e-3, 1e3, 61))))
    least_squares = _direct_loss(_least_squares(training), held_out)
    found = probe.regularised().loss
    assert best <= found * (1 + 1e-3)  # the two grids differ
    # Over 20 draws the excess was at most 2.2, 0.8 and 0.8 %, the gain at least 1.0, 3.8 and 1.9.
    assert found < 1.03 * best
    assert least_squares > least_gain * found


def _noisy(seed: int, count: int) -> Pair:
    """100 features that see 30 inputs of a power-law spectrum through noise."""
    layer = np.random.default_rng(0).standard_normal((30, 100))
    generator = np.random.default_rng(seed)
    inputs = generator.standard_normal((count, 30)) * np.arange(1, 31) ** -0.5
    return inputs @ layer + 0.5 * generator.standard_normal((count, 100)), inputs


def test_held_out_samples_that_were_fitted_are_refused() -> None:
    training = _moments(_pair(1, 100))
    copy = dataclasses.replace(training, cross=training.cross.copy())
    for held_out in (training, copy):
        with pytest.raises(InputError, match="held_out: are the moments of the training samples"):
            BudgetedDecoders.from_moments(training, held_out)


@pytest.mark.parametrize(
    ("held_out", "match"),
    [
        pytest.param(
            _pair(2, 50, features=4), r"held_out: has \(features, inputs\) \(4, 7\); give \(5, 7\)", id="features"
        ),
        pytest.param(_pair(2, 50, coordinates=6), r"held_out: has \(features, inputs\) \(5, 6\)", id="inputs"),
        pytest.param((_pair(2, 50)[0], np.ones((50, 7))), "held_out: inputs do not vary", id="constant inputs"),
    ],
)
def test_held_out_samples_that_do_not_fit_are_refused(held_out: Pair, match: str) -> None:
    with pytest.raises(InputError, match=match):
        BudgetedDecoders.from_moments(_moments(_pair(1, 100)), _moments(held_out))


def test_values_out_of_range_are_refused() -> None:
    training, held_out = _moments(_pair(1, 100)), _moments(_pair(2, 100))
    probe = BudgetedDecoders.from_moments(training, held_out)
    for budgets in ([], [0.0], [1.0, -1.0], [np.nan]):
        with pytest.raises(InputError, match="budgets"):
            probe.budgeted(budgets)


@pytest.mark.parametrize(("count", "features"), [(400, 5), (60, 90)], ids=["many samples", "more features"])
def test_the_cross_validated_decoder_is_the_regularised_one(count: int, features: int) -> None:
    training, held_out = _pair(1, count, features), _pair(2, 90, features)
    found = MomentDecoder.cross_validated(_moments(training)).reconstruct(held_out[0])
    expected = BudgetedDecoders.from_moments(_moments(training), _moments(held_out)).regularised()
    assert np.square(found - held_out[1]).mean() == pytest.approx(expected.loss, rel=1e-9)


@pytest.mark.parametrize(("count", "features"), [(400, 5), (60, 90)], ids=["least squares", "too few samples"])
def test_the_exact_decoder_by_itself_has_the_exact_loss(count: int, features: int) -> None:
    training, held_out = _pair(1, count, features), _pair(2, 90, features)
    found = MomentDecoder.exact(_moments(training)).reconstruct(held_out[0])
    expected = BudgetedDecoders.from_moments(_moments(training), _moments(held_out)).exact()
    assert np.square(found - held_out[1]).mean() == pytest.approx(expected.loss, rel=1e-9)


def test_the_cross_validated_decoder_of_constant_activations_is_the_mean() -> None:
    _, inputs = _pair(1, 50)
    decoder = MomentDecoder.cross_validated(_moments((np.ones((50, 3)), inputs)))
    np.testing.assert_allclose(decoder.reconstruct(np.ones((4, 3))), np.tile(inputs.mean(axis=0), (4, 1)))
