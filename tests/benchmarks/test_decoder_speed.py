"""The exact linear decoder against the published one: Adam 3e-4, weight decay 1e-5, batch 128, 20 epochs.

    python -m pytest -m slow tests/benchmarks -s

All twenty epochs are run. Inputs are
Gaussian with the spectrum of natural images (lambda_i ~ 1/i), features a random ReLU layer of them:
50,000 samples to fit, 5,000 held out, 512 features, 3,072 pixels. Two cores take about five minutes.
"""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture
from torch import nn

from empirical.probes.decoder import LinearDecoder, fit_linear_decoder
from tests.benchmarks.timing import seconds_of_product

COUNT, HELD_OUT, FEATURES, PIXELS, EPOCHS = 50_000, 5_000, 512, 3072, 20
Pair = tuple[NDArray[np.float32], NDArray[np.float32]]


@pytest.fixture(scope="module")
def data() -> tuple[Pair, Pair]:
    generator = torch.Generator().manual_seed(0)
    scale = torch.arange(1, PIXELS + 1).pow(-0.5)
    scale *= (PIXELS / scale.square().sum()).sqrt()
    inputs = torch.randn(COUNT + HELD_OUT, PIXELS, generator=generator) * scale
    layer = torch.randn(PIXELS, FEATURES, generator=generator) / PIXELS**0.5
    features = torch.relu(inputs @ layer)
    pair = features.numpy(), inputs.numpy()
    return (pair[0][:COUNT], pair[1][:COUNT]), (pair[0][COUNT:], pair[1][COUNT:])


def _exact(fit: Pair) -> LinearDecoder:
    features, inputs = fit
    rows = [slice(start, start + 4096) for start in range(0, COUNT, 4096)]
    return fit_linear_decoder((features[chosen], inputs[chosen]) for chosen in rows)


def _adam_epochs(fit: Pair, epochs: int) -> tuple[LinearDecoder, float]:
    """The published decoder and the seconds an epoch took."""
    features, inputs = torch.from_numpy(fit[0]), torch.from_numpy(fit[1])
    torch.manual_seed(0)
    decoder = nn.Linear(FEATURES, PIXELS)
    optimiser = torch.optim.Adam(decoder.parameters(), lr=3e-4, weight_decay=1e-5)
    started = time.perf_counter()
    for _ in range(epochs):
        for rows in torch.randperm(COUNT).split(128):
            optimiser.zero_grad()
            nn.functional.mse_loss(decoder(features[rows]), inputs[rows]).backward()
            optimiser.step()
    seconds = (time.perf_counter() - started) / epochs
    weights, intercept = decoder.weight.detach().numpy().T, decoder.bias.detach().numpy()
    return LinearDecoder(weights.astype(np.float64), intercept.astype(np.float64)), seconds


@pytest.mark.slow
def test_the_exact_decoder_is_faster_by_the_ratio_of_passes_at_a_lower_held_out_error(
    benchmark: BenchmarkFixture, data: tuple[Pair, Pair]
) -> None:
    """Near the limit of one matrix product, where the published method makes two for each of 20 epochs.

    On two cores the ratio was 74 to 99; at the bare product itself it would be 97 to 114.
    """
    fit, held_out = data
    exact = benchmark.pedantic(_exact, args=(fit,), rounds=3, warmup_rounds=1)
    bare = seconds_of_product(torch.from_numpy(fit[0]), torch.from_numpy(fit[1]))
    trained, epoch_seconds = _adam_epochs(fit, EPOCHS)
    errors = exact.loss([held_out]), trained.loss([held_out])
    seconds = benchmark.stats.stats.min
    ratio = EPOCHS * epoch_seconds / seconds
    benchmark.extra_info.update(ratio=ratio, bare_product=bare, exact_error=errors[0], trained_error=errors[1])
    print(
        f"\nexact {seconds:.2f} s (bare product {bare:.2f} s), error {errors[0]:.4f}; "
        f"Adam, {EPOCHS} epochs {EPOCHS * epoch_seconds:.0f} s, error {errors[1]:.4f}; ratio {ratio:.0f}"
    )
    assert errors[0] < errors[1]
    assert seconds < 1.5 * bare
    assert ratio >= 60  # forty products, and Adam's own work, against one
