"""Training losses of a single layer z = W x, as the theory uses them.

A loss enters through three things: which rows of M its outputs learn, the Jacobian H of its output
gradient at W = 0, and the averages of the output gradient over Gaussian classes:

    residual[o, k] = pi_k E_k[t_ko - p_o(z)],    hessian = sum_k pi_k E_k[dp/dz],

with t the targets and p the predictions. By Stein's lemma the negative gradient of the population
loss is then  residual mu - hessian W Sigma_W  for Gaussian classes with means mu and common
within-class covariance Sigma_W.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from theory.validation import FloatArray, InputError, one_of, quoted


@dataclass(frozen=True)
class Loss(ABC):
    """A convex loss on the outputs of a single linear layer.

    Gradient descent with step size eta is stable only for eta lambda_1 <= 2 / largest_curvature.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """The word used for it on the command line."""

    @property
    @abstractmethod
    def largest_curvature(self) -> float:
        """Largest eigenvalue of dp/dz over all outputs z; sets the largest stable step."""

    @property
    def stability_limit(self) -> float:
        """Largest stable eta lambda_1: 2 for squared error, 8 for logistic, 4 for softmax."""
        return 2 / self.largest_curvature

    @abstractmethod
    def outputs(self, classes: int) -> int:
        """Number of outputs; InputError where the loss does not take that many classes."""

    @abstractmethod
    def targets(self, frequencies: FloatArray) -> FloatArray:
        """(K, outputs) target of each class."""

    @abstractmethod
    def initial_jacobian(self, classes: int) -> FloatArray:
        """(outputs, outputs) symmetric Jacobian H = dp/dz at z = 0."""

    @abstractmethod
    def predictions(self, outputs: FloatArray) -> FloatArray:
        """p(z) of outputs z, both (..., outputs)."""

    @abstractmethod
    def mean_jacobian(self, predictions: FloatArray) -> FloatArray:
        """Mean over the last-but-one axis of dp/dz: (..., n, outputs) -> (..., outputs, outputs)."""

    def class_errors(self, errors: FloatArray) -> FloatArray:
        """(..., K) errors t - p of the classes' probabilities from those of the outputs; here they are the same.

        Raises:
            InputError: a loss whose outputs are not probabilities.
        """
        return errors

    @abstractmethod
    def jacobian_product(self, predictions: FloatArray, directions: FloatArray) -> FloatArray:
        """(dp/dz) v, (..., outputs), for each sample's predictions p and direction v of its outputs."""

    def signal(self, prototypes: FloatArray) -> FloatArray:
        """(outputs, d) the rows of M learnt at W = 0: the negative gradient there (theorem T1)."""
        return prototypes if self.outputs(prototypes.shape[0]) > 1 else prototypes[1:]

    def initial_curvature(self, classes: int) -> float:
        """Curvature c at W = 0: 1 for squared error, 1/4 logistic, 1/K softmax."""
        return float(np.linalg.eigvalsh(self.initial_jacobian(classes))[-1])

    def check_step_size(self, step_size: float, largest_eigenvalue: float) -> None:
        """InputError if gradient descent at this step size is unstable."""
        product = step_size * largest_eigenvalue
        if not np.isfinite(step_size) or step_size <= 0 or product > self.stability_limit:
            raise InputError(
                f"step_size: {step_size:g} gives eta lambda_1 = {product:.3g}, which is not stable for {self.name}; "
                f"give a positive step size of at most {self.stability_limit / largest_eigenvalue:.3g}"
            )


def _outputs_of_two_or_more(classes: int) -> int:
    return 1 if classes == 2 else classes


