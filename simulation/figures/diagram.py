"""The figure of the phase diagram: derived regions and borders, simulated networks as points."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from simulation.experiments.diagram import DiagramGrid, DiagramPoint
from theory import Regime
from theory.curves.phase_diagram import (
    Border,
    ScaleFamily,
    borders,
    dip_border,
    end_border,
    fall_alignment,
    late_fall_alignment,
    late_fall_border,
    network_with_alignment,
    regimes_at,
    rise_border,
    rise_border_asymptote,
)
from theory.validation import FloatArray

#: Regimes in the order of their colours (Okabe and Ito 2008), light for regions and dark for points; sequences of
#: more moves share the last colour.
REGIMES = (
    Regime.THREE_PHASES,
    Regime.RISE_DIP_RISE,
    Regime.MONOTONE_RISE,
    Regime.RISE_FALL,
    Regime.STILL_FALLING,
    Regime.CONSTANT,
)
NAMES = ("three phases", "rise-dip-rise", "monotone rise", "rise, then fall", "fall only", "constant", "more moves")
LIGHT = ("#CDE5F5", "#FBE6CF", "#E8E8E8", "#D3EEE4", "#FBF8D0", "#FFFFFF", "#F3DCEA")
DARK = ("#0072B2", "#D55E00", "#555555", "#009E73", "#B3A800", "#000000", "#CC79A7")

MARKERS = ("o", "s", "d", "^", "v", "*", "P")

#: Share of the diagram above which a region is named.
_SMALLEST_NAMED = 0.01


def draw_diagram(grid: DiagramGrid, points: list[DiagramPoint], path: Path) -> None:
    """Draw regions on a fine grid between the outermost points, borders by root finding and points on top.

    The ending of ``path`` decides the format.

    Args:
        grid: where networks were trained.
        points: the simulated ensembles.
        path: of the figure.
    """
    eigenvalues, scaled, alignments = grid.eigenvalues, grid.scaled, grid.alignments
    fine_scaled = np.geomspace(scaled[0], scaled[-1], 160)
    fine_alignments = np.geomspace(alignments[0], alignments[-1], 90)
    families = [
        ScaleFamily.from_network(network_with_alignment(eigenvalues, float(value))) for value in fine_alignments
    ]
    regions = np.array(
        [[_colour(regime) for regime in regimes_at(one, fine_scaled, grid.resolution)] for one in families]
    )
    figure = Figure(figsize=(7.2, 5.2), layout="constrained")
    axes = figure.subplots()
    # As an image also in a PDF, where thin lines would show between the cells.
    axes.pcolormesh(
        fine_scaled,
        fine_alignments,
        regions,
        cmap=ListedColormap(LIGHT),
        vmin=-0.5,
        vmax=len(LIGHT) - 0.5,
        shading="nearest",
        rasterized=True,
    )
    kinds = (
        (rise_border, "-", "a first rise begins"),
        (dip_border, "--", "the fall ends"),
        (end_border, ":", "the last rise ends"),
        (late_fall_border, "-.", "a late fall begins"),
    )
    found = [borders(one, grid.resolution) for one in families]
    places = np.array([[kind(own) for own in found] for kind, _, _ in kinds])
    for own_places, (_, style, name) in zip(places, kinds, strict=True):
        axes.plot(own_places, fine_alignments, style, color="black", linewidth=1.3, label=name)
    _draw_other_borders(axes, found, places, fine_alignments)
    _draw_asymptotes(axes, grid, families, fine_alignments, rise=places[0])
    for number, (name, colour) in enumerate(zip(NAMES, DARK, strict=True)):
        own = [point for point in points if _colour(point.measured) == number]
        if own:
            axes.plot(
                [point.scaled for point in own],
                [point.alignment for point in own],
                linestyle="none",
                marker=MARKERS[number],
                markersize=5,
                color=colour,
                markeredgecolor="white",
                markeredgewidth=0.6,
                label=f"trained: {name}",
            )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(scaled[0] * 0.9, scaled[-1] * 1.1)
    axes.set_ylim(alignments[0] * 0.97, alignments[-1] * 1.03)
    for scale in (axes.xaxis, axes.yaxis):
        scale.set_major_formatter(_decimal)
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 5.0, 7.0)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    _name_regions(axes, regions, fine_scaled, fine_alignments, alignments)
    axes.set_xlabel(r"initialisation scale $\lambda_1 s_1$")
    axes.set_ylabel(r"alignment $R_2 / R_0$")
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    figure.savefig(path, dpi=150)


def _decimal(value: float, _: float) -> str:
    return f"{value:g}"


def _name_regions(
    axes: Axes, regions: NDArray[np.int_], scaled: FloatArray, alignments: FloatArray, rows: FloatArray
) -> None:
    """Write the name of each regime at the point of its region that is furthest from all others."""
    for number in np.unique(regions):
        inside = np.pad(regions == number, 1)
        if inside.sum() < _SMALLEST_NAMED * regions.size:
            continue
        # A name is three times as wide as it is high.
        depth = distance_transform_edt(inside, sampling=(1.0, 0.4))[1:-1, 1:-1]
        row, column = np.unravel_index(int(np.argmax(depth)), depth.shape)
        # Between two rows of points.
        above = np.clip(np.searchsorted(rows, alignments[row]), 1, rows.size - 1)
        axes.text(
            scaled[column],
            np.sqrt(rows[above - 1] * rows[above]),
            NAMES[number],
            ha="center",
            va="center",
            fontsize=10,
            fontweight="bold",
            color=DARK[number],
        )


def _draw_asymptotes(
    axes: Axes, grid: DiagramGrid, families: list[ScaleFamily], alignments: FloatArray, rise: FloatArray
) -> None:
    """Draw the asymptotes of the borders for small and, if shown, for large initial weights as thin lines."""
    style: dict[str, Any] = {"color": "black", "linewidth": 0.7, "alpha": 0.7}
    # The asymptote of the first rise is drawn only near its border.
    asymptote = np.where(np.isnan(rise), np.nan, [rise_border_asymptote(one, grid.resolution) for one in families])
    axes.plot(asymptote, alignments, "-", label="asymptotes", **style)
    axes.axhline(fall_alignment(grid.eigenvalues, grid.resolution), xmax=0.25, **style)
    late = late_fall_alignment(grid.eigenvalues, grid.resolution)
    if late >= alignments[0]:
        axes.axhline(late, xmin=0.75, **style)


def _draw_other_borders(axes: Axes, found: list[list[Border]], places: FloatArray, alignments: FloatArray) -> None:
    """Draw dots on the borders of all other kinds."""
    others = [
        (border.scaled, alignment)
        for own, alignment, named in zip(found, alignments, places.T, strict=True)
        for border in own
        if border.scaled not in named
    ]
    if others:
        axes.plot(
            *np.array(others).T, linestyle="none", marker=".", markersize=1.5, color="black", label="other borders"
        )


def _colour(regime: Regime) -> int:
    """Number of the regime's colour; sequences of more moves have the last colour."""
    return REGIMES.index(regime) if regime in REGIMES else len(REGIMES)
