"""Captures the activations of named layers of any torch module, one batch at a time; the module stays as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from empirical.data.network_inputs import Inputs, samples_in, tensors_in
from empirical.networks.layer_reading import LayerReader
from empirical.networks.module_names import checked_network, device_and_type, plain_name, uninitialised
from empirical.networks.row_rule import LayerError, Rows
from empirical.networks.undisturbed import undisturbed
from theory import InputError
from theory.validation import at_least

#: Types in which activations may be returned.
PRECISIONS = (torch.float16, torch.bfloat16, torch.float32)

_LABELS = ("labels", "label")


class ByLayer(dict[str, Tensor]):
    """Activations by the names of layers without wrappers; a name with their prefixes is understood."""

    def __missing__(self, name: str) -> Tensor:
        own = plain_name(name, self)
        if own not in self:
            raise KeyError(name)
        return self[own]


@dataclass(frozen=True, eq=False)
class Captured:
    """One batch and the activations that it gave, all on the module's device.

    Attributes:
        inputs: (n, ...) as the module got them; by name where they were given so.
        labels: (n,) int64.
        activations: (n, p) of each layer, in the order asked for.
        widths: what was done to each layer's output to get p features, in words.
    """

    inputs: Inputs
    labels: Tensor
    activations: ByLayer
    widths: Mapping[str, str]


def capture(
    module: nn.Module,
    layers: Sequence[str],
    batches: Iterable[Any],
    pooled_features: int | None = None,
    dtype: torch.dtype = torch.float32,
    rows: Rows = None,
) -> Iterator[Captured]:
    """Stream the activations of ``layers``, all from one forward pass per batch, in the memory of that batch.

    The pass computes what the module computes in evaluation (running statistics of batch normalisation, no
    dropout), without gradients and without hooks. The module is put back before a batch is handed out (see
    ``undisturbed``), so that it may be trained in between and the stream be left at any point. The activations are
    ordinary tensors: a probe may be trained on them.

    Args:
        module: any torch module that is not scripted, as it is, compiled or wrapped for several devices; batches are
            moved to the device of its first real parameter.
        layers: names of ``module.named_modules()``, with or without ``_orig_mod.`` and ``module.``; the empty name is
            the module itself, its output.
        batches: pairs of inputs and integer labels (n,). Inputs are a tensor (n, ...) or a dictionary of them, as
            Hugging Face's tokenizers give it: its entries are given to the module by name, or as they are to a
            module that takes one dictionary. A dictionary with an entry ``labels`` may replace the pair.
        pooled_features: largest number of features of a layer; None keeps all. A wider map of two or three axes is
            average-pooled to max(1, length // f) by the smallest whole factor f that leaves at most this many;
            windows overlap by a pixel where f does not divide the length. That needs the axis of the channels (see
            ``row_rule.channel_axis``). What is still too wide, tokens among it, becomes as many signed means of random
            groups of features (see ``row_rule.Sketch``). ``Captured.widths`` says what was done.
        dtype: of the activations, one of PRECISIONS; float16 rounds each to 2^-11 of itself, bfloat16 to 2^-8.
        rows: what becomes a row: "flatten" (the default) all positions, "mean" their mean, "first" or "last" that
            token; a ``RowRule`` also says which axis, which tensor of several and which of several calls; a
            dictionary gives one for each layer.

    Raises:
        InputError: at the call: no module or a scripted one, no layer, an unknown one (the nearest names are listed),
            one given twice, a precision, a number of features or a rule that is not accepted, no batches. From
            the stream: a batch that is no such pair; labels that do not fit; a module that waits for its first
            pass; a layer that is called never or, without a rule, several times in one pass, whose output is not
            understood or has no row for each sample; NaN or infinity in the activations, with the layer and the batch,
            counted from 0. What the module itself raises passes as it is.
    """
    network = checked_network("module", module)
    if dtype not in PRECISIONS:
        raise InputError(f"dtype: {dtype} is not accepted; give one of {', '.join(map(str, PRECISIONS))}")
    limit = None if pooled_features is None else at_least("pooled_features", pooled_features, 1)
    reader = LayerReader(network, layers, rows, limit, dtype)
    if isinstance(batches, Tensor | Mapping | str) or not isinstance(batches, Iterable):
        raise InputError(f"batches: are a {type(batches).__name__}; give a list or stream of pairs (inputs, labels)")
    return _stream(network, reader, batches, partial(undisturbed, network))


def read_inside(network: nn.Module, reader: LayerReader, batches: Iterable[Any]) -> Iterator[Captured]:
    """``capture`` inside ``undisturbed``, where the network is put back once and not after every batch.

    Args:
        network: without wrappers.
        reader: of its layers.
        batches: as in ``capture``.
    """
    return _stream(network, reader, batches, nullcontext)


def _stream(
    network: nn.Module,
    reader: LayerReader,
    batches: Iterable[Any],
    around: Callable[[], AbstractContextManager[None]],
) -> Iterator[Captured]:
    for number, batch in enumerate(batches):
        inputs, labels = _pair(batch, number)
        waiting = uninitialised(network)
        if waiting is not None:
            raise InputError(f"module: {waiting} waits for its first forward pass; make one before")
        device, _ = device_and_type(network)
        moved = on_device(inputs, device)
        try:
            with around():
                activations = reader.read(moved)
        except LayerError as fault:
            raise InputError(f"layers: {fault} (batch {number})") from None
        yield Captured(moved, labels.to(device, torch.int64), ByLayer(activations), dict(reader.widths))


def on_device(inputs: Inputs, device: torch.device) -> Inputs:
    """Move inputs to ``device``."""
    if isinstance(inputs, Tensor):
        return inputs.to(device)
    return {name: one.to(device) if isinstance(one, Tensor) else one for name, one in inputs.items()}


def _pair(batch: Any, number: int) -> tuple[Inputs, Tensor]:
    if isinstance(batch, Mapping):
        named = next((name for name in _LABELS if name in batch), None)
        if named is not None:
            batch = {name: one for name, one in batch.items() if name != named}, batch[named]
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        raise InputError(f"batches: batch {number} is a {type(batch).__name__}; give pairs (inputs, labels)")
    inputs, labels = batch
    if isinstance(inputs, Mapping):
        tensors = {name: one for name, one in inputs.items() if isinstance(one, Tensor)}
        sizes = {one.shape[:1] for one in tensors.values()}
        if len(sizes) != 1 or sizes == {()}:
            raise InputError(
                f"batches: inputs of batch {number} are {', '.join(map(str, inputs)) or 'empty'} of "
                f"{len(sizes)} lengths; give tensors (n, ...) with one n"
            )
    elif not isinstance(inputs, Tensor) or inputs.ndim == 0:
        raise InputError(f"batches: inputs of batch {number} are a {type(inputs).__name__}; give a tensor (n, ...)")
    if any(isinstance(one, Tensor) and one.is_meta for one in (labels, *tensors_in(inputs))):
        raise InputError(f"batches: batch {number} is on the meta device and holds no values; give real tensors")
    if not isinstance(labels, Tensor):
        raise InputError(f"batches: labels of batch {number} are a {type(labels).__name__}; give a tensor of integers")
    count = samples_in(inputs)
    if labels.shape != (count,) or labels.is_floating_point() or labels.is_complex():
        raise InputError(
            f"batches: labels of batch {number} have shape {tuple(labels.shape)}, type {labels.dtype}; "
            f"give one integer for each of {count} inputs"
        )
    return inputs, labels
