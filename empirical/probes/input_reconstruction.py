"""Reconstruction of one fixed set of inputs from any number of layers: what does not depend on the layer is kept.

The decoder is that of ``BudgetedDecoders.regularised``: budgeted, at the penalty of generalised cross-validation. Here
it works in the whitened directions of the activations, whose products with the inputs may be float32 however little a
direction varies. What float32 leaves open is the covariance of the activations: its error is 1e-7 of the largest
variance. The rounding of the activations along the directions, centred in float64, is far below that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import torch
from torch import Tensor

from empirical.moments.activation_moments import ActivationAccumulator
from empirical.moments.float_precision import exact_device, full_precision
from empirical.moments.shifted_products import check_rows, in_chunks
from empirical.probes.reconstruction_probe import RELATIVE_RANK_TOLERANCE, cross_validated_budget
from theory import InputError
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
        whitened = _Whitened.from_features(rest)
        with full_precision(features.device):
            read = self._read(rest, whitened)
            if whitened.variances.numel():
                budget = self._budget(whitened.variances, read)
                whitened = whitened.shrunk(budget)
            missed = self.held_out.to(features.device) - whitened.along(known) @ read
            errors = missed.square_().sum(dim=1).double().cpu().numpy()
        return np.asarray(errors / self.held_out_variance, dtype=np.float64)

    def loss(self, features: Tensor) -> float:
        """L / tr Sigma of the held-out inputs; arguments as for ``relative_errors``."""
        return float(self.relative_errors(features).mean())

    def _read(self, features: Tensor, whitened: _Whitened) -> Tensor:
        """(r, D) float32 covariance of the fitting inputs with the whitened directions, each of variance one."""
        parts = zip(in_chunks(features), in_chunks(self.fitting), strict=True)
        products = (whitened.along(rows).T @ inputs.to(rows.device) for rows, inputs in parts)
        return reduce(Tensor.add_, products).div_(self.fitting.shape[0])

    def _budget(self, variances: Tensor, read: Tensor) -> float:
        explained = variances.cpu().numpy() * read.square().sum(dim=1).double().cpu().numpy()
        return cross_validated_budget(variances.cpu().numpy(), explained, self.fitting_variance, self.fitting.shape[0])


@dataclass(frozen=True, eq=False)
class _Whitened:
    """Directions of activations that vary, on a device with float64.

    Attributes:
        mean: (p,) of the activations.
        variances: (r,) along the directions, ascending.
        directions: (p, r), each divided by the root of its variance.
    """

    mean: Tensor
    variances: Tensor
    directions: Tensor

    @classmethod
    def from_features(cls, features: Tensor) -> _Whitened:
        accumulator = ActivationAccumulator(2)
        accumulator.update(features, torch.zeros(features.shape[0], dtype=torch.int64))
        moments, device = accumulator.result(), exact_device(features.device)
        # All dense work of a probe is torch's: a second library's threads would wait in turn on the same cores.
        values, vectors = torch.linalg.eigh(torch.from_numpy(moments.covariance).to(device))
        kept = values > RELATIVE_RANK_TOLERANCE * values[-1].clamp(min=0.0)
        values = values[kept]
        return cls(torch.from_numpy(moments.mean).to(device), values, vectors[:, kept] / values.sqrt())

    def shrunk(self, budget: float) -> _Whitened:
        """The directions as a decoder with this budget reads them."""
        return replace(self, directions=self.directions * (self.variances / (self.variances + budget)))

    def along(self, features: Tensor) -> Tensor:
        """(n, r) float32 activations along the directions, on their own device."""
        moved = (features.to(self.mean.device, torch.float64) - self.mean).float()
        return (moved @ self.directions.float()).to(features.device)
