"""The delete-a-part jackknife: the standard error of an estimate from its values without each part of the data.

Quenouille 1956; Tukey 1958; for parts of several samples Shao & Tu 1995, "The jackknife and bootstrap", section 2.3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t as student

from theory.validation import FloatArray, InputError, open_unit, real_array


def jackknife_error(replicates: ArrayLike) -> FloatArray:
    """(...) standard errors of an estimate.

    Args:
        replicates: (m, ...) the estimates without each of m parts of about equal size, m at least 2; NaN where there
            is none.

    Returns:
        sqrt((m - 1) / m times the sum of squared deviations from their mean); NaN where a replicate is.

    Raises:
        InputError: fewer than two replicates, or replicates that are no real numbers.
    """
    values = real_array("replicates", replicates)
    if values.ndim == 0 or values.shape[0] < 2:
        raise InputError("replicates: give at least two values of the estimate")
    scatter = np.square(values - values.mean(axis=0)).sum(axis=0)
    return np.asarray(np.sqrt((len(values) - 1) / len(values) * scatter), dtype=np.float64)


def errors_in_interval(parts: int, level: float = 0.95) -> float:
    """How many standard errors a two-sided interval reaches to each side: a quantile of Student's distribution.

    Args:
        parts: m, at least 2; the distribution has m - 1 degrees of freedom.
        level: probability with which the interval covers, strictly between 0 and 1.
    """
    return float(student.ppf((1 + open_unit("level", level)) / 2, parts - 1))
