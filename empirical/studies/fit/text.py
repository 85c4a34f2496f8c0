"""A fit in words: estimates, laws, rivals, assumptions and predicted boundaries, in lines that fit a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from empirical.fit.exponent_dependence import ExponentVariant
from empirical.fit.jackknife import Interval
from empirical.fit.spectrum_fit import RankedPowerLaw
from empirical.fit.spectrum_rivals import Rival
from empirical.studies.boundary_prediction import Prediction, Source, Training
from empirical.studies.check.outcome import Check, assessment_lines
from empirical.studies.fit.alignment import Alignment
from empirical.studies.fit.plan import Fitted
from empirical.studies.fit.predicting import Predictions
from empirical.studies.fit.summary import FitSummary
from simulation.runs.text_table import or_dash, text_table, wrapped
from theory.curves.boundaries import RESOLUTION
from theory.theorems.catalogue import THEOREMS

_CURVE = ("level", "regime", "half fall", "turning", "return", "at 0", "lowest", "end")

#: The assumption that the interval of R2 / R0 decides.
ALIGNMENT = "A3"


def fit_lines(fitted: Fitted, fit: FitSummary, check: Check, training: Training, predictions: Predictions) -> list[str]:
    """The results of a fit in words, section by section.

    Args:
        fitted: what was fitted.
        fit: the estimates.
        check: A1 to A8 on the same data.
        training: how the layer of the predictions is trained.
        predictions: of its boundaries.
    """
    aligned = Alignment.from_fit(fit)
    return [
        *wrapped(
            f"{fitted.title}: {fit.fitting_count} samples fit {fit.rank} directions, {fit.held_out_count} held out; "
            f"{fit.resolved} directions resolved"
        ),
        *_estimate_lines(fit),
        *_law_lines("alpha", fit.alpha, fit.spectrum_law, fit.alpha_variants),
        *_law_lines("beta", fit.beta, fit.signal_law, fit.beta_variants),
        *wrapped(f"minority share by class: {' '.join(f'{one.share:.2f}' for one in fit.minorities)}"),
        f"shrinkage (OAS): {fit.shrinkage:.3g}",
        *_rival_lines("all resolved ranks", fit.rivals),
        *_rival_lines("the ranks of the power law", fit.rivals_in_range),
        *_check_lines(check, aligned, fit.alignment),
        *_prediction_lines(training, predictions, aligned),
        *(line for warning in fit.warnings for line in wrapped(f"warning: {warning}")),
    ]


def _estimate_lines(fit: FitSummary) -> list[str]:
    """A row per number that has an interval."""
    tail = fit.tail_index
    intervals: list[tuple[str, Interval | None]] = [("alpha", fit.alpha), ("beta", fit.beta)]
    if fit.spikes is not None:
        count = fit.spikes.count
        intervals += [
            (f"{count} spikes, share of the variance", fit.spikes.variance_share),
            (f"{count} spikes, share of that between classes", fit.spikes.between_share),
        ]
    intervals += [
        ("effective rank", fit.effective_rank),
        ("alignment R2 / R0", fit.alignment),
        ("class separation, share of the variance", fit.class_separation),
        ("1 / tail index (Gaussian: 0)", tail.inverse),
        ("minority share", fit.minority_share),
    ]
    rows = [(name, *_cells(one)) for name, one in intervals]
    rows.append(("tail index", f"{tail.value:.3g}", f"{tail.low:.3g}", f"{tail.high:.3g}"))
    return text_table(("intervals at 95 %", "value", "low", "high"), rows)


def _cells(interval: Interval | None) -> tuple[str, str, str]:
    if interval is None or not np.isfinite(interval.value):
        return "-", "-", "-"
    return f"{interval.value:.4g}", f"{interval.low:.4g}", f"{interval.high:.4g}"


def _law_lines(
    name: str, exponent: Interval | None, law: RankedPowerLaw | None, variants: Sequence[ExponentVariant]
) -> list[str]:
    """The range of a power law and its fit; then exponents over other ranks and by other estimators."""
    if exponent is None or law is None:
        return [f"{name}: no power law"]
    lines = wrapped(
        f"{name} over ranks {law.first} to {law.last}: amplitude {law.amplitude:.3g}, R^2 {law.determination:.3f}, rms "
        f"deviation {law.deviation:.2f} tolerances"
    )
    if not variants:
        return lines
    outside = any(one.exponent not in exponent for one in variants)
    verdict = ", beyond the interval, which is of sampling at one range and estimator alone" if outside else ""
    header = (name, "ranks", "from", "to", "estimator")
    rows = [(f"{one.exponent:.3g}", one.ranks, str(one.first), str(one.last), one.estimator) for one in variants]
    return [*lines, *wrapped(f"{name} by range and estimator{verdict}:"), *text_table(header, rows)]


def _rival_lines(where: str, rivals: Sequence[Rival]) -> list[str]:
    """A row per rival; nothing without rivals."""
    if not rivals:
        return []
    rows = [
        (
            one.name,
            f"{one.loss:.3g}",
            f"{one.behind:.2g}",
            f"{one.behind_error:.1g}",
            ", ".join(f"{name} {value:.3g}" for name, value in one.parameters),
        )
        for one in rivals
    ]
    return [
        *wrapped(f"spectra on held-out samples, {where}, by divergence in nats per direction:"),
        *text_table(("spectrum", "loss", "behind", "+-", "parameters"), rows),
    ]


def _check_lines(check: Check, aligned: Alignment, ratio: Interval) -> list[str]:
    """A1 to A8, of which A3 is decided by the interval of the fit, and the theorems that then apply."""
    needing = {theorem.name for theorem in THEOREMS if ALIGNMENT in theorem.assumptions}
    known = np.isfinite(ratio.value)
    measured = f"R2 / R0 = {ratio.value:.4g} [{ratio.low:.4g}, {ratio.high:.4g}], limit 1"
    own = f"{ALIGNMENT}  {aligned.value}: {measured if known else 'no R2 with as many outputs as directions'}"
    lines = [line for one in check.assessments for line in ([own] if one.name == ALIGNMENT else assessment_lines(one))]
    kept = replace(
        check,
        applicable=tuple(name for name in check.applicable if name not in needing),
        missing={name: failed for name, failed in check.missing.items() if name not in needing},
    )
    lines += kept.theorem_lines()
    if aligned is not Alignment.HOLDS:
        return lines + wrapped(f"without {ALIGNMENT} ({aligned.value}) do not apply: {', '.join(sorted(needing))}")
    also = [name for name in sorted(needing) if not _others_fail(check, name)]
    rest = [name for name in sorted(needing) if name not in also]
    return lines + wrapped(f"with {ALIGNMENT} apply: {', '.join(also) or 'none'}; not: {', '.join(rest) or 'none'}")


def _others_fail(check: Check, theorem: str) -> bool:
    """Whether something other than A3 keeps a theorem from applying: an assumption, its scope, or no number."""
    broken = (*check.missing.get(theorem, ()), *check.unresolved.get(theorem, ()))
    stopped = theorem in check.without_number or theorem in check.unmet
    return stopped or any(name != ALIGNMENT for name in broken)


def _prediction_lines(training: Training, predictions: Predictions, aligned: Alignment) -> list[str]:
    """A row per predicted curve, why boundaries or curves are missing, and how far the two models are apart."""
    lines = wrapped(
        f"boundaries predicted for {training.loss.name}, eta = {training.step_size:.3g}, "
        f"sigma0 = {training.init_scale:g}, in steps; losses at step 0, where they are lowest, and at the end:"
    )
    for source in Source:
        own = [one for one in predictions.found if one.source is source]
        if own:
            lines.append(f"from {source.value}:")
            lines += text_table(_CURVE, [_cells_of_curve(one, training.step_size, aligned) for one in own])
            if aligned is not Alignment.NOT_RESOLVED:
                lines += [line for one in own for line in _absence_lines(one)]
        if source in predictions.gaps:
            lines += wrapped(f"from {source.value}: no prediction: {predictions.gaps[source]}")
    if predictions.found and aligned is Alignment.NOT_RESOLVED:
        lines += wrapped(
            f"no boundaries: without {ALIGNMENT} the curve may fall by chance alone, as that of random labels does"
        )
    return lines + _distance_lines(predictions)


def _cells_of_curve(one: Prediction, step_size: float, aligned: Alignment) -> tuple[str, ...]:
    """The cells under _CURVE."""
    losses = one.curve.mean
    steps = ["-" if time is None else f"{time / step_size:.4g}" for time in aligned.boundary_times(one)]
    heights = [f"{loss:.3f}" for loss in (losses[0], losses.min(), losses[-1])]
    return (one.level.value, aligned.regime_name(one), *steps, *heights)


def _absence_lines(one: Prediction) -> list[str]:
    """The reasons why a curve does not turn, or does not return."""
    for boundary, title in (("turning_point", "turning point"), ("return_time", "return")):
        reason = one.boundaries.reason(boundary)
        if reason is not None:
            return wrapped(f"{one.level.value}: no {title} ({reason})")
    return []


def _distance_lines(predictions: Predictions) -> list[str]:
    distance = predictions.distance
    if distance is None:
        return []
    ratio = or_dash(distance.turning_ratio, ".3g")
    lines = wrapped(
        f"parametric model, mean field: at most {distance.largest:.3f} from that of full moments; ratio of turning "
        f"points {ratio}"
    )
    if distance.is_resolved:
        lines += wrapped(
            f"warning: the parametric model strays {distance.largest:.3f} from the full moments, more than the "
            f"resolution {RESOLUTION:g}: use the prediction of the full moments"
        )
    return lines
