"""Samples of classes of several Gaussians each, in the eigenbasis of the data model."""

from __future__ import annotations

import numpy as np
import torch

from simulation.devices import checked_device, checked_dtype
from simulation.training.labelled_sampler import LabelledSampler
from theory import MixtureModel
from theory.validation import FloatArray


class MixtureSampler(LabelledSampler):
    """Draws from the Gaussian components of a mixture.

    A component's noise is sqrt(share_c) g A^T + h F_c with g, h standard normal and A A^T its shared matrix, so that
    its covariance share_c A A^T + F_c^T F_c is never formed. A is taken from the eigenvalues, of which those below 0
    are rounding and count 0: covariances need not have full rank.

    Args:
        mixture: the mixture to draw from.
        seed: of the draws, 0 to 2^63 - 1.
        dtype: of the inputs, float32 or float64.
        device: that draws.

    Raises:
        InputError: a bad seed, dtype or device.
    """

    def __init__(
        self, mixture: MixtureModel, seed: int, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
    ) -> None:
        place, kind = checked_device(device), checked_dtype(dtype)
        super().__init__(mixture.model.frequencies, seed, place)
        covariances = mixture.covariances
        self._means = torch.from_numpy(mixture.means).to(place, kind)
        used = np.unique(covariances.base[covariances.shares > 0])
        self._roots = {
            int(number): torch.from_numpy(covariance_root(covariances.matrices[number])).to(place, kind)
            for number in used
        }
        self._base, self._scales = covariances.base, np.sqrt(covariances.shares)
        self._factors = [torch.from_numpy(factor).to(place, kind) for factor in covariances.factors]
        own = (mixture.labels == np.arange(mixture.model.classes)[:, None]) * mixture.frequencies
        below = np.cumsum(own, axis=1) / own.sum(axis=1, keepdims=True)
        # The share of a class below and up to each component, so that no draw is beyond the class's last one.
        last = own.shape[1] - 1 - np.argmax(own[:, ::-1] > 0, axis=1)
        below[np.arange(own.shape[1]) >= last[:, None]] = 1.0
        self._up_to_component = torch.from_numpy(below).to(place)

    def _inputs(self, labels: torch.Tensor) -> torch.Tensor:
        components = self._components(labels)
        inputs = self._means[components]
        for component in torch.unique(components).tolist():
            rows = torch.nonzero(components == component)[:, 0]
            inputs[rows] += self._noise(component, len(rows))
        return inputs

    def _components(self, labels: torch.Tensor) -> torch.Tensor:
        """(n,) a component of the class of each label, at its share of the class."""
        drawn = torch.rand(len(labels), 1, dtype=torch.float64, device=labels.device, generator=self._generator)
        return torch.searchsorted(self._up_to_component[labels], drawn, right=True)[:, 0]

    def _noise(self, component: int, count: int) -> torch.Tensor:
        """(count, d) Gaussian rows with the covariance of a component."""
        factor, scale = self._factors[component], self._scales[component]
        noise = self._normal(count, len(factor)) @ factor
        if scale > 0:
            root = self._roots[int(self._base[component])]
            noise += scale * (self._normal(count, len(root)) @ root)
        return noise

    def _normal(self, count: int, dimension: int) -> torch.Tensor:
        return self._means.new_empty(count, dimension).normal_(generator=self._generator)


def covariance_root(covariance: FloatArray, tolerance: float = 0.0) -> FloatArray:
    """(r, d) orthogonal rows R with R^T R = covariance, r its rank.

    Args:
        covariance: (d, d), symmetric.
        tolerance: eigenvalues up to this share of the largest count 0.
    """
    values, vectors = np.linalg.eigh(covariance)
    kept = values > tolerance * values[-1]
    return np.asarray((vectors[:, kept] * np.sqrt(values[kept])).T, dtype=np.float64)
