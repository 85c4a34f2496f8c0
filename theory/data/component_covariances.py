"""Covariances of many Gaussians as shared matrices and low-rank factors.

At d = 3,072 a covariance takes 75 MB, and forty of them 3 GB. The part specific to a component is often of low rank: it
has fewer samples than directions, or differs from its class in a few directions. So

    Sigma_c = shares_c matrices_(base_c) + F_c^T F_c

with G <= C matrices, which components may share, and a factor F_c of rank r_c per component: 8 (G d^2 + d sum r_c)
bytes. A dense covariance per component is the case G = C, shares 1, r_c = 0. The theory needs only
products with the rows of W, at 2 d (G d + sum r_c) operations per row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from theory.validation import (
    FloatArray,
    InputError,
    IntArray,
    finite_array,
    keep_arrays,
    matrix_with_columns,
    real_array,
)


@dataclass(frozen=True, eq=False)
class ComponentCovariances:
    """C covariances in d directions, shares_c matrices_(base_c) + F_c^T F_c.

    Whether the matrices are symmetric and positive semi-definite is checked by the model that uses them, which knows
    their rounding error.

    Attributes:
        matrices: (G, d, d) matrices that components may share.
        base: (C,) number, 0 to G - 1, of the matrix of each component.
        shares: (C,) weights of at least 0 of that matrix.
        factors: C arrays (r_c, d), r_c at least 0; an empty tuple means C factors of rank 0.

    Raises:
        InputError: shapes that do not fit, NaN or infinity, a base out of range, a negative share.
    """

    matrices: FloatArray
    base: IntArray
    shares: FloatArray
    factors: tuple[FloatArray, ...] = ()

    def __post_init__(self) -> None:
        matrices = finite_array("matrices", self.matrices, 3)
        count, dimension = matrices.shape[:2]
        if matrices.shape[2] != dimension:
            raise InputError(f"matrices: has shape {matrices.shape}; give ({count}, {dimension}, {dimension})")
        base = np.asarray(self.base)
        if base.ndim != 1 or base.size == 0 or base.dtype.kind not in "iu" or base.min() < 0 or base.max() >= count:
            raise InputError(f"base: give one integer from 0 to {count - 1} for each component")
        shares = finite_array("shares", self.shares, 1)
        if shares.shape != base.shape or shares.min() < 0:
            raise InputError(f"shares: give {base.size} numbers of at least 0, one for each component")
        factors = tuple(self.factors) or (np.empty((0, dimension)),) * base.size
        if len(factors) != base.size:
            raise InputError(f"factors: has {len(factors)} entries; give {base.size}, one for each component")
        known = tuple(_factor(factor, dimension) for factor in factors)
        keep_arrays(self, matrices=matrices, base=base.astype(np.int64), shares=shares)
        object.__setattr__(self, "factors", known)

    @classmethod
    def from_dense(cls, matrices: ArrayLike) -> ComponentCovariances:
        """From a separate matrix for each component, (C, d, d).

        Raises:
            InputError: another shape, NaN or infinity.
        """
        known = finite_array("matrices", matrices, 3)
        return cls(known, np.arange(known.shape[0]), np.ones(known.shape[0]))

    @property
    def components(self) -> int:
        """Number of components C."""
        return int(self.base.size)

    @property
    def dimension(self) -> int:
        """Number of directions d."""
        return int(self.matrices.shape[1])

    @property
    def parameters(self) -> int:
        """The number of parameters of the covariances.

        d (d + 1) / 2 for each matrix; for a factor of rank r, which counts up to a rotation, r d - r (r - 1) / 2 with r
        at most d; and each share other than 0 and 1.
        """
        dimension = self.dimension
        ranks = np.minimum([factor.shape[0] for factor in self.factors], dimension)
        own = int(np.sum(ranks * dimension - ranks * (ranks - 1) // 2))
        chosen = int(np.count_nonzero((self.shares != 0) & (self.shares != 1)))
        return int(self.matrices.shape[0]) * (dimension * (dimension + 1) // 2) + own + chosen

    @cached_property
    def variances(self) -> FloatArray:
        """(C, d) diagonals."""
        shared = self.shares[:, None] * np.diagonal(self.matrices, axis1=-2, axis2=-1)[self.base]
        own = np.stack([np.square(factor).sum(axis=0) for factor in self.factors])
        return np.asarray(shared + own, dtype=np.float64)

    def times(self, rows: FloatArray) -> FloatArray:
        """(C, n, d) products of ``rows`` (n, d) with each covariance."""
        # Every matrix is read once for all rows: at d = 3,072 they do not fit a cache.
        shared = rows @ self.matrices
        products = self._of_components(shared)
        for component, factor in enumerate(self.factors):
            if factor.shape[0]:
                products[component] += (rows @ factor.T) @ factor
        return products

    def matrix(self, component: int) -> FloatArray:
        """(d, d) covariance of one component."""
        factor = self.factors[component]
        shared = self.shares[component] * self.matrices[self.base[component]]
        return np.asarray(shared + factor.T @ factor, dtype=np.float64)

    def mean(self, weights: FloatArray) -> FloatArray:
        """(d, d) sum of the covariances times ``weights`` (C,)."""
        of_matrices = np.bincount(self.base, weights * self.shares, minlength=self.matrices.shape[0])
        total = np.tensordot(of_matrices, self.matrices, axes=1)
        for weight, factor in zip(weights, self.factors, strict=True):
            if factor.shape[0]:
                total += (weight * factor.T) @ factor
        return np.asarray(total, dtype=np.float64)

    def rotated(self, basis: FloatArray) -> ComponentCovariances:
        """The covariances B^T Sigma_c B in the coordinates of the columns of ``basis`` (d, d')."""
        turned = np.empty((self.matrices.shape[0], basis.shape[1], basis.shape[1]))
        for number, matrix in enumerate(self.matrices):
            turned[number] = basis.T @ matrix @ basis
        return ComponentCovariances(
            turned, self.base, self.shares, tuple(np.asarray(factor @ basis) for factor in self.factors)
        )

    def _of_components(self, of_matrices: FloatArray) -> FloatArray:
        """(C, n, d) of (G, n, d) times the shares; without a copy where each component has its own matrix."""
        if np.array_equal(self.base, np.arange(self.matrices.shape[0])) and np.all(self.shares == 1):
            return of_matrices
        return np.asarray(self.shares[:, None, None] * of_matrices[self.base], dtype=np.float64)


def _factor(value: FloatArray, dimension: int) -> FloatArray:
    """A factor (r, d); one of rank 0 has nothing to check but its shape."""
    known = real_array("factors", value)
    if known.ndim == 2 and known.shape == (0, dimension):
        return known
    return matrix_with_columns("factors", value, dimension)
