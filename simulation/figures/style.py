"""Style shared by the figures: colours, shaded phases, the axis of training steps and spaced markers."""

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

#: Title of legends of trained layers: the decoder reads the outputs; the other decoder reads centred outputs P W x.
DECODER = "linear decoder of the outputs W x as they are"


def shade_phases(axes: Axes, derived: Boundaries, step_size: float, last: float) -> None:
    """Shade the three phases between the derived boundaries and name them along the top.

    Args:
        axes: to draw on.
        derived: boundaries in time; nothing is drawn where the end of phase I or II is missing.
        step_size: eta, which turns times into steps.
        last: last step of the axis.
    """
    if derived.fraction_point is None or derived.turning_point is None:
        return
    names = RISING_START if derived.regime.begins_with_rise else PHASE_NAMES
    shade_between(axes, (0.0, derived.fraction_point / step_size, derived.turning_point / step_size, last), names)


def shade_between(axes: Axes, edges: tuple[float, float, float, float], names: tuple[str, str, str]) -> None:
    """Shade three phases between their edges in steps and name them along the top.

    Args:
        axes: to draw on.
        edges: first step, the two boundaries and last step, in steps.
        names: of the three phases.
    """
    for colour, name, (left, right) in zip(PHASES, names, pairwise(edges), strict=True):
        axes.axvspan(left, right, color=colour, linewidth=0, zorder=0)
        middle = np.sqrt(max(left, 0.3) * right)
        axes.text(middle, 0.97, name, transform=axes.get_xaxis_transform(), ha="center", va="top", fontsize=8)


def step_axis(axes: Axes, last: float) -> None:
    """Set up x for steps from 0 to ``last``: logarithmic, but linear up to the first step, so that step 0 is shown."""
    axes.set_xscale("symlog", linthresh=1, linscale=0.35)
    axes.set_xlim(0, last)


def spaced(steps: FloatArray) -> FloatArray:
    """Indices of markers that do not overlap: at most about eight per decade."""
    gaps = np.floor(8 * np.log10(np.maximum(steps, 0.5)))
    return np.asarray(np.flatnonzero(np.diff(gaps, prepend=-np.inf) > 0))
