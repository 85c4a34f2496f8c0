"""Reads the rows of layers' activations from one forward pass."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from empirical.data.finite import all_finite
from empirical.data.network_inputs import MASK, Inputs, samples_in, some_of
from empirical.networks.module_names import named_layers
from empirical.networks.row_rule import (
    FLATTEN,
    LayerError,
    Rows,
    Sketch,
    channel_axis,
    channels_of,
    pooled,
    rules_for,
    sample_axis,
    selected,
    taken,
)


@dataclass(frozen=True)
class _Layout:
    """The layout of one layer's output, the same in every pass.

    Attributes:
        samples: axis of the samples.
        channels: axis of the channels once the samples have moved to axis 0; None where it is not known.
    """

    samples: int
    channels: int | None


class LayerReader:
    """Reads the activations of layers, all from one forward pass, inside ``undisturbed``.

    How the output of a layer is laid out is found in the first pass and kept.

    Args:
        network: without wrappers.
        layers: names as in ``named_layers``.
        rows: what becomes a row; see ``RowRule``.
        limit: largest number of features of a layer. A wider feature map whose channels are known is average-pooled
            (see ``pooled``); what is still too wide becomes as many signed means of random groups of features (see
            ``Sketch``). None keeps everything.
        dtype: of the activations.
        otherwise: axis of the channels of a map where nothing indicates it; None where it is then unknown.
        whole: those of the layers whose features are all kept.

    Attributes:
        layers: names without wrappers.
        widths: what was done to each layer's output, in words; empty before the first pass.

    Raises:
        InputError: layers or rules that are not accepted.
    """

    def __init__(
        self,
        network: nn.Module,
        layers: Sequence[str],
        rows: Rows,
        limit: int | None,
        dtype: torch.dtype,
        otherwise: int | None = None,
        whole: Sequence[str] = (),
    ) -> None:
        self._network = network
        self._chosen = named_layers(network, layers)
        self.layers = tuple(self._chosen)
        self._rules = rules_for(rows, self.layers)
        self._limit, self._dtype, self._otherwise = limit, dtype, otherwise
        self._whole = frozenset(whole)
        self._layouts: dict[str, _Layout] = {}
        self._sketches: dict[str, Sketch] = {}
        self._shorter: dict[str, int] = {}
        self.widths: dict[str, str] = {}

    def read(self, inputs: Inputs) -> dict[str, Tensor]:
        """(n, p) activations of every layer, ordinary tensors on the network's device.

        Args:
            inputs: n samples on that device; they are left as they are.

        Raises:
            LayerError: a layer that cannot be captured.
        """
        found = self._pass(inputs, self._row_of)
        if any(isinstance(one, _Unclear) for one in found.values()):
            self._tell_samples(inputs, [name for name, one in found.items() if isinstance(one, _Unclear)])
            found = self._pass(inputs, self._row_of)
        return {name: found[name] for name in self.layers}

    def _pass(self, inputs: Inputs, reduce: Callable[[str, Tensor, int | None, Inputs], Any]) -> dict[str, Any]:
        """What ``reduce`` makes of each layer's output in one pass."""
        found: dict[str, Any] = {}
        calls = dict.fromkeys(self.layers, 0)
        faults: list[LayerError] = []
        latest: list[int | None] = [None]

        def count_channels(own: int, *_: object) -> None:
            latest[0] = own

        def hook(name: str, _: nn.Module, __: Any, output: Any) -> None:
            wanted = self._rules[name].call
            try:
                if wanted is None and calls[name]:
                    raise LayerError(
                        f"{name!r} is called more than once in one pass; give a layer that is called once, or say "
                        "which call counts in RowRule(call=...)"
                    )
                if wanted is None or wanted in (calls[name], -1):
                    # Reduced and copied at once, as a later layer may work in place.
                    found[name] = reduce(name, selected(name, output, self._rules[name].output), latest[0], inputs)
            except LayerError as fault:  # raised after the pass: the network might catch it
                faults.append(fault)
            calls[name] += 1

        with ExitStack() as stack:
            if len(self._layouts) < len(self.layers):
                for part in self._network.modules():
                    channels = channels_of(part)
                    if channels is not None:
                        stack.callback(part.register_forward_hook(partial(count_channels, channels)).remove)
            for name, part in self._chosen.items():
                stack.callback(part.register_forward_hook(partial(hook, name)).remove)
            run(self._network, inputs)
        if faults:
            raise faults[0]
        for name in self.layers:
            if not calls[name]:
                raise LayerError(f"{name!r} is not called in the forward pass; give a layer that is")
            if name not in found:
                raise LayerError(
                    f"{name!r} is called {calls[name]} times; RowRule(call={self._rules[name].call}) is not"
                )
        return found

    def _tell_samples(self, inputs: Inputs, names: list[str]) -> None:
        """Find the axis of the samples from a pass without the last of them."""
        count = samples_in(inputs)
        try:
            shapes = self._pass(some_of(inputs, slice(count - 1)), lambda _, output, __, ___: tuple(output.shape))
        except LayerError:
            raise
        except Exception:
            shapes = {}
        for name in names:
            shorter = [axis for axis in (0, 1) if shapes.get(name, (0, 0))[axis] == count - 1]
            if len(shorter) != 1:
                raise LayerError(
                    f"{name!r} returns two axes of length {count}, the number of samples; say which one is theirs in "
                    "RowRule(samples=...)"
                )
            self._shorter[name] = shorter[0]

    def _row_of(self, name: str, output: Tensor, latest: int | None, inputs: Inputs) -> Any:
        count = samples_in(inputs)
        layout = self._layouts.get(name)
        if layout is None:
            axis = self._shorter.get(
                name, sample_axis(self._chosen[name], tuple(output.shape), count, self._rules[name])
            )
            if axis is None:
                return _Unclear()
            self._check(name, output, axis, count)
            layout = self._layouts[name] = self._layout(name, output, axis, latest)
        self._check(name, output, layout.samples, count)
        rows = self._reduced(name, output.movedim(layout.samples, 0), layout, inputs)
        return in_precision(name, rows, self._dtype)

    def _layout(self, name: str, output: Tensor, samples: int, latest: int | None) -> _Layout:
        moved = output.movedim(samples, 0)
        given = self._rules[name].channels
        if given is None or moved.ndim < 3:
            axis = channel_axis(self._chosen[name], tuple(moved.shape), latest)
            return _Layout(samples, self._otherwise if axis is None and moved.ndim > 3 else axis)
        if not -moved.ndim < given < moved.ndim:
            raise LayerError(f"{name!r} returns shape {tuple(moved.shape)}, which has no axis {given} of channels")
        return _Layout(samples, given % moved.ndim)

    def _check(self, name: str, output: Tensor, samples: int, count: int) -> None:
        fits = 0 <= samples < output.ndim and output.shape[samples] == count
        if not fits or not output.is_floating_point() or not output.numel():
            raise LayerError(
                f"{name!r} returns shape {tuple(output.shape)}, type {output.dtype}; "
                f"give a layer with a row of real numbers for each of {count} samples"
            )

    def _reduced(self, name: str, output: Tensor, layout: _Layout, inputs: Inputs) -> Tensor:
        """(n, p) rows of an output whose samples are on axis 0."""
        shape, done = tuple(output.shape[1:]), []
        limit = None if name in self._whole else self._limit
        take, axis = self._rules[name].take, layout.channels
        if take != FLATTEN and output.ndim > 2:
            mask = inputs.get(MASK) if isinstance(inputs, Mapping) else None
            output = taken(name, output, take, axis, mask)
            done.append({"mean": "mean over positions"}.get(take, f"{take} position"))
        elif limit is not None and math.prod(shape) > limit and axis is not None and output.ndim in (4, 5):
            output = pooled(output.movedim(axis, 1), limit)
            done.append(f"pooled to {tuple(output.shape[1:])} with channels first")
        rows = output.flatten(1) if output.ndim > 1 else output[:, None]
        if limit is not None and rows.shape[1] > limit:
            done.append(f"{rows.shape[1]:,} features in {limit:,} random groups")
            if name not in self._sketches:
                self._sketches[name] = Sketch.from_widths(rows.shape[1], limit)
            rows = self._sketches[name](rows)
        self.widths.setdefault(name, ", ".join([f"{shape} a sample", *done, f"{rows.shape[1]:,} features"]))
        return rows


