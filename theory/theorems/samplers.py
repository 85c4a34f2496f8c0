"""Random rational values, exact in SymPy and at any number of digits, on which steps are compared."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp

from theory.symbols.symbolic import CURVATURE, INITIAL_SCALE, SIGNAL_SUMS, SPECTRUM_SUMS, TIME


def rational(generator: np.random.Generator, low: float, high: float) -> sp.Rational:
    """A random rational with four digits between ``low`` and ``high``."""
    return sp.Rational(int(generator.integers(int(low * 10_000), int(high * 10_000))), 10_000)


def random_sums(generator: np.random.Generator) -> Mapping[sp.Symbol, sp.Rational]:
    """The sums A_j and B_j of a random aligned spectrum of five modes, c, sigma0, s and u."""
    eigenvalues = [rational(generator, 0.1, 3) for _ in range(5)]
    # Squares in proportion to a rising power of the eigenvalue are aligned, by Chebyshev's sum inequality.
    strength, power = rational(generator, 0.5, 2), int(generator.integers(1, 4))
    squares = [strength * eigenvalue**power for eigenvalue in eigenvalues]
    sums: dict[sp.Symbol, sp.Rational] = {}
    for power, (spectrum, signal) in enumerate(zip(SPECTRUM_SUMS, SIGNAL_SUMS, strict=True)):
        sums[spectrum] = sp.Add(*[value**power for value in eigenvalues])
        sums[signal] = sp.Add(*[value**power * square for value, square in zip(eigenvalues, squares, strict=True)])
    return sums | {
        CURVATURE: rational(generator, 0.1, 1),
        INITIAL_SCALE: rational(generator, 0.001, 0.1),
        TIME: rational(generator, 0.01, 1),
    }
