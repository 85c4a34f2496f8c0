"""Gaussian clones of labelled samples: draws whose classes have exactly the means and covariances of a mixture.

Training on a sample differs from training on what it was drawn from by what the sample happens to be. Clones show how
much: they agree with the data in all that the data model was fitted to, class by class, and in nothing else.
"""

from __future__ import annotations

import numpy as np
import torch

from simulation.training.mixture_sampling import MixtureSampler, covariance_root
from theory import ClassConditionalModel, InputError, MixtureModel
from theory.data.data_model import RELATIVE_RANK_TOLERANCE
from theory.data.memory_limit import array_bytes, check_memory
from theory.validation import FloatArray, IntArray, class_labels, plain_array

#: Copies of the sample held at once: as drawn, as moved, and of a class in its own coordinates and their factors.
_COPIES = 4


def sample_with_exact_class_moments(mixture: MixtureModel, labels: IntArray, seed: int) -> FloatArray:
    """A draw from a mixture for each label, moved so that the moments of each class are the mixture's.

    In the directions in which a class varies, those with an eigenvalue above 1e-10 of its largest, the n draws of the
    class have centred coordinates Z, (n, r) in units of their deviations. Their polar factor Q, the nearest matrix with
    orthonormal columns, times the root of n has mean 0 and covariance I.

    Args:
        mixture: of K classes in d directions.
        labels: (n,) classes 0 to K - 1, each with more samples than directions in which the class varies, as the
            samples have to which a mixture was fitted.
        seed: of the draws.

    Returns:
        (n, d) inputs in the eigenbasis of the mixture's data model.

    Raises:
        InputError: labels that are no classes of the mixture, a class with too few, or more than the memory holds.
    """
    given = plain_array("labels", labels)
    known = class_labels("labels", given, given.size, mixture.model.classes)
    check_memory(
        f"labels: {known.size} draws of {mixture.dimension} numbers",
        _COPIES * array_bytes((known.size, mixture.dimension))
        + array_bytes((mixture.model.classes, mixture.dimension, mixture.dimension)),
        "give fewer",
    )
    drawn = MixtureSampler(mixture, seed, torch.float64).draw_for(torch.from_numpy(known)).numpy()
    classes, found = ClassConditionalModel.from_mixture(mixture), np.empty_like(drawn)
    for label in np.unique(known):
        members = known == label
        root = covariance_root(classes.within[label], RELATIVE_RANK_TOLERANCE)
        count = int(members.sum())
        if count <= len(root):
            raise InputError(
                f"labels: class {label} has {count} samples and varies in {len(root)} directions; give at least "
                f"{len(root) + 1} of it"
            )
        found[members] = (
            classes.model.means[label] + np.sqrt(count) * _polar_factor(_coordinates(drawn[members], root)) @ root
        )
    return found


def _coordinates(rows: FloatArray, root: FloatArray) -> FloatArray:
    """(n, r) centred coordinates of rows (n, d) in the directions of the orthogonal rows of a root."""
    centred = rows - rows.mean(axis=0)
    return np.asarray(centred @ (root / np.square(root).sum(axis=1, keepdims=True)).T, dtype=np.float64)


def _polar_factor(matrix: FloatArray) -> FloatArray:
    """(n, r) matrix with orthonormal columns that is nearest to ``matrix`` (n, r)."""
    left, _, right = np.linalg.svd(matrix, full_matrices=False)
    return np.asarray(left @ right, dtype=np.float64)
