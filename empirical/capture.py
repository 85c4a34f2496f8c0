"""The activations of named layers of any torch module, a batch at a time, without a trace left in the module."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from theory import InputError
from theory.validation import at_least

#: Types in which activations may be returned.
PRECISIONS = (torch.float16, torch.bfloat16, torch.float32)

#: Turns a layer's output into its (n, p) activations.
_Reduction = Callable[[str, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Captured:
    """One batch and the activations that it gave, all on the module's device.

    Attributes:
        inputs: (n, ...) as the module got them.
        labels: (n,) int64.
        activations: (n, p) of each layer, in the order asked for.
    """

    inputs: Tensor
    labels: Tensor
    activations: dict[str, Tensor]


def capture(
    module: nn.Module,
    layers: Sequence[str],
    batches: Iterable[tuple[Tensor, Tensor]],
    pooled_features: int | None = None,
    dtype: torch.dtype = torch.float32,
) -> Iterator[Captured]:
    """Stream the activations of ``layers``, all from one forward pass a batch, in the memory of that batch.

    The pass computes what the module computes in evaluation (running statistics of batch normalisation, no
    dropout), without gradients. Training flags are put back and hooks removed before a batch is handed out,
    so that the module may be trained in between and the stream be left at any point. The activations are
    ordinary tensors: a probe may be trained on them.

    Args:
        module: any torch module; batches are moved to the device of its first parameter.
        layers: names of ``module.named_modules()``; the empty name is the module itself, its output. A layer
            that returns a tuple or list gives the first tensor in it.
        batches: pairs of inputs (n, ...) and integer labels (n,).
        pooled_features: largest size of a feature map (n, c, h, w) that is kept as it is. A larger one is
            average-pooled to (max(1, h // f), max(1, w // f)) by the smallest whole factor f that leaves at
            most this many features; where c alone is more, 1 x 1 is left. Windows overlap by a pixel where f
            does not divide h or w. None pools nothing. Other shapes, tokens among them, are only flattened.
        dtype: of the activations, one of PRECISIONS; float16 rounds each to 2^-11 of itself, bfloat16 to 2^-8.

    Raises:
        InputError: at the call: no layer, an unknown one (the nearest names are listed), one given twice, a
            precision or a number of features that is not accepted. From the stream: labels that do not fit;
            a layer that is called never or several times in one pass, whose output is no tensor or has no
            row for each sample; NaN or infinity in the activations, with the layer and the batch, counted
            from 0.
    """
    chosen = _submodules(module, layers)
    if dtype not in PRECISIONS:
        raise InputError(f"dtype: {dtype} is not accepted; give one of {', '.join(map(str, PRECISIONS))}")
    limit = None if pooled_features is None else at_least("pooled_features", pooled_features, 1)

    def reduced(name: str, output: Tensor) -> Tensor:
        return _in_precision(name, _pooled(output, limit).flatten(1), dtype)

    return _stream(module, chosen, batches, reduced)


def _submodules(module: nn.Module, layers: Sequence[str]) -> dict[str, nn.Module]:
    if isinstance(layers, str) or not layers:
        raise InputError(f"layers: {layers!r} is not accepted; give a list of at least one name of named_modules()")
    # A module registered under two names is known by both.
    known = dict(module.named_modules(remove_duplicate=False))
    for position, name in enumerate(layers):
        if name not in known:
            nearest = difflib.get_close_matches(name, filter(None, known), n=3, cutoff=0.0)
            raise InputError(f"layers: {name!r} is unknown; the nearest names are {', '.join(nearest) or 'none'}")
        if name in layers[:position]:
            raise InputError(f"layers: {name!r} is given twice; give each name once")
    return {name: known[name] for name in layers}


def _stream(
    module: nn.Module, chosen: dict[str, nn.Module], batches: Iterable[tuple[Tensor, Tensor]], reduced: _Reduction
) -> Iterator[Captured]:
    device = next((tensor.device for tensor in chain(module.parameters(), module.buffers())), torch.device("cpu"))
    for number, (inputs, labels) in enumerate(batches):
        if labels.shape != inputs.shape[:1] or labels.is_floating_point() or labels.is_complex():
            raise InputError(
                f"batches: labels of batch {number} have shape {tuple(labels.shape)}, type {labels.dtype}; "
                f"give one integer for each of {inputs.shape[0]} inputs"
            )
        moved = inputs.to(device)
        try:
            activations = _forward(module, chosen, moved, reduced)
        except _LayerError as fault:
            raise InputError(f"layers: {fault} (batch {number})") from None
        yield Captured(moved, labels.to(device, torch.int64), activations)


class _LayerError(Exception):
    """What a layer did that cannot be captured, and what to do about it."""


def _forward(module: nn.Module, chosen: dict[str, nn.Module], inputs: Tensor, reduced: _Reduction) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}

    def hook_of(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            if name in found:
                raise _LayerError(f"{name!r} is called more than once in one pass; give a layer that is called once")
            # Reduced and copied at once, as a later layer may work in place.
            found[name] = reduced(name, _rows(name, output, inputs.shape[0]))

        return hook

    training = [(part, part.training) for part in module.modules()]
    with ExitStack() as stack:
        for name, part in chosen.items():
            stack.callback(part.register_forward_hook(hook_of(name)).remove)
        stack.callback(_set_training, training)
        # Flags are set one by one: eval() would call a train() that a part may have made do more, such as
        # merging weights, and could not put back flags that differ between parts.
        _set_training([(part, False) for part, _ in training])
        # Not inference_mode: its tensors could not be used to train a probe.
        with torch.no_grad():
            module(inputs)
    for name in chosen:
        if name not in found:
            raise _LayerError(f"{name!r} is not called in the forward pass; give a layer that is")
    return {name: found[name] for name in chosen}


def _set_training(flags: list[tuple[nn.Module, bool]]) -> None:
    for part, training in flags:
        part.training = training


def _rows(name: str, output: Any, count: int) -> Tensor:
    """The first tensor of a layer's output, with one row a sample and at least two axes."""
    if isinstance(output, tuple | list):
        output = next((part for part in output if isinstance(part, Tensor)), output)
    if not isinstance(output, Tensor):
        raise _LayerError(f"{name!r} returns {type(output).__name__}; give a layer that returns a tensor or a tuple")
    if output.ndim == 0 or output.shape[0] != count or not output.is_floating_point():
        raise _LayerError(
            f"{name!r} returns shape {tuple(output.shape)}, type {output.dtype}; "
            f"give a layer with a row of real numbers for each of {count} samples"
        )
    return output if output.ndim > 1 else output[:, None]


def _pooled(output: Tensor, limit: int | None) -> Tensor:
    if limit is None or output.ndim != 4:
        return output
    channels, height, width = output.shape[1:]
    for factor in range(1, max(height, width) + 1):
        size = max(1, height // factor), max(1, width // factor)
        if channels * size[0] * size[1] <= limit:
            break
    return output if factor == 1 else nn.functional.adaptive_avg_pool2d(output, size)


def _in_precision(name: str, activations: Tensor, dtype: torch.dtype) -> Tensor:
    converted = activations.to(dtype, copy=True)
    if bool(torch.isfinite(converted).all()):
        return converted
    bad = int((~torch.isfinite(activations)).sum())
    if bad:
        raise _LayerError(f"{name!r} gives {bad} NaN or infinite activations; give finite inputs and weights")
    raise _LayerError(f"{name!r} gives activations out of the range of {dtype}; give torch.bfloat16 or torch.float32")
