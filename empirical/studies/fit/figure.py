"""The figure of a fitted data model: spectrum and signal on logarithmic axes with their power laws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from empirical.fit.jackknife import Interval
from empirical.fit.rank_bins import rank_bins
from empirical.fit.spectrum_fit import RankedPowerLaw
from empirical.studies.fit.summary import FitSummary, RankedVariances
from simulation.figures.figure_text import figure_text
from theory.validation import FloatArray

# Colours of Okabe and Ito (2008), distinguished with any colour vision.
MEASURED = "#D55E00"
LAW = "#0072B2"
FITTED_HALF = "#999999"
HELD_OUT_HALF = "#009E73"
RANGE = "#CDE5F5"


def draw_fit(fit: FitSummary, ranks: RankedVariances, title: str, path: Path) -> None:
    """Two panels, spectrum and signal against rank, written to ``path``.

    Lines and small dots: single ranks. Circles: the bins that are fitted. Shaded: the range of the law, drawn beyond
    it as a broken line. Bins of the signal without a positive mean cannot be shown; their ranks are marked below.

    Args:
        fit: laws and exponents.
        ranks: its variances by rank.
        title: of the figure.
        path: its ending decides the format.
    """
    figure = Figure(figsize=(9.4, 4.3), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_spectrum(left, fit, ranks)
    _draw_signal(right, fit, ranks)
    figure.suptitle(figure_text(title), fontsize=11)
    figure.savefig(path, dpi=150)


def _draw_spectrum(axes: Axes, fit: FitSummary, variances: RankedVariances) -> None:
    ranks = rank_bins(fit.rank).ranks
    axes.plot(ranks, variances.fitted, color=FITTED_HALF, linewidth=1.2, label="fitting half")
    axes.plot(ranks, variances.held_out, color=HELD_OUT_HALF, linewidth=1.2, label="held-out half, same directions")
    _draw_bins(axes, variances.eigenvalues, logarithmic=True)
    _draw_law(axes, fit.spectrum_law, fit.alpha, r"\alpha", fit.rank)
    if fit.resolved < fit.rank:
        axes.axvline(fit.resolved, color="black", linestyle=":", linewidth=1, label="resolved up to here")
    positive = variances.fitted[variances.fitted > 0]
    _finish(axes, r"variance $\lambda_i$", float(positive.min()), float(positive.max()))


def _draw_signal(axes: Axes, fit: FitSummary, variances: RankedVariances) -> None:
    bins, signal = rank_bins(fit.rank), variances.signal
    shown = signal > 0
    axes.plot(bins.ranks[shown], signal[shown], ".", color=FITTED_HALF, markersize=2.5, label="single ranks")
    if variances.signal_error is not None:
        noise = np.sqrt(bins.means(np.square(variances.signal_error)) / bins.sizes)
        axes.plot(_centres(fit.rank), noise, color=HELD_OUT_HALF, linewidth=1.2, label="standard error of a bin")
    means = _draw_bins(axes, signal, logarithmic=False)
    missing = _centres(fit.rank)[means <= 0]
    axes.plot(
        missing, np.full(missing.size, 0.03), "v", color=MEASURED, markersize=4, transform=axes.get_xaxis_transform()
    )
    _draw_law(axes, fit.signal_law, fit.beta, r"\beta", fit.rank)
    positive = means[means > 0]
    if positive.size:
        _finish(axes, r"squared prototype coordinate $\sum_k M_{ki}^2$", float(positive.min()), float(positive.max()))


def _draw_bins(axes: Axes, values: FloatArray, logarithmic: bool) -> FloatArray:
    """Circles at the means of the bins, geometric or arithmetic; returns the means (B,)."""
    bins = rank_bins(values.size)
    tiny = np.finfo(np.float64).tiny
    means = np.exp(bins.means(np.log(np.maximum(values, tiny)))) if logarithmic else bins.means(values)
    shown = means > 0
    axes.plot(
        _centres(values.size)[shown],
        means[shown],
        linestyle="none",
        marker="o",
        markersize=4.5,
        markerfacecolor="white",
        markeredgecolor=MEASURED,
        label="bins, cross-validated",
    )
    return means


def _centres(count: int) -> FloatArray:
    """(B,) geometric mean rank of each bin."""
    bins = rank_bins(count)
    return np.asarray(np.exp(bins.means(np.log(bins.ranks))), dtype=np.float64)


def _draw_law(axes: Axes, law: RankedPowerLaw | None, exponent: Interval | None, symbol: str, count: int) -> None:
    if law is None or exponent is None:
        axes.set_title("no power law", fontsize=10)
        return
    ranks, values = rank_bins(count).ranks, law.values(count)
    inside = slice(law.first - 1, law.last)
    axes.axvspan(law.first, law.last, color=RANGE, linewidth=0, zorder=0)
    axes.plot(ranks, values, color=LAW, linewidth=0.9, linestyle="--")
    axes.plot(ranks[inside], values[inside], color=LAW, linewidth=2, label="power law")
    axes.set_title(
        f"${symbol}$ = {exponent.value:.3g} [{exponent.low:.3g}, {exponent.high:.3g}], ranks {law.first} to {law.last}",
        fontsize=10,
    )


def _finish(axes: Axes, label: str, lowest: float, highest: float) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(lowest / 4, highest * 4)
    axes.set_xlabel("rank $i$")
    axes.set_ylabel(label)
    axes.legend(frameon=False, fontsize=8, loc="lower left")
