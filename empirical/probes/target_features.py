"""The features of one layer of a network on the inputs of a target."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from empirical.data.network_inputs import Inputs, as_taken, parts_of, samples_in, tensors_in
from empirical.moments.float_precision import full_precision
from empirical.networks.capture import read_inside
from empirical.networks.layer_features import CHANNELS
from empirical.networks.layer_reading import LayerReader
from empirical.networks.module_names import bare, checked_network, device_and_type
from empirical.networks.row_rule import Rows
from empirical.networks.undisturbed import undisturbed
from theory import InputError
from theory.validation import cut

_BATCH = 250


def features_of(network: nn.Module, layer: str, inputs: Inputs, pooled_features: int, rows: Rows = None) -> Tensor:
    """(n, p) activations of a layer on the CPU, of a network in evaluation mode that is left as it was.

    Args:
        network: any module, on any device.
        layer: name of one of its modules.
        inputs: n of them, as the network takes them: one tensor, or several by name.
        pooled_features: largest number of features; wider layers are pooled.
        rows: what becomes a row of the layer's activations, as in ``capture``.

    Raises:
        InputError: a layer that cannot be captured, NaN or infinity in the activations, inputs that the network does
            not take.
    """
    own = bare(checked_network("network", network))
    device, dtype = device_and_type(own)
    maps = any(one.ndim == 4 for one in tensors_in(inputs))
    reader = LayerReader(own, [layer], rows, pooled_features, torch.float32, CHANNELS if maps else None)
    batches = (
        (as_taken(part, device, dtype), torch.zeros(samples_in(part), dtype=torch.int64))
        for part in parts_of(inputs, _BATCH)
    )
    with undisturbed(own), full_precision(device):
        try:
            parts = [next(iter(one.activations.values())).cpu() for one in read_inside(own, reader, batches)]
        except torch.cuda.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise InputError(_not_taken(inputs, error)) from error
    return torch.cat(parts)


def _not_taken(inputs: Inputs, error: RuntimeError) -> str:
    """What is wrong with inputs that a network stops at, with the first line of its own error."""
    if isinstance(inputs, Tensor) and not inputs.is_floating_point():
        kind = f"{inputs.dtype}, identities of tokens"
        return f"inputs: are {kind}, which the network does not take; give numbers as float32"
    shapes = " and ".join(f"({', '.join(['n', *map(str, one.shape[1:])])})" for one in tensors_in(inputs))
    reason = cut(str(error).partition("\n")[0])
    return f"inputs: have shape {shapes}, which the network does not take ({reason}); give them as it takes them"
