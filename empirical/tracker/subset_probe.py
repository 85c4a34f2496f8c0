"""Reconstruction losses of layers on a small fixed set of inputs, from the network where it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from empirical.data.network_inputs import Inputs
from empirical.networks.batch_norm import measure_statistics
from empirical.networks.capture import read_inside
from empirical.networks.layer_reading import LayerReader
from empirical.networks.module_names import bare, device_and_type
from empirical.networks.row_rule import Rows
from empirical.networks.undisturbed import undisturbed
from empirical.probes.input_reconstruction import InputReconstruction
from empirical.tracker.probe_inputs import LEAST_INPUTS, ProbeInputs, probe_inputs
from theory import InputError
from theory.validation import FloatArray, at_least, quoted

__all__ = ["LEAST_INPUTS", "SubsetProbe"]

_BATCH, _LARGEST_BATCH = 250, 1_000_000
# Statistics of batch normalisation from 500 inputs: known to a few per cent, and the same ones at every step.
_CALIBRATION_INPUTS = 500
_GROUPS = 25


class SubsetProbe:
    """Reconstruction losses of layers on a small set of inputs, always the same and in the same parts.

    Three quarters of the inputs, chosen by a fixed draw, fit budgeted decoders at the penalty of generalised
    cross-validation (``InputReconstruction``); the rest scores them. With so few samples the exact decoder would
    fit noise. The penalty is chosen at every step, also where samples suffice, so that the curve has no jump. Batch
    normalisation is calibrated on the first 500 of the fitting part. Images are reconstructed along few directions,
    always the same, where that tells their loss (``InputReconstruction.sketched``).

    Args:
        inputs: (n, ...) as the network takes them, or a dictionary of them, n at least LEAST_INPUTS; a copy is kept on
            the CPU. What is reconstructed: see ``probe_inputs``.
        layers: names of the network's modules.
        pooled_features: largest number of features of a layer; wider ones are pooled or sketched (see
            ``empirical.networks.capture``).
        rows: what becomes a row of a layer's activations, as in ``capture``.
        reconstruct: what of the inputs is reconstructed, or what instead of them; see ``probe_inputs``.
        batch_size: inputs of each forward pass, for a network that takes batches of this size alone: the last batch is
            filled up with inputs that do not count. None: 250, the last one smaller.

    Attributes:
        widths: what was done to each layer's output, in words; empty before the first probe.

    Raises:
        InputError: inputs of another type, too few, not finite or without variance.
    """

    def __init__(
        self,
        inputs: Tensor | np.ndarray[Any, Any] | Mapping[str, Any],
        layers: Sequence[str],
        pooled_features: int = 512,
        rows: Rows = None,
        reconstruct: str | Tensor | np.ndarray[Any, Any] | None = None,
        batch_size: int | None = None,
    ) -> None:
        given = probe_inputs(inputs, reconstruct)
        # A fixed draw, as labels may come in a regular order.
        order = torch.from_numpy(np.random.default_rng(0).permutation(given.count))
        shuffled = given[order]
        held_out = given.count // 4
        self._fitting, self._held_out = shuffled[held_out:], shuffled[:held_out]
        if not (self._fitting.varies() and self._held_out.varies()):
            raise InputError("inputs: hold NaN, infinity or do not vary; give finite inputs that vary")
        self._inputs = InputReconstruction.sketched(shuffled.target, held_out)
        self.layers = tuple(layers)
        self._pooled_features = at_least("pooled_features", pooled_features, 1)
        self._rows = rows
        self._batch = _BATCH if batch_size is None else at_least("batch_size", batch_size, 1)
        if self._batch > _LARGEST_BATCH:
            raise InputError(f"batch_size: {quoted(batch_size)} is not accepted; give at most {_LARGEST_BATCH:,}")
        self._filled = batch_size is not None
        self.digest = shuffled.digest()
        self.widths: dict[str, str] = {}

    def losses(self, network: nn.Module) -> dict[str, FloatArray]:
        """(G,) losses of each layer on G groups of held-out inputs, in units of L / tr Sigma; their mean is the loss.

        Args:
            network: any module, on any device; it is left as it was (see ``undisturbed``).

        Raises:
            InputError: a layer that cannot be captured, NaN or infinity in the activations (the layer is named).
        """
        own = bare(network)
        device, dtype = device_and_type(own)
        reader = LayerReader(own, self.layers, self._rows, self._pooled_features, torch.float32)
        seen: dict[str, list[Tensor]] = {layer: [] for layer in self.layers}
        with undisturbed(own), torch.autocast(device.type, enabled=False):
            measure_statistics(own, self._calibration(device, dtype))
            for inputs in (self._held_out, self._fitting):
                for activations in self._captured(own, reader, inputs):
                    for layer, rows in activations.items():
                        seen[layer].append(rows)
            self.widths = reader.widths
            return {layer: self._scored(layer, torch.cat(rows)) for layer, rows in seen.items()}

    def _calibration(self, device: torch.device, dtype: torch.dtype) -> Iterator[Inputs]:
        """Batches for the statistics of batch normalisation; whole ones, as every one counts the same."""
        first = self._fitting[: max(_CALIBRATION_INPUTS // self._batch, 1) * self._batch]
        for number, (part, count) in enumerate(first.batches(self._batch, self._filled)):
            if number == 0 or not self._filled or count == self._batch:
                yield part.to(device, dtype)

    def _captured(self, network: nn.Module, reader: LayerReader, inputs: ProbeInputs) -> Iterator[dict[str, Tensor]]:
        """Activations of all layers, by batches, of the inputs that count."""
        device, dtype = device_and_type(network)
        parts = list(inputs.batches(self._batch, self._filled))
        pairs = (
            (part.to(device, dtype), torch.zeros(part.count, dtype=torch.int64, device="cpu")) for part, _ in parts
        )
        for (_, count), captured in zip(parts, read_inside(network, reader, pairs), strict=True):
            yield {layer: rows[:count] for layer, rows in captured.activations.items()}

    def _scored(self, layer: str, activations: Tensor) -> FloatArray:
        """(G,) losses of the decoder that cross-validation chooses, in groups of about the same size."""
        try:
            errors = self._inputs.relative_errors(activations)
        except InputError as error:
            raise InputError(f"layers: {quoted(layer)}: {error}") from None
        groups = min(_GROUPS, errors.size)
        sums = np.array([part.sum() for part in np.array_split(errors, groups)])
        return np.asarray(sums * (groups / errors.size), dtype=np.float64)
