"""Precision in which single layers are trained, so that outputs which learn nothing are not lost in rounding.

Gradient descent conserves some outputs, as the sum of softmax's: they stay at the scale of W(0), while the others
grow. However small they are, the input is reconstructed from their directions too (``theory.curves.idle_outputs``), so
weights need digits enough for both. In single precision they are lost from W(0) of about 1e-6 downwards, in units in
which the inputs have variance one.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch

from theory import InputError

#: Smallest scale of W(0) that is trained in single precision, and in double precision.
SINGLE, DOUBLE = 1e-4, 1e-13


def check_init_scale(init_scale: float) -> None:
    """Refuse a W(0) whose conserved outputs double precision loses; InputError names the smallest scale."""
    if init_scale < DOUBLE:
        raise InputError(
            f"init_scale: {init_scale:g} is not accepted, as rounding of trained weights is larger; give at least "
            f"{DOUBLE:g}"
        )


def training_dtype(init_scales: Iterable[float]) -> torch.dtype:
    """Single precision, or double where one of the scales needs it.

    Args:
        init_scales: of the networks that are trained together, each at least ``DOUBLE``.
    """
    return torch.float32 if min(init_scales) >= SINGLE else torch.float64
