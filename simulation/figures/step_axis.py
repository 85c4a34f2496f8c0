"""The axis of training steps that all figures share."""

from __future__ import annotations

from matplotlib.axes import Axes


def step_axis(axes: Axes, last: float) -> None:
    """Set up x for steps from 0 to ``last``: logarithmic, but linear up to the first step, so that step 0 is shown."""
    axes.set_xscale("symlog", linthresh=1, linscale=0.35)
    axes.set_xlim(0, last)
