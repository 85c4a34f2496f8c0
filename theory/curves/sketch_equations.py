"""The deterministic equivalent's equations of ``theory.curves.expected_curve``, by iteration and Newton's method.

With t_k the diagonal of T and D_k, A_k the rows given, the unknowns tau and t solve

    t_k = [(diag(tau) + A S A^T)^(-1)]_kk,   tau_k = sum_i D_ki Q_i,
    S = 1 / (1 + sum_k t_k D_k),   Q_i = S_i - S_i^2 (A^T T A)_ii.

Iterating them gains about one digit each time, unless outputs without a signal have faded to few modes. Their tau then
falls towards zero as 1 / iterations, or across many orders of magnitude between modes far apart, where R stays constant
on the value for one mode too few. Such a tau is therefore bracketed: for given other unknowns, m equal outputs without
a signal satisfy sum_i x_i Q_i(x) = m for x_i = m D_i / tau, whose left side increases with x. Newton's method, in the
logarithms of the unknowns, finishes what is left.

F(tau) = sum_i D_i Q_i increases with tau, and F(c tau) < c F(tau) for c > 1: the solution is unique (Yates 1995, "A
framework for uplink power control in cellular radio systems"), so that a small defect log(F / tau) makes it certain.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from theory.validation import FloatArray, IntArray

#: R / tr Sigma is found to this accuracy.
ACCURACY = 1e-10
#: Largest defect of a tau's logarithm, times the share of its output that is random: R / tr Sigma moves by less.
_DEFECT = 1e-9
_ITERATIONS = 60
_ROUNDS = 100
#: The logarithm of tau is bracketed between this and that of the sum of D, whose largest entry is 1; and the halvings.
_SMALLEST_LOG, _HALVINGS = -600.0, 60
#: A tau below this is negligible against what its output has learnt, and its inverse would overflow.
_SMALLEST = 1e-300
_NEWTON_STEPS = 200
#: Largest step of a logarithm, with which an unknown can still vanish where that is its limit.
_LARGEST_STEP = 3.0


def unexplained_shares(learnt: FloatArray, left: FloatArray, eigenvalues: FloatArray) -> FloatArray:
    """(T, d) diagonal of Q.

    Args:
        learnt: (T, K, d) rows A.
        left: (T, K, d) variances D of the noise.
        eigenvalues: (d,) of Sigma, which weight the error.

    Raises:
        ArithmeticError: no convergence.
    """
    share = eigenvalues / eigenvalues.sum()
    state = _State(
        learnt, left, left.sum(axis=-1), _inverse(learnt, np.full(learnt.shape[::2], 0.5), left.sum(axis=-1))
    )
    rest = state.unexplained @ share
    before = np.full(rest.shape, np.inf)
    settled = np.zeros(rest.shape, dtype=np.bool_)
    for _ in range(_ITERATIONS):
        state = state.iterated()
        previous, rest = rest, state.unexplained @ share
        change = np.abs(rest - previous)
        # A geometric series of changes: the remainder is the last change over 1 / rate - 1.
        rate = np.minimum(change / np.where(before > 0, before, 1.0), 0.999)
        settled = change * np.maximum(rate / (1 - rate), 1.0) < ACCURACY
        if settled.all():
            settled = state.defect < _DEFECT
            if settled.all():
                return state.unexplained
        before = change
    settled &= state.defect < _DEFECT
    shares = state.unexplained
    open_times = np.flatnonzero(~settled)
    state = state.at(open_times)
    groups = _equal_outputs(learnt, left)
    methods = ((lambda one: one.bracketed(groups), _ROUNDS), (_State.improved, _NEWTON_STEPS))
    for method, steps in methods[0 if groups else 1 :]:
        for _ in range(steps):
            state = method(state)
            found = state.unexplained
            change = np.abs((found - shares[open_times]) @ share)
            shares[open_times] = found
            going_on = ~((change < ACCURACY) & (state.defect < _DEFECT))
            if not going_on.any():
                return shares
            open_times, state = open_times[going_on], state.at(np.flatnonzero(going_on))
    raise ArithmeticError(
        "the mean over W(0) was not found, as where several outputs without a signal have faded; use flow_curve"
    )


def _equal_outputs(learnt: FloatArray, left: FloatArray) -> list[IntArray]:
    """Outputs without a signal, in groups of the same noise."""
    idle = np.flatnonzero(~learnt.any(axis=(0, 2)))
    if idle.size == 0:
        return []
    noise = left[:, idle].swapaxes(0, 1).reshape(idle.size, -1)
    kinds = np.unique(noise, axis=0, return_inverse=True)[1].reshape(-1)
    return [idle[kinds == kind] for kind in range(kinds.max() + 1)]


@dataclass(frozen=True, eq=False)
class _State:
    """Rows, and the unknowns tau (T, K) and matrix T (T, K, K) so far, whose diagonal is t."""

    learnt: FloatArray
    left: FloatArray
    tau: FloatArray
    inverse: FloatArray

    def at(self, times: IntArray) -> _State:
        """The same at some of the times."""
        return _State(self.learnt[times], self.left[times], self.tau[times], self.inverse[times])

    @cached_property
    def shrinkage(self) -> FloatArray:
        """(T, d) S."""
        return np.asarray(1 / (1 + np.einsum("tki,tkk->ti", self.left, self.inverse)), dtype=np.float64)

    @cached_property
    def unexplained(self) -> FloatArray:
        """(T, d) Q; kept, as every iteration asks for it twice and it costs a factorisation."""
        shrinkage = self.shrinkage
        return shrinkage * (1 - _Factors.from_modes(self.learnt, shrinkage, self.tau).leverages)

    def iterated(self) -> _State:
        """After inserting the unknowns once."""
        tau = np.maximum(np.sum(self.left * self.unexplained[:, None], axis=-1), _SMALLEST)
        return _State(self.learnt, self.left, tau, _inverse(self.learnt, self.shrinkage, tau))

    @property
    def defect(self) -> FloatArray:
        """(T,) largest |log(F / tau)| of an output, times the share tau_k T_kk of it that is random."""
        found = np.maximum(np.sum(self.left * self.unexplained[:, None], axis=-1), _SMALLEST)
        random = self.tau * np.diagonal(self.inverse, axis1=1, axis2=2)
        return np.asarray((random * np.abs(np.log(found / self.tau))).max(axis=-1), dtype=np.float64)

    def bracketed(self, groups: list[IntArray]) -> _State:
        """After bisecting tau of each group of equal outputs without a signal, and iterating the others once."""
        state = self
        for group in groups:
            low = np.full(self.tau.shape[0], _SMALLEST_LOG)
            high = np.log(self.left[:, group[0]].sum(axis=-1))
            for _ in range(_HALVINGS):
                middle = (low + high) / 2
                state = state.with_tau(group, np.exp(middle))
                too_small = np.sum(self.left[:, group[0]] * state.unexplained, axis=-1) > np.exp(middle)
                low, high = np.where(too_small, middle, low), np.where(too_small, high, middle)
            state = state.with_tau(group, np.exp((low + high) / 2))
        iterated = state.iterated()
        for group in groups:
            iterated = iterated.with_tau(group, state.tau[:, group[0]])
        return iterated

    def with_tau(self, group: IntArray, value: FloatArray) -> _State:
        """With tau of outputs without a signal, for which t = 1 / tau."""
        tau, inverse = self.tau.copy(), self.inverse.copy()
        tau[:, group], inverse[:, group, group] = value[:, None], 1 / value[:, None]
        return _State(self.learnt, self.left, tau, inverse)

    def improved(self) -> _State:
        """After one step of Newton's method."""
        count = self.tau.shape[1]
        given = np.diagonal(self.inverse, axis1=1, axis2=2)
        shrinkage = self.shrinkage
        factors = _Factors.from_modes(self.learnt, shrinkage, self.tau)
        inverse = factors.inverse
        image = inverse @ self.learnt  # T A
        along = factors.leverages / shrinkage  # diagonal of A^T T A
        unexplained = shrinkage * (1 - factors.leverages)
        moved = shrinkage[:, None] ** 2 * self.left  # -dS / dt
        squares = image**2
        # dT_kk / dt_j, and of the diagonal of A^T T A: both from dT = T A (-dS) A^T T.
        pairs = np.einsum("tki,tli,tji->tklj", image, image, moved, optimize=True)
        along_moved = np.einsum("tki,tli,tklj->tji", self.learnt, self.learnt, pairs, optimize=True)
        unexplained_by_given = -moved * (1 - 2 * shrinkage * along)[:, None] - shrinkage[:, None] ** 2 * along_moved
        unexplained_by_tau = shrinkage[:, None] ** 2 * squares
        jacobian = np.empty((self.tau.shape[0], 2 * count, 2 * count))
        jacobian[:, :count, :count] = np.einsum("tki,tji->tkj", self.left, unexplained_by_tau)
        jacobian[:, :count, count:] = np.einsum("tki,tji->tkj", self.left, unexplained_by_given)
        jacobian[:, count:, :count] = -(inverse**2)
        jacobian[:, count:, count:] = np.einsum("tkkj->tkj", pairs)
        values = np.concatenate([self.tau, given], axis=1)
        found = np.concatenate(
            [np.sum(self.left * unexplained[:, None], axis=-1), np.diagonal(inverse, axis1=1, axis2=2)], axis=1
        )
        # In logarithms: d log(found) / d log(values) - 1. A tau that has underflowed with its noise stays.
        alive = (values > 0) & (found > 0)
        divisor = np.where(alive, found, 1.0)
        scaled = np.where(alive[:, :, None], jacobian * values[:, None] / divisor[:, :, None], 0.0) - np.eye(2 * count)
        logs = np.log(divisor / np.where(alive, values, 1.0))
        step = np.linalg.solve(scaled, -np.where(alive, logs, 0.0)[..., None])[..., 0]
        values = np.maximum(values * np.exp(np.clip(step, -_LARGEST_STEP, _LARGEST_STEP)), _SMALLEST)
        return _State(self.learnt, self.left, values[:, :count], values[:, count:, None] * np.eye(count))


