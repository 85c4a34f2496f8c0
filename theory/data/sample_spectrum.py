"""The eigenvalues of the covariance of a finite sample, in large dimension.

Sigma' = X^T X / n for n independent rows with covariance Sigma (eigenvalues l_i). In the variable w of
``theory.curves.finite_sample`` the limiting transform is explicit,

    z = w + (1/n) sum_i l_i w / (w - l_i),

and the density at x is that of w in the upper half-plane with z(w) = x (Marchenko & Pastur 1967;
Silverstein & Choi 1995, J. Multivariate Anal. 54, 295). For a real part a of w the imaginary part b solves
(1/n) sum_i l_i^2 / ((a - l_i)^2 + b^2) = 1, or is 0 where the sum stays below 1; x grows with a.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from theory.validation import FloatArray, at_least, finite_array, keep_arrays, positive, positive_eigenvalues

#: Halvings of a bracket in float64, after which it no longer shrinks.
_HALVINGS = 55


@dataclass(frozen=True, eq=False)
class SampleSpectrum:
    """The limiting spectrum of a sample covariance.

    The two classes of ``SampledOneOutput`` may be given by their total covariance: to leading order their sample
    covariance has the eigenvalues of one Gaussian sample, including the one due to the means.

    Attributes:
        eigenvalues: (d,) of the population's covariance, positive, in any order.
        samples: n, number of independent rows.
    """

    eigenvalues: FloatArray
    samples: int

    def __post_init__(self) -> None:
        keep_arrays(self, eigenvalues=positive_eigenvalues(self.eigenvalues))
        at_least("samples", self.samples, 1)

    @property
    def zero_share(self) -> float:
        """Share of the d eigenvalues that are 0, as n rows span at most n dimensions."""
        return max(0.0, 1 - self.samples / self.eigenvalues.size)

    @property
    def edges(self) -> tuple[float, float]:
        """Smallest and largest nonzero eigenvalue in the limit (0 for the smallest where d = n).

        Between them the density may vanish in gaps.
        """
        smallest, largest = float(self.eigenvalues.min()), float(self.eigenvalues.max())
        # At this distance from an eigenvalue its own term of the sum is 4.
        near = 1 / (2 * np.sqrt(self.samples))
        lower = brentq(self._excess, -self._reach, smallest * (1 - near), xtol=1e-14 * smallest)
        upper = brentq(self._excess, largest * (1 + near), largest + 2 * self._reach, xtol=1e-14 * smallest)
        return max(self._argument(lower), 0.0), self._argument(upper)

    def density(self, grid: FloatArray) -> FloatArray:
        """(G,) density of the d eigenvalues at ``grid`` (G,), positive; it integrates to 1 - zero_share.

        Raises:
            InputError: a grid that is empty or not positive.
        """
        points = finite_array("grid", grid, 1)
        positive("smallest point of grid", float(points.min()))
        # x - a is at most the reach away from T_1, by the inequality of Cauchy and Schwarz.
        low, high = points - self._first - self._reach, points - self._first + self._reach
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            beyond = self._image(middle, self._height(middle)) > points
            low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
        height = self._height(low)
        samples_a_dimension = self.samples / self.eigenvalues.size
        return np.asarray(samples_a_dimension * height / (np.pi * (low**2 + height**2)), dtype=np.float64)

    def moments(self, count: int) -> FloatArray:
        """(count,) limits of the mean over the d eigenvalues of their powers 1 .. count.

        n/d times the moments of the Gram matrix, which are M_k = [w^1] z(w)^(k+1) / (k + 1) by Lagrange's inversion.
        """
        orders = np.arange(1, at_least("count", count, 1) + 1)
        # z / w as a polynomial in 1/w.
        scaled = np.array([1.0, *(np.sum(self.eigenvalues**order) / self.samples for order in orders)])
        power, found = scaled, []
        for order in orders:
            power = np.convolve(power, scaled)[: scaled.size]
            found.append(power[order] / (order + 1))
        return np.array(found) * self.samples / self.eigenvalues.size

    @property
    def _first(self) -> float:
        """T_1 = tr Sigma / n."""
        return float(self.eigenvalues.sum() / self.samples)

    @property
    def _reach(self) -> float:
        """Square root of tr Sigma^2 / n: no root is farther from all eigenvalues."""
        return float(np.sqrt(np.sum(self.eigenvalues**2) / self.samples))

    def _argument(self, real: float) -> float:
        """The real z(w) of a real w that is no eigenvalue."""
        return float(real + np.sum(self.eigenvalues * real / (real - self.eigenvalues)) / self.samples)

    def _excess(self, real: float) -> float:
        """(1/n) sum l^2 / (w - l)^2 - 1 at a real w; 0 at an edge."""
        return float(np.sum((self.eigenvalues / (real - self.eigenvalues)) ** 2) / self.samples - 1)

    def _height(self, real: FloatArray) -> FloatArray:
        """(G,) imaginary parts b >= 0 that belong to real parts (G,), by Newton's method.

        1 over the sum is concave and increasing in b^2, so that Newton's method goes up to the root from below.
        """
        distance = (real[:, None] - self.eigenvalues) ** 2
        weight = self.eigenvalues**2 / self.samples
        square = np.maximum((weight - distance).max(axis=1), 0.0)
        # A single term above 1 decides; the bound avoids division by 0.
        inside = np.sum(weight / np.maximum(distance, weight / 4), axis=1) > 1
        while True:
            inverse = 1 / (distance + square[:, None])
            total = inverse @ weight
            step = np.where(inside, (total - 1) * total / (inverse**2 @ weight), 0.0)
            square = square + np.maximum(step, 0.0)
            if np.all(step <= 1e-14 * square):
                return np.sqrt(np.where(inside, square, 0.0))

    def _image(self, real: FloatArray, height: FloatArray) -> FloatArray:
        """(G,) real parts of z at w = real + i height."""
        distance = real[:, None] - self.eigenvalues
        pull = distance / (distance**2 + height[:, None] ** 2)
        return np.asarray(real + self._first + pull @ (self.eigenvalues**2 / self.samples), dtype=np.float64)
