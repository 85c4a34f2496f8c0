"""Samples of a data model or of a population that departs from it, in the eigenbasis of the data model."""

from __future__ import annotations

import numpy as np
import torch

from simulation.batches import Batch, SingleSource
from simulation.population import Population, check_realisable
from theory import DataModel, InputError
from theory.validation import FloatArray, IntArray, at_least


class WithinClassNoise:
    """Gaussian noise with the within-class covariance of a data model, in O(d K) operations a sample.

    With U, s the between-class directions and shares of the model (``class_shares``), that covariance
    is Sigma^(1/2) (I - U diag(s) U^T) Sigma^(1/2), so a draw is
    Sigma^(1/2) (g - U diag(1 - sqrt(1 - s)) U^T g) with g standard normal.

    Raises:
        InputError: no within-class covariance exists (the signal is too strong for the spectrum).
    """

    def __init__(self, model: DataModel, dtype: torch.dtype) -> None:
        directions, shrink = _within_class_shrinkage(model)
        self._directions = torch.from_numpy(directions).to(dtype)
        self._shrunk = torch.from_numpy((directions * shrink).T.copy()).to(dtype)
        self._deviations = torch.from_numpy(np.sqrt(model.eigenvalues)).to(dtype)
        self._dtype = dtype

    def draw(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """(count, d) independent rows."""
        normal = torch.randn(count, self._deviations.numel(), generator=generator, dtype=self._dtype)
        normal -= (normal @ self._directions) @ self._shrunk
        normal *= self._deviations
        return normal


class GaussianSampler:
    """Draws from the Gaussian classes of a data model.

    Raises:
        InputError: the model's signal is too strong for its spectrum.
    """

    def __init__(self, model: DataModel, seed: int, dtype: torch.dtype = torch.float32) -> None:
        self._noise = WithinClassNoise(model, dtype)
        self._means = torch.from_numpy(model.means).to(dtype)
        self._frequencies = torch.from_numpy(model.frequencies)
        self._generator = torch.Generator().manual_seed(seed)

    def draw(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """``count`` independent inputs (count, d) with labels (count,) drawn at their frequencies."""
        labels = _draw_labels(self._frequencies, count, self._generator)
        return self.draw_for(labels), labels

    def draw_for(self, labels: torch.Tensor) -> torch.Tensor:
        """An independent input for each of ``labels`` (n,): (n, d)."""
        return self._noise.draw(len(labels), self._generator).add_(self._means[labels])


class PopulationSampler:
    """Draws from a population; from one without departures, bit for bit what ``GaussianSampler`` draws.

    Labels are those seen, label noise included; the class of an input is drawn given its label.
    """

    def __init__(self, population: Population, seed: int, dtype: torch.dtype = torch.float32) -> None:
        self._population = population
        self._noise = WithinClassNoise(population.model, dtype)
        self._means = torch.from_numpy(population.model.means).to(dtype)
        self._frequencies = torch.from_numpy(population.frequencies)
        self._up_to_class = np.cumsum(population.class_given_label, axis=1)[:, :-1]
        self._generator = torch.Generator().manual_seed(seed)
        # Departures have a generator of their own: the Gaussian draws under them are the same with and without.
        self._departures = np.random.default_rng(seed)

    def draw(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """``count`` independent inputs (count, d) with labels (count,) drawn at their frequencies."""
        labels = _draw_labels(self._frequencies, count, self._generator)
        return self.draw_for(labels), labels

    def draw_for(self, labels: torch.Tensor) -> torch.Tensor:
        """An independent input for each of ``labels`` (n,) as seen: (n, d)."""
        count = len(labels)
        classes = torch.from_numpy(self._classes(labels.numpy()))
        radii, positions = (torch.from_numpy(factor).to(self._means) for factor in self._factors(count))
        inputs = self._noise.draw(count, self._generator)
        inputs *= radii[:, None]
        inputs += positions[:, None] * self._means[classes]
        return inputs

    def _classes(self, labels: IntArray) -> IntArray:
        """(n,) classes to which inputs with these labels belong."""
        drawn = self._departures.random(labels.size)
        return np.asarray((drawn[:, None] >= self._up_to_class[labels]).sum(axis=1), dtype=np.int64)

    def _factors(self, count: int) -> tuple[FloatArray, FloatArray]:
        """(count,) factors of the noise, of mean square 1, and of the class means."""
        index, share = self._population.tail_index, self._population.minority_share
        away = self._departures.random(count) < share
        positions = np.where(away, self._population.minority_position, 1.0)
        if np.isinf(index):
            return np.ones(count), positions
        return np.sqrt((index - 2) / self._departures.chisquare(index, count)), positions


def sampler_of(
    population: DataModel | Population, seed: int, dtype: torch.dtype = torch.float32
) -> GaussianSampler | PopulationSampler:
    """The sampler of a data model or of a population."""
    if isinstance(population, Population):
        return PopulationSampler(population, seed, dtype)
    return GaussianSampler(population, seed, dtype)


def sample(
    population: DataModel | Population, count: int, seed: int, dtype: torch.dtype = torch.float32
) -> tuple[torch.Tensor, torch.Tensor]:
    """``count`` inputs (count, d) in the eigenbasis of the data model, with labels (count,).

    Raises:
        InputError: the model's signal is too strong for its spectrum, or count < 1.
    """
    return sampler_of(population, seed, dtype).draw(count)


def sample_with_exact_moments(model: DataModel, count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A sample whose own class means and total covariance are the model's, to rounding.

    Gaussian draws are centred in each class and whitened before they take the model's shape, so that
    finite samples stand for the population: what is left to chance is W(0) alone.

    Args:
        model: a realisable model whose frequencies are multiples of 1 / count.
        count: number of samples, more than the dimension plus the number of classes.
        seed: of the draws.

    Returns:
        inputs (count, d) in the eigenbasis, float64, and labels (count,).

    Raises:
        InputError: too few samples, frequencies that do not fit, or a signal too strong.
    """
    members = np.rint(model.frequencies * count).astype(np.int64)
    if count <= model.dimension + model.classes or np.abs(members - model.frequencies * count).max() > 1e-6:
        raise InputError(
            f"count: {count} is not accepted; give a multiple of what makes all classes whole, above "
            f"{model.dimension + model.classes}"
        )
    directions, shrink = _within_class_shrinkage(model)
    labels = np.repeat(np.arange(model.classes), members)
    noise = np.random.default_rng(seed).standard_normal((count, model.dimension))
    one_hot = (labels[:, None] == np.arange(model.classes)).astype(np.float64)
    noise -= one_hot @ ((one_hot.T @ noise) / members[:, None])
    white = np.linalg.solve(np.linalg.cholesky(noise.T @ noise / count), noise.T).T
    white -= ((white @ directions) * shrink) @ directions.T
    inputs = white * np.sqrt(model.eigenvalues) + model.means[labels]
    return torch.from_numpy(inputs), torch.from_numpy(labels)


def _within_class_shrinkage(model: DataModel) -> tuple[FloatArray, FloatArray]:
    """Directions U (d, q) and 1 - sqrt(1 - s) (q,), by which noise within classes is less than the total.

    Raises:
        InputError: no sample can have the model's moments.
    """
    check_realisable(model)
    directions, shares = model.class_shares
    return directions, 1 - np.sqrt(np.maximum(1 - shares, 0.0))


def _draw_labels(frequencies: torch.Tensor, count: int, generator: torch.Generator) -> torch.Tensor:
    """(count,) independent labels."""
    return torch.multinomial(frequencies, at_least("count", count, 1), replacement=True, generator=generator)


class FreshSamples(SingleSource):
    """New samples of a data model or population at every step, of its own for each replica: the population limit."""

    def __init__(
        self,
        population: DataModel | Population,
        size: int,
        replicas: int,
        seed: int,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self._sampler = sampler_of(population, seed, dtype)
        self._size = at_least("size", size, 1)
        frequencies = torch.from_numpy(population.frequencies)
        super().__init__(population.dimension, at_least("replicas", replicas, 1), frequencies)

    def batch(self, step: int) -> Batch:
        """``size`` inputs never seen before, for each replica."""
        del step
        inputs, labels = self._sampler.draw(self.groups * self._size)
        return Batch(torch.split(inputs, self._size), torch.split(labels, self._size))
