"""The probe to a stated error: unbiased at few samples, an error that covers, and no more samples than it needs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from empirical import SampledLoss, sampled_reconstruction
from empirical.probes.sampled_probe import sampled_loss
from theory import InputError
from theory.validation import FloatArray

#: Activations of 40 directions explain inputs of 12 coordinates but for noise: L / tr Sigma is known.
DIRECTIONS, COORDINATES, NOISE = 40, 12, 0.8


def _planted(count: int, seed: int) -> tuple[FloatArray, FloatArray, float]:
    map_ = np.random.default_rng(0).standard_normal((DIRECTIONS, COORDINATES)) / np.sqrt(DIRECTIONS)
    generator = np.random.default_rng(seed)
    features = generator.standard_normal((count, DIRECTIONS))
    inputs = features @ map_ + NOISE * generator.standard_normal((count, COORDINATES))
    noise = COORDINATES * NOISE**2
    return features, inputs, noise / (noise + float(np.square(map_).sum()))


def test_the_loss_is_unbiased_at_a_few_samples_per_direction_and_its_error_covers() -> None:
    """300 draws of 200 samples: without the correction the loss would be a fifth too small, 50 standard errors."""
    found, errors, naive = [], [], []
    for seed in range(300):
        features, inputs, truth = _planted(200, seed)
        one = sampled_loss(features, inputs)
        found.append(one.relative)
        errors.append(one.standard_error)
        naive.append(one.relative * (1 - (DIRECTIONS + 1) / 200))
    off = np.array(found) - truth
    spread = off.std(ddof=1) / np.sqrt(off.size)
    assert abs(off.mean()) < 3 * spread + 0.002  # the ratio of two means is biased by 1 / n
    assert abs(np.mean(naive) - truth) > 20 * spread
    covered = np.mean(np.abs(off) <= 1.96 * np.array(errors))
    assert 0.88 <= covered <= 0.99


def _network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(27, 10), nn.ReLU())


def _images(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, 3, 3, 3, generator=generator) @ torch.diag(torch.tensor([2.0, 1.0, 0.5]))


def test_it_takes_as_many_samples_as_the_error_needs() -> None:
    """Four times the error needs a sixteenth of the samples, and the losses agree within two standard errors."""
    network, images = _network(), _images(40_000)
    fine = sampled_reconstruction(network, "2", images, 0.0015, first=200)
    coarse = sampled_reconstruction(network, "2", images, 0.006, first=200)
    assert fine.reached
    assert coarse.reached
    assert fine.standard_error <= 0.0015
    assert 8 < fine.samples / coarse.samples < 32
    assert abs(fine.relative - coarse.relative) < 2 * np.hypot(fine.standard_error, coarse.standard_error)


def test_all_images_are_used_where_the_error_cannot_be_reached() -> None:
    found = sampled_reconstruction(_network(), "2", _images(500), 1e-6, first=200)
    assert isinstance(found, SampledLoss)
    assert (found.samples, found.reached) == (500, False)


def test_on_all_samples_it_is_least_squares() -> None:
    """Against numpy's own least squares with an intercept, each residual over one less its leverage."""
    features, inputs, _ = _planted(300, 0)
    design = np.column_stack([np.ones(300), features])
    hat = design @ np.linalg.pinv(design)
    residuals = np.square(inputs - hat @ inputs).sum(axis=1) / (1 - np.diag(hat))
    expected = residuals.mean() / inputs.var(axis=0, ddof=1).sum()
    assert sampled_loss(features, inputs).relative == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"standard_error": 0.0}, "standard_error: 0.0 is not accepted"),
        ({"first": 10}, "first: 10 is not accepted"),
        ({"seed": -1}, "seed: -1 is not accepted"),
        ({"layer": "9"}, "layer"),
        ({"images": torch.ones(200, 3, 3, 3)}, "images: are all the same"),
    ],
)
def test_what_does_not_fit_is_one_line(changes: dict[str, object], match: str) -> None:
    given = {"network": _network(), "layer": "2", "images": _images(200)} | changes
    with pytest.raises(InputError, match=match):
        sampled_reconstruction(**given)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_inputs_that_are_no_numbers_are_named(value: float) -> None:
    features, inputs, _ = _planted(100, 0)
    spoilt = inputs.copy()
    spoilt[3, 1] = value
    with pytest.raises(InputError, match="inputs: hold NaN or infinity"), np.errstate(invalid="ignore"):
        sampled_loss(features[:, :4], spoilt)


def test_too_few_samples_for_the_directions_are_refused() -> None:
    features, inputs, _ = _planted(100, 0)
    with pytest.raises(InputError, match="100 are too few for 40 directions"):
        sampled_loss(features, inputs)
