"""Samples of a data model, of a population that departs from it, or of a mixture, in its eigenbasis."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from simulation.devices import checked_device, checked_dtype
from simulation.training.batches import Batch, SingleSource, groups_in_turns, groups_together
from simulation.training.labelled_sampler import LabelledSampler
from simulation.training.mixture_sampling import MixtureSampler
from simulation.training.population import Population, check_realisable
from theory import DataModel, InputError, MixtureModel
from theory.validation import FloatArray, IntArray, at_least


class WithinClassNoise:
    """Gaussian noise with the within-class covariance of a data model, in O(d K) operations per sample.

    With U, s the between-class directions and shares of the model (``class_shares``), that covariance
    is Sigma^(1/2) (I - U diag(s) U^T) Sigma^(1/2), so a draw is
    Sigma^(1/2) (g - U diag(1 - sqrt(1 - s)) U^T g) with g standard normal.

    Args:
        model: the data model.
        dtype: of the rows.
        device: that draws.

    Raises:
        InputError: no within-class covariance exists (the signal is too strong for the spectrum).
    """

    def __init__(self, model: DataModel, dtype: torch.dtype, device: torch.device) -> None:
        directions, shrink = _within_class_shrinkage(model)
        self._directions = torch.from_numpy(directions).to(device, dtype)
        self._shrunk = torch.from_numpy((directions * shrink).T.copy()).to(device, dtype)
        self._deviations = torch.from_numpy(np.sqrt(model.eigenvalues)).to(device, dtype)

    def draw(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """(count, d) independent rows, from a generator on the device of the noise."""
        normal = self._deviations.new_empty(count, len(self._deviations)).normal_(generator=generator)
        normal -= (normal @ self._directions) @ self._shrunk
        normal *= self._deviations
        return normal


class GaussianSampler(LabelledSampler):
    """Draws from the Gaussian classes of a data model.

    Args:
        model: the data model to draw from.
        seed: of the draws, 0 to 2^63 - 1.
        dtype: of the inputs, float32 or float64.
        device: that draws.

    Raises:
        InputError: the model's signal is too strong for its spectrum, or a bad seed, dtype or device.
    """

    def __init__(
        self, model: DataModel, seed: int, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
    ) -> None:
        place, kind = checked_device(device), checked_dtype(dtype)
        super().__init__(model.frequencies, seed, place)
        self._noise = WithinClassNoise(model, kind, place)
        self._means = torch.from_numpy(model.means).to(place, kind)

    def _inputs(self, labels: torch.Tensor) -> torch.Tensor:
        return self._noise.draw(len(labels), self._generator).add_(self._means[labels])


class PopulationSampler(GaussianSampler):
    """Draws from a population; from one without departures, bit for bit what ``GaussianSampler`` draws.

    Labels are the observed ones, label noise included; the class of an input is drawn given its label. Classes,
    tails and the minority, a few numbers per input, are drawn on the CPU for every device.

    Args:
        population: the population to draw from.
        seed: of the draws, 0 to 2^63 - 1.
        dtype: of the inputs, float32 or float64.
        device: that draws.
    """

    def __init__(
        self, population: Population, seed: int, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
    ) -> None:
        super().__init__(population.model, seed, dtype, device)
        self._population = population
        self.frequencies = torch.from_numpy(population.frequencies).to(self._means.device)
        self._up_to_class = np.cumsum(population.class_given_label, axis=1)[:, :-1]
        # Departures have a separate generator: the Gaussian draws under them are the same with and without.
        self._departures = np.random.default_rng(seed)

    def _inputs(self, labels: torch.Tensor) -> torch.Tensor:
        count = len(labels)
        classes = torch.from_numpy(self._classes(labels.cpu().numpy())).to(labels.device)
        radii, positions = (torch.from_numpy(factor).to(self._means) for factor in self._factors(count))
        inputs = self._noise.draw(count, self._generator)
        inputs *= radii[:, None]
        inputs += self._means[classes].mul_(positions[:, None])
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
    population: DataModel | Population | MixtureModel,
    seed: int,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> LabelledSampler:
    """The sampler of a data model, of a population or of a mixture.

    Args:
        population: a data model, a population or a mixture.
        seed: of the draws, 0 to 2^63 - 1.
        dtype: of the inputs, float32 or float64.
        device: that draws.
    """
    if isinstance(population, Population):
        return PopulationSampler(population, seed, dtype, device)
    if isinstance(population, MixtureModel):
        return MixtureSampler(population, seed, dtype, device)
    return GaussianSampler(population, seed, dtype, device)


def sample(
    population: DataModel | Population | MixtureModel,
    count: int,
    seed: int,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> tuple[torch.Tensor, torch.Tensor]:
    """``count`` inputs (count, d) in the eigenbasis of the data model, with labels (count,), drawn on the device.

    Args:
        population: a data model, a population or a mixture.
        count: number of inputs, at least 1.
        seed: of the draws, 0 to 2^63 - 1.
        dtype: of the inputs, float32 or float64.
        device: that draws.

    Raises:
        InputError: the model's signal is too strong for its spectrum, count < 1, or a bad seed, dtype or device.
    """
    return sampler_of(population, seed, dtype, device).draw(count)


def sample_with_exact_moments(model: DataModel, count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A sample whose empirical class means and total covariance equal the model's, to rounding.

    Gaussian draws are centred in each class and whitened before they take the model's shape, so that
    finite samples represent the population: only W(0) is left to chance.

    Args:
        model: a realisable model whose frequencies are multiples of 1 / count.
        count: number of samples, more than the dimension plus the number of classes.
        seed: of the draws.

    Returns:
        inputs (count, d) in the eigenbasis, float64, and labels (count,).

    Raises:
        InputError: too few samples, frequencies that do not fit, or a signal too strong.
    """
    at_least("count", count, 1)
    members = np.rint(model.frequencies * count).astype(np.int64)
    if count <= model.dimension + model.classes or np.abs(members - model.frequencies * count).max() > 1e-6:
        raise InputError(
            f"count: {count} is not accepted; give a multiple of what makes all classes whole, above "
            f"{model.dimension + model.classes}"
        )
    at_least("seed", seed, 0)
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
    """Directions U (d, q) and 1 - sqrt(1 - s) (q,), by which the within-class noise is smaller than the total.

    Raises:
        InputError: no sample can have the model's moments.
    """
    check_realisable(model)
    directions, shares = model.class_shares
    return directions, 1 - np.sqrt(np.maximum(1 - shares, 0.0))


