"""The fixed inputs of a probe, and the real numbers that are to be reconstructed from a layer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from empirical.networks.layer_reading import Inputs, samples_in
from simulation.runs.run_folder import array_digest
from theory import InputError
from theory.validation import quoted

#: Fewest inputs of a probe: three quarters are for fitting, and one held-out input says nothing about noise.
LEAST_INPUTS = 64

#: Numbers a token is coded by, at most, and numbers of a whole sample of tokens, about.
CODE, CODES = 32, 4096

# Entries of a dictionary that accompany the input proper.
_BESIDE = ("attention_mask", "token_type_ids", "position_ids", "labels", "label", "special_tokens_mask")
_MASK = "attention_mask"
_IDS = (torch.int32, torch.int64)
_REAL = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


@dataclass(frozen=True, eq=False)
class ProbeInputs:
    """n inputs on the CPU and what is reconstructed of them.

    Attributes:
        given: a tensor (n, ...), or several by name, real ones as float32.
        target: (n, D) float32.
    """

    given: Inputs
    target: Tensor

    @property
    def count(self) -> int:
        """The number of inputs n."""
        return int(self.target.shape[0])

    def __getitem__(self, chosen: Any) -> ProbeInputs:
        """Some of the inputs."""
        if isinstance(self.given, Tensor):
            return ProbeInputs(self.given[chosen], self.target[chosen])
        given = {name: one[chosen] if isinstance(one, Tensor) else one for name, one in self.given.items()}
        return ProbeInputs(given, self.target[chosen])

    def batches(self, size: int, filled: bool) -> Iterator[tuple[ProbeInputs, int]]:
        """Parts of ``size`` inputs, and how many of each count.

        Args:
            size: at least 1.
            filled: whether the last part is filled up with the first inputs again, for a network that takes batches of
                one size alone.
        """
        for start in range(0, self.count, size):
            own = np.arange(start, min(start + size, self.count))
            count = own.size
            if filled and count < size:
                own = np.concatenate([own, np.arange(size - count) % self.count])
            yield self[slice(start, start + count) if own.size == count else torch.from_numpy(own)], count

    def to(self, device: torch.device, dtype: torch.dtype) -> Inputs:
        """As the network takes them: real numbers in its type, all others as they are."""
        if isinstance(self.given, Tensor):
            return _cast(self.given, device, dtype)
        return {name: _cast(one, device, dtype) if isinstance(one, Tensor) else one for name, one in self.given.items()}

    def varies(self) -> bool:
        """Whether not all targets are the same."""
        return bool((self.target != self.target[0]).any())

    def digest(self) -> str:
        """Digest of all inputs and the target."""
        if isinstance(self.given, Tensor):
            if self.given.is_floating_point() and self.target.numel() == self.given.numel():
                return array_digest(self.given.numpy())
            return array_digest(self.given.numpy(), self.target.numpy())
        tensors = [one for _, one in sorted(self.given.items()) if isinstance(one, Tensor)]
        return array_digest(*(one.numpy() for one in tensors), self.target.numpy())


def probe_inputs(inputs: Any, target: Any = None) -> ProbeInputs:
    """Check the inputs of a probe and find what is reconstructed of them.

    Real numbers are reconstructed as they are. Identities of tokens (int32 or int64) are reconstructed as one-hot
    vectors, one for each position: by a code of CODE random signs for each token that occurs, fixed by the number of
    tokens alone, or by the vector itself where no more than CODE tokens occur. A linear decoder of the codes has the
    error of the vectors in expectation over the codes, and the variance too, so that the relative loss is the same up
    to the ratio of two means. Positions whose ``attention_mask`` is 0 have the code 0.

    Args:
        inputs: a tensor or array (n, ...), or a dictionary of them with one n; other entries (flags, None) are given to
            the network as they are.
        target: the entry that is reconstructed, or a tensor or array (n, ...) of real numbers that is. None takes the
            only entry that is not a mask, a type or a position of tokens.

    Raises:
        InputError: inputs of another kind, too few, not finite or without variance; no entry or several to choose from.
    """
    given = _given(inputs)
    count = samples_in(given)
    if count < LEAST_INPUTS:
        shapes = tuple(given.shape) if isinstance(given, Tensor) else f"{count} rows"
        raise InputError(f"inputs: have shape {shapes}; give at least {LEAST_INPUTS} rows")
    chosen = _target(given, target)
    mask = given.get(_MASK) if isinstance(given, Mapping) else None
    real = chosen.is_floating_point()
    numbers = chosen.flatten(1) if real else _codes(chosen, mask)
    found = ProbeInputs(given, numbers.float())
    finite = all(bool(torch.isfinite(one).all()) for one in _real_tensors(given)) and bool(
        torch.isfinite(numbers).all()
    )
    if not finite or not found.varies():
        kind = "" if real else f"have shape {tuple(chosen.shape)}, type {chosen.dtype}, and "
        raise InputError(f"inputs: {kind}hold NaN, infinity or do not vary; give finite inputs that vary")
    return found


def _given(inputs: Any) -> Inputs:
    if not isinstance(inputs, Mapping):
        return _tensor("inputs", inputs)
    given: dict[str, Any] = {}
    for name, one in inputs.items():
        if not isinstance(name, str):
            raise InputError(f"inputs: hold an entry called {quoted(name)}; give names")
        plain = one is None or isinstance(one, bool | int | float | str)
        given[name] = one if plain else _tensor(f"inputs: entry {quoted(name)}", one, beside=name in _BESIDE)
    counts = {name: one.shape[0] for name, one in given.items() if isinstance(one, Tensor)}
    if len(set(counts.values())) != 1:
        shown = ", ".join(f"{name} {count}" for name, count in counts.items()) or "no tensor"
        raise InputError(f"inputs: have {shown} rows; give tensors (n, ...) with one n")
    return given


def _tensor(name: str, value: Any, beside: bool = False) -> Tensor:
    """A copy on the CPU of what can be given to a network; real numbers as float32."""
    accepted = "give a tensor or array of real numbers (n, ...), of token identities as int64, or a dictionary of them"
    if isinstance(value, np.ndarray):
        if isinstance(value, np.ma.MaskedArray) or value.dtype.kind not in "fiub" or value.dtype.itemsize > 8:
            raise InputError(f"{name}: are an array of type {value.dtype}{_masked(value)}; {accepted}")
        if not value.dtype.isnative:
            raise InputError(
                f"{name}: are of type {value.dtype}, in the byte order of another machine; convert them "
                f"by astype({value.dtype.newbyteorder('=').str!r})"
            )
        value = torch.from_numpy(np.array(value, order="C", subok=False, ndmin=0).copy())
    if not isinstance(value, Tensor):
        raise InputError(f"{name}: {'None' if value is None else type(value).__name__} is not accepted; {accepted}")
    if value.is_meta or value.layout is not torch.strided or value.is_quantized or value.is_nested:
        kind = "on the meta device" if value.is_meta else "sparse, nested or quantised"
        raise InputError(f"{name}: are {kind}; {accepted}")
    kinds = (*_REAL, *_IDS, *((torch.bool, torch.uint8, torch.int8, torch.int16) if beside else ()))
    if value.dtype not in kinds or value.ndim < (1 if beside else 2) or value.numel() == 0:
        raise InputError(f"{name}: have shape {tuple(value.shape)}, type {value.dtype}; {accepted}")
    kept = value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
    return kept.float() if kept.is_floating_point() else kept


def _masked(array: np.ndarray[Any, Any]) -> str:
    return " with a mask" if isinstance(array, np.ma.MaskedArray) else ""


def _target(given: Inputs, target: Any) -> Tensor:
    if target is not None and not isinstance(target, str):
        own = _tensor("target", target)
        if not own.is_floating_point() or own.shape[0] != samples_in(given):
            raise InputError(
                f"target: has shape {tuple(own.shape)}, type {own.dtype}; give {samples_in(given)} rows of real numbers"
            )
        return own
    if isinstance(given, Tensor):
        if target is not None:
            raise InputError(
                f"target: {quoted(target)} names no entry of inputs that are one tensor; give None or a tensor"
            )
        return given
    entries = {name: one for name, one in given.items() if isinstance(one, Tensor) and one.ndim > 1}
    if target is None:
        candidates = [name for name in entries if name not in _BESIDE and not name.endswith("_mask")]
        if len(candidates) != 1:
            raise InputError(
                f"target: {len(candidates)} of the inputs' entries may be what is reconstructed; give one of "
                f"{', '.join(candidates or entries)}"
            )
        return entries[candidates[0]]
    if target not in entries:
        raise InputError(f"target: {quoted(target)} is no entry of the inputs; give one of {', '.join(entries)}")
    return entries[target]


def _codes(tokens: Tensor, mask: Tensor | None) -> Tensor:
    """(n, positions x size) codes of token identities: see ``probe_inputs``."""
    flat = tokens.flatten(1).long()
    vocabulary, ranks = torch.unique(flat, return_inverse=True)
    count = vocabulary.numel()
    if count <= CODE:
        table = torch.eye(count)
    else:
        size = min(CODE, max(4, CODES // flat.shape[1]))
        signs = np.random.default_rng([count, size]).choice([-1.0, 1.0], (count, size))
        table = torch.from_numpy(signs / math.sqrt(size)).float()
    codes = table[ranks]
    if mask is not None and mask.shape == tokens.shape:
        codes = codes * (mask.flatten(1) != 0).unsqueeze(2)
    return codes.flatten(1)


def _real_tensors(given: Inputs) -> list[Tensor]:
    tensors = [given] if isinstance(given, Tensor) else [one for one in given.values() if isinstance(one, Tensor)]
    return [one for one in tensors if one.is_floating_point()]


def _cast(one: Tensor, device: torch.device, dtype: torch.dtype) -> Tensor:
    return one.to(device, dtype) if one.is_floating_point() else one.to(device)
