"""What linear decoders of hidden units that are not linear leave of a target, measured on samples."""

from __future__ import annotations

import numpy as np
import torch

from simulation.training.activations import Activation
from simulation.training.deep_training import Measurement
from theory.curves.deep_linear import Layers
from theory.curves.reconstruction import explained_variance_from_gram
from theory.validation import FloatArray, InputError


def sampled_measurement(
    inputs: torch.Tensor, activation: Activation, values: torch.Tensor | None = None
) -> Measurement:
    """What the best linear decoder of each layer's output leaves of the target's variance on samples, exactly.

    The decoder is that of least squares with an intercept, from moments in double precision. Hidden layers are decoded
    after their activation, the last layer has none.

    Args:
        inputs: (n, d) of the network and of the decoder.
        activation: of the hidden units.
        values: (n, q) target; the inputs (reconstruction) if left out.

    Raises:
        InputError: another number of values than of inputs, or a target that does not vary.
    """
    rows = inputs.to(torch.float64)
    wanted = rows if values is None else values.to(torch.float64)
    if wanted.shape[0] != rows.shape[0]:
        raise InputError(f"values: has {wanted.shape[0]} rows; give {rows.shape[0]}, one for each input")
    centred = wanted - wanted.mean(dim=0)
    variance = float(centred.square().sum()) / len(rows)
    if not variance > 0:
        raise InputError("values: do not vary; give a target that differs between inputs")

    def losses(layers: Layers, steps: int) -> FloatArray:
        return np.stack([_of_network([layer[replica] for layer in layers]) for replica in range(len(layers[0]))])

    def _of_network(layers: list[FloatArray]) -> FloatArray:
        units, left = rows, []
        for number, layer in enumerate(layers):
            units = units @ torch.from_numpy(layer).to(rows.device).T
            units = activation.value(units) if number + 1 < len(layers) else units
            left.append(1 - _explained(units - units.mean(dim=0), centred) / variance)
        return np.array(left)

    return losses


def _explained(units: torch.Tensor, target: torch.Tensor) -> float:
    """Variance of a centred target (n, q) that the best linear decoder of centred units (n, h) explains."""
    gram = (units.T @ units / len(units)).cpu().numpy()
    crossed = (units.T @ target / len(units)).cpu().numpy()
    return float(explained_variance_from_gram(gram, crossed @ crossed.T))
