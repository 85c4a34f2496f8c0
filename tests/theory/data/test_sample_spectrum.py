from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import spectra
from theory import DataModel, InputError
from theory.data.sample_spectrum import SampleSpectrum
from theory.validation import FloatArray

RATIOS = pytest.mark.parametrize("ratio", [0.1, 0.5, 1.0, 2.0])


def _quadrature(spectrum: SampleSpectrum, points: int) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights between the edges, dense where the density has a square root (or its inverse)."""
    low, high = spectrum.edges
    angles = (np.arange(points) + 0.5) / points * np.pi / 2
    return low + (high - low) * np.sin(angles) ** 2, (high - low) * np.sin(2 * angles) * np.pi / (2 * points)


@RATIOS
def test_a_flat_spectrum_has_the_density_and_the_edges_of_marchenko_and_pastur(ratio: float) -> None:
    samples = 200
    spectrum = SampleSpectrum(np.full(round(samples * ratio), 3.0), samples)
    low, high = spectrum.edges
    assert low == pytest.approx(3 * (1 - np.sqrt(ratio)) ** 2, abs=1e-12)
    assert high == pytest.approx(3 * (1 + np.sqrt(ratio)) ** 2, rel=1e-12)
    grid = np.linspace(low, high, 301)[1:-1]
    closed = np.sqrt((high - grid) * (grid - low)) / (2 * np.pi * ratio * 3 * grid)
    # Halving leaves 1e-16 of the bracket; at d = n the density diverges at 0 and magnifies it.
    np.testing.assert_allclose(spectrum.density(grid), closed, rtol=1e-10)
    assert not spectrum.density(np.array([high * 1.01, high * 10])).any()
    assert spectrum.zero_share == max(0.0, 1 - 1 / ratio)


def test_moments_are_those_of_marchenko_and_pastur() -> None:
    """Narayana's numbers: 1, 1 + c, 1 + 3c + c^2, 1 + 6c + 6c^2 + c^3."""
    found = SampleSpectrum(np.full(50, 2.0), 100).moments(4)
    np.testing.assert_allclose(found, [2, 4 * 1.5, 8 * 2.75, 16 * (1 + 3 + 1.5 + 0.125)], rtol=1e-14)


@RATIOS
def test_the_density_integrates_to_one_and_to_the_moments(ratio: float) -> None:
    """Roots in the complex plane against series in 1/w: two ways that share the equation only."""
    eigenvalues = np.arange(1, 41) ** -0.5
    spectrum = SampleSpectrum(eigenvalues, round(40 / ratio))
    nodes, weights = _quadrature(spectrum, 2000)
    density = spectrum.density(nodes)
    # Gaps and the edges within them limit the quadrature, most at d/n = 0.1.
    assert density @ weights + spectrum.zero_share == pytest.approx(1, abs=1e-4)
    moments = [density @ (weights * nodes**order) for order in range(1, 6)]
    np.testing.assert_allclose(moments, spectrum.moments(5), rtol=2e-4)


@given(spectra(largest=20), st.integers(1, 200))
def test_edges_enclose_the_mean_and_densities_are_not_negative(eigenvalues: FloatArray, samples: int) -> None:
    spectrum = SampleSpectrum(eigenvalues, samples)
    low, high = spectrum.edges
    mean = eigenvalues.mean() / (1 - spectrum.zero_share)
    assert low <= mean <= high
    density = spectrum.density(high * np.array([1e-3, 0.1, 0.5, 0.9, 1.1]))
    assert np.all(density >= 0)
    assert density[-1] == 0


def test_with_many_samples_the_spectrum_is_that_of_the_population() -> None:
    eigenvalues = np.array([4.0, 2.0, 1.0])
    spectrum = SampleSpectrum(eigenvalues, 10**8)
    # Eigenvalues scatter by about sqrt(1/n).
    np.testing.assert_allclose(spectrum.edges, [1.0, 4.0], rtol=3e-4)
    np.testing.assert_allclose(spectrum.moments(3), [np.mean(eigenvalues**order) for order in (1, 2, 3)], rtol=1e-7)


@pytest.mark.parametrize("samples", [1000, 200, 100], ids=["d/n=0.1", "d/n=0.5", "d/n=1"])
def test_eigenvalues_of_samples_of_two_classes_are_distributed_as_predicted(samples: int) -> None:
    """Of 100 eigenvalues, the mean number below any threshold is right to within one.

    Eigenvalues repel and their number below a threshold hardly scatters, so that the limit is met to O(1)
    in d = 100. The population's own spectrum misses by far.
    """
    dimension = 100
    eigenvalues = np.where(np.arange(dimension) < 50, 2.0, 1.0)
    model = DataModel.two_classes(eigenvalues, np.where(eigenvalues > 1, 0.07, 0.025))
    generator = np.random.default_rng(0)
    mean = 2 * model.prototypes[1]
    within = np.linalg.cholesky(np.diag(eigenvalues) - np.outer(mean, mean))
    labels = np.where(np.arange(samples) % 2, 1.0, -1.0)
    found = []
    for _ in range(60):
        inputs = generator.standard_normal((samples, dimension)) @ within.T + labels[:, None] * mean
        inputs -= inputs.mean(axis=0)
        found.append(np.linalg.eigvalsh(inputs.T @ inputs / samples))
    measured = np.array(found)
    spectrum = SampleSpectrum(eigenvalues, samples)
    nodes, weights = _quadrature(spectrum, 2000)
    below = dimension * np.cumsum(spectrum.density(nodes) * weights)
    thresholds = np.arange(100, 2000, 100)
    counts = (measured[:, :, None] <= nodes[thresholds]).sum(axis=1).mean(axis=0)
    assert np.abs(counts - below[thresholds]).max() < 1
    unsampled = (eigenvalues[:, None] <= nodes[thresholds]).sum(axis=0)
    assert np.abs(counts - unsampled).max() > 10
    moments = (measured[:, :, None] ** np.arange(1, 4)).mean(axis=1)
    error = moments.std(axis=0) / np.sqrt(len(moments))
    # The mean taken out costs 1/n, Wishart's own corrections are of that order too.
    np.testing.assert_array_less(
        np.abs(moments.mean(axis=0) - spectrum.moments(3)), 4 * error + 5 * moments.mean(axis=0) / samples
    )


@pytest.mark.parametrize(
    ("eigenvalues", "samples", "match"),
    [
        ([1.0, 0.0], 10, "smallest eigenvalue"),
        ([1.0, np.inf], 10, "eigenvalues"),
        ([1.0], 0, "samples: 0 is not accepted; give an integer of at least 1"),
    ],
)
def test_bad_arguments_are_refused(eigenvalues: list[float], samples: int, match: str) -> None:
    with pytest.raises(InputError, match=match):
        SampleSpectrum(np.array(eigenvalues), samples)


@pytest.mark.parametrize("grid", [[], [0.0, 1.0], [[1.0]]])
def test_bad_grids_are_refused(grid: list[float]) -> None:
    with pytest.raises(InputError, match="grid"):
        SampleSpectrum(np.array([2.0, 1.0]), 10).density(np.array(grid))


def test_bad_orders_are_refused() -> None:
    with pytest.raises(InputError, match="count"):
        SampleSpectrum(np.array([2.0, 1.0]), 10).moments(0)
