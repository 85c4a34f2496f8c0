"""The classifier's initial scale, on the digits: it sets the pace of the layer below, as T10 and T11 have it.

A single layer has the sign wrong that deep networks show: its own outputs fall the later, the larger its weights begin.
Of two layers it is the hidden one that is followed, and the classifier's weights carry the gradient to it: by the early
law gamma = 1 + (1 + rho^2) sinh(S s)^2, rho the ratio of the classifier's scale to the hidden layer's, half of the fall
comes at asinh(sqrt(G / (1 + rho^2))) / S, which falls in rho.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from empirical import load
from simulation import FullBatch
from simulation.training.activations import Rectified
from simulation.training.deep_training import initial_layers, linear_measurement, train_layers
from simulation.training.hidden_units import sampled_measurement
from theory import ClassConditionalModel, DataModel, Softmax, mean_field_curve
from theory.curves.boundaries import first_crossing
from theory.curves.deep_linear import Layers, deep_linear_curves
from theory.curves.early_depth import EarlyDepth
from theory.curves.relu_layer import relu_curve
from theory.validation import FloatArray, IntArray

HIDDEN_SCALE, STEP_SIZE, WIDTH = 0.1, 0.05, 20
RATIOS = (0.1, 1.0, 10.0)
STEPS = np.unique(np.concatenate([[0], np.rint(np.geomspace(1, 512, 37)).astype(np.int64)]))


@dataclass(frozen=True, eq=False)
class Digits:
    """Pixels of unit variance on average, and Gaussian classes with their moments."""

    inputs: FloatArray
    labels: IntArray
    classes: ClassConditionalModel

    @property
    def model(self) -> DataModel:
        """Eigenvalues and prototypes."""
        return self.classes.model

    @property
    def source(self) -> FullBatch:
        """All of them at each step."""
        return FullBatch(torch.from_numpy(self.inputs), torch.from_numpy(self.labels))

    def in_eigenbasis(self, layers: Layers) -> Layers:
        """Layers as the theory has them."""
        return (self.model.to_eigenbasis(layers[0]), *layers[1:])


@pytest.fixture(scope="module")
def digits() -> Digits:
    data = load("digits")
    raw = data.inputs.astype(np.float64)
    inputs = (raw - raw.mean(axis=0)) / np.sqrt(raw.var(axis=0).mean())
    return Digits(inputs, data.labels, ClassConditionalModel.from_samples(inputs, data.labels, data.classes))


def _layers(ratio: float) -> Layers:
    """Of each ratio the same draw, but for the classifier's scale."""
    return initial_layers(1, (64, WIDTH, 10), (HIDDEN_SCALE, ratio * HIDDEN_SCALE), seed=0)


def _half_fall(losses: FloatArray) -> float:
    """Step at which half of the fall is done."""
    return float(first_crossing(STEPS.astype(np.float64), losses - (losses[0] + losses.min()) / 2, 1))


def test_a_linear_hidden_layer_falls_the_earlier_the_larger_the_classifier_begins(digits: Digits) -> None:
    """At every ratio within a quarter of what is derived; curves within .01."""
    halves = []
    for ratio in RATIOS:
        layers = _layers(ratio)
        measurement = linear_measurement(digits.model, torch.float64)
        trained = train_layers(
            digits.source, Softmax(), layers, STEPS, STEP_SIZE, measurement, dtype=torch.float64
        ).losses[0, 0]
        curve = deep_linear_curves(digits.classes, Softmax(), digits.in_eigenbasis(layers), STEPS, STEP_SIZE)[0]
        assert np.abs(curve.losses[0] - trained).max() < 0.01
        assert _half_fall(curve.losses[0]) == pytest.approx(_half_fall(trained), rel=0.25)
        halves.append(_half_fall(trained))
    assert halves[0] > 1.2 * halves[1] > 1.2 * 1.8 * halves[2]


def test_a_rectified_hidden_layer_does_so_too(digits: Digits) -> None:
    """One Gaussian per class: curves within .03, half of the fall within a quarter, over a factor of eight."""
    inputs = torch.from_numpy(digits.inputs)
    measurement = sampled_measurement(inputs, Rectified())
    halves = []
    for ratio in RATIOS:
        layers = _layers(ratio)
        trained = train_layers(
            digits.source, Softmax(), layers, STEPS, STEP_SIZE, measurement, Rectified(), dtype=torch.float64
        ).losses[0, 0]
        parameters = digits.in_eigenbasis(layers)
        curve = relu_curve(digits.classes, Softmax(), parameters, STEPS, STEP_SIZE, nodes=128)
        assert np.abs(curve.losses[0] - trained).max() < 0.03
        assert _half_fall(curve.losses[0]) == pytest.approx(_half_fall(trained), rel=0.25)
        halves.append(_half_fall(trained))
    assert halves[0] > 1.5 * halves[1] > 1.5 * 4 * halves[2]


def test_the_early_law_says_so_for_every_signal(digits: Digits) -> None:
    """R of the hidden layer rises faster at every time, for each of the ratios: gamma grows with rho."""
    law = EarlyDepth.from_model(digits.model, Softmax())
    times = np.linspace(0.1, 2.0, 8)
    explained = [law.explained(times, WIDTH, ratio) for ratio in RATIOS]
    assert np.all(np.diff(explained, axis=0) > 0)


def test_outputs_of_a_single_layer_have_the_other_sign(digits: Digits) -> None:
    """Phase I of one layer lasts in proportion to its weights (T2); at ten times the scale nothing of it falls."""
    model = digits.model
    curves = []
    for ratio in RATIOS:
        (weights,) = initial_layers(1, (64, 10), ratio * 0.03, seed=0)
        curves.append(mean_field_curve(model, Softmax(), model.to_eigenbasis(weights), STEPS, STEP_SIZE).mean)
    assert _half_fall(curves[0]) < _half_fall(curves[1])
    assert _half_fall(curves[1]) < _half_fall(curves[2]) or curves[2].min() > curves[2][0] - 0.01
