"""Hidden layers of linear networks on the digits: derived against trained, at every recorded step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from empirical import load
from simulation import FullBatch
from simulation.training.deep_training import initial_layers, linear_measurement, train_layers
from theory import Curve, DataModel, Moments, Softmax
from theory.curves.deep_linear import deep_linear_curves
from theory.validation import FloatArray, IntArray

STEP_SIZE, SCALE, REPLICAS = 0.02, 0.01, 2


@dataclass(frozen=True, eq=False)
class Run:
    """Hidden layer and output: derived curves, and losses (replica, layer, T) of networks from the same W(0)."""

    derived: tuple[Curve, ...]
    trained: FloatArray

    @property
    def distances(self) -> FloatArray:
        """(layer, T) largest distance over the replicas."""
        derived = np.stack([curve.losses for curve in self.derived], axis=1)
        return np.asarray(np.abs(derived - self.trained).max(axis=0))


def _run(widths: tuple[int, ...], steps: IntArray, replicas: int = REPLICAS) -> Run:
    """Pixels have unit variance on average. Trained in double precision, see the note below."""
    data = load("digits")
    raw = data.inputs.astype(np.float64)
    inputs = (raw - raw.mean(axis=0)) / np.sqrt(raw.var(axis=0).mean())
    model = DataModel.from_moments(Moments.from_samples(inputs, data.labels, data.classes))
    layers = initial_layers(replicas, (64, *widths, 10), SCALE, seed=0)
    source = FullBatch(torch.from_numpy(inputs), torch.from_numpy(data.labels))
    measurement = linear_measurement(model, torch.float64)
    trained = train_layers(source, Softmax(), layers, steps, STEP_SIZE, measurement, dtype=torch.float64)
    own = (model.to_eigenbasis(layers[0]), *layers[1:])
    return Run(deep_linear_curves(model, Softmax(), own, steps, STEP_SIZE), trained.losses)


def _doubling(last: int) -> IntArray:
    return np.array([0, *(2 ** np.arange(int(np.log2(last)) + 1))], dtype=np.int64)


def test_a_hidden_layer_of_32_units_to_its_turning_point_and_beyond() -> None:
    """Every draw within 0.002 to step 1,024, which is after the dip of about 0.02; the dip is where it was derived."""
    run = _run((32,), _doubling(1024), replicas=1)
    assert run.distances.max() < 0.002
    derived, trained = run.derived[0].losses[0], run.trained[0, 0]
    assert np.argmin(derived) == np.argmin(trained)
    assert trained[0] - trained.min() > 0.01
    assert trained[-1] > trained.min()


def test_three_layers_follow_too() -> None:
    """The curve of each of the three outputs, through the escape from the plateau."""
    steps = np.array([0, 200, 400, 600, 800, 1000, 1200])
    run = _run((16, 12), steps, replicas=1)
    assert run.distances.max() < 0.004
    assert np.ptp(run.trained[0, 0]) > 0.02


@pytest.mark.slow
@pytest.mark.parametrize("width", [10, 20, 32, 128])
def test_the_whole_published_run(width: int) -> None:
    """To step 8,192: within 0.01 at every recorded step, hidden layer and output, every draw.

    With 128 units, more than there are pixels, the hidden layer explains everything at all times.
    """
    run = _run((width,), _doubling(8192))
    assert run.distances.max() < 0.01
    if width == 128:
        assert run.trained[:, 0].max() < 1e-9
