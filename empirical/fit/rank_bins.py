"""Log-spaced bins of ranks and the rule that chooses the range over which a power law is fitted.

A power law is fitted to bins, so that the many last ranks do not decide. Of all runs of bins that are
long enough, the rule takes the one with the smallest

    sum over bins inside (residual / tolerated deviation)^2 + PENALTY * number of bins outside,

the law being fitted to the bins inside: a bin is left out only where that saves more than the penalty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory.validation import FloatArray, IntArray, at_least

#: Bins in a tenfold of ranks; the first ranks have a bin each.
PER_DECADE = 8

#: Relative deviation from a power law that a bin may have, in addition to its sampling error.
TOLERANCE = 0.1

#: What leaving a bin out costs: a bin that lies two tolerances off is worth it.
PENALTY = 4.0

#: The shortest range that the rule chooses has this many bins and spans this factor in rank.
FEWEST_BINS, SHORTEST_SPAN = 5, 3.0

#: The fewest bins of a range that is fixed in advance.
FEWEST_FIXED_BINS = 3


@dataclass(frozen=True, eq=False)
class RankBins:
    """Bins of the ranks 1 .. r.

    Attributes:
        starts: (B,) index of each bin's first rank, from 0 on.
        count: r.
    """

    starts: IntArray
    count: int

    @property
    def sizes(self) -> IntArray:
        """(B,) number of ranks in each bin."""
        return np.diff(self.starts, append=self.count)

    @property
    def ranks(self) -> FloatArray:
        """(r,) ranks from 1 on."""
        return np.arange(1, self.count + 1, dtype=np.float64)

    def means(self, values: FloatArray) -> FloatArray:
        """(..., B) means over each bin of values (..., r)."""
        return np.asarray(np.add.reduceat(values, self.starts, axis=-1) / self.sizes, dtype=np.float64)

    def last_rank(self, bin_number: int) -> int:
        """The last rank of a bin, counted from 1."""
        return int(self.starts[bin_number] + self.sizes[bin_number])

    def within(self, first: int, last: int) -> FloatArray:
        """(B,) ones for the bins that lie in the ranks first .. last, zeros elsewhere."""
        ends = self.starts + self.sizes
        return ((self.starts + 1 >= first) & (ends <= last)).astype(np.float64)


def rank_bins(count: int) -> RankBins:
    """The bins of the ranks 1 .. count.

    Their limits do not depend on ``count`` except for the last bin, which may be cut.
    """
    ranks = np.arange(1, at_least("count", count, 1) + 1)
    numbers = np.floor(PER_DECADE * np.log10(ranks) + 1e-9)
    return RankBins(np.flatnonzero(np.diff(numbers, prepend=-1.0) > 0), count)


def bins_beyond(bins: RankBins, rank: int) -> tuple[int, int] | None:
    """First and last rank, from 1 on, of the whole bins beyond a rank; None where they are fewer than three."""
    inside = np.flatnonzero(bins.within(rank + 1, bins.count))
    if inside.size < FEWEST_FIXED_BINS:
        return None
    return int(bins.starts[inside[0]]) + 1, bins.last_rank(int(inside[-1]))


def candidate_ranges(bins: RankBins, last: int) -> FloatArray:
    """(C, B) masks of all runs of bins up to rank ``last`` that are long enough; longest first, then lowest ranks.

    C is 0 where none is.
    """
    usable = int(bins.within(1, last).sum())
    first, final = np.triu_indices(usable, k=FEWEST_BINS - 1)
    ends = bins.starts + bins.sizes
    spans = ends[final] >= SHORTEST_SPAN * (bins.starts[first] + 1)
    first, final = first[spans], final[spans]
    order = np.lexsort((first, first - final))
    numbers = np.arange(bins.starts.size)
    inside = (numbers >= first[order, None]) & (numbers <= final[order, None])
    return inside.astype(np.float64)


def best_range(masks: FloatArray, squares: FloatArray) -> int:
    """Index of the candidate with the smallest penalised sum; the first of equals, that is the longest.

    Args:
        masks: (C, B) from ``candidate_ranges``.
        squares: (C, B) squared residuals in units of the tolerated deviation, of the law fitted to each candidate;
            NaN where the fit failed, which rules a candidate out.
    """
    cost = np.where(masks > 0, squares, PENALTY).sum(axis=1)
    return int(np.argmin(np.where(np.isfinite(cost), cost, np.inf)))
