"""A fit as lines for the terminal and as JSON: parameters, rivals, assumptions, predicted boundaries.

What is not resolved is not claimed: whether A3 holds, and with it which phases a predicted curve has, is decided by the
interval of R2 / R0. The prediction of the parametric model comes after that of the full moments, with its distance from
it; where there is none, the report says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Any

import numpy as np

from empirical.fit.exponent_dependence import ExponentVariant
from empirical.fit.jackknife import Interval
from empirical.fit.model_fit import FittedModel
from empirical.fit.parametric_model import parametric_model
from empirical.fit.spectrum_fit import RankedPowerLaw
from empirical.fit.spectrum_rivals import Rival
from empirical.studies.boundary_prediction import MEAN_FIELD, Prediction, Training, predict
from empirical.studies.check import Check, check_as_json, check_lines
from theory import Curve, InputError
from theory.curves.boundaries import RESOLUTION, Boundaries
from theory.progress import Progress, silent
from theory.theorems.catalogue import THEOREMS

#: What the two sources of predictions are called.
PARAMETRIC, FULL = "parametric model", "full moments"

#: The assumption that the interval of R2 / R0 decides.
ALIGNMENT = "A3"

#: Of as many outputs as directions, which explain all of the variance from the start.
_UNDEFINED = "none, as there are as many outputs as directions"


class Alignment(Enum):
    """Whether R2 > R0, by the 95 % interval of their ratio."""

    HOLDS = "holds"
    FAILS = "fails"
    NOT_RESOLVED = "not resolved"


@dataclass(frozen=True)
class Distance:
    """How far the parametric model's mean field is from that of the full moments.

    Attributes:
        largest: largest difference of L / tr Sigma over all steps.
        turning_ratio: turning point of the parametric model over that of the full moments; NaN where one has none.
    """

    largest: float
    turning_ratio: float

    @property
    def is_resolved(self) -> bool:
        """Whether the curves differ by more than ``theory.curves.boundaries.RESOLUTION``, from which on moves count."""
        return self.largest > RESOLUTION


@dataclass(frozen=True, eq=False)
class FitReport:
    """All that a fit of a data set or of a layer's activations found.

    Attributes:
        name: of the data or of network and layer.
        fitted: the fit.
        check: A1 to A8 on the same data.
        training: how the layer of the predictions is trained.
        predictions: from the full moments and from the parametric model, as far as there are any.
        gaps: sources without a prediction, each with the reason.
    """

    name: str
    fitted: FittedModel
    check: Check
    training: Training
    predictions: tuple[Prediction, ...]
    gaps: tuple[tuple[str, str], ...] = ()

    @property
    def alignment(self) -> Alignment:
        """What the fit says of A3: not resolved where the interval of R2 / R0 holds 1, or classes hardly differ.

        Noise alone makes class means that point along high-variance directions, so that R2 > R0 says nothing where
        the variance between classes is not beyond zero.
        """
        ratio, separation = self.fitted.alignment, self.fitted.class_separation
        if not np.isfinite(ratio.standard_error) or 1.0 in ratio or not separation.low > 0:
            return Alignment.NOT_RESOLVED
        return Alignment.HOLDS if ratio.value > 1 else Alignment.FAILS

    @property
    def distance(self) -> Distance | None:
        """Of the parametric model's mean field from that of the full moments; None without one of them."""
        curves = {one.source: one for one in self.predictions if one.level == MEAN_FIELD}
        if PARAMETRIC not in curves or FULL not in curves:
            return None
        own, full = curves[PARAMETRIC], curves[FULL]
        times = own.boundaries.turning_point, full.boundaries.turning_point
        ratio = float("nan") if times[0] is None or times[1] is None else times[0] / times[1]
        return Distance(largest_difference(own.curve, full.curve), ratio)


def largest_difference(one: Curve, other: Curve) -> float:
    """Largest difference of two mean curves at the same times."""
    return float(np.abs(one.mean - other.mean).max())


