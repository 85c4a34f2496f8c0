"""The training curve of a rectified hidden layer from the moments of Gaussian components.

Gradient descent on the closed loss of ``theory.curves.relu_closure``, in the blocks of steps of
``theory.curves.block_descent``. A block holds constant what takes quadratures and moments of rectified units: with H
the mean of A o P over the components, J that of dp/dz and F that of E[f f^T], the gradient's remainders

    dW1 + H W1 Sigma,      dW2 + J W2 F,

(biases as weights of an input that is 1). The block's steps are then gradient descent one by one, at a few products of
small matrices each, with momentum and any parametrisation; what decays fastest, and would make long blocks unstable,
is followed exactly. Where units share weights, steps move these: H is summed over the units that share, and Sigma is
that of the mean of what they see. What that leaves out of the curvature is held with the rest of the gradient.

Of a target the best linear decoder of f explains tr[Cov(y, f) Cov(f)^+ Cov(f, y)], over the whole mixture. Within a
component Cov(x, f) = Sigma_c W1^T diag P(u > 0). What f has beside that, which is not linear in x, acts as noise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from theory.curves.block_descent import follow_in_blocks
from theory.curves.curve import Curve
from theory.curves.losses import Loss, loss_argument
from theory.curves.mean_field import gaussian_nodes
from theory.curves.reconstruction import explained_variance_from_gram
from theory.curves.relu_closure import ReluNetwork, closed_gradient, hidden_units
from theory.curves.relu_parameters import Parameters, Parametrisation, WeightsAlone
from theory.data.component_target import ComponentTarget, InputsTarget
from theory.data.mixtures import MixtureModel
from theory.progress import Progress, silent
from theory.validation import FloatArray, InputError, IntArray, non_negative, positive, step_counts


@dataclass(frozen=True, eq=False)
class _Held:
    """What a block holds constant; see the module's first lines.

    Attributes:
        force: the gradient's remainders.
        gates: (replica, h, h) H.
        outputs: (replica, outputs, outputs) J.
        moments: (replica, h, h) F.
        means: (replica, h) E f, the moments of the units with the input 1 of their biases.
    """

    force: ReluNetwork
    gates: FloatArray
    outputs: FloatArray
    moments: FloatArray
    means: FloatArray

    def between(self, other: _Held) -> _Held:
        """The mean of two."""
        force = ReluNetwork(
            *((getattr(self.force, name) + getattr(other.force, name)) / 2 for name in ReluNetwork.__annotations__)
        )
        return _Held(
            force,
            (self.gates + other.gates) / 2,
            (self.outputs + other.outputs) / 2,
            (self.moments + other.moments) / 2,
            (self.means + other.means) / 2,
        )

    def pulled(self, network: ReluNetwork, spread: FloatArray) -> ReluNetwork:
        """H W1 Sigma, J W2 F and their like for the biases: what is not held of the descent, negative.

        Args:
            network: the compact one.
            spread: W1 Sigma.
        """
        outer = self.outputs @ network.output
        last = (self.outputs @ network.output_bias[..., None])[..., 0]
        return ReluNetwork(
            hidden=self.gates @ spread,
            output=outer @ self.moments + last[..., None] * self.means[:, None],
            hidden_bias=(self.gates @ network.hidden_bias[..., None])[..., 0],
            output_bias=(outer @ self.means[..., None])[..., 0] + last,
        )

    def descent(self, network: ReluNetwork, spread: FloatArray) -> ReluNetwork:
        """How fast the network moves."""
        return _combined(self.force, self.pulled(network, spread), -1.0)


def _combined(one: ReluNetwork, other: ReluNetwork, factor: float) -> ReluNetwork:
    """One plus a multiple of another."""
    return ReluNetwork(
        one.hidden + factor * other.hidden,
        one.output + factor * other.output,
        one.hidden_bias + factor * other.hidden_bias,
        one.output_bias + factor * other.output_bias,
    )


@dataclass(frozen=True, eq=False)
class _State:
    """Parameters, and the sums of their past moves that momentum keeps."""

    parameters: Parameters
    velocities: Parameters


@dataclass(frozen=True, eq=False)
class _ReluDescent:
    """The motion of all parameters, for ``theory.curves.block_descent``."""

    mixture: MixtureModel
    loss: Loss
    parametrisation: Parametrisation
    step_size: float
    momentum: float
    nodes: FloatArray

    @property
    def _eigenvalues(self) -> FloatArray:
        return self.mixture.model.eigenvalues

    def held(self, state: _State) -> _Held:
        network = self.parametrisation.network(state.parameters, self._eigenvalues)
        found = self.parametrisation.gathered(closed_gradient(self.mixture, self.loss, network, self.nodes))
        held = _Held(found.descent, found.gate_curvature, found.output_curvature, found.unit_moments, found.unit_means)
        force = _combined(found.descent, held.pulled(*self._compact(state.parameters)), 1.0)
        return _Held(force, held.gates, held.outputs, held.moments, held.means)

    def between(self, one: _Held, other: _Held) -> _Held:
        return one.between(other)

    def advance(self, state: _State, held: _Held, done: int, steps: int) -> _State:
        parameters, velocities = state.parameters, state.velocities
        for _ in range(steps):
            descent = held.descent(*self._compact(parameters))
            moves = self.parametrisation.moves(parameters, descent, self._eigenvalues)
            velocities = tuple(self.momentum * past + move for past, move in zip(velocities, moves, strict=True))
            parameters = tuple(one + self.step_size * speed for one, speed in zip(parameters, velocities, strict=True))
        return _State(parameters, velocities)

    def _compact(self, parameters: Parameters) -> tuple[ReluNetwork, FloatArray]:
        """The compact network, and its W1 Sigma."""
        network = self.parametrisation.compact(parameters, self._eigenvalues)
        return network, self.parametrisation.spread(network.hidden, self._eigenvalues)

    def error(self, end: _State, other: _State, steps: int) -> float:
        """Of the worst replica: of the lengths of W1 and W2, and of what W1 x explains as a share of tr Sigma."""
        one, two = (self.parametrisation.network(state.parameters, self._eigenvalues) for state in (end, other))
        root = np.sqrt(self._eigenvalues)
        apart = max(_relative(one.hidden * root, two.hidden * root), _relative(one.output, two.output))
        shares = [_linear_share(network.hidden, self._eigenvalues) for network in (one, two)]
        return max(apart, float(np.abs(shares[0] - shares[1]).max())) / 3


def _relative(one: FloatArray, other: FloatArray) -> float:
    """Largest distance of two arrays (replica, ., .) relative to the length of the first."""
    size = np.linalg.norm(one, axis=(1, 2))
    return float(np.max(np.linalg.norm(other - one, axis=(1, 2)) / np.where(size > 0, size, 1.0)))


def _linear_share(rows: FloatArray, eigenvalues: FloatArray) -> FloatArray:
    """(replica,) share of tr Sigma that linear units would explain: enough for an estimate of an error."""
    weighted, back = rows * eigenvalues, np.swapaxes(rows, -1, -2)
    explained = explained_variance_from_gram(weighted @ back, (weighted * eigenvalues) @ back)
    return np.asarray(explained / eigenvalues.sum(), dtype=np.float64)


def relu_path(
    mixture: MixtureModel,
    loss: Loss,
    parameters: Sequence[FloatArray],
    steps: IntArray,
    step_size: float,
    parametrisation: Parametrisation | None = None,
    momentum: float = 0.0,
    nodes: int = 512,
    growth: float = 0.1,
    progress: Progress = silent,
) -> Iterator[Parameters]:
    """Parameters of full-batch gradient descent on infinitely many samples of a mixture, outputs taken as Gaussian.

    Args:
        mixture: the data model with Gaussian components; ``ClassConditionalModel`` has one per class.
        loss: the training loss.
        parameters: at step 0, as the parametrisation orders them; rows of W1 in the eigenbasis of Sigma.
        steps: (T,) strictly increasing step counts from 0 on.
        step_size: eta, the same for all parameters.
        parametrisation: what is trained; W1 and W2 without biases if left out.
        momentum: share of the last move that is made again, at least 0 and below 1.
        nodes: quasi-Monte-Carlo nodes per component, a power of two.
        growth: largest block of steps as a share of those done; 0 takes every single step.
        progress: shows how many of the recorded steps are done.

    Returns:
        The parameters at each of ``steps``, computed as they are asked for.

    Raises:
        InputError: shapes that do not fit, NaN or infinity, a step size that is not positive, a momentum out of range;
            on the way, a step size at which gradient descent does not stay finite.
    """
    outputs = loss_argument(loss).outputs(mixture.model.classes)
    chosen = parametrisation if parametrisation is not None else WeightsAlone()
    start = chosen.checked(parameters, mixture.dimension, outputs)
    counts = step_counts("steps", steps)
    if non_negative("momentum", momentum) >= 1:
        raise InputError(f"momentum: {momentum:g} is not accepted; give a number of at least 0 and below 1")
    share, size = non_negative("growth", growth), positive("step_size", step_size)
    motion = _ReluDescent(mixture, loss, chosen, size, momentum, gaussian_nodes(outputs, nodes))
    state = _State(start, tuple(np.zeros_like(one) for one in start))
    # A generator of its own, so that bad input is refused here and not at the first parameters.
    return _finite(follow_in_blocks(motion, state, progress(counts.tolist()), share), size)


def _finite(path: Iterator[_State], step_size: float) -> Iterator[Parameters]:
    """Parameters along ``path`` as long as they are finite."""
    refusal = f"step_size: at {step_size:g} gradient descent diverges; give a smaller one"
    with np.errstate(over="ignore", invalid="ignore"):
        while True:
            try:
                state = next(path)
            except StopIteration:
                return
            except (InputError, np.linalg.LinAlgError) as error:
                raise InputError(refusal) from error
            yield state.parameters


def relu_unexplained(mixture: MixtureModel, network: ReluNetwork, target: ComponentTarget) -> FloatArray:
    """(replica,) share of a target's variance that the best linear decoder of the rectified units leaves.

    Args:
        mixture: the Gaussian components.
        network: its hidden layer counts.
        target: what is decoded; ``InputsTarget`` for the inputs.
    """
    units = hidden_units(mixture, network.hidden, network.hidden_bias)
    own, shares = units.moments, mixture.frequencies
    mean = np.einsum("c,rch->rh", shares, own.mean)
    covariance = np.einsum("c,rchk->rhk", shares, own.second_moment) - mean[:, :, None] * mean[:, None]
    within = own.active[..., None] * target.crossed(network.hidden, units.spread)  # Cov(f, y) in each component
    crossed = np.einsum("c,rchq->rhq", shares, within) + np.swapaxes(shares[:, None] * own.mean, -1, -2) @ target.means
    explained = explained_variance_from_gram(covariance, crossed @ np.swapaxes(crossed, -1, -2))
    return np.asarray(1 - explained / target.variance, dtype=np.float64)


def relu_curve(
    mixture: MixtureModel,
    loss: Loss,
    parameters: Sequence[FloatArray],
    steps: IntArray,
    step_size: float,
    parametrisation: Parametrisation | None = None,
    momentum: float = 0.0,
    nodes: int = 512,
    growth: float = 0.1,
    progress: Progress = silent,
    target: ComponentTarget | None = None,
) -> Curve:
    """Curve of the rectified hidden layer along ``relu_path``, where arguments and errors are described.

    ``target`` is what is decoded from the hidden units; the inputs (reconstruction) if left out.
    """
    decoded = target if target is not None else InputsTarget(mixture)
    chosen = parametrisation if parametrisation is not None else WeightsAlone()
    path = relu_path(mixture, loss, parameters, steps, step_size, chosen, momentum, nodes, growth, progress)
    networks = (chosen.network(one, mixture.model.eigenvalues) for one in path)
    losses = np.stack([relu_unexplained(mixture, network, decoded) for network in networks], axis=-1)
    times = np.asarray(step_size * step_counts("steps", steps), dtype=np.float64)
    return Curve(times, losses)
