"""Few numbers for each input: their squared errors beside those of all coordinates, and where none are taken."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from empirical.probes.input_reconstruction import InputReconstruction
from empirical.probes.input_sketch import LEADING, RANDOM, InputSketch

SAMPLES, HELD_OUT, COORDINATES, SEEDS = 800, 200, 1024, 12

#: Standard deviations of the coordinates, which leave a few per cent of the variance to the random directions.
SPREAD = np.arange(1.0, COORDINATES + 1) ** -0.75


def rows(seed: int, spread: np.ndarray = SPREAD) -> torch.Tensor:
    draw = np.random.default_rng(seed).standard_normal((SAMPLES, spread.size)) * spread
    return torch.from_numpy((draw - draw.mean(axis=0)).astype(np.float32))


@pytest.fixture(scope="module")
def inputs() -> torch.Tensor:
    return rows(0)


@pytest.fixture(scope="module")
def sketch(inputs: torch.Tensor) -> InputSketch:
    found = InputSketch.from_rows(inputs)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def sketched(inputs: torch.Tensor) -> list[InputReconstruction]:
    return [InputReconstruction.sketched(inputs, HELD_OUT, seed) for seed in range(SEEDS)]


def test_leading_directions_are_orthonormal_and_leave_what_projection_leaves(
    inputs: torch.Tensor, sketch: InputSketch
) -> None:
    leading, random = sketch.directions[:, : sketch.exact].double(), sketch.directions[:, sketch.exact :].double()
    assert (sketch.exact, random.shape[1]) == (LEADING, RANDOM)
    # Products of 1,024 terms in float32.
    torch.testing.assert_close(leading.T @ leading, torch.eye(LEADING).double(), rtol=0, atol=1e-5)
    torch.testing.assert_close(leading.T @ random, torch.zeros(LEADING, RANDOM).double(), rtol=0, atol=1e-5)
    left = inputs.double() - inputs.double() @ leading @ leading.T
    # A difference of squares, ten times as large as the rest, in float32.
    torch.testing.assert_close(sketch.rest(inputs, sketch.of(inputs)), left.square().sum(dim=1), rtol=1e-3, atol=1e-6)


def test_leading_directions_leave_little_more_than_the_best_ones(inputs: torch.Tensor, sketch: InputSketch) -> None:
    variances = torch.linalg.svdvals(inputs).square()
    left = float(sketch.rest(inputs, sketch.of(inputs)).sum())
    # The best 192 directions leave the least; half of them is a bound that images let a power iteration keep.
    assert float(variances[LEADING:].sum()) < left < float(variances[LEADING // 2 :].sum())


@pytest.mark.parametrize(("layer", "loss"), [("mixed", (0.2, 0.4)), ("fine", (0.9, 1.1))])
def test_the_loss_is_that_of_all_coordinates_within_a_tenth_of_its_sampling_error(
    inputs: torch.Tensor, sketched: list[InputReconstruction], layer: str, loss: tuple[float, float]
) -> None:
    """A layer of mixed inputs, and one that reads what the leading directions leave."""
    mixing = torch.from_numpy(np.random.default_rng(1).standard_normal((COORDINATES, 64)).astype(np.float32))
    features = (inputs @ mixing).relu() if layer == "mixed" else inputs[:, -300:-200]
    whole = InputReconstruction.from_inputs(inputs, HELD_OUT).relative_errors(features)
    found = np.array([one.loss(features) for one in sketched])
    assert loss[0] < whole.mean() < loss[1]
    assert 0 < found.std(ddof=1) < 0.1 * whole.std(ddof=1) / HELD_OUT**0.5
    assert abs(found.mean() - whole.mean()) < 4 * found.std(ddof=1) / SEEDS**0.5


def test_inputs_without_leading_directions_and_few_coordinates_are_used_whole() -> None:
    assert InputSketch.from_rows(rows(0, np.ones(COORDINATES))) is None
    assert InputSketch.from_rows(rows(0, SPREAD[: 2 * (LEADING + RANDOM) - 1])) is None
    white = rows(0, np.ones(COORDINATES))
    found, whole = InputReconstruction.sketched(white, HELD_OUT), InputReconstruction.from_inputs(white, HELD_OUT)
    np.testing.assert_array_equal(found.relative_errors(white[:, :9]), whole.relative_errors(white[:, :9]))
