"""Style shared by the figures: colours, shaded phases, half of the fall, the axis of steps and spaced markers."""

from __future__ import annotations

import textwrap
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes

from theory import Boundaries
from theory.validation import FloatArray

# Colours of Okabe and Ito (2008), distinguishable with any colour vision.
DERIVED = "#0072B2"
LINEARISED = "#009E73"
TRAINED = "#D55E00"

#: Of the phases I (near-constant), II (decreasing) and III (increasing), and their names along the top.
PHASES = ("#E8E8E8", "#CDE5F5", "#FBE6CF")
PHASE_NAMES = ("I", "II", "III")

#: Of a curve that rises first, which has none of the three phases.
RISE_DIP_RISE = ("#F3DCEA", "#D3EEE4", "#E6DDF3")
RISING_START = ("rise", "dip", "rise")

#: In legends: the shading of the three phases, and the marker of half of the fall.
HALF_OF_THE_FALL = "half of the fall"
SHADING = "shaded: I near-constant (up to a tenth of the fall), II decreasing, III increasing"

# Characters in a line.
_REASON_LENGTH = 32

#: Title of legends of trained layers: the decoder reads the outputs; the other decoder reads centred outputs P W x.
DECODER = "linear decoder of the outputs W x as they are"


def shade_phases(axes: Axes, derived: Boundaries, step_size: float, last: float) -> None:
    """Shade the three phases between the derived boundaries and name them along the top.

    Phase I ends where the curve is no longer near-constant: at a tenth of its fall. A curve without phases is not
    shaded; why it has none is written along the top instead.

    Args:
        axes: to draw on.
        derived: boundaries in time.
        step_size: eta, which turns times into steps.
        last: last step of the axis.
    """
    first, second = derived.near_constant_end, derived.turning_point
    if first is None or second is None:
        name_unshaded(axes, derived.reason("turning_point") or derived.regime.value)
        return
    edges = (0.0, first / step_size, second / step_size, last)
    if derived.regime.begins_with_rise:
        shade_between(axes, edges, RISING_START, RISE_DIP_RISE)
    else:
        shade_between(axes, edges)


def shade_between(
    axes: Axes,
    edges: tuple[float, float, float, float],
    names: tuple[str, str, str] = PHASE_NAMES,
    colours: tuple[str, str, str] = PHASES,
) -> None:
    """Shade three stretches between their edges in steps and name them along the top.

    Args:
        axes: to draw on.
        edges: first step, the two boundaries and last step, in steps.
        names: of the three stretches.
        colours: of the three stretches.
    """
    for colour, name, (left, right) in zip(colours, names, pairwise(edges), strict=True):
        axes.axvspan(left, right, color=colour, linewidth=0, zorder=0)
        middle = np.sqrt(max(left, 0.3) * right)
        axes.text(
            middle,
            0.97,
            name,
            transform=axes.get_xaxis_transform(),
            ha="center",
            va="top",
            fontsize=8,
            # Hides a line of the plot that would cross the name.
            bbox={"facecolor": colour, "edgecolor": "none", "pad": 1},
        )


def name_unshaded(axes: Axes, reason: str) -> None:
    """Say along the top why nothing is shaded, in lines that fit a panel of a third of a page."""
    text = textwrap.fill(f"not shaded: {reason}", _REASON_LENGTH)
    # Hides a line of the plot that would cross the words.
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    place = axes.transAxes
    axes.text(0.5, 0.97, text, transform=place, ha="center", va="top", fontsize=8, color="#555555", bbox=box)


def mark_half(axes: Axes, step: float, loss: float, colour: str, label: str | None = HALF_OF_THE_FALL) -> None:
    """Mark half of the fall of a curve with a hollow diamond.

    Args:
        axes: to draw on.
        step: at which half of the fall is done.
        loss: of the curve there.
        colour: of the curve.
        label: in the legend; None for no entry.
    """
    axes.plot(
        [step],
        [loss],
        linestyle="none",
        marker="D",
        markersize=6,
        markerfacecolor="white",
        markeredgecolor=colour,
        markeredgewidth=1.4,
        zorder=5,
        label=label,
    )


def draw_trained(axes: Axes, steps: FloatArray, mean: FloatArray, spread: FloatArray, draws: str = "W(0)") -> None:
    """Draw a trained curve as hollow circles in a band.

    Args:
        axes: to draw on.
        steps: (T,) of the measurements.
        mean: (T,) over the networks.
        spread: (T,) standard deviation over them, the half width of the band.
        draws: what differs between the networks, for the legend.
    """
    axes.fill_between(steps, mean - spread, mean + spread, color=TRAINED, alpha=0.15, linewidth=0)
    shown = spaced(steps)
    axes.plot(
        steps[shown],
        mean[shown],
        linestyle="none",
        marker="o",
        markersize=4,
        markerfacecolor="white",
        markeredgecolor=TRAINED,
        label=f"trained (band: spread over {draws})",
    )


def step_axis(axes: Axes, last: float) -> None:
    """Set up x for steps from 0 to ``last``: logarithmic, but linear up to the first step, so that step 0 is shown."""
    axes.set_xscale("symlog", linthresh=1, linscale=0.35)
    axes.set_xlim(0, last)


def spaced(steps: FloatArray) -> FloatArray:
    """Indices of markers that do not overlap: at most about eight per decade."""
    gaps = np.floor(8 * np.log10(np.maximum(steps, 0.5)))
    return np.asarray(np.flatnonzero(np.diff(gaps, prepend=-np.inf) > 0))