def report_fit(
    name: str, fitted: FittedModel, check: Check, training: Training, seed: int = 0, progress: Progress = silent
) -> FitReport:
    """Predict the boundaries from (a) the full moments and (b) the parametric model, and put all together.

    Args:
        name: of the data or of network and layer.
        fitted: the fit.
        check: A1 to A8 on the same data, with the same loss and training.
        training: how the layer is trained.
        seed: of the parametric model's prototypes.
        progress: wraps the iteration over the steps of each mean field.

    Raises:
        InputError: a step size that is not stable for the full moments.
    """
    full = fitted.full_model
    outputs = training.loss.outputs(full.classes)
    if outputs >= full.dimension:
        reason = (
            f"{outputs} outputs for {full.dimension} directions: the input can be reconstructed from the outputs at "
            "every step, and there are no phases"
        )
        return FitReport(name, fitted, check, training, (), ((FULL, reason), (PARAMETRIC, reason)))
    predictions = list(predict(FULL, full, training, progress))
    try:
        predictions += predict(PARAMETRIC, parametric_model(fitted, seed), training, progress)
    except InputError as error:
        return FitReport(name, fitted, check, training, tuple(predictions), ((PARAMETRIC, str(error)),))
    return FitReport(name, fitted, check, training, tuple(predictions))


def fit_lines(report: FitReport) -> list[str]:
    """The report as lines of text."""
    fitted = report.fitted
    spectrum = fitted.spectrum
    tail = fitted.tail_index
    spikes = fitted.spikes
    lines = [
        f"{report.name}: {spectrum.fitting_count} samples fit {spectrum.rank} directions, "
        f"{spectrum.held_out_count} held out; {spectrum.resolved} directions resolved; intervals at 95 %",
        f"spikes             {spikes.count} leading directions, measured one by one: "
        f"{_interval(spikes.variance_share)} of the variance, "
        f"{_interval(spikes.between_share)} of that between classes",
        _law_line("alpha (bulk)", fitted.alpha, fitted.spectrum_law),
        *_variant_lines(fitted.alpha, fitted.alpha_variants),
        _law_line("beta (bulk)", fitted.beta, fitted.signal_law),
        *_variant_lines(fitted.beta, fitted.beta_variants),
        f"effective rank     {_interval(fitted.effective_rank)}",
        f"alignment R2/R0    {_interval(fitted.alignment) if np.isfinite(fitted.alignment.value) else _UNDEFINED}",
        f"class separation   {_interval(fitted.class_separation)} of the variance",
        f"1 / tail index     {_interval(tail.inverse)} (Gaussian: 0); tail index {tail.value:.3g} "
        f"[{tail.low:.3g}, {tail.high:.3g}]",
        f"minority share     {_interval(fitted.minority_share)}; by class "
        + " ".join(f"{one.share:.2f}" for one in fitted.minorities),
        f"shrinkage (OAS)    {fitted.shrinkage:.3g}",
    ]
    lines += _rival_lines("all resolved ranks", fitted.rivals)
    lines += _rival_lines("the bulk", fitted.rivals_in_range)
    lines += _check_lines(report)
    training = report.training
    lines.append(
        f"boundaries predicted for {training.loss.name}, eta = {training.step_size:.3g}, "
        f"sigma0 = {training.init_scale:g}, in steps:"
    )
    lines += [_prediction_line(one, training.step_size, _regime(report, one)) for one in report.predictions]
    lines += [f"  {source:<17} no prediction: {reason}" for source, reason in report.gaps]
    lines += _distance_lines(report.distance)
    return lines + [f"warning: {warning}" for warning in fitted.warnings]


def _variant_lines(exponent: Interval | None, variants: Sequence[ExponentVariant]) -> list[str]:
    """Exponents over other ranks and by other estimators, and whether they leave the interval."""
    if not variants:
        return []
    listed = "; ".join(
        f"{one.exponent:.3g} {one.ranks} ({one.first} to {one.last}, {one.estimator})" for one in variants
    )
    outside = exponent is not None and any(one.exponent not in exponent for one in variants)
    verdict = ", beyond the interval, which is of sampling at one range and estimator alone" if outside else ""
    return [f"  by range and estimator{verdict}: {listed}"]


