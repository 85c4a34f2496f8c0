"""The mean field against networks trained on Gaussian data, over 10,000 steps."""

from __future__ import annotations

import numpy as np
import pytest

from simulation import FreshSamples, initial_weights, train
from theory import DataModel, Softmax, logarithmic_steps, mean_field_curve


@pytest.mark.slow
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_the_mean_field_is_within_a_hundredth_for_ten_thousand_steps(
    classes: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """At d = 200 on new samples at each step: the population of the mean field, with the noise of batches of 2,000."""
    model, loss, replicas = DataModel.power_law_classes(200, 0.8, 1.5, classes, 0.4, seed=0), Softmax(), 4
    weights = initial_weights(replicas, classes, 200, 0.01, seed=0)
    steps = logarithmic_steps(10_000)
    step_size = 0.1 / (loss.initial_curvature(classes) * model.eigenvalues[0])
    source = FreshSamples(model, 2000, 1, seed=0)
    trained = train(source, model, loss, weights, steps, step_size).curve
    derived = mean_field_curve(model, loss, weights, steps, step_size)
    difference = trained.losses - derived.losses
    error = difference.std(axis=0, ddof=1) / np.sqrt(replicas)
    with capsys.disabled():
        print(f"\nK = {classes}: step, derived, trained, standard error of the difference over {replicas} draws")
        for column in range(0, steps.size, 12):
            print(f"{steps[column]:6d}  {derived.mean[column]:.4f}  {trained.mean[column]:.4f}  {error[column]:.4f}")
        print(f"largest difference {np.abs(difference.mean(axis=0)).max():.4f}")
    assert np.abs(difference.mean(axis=0)).max() < 0.01
