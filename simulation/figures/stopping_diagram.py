"""The figure of the phase diagram of transfer: where training on a source should stop, by target and initial scale.

Regions are derived; points are trained networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from simulation.experiments.transfer_diagram import TransferPoint
from theory import Stopping
from theory.curves.transfer_diagram import TransferColumn

#: Verdicts in the order of their colours (Okabe and Ito 2008), light for regions and dark for points.
VERDICTS = (Stopping.GO_ON, Stopping.LATER, Stopping.TURNING_POINT, Stopping.BEFORE_TRAINING)
LIGHT = ("#D3EEE4", "#FBE6CF", "#CDE5F5", "#E8E8E8")
DARK = ("#009E73", "#D55E00", "#0072B2", "#555555")
MARKERS = ("^", "s", "o", "d")

#: Scaled initialisations of the figure.
_SCALES = (1e-2, 1e2)


def draw_stopping_diagram(
    columns: Sequence[TransferColumn], small_scale: tuple[float, float], points: Sequence[TransferPoint], path: Path
) -> None:
    """Draw derived verdicts as regions, their borders as dots and trained networks as markers.

    The ending of ``path`` decides the format.

    Args:
        columns: verdicts at ascending alignments, at least two.
        small_scale: alignments of the two borders in the limit of small sigma0.
        points: verdicts of trained networks.
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
        cmap=ListedColormap(LIGHT),
        vmin=-0.5,
        vmax=len(LIGHT) - 0.5,
        shading="nearest",
        rasterized=True,
    )
    border = np.array([[one.scaled, column.alignment] for column in columns for one in column.borders]).reshape(-1, 2)
    axes.plot(border[:, 0], border[:, 1], ".", color="black", markersize=3, label="derived border, by root finding")
    for number, alignment in enumerate(small_scale):
        axes.axhline(
            alignment,
            color="black",
            linestyle="--",
            linewidth=1,
            label="border in the limit of small initial weights" if number == 0 else None,
        )
    for verdict, colour, marker in zip(VERDICTS, DARK, MARKERS, strict=True):
        own = [point for point in points if point.measured is verdict]
        axes.plot(
            [point.scaled for point in own],
            [point.alignment for point in own],
            linestyle="none",
            marker=marker,
            markersize=6,
            color=colour,
            markeredgecolor="white",
            markeredgewidth=0.6,
            label=f"trained: {verdict.value}",
        )
    axes.set(xscale="log", yscale="log", xlim=_SCALES, ylim=(alignments[0], alignments[-1]))
    axes.set_xlabel(r"initialisation scale $\lambda_1 s_1$")
    axes.set_ylabel("mean eigenvalue of the shared signal,\nover that of the outputs' variance")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.set_minor_formatter(lambda *_: "")
    axes.set_yticks([tick for tick in (0.2, 0.3, 0.5, 0.7, 1.0, 1.4, 2.0) if alignments[0] <= tick <= alignments[-1]])
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    figure.savefig(path, dpi=150)