def _check_lines(report: FitReport) -> list[str]:
    """A1 to A8, of which A3 is decided by the interval of the fit, and the theorems that then apply."""
    check, ratio = report.check, report.fitted.alignment
    rest = tuple(one for one in check.assessments if one.name != ALIGNMENT)
    needing = {theorem.name for theorem in THEOREMS if ALIGNMENT in theorem.assumptions}
    kept = replace(
        check,
        assessments=rest,
        applicable=tuple(name for name in check.applicable if name not in needing),
        missing={name: failed for name, failed in check.missing.items() if name not in needing},
    )
    lines = check_lines(kept)
    before = sum(one.name < ALIGNMENT for one in rest)
    measured = f"R2 / R0 = {_interval(ratio)}, limit 1" if np.isfinite(ratio.value) else "no R2 beside as many outputs"
    aligned = f"{ALIGNMENT}  {report.alignment.value}: {measured}"
    lines.insert(before, aligned)
    if report.alignment is Alignment.HOLDS:
        also = [
            theorem.name for theorem in THEOREMS if theorem.name in needing and not _others_fail(check, theorem.name)
        ]
        not_met = [name for name in sorted(needing) if name not in also]
        lines += [f"with {ALIGNMENT} apply: {', '.join(also) or 'none'}; not: {', '.join(not_met) or 'none'}"]
    else:
        lines += [f"without {ALIGNMENT} ({report.alignment.value}) do not apply: {', '.join(sorted(needing))}"]
    return lines


def _others_fail(check: Check, theorem: str) -> bool:
    """Whether an assumption other than A3 keeps a theorem from applying."""
    return any(name != ALIGNMENT for name in check.missing.get(theorem, ()))


def _regime(report: FitReport, one: Prediction) -> str:
    """The regime of a predicted curve, where the data resolve whether prototypes are aligned."""
    return Alignment.NOT_RESOLVED.value if report.alignment is Alignment.NOT_RESOLVED else one.boundaries.regime.value


def _distance_lines(distance: Distance | None) -> list[str]:
    if distance is None:
        return []
    ratio = "-" if np.isnan(distance.turning_ratio) else f"{distance.turning_ratio:.3g}"
    lines = [
        f"  parametric model, mean field: at most {distance.largest:.3f} from that of full moments; ratio of turning "
        f"points {ratio}"
    ]
    if distance.is_resolved:
        lines.append(
            f"warning: the parametric model strays {distance.largest:.3f} from the full moments, more than the "
            f"resolution {RESOLUTION:g}: take the full moments' prediction"
        )
    return lines


def fit_as_json(report: FitReport) -> dict[str, Any]:
    """The report as plain values; what does not exist is null."""
    fitted, training = report.fitted, report.training
    spectrum = fitted.spectrum
    names = ("alpha", "beta", "effective_rank", "alignment", "class_separation", "minority_share", "tail_index")
    intervals = {name: None if getattr(fitted, name) is None else asdict(getattr(fitted, name)) for name in names}
    return {
        "name": report.name,
        "fitting_count": spectrum.fitting_count,
        "held_out_count": spectrum.held_out_count,
        "rank": spectrum.rank,
        "resolved": spectrum.resolved,
        **_finite(intervals),
        "inverse_tail_index": _finite(asdict(fitted.tail_index.inverse)),
        "spikes": _finite(
            {
                "count": fitted.spikes.count,
                "eigenvalues": fitted.spikes.eigenvalues.tolist(),
                "variance_share": asdict(fitted.spikes.variance_share),
                "between_share": asdict(fitted.spikes.between_share),
            }
        ),
        "alpha_variants": [asdict(one) for one in fitted.alpha_variants],
        "beta_variants": [asdict(one) for one in fitted.beta_variants],
        "spectrum_law": None if fitted.spectrum_law is None else asdict(fitted.spectrum_law),
        "signal_law": None if fitted.signal_law is None else asdict(fitted.signal_law),
        "minorities": _finite([asdict(one) for one in fitted.minorities]),
        "shrinkage": fitted.shrinkage,
        "rivals": [_rival_values(one) for one in fitted.rivals],
        "rivals_in_range": [_rival_values(one) for one in fitted.rivals_in_range],
        "check": _finite(check_as_json(report.check)),
        "alignment_verdict": report.alignment.value,
        "training": {
            "loss": training.loss.name,
            "step_size": training.step_size,
            "init_scale": training.init_scale,
            "steps": training.steps,
            "replicas": training.replicas,
            "seed": training.seed,
        },
        "predictions": [
            _prediction_values(one, training.step_size) | {"regime": _regime(report, one)} for one in report.predictions
        ],
        "predictions_missing": dict(report.gaps),
        "parametric_distance": None
        if report.distance is None
        else _finite(asdict(report.distance)) | {"resolution": RESOLUTION},
        "warnings": list(fitted.warnings),
    }


