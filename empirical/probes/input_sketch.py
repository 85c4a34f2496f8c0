"""Few numbers for each input whose squared errors are those of all its coordinates.

Along leading directions of the inputs a reconstruction is followed exactly. What they leave, a few per cent of the
variance of images, is followed through random directions: with w standard normal, E (e . w)^2 = |e|^2. This is the
estimator Hutch++ of a trace (Meyer, Musco, Musco & Woodruff 2021): its leading part exact, the rest by random vectors,
unbiased. The leading directions are found by one power iteration from a few of the inputs, where the randomised range
finder of Halko, Martinsson & Tropp (2011) starts from random combinations of all.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from empirical.moments.float_precision import full_precision
from empirical.moments.shifted_products import in_chunks

#: Directions that are followed exactly.
LEADING = 192

#: Random directions through which the rest is estimated.
RANDOM = 128

#: Largest share of the variance that may be estimated. White noise leaves more, photographs about 5 %.
LARGEST_REST = 0.1


@dataclass(frozen=True, eq=False)
class InputSketch:
    """Leading and random directions of inputs.

    Attributes:
        directions: (D, c) float32: ``exact`` orthonormal columns, then random ones orthogonal to these, scaled so that
            squared projections on them sum to the squared length of the rest, on average.
        exact: number of the orthonormal columns.
    """

    directions: Tensor
    exact: int

    @classmethod
    def from_rows(cls, rows: Tensor, seed: int = 0) -> InputSketch | None:
        """The sketch of (n, D) float32 inputs of mean zero; None where all coordinates are better used.

        That is where they are fewer than twice the directions of a sketch, or leave more than ``LARGEST_REST`` of the
        variance to the random ones.

        Args:
            rows: on the CPU, in random order.
            seed: of the random directions.
        """
        coordinates = rows.shape[1]
        if coordinates < 2 * (LEADING + RANDOM):
            return None
        draw = torch.Generator().manual_seed(seed)
        with full_precision(rows.device):
            leading = torch.linalg.qr(rows.T @ (rows @ rows[:LEADING].T)).Q
            random = torch.randn(coordinates, RANDOM, generator=draw).div_(RANDOM**0.5)
            sketch = cls(torch.cat([leading, random - leading @ (leading.T @ random)], dim=1), leading.shape[1])
        rest = sketch.rest(rows, sketch.of(rows)).sum()
        return sketch if rest <= LARGEST_REST * squared_lengths(rows).sum() else None

    def of(self, rows: Tensor) -> Tensor:
        """(n, c) float32 projections of (n, D) rows."""
        with full_precision(rows.device):
            return torch.cat([part @ self.directions for part in in_chunks(rows)])

    def rest(self, rows: Tensor, projected: Tensor) -> Tensor:
        """(n,) float64 squared lengths of what the orthonormal directions leave of each row.

        Args:
            rows: (n, D).
            projected: ``of(rows)``.
        """
        return (squared_lengths(rows) - squared_lengths(projected[:, : self.exact])).clamp(min=0.0)


def squared_lengths(rows: Tensor) -> Tensor:
    """(n,) float64 squared lengths of (n, D) rows."""
    lengths: Tensor = torch.linalg.vector_norm(rows, dim=1)
    return lengths.double().square()
