"""Rules for the rows of a layer's activations: which tensor, which axes, and how many features at most."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from theory import InputError
from theory.validation import at_least, one_of, quoted

FLATTEN, MEAN, FIRST, LAST = "flatten", "mean", "first", "last"

#: What may be taken of an output with positions.
TAKEN = (FLATTEN, MEAN, FIRST, LAST)

# The entries of Hugging Face's outputs that are a layer's result.
_RESULTS = ("last_hidden_state", "logits")

_MAPS_FIRST = (
    *(nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
    *(nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.Upsample, nn.PixelShuffle, nn.LocalResponseNorm),
    *(nn.modules.pooling._MaxPoolNd, nn.modules.pooling._AvgPoolNd, nn.modules.pooling._AdaptiveAvgPoolNd),
    nn.modules.pooling._AdaptiveMaxPoolNd,
)
_VECTORS_LAST = (
    *(nn.Linear, nn.Bilinear, nn.LayerNorm, nn.Embedding, nn.MultiheadAttention, nn.RNNBase),
    *(nn.TransformerEncoderLayer, nn.TransformerDecoderLayer, nn.TransformerEncoder, nn.TransformerDecoder),
)
_POOLS: dict[int, Any] = {
    2: nn.functional.adaptive_avg_pool2d,
    3: nn.functional.adaptive_avg_pool3d,
}


class LayerError(Exception):
    """A layer cannot be captured; the message says why and what to do."""


@dataclass(frozen=True)
class RowRule:
    """The rule by which the output of a layer becomes rows of activations.

    Attributes:
        take: of an output with positions (tokens, pixels): "flatten" makes all of them one row; "mean" averages over
            positions; "first" and "last" take that token. Where an ``attention_mask`` covers the positions, masked ones
            count for none of the last three.
        channels: axis of the channels in the layer's output, counted from its samples' (1 in (n, c, h, w), 3 or -1 in
            (n, h, w, c)); None finds it (see ``channel_axis``).
        samples: axis of the samples; None finds it: axis 0 if it has the length of the batch, otherwise axis 1. Where
            both have, it is the one that a smaller batch makes shorter.
        output: key or position of the tensor in an output that holds several. None takes the first tensor of a tuple
            or list, and ``last_hidden_state`` or ``logits`` of a dictionary.
        call: which of several calls in one pass, from 0, or -1 for the last; None refuses a layer that is called twice.
    """

    take: str = FLATTEN
    channels: int | None = None
    samples: int | None = None
    output: int | str | None = None
    call: int | None = None

    def __post_init__(self) -> None:
        one_of("rows", self.take, TAKEN)
        if self.channels is not None and (isinstance(self.channels, bool) or not isinstance(self.channels, int)):
            raise InputError(f"channels: {quoted(self.channels)} is not accepted; give an axis, such as 1 or -1")
        if self.channels == 0:
            raise InputError("channels: 0 is the axis of the samples; give another axis, such as 1 or -1")
        if self.samples is not None:
            at_least("samples", self.samples, 0)
        if self.call is not None:
            at_least("call", self.call, -1)
        if isinstance(self.output, bool) or not isinstance(self.output, int | str | None):
            raise InputError(f"output: {quoted(self.output)} is not accepted; give a key or a position")


#: One rule for all layers, by itself or by the name of what it takes, or one for each layer that is not flattened.
Rows = RowRule | str | Mapping[str, RowRule | str] | None


def rules_for(rows: Rows, layers: tuple[str, ...]) -> dict[str, RowRule]:
    """The rule of each layer.

    Raises:
        InputError: something else than rules, or one of an unknown layer.
    """
    if isinstance(rows, Mapping):
        for name in rows:
            one_of("rows", name, layers)
        return {name: _rule(rows.get(name)) for name in layers}
    return dict.fromkeys(layers, _rule(rows))


def _rule(given: Any) -> RowRule:
    if given is None:
        return RowRule()
    if isinstance(given, str):
        return RowRule(given)
    if not isinstance(given, RowRule):
        raise InputError(f"rows: {type(given).__name__} is not accepted; give {FLATTEN!r}, {MEAN!r} or a RowRule")
    return given


def selected(name: str, output: Any, wanted: int | str | None) -> Tensor:
    """The tensor of a layer's output that ``RowRule.output`` names.

    Args:
        name: of the layer, for the error.
        output: a tensor, or a tuple, list or dictionary of them, nested or not.
        wanted: position or key of the tensor; None takes the first.

    Raises:
        LayerError: no dense tensor.
    """
    found = _entry(output, wanted)
    if wanted is None and isinstance(found, tuple | list):
        found = _first_tensor(found)
    if isinstance(found, nn.utils.rnn.PackedSequence):
        raise LayerError(f"{name!r} returns packed sequences of unequal lengths; give a layer that returns a tensor")
    if isinstance(found, Tensor):
        if found.layout is not torch.strided or found.is_nested:
            raise LayerError(f"{name!r} returns a sparse or nested tensor; give a layer that returns a dense one")
        return found
    entries = _entries(output)
    if entries:
        raise LayerError(
            f"{name!r} returns {type(output).__name__}; give a layer that returns a tensor, or name one of its entries "
            f"({', '.join(map(str, entries))}) in RowRule(output=...)"
        )
    kind = "a tuple or list without tensors" if isinstance(output, tuple | list) else type(output).__name__
    if isinstance(output, tuple | list) and wanted is not None:
        kind = f"{len(output)} outputs, none of which is a tensor called {quoted(wanted)}"
    raise LayerError(f"{name!r} returns {kind}; give a layer that returns a tensor or a tuple with one")


def _entry(output: Any, wanted: int | str | None) -> Any:
    entries = _entries(output)
    if wanted is None:
        named = next((entries[key] for key in _RESULTS if isinstance(entries.get(key), Tensor)), None)
        return output if named is None else named
    if isinstance(wanted, int) and isinstance(output, tuple | list) and -len(output) <= wanted < len(output):
        return output[wanted]
    return entries.get(wanted)


def _entries(output: Any) -> dict[Any, Any]:
    if isinstance(output, Mapping):
        return dict(output)
    if dataclasses.is_dataclass(output) or hasattr(output, "_fields"):
        fields = getattr(output, "_fields", None) or [one.name for one in dataclasses.fields(output)]
        return {name: getattr(output, name) for name in fields}
    return {}


def _first_tensor(output: Any) -> Any:
    if isinstance(output, nn.utils.rnn.PackedSequence):  # a tuple, whose first tensor mixes samples
        return output
    for part in output:
        found = _first_tensor(part) if isinstance(part, tuple | list) else part
        if isinstance(found, Tensor | nn.utils.rnn.PackedSequence):
            return found
    return output


def sample_axis(layer: nn.Module, shape: tuple[int, ...], count: int, rule: RowRule) -> int | None:
    """The axis of the samples: None where two axes could be, -1 where none can.

    Args:
        layer: whose ``batch_first`` decides between two axes, where it has that attribute.
        shape: of its output.
        count: number of samples n.
        rule: may name the axis.
    """
    if rule.samples is not None:
        return rule.samples if rule.samples < len(shape) and shape[rule.samples] == count else -1
    fitting = [axis for axis in range(min(2, len(shape))) if shape[axis] == count]
    if len(shape) < 3 or len(fitting) < 2 or count == 1:
        # Outputs (features, n) are not known of any layer.
        return fitting[0] if fitting and (fitting[0] == 0 or len(shape) > 2) else -1
    first = getattr(layer, "batch_first", None)
    return None if first is None else int(not first)


def channels_of(layer: nn.Module) -> int | None:
    """Number of channels that a layer of torch gives, if it is one that changes or normalises channels."""
    if isinstance(layer, nn.RNNBase):
        return (layer.proj_size or layer.hidden_size) * (2 if layer.bidirectional else 1)
    if isinstance(layer, nn.LayerNorm) or type(layer).__name__.endswith("RMSNorm"):
        shape: Any = getattr(layer, "normalized_shape", None) or getattr(getattr(layer, "weight", None), "shape", ())
        return int(shape[0]) if len(shape) == 1 else None
    names = ("out_channels", "out_features", "num_features", "num_channels", "embedding_dim", "embed_dim", "nf")
    for name in names:
        value = getattr(layer, name, None)
        if type(layer).__module__.startswith(("torch.nn.", "transformers.pytorch_utils")) and isinstance(value, int):
            return value
    return None


def channel_axis(layer: nn.Module, shape: tuple[int, ...], latest: int | None) -> int | None:
    """The axis of the channels in an output (n, ...), or None where the layout is not known.

    It is known of torch's own layers. Otherwise it is the only axis as long as the last layer with channels that has
    run, inside the layer or before it, has channels. Where no axis is that long, it is the one that makes a map square:
    (n, c, h, h) or (n, h, h, c). Otherwise the axes cannot be distinguished.

    Args:
        layer: that returns the output.
        shape: (n, ...) of the output.
        latest: number of channels of the last layer with channels that has run; None before any.
    """
    if isinstance(layer, _MAPS_FIRST):
        return 1
    if isinstance(layer, _VECTORS_LAST):
        return len(shape) - 1
    fitting = [axis for axis in range(1, len(shape)) if shape[axis] == latest]
    if fitting:
        return fitting[0] if len(fitting) == 1 else None
    if len(shape) == 4:
        if shape[2] == shape[3] != shape[1]:
            return 1
        if shape[1] == shape[2] != shape[3]:
            return 3
    return None


@dataclass(frozen=True, eq=False)
class Sketch:
    """Signed means of random groups of features: an orthogonal projection that does not depend on axes.

    Every feature belongs to one group; groups are as equal as they can be. The draw depends on the two sizes alone.
    The expected squared length of a row is kept, up to the factor ``width / features``.

    Attributes:
        order: (width, size) indices of the features of each group.
        weights: (width, size) signs over the root of the group's size; 0 instead of a missing feature.
    """

    order: Tensor
    weights: Tensor

    @classmethod
    def from_widths(cls, features: int, width: int) -> Sketch:
        """From ``features`` down to ``width`` numbers."""
        draw = np.random.default_rng([features, width])
        size = -(-features // width)
        order = np.zeros(width * size, dtype=np.int64)
        signs = np.zeros(width * size)
        order[:features] = draw.permutation(features)
        signs[:features] = draw.choice([-1.0, 1.0], features)
        # Dealt out in turn, so that the sizes of the groups differ by one feature at most.
        groups, weights = order.reshape(size, width).T, signs.reshape(size, width).T
        lengths = np.abs(weights).sum(axis=1, keepdims=True)
        return cls(torch.from_numpy(groups.copy()), torch.from_numpy(weights / np.sqrt(lengths)))

    def __call__(self, rows: Tensor) -> Tensor:
        """(n, width) from (n, features)."""
        exact = rows.to(torch.promote_types(rows.dtype, torch.float32))
        parts = exact[:, self.order.to(rows.device)]
        return (parts * self.weights.to(parts)).sum(dim=2)


def pooled(maps: Tensor, limit: int) -> Tensor:
    """Feature maps (n, c, ...) of two or three axes, averaged over windows until at most ``limit`` features are left.

    The factor f is the smallest whole one that suffices; every axis shrinks to max(1, length // f), or to 1 if that is
    still too much. Windows overlap where f does not divide a length.
    """
    channels, *lengths = maps.shape[1:]
    factor, size = 1, tuple(lengths)
    while channels * math.prod(size) > limit and max(size) > 1:
        factor += 1
        size = tuple(max(1, length // factor) for length in lengths)
    return maps if factor == 1 else _POOLS[len(size)](maps, size)


def taken(name: str, output: Tensor, take: str, axis: int | None, mask: Tensor | None) -> Tensor:
    """(n, c): the mean, first or last position of an output with at least three axes.

    Args:
        name: of the layer, for the error.
        output: (n, ...).
        take: "mean", "first" or "last".
        axis: of the channels.
        mask: (n, positions), nonzero at the positions that count; None, or one of another shape, counts all.

    Raises:
        LayerError: ``axis`` is None, or the mask leaves a sample no position.
    """
    if axis is None:
        shape = tuple(output.shape[1:])
        raise LayerError(f"{name!r} returns {shape} per sample, whose axis of channels is not known; give channels")
    positions = output.movedim(axis, -1).flatten(1, -2)
    seen = torch.ones(positions.shape[:2], dtype=torch.bool, device=output.device)
    if mask is not None and mask.shape == seen.shape:
        seen = mask.to(output.device) != 0
        if not bool(seen.any(dim=1).all()):
            raise LayerError(f"{name!r} has samples whose attention_mask leaves no position; give at least one each")
    if take == MEAN:
        weights = seen.to(positions) / seen.sum(dim=1, keepdim=True)
        return (positions * weights[..., None]).sum(dim=1)
    numbers = torch.arange(positions.shape[1], device=output.device)
    chosen = (
        torch.where(seen, numbers, len(numbers)).amin(1) if take == FIRST else torch.where(seen, numbers, -1).amax(1)
    )
    return positions[torch.arange(positions.shape[0], device=output.device), chosen]
