"""When theorem T4 implies that the reconstruction loss of a layer rises in phase III, and when it does not apply.

T4 is about the learnt path: linearised, from W(0) = 0, and read from outputs that have learnt something. A layer has
more: outputs that learn nothing (the conserved mean row of softmax, and all beyond the rank of the prototypes), whose
direction counts however small W(0) is, and a loss that bends once outputs have grown. So a verdict by the theorem
needs a decoder of centred outputs or a bound on what idle outputs add, and the time up to which the loss is linear.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq

from theory.curves.centred_outputs import CentredOutputs
from theory.curves.linearised import flow_curve
from theory.curves.losses import Loss, Softmax, loss_argument
from theory.curves.mean_field import gaussian_nodes, mean_field_curve, output_statistics
from theory.curves.phase_three import learnt_rows
from theory.curves.reconstruction import explained_variance
from theory.data.data_model import DataModel
from theory.validation import FloatArray, InputError, open_unit

#: Share of the gradient by which the linearised and the Gaussian one may differ within the linearised range.
TOLERANCE = 0.1

#: Rounding of R in units of tr Sigma, and of a gradient in units of the first one.
_ROUNDING = 1e-10


@dataclass(frozen=True)
class Forgetting:
    """The conclusion of T4 for the outputs of a layer; variances are shares of tr Sigma.

    Attributes:
        until: last time s of the linearised range; infinite for squared error.
        taken: R of the learnt path at its start, less R at ``until`` (T4: never below 0).
        idle: outputs that the decoder uses and that learn nothing.
        allowance: upper bound on the growth of what these explain beyond the learnt path: the sum of the largest
            eigenvalues, as many as there are idle outputs, less that of the smallest.
    """

    until: float
    taken: float
    idle: int
    allowance: float

    @classmethod
    def from_model(cls, model: DataModel, loss: Loss, tolerance: float = TOLERANCE) -> Forgetting:
        """T4 for the layer that ``loss`` trains on ``model``; ``CentredOutputs(loss)`` for the centred decoder.

        Args:
            model: the data model.
            loss: the training loss.
            tolerance: of the linearised range, between 0 and 1.

        Raises:
            InputError: prototypes that are all zero, or a tolerance out of range.
        """
        loss_argument(loss)
        basis = _learnt_basis(loss.signal(model.prototypes))
        until = linearised_until(model, loss, tolerance)
        ends = (basis, learnt_rows(basis, model.eigenvalues, until, loss.initial_curvature(model.classes)))
        start, end = (float(explained_variance(rows, model.eigenvalues)) for rows in ends)
        idle = min(loss.outputs(model.classes), model.dimension) - basis.shape[0]
        spread = model.eigenvalues[:idle].sum() - model.eigenvalues[model.dimension - idle :].sum()
        return cls(until, max(start - end, 0.0) / model.total_variance, idle, float(spread) / model.total_variance)

    @property
    def is_monotone(self) -> bool:
        """Whether by T4 the loss never falls along the learnt path for this decoder."""
        return self.idle == 0

    @property
    def is_phase_three(self) -> bool:
        """Whether by T4 the loss is higher at ``until`` than at the start of the learnt path."""
        return self.taken > self.allowance + _ROUNDING


def linearised_until(model: DataModel, loss: Loss, tolerance: float = TOLERANCE) -> float:
    """Time at which the linearised gradient first departs from that of Gaussian classes, from W(0) = 0 on.

    Their difference along the linearised path, in units of the linearised gradient and both weighted by Sigma as
    R is, reaches ``tolerance`` there; looked for in octaves. Infinite for a loss whose gradient is linear.

    Args:
        model: the data model.
        loss: the training loss.
        tolerance: between 0 and 1.

    Raises:
        InputError: a tolerance out of range.
    """
    loss_argument(loss)
    accepted = open_unit("tolerance", tolerance)
    signal, jacobian = loss.signal(model.prototypes), loss.initial_jacobian(model.classes)
    curvature = loss.initial_curvature(model.classes)
    nodes = gaussian_nodes(signal.shape[0], 512)
    whole = _length(signal, model.eigenvalues)

    def excess(logarithm: float) -> float:
        weights = learnt_rows(signal, model.eigenvalues, float(np.exp(logarithm)), curvature)
        linear = signal - jacobian @ weights * model.eigenvalues
        drive, hessian = (statistic[0] for statistic in output_statistics(model, loss, weights[None], nodes))
        off = drive @ model.means - hessian @ weights * model.eigenvalues - linear
        beyond = _length(off, model.eigenvalues) - accepted * _length(linear, model.eigenvalues)
        return beyond / whole - _ROUNDING

    rates = curvature * model.eigenvalues
    octaves = np.log(1e-3 / rates[0]) + np.log(2) * np.arange(_octaves(rates))
    late = next((time for time in octaves if excess(float(time)) > 0), None)
    if late is None:
        return float("inf")
    return float(np.exp(brentq(excess, float(late) - np.log(2), float(late), xtol=1e-6)))


def _octaves(rates: FloatArray) -> int:
    """Doublings of 1e-3 / (c lambda_1) up to 20 / (c lambda_d), when what is left of the gradient is rounding."""
    return int(np.ceil(np.log2(2e4 * rates[0] / rates[-1]))) + 1


def _length(gradient: FloatArray, eigenvalues: FloatArray) -> float:
    return float(np.sqrt(np.sum(np.square(gradient) * eigenvalues)))


def _learnt_basis(signal: FloatArray) -> FloatArray:
    """(rank, d) orthonormal rows that span what is learnt; singular values of rounding do not count.

    Raises:
        InputError: nothing is learnt.
    """
    _, singular, right = np.linalg.svd(signal, full_matrices=False)
    learns = singular > max(signal.shape) * np.finfo(np.float64).eps * singular[0]
    if not learns.any():
        raise InputError("model: its prototypes are all zero; give classes with different means")
    return np.asarray(right[learns], dtype=np.float64)


def unmet_conditions(model: DataModel, loss: Loss) -> tuple[str, ...]:
    """The conditions of T4 beyond its assumptions that a layer does not meet: none, or one in words."""
    if not loss.signal(model.prototypes).any():
        return ("classes with different means",)
    found = Forgetting.from_model(model, loss)
    if found.is_phase_three:
        return ()
    if found.idle == 0:
        return (f"a learnt path that loses anything (it loses {found.taken:.2g} of tr Sigma while it is linear)",)
    return (
        f"centred outputs, or a bound on idle ones ({found.idle} of {loss.outputs(model.classes)} outputs learn "
        f"nothing and may add {found.allowance:.2g} of tr Sigma; the learnt path loses {found.taken:.2g} while it is "
        "linear)",
    )


@lru_cache(maxsize=1)
def conserved_row_losses() -> tuple[float, ...]:
    """L / tr Sigma of outputs as they are, where the conserved row makes the loss fall after it has risen.

    Linearised softmax, eigenvalues 1, .2, .05, two classes along (.1, .9, -.4), W(0) = 1e-9 (0, .6, -1) in both rows,
    at s = .001, 18, 90, 112 and 1,000. The size of the classes' signal does not matter there.
    """
    model = DataModel.two_classes([1.0, 0.2, 0.05], np.array([0.1, 0.9, -0.4]))
    start = np.tile(1e-9 * np.array([0.0, 0.6, -1.0]), (1, 2, 1))
    times = np.array([0.001, 18.0, 90.0, 112.0, 1000.0])
    return tuple(flow_curve(model, Softmax(), start, times).losses[0].tolist())


@lru_cache(maxsize=1)
def softmax_losses() -> tuple[float, ...]:
    """L / tr Sigma of centred outputs where softmax as it is makes the loss fall again, at s = .1, 139 and 2,000.

    Mean field from W(0) = 0; the model is the one that the counterexample of theorem T4 states.
    """
    first, second = np.array([0.0394, -0.0317, 0.0142]), np.array([0.2556, -0.0583, 0.0711])
    prototypes = np.stack([first, second, -first - second])
    model = DataModel(np.array([1.0, 0.4315, 0.1453]), prototypes, np.array([0.054, 0.665, 0.281]))
    # Between recorded steps the mean field takes long blocks; with this many they are short.
    steps = np.unique(np.concatenate([np.geomspace(1, 20_000, 200).astype(np.int64), [1390]]))
    # Three digits are printed: 512 nodes err by 5e-4.
    curve = mean_field_curve(model, CentredOutputs(Softmax()), np.zeros((1, 2, 3)), steps, 0.1, nodes=2048)
    return tuple(curve.losses[0, np.searchsorted(steps, [1, 1390, 20_000])].tolist())
