"""Information of a layer's output by binning, as in the information plane (Shwartz-Ziv & Tishby 2017).

A network is deterministic and its inputs are continuous, so that the mutual information of input and output is
infinite. Binning gives the entropy of the binned output: a measure of how samples spread over the cells, which
depends on the bins. With fixed bins the scale of a layer decides it, and for unbounded outputs, such as
those of ReLU, it is meaningless (Saxe et al. 2018): bins have to follow the layer. Information is in nats.

Cells are joint patterns of all units. With many units every sample soon has a separate cell: the input's information
is then log n and the label's its entropy, for every layer. Bin a few leading directions instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory import InputError
from theory.validation import FloatArray, IntArray, at_least, finite_array, labels_from_zero


@dataclass(frozen=True)
class BinnedInformation:
    """A layer's place in the information plane, in nats.

    Attributes:
        about_input: entropy H(T) of the binned output T, which is I(X; T) as T is a function of X. At most log n.
        about_label: I(T; Y) = H(T) + H(Y) - H(T, Y), from the samples' shares. For independent T and Y it is about
            (cells - 1)(classes - 1) / (2 n), not 0.
        cells: number of cells that hold a sample.
    """

    about_input: float
    about_label: float
    cells: int


def equal_frequency_edges(outputs: FloatArray, bins: int) -> FloatArray:
    """Inner edges at the quantiles of all outputs of the layer, one set for all units.

    Where many outputs are equal, as the zeros of ReLU, they have a separate bin, and fewer edges than bins - 1 are
    left. Order alone decides: a strictly increasing map of the outputs moves the edges with it.

    Args:
        outputs: (n, units) of one layer.
        bins: number of bins, at least 2.

    Raises:
        InputError: NaN, infinity, or a number out of range.
    """
    values = finite_array("outputs", outputs, 2).ravel()
    count = at_least("bins", bins, 2)
    # Quantiles that are outputs themselves: an interpolated one would not move with the outputs.
    return np.unique(np.quantile(values, np.arange(1, count) / count, method="inverted_cdf"))


def binned_information(outputs: FloatArray, labels: IntArray, edges: FloatArray) -> BinnedInformation:
    """Place a layer in the information plane, for given bins.

    Args:
        outputs: (n, units) of the layer, or its leading directions.
        labels: (n,) integers from 0 on.
        edges: (m,) inner edges, increasing; an output equal to an edge is in the bin below it.

    Raises:
        InputError: NaN, infinity, shapes that do not fit, labels that are not integers, or edges in disorder.
    """
    values = finite_array("outputs", outputs, 2)
    known = labels_from_zero("labels", labels, values.shape[0])
    limits = finite_array("edges", edges, 1)
    if np.any(np.diff(limits) <= 0):
        raise InputError("edges: are not increasing; give each edge once, in ascending order")
    _, cells = np.unique(np.searchsorted(limits, values, side="left"), axis=0, return_inverse=True)
    pattern = cells.ravel()
    joint = pattern * (int(known.max()) + 1) + known
    entropy = _entropy(pattern)
    return BinnedInformation(
        about_input=entropy,
        about_label=max(entropy + _entropy(known) - _entropy(joint), 0.0),
        cells=int(pattern.max()) + 1,
    )


def _entropy(codes: IntArray) -> float:
    """The entropy of the shares of equal codes, in nats."""
    shares = np.unique(codes, return_counts=True)[1] / codes.size
    return float(-(shares * np.log(shares)).sum())