@dataclass(frozen=True)
class SquaredError(Loss):
    """Half the squared distance to one-hot targets, less their mean (the best intercept).

    With two classes one output, with target 1 for class 1, carries all that two would.
    """

    name = "squared"
    largest_curvature = 1.0

    def outputs(self, classes: int) -> int:
        return _outputs_of_two_or_more(classes)

    def targets(self, frequencies: FloatArray) -> FloatArray:
        centred = np.eye(frequencies.shape[0]) - frequencies
        return centred if self.outputs(frequencies.shape[0]) > 1 else centred[:, 1:]

    def class_errors(self, errors: FloatArray) -> FloatArray:
        raise InputError("loss: squared error gives no probabilities; give softmax or logistic")

    def initial_jacobian(self, classes: int) -> FloatArray:
        return np.eye(self.outputs(classes))

    def predictions(self, outputs: FloatArray) -> FloatArray:
        return outputs

    def mean_jacobian(self, predictions: FloatArray) -> FloatArray:
        outputs = predictions.shape[-1]
        return np.broadcast_to(np.eye(outputs), (*predictions.shape[:-2], outputs, outputs))

    def jacobian_product(self, predictions: FloatArray, directions: FloatArray) -> FloatArray:
        return directions


@dataclass(frozen=True)
class Logistic(Loss):
    """Logistic loss of one output for two classes; class 1 is the positive one."""

    name = "logistic"
    largest_curvature = 0.25

    def outputs(self, classes: int) -> int:
        if classes != 2:
            raise InputError(f"loss: logistic takes two classes and these data have {classes}; give softmax or squared")
        return 1

    def targets(self, frequencies: FloatArray) -> FloatArray:
        self.outputs(frequencies.shape[0])
        return np.array([[0.0], [1.0]])

    def initial_jacobian(self, classes: int) -> FloatArray:
        return np.full((self.outputs(classes), 1), 0.25)

    def predictions(self, outputs: FloatArray) -> FloatArray:
        # tanh does not overflow where exp(-z) does.
        return np.asarray(0.5 + 0.5 * np.tanh(0.5 * outputs), dtype=np.float64)

    def mean_jacobian(self, predictions: FloatArray) -> FloatArray:
        slope = np.mean(predictions * (1 - predictions), axis=-2)
        return np.asarray(slope[..., None], dtype=np.float64)

    def jacobian_product(self, predictions: FloatArray, directions: FloatArray) -> FloatArray:
        return np.asarray(predictions * (1 - predictions) * directions, dtype=np.float64)


@dataclass(frozen=True)
class Softmax(Loss):
    """Cross-entropy of the softmax of K outputs."""

    name = "softmax"
    largest_curvature = 0.5

    def outputs(self, classes: int) -> int:
        return classes

    def targets(self, frequencies: FloatArray) -> FloatArray:
        return np.eye(frequencies.shape[0])

    def initial_jacobian(self, classes: int) -> FloatArray:
        return np.asarray((np.eye(classes) - 1 / classes) / classes, dtype=np.float64)

    def predictions(self, outputs: FloatArray) -> FloatArray:
        # In place: arrays of all samples are large, and new ones cost as much as the exponentials.
        raised = np.asarray(outputs - outputs.max(axis=-1, keepdims=True), dtype=np.float64)
        np.exp(raised, out=raised)
        raised /= raised.sum(axis=-1, keepdims=True)
        return raised

    def mean_jacobian(self, predictions: FloatArray) -> FloatArray:
        mean = predictions.mean(axis=-2)
        second = np.swapaxes(predictions, -1, -2) @ predictions / predictions.shape[-2]
        return np.asarray(mean[..., None] * np.eye(mean.shape[-1]) - second, dtype=np.float64)

    def jacobian_product(self, predictions: FloatArray, directions: FloatArray) -> FloatArray:
        shifted = directions - np.sum(predictions * directions, axis=-1, keepdims=True)
        return np.asarray(predictions * shifted, dtype=np.float64)


LOSSES: tuple[Loss, ...] = (Softmax(), Logistic(), SquaredError())


def loss_argument(value: object) -> Loss:
    """``value``, which must be a loss; InputError, which names them, otherwise."""
    if not isinstance(value, Loss):
        accepted = ", ".join(f"{type(loss).__name__}()" for loss in LOSSES)
        raise InputError(f"loss: {quoted(value)} is not accepted; give one of {accepted}")
    return value


def loss_named(name: str) -> Loss:
    """The loss called softmax, logistic or squared; InputError, listing these, otherwise."""
    names = [loss.name for loss in LOSSES]
    return LOSSES[names.index(one_of("loss", name, names))]
