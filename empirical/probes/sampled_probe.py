"""Reconstruction loss of a layer to a stated standard error, from no more samples than that needs.

With n samples, r directions of the activations, leverages h_i and residuals e_i of least squares, the mean squared
residual is too small by the share r / n, as the decoder fits the samples' noise. |e_i|^2 / (1 - h_i) is not: for noise
of one variance its mean is that of the population's best decoder at every n (MacKinnon & White 1985, HC2). The loss is
the ratio of its mean to the inputs' variance, and its standard error is that of a ratio of means. Nothing is held out.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
from scipy import linalg
from torch import Tensor, nn

from empirical.networks.row_rule import Rows
from empirical.probes.reconstruction_probe import RELATIVE_RANK_TOLERANCE
from empirical.probes.target_features import features_of
from theory import InputError
from theory.validation import FloatArray, at_least, finite_array, positive

#: Samples for each direction of the activations, at least: leverages are small then.
_PER_DIRECTION = 4

#: Samples whose centred copies are held at once.
_CHUNK = 1024


@dataclass(frozen=True)
class SampledLoss:
    """Reconstruction loss of the best linear decoder, estimated on samples.

    Attributes:
        relative: L / tr Sigma.
        standard_error: of it, over samples.
        samples: number of samples used.
        rank: directions of the activations that count.
        reached: whether the standard error is at most the one asked for.
    """

    relative: float
    standard_error: float
    samples: int
    rank: int
    reached: bool


def sampled_reconstruction(
    network: nn.Module,
    layer: str,
    images: Tensor,
    standard_error: float = 0.002,
    first: int = 2000,
    pooled_features: int = 1024,
    rows: Rows = None,
    seed: int = 0,
) -> SampledLoss:
    """Measure how well the inputs can be reconstructed from a layer, to a stated standard error.

    From a first sample, with at least four images per feature, follows how many the error needs; a tenth is added, and
    so on until it is reached or all images are used. The network is read as it stands and left as it was.

    Args:
        network: any module.
        layer: name of one of its modules.
        images: (N, ...) as the network takes them, which are also what is reconstructed.
        standard_error: of L / tr Sigma, positive.
        first: size of the first sample, at least 100.
        pooled_features: largest number of features of the layer; wider ones are pooled.
        rows: what becomes a row of the layer's activations, as in ``capture``.
        seed: of the order in which images are drawn.

    Raises:
        InputError: numbers out of range, a layer that cannot be captured, or fewer images than four per direction of
            its activations.
    """
    wanted = positive("standard_error", standard_error)
    order = torch.from_numpy(np.random.default_rng(at_least("seed", seed, 0)).permutation(images.shape[0]))
    size = min(at_least("first", first, 100), images.shape[0])
    features = features_of(network, layer, images[order[:size]], pooled_features, rows)
    wider = min(_PER_DIRECTION * features.shape[1], images.shape[0])
    while True:
        if size < wider:
            more = features_of(network, layer, images[order[size:wider]], pooled_features, rows)
            features, size = torch.cat([features, more]), wider
        found = sampled_loss(features.double().numpy(), images[order[:size]].flatten(1).numpy(), wanted)
        if found.reached or size == images.shape[0]:
            return found
        needed = ceil(1.1 * size * (found.standard_error / wanted) ** 2)
        wider = min(max(needed, size + 1), images.shape[0])


def sampled_loss(features: FloatArray, inputs: FloatArray, standard_error: float = 0.002) -> SampledLoss:
    """The same from activations at hand.

    Args:
        features: (n, p) activations.
        inputs: (n, D) that gave them.
        standard_error: that is asked for.

    Raises:
        InputError: shapes that do not fit, NaN or infinity, inputs that do not vary, or fewer samples than four per
            direction of the activations.
    """
    rows, known = finite_array("features", features, 2), np.asarray(inputs)
    count = rows.shape[0]
    if known.ndim != 2 or known.shape[0] != count:
        raise InputError(f"inputs: have shape {known.shape}; give ({count}, D), a row for each activation")
    centred = rows - rows.mean(axis=0)
    values, vectors = linalg.eigh(centred.T @ centred, driver="evd", check_finite=False)
    kept = values > RELATIVE_RANK_TOLERANCE * max(float(values[-1]), 0.0)
    rank = int(kept.sum())
    if count < max(_PER_DIRECTION * rank, 4):
        raise InputError(f"images: {count} are too few for {rank} directions of the activations; give 4 per direction")
    basis = centred @ (vectors[:, kept] / np.sqrt(values[kept]))  # orthonormal columns
    # Products in the type of the inputs, float32 for images, and sums over samples in float64.
    kind = known.dtype if known.dtype == np.float32 else np.dtype(np.float64)
    mean, shown = known.mean(axis=0, dtype=np.float64).astype(kind), basis.astype(kind)
    parts = [slice(start, start + _CHUNK) for start in range(0, count, _CHUNK)]
    read = np.zeros((rank, known.shape[1]))
    for part in parts:
        read += shown[part].T @ (known[part] - mean)
    lengths, residuals, decoder = np.empty(count), np.empty(count), read.astype(kind)
    for part in parts:
        moved = known[part] - mean
        lengths[part] = np.einsum("nd,nd->n", moved, moved)
        moved -= shown[part] @ decoder
        residuals[part] = np.einsum("nd,nd->n", moved, moved)
    leverages = np.square(basis).sum(axis=1) + 1 / count
    lengths *= count / (count - 1)
    variance = float(lengths.mean())
    if not np.isfinite(variance):
        raise InputError("inputs: hold NaN or infinity; give finite numbers")
    if variance == 0:
        raise InputError("images: are all the same; give images that differ")
    corrected = residuals / np.maximum(1 - leverages, 1 / count)
    relative = float(corrected.mean()) / variance
    error = float((corrected - relative * lengths).std(ddof=1)) / (np.sqrt(count) * variance)
    return SampledLoss(relative, float(error), count, rank, bool(error <= standard_error))
