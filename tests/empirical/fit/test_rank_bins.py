from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from empirical.fit.rank_bins import FEWEST_BINS, SHORTEST_SPAN, best_range, candidate_ranges, rank_bins


@given(st.integers(1, 5000))
def test_bins_hold_every_rank_once_and_grow_with_rank(count: int) -> None:
    bins = rank_bins(count)
    assert bins.starts[0] == 0
    assert bins.sizes.sum() == count
    assert bins.sizes.min() >= 1
    assert bins.last_rank(bins.starts.size - 1) == count
    # The last bin may be cut.
    assert np.all(np.diff(bins.sizes[:-1]) >= -1)
    np.testing.assert_allclose(bins.means(bins.ranks) @ bins.sizes, count * (count + 1) / 2)


@given(st.integers(20, 2000), st.integers(5, 2000))
def test_candidates_are_runs_that_end_in_time_and_are_long_enough(count: int, last: int) -> None:
    bins = rank_bins(count)
    masks = candidate_ranges(bins, min(last, count))
    for mask in masks:
        inside = np.flatnonzero(mask)
        assert inside.size >= FEWEST_BINS
        assert np.all(np.diff(inside) == 1)
        assert bins.last_rank(inside[-1]) <= last
        assert bins.last_rank(inside[-1]) >= SHORTEST_SPAN * (bins.starts[inside[0]] + 1)
    assert len({tuple(mask) for mask in masks}) == len(masks)
    lengths = masks.sum(axis=1)
    assert np.all(np.diff(lengths) <= 0)


def test_the_rule_leaves_out_what_costs_more_than_its_penalty() -> None:
    bins = rank_bins(100)
    masks = candidate_ranges(bins, 100)
    residuals = np.zeros_like(masks)
    assert best_range(masks, residuals) == 0
    residuals[:, :2] = 3.9
    assert masks[best_range(masks, residuals)].all()
    residuals[:, :2] = 4.1
    assert not masks[best_range(masks, residuals), :2].any()
    # A range without a fit is never chosen.
    residuals[:] = 0
    residuals[0] = np.nan
    assert best_range(masks, residuals) != 0


def test_too_few_ranks_have_no_candidates() -> None:
    assert candidate_ranges(rank_bins(3), 3).shape[0] == 0
    assert candidate_ranges(rank_bins(100), 0).shape[0] == 0