class FreshSamples(SingleSource):
    """New samples of a data model, population or mixture at every step, drawn separately for each replica.

    It is the limit of a population in which no sample is used twice.

    They are the successive draws of the sampler of this seed, for as many replicas at once as memory is meant to hold.

    Args:
        population: a data model, a population or a mixture.
        size: samples per step and replica, at least 1.
        replicas: number of replicas, each a group, at least 1.
        seed: of the draws, 0 to 2^63 - 1.
        dtype: of the inputs, float32 or float64.
        device: that draws.

    Raises:
        InputError: as ``sample``, or a size or number of replicas below 1.
    """

    def __init__(
        self,
        population: DataModel | Population | MixtureModel,
        size: int,
        replicas: int,
        seed: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        self._sampler = sampler_of(population, seed, dtype, device)
        frequencies, dimension = self._sampler.frequencies, population.dimension
        groups = at_least("replicas", replicas, 1)
        together = groups_together(groups, at_least("size", size, 1) * dimension)
        self._turns = groups_in_turns(groups, together)
        mixture = population if isinstance(population, MixtureModel) else None
        kinds = len(frequencies) if mixture is None else mixture.components
        # An input and the terms added to it, in two parts and in the order of components where there are some; classes,
        # tails and chances of each class or component, of 8 bytes and copied once.
        row = (2 if mixture is None else 5) * dimension * dtype.itemsize + 16 * (kinds + 4)
        super().__init__(dimension, groups, size, together * size * row, dtype, frequencies)

    def batches(self, step: int) -> Iterator[Batch]:
        """``size`` new inputs for each replica."""
        del step
        for turn in self._turns:
            count = turn.stop - turn.start
            yield Batch(
                *(drawn.view(count, self.size, *drawn.shape[1:]) for drawn in self._sampler.draw(count * self.size))
            )
