"""The figure of the diagram of transfer: derived regions and borders, trained networks as points."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullFormatter, StrMethodFormatter

from simulation.experiments.transfer_diagram import TransferGrid, TransferPoint
from theory import Stopping, TransferColumn, transfer_diagram
from theory.curves.transfer_diagram import small_scale_borders

#: Verdicts in the order of their colours (Okabe and Ito 2008), light for regions and dark for points.
_VERDICTS = (Stopping.TURNING_POINT, Stopping.LATER, Stopping.GO_ON, Stopping.BEFORE_TRAINING)
_LIGHT = ("#CDE5F5", "#FBE6CF", "#E8E8E8", "#F3DCEA")
_DARK = ("#0072B2", "#D55E00", "#555555", "#CC79A7")
_MARKERS = ("o", "s", "^", "d")

#: Columns of the regions, and scales at which each is drawn.
_COLUMNS, _SCALES = 60, 160


def draw_transfer_diagram(grid: TransferGrid, points: Sequence[TransferPoint], path: Path) -> None:
    """Draw the regions between the outermost points, their borders by root finding, and the points on top.

    Args:
        grid: where networks were trained.
        points: what they showed.
        path: of the figure; its ending decides the format.
    """
    network = grid.network
    scaled = np.geomspace(grid.scaled[0] * 0.9, grid.scaled[-1] * 1.1, _SCALES)
    alignments = np.geomspace(grid.alignments[0] * 0.97, grid.alignments[-1] * 1.03, _COLUMNS)
    columns = transfer_diagram(network, alignments, grid.resolution)
    regions = np.array([[_VERDICTS.index(column.at(float(one))) for one in scaled] for column in columns])
    figure = Figure(figsize=(7.2, 5.2), layout="constrained")
    axes = figure.subplots()
    # As an image also in a PDF, where thin lines would show between the cells.
    axes.pcolormesh(
        scaled,
        alignments,
        regions,
        cmap=ListedColormap(_LIGHT),
        vmin=-0.5,
        vmax=len(_LIGHT) - 0.5,
        shading="nearest",
        rasterized=True,
    )
    axes.plot(
        *_border_places(columns),
        ".",
        markersize=3,
        color="black",
        label=f"borders, by root finding ($R_T$ to {grid.resolution:g})",
    )
    for border in small_scale_borders(network):
        axes.axhline(border, color="black", linestyle=":", linewidth=1)
    axes.plot(
        [], [], ":", color="black", linewidth=1, label=r"borders for $\sigma_0 \to 0$ and exact $R_T$, in closed form"
    )
    for number, verdict in enumerate(_VERDICTS):
        own = [point for point in points if point.measured is verdict]
        axes.plot(
            [point.scaled for point in own],
            [point.alignment for point in own],
            linestyle="none",
            marker=_MARKERS[number],
            markersize=6,
            color=_DARK[number],
            markeredgecolor="white",
            markeredgewidth=0.6,
            label=f"trained: {verdict.value}",
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(scaled[0], scaled[-1])
    axes.set_ylim(alignments[0], alignments[-1])
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_major_locator(FixedLocator([0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0]))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(r"initialisation scale $\lambda_1 s_1$")
    axes.set_ylabel(
        "alignment of the signal that source and target share\n"
        r"$\langle\lambda\rangle_{\delta t}\,/\,\langle\lambda\rangle_{\lambda\delta^2}$"
    )
    axes.set_title("where the layer serves the target best: regions derived, points trained", fontsize=10)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    figure.savefig(path, dpi=150)


def _border_places(columns: Sequence[TransferColumn]) -> tuple[list[float], list[float]]:
    """Scales and alignments of all borders."""
    places = [(border.scaled, column.alignment) for column in columns for border in column.borders]
    return [scaled for scaled, _ in places], [alignment for _, alignment in places]
