"""Figure of decoded images: the images themselves where they are known, and a row for each checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from empirical.studies.decode.decoding import DecodedImages
from simulation.figures.figure_text import figure_text


def draw_decoded(
    originals: NDArray[np.uint8] | None, names: Sequence[str], rows: Sequence[DecodedImages], path: Path
) -> None:
    """Draw images above what is decoded at each step, each with its loss, written to ``path``.

    Args:
        originals: (n, channels, height, width); None leaves them out.
        names: (n,) of their classes.
        rows: one for each checkpoint.
        path: of the figure; its ending decides the format.
    """
    columns, above = len(names), int(originals is not None)
    figure = Figure(figsize=(max(3.0, 0.8 + 0.72 * columns), 0.15 + 0.87 * (above + len(rows))), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.0)  # type: ignore[union-attr, call-arg]
    panels = figure.subplots(above + len(rows), columns, squeeze=False)
    heads = [figure_text(name) for name in names]
    if originals is not None:
        _draw_row(panels[0], "test image", originals, heads)
    for place, (own, row) in enumerate(zip(panels[above:], rows, strict=True), above):
        losses = [f"{loss:.2f}" for loss in row.image_losses]
        titles = [f"{head}\n{loss}" for head, loss in zip(heads, losses, strict=True)] if place == 0 else losses
        _draw_row(own, f"step {row.step:,}\nloss {row.loss:.3f}", row.pixels, titles)
    figure.savefig(path, dpi=200)


def _draw_row(panels: Sequence[Axes], name: str, images: NDArray[np.uint8], titles: Sequence[str]) -> None:
    """A row of images, with its name on the left and a title above each image."""
    panels[0].set_ylabel(name, fontsize=8, rotation=0, ha="right", va="center", labelpad=4)
    for axes, image, title in zip(panels, images, titles, strict=True):
        _show(axes, image, title)


def _show(axes: Axes, image: NDArray[np.uint8], title: str) -> None:
    """One image of one or three channels, pixel by pixel."""
    gray = image.shape[0] == 1
    axes.imshow(image[0] if gray else image[:3].transpose(1, 2, 0), cmap="gray", vmin=0, vmax=255)
    axes.set_title(title, fontsize=7.5, pad=2)
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)
