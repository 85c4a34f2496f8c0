"""The real numbers that are to be reconstructed of a network's inputs from one of its layers."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from empirical.data.network_inputs import MASK, Inputs
from theory import InputError
from theory.validation import quoted

#: Entries of a dictionary that accompany the input proper.
BESIDE = (MASK, "token_type_ids", "position_ids", "labels", "label", "special_tokens_mask")

#: Numbers a token is coded by, at most, and numbers of a whole sample of tokens, about.
CODE, CODES = 32, 4096


def reconstructed(inputs: Inputs, entry: str | None = None) -> Tensor:
    """What is reconstructed of inputs, as numbers (n, D).

    Real numbers are reconstructed as they are. Identities of tokens are reconstructed as one-hot vectors, one for each
    position: by a code of CODE random signs for each token that occurs, fixed by the number of tokens alone, or by the
    vector itself where no more than CODE tokens occur. A linear decoder of the codes has the error of the vectors in
    expectation over the codes, and the variance too, so that the relative loss is the same up to the ratio of two
    means. Positions whose ``attention_mask`` is 0 have the code 0.

    Args:
        inputs: of a network.
        entry: the name of the entry that is reconstructed; None takes the only one that is not a mask, a type or a
            position of tokens.

    Raises:
        InputError: no such entry, or several to choose from.
    """
    chosen = _entry(inputs, entry)
    if chosen.is_floating_point():
        return chosen.flatten(1)
    return token_codes(chosen, inputs.get(MASK) if isinstance(inputs, Mapping) else None)


def token_codes(tokens: Tensor, mask: Tensor | None) -> Tensor:
    """(n, positions x size) codes of token identities: see ``reconstructed``."""
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


def _entry(inputs: Inputs, name: str | None) -> Tensor:
    if isinstance(inputs, Tensor):
        if name is not None:
            raise InputError(
                f"reconstruct: {quoted(name)} names no entry of inputs that are one tensor; give None or a tensor"
            )
        return inputs
    entries = {own: one for own, one in inputs.items() if isinstance(one, Tensor) and one.ndim > 1}
    if name is None:
        candidates = [own for own in entries if own not in BESIDE and not own.endswith("_mask")]
        if len(candidates) != 1:
            raise InputError(
                f"reconstruct: {len(candidates)} of the inputs' entries may be what is reconstructed; give one of "
                f"{', '.join(candidates or entries)}"
            )
        return entries[candidates[0]]
    if name not in entries:
        raise InputError(f"reconstruct: {quoted(name)} is no entry of the inputs; give one of {', '.join(entries)}")
    return entries[name]
