"""How far samples move training away from the mean field: the gradient defect along its path, to first order.

The mean field makes one assumption on data: along its path W(s) the gradient on the samples is that of
Gaussian classes with a common covariance,

    g(W) = sum_k pi_k E_k[t_k - p] mu_k^T - H W Sigma_W,    H = sum_k pi_k E_k[dp/dz].

The defect D(s) is the gradient on the samples less g, both at W(s), with the means and the covariance of these
samples in g: it vanishes for squared error, and for Gaussian classes up to sampling noise. It is carried on by

    dU/ds = D(s) + J(s) U,    J U = -(1/n) sum_i (dp/dz)_i U x_i x_i^T,

the linearised gradient on the samples, and L(W + U) - L(W) is by how much it moves the curve, to first order in the
defect. Nothing is trained: the gradient is evaluated at a few dozen points of a path that is known beforehand.

The sampling error is that of the delete-a-part jackknife over disjoint parts of the samples, each with its own D and U.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from theory.curves.block_descent import geometric_steps
from theory.curves.curve import logarithmic_steps
from theory.curves.losses import Loss
from theory.curves.mean_field import gaussian_nodes, gaussian_outputs, mean_field_path
from theory.curves.reconstruction import relative_loss
from theory.data.data_model import DataModel
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
        reach = student.ppf(0.975, self.parts - 1) * self.standard_error
        size = np.abs(self.deviation)
        return max(float((size - reach).max()), 0.0), float((size + reach).max())


@dataclass(frozen=True, eq=False)
class _Samples:
    """Samples x (n, d), targets (n, outputs), one-hot classes (n, K), and the samples of each part, disjoint."""

    inputs: FloatArray
    targets: FloatArray
    members: FloatArray
    parts: tuple[IntArray, ...]

    def outputs(self, weights: FloatArray) -> FloatArray:
        """(..., n, outputs) outputs W x for weights (..., outputs, d), as one matrix product."""
        flat = weights.reshape(-1, weights.shape[-1]) @ self.inputs.T
        stacked = flat.reshape(*weights.shape[:-1], -1)
        return np.ascontiguousarray(np.swapaxes(stacked, -1, -2))

    def pulled(self, coefficients: FloatArray) -> FloatArray:
        """(..., outputs, d) sums over samples of coefficients (..., n, outputs) times x, as one matrix product."""
        stacked = np.swapaxes(coefficients, -1, -2)
        flat = stacked.reshape(-1, stacked.shape[-1]) @ self.inputs
        return np.asarray(flat.reshape(*stacked.shape[:-1], -1), dtype=np.float64)

    def without_each(self, products: FloatArray) -> FloatArray:
        """Mean of (n, ...) products with the inputs: over all samples, then without each part, (1 + m, ..., d).

        Args:
            products: (..., n) coefficients of the samples.
        """
        flat = products.reshape(-1, products.shape[-1])
        sums = np.stack([flat[:, part] @ self.inputs[part] for part in self.parts])
        sums = sums.reshape(len(self.parts), *products.shape[:-1], -1)
        counts = np.array([part.size for part in self.parts])
        total = sums.sum(axis=0)
        left = (total - sums) / (counts.sum() - counts).reshape(-1, *[1] * total.ndim)
        return np.concatenate([total[None] / counts.sum(), left])


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
    members = np.eye(model.classes)[known]
    samples = _Samples(rows, loss.targets(model.frequencies)[known], members, tuple(parts))
    counts = np.stack([members[part].sum(axis=0) for part in parts])
    remaining = np.concatenate([counts.sum(axis=0)[None], counts.sum(axis=0) - counts])  # (1 + m, K)
    if remaining.min() < 1:
        label = int(np.argmin(remaining.min(axis=0)))
        raise InputError(f"parts: class {label} lies within one part; spread each class over at least two parts")
    frequencies = remaining / remaining.sum(axis=1, keepdims=True)
    class_means = samples.without_each(members.T) / frequencies[..., None]  # (1 + m, K, d)
    moments = _ClassMoments(frequencies, class_means)
    steps = logarithmic_steps(at_least("last", last, 1), _PER_DECADE)
    nodes = gaussian_nodes(weights.shape[1], _NODES)
    path = mean_field_path(model, loss, weights, steps, step_size)

    offset = np.zeros((len(parts) + 1, *weights.shape))
    derived, moved = [], []
    before: _Point | None = None
    for index, current in enumerate(progress(path)):
        point = _Point.at(current, samples, moments, loss, nodes)
        if before is not None:
            offset = _advance(before, point, samples, loss, model, offset, step_size, int(np.diff(steps)[index - 1]))
        before = point
        level = relative_loss(current, model.eigenvalues)
        derived.append(float(level.mean()))
        moved.append((relative_loss(current + offset, model.eigenvalues) - level).mean(axis=-1))
    deviations = np.stack(moved, axis=-1)  # (1 + m, T)
    replicates = deviations[1:]
    scatter = np.square(replicates - replicates.mean(axis=0)).sum(axis=0)
    error = np.sqrt((len(parts) - 1) / len(parts) * scatter)
    return DefectResponse(steps, np.array(derived), deviations[0], error, len(parts))


@dataclass(frozen=True, eq=False)
class _ClassMoments:
    """Class frequencies (S, K) and class means (S, K, d) of several sets of samples."""

    frequencies: FloatArray
    means: FloatArray


@dataclass(frozen=True, eq=False)
class _Point:
    """One point of the path.

    Attributes:
        predictions: (replica, n, outputs) of the samples.
        defect: (S, replica, outputs, d) on each set of samples.
        hessian: (replica, outputs, outputs) mean of dp/dz over the Gaussian classes of all samples.
    """

    predictions: FloatArray
    defect: FloatArray
    hessian: FloatArray

    @classmethod
    def at(
        cls, weights: FloatArray, samples: _Samples, moments: _ClassMoments, loss: Loss, nodes: FloatArray
    ) -> _Point:
        outputs = samples.outputs(weights)  # (replica, n, outputs)
        predictions = loss.predictions(outputs)
        descent = samples.without_each(np.swapaxes(samples.targets - predictions, -1, -2))
        pulled = samples.without_each(np.swapaxes(outputs, -1, -2))  # E z x^T: (S, replica, outputs, d)
        gaussian, hessian = _gaussian_descent(weights, pulled, moments, loss, nodes)
        return cls(predictions, descent - gaussian, hessian[0])


def _gaussian_descent(
    weights: FloatArray, pulled: FloatArray, moments: _ClassMoments, loss: Loss, nodes: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Negative gradient g (S, replica, outputs, d) of Gaussian classes with these moments, and H."""
    shares = moments.frequencies[:, None]  # (S, 1, K)
    centres = weights @ np.swapaxes(moments.means, -1, -2)[:, None]  # (S, replica, outputs, K)
    weighted = centres * shares[..., None, :]
    within = pulled @ np.swapaxes(weights, -1, -2) - weighted @ np.swapaxes(centres, -1, -2)
    symmetric = (within + np.swapaxes(within, -1, -2)) / 2
    outputs = gaussian_outputs(np.swapaxes(centres, -1, -2), symmetric[..., None, :, :], nodes)
    predictions = loss.predictions(outputs)  # (S, replica, K, nodes, outputs)
    targets = np.stack([loss.targets(own) for own in moments.frequencies])[:, None]  # (S, 1, K, outputs)
    residual = shares[..., None] * (targets - predictions.mean(axis=-2))
    hessian = np.einsum("sk,srkij->srij", moments.frequencies, loss.mean_jacobian(predictions))
    spread = pulled - weighted @ moments.means[:, None]  # W Sigma_W
    return np.swapaxes(residual, -1, -2) @ moments.means[:, None] - hessian @ spread, hessian


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
        response = samples.pulled(pushed) / samples.inputs.shape[0]
        return np.asarray(back @ (point.defect - response) + rates * (back @ at), dtype=np.float64)

    first = force(start, offset)
    guess = geometric_steps(offset, vectors, step_size * rates, first, step_size, steps)
    if steps == 1:
        return guess
    second = force(end, guess)
    return geometric_steps(offset, vectors, step_size * rates, (first + second) / 2, step_size, steps)
