"""What is trained in a network with a rectified hidden layer: weights, biases, or batch-normalised units.

A *parametrisation* says which effective network z = W2 max(W1 x + b1, 0) + b2 parameters stand for, and how they move
when it does, by the chain rule. Inputs are centred, so that the mean of a unit over all inputs is its bias, and its
variance w Sigma w^T: batch normalisation over large batches is a function of the weights alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from theory.curves.relu_closure import ClosedGradient, ReluNetwork
from theory.validation import FloatArray, InputError, finite_array, non_negative

#: Arrays with the replica as their first axis, in the order that the parametrisation says.
Parameters = tuple[FloatArray, ...]


class Parametrisation(Protocol):
    """How parameters make a network."""

    def checked(self, parameters: Sequence[FloatArray], dimension: int, outputs: int) -> Parameters:
        """Parameters as finite arrays that fit each other; InputError otherwise.

        Args:
            parameters: as they are given.
            dimension: d of the inputs.
            outputs: of the network.
        """

    def network(self, parameters: Parameters, eigenvalues: FloatArray) -> ReluNetwork:
        """The effective network of parameters, for inputs of variances ``eigenvalues`` (d,)."""

    def moves(self, parameters: Parameters, descent: ReluNetwork, eigenvalues: FloatArray) -> Parameters:
        """How fast parameters move.

        Args:
            parameters: as they are.
            descent: the negative gradient by the compact network.
            eigenvalues: (d,) of Sigma.
        """

    def compact(self, parameters: Parameters, eigenvalues: FloatArray) -> ReluNetwork:
        """The network in as few numbers as determine it; the effective one, unless units share weights."""
        return self.network(parameters, eigenvalues)

    def gathered(self, gradient: ClosedGradient) -> ClosedGradient:
        """Gradient and curvatures by the compact network, from those by the effective one."""
        return gradient

    def spread(self, hidden: FloatArray, eigenvalues: FloatArray) -> FloatArray:
        """(replica, h, n) the compact network's weights on the inputs times the covariance of what they weigh."""
        return hidden * eigenvalues


@dataclass(frozen=True)
class WeightsAlone(Parametrisation):
    """W1 (replica, h, d) and W2 (replica, outputs, h); no biases."""

    def checked(self, parameters: Sequence[FloatArray], dimension: int, outputs: int) -> Parameters:
        hidden, output = named_parameters(parameters, ("hidden", "output"))
        replicas, width = _rows(hidden, dimension)
        fits("output", output, (replicas, outputs, width))
        return hidden, output

    def network(self, parameters: Parameters, eigenvalues: FloatArray) -> ReluNetwork:
        hidden, output = parameters
        return ReluNetwork(hidden, output, np.zeros(hidden.shape[:2]), np.zeros(output.shape[:2]))

    def moves(self, parameters: Parameters, descent: ReluNetwork, eigenvalues: FloatArray) -> Parameters:
        return descent.hidden, descent.output


@dataclass(frozen=True)
class WithBiases(Parametrisation):
    """W1 (replica, h, d), W2 (replica, outputs, h), b1 (replica, h) and b2 (replica, outputs)."""

    def checked(self, parameters: Sequence[FloatArray], dimension: int, outputs: int) -> Parameters:
        hidden, output, bias, last = named_parameters(parameters, ("hidden", "output", "hidden_bias", "output_bias"))
        replicas, width = _rows(hidden, dimension)
        fits("output", output, (replicas, outputs, width))
        fits("hidden_bias", bias, (replicas, width))
        fits("output_bias", last, (replicas, outputs))
        return hidden, output, bias, last

    def network(self, parameters: Parameters, eigenvalues: FloatArray) -> ReluNetwork:
        hidden, output, bias, last = parameters
        return ReluNetwork(hidden, output, bias, last)

    def moves(self, parameters: Parameters, descent: ReluNetwork, eigenvalues: FloatArray) -> Parameters:
        return descent.hidden, descent.output, descent.hidden_bias, descent.output_bias


@dataclass(frozen=True)
class BatchNormalised(Parametrisation):
    """Hidden units g (w x) / sqrt(w Sigma w^T + e) + b, normalised over all inputs before they are rectified.

    Parameters: w (replica, h, d), W2 (replica, outputs, h), gains g (replica, h), shifts b (replica, h) and the
    outputs' biases (replica, outputs). The rows w move orthogonally to their gradient's pull on their length: for e = 0
    the effective network does not depend on it.

    Attributes:
        epsilon: e, what is added to a unit's variance.
    """

    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        non_negative("epsilon", self.epsilon)

    def checked(self, parameters: Sequence[FloatArray], dimension: int, outputs: int) -> Parameters:
        names = ("hidden", "output", "gains", "shifts", "output_bias")
        hidden, output, gains, shifts, last = named_parameters(parameters, names)
        replicas, width = _rows(hidden, dimension)
        fits("output", output, (replicas, outputs, width))
        fits("gains", gains, (replicas, width))
        fits("shifts", shifts, (replicas, width))
        fits("output_bias", last, (replicas, outputs))
        return hidden, output, gains, shifts, last

    def network(self, parameters: Parameters, eigenvalues: FloatArray) -> ReluNetwork:
        hidden, output, gains, shifts, last = parameters
        scale = gains / self._deviations(hidden, eigenvalues)
        return ReluNetwork(scale[..., None] * hidden, output, shifts, last)

    def moves(self, parameters: Parameters, descent: ReluNetwork, eigenvalues: FloatArray) -> Parameters:
        hidden, _, gains, _, _ = parameters
        deviations = self._deviations(hidden, eigenvalues)
        along = np.sum(descent.hidden * hidden, axis=-1)
        turned = descent.hidden - (along / deviations**2)[..., None] * hidden * eigenvalues
        weights = (gains / deviations)[..., None] * turned
        return weights, descent.output, along / deviations, descent.hidden_bias, descent.output_bias

    def _deviations(self, hidden: FloatArray, eigenvalues: FloatArray) -> FloatArray:
        """(replica, h) deviations of the units before they are normalised."""
        return np.asarray(np.sqrt(np.square(hidden) @ eigenvalues + self.epsilon), dtype=np.float64)


def named_parameters(parameters: Sequence[FloatArray], names: tuple[str, ...]) -> Parameters:
    """As many finite arrays as there are names; InputError otherwise."""
    if len(parameters) != len(names):
        raise InputError(f"parameters: {len(parameters)} are given; give {len(names)}: {', '.join(names)}")
    return tuple(finite_array(name, one) for name, one in zip(names, parameters, strict=True))


def _rows(hidden: FloatArray, dimension: int) -> tuple[int, int]:
    """Replicas and width; InputError where W1 is not (replica, h, d)."""
    if hidden.ndim != 3 or hidden.shape[2] != dimension:
        raise InputError(f"hidden: has shape {hidden.shape}; give (replica, h, {dimension})")
    return int(hidden.shape[0]), int(hidden.shape[1])


def fits(name: str, value: FloatArray, shape: tuple[int, ...]) -> None:
    """InputError for another shape."""
    if value.shape != shape:
        raise InputError(f"{name}: has shape {value.shape}; give {shape}")
