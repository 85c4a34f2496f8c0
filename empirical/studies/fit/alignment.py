"""Decides whether a fit resolves that prototypes are aligned (A3), on which all claims about phases rest."""

from __future__ import annotations

from enum import Enum

import numpy as np

from empirical.studies.boundary_prediction import Prediction
from empirical.studies.fit.summary import FitSummary


class Alignment(Enum):
    """Whether R2 > R0, by the 95 % interval of their ratio."""

    HOLDS = "holds"
    FAILS = "fails"
    NOT_RESOLVED = "not resolved"

    @classmethod
    def from_fit(cls, fit: FitSummary) -> Alignment:
        """The verdict of a fit on A3: not resolved where the interval of R2 / R0 contains 1, or classes barely differ.

        Noise alone makes class means that point along high-variance directions, so that R2 > R0 says nothing where
        the variance between classes is not beyond zero.
        """
        ratio, separation = fit.alignment, fit.class_separation
        if not np.isfinite(ratio.standard_error) or 1.0 in ratio or not separation.low > 0:
            return cls.NOT_RESOLVED
        return cls.HOLDS if ratio.value > 1 else cls.FAILS

    def regime_name(self, one: Prediction) -> str:
        """The regime of a predicted curve, where the data resolve whether prototypes are aligned."""
        return self.value if self is Alignment.NOT_RESOLVED else one.boundaries.regime.value

    def boundary_times(self, one: Prediction) -> tuple[float | None, float | None, float | None]:
        """End of phase I, turning point and return of a predicted curve; None where one is missing or not resolved."""
        if self is Alignment.NOT_RESOLVED:
            return None, None, None
        found = one.boundaries
        return found.fraction_point, found.turning_point, found.return_time
