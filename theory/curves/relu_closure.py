"""A hidden layer of rectified units on Gaussian components: the population gradient, closed by Gaussian outputs.

For z = W2 f + b2, f = max(u, 0), u = W1 x + b1 and x | c ~ N(mu_c, Sigma_c), the units are Gaussian in each component,
with means m_c = W1 mu_c + b1 and covariances G_c = W1 Sigma_c W1^T, and the moments of f are exact
(``theory.curves.rectified``). The one approximation is that the outputs are taken as Gaussian with the moments that
they have: the loss is then a function of m_c, G_c, W2 and b2 alone, the *closed loss*, and training its descent. With
r_c = E_c[t - p], J_c = E_c[dp/dz], d_c = W2^T r_c and A_c = W2^T J_c W2, its negative gradient is

    dW2 = sum_c pi_c (r_c E f^T - J_c W2 Cov f),               db2 = sum_c pi_c r_c,
    dW1 = sum_c pi_c (k_c mu_c^T + S_c W1 Sigma_c),            db1 = sum_c pi_c k_c,
    k_i = P(u_i > 0) d_i - sum_j A_ij Cov(1[u_i > 0], f_j),
    S_ij = -A_ij P(u_i > 0, u_j > 0),
    and on its diagonal  + density_i(0) (d_i - sum_j A_ij (E[f_j | u_i = 0] - E f_j)),

everything under the sum over c taken within the component. This is also what the true gradient becomes if predictions
depend on the outputs linearly as far as one unit is concerned, Cov(p, g) = J Cov(z, g): the outputs' own non-linearity
is kept in r and J, their higher correlations with a single unit are not. Theorem T11 derives the terms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory.curves.losses import Loss
from theory.curves.mean_field import gaussian_outputs
from theory.curves.rectified import RectifiedMoments, rectified_moments
from theory.data.mixtures import MixtureModel
from theory.validation import FloatArray


@dataclass(frozen=True, eq=False)
class ReluNetwork:
    """z = W2 max(W1 x + b1, 0) + b2 for every replica, or how fast each of these moves.

    Attributes:
        hidden: (replica, h, d) W1, its columns in the eigenbasis of Sigma.
        output: (replica, outputs, h) W2.
        hidden_bias: (replica, h) b1.
        output_bias: (replica, outputs) b2.
    """

    hidden: FloatArray
    output: FloatArray
    hidden_bias: FloatArray
    output_bias: FloatArray


@dataclass(frozen=True, eq=False)
class HiddenUnits:
    """The hidden layer within each component.

    Attributes:
        spread: (replica, C, h, d) W1 Sigma_c.
        moments: of the rectified units, (replica, C, ...).
    """

    spread: FloatArray
    moments: RectifiedMoments


def hidden_units(mixture: MixtureModel, hidden: FloatArray, bias: FloatArray) -> HiddenUnits:
    """The hidden layer within each component.

    Args:
        mixture: C Gaussian components.
        hidden: (replica, h, d) W1.
        bias: (replica, h) b1.
    """
    replicas, width, dimension = hidden.shape
    spread = mixture.covariances.times(hidden.reshape(-1, dimension)).reshape(-1, replicas, width, dimension)
    spread = np.moveaxis(spread, 0, 1)
    centres = np.swapaxes(hidden @ mixture.means.T, -1, -2) + bias[:, None]
    covariances = spread @ np.swapaxes(hidden, -1, -2)[:, None]
    return HiddenUnits(spread, rectified_moments(centres, covariances))


@dataclass(frozen=True, eq=False)
class ClosedGradient:
    """The negative gradient of the closed loss, with what it depends on most directly.

    Attributes:
        descent: how fast weights and biases move.
        gate_curvature: (replica, h, h) mean of A o P over the components, which the gradient by W1 has as -(A o P) W1
            Sigma to leading order.
        output_curvature: (replica, outputs, outputs) mean of J.
        unit_moments: (replica, h, h) E[f f^T] over the whole mixture.
        unit_means: (replica, h) E f likewise.
    """

    descent: ReluNetwork
    gate_curvature: FloatArray
    output_curvature: FloatArray
    unit_moments: FloatArray
    unit_means: FloatArray


def closed_gradient(mixture: MixtureModel, loss: Loss, network: ReluNetwork, nodes: FloatArray) -> ClosedGradient:
    """Negative gradient of the loss of Gaussian outputs with the moments of rectified units.

    Args:
        mixture: C Gaussian components; ``ClassConditionalModel`` has one per class.
        loss: the training loss.
        network: the weights.
        nodes: (n, outputs) standard normal nodes.
    """
    shares = mixture.frequencies
    units = hidden_units(mixture, network.hidden, network.hidden_bias)
    own, output = units.moments, network.output[:, None]  # (replica, 1, outputs, h)
    back = np.swapaxes(output, -1, -2)
    centres = (output @ own.mean[..., None])[..., 0] + network.output_bias[:, None]
    predictions = loss.predictions(gaussian_outputs(centres, output @ own.covariance @ back, nodes))
    residual = loss.targets(mixture.model.frequencies)[mixture.labels] - predictions.mean(axis=2)
    jacobians = loss.mean_jacobian(predictions)
    pulled = (back @ residual[..., None])[..., 0]  # d_c: (replica, C, h)
    coupling = back @ jacobians @ output  # A_c: (replica, C, h, h)

    gated = coupling * own.both_active
    centre = own.active * (pulled + (coupling @ own.mean[..., None])[..., 0]) - (coupling * own.while_active).sum(-1)
    shifted = (coupling * (own.at_threshold - own.mean[..., None, :])).sum(axis=-1)
    along = own.density * (pulled - shifted)
    slopes = along[..., None] * np.eye(along.shape[-1]) - gated  # S_c

    weighted = shares[:, None, None] * slopes
    replicas, width = network.hidden.shape[:2]
    # sum_c as one matrix product, over components and units together.
    side_by_side = np.swapaxes(weighted, 1, 2).reshape(replicas, width, -1)
    hidden = side_by_side @ units.spread.reshape(replicas, -1, mixture.dimension)
    hidden += np.swapaxes(shares[:, None] * centre, -1, -2) @ mixture.means
    by_output = residual[..., None] * own.mean[..., None, :] - jacobians @ output @ own.covariance
    descent = ReluNetwork(
        hidden=hidden,
        output=_mixed(shares, by_output),
        hidden_bias=_mixed(shares, centre),
        output_bias=_mixed(shares, residual),
    )
    return ClosedGradient(
        descent,
        gate_curvature=_mixed(shares, gated),
        output_curvature=_mixed(shares, jacobians),
        unit_moments=_mixed(shares, own.second_moment),
        unit_means=_mixed(shares, own.mean),
    )


def _mixed(shares: FloatArray, of_components: FloatArray) -> FloatArray:
    """(replica, ...) mean over components of (replica, C, ...)."""
    return np.asarray(np.einsum("c,rc...->r...", shares, of_components), dtype=np.float64)
