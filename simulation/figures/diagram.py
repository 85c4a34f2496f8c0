"""The figure of the phase diagram: derived regions and borders, simulated networks as points."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from simulation.experiments.diagram import SAMPLES_A_DIRECTION, DiagramPoint, agreement, saturation_steps
from simulation.runs.run_folder import software_versions
from simulation.training.training import check_weights
from theory import InputError, Regime
from theory.curves.phase_diagram import (
    Border,
    ScaleFamily,
    alignment_range,
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
from theory.data.memory_limit import array_bytes, check_memory
from theory.validation import FloatArray, at_least, positive

#: Training steps of a point, at most: more than this takes the 225 points half a day.
MOST_STEPS = 100_000

# Initialisation scales, which train together.
_SCALES = 15

# Arrays of the size of the samples that are held at once while they are given exact moments.
_SAMPLE_COPIES = 4

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


@dataclass(frozen=True, eq=False)
class DiagramGrid:
    """Where networks are trained: spectrum (d,), scales (X,), alignments (Y,), and the smallest move that counts."""

    eigenvalues: FloatArray
    scaled: FloatArray
    alignments: FloatArray
    resolution: float


def diagram_grid(dimension: int, alpha: float, replicas: int = 1) -> DiagramGrid:
    """Fifteen scales from 0.003 to 30 by fifteen alignments, from a misaligned to an aligned signal.

    Raises:
        InputError: replicas or samples that do not fit in memory; a dimension below 8; an exponent that is not
            positive, or with which the last mode takes more than MOST_STEPS to saturate.
    """
    check_weights(_SCALES * at_least("replicas", replicas, 1), 1, at_least("dimension", dimension, 8))
    samples = array_bytes((SAMPLES_A_DIRECTION * dimension, dimension))
    check_memory("dimension", _SAMPLE_COPIES * samples, "give a smaller one")
    if positive("alpha", alpha) * np.log(dimension) > np.log(MOST_STEPS / saturation_steps(1.0)):
        raise InputError(
            f"alpha: at {alpha:g} the last of {dimension} modes takes more than {MOST_STEPS:,} steps to saturate; give "
            f"at most {np.log(MOST_STEPS / saturation_steps(1.0)) / np.log(dimension):.2f}, or a smaller dimension"
        )
    ranks = np.arange(1, dimension + 1, dtype=np.float64)
    eigenvalues = np.asarray(ranks ** -positive("alpha", alpha), dtype=np.float64)
    lowest, highest = alignment_range(eigenvalues)
    scaled = np.geomspace(0.003, 30, _SCALES)
    alignments = np.geomspace(lowest * 1.15, min(highest / 1.15, 4.0), 15)
    # One output explains little of the variance: a twentieth of the level of a random one is resolved.
    resolution = float(0.05 * np.sum(eigenvalues**2) / eigenvalues.sum() ** 2)
    return DiagramGrid(eigenvalues, np.asarray(scaled), np.asarray(alignments), resolution)


def _point_values(point: DiagramPoint) -> dict[str, Any]:
    """A point as plain values."""
    return asdict(point) | {"predicted": point.predicted.value, "measured": point.measured.value}


def point_columns(points: list[DiagramPoint]) -> dict[str, Any]:
    """The points as columns of a table."""
    rows = [_point_values(point) for point in points]
    return {name: [row[name] for row in rows] for name in rows[0]}


def diagram_as_json(grid: DiagramGrid, points: list[DiagramPoint], replicas: int, seed: int) -> dict[str, Any]:
    """Configuration, versions, agreement and every disagreement as plain values."""
    return {
        "configuration": {
            "eigenvalues": grid.eigenvalues.tolist(),
            "resolution": grid.resolution,
            "replicas": replicas,
            "seed": seed,
        },
        "versions": software_versions(),
        "points": len(points),
        "away_from_borders": sum(not point.near_border for point in points),
        "agreement": agreement(points),
        "disagreements": [_point_values(point) for point in points if not point.agrees],
    }


def draw_diagram(grid: DiagramGrid, points: list[DiagramPoint], path: Path) -> None:
    """Regions on a fine grid between the outermost points, borders by root finding, points on top.

    The ending of ``path`` decides the format.
    """
    eigenvalues, scaled, alignments = grid.eigenvalues, grid.scaled, grid.alignments
    fine_scaled = np.geomspace(scaled[0], scaled[-1], 160)
    fine_alignments = np.geomspace(alignments[0], alignments[-1], 90)
    families = [ScaleFamily.of(network_with_alignment(eigenvalues, float(value))) for value in fine_alignments]
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
                marker="o",
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
    axes.set_xlabel(r"initialisation scale $\lambda_1 s_1$")
    axes.set_ylabel(r"alignment $R_2 / R_0$")
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    figure.savefig(path, dpi=150)


def _draw_asymptotes(
    axes: Axes, grid: DiagramGrid, families: list[ScaleFamily], alignments: FloatArray, rise: FloatArray
) -> None:
    """Thin lines: where the borders tend to for small and, if it is on the figure, for large initial weights."""
    style: dict[str, Any] = {"color": "black", "linewidth": 0.7, "alpha": 0.7}
    # The asymptote of the first rise is drawn beside its border alone.
    asymptote = np.where(np.isnan(rise), np.nan, [rise_border_asymptote(one, grid.resolution) for one in families])
    axes.plot(asymptote, alignments, "-", label="asymptotes", **style)
    axes.axhline(fall_alignment(grid.eigenvalues, grid.resolution), xmax=0.25, **style)
    late = late_fall_alignment(grid.eigenvalues, grid.resolution)
    if late >= alignments[0]:
        axes.axhline(late, xmin=0.75, **style)


def _draw_other_borders(axes: Axes, found: list[list[Border]], places: FloatArray, alignments: FloatArray) -> None:
    """Dots on the borders of all other kinds, where there are any."""
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
    """Number of the regime's colour; sequences of more moves have the last one."""
    return REGIMES.index(regime) if regime in REGIMES else len(REGIMES)
