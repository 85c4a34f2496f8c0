"""Theorem T5 for K outputs: the turning point to leading order in sigma0.

Let Pi project on the span of Sigma^(1/2) M^T, with an orthonormal basis B whose columns belong to the
eigenvalues gamma_j of M Sigma M^T, and let O = I - Pi. Once every learnt output has outgrown W(0) and while
s << 1/lambda_1, the expected explained variance is

    R(s) = const - C (sigma0 / s)^2 - v s,

    C = sum_j [tr(O Sigma) b_j Sigma b_j + 2 |O Sigma b_j|^2 - tr(O Sigma O Sigma)] / gamma_j,
    v = c |O Sigma Pi|^2 + (drift of outputs that learn nothing),

hence s* = (2 C sigma0^2 / v)^(1/3). C is minus half the Laplacian of R by the entries of W(0), which the
steps of lemma L3 check; v comes from theorem T4 with psi = 1/s - c l/2 + O(s). An output that learns
nothing, the class mean's, explains tr(O Sigma O D)/tr(O D) of what the others leave, D = Sigma exp(-2 h Sigma s):
it drifts where the loss lets it decay (h > 0, squared error) and stays where it is conserved (softmax).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory.curves.initial_level import crossovers
from theory.curves.losses import Loss
from theory.curves.reconstruction import ROUNDING
from theory.curves.signal_outputs import SignalOutputs
from theory.data.data_model import DataModel
from theory.validation import FloatArray, InputError, positive

#: The law is used where s* is at least this many times the last crossover: its two terms are then the
#: first of their series to about 1 / SEPARATION^2.
SEPARATION = 3.0


@dataclass(frozen=True)
class TurningLaw:
    """R(s) = const - remainder (sigma0/s)^2 - drift s, and where this has a maximum.

    Attributes:
        remainder: C, what W(0) still takes from R. Zero or negative where the weak outputs point at less
            variance than random ones: then there is no maximum in this range.
        drift: v, the speed of forgetting, at least 0.
        last_crossover: time at which the weakest output outgrows W(0), for sigma0 = 1.
        saturation: 1 / (c lambda_1), where the first mode saturates.
    """

    remainder: float
    drift: float
    last_crossover: float
    saturation: float

    @classmethod
    def from_model(cls, model: DataModel, loss: Loss) -> TurningLaw:
        """The law of the network that ``loss`` trains on ``model``.

        Raises:
            InputError: prototypes that are all zero.
        """
        eigenvalues, outputs = model.eigenvalues, SignalOutputs.from_model(model, loss)
        learns, strengths = outputs.learns, outputs.strengths
        if not learns.any():
            raise InputError("model: its prototypes are all zero; give classes with different means")
        # In units of the first eigenvalue: only ratios can overflow then.
        first = float(eigenvalues[0])
        spectrum, basis = eigenvalues / first, outputs.directions[learns].T
        image = spectrum[:, None] * basis
        inside = basis.T @ image
        crossed = np.sum((image - basis @ inside) ** 2, axis=0)
        rest = _Rest.from_modes(spectrum, image, inside)
        explained = rest.variance * np.diagonal(inside) + 2 * crossed - rest.explained
        curvature = loss.initial_curvature(model.classes)
        drift = curvature * float(crossed.sum()) + float(outputs.curvatures[~learns].sum()) * rest.drift
        # What the sums of squares leave where nothing is outside of the signal, or the spectrum is flat.
        noise = ROUNDING * float(np.sum(spectrum**2))
        explained = np.where(np.abs(explained) > noise, explained, 0.0)
        return cls(
            remainder=float(np.sum(explained * first * (np.sqrt(first) / strengths[learns]) ** 2)),
            drift=first**2 * (drift if drift > noise else 0.0),
            last_crossover=float(crossovers(model, loss, 1.0)[-1]),
            saturation=float(1 / (curvature * first)),
        )

    def turning_point(self, init_scale: float) -> float | None:
        """s* = (2 C sigma0^2 / v)^(1/3), or None where the law does not hold.

        It holds where C and v are positive and s* lies between the last crossover, by the factor SEPARATION, and
        the saturation of the first mode. Elsewhere use ``theory.expected_turning_point``, which has no such range.

        Args:
            init_scale: sigma0, positive.
        """
        scale = positive("init_scale", init_scale)
        if self.remainder <= 0 or self.drift <= 0:
            return None
        time = float(np.cbrt(2 * self.remainder / self.drift) * np.cbrt(scale) ** 2)
        return time if SEPARATION * self.last_crossover * scale <= time <= self.saturation else None


@dataclass(frozen=True)
class _Rest:
    """What the learnt outputs leave, with O the projector on it.

    Attributes:
        variance: tr(O Sigma).
        second: tr(O Sigma^2).
        explained: tr(O Sigma O Sigma).
        third: tr(O Sigma O Sigma^2).
        whole: tr Sigma.
    """

    variance: float
    second: float
    explained: float
    third: float
    whole: float

    @classmethod
    def from_modes(cls, eigenvalues: FloatArray, image: FloatArray, inside: FloatArray) -> _Rest:
        """From Sigma B (d, r) and B^T Sigma B (r, r), without forming O."""
        return cls(
            float(eigenvalues.sum() - np.trace(inside)),
            float(np.sum(eigenvalues**2) - np.sum(image**2)),
            float(np.sum(eigenvalues**2) - 2 * np.sum(image**2) + np.sum(inside**2)),
            float(
                np.sum(eigenvalues**3)
                - 2 * np.sum(eigenvalues[:, None] * image**2)
                + np.sum(inside * (image.T @ image))
            ),
            float(eigenvalues.sum()),
        )

    @property
    def drift(self) -> float:
        """Minus d/ds of tr(O Sigma O D) / tr(O D) at s = 0 for D = Sigma exp(-2 Sigma s); 0 where nothing is left."""
        if self.variance <= ROUNDING * self.whole:
            return 0.0
        return 2 * (self.third / self.variance - self.explained * self.second / self.variance**2)
