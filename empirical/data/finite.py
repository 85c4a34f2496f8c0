"""Whether a tensor holds numbers alone, from one sum over it.

Weights and activations are checked at every checkpoint. A sum reads them once and makes no copy, where an elementwise
test makes a tensor of truth values as long as they are.
"""

from __future__ import annotations

import torch
from torch import Tensor


def all_finite(tensor: Tensor) -> bool:
    """Whether a tensor holds neither NaN nor infinity.

    Either makes the sum NaN or infinite. Finite numbers may do so too, where their sum leaves the range of the type:
    only then is each looked at.

    Args:
        tensor: of any shape, empty too, and of any type of real numbers, on any device.

    Returns:
        True for an empty tensor, and for integers and truth values.
    """
    return bool(torch.isfinite(tensor.sum())) or bool(torch.isfinite(tensor).all())
