"""The closed-form curve: its own time, and beside the same prediction by neural-tangents.

    pip install -e '.[test,bench]'
    python -m pytest -m slow tests/benchmarks/test_curve_speed.py -s

Both predict gradient flow on the squared error of a linear layer z = W x without a bias, in float64, at 200 times:

- here: moments of the n inputs and the eigenbasis of their covariance (d, d), once; then a curve of the
  reconstruction loss from each W(0). The outputs of the n inputs are never formed.
- neural-tangents (`gradient_descent_mse`): the kernel X X^T (n, n) and its eigenbasis, once; then the outputs of all n
  inputs from each f(0) = X W(0)^T. The reconstruction loss follows from these outputs, as timed in a column of its own.

It is a library for any architecture, which the kernel serves, and it predicts more: each output. A curve of the
reconstruction loss of a linear layer does not need them. One thread took three minutes. Where other programs hold
a core, set OMP_NUM_THREADS=1: threads of a product that wait for each other make a short curve several times slower.

Seen, in CPU seconds of one thread (OMP_NUM_THREADS=1), with numpy 2.4.6 and jax 0.4.30:

      n  rank | here: first  further | peer: first  further  with loss | ratio: first  further  with loss
    500   499 |        5.82   0.0092 |        0.15   0.0478     0.0817 |         0.03      5.2        8.9
   1000   999 |        6.80   0.0146 |        0.55   0.1472     0.2533 |         0.08     10.1       17.4
   2000  1999 |        6.53   0.0295 |        3.34   0.5610     0.9804 |         0.51     19.0       33.2
   4000  3072 |        8.91   0.0447 |       19.63   2.5336     4.1779 |         2.20     56.7       93.5
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from theory import (
    DataModel,
    Loss,
    Moments,
    Softmax,
    SquaredError,
    flow_curve,
    gradient_descent_curve,
    logarithmic_steps,
)
from theory.curves.reconstruction import explained_variance_from_gram
from theory.validation import FloatArray, IntArray

PIXELS, CLASSES = 3072, 10
STEPS = logarithmic_steps(10_000, per_decade=62)
TIMES = np.geomspace(1e-3, 1e2, 200)  # in units of 1 / lambda_1, which is about 1 below
Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Problem:
    """Centred inputs (n, d) with covariance near diag(1 / i), their labels (n,) and W(0) (K, d)."""

    inputs: FloatArray
    labels: IntArray
    start: FloatArray

    @property
    def targets(self) -> FloatArray:
        """(n, K) one-hot targets less their mean, as the squared error here has them."""
        one_hot = np.eye(len(self.start))[self.labels]
        return one_hot - one_hot.mean(axis=0)


def _problem(count: int, dimension: int, classes: int) -> Problem:
    generator = np.random.default_rng(0)
    scale = np.arange(1, dimension + 1) ** -0.5
    labels = np.arange(count) % classes
    means = 0.3 * scale * generator.standard_normal((classes, dimension))
    inputs = means[labels] + scale * generator.standard_normal((count, dimension))
    return Problem(inputs - inputs.mean(axis=0), labels, 0.01 * generator.standard_normal((classes, dimension)))


class KernelPrediction:
    """The outputs of the training inputs over time, by neural-tangents."""

    def __init__(self, library: Any, problem: Problem) -> None:
        self._problem = problem
        dimension, classes = problem.inputs.shape[1], len(problem.start)
        # The library divides W by sqrt(d), which this scale takes back: the layer is z = W x, its kernel X X^T.
        layer = library.stax.Dense(classes, W_std=dimension**0.5, b_std=None)
        kernel = layer[2](problem.inputs, None, "ntk").block_until_ready()
        self.kernel: FloatArray = np.asarray(kernel)
        self._predict = library.predict.gradient_descent_mse(kernel, problem.targets)
        # Its loss is half the mean over the n K entries, the one here half the mean over n.
        self._times = classes * TIMES

    def outputs(self) -> FloatArray:
        """(T, n, K) outputs; the first call finds the eigenbasis of the kernel, which is kept."""
        initial = self._problem.inputs @ self._problem.start.T
        return np.asarray(self._predict(self._times, initial, None, None))

    def losses(self, outputs: FloatArray) -> FloatArray:
        """(T,) relative loss; for outputs F, W Sigma W^T = F^T F / n and W Sigma^2 W^T = F^T X X^T F / n^2."""
        steps, count, classes = outputs.shape
        # One product with the kernel for all times.
        side_by_side = np.moveaxis(outputs, 1, 0).reshape(count, -1)
        spread = np.moveaxis((self.kernel @ side_by_side).reshape(count, steps, classes), 0, 1)
        transposed = np.swapaxes(outputs, 1, 2)
        explained = explained_variance_from_gram(transposed @ outputs / count, transposed @ spread / count**2)
        return 1 - explained / (np.trace(self.kernel) / count)


def _data_model(problem: Problem) -> DataModel:
    return DataModel.from_moments(Moments.from_samples(problem.inputs, problem.labels, len(problem.start)))


def _closed_form(model: DataModel, problem: Problem) -> FloatArray:
    return flow_curve(model, SquaredError(), model.to_eigenbasis(problem.start)[None], TIMES).losses[0]


def _timed(function: Callable[[], Result], rounds: int) -> tuple[float, Result]:
    """Seconds of the best of some rounds, and the last result; the first one compiles, so give at least two."""
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        result = function()
        seconds.append(time.perf_counter() - started)
    return min(seconds), result


@pytest.fixture(scope="module")
def neural_tangents() -> Any:
    with warnings.catch_warnings():
        # It takes names from jax.core that the later of its versions of jax deprecate.
        warnings.simplefilter("ignore", DeprecationWarning)
        library = pytest.importorskip("neural_tangents", reason="the peer is not installed: pip install -e '.[bench]'")
    import jax

    jax.config.update("jax_enable_x64", True)
    return library


@pytest.mark.slow
@pytest.mark.parametrize("loss", [Softmax(), SquaredError()], ids=lambda loss: loss.name)
@pytest.mark.parametrize("dynamics", ["flow", "descent"])
def test_a_curve_takes_less_than_a_tenth_of_a_second(benchmark: BenchmarkFixture, loss: Loss, dynamics: str) -> None:
    """At d = 3,072, K = 10 and 200 times, from a data model in its eigenbasis; .052 to .075 s on one thread."""
    eigenvalues = 1 / np.arange(1, PIXELS + 1)
    generator = np.random.default_rng(0)
    prototypes = 0.03 * np.sqrt(eigenvalues) * generator.standard_normal((CLASSES, PIXELS))
    model = DataModel(eigenvalues, prototypes - prototypes.mean(axis=0), np.full(CLASSES, 1 / CLASSES))
    start = 0.01 * generator.standard_normal((1, CLASSES, PIXELS))
    run = {
        "flow": lambda: flow_curve(model, loss, start, TIMES),
        "descent": lambda: gradient_descent_curve(model, loss, start, STEPS, step_size=1.0),
    }[dynamics]
    curve = benchmark.pedantic(run, rounds=15, warmup_rounds=2)
    assert curve.times.size == 200
    assert benchmark.stats.stats.min < 0.1


@pytest.mark.slow
@pytest.mark.parametrize(("count", "dimension"), [(60, 20), (30, 50)], ids=["n > d", "n < d"])
def test_both_predict_the_same_curve(neural_tangents: Any, count: int, dimension: int) -> None:
    problem = _problem(count, dimension, classes=3)
    peer = KernelPrediction(neural_tangents, problem)
    np.testing.assert_allclose(peer.kernel, problem.inputs @ problem.inputs.T, atol=1e-13 * np.trace(peer.kernel))
    predicted = peer.losses(peer.outputs())
    assert np.ptp(predicted) > 0.1
    # float64 on both sides; Gram matrices lose up to eps times their condition number, here up to 1e5.
    np.testing.assert_allclose(_closed_form(_data_model(problem), problem), predicted, atol=1e-10)


@dataclass(frozen=True)
class Timing:
    """Seconds of the first prediction from n inputs, decomposition included, and of a further one.

    rank: of the covariance, the dimension of the closed form. peer_loss: the peer's further outputs with their loss.
    """

    count: int
    rank: int
    first: float
    further: float
    peer_first: float
    peer_further: float
    peer_loss: float

    @property
    def ratios(self) -> tuple[float, float, float]:
        """Peer over closed form: first, further, further with the loss."""
        return self.peer_first / self.first, self.peer_further / self.further, self.peer_loss / self.further

    def __str__(self) -> str:
        return (
            f"{self.count:6d} {self.rank:5d} | {self.first:6.2f} {self.further:8.4f} | "
            f"{self.peer_first:6.2f} {self.peer_further:8.4f} {self.peer_loss:10.4f} | "
            "{:6.2f} {:8.1f} {:10.1f}".format(*self.ratios)
        )


def _timing(library: Any, count: int) -> Timing:
    problem = _problem(count, PIXELS, CLASSES)

    def first() -> DataModel:
        model = _data_model(problem)
        _closed_form(model, problem)
        return model

    def peer_first() -> KernelPrediction:
        prediction = KernelPrediction(library, problem)
        prediction.outputs()
        return prediction

    first_seconds, model = _timed(first, rounds=2)
    peer_seconds, peer = _timed(peer_first, rounds=2)
    return Timing(
        count,
        model.dimension,
        first_seconds,
        _timed(lambda: _closed_form(model, problem), rounds=15)[0],
        peer_seconds,
        _timed(peer.outputs, rounds=5)[0],
        _timed(lambda: peer.losses(peer.outputs()), rounds=5)[0],
    )


@pytest.mark.slow
def test_a_further_curve_is_faster_than_the_kernel_prediction_by_a_ratio_that_grows_with_n(
    benchmark: BenchmarkFixture, neural_tangents: Any
) -> None:
    """The first curve costs an eigenbasis of size d here and of size n there: below n = d the peer has it sooner."""
    counts = (500, 1000, 2000, 4000)
    timings = benchmark.pedantic(lambda: [_timing(neural_tangents, count) for count in counts], rounds=1)
    print(f"\nd = {PIXELS}, K = {CLASSES}, {TIMES.size} times; seconds here | seconds of the peer | ratio peer / here")
    print("     n  rank |  first  further |  first  further  with loss |  first  further  with loss")
    print(*timings, sep="\n")
    benchmark.extra_info.update(ratios_by_count={timing.count: timing.ratios for timing in timings})
    ratios = np.array([timing.ratios for timing in timings])
    growth = np.polyfit(np.log(counts[1:]), np.log(ratios[1:]), 1)[0]
    print("exponent of n in the ratios, from n = 1,000: first {:.2f}, further {:.2f}, with loss {:.2f}".format(*growth))
    first, further, with_loss = ratios[counts.index(2000)]
    benchmark.extra_info.update(first=first, further=further, with_loss=with_loss, growth=growth.tolist())
    assert further >= 2
    assert with_loss >= 2
    assert ratios[-1, 1] > ratios[1, 1]
