"""A linear probe of trained outputs, fitted by least squares on samples, which measures transfer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from theory import InputError
from theory.curves.reconstruction import ROUNDING, counted
from theory.data.memory_limit import array_bytes, check_memory
from theory.validation import FloatArray, finite_array, keep_arrays, plain_array


class Probe(Protocol):
    """A measure of the weights of replicas along their training."""

    def missed(self, weights: FloatArray, resolution: float) -> FloatArray:
        """(replica,) share of a target's variance that a linear probe of the outputs misses.

        Args:
            weights: (replica, outputs, D) in the coordinates of the inputs.
            resolution: relative length below which a direction of the outputs may be rounding.
        """


@dataclass(frozen=True, eq=False)
class SampleProbe:
    """A probe with intercept, fitted to given samples without an assumption on their distribution.

    Attributes:
        inputs: (n, D) inputs, in the coordinates that weights act on; centred here.
        values: (n, q) the target, or (n,); centred here.

    Raises:
        InputError: shapes that do not fit, NaN or infinity, values that do not vary, or more than memory holds.
    """

    inputs: FloatArray
    values: FloatArray

    def __post_init__(self) -> None:
        check_memory("inputs", 2 * array_bytes(plain_array("inputs", self.inputs).shape), "give fewer samples")
        inputs = finite_array("inputs", self.inputs, 2)
        values = finite_array("values", self.values, 1, 2)
        if values.shape[0] != inputs.shape[0]:
            raise InputError(f"values: has shape {values.shape}; give one row for each of {inputs.shape[0]} inputs")
        wanted = values.reshape(values.shape[0], -1)
        wanted = wanted - wanted.mean(axis=0)
        if not np.square(wanted).sum() > 1e-24 * np.square(values).sum():
            raise InputError("values: do not vary; give a target that differs between inputs")
        keep_arrays(self, inputs=inputs - inputs.mean(axis=0), values=wanted)

    def missed(self, weights: FloatArray, resolution: float = ROUNDING) -> FloatArray:
        """(replica,) share of the target's variance that least squares on the outputs leave."""
        if weights.ndim != 3 or weights.shape[-1] != self.inputs.shape[1]:
            raise InputError(f"weights: has shape {weights.shape}; give (replica, outputs, {self.inputs.shape[1]})")
        total = float(np.square(self.values).sum())
        # One replica at a time: its outputs have one row per sample.
        return np.array([self._residual(rows, resolution) / total for rows in weights])

    def _residual(self, rows: FloatArray, resolution: float) -> float:
        outputs = self.inputs @ rows.T
        lengths = np.linalg.norm(outputs, axis=0)
        basis, singular, _ = np.linalg.svd(outputs / np.where(lengths > 0, lengths, 1.0), full_matrices=False)
        kept = basis[:, counted(singular, resolution)]
        return float(np.square(self.values - kept @ (kept.T @ self.values)).sum())