def spectrum_columns(report: FitReport) -> dict[str, Any]:
    """Rank by rank, as columns of a table: what the figure shows."""
    spectrum = report.fitted.spectrum
    return {
        "rank": list(range(1, spectrum.rank + 1)),
        "fitted_variance": spectrum.fitted.tolist(),
        "held_out_variance": spectrum.held_out.tolist(),
        "signal": spectrum.signal.tolist(),
    }


def _interval(interval: Interval) -> str:
    return f"{interval.value:.4g} [{interval.low:.4g}, {interval.high:.4g}]"


def _law_line(name: str, exponent: Interval | None, law: RankedPowerLaw | None) -> str:
    if exponent is None or law is None:
        return f"{name:<18} no power law"
    return (
        f"{name:<18} {_interval(exponent)} over ranks {law.first} to {law.last}; amplitude {law.amplitude:.3g}, "
        f"R^2 {law.determination:.3f}, rms deviation {law.deviation:.2f} tolerances"
    )


def _rival_lines(where: str, rivals: Sequence[Rival]) -> list[str]:
    """A title and a line a rival; nothing without rivals."""
    if not rivals:
        return []
    lines = [f"spectra on held-out samples, {where} (divergence in nats a direction, behind the best +- its error):"]
    for one in rivals:
        scores = f"{one.loss:.3g}, behind {one.behind:.2g} +- {one.behind_error:.1g}"
        parameters = ", ".join(f"{name} {value:.3g}" for name, value in one.parameters)
        lines.append(f"  {one.place}. {one.name:<17} {scores}  ({parameters})")
    return lines


def _rival_values(rival: Rival) -> dict[str, Any]:
    return asdict(rival) | {"parameters": dict(rival.parameters)}


def _boundaries_text(found: Boundaries, step_size: float) -> str:
    """The boundaries in steps, and why there is none."""
    if found.fraction_point is None or found.turning_point is None:
        return f"no turning point ({found.reason('turning_point')})"
    half, turning = found.fraction_point / step_size, found.turning_point / step_size
    back = f"none ({found.reason('return_time')})"
    if found.return_time is not None:
        back = f"{found.return_time / step_size:.4g}"
    return f"half of the fall {half:.4g}, turning point {turning:.4g}, return {back}"


def _prediction_line(one: Prediction, step_size: float, regime: str) -> str:
    found, losses = one.boundaries, one.curve.mean
    return (
        f"  {one.source:<17} {one.level:<11} {regime}: {_boundaries_text(found, step_size)}; "
        f"loss {losses[0]:.3f} at 0, {losses.min():.3f} lowest, "
        f"{losses[-1]:.3f} at the end"
    )


def _prediction_values(one: Prediction, step_size: float) -> dict[str, Any]:
    found = one.boundaries
    times = {"fraction_point": found.fraction_point, "turning_point": found.turning_point, "return": found.return_time}
    return {
        "source": one.source,
        "level": one.level,
        "regime": found.regime.value,
        **{name: None if time is None else time / step_size for name, time in times.items()},
        "steps": np.rint(one.curve.times / step_size).astype(int).tolist(),
        "losses": one.curve.mean.tolist(),
    }


def _finite(value: Any) -> Any:
    """Plain values in which an infinite number, which JSON does not have, is the word for it and NaN is None."""
    match value:
        case dict():
            return {name: _finite(one) for name, one in value.items()}
        case list():
            return [_finite(one) for one in value]
        case float() if np.isnan(value):
            return None
        case float() if np.isinf(value):
            return "inf" if value > 0 else "-inf"
    return value
