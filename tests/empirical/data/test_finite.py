"""One sum finds what is not finite, and nothing else."""

from __future__ import annotations

import pytest
import torch

from empirical.data.finite import all_finite


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_one_nan_or_infinity_anywhere_is_found(kind: torch.dtype) -> None:
    for bad in ([torch.nan], [torch.inf], [-torch.inf], [torch.inf, -torch.inf]):
        rows = torch.ones(7, 11, dtype=kind)
        rows.view(-1)[30 : 30 + len(bad)] = torch.tensor(bad, dtype=kind)
        assert not all_finite(rows)
    assert all_finite(torch.ones(7, 11, dtype=kind))


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_finite_numbers_whose_sum_is_out_of_range_are_finite(kind: torch.dtype) -> None:
    rows = torch.full((8,), torch.finfo(kind).max, dtype=kind)
    assert not torch.isfinite(rows.sum())
    assert all_finite(rows)


def test_whole_numbers_and_no_numbers_are_finite() -> None:
    assert all_finite(torch.full((3,), 2**62))
    assert all_finite(torch.ones(3, dtype=torch.bool))
    assert all_finite(torch.empty(0, 3))
