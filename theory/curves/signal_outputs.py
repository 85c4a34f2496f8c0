"""Outputs in the basis in which training separates them: those that learn, and those that do not.

The Jacobian of every loss here has one nonzero eigenvalue c at W = 0, and perhaps a null space of outputs that training
never moves (the sum of a softmax layer's rows). The other outputs are turned to the left singular basis of the
prototypes M; those beyond the rank of M have no signal, and W(0) alone is in them. R does not depend on the basis of
the outputs, and in this one each row is free of the rounding of the others: it is the rule of
``theory.curves.reconstruction`` that decides the rank of M, and outputs beyond it are exactly without a signal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory.curves.losses import Loss, SquaredError, loss_argument
from theory.curves.reconstruction import counted, rounding
from theory.data.data_model import DataModel
from theory.validation import BoolArray, FloatArray

#: Share of the largest eigenvalue of the Jacobian below which one is zero: those of all losses are 0 or the largest.
_NULL = 1e-9


@dataclass(frozen=True, eq=False)
class SignalOutputs:
    """The outputs of a layer in the eigenbasis of the Jacobian.

    Attributes:
        basis: (outputs, outputs) orthogonal; column k is output k of this basis.
        curvatures: (outputs,) curvature c that an output feels at W = 0; 0 where training never moves it.
        strengths: (outputs,) its singular value of M Sigma^(1/2), in descending order; exactly 0 without a signal.
        signal: (outputs, d) what it learns at W = 0, its row of M; exactly 0 without a signal.
        directions: (outputs, d) the orthonormal directions of these rows times Sigma^(1/2); 0 without a signal.
    """

    basis: FloatArray
    curvatures: FloatArray
    strengths: FloatArray
    signal: FloatArray
    directions: FloatArray

    @property
    def learns(self) -> BoolArray:
        """(outputs,) True for outputs with a signal."""
        return np.asarray(self.strengths > 0, dtype=np.bool_)

    @classmethod
    def from_model(cls, model: DataModel, loss: Loss) -> SignalOutputs:
        """The outputs of the layer that ``loss`` trains on ``model``."""
        loss_argument(loss)
        values, vectors = np.linalg.eigh(loss.initial_jacobian(model.classes))
        moves = values > _NULL * values[-1]
        moving, still = vectors[:, moves], vectors[:, ~moves]
        signal = loss.signal(model.prototypes)
        unit = float(np.abs(signal).max()) or 1.0
        root = np.sqrt(model.eigenvalues / model.eigenvalues[0])
        rows = moving.T @ (signal / unit)
        left, singular, right = np.linalg.svd(rows * root, full_matrices=rows.shape[0] > rows.shape[1])
        learns = np.zeros(signal.shape[0], dtype=np.bool_)
        learns[: singular.size] = counted(singular)
        strengths, directions = np.zeros(signal.shape[0]), np.zeros(signal.shape)
        directions[: singular.size] = right[: singular.size]
        strengths[: singular.size] = singular * unit * np.sqrt(model.eigenvalues[0])
        basis = np.concatenate([moving @ left, still], axis=1)
        return cls(
            basis,
            np.where(np.arange(values.size) < moves.sum(), values[-1], 0.0),
            np.where(learns, strengths, 0.0),
            np.where(learns[:, None], basis.T @ signal, 0.0),
            np.where(learns[:, None], directions, 0.0),
        )

    def turned(self, weights: FloatArray) -> FloatArray:
        """Rows (replica, outputs, d) of ``weights`` in this basis; an entry that is rounding of its sum is 0.

        The length of a row does not count in R, so that the rounding of a row that cancels would count as an output.
        """
        rows = self.basis.T @ weights
        sizes = np.abs(self.basis).T @ np.abs(weights)
        return np.asarray(np.where(np.abs(rows) > rounding(rows.shape[-2]) * sizes, rows, 0.0), dtype=np.float64)


def undamped(logs: FloatArray) -> FloatArray:
    """Decays (..., d) over the slowest of them, from the logarithms of their sizes: R ignores a row's length.

    All zero (logarithms of minus infinity) gives the limit in which they vanish together, which is zeros.
    """
    slowest = logs.max(axis=-1, keepdims=True)
    return np.asarray(np.exp(logs - np.where(np.isfinite(slowest), slowest, 0.0)), dtype=np.float64)


def descent_logs(moved: FloatArray, steps: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Logarithm of the size of (1 - moved)^steps, and its sign.

    Args:
        moved: share eta h l by which a step shrinks an entry.
        steps: step counts, in a shape that broadcasts to it.
    """
    kept = 1 - moved
    with np.errstate(divide="ignore", invalid="ignore"):
        # Where a step moves little, log1p has the digits that 1 - moved has lost.
        logs = np.where(np.abs(moved) < 0.5, np.log1p(-np.minimum(moved, 0.5)), np.log(np.abs(kept)))
        powers = np.where(steps == 0, 0.0, steps * logs)
    return powers, np.where((kept < 0) & (steps % 2 == 1), -1.0, 1.0)


@dataclass(frozen=True, eq=False)
class ApartOutputs:
    """Outputs that gradient descent never mixes with the others, followed exactly.

    Training never moves the sum of a softmax layer's rows; with squared error, outputs without a signal decay by
    themselves. As sums over rows of float64 weights both would be lost in the rounding of the others.

    Attributes:
        directions: (outputs, q) orthonormal.
        rest: (outputs, outputs - q) orthonormal, orthogonal to them.
        start: (replica, q, d) their rows of W(0).
        moved: (q, d) share by which a step shrinks an entry.
    """

    directions: FloatArray
    rest: FloatArray
    start: FloatArray
    moved: FloatArray

    @classmethod
    def from_model(cls, model: DataModel, loss: Loss, weights: FloatArray, step_size: float) -> ApartOutputs:
        """Those of the layer that ``loss`` trains on ``model`` from W(0) = ``weights`` (replica, outputs, d).

        Args:
            model: the data model.
            loss: the training loss.
            weights: (replica, outputs, d) W(0) in the eigenbasis.
            step_size: eta.
        """
        outputs = SignalOutputs.from_model(model, loss)
        # Only squared error has the same curvature at all outputs: other losses couple what moves.
        apart: BoolArray = ~outputs.learns if isinstance(loss, SquaredError) else np.asarray(outputs.curvatures == 0)
        directions = outputs.basis[:, apart]
        moved = step_size * outputs.curvatures[apart][:, None] * model.eigenvalues
        return cls(directions, outputs.basis[:, ~apart], outputs.turned(weights)[:, apart], moved)

    def restored(self, weights: FloatArray, steps: int) -> FloatArray:
        """Weights (replica, outputs, d) after ``steps`` steps with these outputs' exact values in them."""
        logs, signs = descent_logs(self.moved, np.array(float(steps)))
        exact = self.directions @ (signs * np.exp(logs) * self.start)
        return np.asarray(self.rest @ (self.rest.T @ weights) + exact, dtype=np.float64)

    def rows(self, weights: FloatArray, steps: int) -> FloatArray:
        """Rows (replica, outputs, d) with the span of ``weights``, these outputs apart from the others and undamped."""
        logs, signs = descent_logs(self.moved, np.array(float(steps)))
        own = signs * undamped(logs) * self.start
        return np.asarray(np.concatenate([self.rest.T @ weights, own], axis=1), dtype=np.float64)
