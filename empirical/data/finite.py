"""Whether a tensor holds numbers alone, from one sum over it."""

from __future__ import annotations

import torch
from torch import Tensor


def all_finite(tensor: Tensor) -> bool:
    """Whether a tensor of any shape and type holds neither NaN nor infinity.

    Either makes the sum NaN or infinite. Finite numbers may do so too, where their sum leaves the range of the type:
    only then is each looked at.
    """
    return bool(torch.isfinite(tensor.sum())) or bool(torch.isfinite(tensor).all())
