"""Sums of products of rows, in the memory of a few of them and with the digits that float32 can give.

Rows are moved near mean zero, multiplied in float32 (in float64 where they have it) and added up in float64.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from empirical.moments.float_precision import exact_device
from theory import InputError
from theory.validation import FloatArray

# Rows multiplied at once and columns of a panel of the result: their float32 copies are all that a batch
# adds to the memory of the sums, and the float32 products are sums of no more rows than this.
_ROWS, _PANEL = 4096, 1024

#: Numbers up to this size are accepted: (2 LARGEST)^2 summed over _ROWS stays in float32.
LARGEST = 1e17


def check_rows(name: str, rows: Tensor, shift: Tensor | None) -> None:
    """Refuse rows that are not finite real numbers of bounded size, or of another width than before.

    Args:
        name: of the rows, for the error.
        rows: should be (n, features).
        shift: (features,) of earlier rows; None before the first.

    Raises:
        InputError: for each of these.
    """
    if rows.ndim != 2 or rows.numel() == 0 or rows.is_complex():
        raise InputError(f"{name}: have shape {tuple(rows.shape)}, type {rows.dtype}; give real numbers (n, features)")
    if shift is not None and rows.shape[1] != shift.numel():
        raise InputError(f"{name}: have shape {tuple(rows.shape)}; give {shift.numel()} columns as before")
    # Both ends are NaN where any number is.
    smallest, largest = (float(end) for end in torch.aminmax(rows))
    if not (np.isfinite(smallest) and np.isfinite(largest)):
        bad = int((~torch.isfinite(rows)).sum())
        raise InputError(f"{name}: hold {bad} NaN or infinite entries; give finite numbers")
    if max(-smallest, largest) > LARGEST:
        raise InputError(f"{name}: reach {max(-smallest, largest):.3g}; give numbers of at most {LARGEST:g}")


def in_chunks(rows: Tensor) -> tuple[Tensor, ...]:
    """Cut ``rows`` into parts that are multiplied at once."""
    return torch.split(rows, _ROWS)


def zeros(shape: tuple[int, ...], device: torch.device) -> Tensor:
    """Sums to be filled, on ``device`` unless that has no float64."""
    return torch.zeros(shape, dtype=torch.float64, device=exact_device(device))


def shift_from(rows: Tensor) -> Tensor:
    """(p,) about the mean of the first rows, as numbers that are the same in float32 and float64."""
    return shifted(rows[:_ROWS], None).mean(dim=0).float().cpu().double()


def shifted(rows: Tensor, shift: Tensor | None) -> Tensor:
    """``rows`` less ``shift``, in float32 or, if they have it, in float64."""
    exact = rows.to(torch.promote_types(rows.dtype, torch.float32))
    return exact if shift is None else exact - shift.to(exact)


def add_scatter(sums: Tensor, rows: Tensor) -> None:
    """Add rows^T rows to the panels of ``sums`` on and above the diagonal, at half the operations."""
    for start in range(0, rows.shape[1], _PANEL):
        panel = slice(start, start + _PANEL)
        sums[panel, start:].add_((rows[:, panel].T @ rows[:, start:]).to(sums.device))


def add_product(sums: Tensor, left: Tensor, right: Tensor) -> None:
    """Add left^T right to ``sums`` in place, by panels that bound the memory of the product.

    Args:
        sums: (p, q).
        left: (n, p).
        right: (n, q).
    """
    for start in range(0, left.shape[1], _PANEL):
        panel = slice(start, start + _PANEL)
        sums[panel].add_((left[:, panel].T @ right).to(sums.device))


def covariance_of(scatter: Tensor, count: int, offset: FloatArray) -> FloatArray:
    """(p, p) symmetric covariance from sums of products of shifted rows.

    Args:
        scatter: (p, p) sums of products, of which the upper panels are read.
        count: number of rows n.
        offset: (p,) mean of the shifted rows.
    """
    covariance = scatter.cpu().numpy() / count
    for start in range(0, offset.size, _PANEL):
        end = start + _PANEL
        upper = covariance[start:end, start:]
        upper -= np.outer(offset[start:end], offset[start:])
        corner = upper[:, :_PANEL]
        corner[:] = (corner + corner.T) / 2
        covariance[end:, start:end] = upper[:, _PANEL:].T
    return np.asarray(covariance, dtype=np.float64)
