"""Figure of the scaling laws."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from simulation.experiments.scaling_law import Parameter, Quantity, ScalingLaw

#: Okabe and Ito 2008.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
MARKERS = ("o", "s", "^", "D")

#: Labels of quantities that files call otherwise.
_NAMES = {Quantity.PHASE_ONE_END: "half of the fall (time)"}

_LABELS = {
    Parameter.INIT_SCALE: r"initial scale $\sigma_0$",
    Parameter.STEP_SIZE: r"step size $\eta$",
    Parameter.TIME: "time $s$",
}


def draw_scaling(laws: Sequence[ScalingLaw], path: Path) -> None:
    """Draw one panel per law: measured values as markers, lines of the derived slope through their middle."""
    figure = Figure(figsize=(9.0, 8.2), layout="constrained")
    for axes, quantity in zip(figure.subplots(2, 2).flat, Quantity, strict=True):
        own = [law for law in laws if law.quantity is quantity]
        for law, colour, marker in zip(own, COLOURS, MARKERS, strict=False):
            _draw_law(axes, law, colour, marker)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel(_LABELS[quantity.parameter])
        axes.set_ylabel(_NAMES.get(quantity, quantity.value))
        for scale in (axes.xaxis, axes.yaxis):
            scale.set_minor_formatter(NullFormatter())
        axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.14))
    figure.savefig(path, dpi=150)


def _draw_law(axes: Axes, law: ScalingLaw, colour: str, marker: str) -> None:
    shown = slice(None, None, max(1, law.values.size // 10))
    label = (
        rf"$\alpha$ {law.law.alpha:g}, $\beta$ {law.law.beta:g}: slope {law.slope.value:.3f} "
        f"[{law.joint.low:.3f}, {law.joint.high:.3f}], derived {law.derived:.3f} (limit {law.exponent:.3f})"
    )
    axes.errorbar(
        law.values[shown],
        law.measured[shown],
        yerr=2 * law.measured[shown] * law.relative_errors[shown],
        fmt=marker,
        color=colour,
        markersize=5,
        label=label,
    )
    middle = np.exp(np.log(law.measured).mean())
    line = middle * (law.values / np.exp(np.log(law.values).mean())) ** law.derived
    axes.plot(law.values, line, color=colour, linewidth=1)
