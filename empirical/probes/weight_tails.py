"""Tail exponents of weight matrices, which WeightWatcher reads as the quality of a training.

Martin & Mahoney, "Implicit self-regularization in deep neural networks" (JMLR 2021), and Martin, Peng & Mahoney (Nature
Communications 2021): the eigenvalues of W^T W of each layer are fitted by a power law p(lambda) ~ lambda^-alpha above
lambda_min, by maximum likelihood, with the lambda_min of the smallest Kolmogorov-Smirnov distance (Clauset, Shalizi &
Newman 2009). A smaller mean alpha is better; below 2 a layer counts as over-trained.
"""

from __future__ import annotations

import numpy as np
from torch import nn

from theory.validation import FloatArray

# Fewest eigenvalues of a tail, and of a layer.
_LEAST_TAIL, _LEAST_VALUES = 8, 16


def mean_weight_exponent(network: nn.Module) -> float | None:
    """Mean alpha over the layers with enough eigenvalues; None where there is none.

    A convolution has one matrix for each position of its kernel, whose eigenvalues are pooled.
    """
    found = []
    for part in network.modules():
        if not isinstance(part, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
            continue
        weights = part.weight.detach().double().cpu().numpy()
        matrices = weights.reshape(*weights.shape[:2], -1).transpose(2, 0, 1)
        values = np.square(np.linalg.svd(matrices, compute_uv=False)).ravel()
        if values.size >= _LEAST_VALUES:
            found.append(tail_exponent(values))
    return float(np.mean(found)) if found else None


def tail_exponent(values: FloatArray) -> float:
    """The exponent alpha of a power law in the tail of (n,) positive values, n at least 16."""
    ordered = np.sort(values[values > 0])
    best, exponent = np.inf, np.nan
    for start in range(ordered.size - _LEAST_TAIL + 1):
        tail = ordered[start:]
        spread = float(np.log(tail / tail[0]).sum())
        if spread <= 0:
            continue
        own = 1 + tail.size / spread
        steps = np.arange(tail.size + 1) / tail.size
        law = 1 - (tail / tail[0]) ** (1 - own)
        distance = max(float(np.abs(law - steps[1:]).max()), float(np.abs(law - steps[:-1]).max()))
        if distance < best:
            best, exponent = distance, own
    return exponent
