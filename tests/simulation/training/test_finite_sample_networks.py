"""Networks trained on finite samples, against the boundaries that the theory predicts from the population.

In each case 24 data sets are drawn from the model, and 4 networks trained on each by full-batch gradient
descent. W(0) comes in pairs of opposite sign: the term linear in W(0), which the mean over W(0) does not
have, cancels. The mean over networks of a data set is one replica of the ensemble, so that the standard
errors are those over data sets.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from simulation import FullBatch, JoinedSources, MeasuredBoundaries, initial_weights, measured_boundaries, train
from simulation.training.sampling import GaussianSampler
from theory import Curve, DataModel, Logistic, Loss, Moments, OneOutput, Regime, SquaredError
from theory.curves.finite_sample import SampledOneOutput

DIMENSION = 100
DATA_SETS = 24
PAIRS = 2
#: So small that s* is ten times s1 and saturation at s* is of the order of a hundredth.
INIT_SCALE = 1e-4
STEPS_TO_PHASE_ONE_END = 12
#: In units of L / tr Sigma, a thousandth of the falls measured here.
RESOLUTION = 3e-6

_UPPER_HALF = np.arange(DIMENSION) < DIMENSION // 2
SPECTRUM = np.where(_UPPER_HALF, 2.0, 1.0)
#: Most of the signal where the variance is, or most of it where it is not.
ALIGNED = DataModel.two_classes(SPECTRUM, np.where(_UPPER_HALF, 0.07, 0.025))
MISALIGNED = DataModel.two_classes(SPECTRUM, np.where(_UPPER_HALF, 0.01, 0.05))

Measure = Callable[[DataModel, Moments], DataModel]


def on_the_sample(model: DataModel, moments: Moments) -> DataModel:
    """The reconstruction loss is that of the sample that trains the network."""
    del model
    return DataModel.from_moments(moments)


def on_fresh_inputs(model: DataModel, moments: Moments) -> DataModel:
    """It is that of the population."""
    del moments
    return model


def _ensemble(model: DataModel, loss: Loss, samples: int, times: tuple[float, float], measure: Measure) -> Curve:
    """Mean curve of each data set, (data set, T); ``times`` are those of the first boundary and of the end."""
    step_size = times[0] / STEPS_TO_PHASE_ONE_END
    last = int(times[1] / step_size)
    steps = np.union1d(np.arange(0, 40, 2), np.geomspace(40, last, 40).astype(np.int64))
    sampler = GaussianSampler(model, seed=5)
    labels = torch.arange(samples) % 2
    inputs = [sampler.draw_for(labels) for _ in range(DATA_SETS)]
    measures = [measure(model, Moments.from_samples(own.double().numpy(), labels.numpy(), 2)) for own in inputs]
    # (draw, data set, 1, d): networks on all data sets train together.
    halves = np.stack([initial_weights(PAIRS, 1, DIMENSION, INIT_SCALE, seed=number) for number in range(DATA_SETS)], 1)
    start = np.concatenate([halves, -halves]).reshape(-1, 1, DIMENSION)
    source = JoinedSources([FullBatch(own, labels) for own in inputs])
    trained = train(source, measures, loss, start, steps, step_size)
    return Curve(step_size * steps, trained.losses.reshape(2 * PAIRS, DATA_SETS, -1).mean(axis=0))


def _measured(model: DataModel, loss: Loss, samples: int, turning: float, measure: Measure) -> MeasuredBoundaries:
    first = SampledOneOutput.from_model(model, loss, samples).phase_one_end(INIT_SCALE)
    return measured_boundaries(_ensemble(model, loss, samples, (first, 3 * turning), measure), resolution=RESOLUTION)


def _tolerance(found: MeasuredBoundaries, name: str, samples: int, rank: float) -> float:
    """Three standard errors and the order of what the formula neglects, twice 1/n + 1/r."""
    error = found.relative_error(name)
    assert error is not None
    assert error < 0.05  # else the comparison would say little
    return 3 * error + 2 * (1 / samples + 1 / rank)


def _half_of_the_fall(network: SampledOneOutput | OneOutput) -> float:
    """Half of the fall from R0 to the turning point, where R is R2 less 3 (R2 - R0) (s1/s*)^2."""
    turning = network.turning_point_formula(INIT_SCALE)
    assert turning is not None
    missing = 3 * (network.phase_one_end(INIT_SCALE) / turning) ** 2
    return network.fraction_point(INIT_SCALE, 0.5 * (1 - missing))


@pytest.mark.parametrize(
    "samples", [pytest.param(1000, marks=pytest.mark.slow), 200, 100], ids=["d/n=0.1", "d/n=0.5", "d/n=1"]
)
def test_networks_on_finite_samples_keep_to_the_boundaries_predicted_for_their_number(samples: int) -> None:
    """The boundaries of the population, as if n were infinite, fail the same comparison."""
    predicted = SampledOneOutput.from_model(ALIGNED, SquaredError(), samples)
    population = OneOutput.from_model(ALIGNED, SquaredError())
    turning = predicted.turning_point_formula(INIT_SCALE)
    unsampled = population.turning_point_formula(INIT_SCALE)
    assert turning is not None
    assert unsampled is not None
    found = _measured(ALIGNED, SquaredError(), samples, turning, on_the_sample)
    rank = predicted.effective_rank
    assert found.boundaries.regime is Regime.THREE_PHASES
    expected = {
        "fraction_point": (_half_of_the_fall(predicted), _half_of_the_fall(population)),
        "turning_point": (turning, unsampled),
    }
    for name, (corrected, uncorrected) in expected.items():
        measured = found.time(name)
        assert measured is not None
        tolerance = _tolerance(found, name, samples, rank)
        assert abs(np.log(measured / corrected)) < tolerance
        assert abs(np.log(measured / uncorrected)) > 1.5 * tolerance


@pytest.mark.slow
def test_the_logistic_loss_has_the_same_boundaries_at_its_own_curvature() -> None:
    predicted = SampledOneOutput.from_model(ALIGNED, Logistic(), 200)
    turning = predicted.turning_point_formula(INIT_SCALE)
    assert turning is not None
    found = _measured(ALIGNED, Logistic(), 200, turning, on_the_sample)
    measured = found.time("turning_point")
    assert measured is not None
    assert abs(np.log(measured / turning)) < _tolerance(found, "turning_point", 200, predicted.effective_rank)


@pytest.mark.parametrize("samples", [200, pytest.param(100, marks=pytest.mark.slow)])
def test_misaligned_data_have_a_phase_two_on_a_sample_that_is_small_enough(samples: int) -> None:
    """Theorem T3 speaks of the moments that train: those of a small sample are aligned by its noise."""
    predicted = SampledOneOutput.from_model(MISALIGNED, SquaredError(), samples)
    turning = predicted.turning_point_formula(INIT_SCALE)
    assert turning is not None
    assert OneOutput.from_model(MISALIGNED, SquaredError()).turning_point_formula(INIT_SCALE) is None
    found = _measured(MISALIGNED, SquaredError(), samples, turning, on_the_sample)
    assert found.boundaries.regime is Regime.THREE_PHASES
    measured = found.time("turning_point")
    assert measured is not None
    assert abs(np.log(measured / turning)) < _tolerance(found, "turning_point", samples, predicted.effective_rank)


@pytest.mark.slow
def test_the_same_networks_have_none_on_fresh_inputs_and_none_on_many_samples() -> None:
    few = SampledOneOutput.from_model(MISALIGNED, SquaredError(), 200)
    many = SampledOneOutput.from_model(MISALIGNED, SquaredError(), 1000)
    turning = few.turning_point_formula(INIT_SCALE)
    assert turning is not None
    assert few.fresh_turning_point_formula(INIT_SCALE) is None
    assert many.turning_point_formula(INIT_SCALE) is None
    fresh = _measured(MISALIGNED, SquaredError(), 200, turning, on_fresh_inputs)
    assert fresh.boundaries.regime is Regime.MONOTONE_RISE
    found = _measured(MISALIGNED, SquaredError(), 1000, turning, on_the_sample)
    assert found.boundaries.regime is Regime.MONOTONE_RISE


@pytest.mark.parametrize("samples", [pytest.param(200, marks=pytest.mark.slow), 100])
def test_on_fresh_inputs_networks_turn_later_than_on_their_sample_and_where_predicted(samples: int) -> None:
    predicted = SampledOneOutput.from_model(ALIGNED, SquaredError(), samples)
    turning = predicted.fresh_turning_point_formula(INIT_SCALE)
    on_sample = predicted.turning_point_formula(INIT_SCALE)
    assert turning is not None
    assert on_sample is not None
    found = _measured(ALIGNED, SquaredError(), samples, turning, on_fresh_inputs)
    measured = found.time("turning_point")
    assert measured is not None
    tolerance = _tolerance(found, "turning_point", samples, predicted.effective_rank)
    assert abs(np.log(measured / turning)) < tolerance
    assert abs(np.log(measured / on_sample)) > 1.5 * tolerance
