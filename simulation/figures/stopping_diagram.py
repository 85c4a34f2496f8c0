"""The figure of the phase diagram of transfer: where training on a source should stop, by target and initial scale."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from theory import Stopping
from theory.curves.transfer_diagram import TransferColumn

#: Verdicts in the order of their colours (Okabe and Ito 2008, light).
VERDICTS = (Stopping.GO_ON, Stopping.LATER, Stopping.TURNING_POINT, Stopping.BEFORE_TRAINING)
COLOURS = ("#D3EEE4", "#FBF8D0", "#CDE5F5", "#E8E8E8")

#: Scaled initialisations of the figure.
_SCALES = (1e-3, 1e2)


def draw_stopping_diagram(columns: Sequence[TransferColumn], small_scale: tuple[float, float], path: Path) -> None:
    """Draw the verdicts as regions and their borders as dots; the ending of ``path`` decides the format.

    Args:
        columns: verdicts at ascending alignments, at least two.
        small_scale: alignments of the two borders in the limit of small sigma0.
        path: of the figure.
    """
    scaled = np.geomspace(*_SCALES, 300)
    alignments = np.array([column.alignment for column in columns])
    regions = np.array([[VERDICTS.index(column.at(float(one))) for one in scaled] for column in columns])
    figure = Figure(figsize=(7.2, 4.8), layout="constrained")
    axes = figure.subplots()
    axes.pcolormesh(
        scaled,
        alignments,
        regions,
        cmap=ListedColormap(COLOURS),
        vmin=-0.5,
        vmax=len(COLOURS) - 0.5,
        shading="nearest",
        rasterized=True,
    )
    border = np.array([[one.scaled, column.alignment] for column in columns for one in column.borders]).reshape(-1, 2)
    axes.plot(border[:, 0], border[:, 1], ".", color="black", markersize=4, label="derived border, by root finding")
    for number, alignment in enumerate(small_scale):
        axes.axhline(
            alignment,
            color="black",
            linestyle="--",
            linewidth=1,
            label="border in the limit of small initial weights" if number == 0 else None,
        )
    axes.set(xscale="log", yscale="log", xlim=_SCALES, ylim=(alignments[0], alignments[-1]))
    axes.set_xlabel(r"initialisation scale $\lambda_1 s_1$")
    axes.set_ylabel("mean eigenvalue of the shared signal,\nover that of the outputs' variance")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.set_minor_formatter(lambda *_: "")
    axes.set_yticks([tick for tick in (0.2, 0.3, 0.5, 0.7, 1.0, 1.4, 2.0) if alignments[0] <= tick <= alignments[-1]])
    shown = [Patch(color=COLOURS[number], label=VERDICTS[number].value) for number in np.unique(regions)]
    handles, _ = axes.get_legend_handles_labels()
    figure.legend(handles=[*shown, *handles], loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    figure.savefig(path, dpi=150)
