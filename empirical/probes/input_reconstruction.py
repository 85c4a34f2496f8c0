"""Reconstruction of one fixed set of inputs from any number of layers: what does not depend on the layer is kept.

The decoder is that of ``BudgetedDecoders.regularised``: budgeted, at the penalty of generalised cross-validation. Here
it works in the whitened directions of the activations, whose products with the inputs may be float32 without losing
digits, however little a direction varies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import linalg
from torch import Tensor

from empirical.moments.activation_moments import ActivationAccumulator
from empirical.moments.float_precision import full_precision
from empirical.moments.shifted_products import check_rows, in_chunks
from empirical.probes.reconstruction_probe import RELATIVE_RANK_TOLERANCE, cross_validated_budget
from theory import InputError, Moments
from theory.validation import FloatArray


@dataclass(frozen=True, eq=False)
class InputReconstruction:
    """Inputs of which the first ones score a decoder that is fitted to the others.

    Attributes:
        held_out: (m, D) float32, less the mean of the fitting inputs.
        fitting: (n, D) float32, less their mean.
        fitting_variance: trace of their covariance.
        held_out_variance: that of the held-out ones.
    """

    held_out: Tensor
    fitting: Tensor
    fitting_variance: float
    held_out_variance: float

    @classmethod
    def from_inputs(cls, inputs: Tensor, held_out: int) -> InputReconstruction:
        """Keep (n + m, D) inputs, in random order, of which the first m = ``held_out`` are not fitted.

        Raises:
            InputError: NaN or infinity, or inputs that do not vary.
        """
        flat = inputs.flatten(1)
        check_rows("inputs", flat, None)
        known, rest = flat[:held_out].double(), flat[held_out:]
        mean = rest.mean(dim=0, dtype=torch.float64)
        fitting = torch.cat([(part.double() - mean).float() for part in in_chunks(rest)])
        variances = float(fitting.square().sum(dim=1).double().mean()), float(known.numpy().var(axis=0).sum())
        if min(variances) <= 0:
            raise InputError("inputs: do not vary; give inputs that differ")
        return cls((known - mean).float(), fitting, *variances)

    def relative_errors(self, features: Tensor) -> FloatArray:
        """(m,) squared errors of the held-out inputs, in units of their variance; their mean is the loss L / tr Sigma.

        Args:
            features: (n + m, p) activations of all inputs, on any device.

        Raises:
            InputError: NaN or infinity.
        """
        known, rest = features[: self.held_out.shape[0]], features[self.held_out.shape[0] :]
        values, directions, mean = _whitened(_moments(rest))
        with full_precision(features.device):
            read = self._read(rest, directions, mean)
            if values.size:
                explained = values * read.square().sum(dim=1).double().cpu().numpy()
                budget = cross_validated_budget(values, explained, self.fitting_variance, self.fitting.shape[0])
                directions = directions * (values / (values + budget))
            missed = self.held_out.to(features.device) - _along(known, directions, mean) @ read
            errors = missed.square_().sum(dim=1, dtype=torch.float64).cpu().numpy()
        return np.asarray(errors / self.held_out_variance, dtype=np.float64)

    def loss(self, features: Tensor) -> float:
        """L / tr Sigma of the held-out inputs; arguments as for ``relative_errors``."""
        return float(self.relative_errors(features).mean())

    def _read(self, features: Tensor, directions: FloatArray, mean: FloatArray) -> Tensor:
        """(r, D) float32 covariance of the fitting inputs with the whitened directions, each of variance one."""
        parts = zip(in_chunks(features), in_chunks(self.fitting), strict=True)
        count = self.fitting.shape[0]
        return sum(
            (_along(rows, directions / count, mean).T @ inputs.to(rows.device) for rows, inputs in parts),
            start=torch.zeros((), device=features.device),
        )


def _moments(features: Tensor) -> Moments:
    accumulator = ActivationAccumulator(2)
    accumulator.update(features, torch.zeros(features.shape[0], dtype=torch.int64))
    return accumulator.result()


def _whitened(moments: Moments) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Variances (r,) of the directions that vary, the directions (p, r) that give each variance one, the mean (p,)."""
    values, vectors = linalg.eigh(moments.covariance, driver="evd", check_finite=False)
    kept = values > RELATIVE_RANK_TOLERANCE * max(float(values[-1]), 0.0)
    return values[kept], vectors[:, kept] / np.sqrt(values[kept]), moments.mean


def _along(features: Tensor, directions: FloatArray, mean: FloatArray) -> Tensor:
    """(n, r) float32 activations along directions, on the device of the features; the products are float64."""
    exact = features.double().cpu().numpy() - mean
    return torch.from_numpy((exact @ directions).astype(np.float32)).to(features.device)
