from __future__ import annotations

import numpy as np
import pytest

from simulation import sample
from simulation.training.gradient_share import sample_gradient_share
from theory import DataModel, InputError, Logistic, Loss, Softmax, SquaredError
from theory.curves.mean_field import gaussian_nodes, gradient_share


def _model(classes: int) -> DataModel:
    generator = np.random.default_rng(0)
    frequencies = np.arange(2, classes + 2) / np.arange(2, classes + 2).sum()
    prototypes = generator.standard_normal((classes, 6))
    prototypes -= frequencies[:, None] * prototypes.sum(axis=0)
    model = DataModel(np.arange(6, 0, -1.0), prototypes, frequencies)
    return model.with_signal_scaled(float(np.sqrt(0.7 / model.class_shares[1][0])))


@pytest.mark.parametrize(("loss", "classes"), [(Logistic(), 2), (Softmax(), 2), (Softmax(), 4)])
@pytest.mark.parametrize("scale", [0.1, 0.5, 1.0])
def test_many_samples_have_the_share_of_the_gaussian_integral(loss: Loss, classes: int, scale: float) -> None:
    model, count = _model(classes), 200_000
    weights = scale * np.random.default_rng(1).standard_normal((2, loss.outputs(classes), 6))
    inputs, labels = (array.numpy() for array in sample(model, count, seed=2))
    outputs = inputs.astype(np.float64) @ np.swapaxes(weights, -1, -2)
    found = sample_gradient_share(loss, outputs, labels)
    expected = gradient_share(model, loss, weights, gaussian_nodes(loss.outputs(classes), 1 << 14))
    # The logarithm of (mean q)^2 / mean q^2 varies as the sample mean of 2 q / E q - q^2 / E q^2 (delta method);
    # q is written out here, and quasi-Monte-Carlo adds up to 1e-4.
    right = loss.predictions(outputs)
    if loss.outputs(classes) == 1:
        wrong = np.where(labels == 1, 1 - right[..., 0], right[..., 0])
    else:
        wrong = 1 - right[:, np.arange(count), labels]
    influence = 2 * wrong / wrong.mean(axis=1, keepdims=True) - wrong**2 / (wrong**2).mean(axis=1, keepdims=True)
    error = influence.std(axis=1) / np.sqrt(count)
    assert np.all(np.abs(np.log(found / expected)) <= 5 * error + 1e-4)
    assert np.all(error < 0.01)


def test_equal_probabilities_are_shared_by_all_and_one_left_over_sample_carries_everything() -> None:
    labels = np.array([0, 1, 0, 1])
    assert sample_gradient_share(Softmax(), np.zeros((4, 2)), labels) == 1
    right = np.array([-40.0, 40.0, 0.0, 40.0])[:, None]
    assert sample_gradient_share(Logistic(), right, labels) == pytest.approx(1 / 4)


def test_bad_arguments_are_refused() -> None:
    labels = np.array([0, 1, 1])
    with pytest.raises(InputError, match="squared error gives no probabilities"):
        sample_gradient_share(SquaredError(), np.zeros((3, 1)), labels)
    with pytest.raises(InputError, match="outputs: has 2 per sample; give 1 for logistic"):
        sample_gradient_share(Logistic(), np.zeros((3, 2)), labels)
    with pytest.raises(InputError, match="labels: holds the label 2"):
        sample_gradient_share(Softmax(), np.zeros((3, 2)), labels + 1)
    with pytest.raises(InputError, match="outputs: has shape"):
        sample_gradient_share(Softmax(), np.zeros(3), labels)
