"""What the figures share: colours, shaded phases and spaced markers."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes

from theory import Boundaries
from theory.validation import FloatArray

# Colours of Okabe and Ito (2008), distinguishable with any colour vision.
DERIVED = "#0072B2"
LINEARISED = "#009E73"
TRAINED = "#D55E00"
PHASES = ("#E8E8E8", "#CDE5F5", "#FBE6CF")
PHASE_NAMES = ("I", "II", "III")
RISING_START = ("rise", "dip", "rise")

#: What the decoder of all curves of trained layers reads, over their legends; the other is of centred outputs P W x.
DECODER = "linear decoder of the outputs W x as they are"


def shade_phases(axes: Axes, derived: Boundaries, step_size: float, last: float) -> None:
    """The three phases between the derived boundaries, named along the top."""
    if derived.fraction_point is None or derived.turning_point is None:
        return
    names = RISING_START if derived.regime.begins_with_rise else PHASE_NAMES
    shade_between(axes, (0.0, derived.fraction_point / step_size, derived.turning_point / step_size, last), names)


def shade_between(axes: Axes, edges: tuple[float, float, float, float], names: tuple[str, str, str]) -> None:
    """Three phases between their edges in steps, named along the top."""
    for colour, name, (left, right) in zip(PHASES, names, pairwise(edges), strict=True):
        axes.axvspan(left, right, color=colour, linewidth=0, zorder=0)
        middle = np.sqrt(max(left, 0.3) * right)
        axes.text(middle, 0.97, name, transform=axes.get_xaxis_transform(), ha="center", va="top", fontsize=8)


def spaced(steps: FloatArray) -> FloatArray:
    """Indices of markers that do not overlap: at most about eight per decade."""
    gaps = np.floor(8 * np.log10(np.maximum(steps, 0.5)))
    return np.asarray(np.flatnonzero(np.diff(gaps, prepend=-np.inf) > 0))
