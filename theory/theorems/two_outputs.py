"""Two learnt outputs in an orthonormal frame that begins with them, in SymPy.

R depends on the span of the whitened outputs alone, so any basis of the inputs serves: here b_1 and b_2 span
the outputs, the others are orthogonal to them, and Sigma is a full symmetric matrix.
"""

from __future__ import annotations

import sympy as sp

#: Sigma in the frame of two outputs (1, 2) and two other directions (3, 4); row and column first.
COVARIANCE = {(i, j): sp.Symbol(f"a{i}{j}", real=True) for i in range(1, 5) for j in range(i, 5)}


def entry(i: int, j: int) -> sp.Symbol:
    """The entry (i, j) of Sigma in the frame, counted from 1."""
    return COVARIANCE[min(i, j), max(i, j)]


def explained_variance(rows: sp.Matrix) -> sp.Expr:
    """R = tr[(X X^T)^-1 X Sigma X^T] of two whitened rows X in the frame."""
    sigma = sp.Matrix(rows.cols, rows.cols, lambda i, j: entry(i + 1, j + 1))
    gram, image = rows * rows.T, rows * sigma * rows.T
    crossed = gram[1, 1] * image[0, 0] - 2 * gram[0, 1] * image[0, 1] + gram[0, 0] * image[1, 1]
    return crossed / (gram[0, 0] * gram[1, 1] - gram[0, 1] ** 2)
