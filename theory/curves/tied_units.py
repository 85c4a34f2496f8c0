"""A rectified layer whose units are h features at P positions, with weights that all positions share.

This is the last block of a residual network with the classifier that reads its means over positions: convolutions on
windows of the inputs, batch normalisation, a sum of branches, a rectifier, average pooling, a linear layer,

    z = W2 (1 / P) sum_p max(u_p, 0) + b2,      u_ip = sum_b [g_i^b w_i^b (v_p^b - m^b) / s_i^b + t_i^b].

Branch b sees at position p a window v_p^b = L_p^b x + o_p^b of the centred inputs x; its statistics are over inputs and
positions together, m^b = mean_p o_p^b and (s_i^b)^2 = w_i^b C^b w_i^b^T + e with

    C^b = mean_p L_p^b Sigma L_p^bT + Var_p(o_p^b).

So it is a network of hP hidden units with rows sum_b (g_i^b / s_i^b) w_i^b L_p^b, biases sum_b [t_i^b + (g_i^b / s_i^b)
w_i^b (o_p^b - m^b)] and output weights W2 / P, and ``theory.curves.relu_closure`` gives the gradient by each of these,
dW1, db1 and dW2'. The chain rule adds up over positions what weights have in common: with
Q_i^b = sum_p [dW1_ip L_p^bT + db1_ip (o_p^b - m^b)] and a_i^b = Q_i^b w_i^bT / s_i^b,

    dw_i^b = (g_i^b / s_i^b) (Q_i^b - a_i^b w_i^b C^b / s_i^b),    dg_i^b = a_i^b,    dt_i^b = sum_p db1_ip,
    dW2 = (1 / P) sum_p dW2'_p.

With one branch, one position and L the identity these are the equations of ``BatchNormalised``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from theory.curves.relu_closure import ClosedGradient, ReluNetwork
from theory.curves.relu_parameters import Parameters, Parametrisation, fits, named_parameters
from theory.data.data_model import DataModel
from theory.validation import FloatArray, InputError, IntArray, finite_array, keep_arrays, non_negative

#: Parameters of a branch.
_PER_BRANCH = 3


@dataclass(frozen=True, eq=False)
class TiedBranch:
    """What one branch sees of the inputs at every position.

    Attributes:
        maps: (n, P, d) L: entry j of the window at position p is maps[j, p] x + offsets[j, p], x in the eigenbasis.
        offsets: (n, P) o, the window's mean over all inputs.
        covariance: (n, n) C, of the window over inputs and positions together.

    Raises:
        InputError: shapes that do not fit, NaN or infinity.
    """

    maps: FloatArray
    offsets: FloatArray
    covariance: FloatArray

    def __post_init__(self) -> None:
        maps = finite_array("maps", self.maps, 3)
        offsets, covariance = finite_array("offsets", self.offsets, 2), finite_array("covariance", self.covariance, 2)
        fits("offsets", offsets, maps.shape[:2])
        fits("covariance", covariance, (len(maps), len(maps)))
        keep_arrays(self, maps=maps, offsets=offsets, covariance=covariance)

    @classmethod
    def from_windows(cls, windows: IntArray, mean: FloatArray, model: DataModel) -> TiedBranch:
        """A branch whose windows are entries of the inputs, as a convolution's.

        Args:
            windows: (n, P) which of the D inputs each entry is, 0 to D - 1, or -1 where the window is off the map and
                the entry 0.
            mean: (D,) of the inputs, which is not removed before the convolution.
            model: of the inputs, with their coordinates.

        Raises:
            InputError: entries that are no inputs, or a mean of another length.
        """
        basis = model.basis if model.basis is not None else np.eye(model.dimension)
        centre = finite_array("mean", mean, 1)
        fits("mean", centre, basis.shape[:1])
        places = np.asarray(windows)
        if places.ndim != 2 or places.dtype.kind != "i" or places.min() < -1 or places.max() >= centre.size:
            raise InputError(f"windows: give (n, P) integers from -1 to {centre.size - 1}, the number of an input each")
        inside = places >= 0
        maps = np.where(inside[..., None], basis[places], 0.0)
        offsets = np.where(inside, centre[places], 0.0)
        entries, positions = places.shape
        flat = (maps * np.sqrt(model.eigenvalues)).reshape(entries, -1)
        apart = offsets - offsets.mean(axis=1, keepdims=True)
        return cls(maps, offsets, (flat @ flat.T + apart @ apart.T) / positions)

    @property
    def size(self) -> int:
        """Entries n of a window."""
        return int(self.maps.shape[0])

    @property
    def positions(self) -> int:
        """Number of positions P."""
        return int(self.maps.shape[1])

    @property
    def dimension(self) -> int:
        """Directions d of the inputs."""
        return int(self.maps.shape[2])

    @property
    def deviations(self) -> FloatArray:
        """(n, P) the window's means relative to that over all positions."""
        return np.asarray(self.offsets - self.offsets.mean(axis=1, keepdims=True), dtype=np.float64)

    def rows(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(replica, h, P, d) weights on the inputs and (replica, h, P) biases of weights (replica, h, n)."""
        flat = weights @ self.maps.reshape(self.size, -1)
        return flat.reshape(*weights.shape[:2], self.positions, self.dimension), weights @ self.deviations

    def pulled_back(self, hidden: FloatArray, bias: FloatArray) -> FloatArray:
        """(replica, h, n) Q, from the gradient (replica, h, P, d) by rows and (replica, h, P) by biases."""
        flat = hidden.reshape(*hidden.shape[:2], -1)
        by_rows = flat @ self.maps.reshape(self.size, -1).T
        return np.asarray(by_rows + bias @ self.deviations.T, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class TiedUnits(Parametrisation):
    """h batch-normalised features at P positions, and a classifier of their means; see the module's first lines.

    Parameters: W2 (replica, outputs, h) and b2 (replica, outputs), then of each branch its weights (replica, h, n), its
    gains and its shifts (replica, h). Hidden unit i P + p of the effective network is feature i at position p.

    Attributes:
        branches: what is added up before the rectifier; a residual block has the convolution and its shortcut.
        epsilon: e, what batch normalisation adds to variances.

    Raises:
        InputError: no branch, or branches that differ in positions or inputs.
    """

    branches: tuple[TiedBranch, ...]
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        non_negative("epsilon", self.epsilon)
        found = {(one.positions, one.dimension) for one in self.branches}
        if len(found) != 1:
            raise InputError(
                "branches: give at least one, all with the same positions and inputs; they have "
                + (", ".join(f"{places} positions of {size} inputs" for places, size in sorted(found)) or "none")
            )

    @property
    def positions(self) -> int:
        """Number of positions P."""
        return self.branches[0].positions

    def checked(self, parameters: Sequence[FloatArray], dimension: int, outputs: int) -> Parameters:
        """See ``Parametrisation``."""
        per_branch = (
            f"{name}_{number}" for number in range(len(self.branches)) for name in ("weights", "gains", "shifts")
        )
        names = ("output", "output_bias", *per_branch)
        known = named_parameters(parameters, names)
        if self.branches[0].dimension != dimension:
            raise InputError(f"branches: see {self.branches[0].dimension} inputs; give windows of {dimension}")
        if known[0].ndim != 3:
            raise InputError(f"output: has shape {known[0].shape}; give (replica, {outputs}, h)")
        replicas, _, width = known[0].shape
        fits("output", known[0], (replicas, outputs, width))
        fits("output_bias", known[1], (replicas, outputs))
        for number, (branch, own) in enumerate(zip(self.branches, _of_branches(known), strict=True)):
            for name, value, shape in zip(("weights", "gains", "shifts"), own, ((branch.size,), (), ()), strict=True):
                fits(f"{name}_{number}", value, (replicas, width, *shape))
        return known

    def network(self, parameters: Parameters, eigenvalues: FloatArray) -> ReluNetwork:
        """See ``Parametrisation``."""
        compact = self.compact(parameters, eigenvalues)
        replicas, width, _ = compact.hidden.shape
        hidden = np.zeros((replicas, width, self.positions, eigenvalues.size))
        bias = np.repeat(compact.hidden_bias[..., None], self.positions, axis=-1)
        for branch, weights in zip(self.branches, self._by_branch(compact.hidden), strict=True):
            rows, own = branch.rows(weights)
            hidden += rows
            bias += own
        return ReluNetwork(
            hidden.reshape(replicas, -1, eigenvalues.size),
            np.repeat(compact.output, self.positions, axis=-1) / self.positions,
            bias.reshape(replicas, -1),
            compact.output_bias,
        )

    def compact(self, parameters: Parameters, eigenvalues: FloatArray) -> ReluNetwork:
        """See ``Parametrisation``: rows g w / s of all branches side by side, W2, and the sums of the shifts."""
        output, output_bias = parameters[:2]
        rows, bias = [], np.zeros((output.shape[0], output.shape[2]))
        for branch, (weights, gains, shifts) in zip(self.branches, _of_branches(parameters), strict=True):
            rows.append((gains / self._deviations(branch, weights))[..., None] * weights)
            bias = bias + shifts
        return ReluNetwork(np.concatenate(rows, axis=-1), output, bias, output_bias)

    def gathered(self, gradient: ClosedGradient) -> ClosedGradient:
        """See ``Parametrisation``."""
        own, positions = gradient.descent, self.positions
        replicas, outputs, units = own.output.shape
        width = units // positions
        hidden = own.hidden.reshape(replicas, width, positions, -1)
        bias = own.hidden_bias.reshape(replicas, width, positions)
        descent = ReluNetwork(
            np.concatenate([branch.pulled_back(hidden, bias) for branch in self.branches], axis=-1),
            own.output.reshape(replicas, outputs, width, positions).mean(axis=-1),
            bias.sum(axis=-1),
            own.output_bias,
        )
        pairs = (replicas, width, positions, width, positions)
        return ClosedGradient(
            descent,
            gate_curvature=gradient.gate_curvature.reshape(pairs).sum(axis=(2, 4)),
            output_curvature=gradient.output_curvature,
            unit_moments=gradient.unit_moments.reshape(pairs).mean(axis=(2, 4)),
            unit_means=gradient.unit_means.reshape(replicas, width, positions).mean(axis=-1),
        )

    def spread(self, hidden: FloatArray, eigenvalues: FloatArray) -> FloatArray:
        """See ``Parametrisation``: by the covariance of the windows' means over positions.

        It is the curvature of gates that are alike at all positions. Blocks of steps do without the rest of it.
        """
        return np.asarray((hidden @ self._mean_maps * eigenvalues) @ self._mean_maps.T, dtype=np.float64)

    def moves(self, parameters: Parameters, descent: ReluNetwork, eigenvalues: FloatArray) -> Parameters:
        """See ``Parametrisation``."""
        found = [descent.output, descent.output_bias]
        pulls = self._by_branch(descent.hidden)
        for branch, pulled, (weights, gains, _) in zip(self.branches, pulls, _of_branches(parameters), strict=True):
            deviations = self._deviations(branch, weights)
            along = np.sum(pulled * weights, axis=-1) / deviations
            turned = pulled - (along / deviations)[..., None] * (weights @ branch.covariance)
            found += [(gains / deviations)[..., None] * turned, along, descent.hidden_bias]
        return tuple(found)

    @cached_property
    def _mean_maps(self) -> FloatArray:
        """(n of all branches, d) L, the mean over positions."""
        return np.concatenate([one.maps.mean(axis=1) for one in self.branches])

    def _by_branch(self, rows: FloatArray) -> list[FloatArray]:
        """Rows of all branches side by side, (replica, h, n of all), as those of each."""
        return np.split(rows, np.cumsum([one.size for one in self.branches])[:-1], axis=-1)

    def _deviations(self, branch: TiedBranch, weights: FloatArray) -> FloatArray:
        """(replica, h) s: deviations of a branch's units before they are normalised."""
        variances = np.sum((weights @ branch.covariance) * weights, axis=-1)
        return np.asarray(np.sqrt(variances + self.epsilon), dtype=np.float64)


def _of_branches(parameters: Parameters) -> Iterator[Parameters]:
    """Weights, gains and shifts of each branch."""
    for start in range(2, len(parameters), _PER_BRANCH):
        yield parameters[start : start + _PER_BRANCH]