class _Unclear:
    """Replaces the rows of a layer in whose output either of two axes may be that of the samples."""


def run(network: nn.Module, inputs: Inputs) -> None:
    """Call the network on copies, as it may work in place: entries by name, or as one dictionary if it takes that."""
    if isinstance(inputs, Tensor):
        network(inputs.clone())
        return
    own = {name: one.clone() if isinstance(one, Tensor) else one for name, one in inputs.items()}
    try:
        inspect.signature(network.forward).bind(**own)
    except TypeError:
        network(own)
        return
    except ValueError:  # no signature
        pass
    network(**own)


def in_precision(name: str, activations: Tensor, dtype: torch.dtype) -> Tensor:
    """A copy of activations in another type.

    Args:
        name: of the layer, for the error.
        activations: (n, p).
        dtype: of the copy, one of PRECISIONS.

    Raises:
        LayerError: NaN or infinity before or after.
    """
    converted = activations.to(dtype, copy=True)
    if all_finite(converted):
        return converted
    bad = int((~torch.isfinite(activations)).sum())
    if bad:
        raise LayerError(f"{name!r} gives {bad} NaN or infinite activations; give finite inputs and weights")
    raise LayerError(f"{name!r} gives activations out of the range of {dtype}; give torch.bfloat16 or torch.float32")
