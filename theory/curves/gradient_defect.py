"""How far samples move training away from the mean field: the gradient defect along its path, to first order.

The mean field makes one assumption on data: along its path W(s) the gradient on the samples is that of
Gaussian classes with a common covariance,

    g(W) = sum_k pi_k E_k[t_k - p] mu_k^T - H W Sigma_W,    H = sum_k pi_k E_k[dp/dz].

The defect D(s) is the gradient on the samples less g, both at W(s), with the means and the covariance of these
samples in g: it vanishes for squared error, and for Gaussian classes up to sampling noise. It is carried on by

    dU/ds = D(s) + J(s) U,    J U = -(1/n) sum_i (dp/dz)_i U x_i x_i^T,

the linearised gradient on the samples, and L(W + U) - L(W) is by how much it moves the curve, to first order in the
defect. Nothing is trained: the gradient is evaluated at a few dozen points of a path that is known beforehand.

The sampling error is that of the delete-a-part jackknife over disjoint parts of the samples. Without a part, means,
covariance, D, J and U are those of the samples that are left; the path is that of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theory.curves.block_descent import geometric_steps
from theory.curves.curve import logarithmic_steps
from theory.curves.losses import Loss
from theory.curves.mean_field import gaussian_nodes, gaussian_outputs, mean_field_path
from theory.curves.reconstruction import relative_loss
from theory.data.data_model import DataModel
from theory.data.jackknife import errors_in_interval, jackknife_error
from theory.progress import Progress, silent
from theory.validation import FloatArray, InputError, IntArray, at_least, class_labels, matrix_with_columns

#: Points of the path per decade of steps: the trapezoidal rule then errs by less than the sampling error.
_PER_DECADE = 16

#: Quadrature nodes per class.
_NODES = 128


@dataclass(frozen=True, eq=False)
class DefectResponse:
    """By how much the defect moves the curve of the mean field.

    Attributes:
        steps: (T,) steps of gradient descent.
        derived: (T,) L / tr Sigma of the mean field, mean over the draws of W(0).
        deviation: (T,) change of it by the defect.
        standard_error: (T,) of the deviation, by the jackknife over parts of the samples.
        parts: number of these parts.
    """

    steps: IntArray
    derived: FloatArray
    deviation: FloatArray
    standard_error: FloatArray
    parts: int

    def within(self, last: int) -> DefectResponse:
        """The response up to the step ``last``."""
        kept = self.steps <= last
        return DefectResponse(
            self.steps[kept], self.derived[kept], self.deviation[kept], self.standard_error[kept], self.parts
        )

    @property
    def largest(self) -> float:
        """The largest deviation along the curve, as a positive number."""
        return float(np.abs(self.deviation).max())

    @property
    def interval(self) -> tuple[float, float]:
        """Interval of ``largest`` at 95 %: the largest ends over all points, the lower one at least 0."""
        reach = errors_in_interval(self.parts) * self.standard_error
        size = np.abs(self.deviation)
        return max(float((size - reach).max()), 0.0), float((size + reach).max())


@dataclass(frozen=True, eq=False)
class _Samples:
    """Samples x (n, d) in S sets: all of them, then all but each part; each set with its own mean and classes.

    Attributes:
        inputs: (n, d).
        shares: (S, n) of each sample in the mean over a set: 1 / size in the set, 0 outside.
        centre: (S, d) mean of each set.
        covariance: (S, d, d) about this mean.
        frequencies: (S, K) of the classes.
        means: (S, K, d) of the classes, about the mean of the set.
        targets: (S, n, outputs).
    """

    inputs: FloatArray
    shares: FloatArray
    centre: FloatArray
    covariance: FloatArray
    frequencies: FloatArray
    means: FloatArray
    targets: FloatArray

    @classmethod
    def of(cls, inputs: FloatArray, labels: IntArray, classes: int, parts: Sequence[IntArray], loss: Loss) -> _Samples:
        """Arguments as ``defect_response``; InputError for a class that is missing without one of the parts."""
        kept = np.ones((len(parts) + 1, labels.size))
        for number, part in enumerate(parts, start=1):
            kept[number, part] = 0
        members = np.eye(classes)[labels]
        counts = kept @ members
        if counts.min() < 1:
            label = int(np.argmin(counts.min(axis=0)))
            raise InputError(f"parts: class {label} lies in one part alone; give each class to at least two parts")
        sizes = kept.sum(axis=1, keepdims=True)
        shares, frequencies = kept / sizes, counts / sizes
        centre = shares @ inputs
        of_classes = np.swapaxes(shares[..., None] * members, -1, -2) @ inputs / frequencies[..., None]
        squares = np.stack([(inputs.T * own) @ inputs for own in shares])
        return cls(
            inputs,
            shares,
            centre,
            squares - centre[:, :, None] * centre[:, None, :],
            frequencies,
            of_classes - centre[:, None],
            np.stack([loss.targets(own)[labels] for own in frequencies]),
        )

    def outputs(self, weights: FloatArray) -> FloatArray:
        """(S, replica, n, outputs) outputs W (x - centre) for weights ([S,] replica, outputs, d)."""
        flat = weights.reshape(-1, weights.shape[-1]) @ self.inputs.T
        raw = np.swapaxes(flat.reshape(*weights.shape[:-1], -1), -1, -2)
        return np.ascontiguousarray(raw - np.swapaxes(weights @ self.centre[:, None, :, None], -1, -2))

    def averaged(self, coefficients: FloatArray) -> FloatArray:
        """(S, replica, outputs, d) mean over each set of coefficients (S, replica, n, outputs) times x - centre."""
        weighted = np.swapaxes(coefficients * self.shares[:, None, :, None], -1, -2)
        flat = weighted.reshape(-1, weighted.shape[-1]) @ self.inputs
        offset = weighted.sum(axis=-1)[..., None] * self.centre[:, None, None]
        return np.asarray(flat.reshape(offset.shape) - offset, dtype=np.float64)


def defect_response(
    model: DataModel,
    loss: Loss,
    inputs: FloatArray,
    labels: IntArray,
    weights: FloatArray,
    last: int,
    step_size: float,
    parts: Sequence[IntArray],
    progress: Progress = silent,
) -> DefectResponse:
    """Follow the mean field, evaluate the defect on samples along it and propagate it to the curve.

    Args:
        model: the data model; its mean field gives the path.
        loss: the training loss.
        inputs: (n, d) samples, centred, in the eigenbasis of the model.
        labels: (n,) their classes.
        weights: (replica, outputs, d) W(0) in the eigenbasis.
        last: last step, at least 1.
        step_size: eta, within the loss's stability limit.
        parts: the indices of at least two disjoint parts that cover the samples; no class lies within a single part.
        progress: shows how many points of the path are done.

    Raises:
        InputError: shapes that do not fit, NaN or infinity, labels out of range, a class that lies within a single
            part, a step size that is not stable.
    """
    rows = matrix_with_columns("inputs", inputs, model.dimension)
    known = class_labels("labels", labels, rows.shape[0], model.classes)
    if len(parts) < 2 or sum(part.size for part in parts) != rows.shape[0]:
        raise InputError(f"parts: {len(parts)} are given; give at least 2 that cover the {rows.shape[0]} samples")
    samples = _Samples.of(rows, known, model.classes, parts, loss)
    steps = logarithmic_steps(at_least("last", last, 1), _PER_DECADE)
    nodes = gaussian_nodes(weights.shape[1], _NODES)
    path = mean_field_path(model, loss, weights, steps, step_size)

    offset = np.zeros((len(parts) + 1, *weights.shape))
    derived, moved = [], []
    before: _Point | None = None
    for index, current in enumerate(progress(path)):
        point = _Point.at(current, samples, loss, nodes)
        if before is not None:
            offset = _advance(before, point, samples, loss, model, offset, step_size, int(np.diff(steps)[index - 1]))
        before = point
        level = relative_loss(current, model.eigenvalues)
        derived.append(float(level.mean()))
        moved.append((relative_loss(current + offset, model.eigenvalues) - level).mean(axis=-1))
    deviations = np.stack(moved, axis=-1)  # (1 + m, T)
    return DefectResponse(steps, np.array(derived), deviations[0], jackknife_error(deviations[1:]), len(parts))


@dataclass(frozen=True, eq=False)
class _Point:
    """One point of the path, on each of S sets of samples.

    Attributes:
        predictions: (S, replica, n, outputs) of the samples.
        defect: (S, replica, outputs, d).
        hessian: (S, replica, outputs, outputs) mean of dp/dz over the Gaussian classes.
    """

    predictions: FloatArray
    defect: FloatArray
    hessian: FloatArray

    @classmethod
    def at(cls, weights: FloatArray, samples: _Samples, loss: Loss, nodes: FloatArray) -> _Point:
        predictions = loss.predictions(samples.outputs(weights))
        descent = samples.averaged(samples.targets[:, None] - predictions)
        gaussian, hessian = _gaussian_descent(weights, samples, loss, nodes)
        return cls(predictions, descent - gaussian, hessian)


def _gaussian_descent(
    weights: FloatArray, samples: _Samples, loss: Loss, nodes: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Negative gradient g (S, replica, outputs, d) of Gaussian classes with the moments of each set, and H."""
    shares, means = samples.frequencies[:, None], samples.means[:, None]  # (S, 1, K), (S, 1, K, d)
    pulled = weights @ samples.covariance[:, None]  # W Sigma
    centres = weights @ np.swapaxes(means, -1, -2)  # (S, replica, outputs, K)
    weighted = centres * shares[..., None, :]
    spread = pulled - weighted @ means  # W Sigma_W
    within = spread @ np.swapaxes(weights, -1, -2)
    symmetric = (within + np.swapaxes(within, -1, -2)) / 2
    outputs = gaussian_outputs(np.swapaxes(centres, -1, -2), symmetric[..., None, :, :], nodes)
    predictions = loss.predictions(outputs)  # (S, replica, K, nodes, outputs)
    targets = np.stack([loss.targets(own) for own in samples.frequencies])[:, None]  # (S, 1, K, outputs)
    residual = shares[..., None] * (targets - predictions.mean(axis=-2))
    hessian = np.einsum("sk,srkij->srij", samples.frequencies, loss.mean_jacobian(predictions))
    return np.swapaxes(residual, -1, -2) @ means - hessian @ spread, hessian


def _advance(
    start: _Point,
    end: _Point,
    samples: _Samples,
    loss: Loss,
    model: DataModel,
    offset: FloatArray,
    step_size: float,
    steps: int,
) -> FloatArray:
    """U after ``steps`` steps: the decay of the mean field exactly, what is left of D + J U by Heun's rule."""
    values, vectors = np.linalg.eigh(start.hessian)
    rates = np.maximum(values, 0.0)[..., None] * model.eigenvalues
    back = np.swapaxes(vectors, -1, -2)

    def force(point: _Point, at: FloatArray) -> FloatArray:
        pushed = loss.jacobian_product(point.predictions, samples.outputs(at))
        return np.asarray(back @ (point.defect - samples.averaged(pushed)) + rates * (back @ at), dtype=np.float64)

    first = force(start, offset)
    guess = geometric_steps(offset, vectors, step_size * rates, first, step_size, steps)
    if steps == 1:
        return guess
    second = force(end, guess)
    return geometric_steps(offset, vectors, step_size * rates, (first + second) / 2, step_size, steps)
