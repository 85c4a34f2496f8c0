"""Gradient descent in blocks of steps whose length an error estimate chooses.

Within a block of n steps the force and the Hessian of a mean field are held at their values at the middle step, which a
predictor gives, and the n steps are then taken exactly by their geometric sum. The error is of third order in n. Its
estimate costs nothing: the Hessian and the force at the end of the block, with which the next one starts, give the same
block once more with the mean of its two ends, and the two results differ by three times the error of the first. Force
and Hessian have to be continuous in the weights, their own error included: a jump would be taken for one of the block.

A block is at most the share ``growth`` of the steps done, as the dynamics slow down likewise; where they do not (a rare
class whose samples are still to be fitted, while the others move no more) the estimate keeps blocks short. Blocks of
one step are gradient descent itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from theory.curves.reconstruction import relative_loss
from theory.curves.signal_outputs import ApartOutputs
from theory.validation import FloatArray

#: Largest estimated error of a block: of L / tr Sigma, and of the outputs relative to their size.
TOLERANCE = 3e-4

State = TypeVar("State")
Held = TypeVar("Held")


class Motion(Protocol[State, Held]):
    """A descent whose single steps are cheap once something, here called held, is known at the state."""

    def held(self, state: State) -> Held:
        """What a block holds constant, at this state."""

    def between(self, one: Held, other: Held) -> Held:
        """The mean of two."""

    def advance(self, state: State, held: Held, done: int, steps: int) -> State:
        """The state ``steps`` steps after step ``done``."""

    def error(self, end: State, other: State, steps: int) -> float:
        """A third of the difference of two results after ``steps`` steps, in the measure of ``TOLERANCE``."""


@dataclass(frozen=True, eq=False)
class Pull:
    """What moves the weights: dW = force - (mean of the Hessians) W Sigma, or its like with a covariance a class.

    Attributes:
        force: (replica, outputs, d).
        hessians: (replica, ..., outputs, outputs).
    """

    force: FloatArray
    hessians: FloatArray

    def between(self, other: Pull) -> Pull:
        """The mean of two."""
        return Pull((self.force + other.force) / 2, (self.hessians + other.hessians) / 2)


class Field(Protocol):
    """A mean field."""

    def pull(self, weights: FloatArray) -> Pull:
        """What moves ``weights`` (replica, outputs, d)."""

    def advance(self, weights: FloatArray, pull: Pull, steps: int) -> FloatArray:
        """``weights`` after ``steps`` steps at a constant pull."""

    def descent(self, pull: Pull) -> Callable[[FloatArray], FloatArray]:
        """The negative gradient at a constant pull, a function of the weights."""


def geometric_steps(
    weights: FloatArray, vectors: FloatArray, rates: FloatArray, force: FloatArray, step_size: float, steps: int
) -> FloatArray:
    """Weights after ``steps`` steps U -> (1 - rates) U + eta force of the rotated weights U = vectors^T W.

    Args:
        weights: (replica, outputs, d) W.
        vectors: (replica, outputs, outputs) orthogonal.
        rates: (replica, outputs, d) share by which a step shrinks an entry of U, at least 0.
        force: (replica, outputs, d) constant force on U.
        step_size: eta.
        steps: number of steps.
    """
    decay = np.power(1 - rates, steps)
    moving = rates > 1e-12
    # The geometric sum of `steps` factors, times eta; its limit where nothing decays is eta * steps.
    summed = step_size * np.where(moving, (1 - decay) / np.where(moving, rates, 1.0), steps)
    back = np.swapaxes(vectors, -1, -2)
    return np.asarray(vectors @ (decay * (back @ weights) + summed * force), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class _SingleLayer:
    """The motion of one layer in a field, with outputs that are known exactly."""

    field: Field
    apart: ApartOutputs
    eigenvalues: FloatArray

    def held(self, state: FloatArray) -> Pull:
        return self.field.pull(state)

    def between(self, one: Pull, other: Pull) -> Pull:
        return one.between(other)

    def advance(self, state: FloatArray, held: Pull, done: int, steps: int) -> FloatArray:
        return self.apart.restored(self.field.advance(state, held, steps), done + steps)

    def error(self, end: FloatArray, other: FloatArray, steps: int) -> float:
        return block_error(end, other, self.apart, steps, self.eigenvalues)


def follow(
    field: Field,
    weights: FloatArray,
    counts: Iterable[int],
    growth: float,
    apart: ApartOutputs,
    eigenvalues: FloatArray,
) -> Iterator[FloatArray]:
    """Weights at each of the ascending ``counts`` of steps.

    Args:
        field: what moves the weights.
        weights: (replica, outputs, d) W(0).
        counts: step counts to yield weights at.
        growth: largest block as a share of the steps done; 0 takes every single step.
        apart: outputs that are known exactly.
        eigenvalues: (d,) of Sigma.
    """
    return follow_in_blocks(_SingleLayer(field, apart, eigenvalues), weights, counts, growth)


def follow_in_blocks(
    motion: Motion[State, Held], state: State, counts: Iterable[int], growth: float
) -> Iterator[State]:
    """States at each of the ascending ``counts`` of steps.

    Args:
        motion: how a state moves.
        state: at step 0.
        counts: step counts to yield states at.
        growth: largest block as a share of the steps done; 0 takes every single step.
    """
    done, proposed = 0, np.inf
    held: Held | None = None
    for count in counts:
        while done < count:
            held = motion.held(state) if held is None else held
            allowed = min(growth * done, count - done)
            block = _odd(min(allowed, proposed))
            if block == 1:
                state, held, done = motion.advance(state, held, done, 1), None, done + 1
                # Single steps have no estimate: the next block tries whether three may be taken.
                proposed = max(proposed, 3.0)
                continue
            middle = motion.held(motion.advance(state, held, done, (block - 1) // 2))
            end = motion.advance(state, middle, done, block)
            end_held = motion.held(end)
            other = motion.advance(state, motion.between(held, end_held), done, block)
            # The error is of third order in the length of the block.
            error = motion.error(end, other, done + block)
            factor = 0.8 * (TOLERANCE / max(error, 1e-3 * TOLERANCE)) ** (1 / 3)
            if factor < 0.8:
                # The next shorter odd number, at least.
                proposed = min(max(factor, 0.25) * block, block - 2.0)
                continue
            state, held, done = end, end_held, done + block
            proposed = min(factor, 2.0) * block if proposed <= allowed else proposed
        yield state


def block_error(end: FloatArray, other: FloatArray, apart: ApartOutputs, steps: int, eigenvalues: FloatArray) -> float:
    """A third of the difference of two results of a block, of the worst replica.

    Args:
        end: (replica, outputs, d) weights.
        other: those of the other result.
        apart: outputs that are known exactly, as rows of their own, which keeps rows far from dependent.
        steps: steps done at the end of the block.
        eigenvalues: (d,) of Sigma.
    """
    root = np.sqrt(eigenvalues)
    size = np.linalg.norm(end * root, axis=(1, 2))
    differ = np.linalg.norm((other - end) * root, axis=(1, 2)) / np.where(size > 0, size, 1.0)
    losses = [relative_loss(apart.rows(weights, steps), eigenvalues) for weights in (end, other)]
    return float(np.maximum(differ, np.abs(losses[1] - losses[0])).max()) / 3


def _odd(length: float) -> int:
    """The largest odd number that is at most ``length``, or 1."""
    return max(1, 2 * int((length - 1) // 2) + 1)
