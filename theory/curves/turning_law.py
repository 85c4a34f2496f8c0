"""Theorems T5 and T9 for K outputs: the turning point of reconstruction, or of a target, to leading order in sigma0.

With F F^T the covariance of the probe's inputs, T = F B their cross-covariance with the target and S = B B^T, what is
explained is tr(Pi S), Pi the projector onto span(F^T W^T). Let b_j be the left singular vectors of F^T M^T, gamma_j the
squares of its singular values, Pi their projector, O = I - Pi and N = F^T F. Once every learnt output has outgrown W(0)
and while s << 1/lambda_1, the expectation of tr(Pi S) is

    const - C (sigma0 / s)^2 - v s,

    C = sum_j [tr(O N) b_j S b_j + 2 b_j S O N b_j - tr(O S O N)] / gamma_j,
    v = c tr(B^T O F^T Sigma M^T (F^T M^T)^+ B) + (drift of outputs that learn nothing),

hence s* = (2 C sigma0^2 / v)^(1/3). For reconstruction F = B = Sigma^(1/2) and N = S = Sigma, so that
C = sum_j [tr(O Sigma) b_j Sigma b_j + 2 |O Sigma b_j|^2 - tr(O Sigma O Sigma)] / gamma_j, v = c |O Sigma Pi|^2 + ....

C is minus half the Laplacian by the entries of W(0), which the steps of lemma L3 check; v comes from theorem T4 with
psi = 1/s - c l/2 + O(s). An output that learns nothing, the class mean's, explains tr(O S O D)/tr(O D) of what the
others leave, D = F^T exp(-2 h Sigma s) F: it drifts where the loss lets it decay (h > 0, squared error) and stays where
it is conserved (softmax).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory.curves.idle_outputs import left_beside
from theory.curves.initial_level import crossovers
from theory.curves.linearised import check_target
from theory.curves.losses import Loss
from theory.curves.reconstruction import ROUNDING, counted
from theory.curves.signal_outputs import SignalOutputs
from theory.data.data_model import DataModel
from theory.data.target import Target
from theory.validation import FloatArray, InputError, positive

#: The law is used where s* is at least this many times the last crossover: its two terms are then the
#: first of their series to about 1 / SEPARATION^2.
SEPARATION = 3.0


@dataclass(frozen=True)
class TurningLaw:
    """R(s) = const - remainder (sigma0/s)^2 - drift s, and where this has a maximum.

    Attributes:
        remainder: C, what W(0) still takes from R. Zero or negative where the weak outputs point at less
            variance (or less of the target) than random ones: then there is no maximum in this range.
        drift: v, the speed of forgetting; at least 0 for reconstruction (T4), of either sign for a target.
        last_crossover: time at which the weakest output outgrows W(0), for sigma0 = 1.
        saturation: 1 / (c lambda_1), where the first mode saturates.
    """

    remainder: float
    drift: float
    last_crossover: float
    saturation: float

    @classmethod
    def from_model(cls, model: DataModel, loss: Loss, target: Target | None = None) -> TurningLaw:
        """The law of the network that ``loss`` trains on ``model``.

        Args:
            model: the data model.
            loss: the training loss.
            target: what is decoded from the outputs, R being what is explained of its variance; the inputs
                (reconstruction) if left out.

        Raises:
            InputError: prototypes that are all zero, or a target of another dimension.
        """
        eigenvalues, outputs = model.eigenvalues, SignalOutputs.from_model(model, loss)
        learns = outputs.learns
        if not learns.any():
            raise InputError("model: its prototypes are all zero; give classes with different means")
        decoded = check_target(model, target)
        # In units of the first eigenvalues and of the target's variance: only ratios can overflow then.
        first = float(eigenvalues[0])
        terms = _Terms.from_rows(eigenvalues / first, outputs.signal[learns], decoded)
        curvature = loss.initial_curvature(model.classes)
        drift = curvature * terms.forgotten + float(outputs.curvatures[~learns].sum()) * terms.faded
        # What the sums of squares leave where nothing is outside of the signal, or the spectrum is flat.
        noise = ROUNDING * terms.size
        explained = np.where(np.abs(terms.explained) > noise, terms.explained, 0.0)
        # Powers of the units one after the other, as no product of them is safe.
        remainder = np.sum(explained * (np.sqrt(decoded.scale) / terms.strengths) ** 2)
        return cls(
            remainder=float(remainder * decoded.variance),
            drift=first * decoded.variance * (drift if abs(drift) > noise else 0.0),
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


@dataclass(frozen=True, eq=False)
class _Terms:
    """The terms of C and v, with N, Sigma and S in units of their scale and of the target's variance.

    Attributes:
        explained: (r,) tr(O N) b_j S b_j + 2 b_j S O N b_j - tr(O S O N).
        strengths: (r,) square roots of gamma_j, in the units of the weights and inputs.
        forgotten: tr(B^T O F^T Sigma M^T (F^T M^T)^+ B).
        faded: minus d/ds of tr(O S O D) / tr(O D) at s = 0, D = F^T exp(-2 Sigma s) F; 0 where nothing is left.
        size: tr(S N), which sets the rounding error of these.
    """

    explained: FloatArray
    strengths: FloatArray
    forgotten: float
    faded: float
    size: float

    @classmethod
    def from_rows(cls, spectrum: FloatArray, rows: FloatArray, target: Target) -> _Terms:
        """From the eigenvalues (d,) of Sigma, the largest of which is 1, and the learnt rows (r, d), independent."""
        unit = float(np.abs(rows).max())
        learnt = rows / unit
        turn, singular, basis = np.linalg.svd(target.through_root(learnt), full_matrices=False)
        # Inputs other than the training inputs may not vary in a learnt direction.
        varies = counted(singular)
        turn, singular, basis = turn[:, varies], singular[varies], basis[varies]  # (rows, r), (r,), (r, p)
        everything, nothing = np.ones_like(spectrum), np.zeros_like(basis)
        variance, explained = left_beside(target, basis, everything)
        second, third = left_beside(target, basis, spectrum)
        whole, size = left_beside(target, nothing, everything)
        image = target.through_root(target.back_through_root(basis))  # rows N b_j
        seen = target.along_signal(basis) / target.variance  # rows S b_j
        moved = (turn / singular).T @ target.through_root(spectrum * learnt)  # rows F^T Sigma M^T (F^T M^T)^+ b_j
        shared = seen @ basis.T
        crossed = np.sum(seen * image, axis=1) - np.einsum("jk,kj->j", shared, basis @ image.T)  # b_j S O N b_j
        some = variance > ROUNDING * whole
        return cls(
            variance * np.diagonal(shared) + 2 * crossed - explained,
            np.asarray(singular * unit * np.sqrt(target.scale), dtype=np.float64),
            float(np.sum(seen * moved) - np.sum(shared * (moved @ basis.T))),
            float(2 * (third / variance - explained * second / variance**2)) if some else 0.0,
            float(size),
        )
