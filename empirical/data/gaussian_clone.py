"""Gaussian clones of images: what is left of them once only means and covariances of the classes are kept.

Networks trained on a Gaussian clone of CIFAR-10 have the test error of those trained on the images for about the first
fifty steps (Refinetti, Ingrosso & Goldt, ICML 2023, arXiv 2211.11567).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from empirical.data.images import ImageSplit, Normalisation
from theory.data.memory_limit import check_memory
from theory.validation import IntArray, at_least


def gaussian_clone(split: ImageSplit, normalisation: Normalisation, seed: int = 0) -> Tensor:
    """(n, C, H, W) float32: for each image a draw from a Gaussian with the mean and covariance of its class.

    With the n centred images of a class as rows of A and g standard normal, A^T g / sqrt(n) has exactly the covariance
    A^T A / n: no matrix of all pairs of pixels is formed or decomposed.

    Args:
        split: n images with labels.
        normalisation: of the images; the clone is of normalised ones.
        seed: of the draws.

    Raises:
        InputError: images that do not fit in memory.
    """
    count, pixels = split.labels.size, int(np.prod(split.images.shape[1:]))
    largest = int(np.bincount(split.labels).max())
    check_memory("data: a Gaussian clone", 4 * (count * pixels + 2 * largest * (pixels + largest)), "give fewer images")
    generator = torch.Generator().manual_seed(at_least("seed", seed, 0))
    found = torch.empty((count, *split.images.shape[1:]))
    for label in np.unique(split.labels):
        members = torch.from_numpy(np.flatnonzero(split.labels == label))
        images = torch.from_numpy(normalisation.apply(split.images[members.numpy()]))
        found[members] = _drawn(images.flatten(1), generator).reshape(images.shape)
    return found


def gaussian_features(features: Tensor, labels: IntArray, seed: int = 0) -> Tensor:
    """Features (n, ...) of the images drawn likewise: with the same seed, jointly Gaussian with the images' clone.

    Args:
        features: of n images, float32.
        labels: (n,) of the images.
        seed: of the draws.
    """
    generator = torch.Generator().manual_seed(at_least("seed", seed, 0))
    found = torch.empty_like(features)
    for label in np.unique(labels):
        members = torch.from_numpy(np.flatnonzero(labels == label))
        found[members] = _drawn(features[members].flatten(1), generator).reshape(-1, *features.shape[1:])
    return found


def _drawn(rows: Tensor, generator: torch.Generator) -> Tensor:
    """As many draws as rows (n, D), from the Gaussian with their mean and covariance."""
    mean = rows.mean(dim=0, dtype=torch.float64).float()
    draws = torch.randn(len(rows), len(rows), generator=generator)
    return torch.addmm(mean, draws, rows - mean, alpha=len(rows) ** -0.5)