@dataclass(frozen=True, eq=False)
class _Factors:
    """The matrix T = (A S A^T + diag(tau))^(-1), from a QR factorisation of [S^(1/2) A^T; diag(tau)^(1/2)].

    Where outputs without a signal have faded, S spans more than 16 orders of magnitude, and the matrix to be inverted
    has lost what is small. The factorisation keeps it, with the rows in descending order (Cox & Higham 1998, "Stability
    of Householder QR factorization for weighted least squares problems").

    Attributes:
        inverse: (T, K, K) T.
        leverages: (T, d) S_i (A^T T A)_ii, between 0 and 1.
    """

    inverse: FloatArray
    leverages: FloatArray

    @classmethod
    def from_modes(cls, learnt: FloatArray, shrinkage: FloatArray, tau: FloatArray) -> _Factors:
        """From A (T, K, d), the diagonal of S (T, d) and tau (T, K)."""
        count = tau.shape[1]
        scaled = np.swapaxes(learnt * np.sqrt(shrinkage)[:, None], -1, -2)
        rows = np.concatenate([scaled, np.sqrt(tau)[:, None] * np.eye(count)], axis=1)
        order = np.argsort(-np.abs(rows).max(axis=2), axis=1)
        orthogonal, triangle = np.linalg.qr(np.take_along_axis(rows, order[..., None], axis=1))
        leverages = np.empty(rows.shape[:2])
        np.put_along_axis(leverages, order, np.sum(orthogonal**2, axis=2), axis=1)
        root = np.linalg.inv(triangle)
        return cls(root @ np.swapaxes(root, -1, -2), np.minimum(leverages[:, :-count], 1.0))


def _inverse(learnt: FloatArray, shrinkage: FloatArray, tau: FloatArray) -> FloatArray:
    """(T, K, K) the matrix T, whose diagonal enters the equations."""
    return _Factors.from_modes(learnt, shrinkage, tau).inverse
