"""A fit as lines for the terminal and as JSON: parameters, rivals, assumptions, predicted boundaries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from empirical.boundary_prediction import Prediction, Training, predict
from empirical.checking import Check, check_as_json, check_lines
from empirical.jackknife import Interval
from empirical.model_fit import FittedModel
from empirical.parametric_model import parametric_model
from empirical.spectrum_fit import RankedPowerLaw
from empirical.spectrum_rivals import Rival
from theory.progress import Progress, silent

#: What the two sources of predictions are called.
PARAMETRIC, FULL = "parametric model", "full moments"


@dataclass(frozen=True, eq=False)
class FitReport:
    """All that a fit of a data set or of a layer's activations found.

    Attributes:
        name: of the data or of network and layer.
        fitted: the fit.
        check: A1 to A8 on the same data.
        training: how the layer of the predictions is trained.
        predictions: from the parametric model, where there is one, and from the full moments.
    """

    name: str
    fitted: FittedModel
    check: Check
    training: Training
    predictions: tuple[Prediction, ...]


def report_fit(
    name: str, fitted: FittedModel, check: Check, training: Training, seed: int = 0, progress: Progress = silent
) -> FitReport:
    """Predict the boundaries from (a) the parametric model and (b) the full moments, and put all together.

    Args:
        name: of the data or of network and layer.
        fitted: the fit.
        check: A1 to A8 on the same data, with the same loss and training.
        training: how the layer is trained.
        seed: of the parametric model's prototypes.
        progress: wraps the iteration over the steps of each mean field.

    Raises:
        InputError: a step size that is not stable for one of the models, or as many outputs as directions.
    """
    has_laws = fitted.spectrum_law is not None and fitted.signal_law is not None
    models = [(PARAMETRIC, parametric_model(fitted, seed))] if has_laws else []
    models.append((FULL, fitted.full_model))
    predictions = [one for source, model in models for one in predict(source, model, training, progress)]
    return FitReport(name, fitted, check, training, tuple(predictions))


def fit_lines(report: FitReport) -> list[str]:
    """The report as lines of text."""
    fitted = report.fitted
    spectrum = fitted.spectrum
    tail = fitted.tail_index
    lines = [
        f"{report.name}: {spectrum.fitting_count} samples fit {spectrum.rank} directions, "
        f"{spectrum.held_out_count} held out; {spectrum.resolved} directions resolved; intervals at 95 %",
        _law_line("alpha (spectrum)", fitted.alpha, fitted.spectrum_law),
        _law_line("beta (signal)", fitted.beta, fitted.signal_law),
        f"effective rank     {_interval(fitted.effective_rank)}",
        f"alignment R2/R0    {_interval(fitted.alignment)}",
        f"class separation   {_interval(fitted.class_separation)} of the variance",
        f"tail index         {tail.value:.3g} [{tail.low:.3g}, {tail.high:.3g}] (Gaussian: inf)",
        f"minority share     {_interval(fitted.minority_share)}; by class "
        + " ".join(f"{one.share:.2f}" for one in fitted.minorities),
        f"shrinkage (OAS)    {fitted.shrinkage:.3g}",
    ]
    lines += _rival_lines("all resolved ranks", fitted.rivals)
    lines += _rival_lines("the range of the power law", fitted.rivals_in_range)
    lines += check_lines(report.check)
    training = report.training
    lines.append(
        f"boundaries predicted for {training.loss.name}, eta = {training.step_size:.3g}, "
        f"sigma0 = {training.init_scale:g}, in steps:"
    )
    lines += [_prediction_line(one, training.step_size) for one in report.predictions]
    return lines + [f"warning: {warning}" for warning in fitted.warnings]


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
        "spectrum_law": None if fitted.spectrum_law is None else asdict(fitted.spectrum_law),
        "signal_law": None if fitted.signal_law is None else asdict(fitted.signal_law),
        "minorities": _finite([asdict(one) for one in fitted.minorities]),
        "shrinkage": fitted.shrinkage,
        "rivals": [_rival_values(one) for one in fitted.rivals],
        "rivals_in_range": [_rival_values(one) for one in fitted.rivals_in_range],
        "check": check_as_json(report.check),
        "training": {
            "loss": training.loss.name,
            "step_size": training.step_size,
            "init_scale": training.init_scale,
            "steps": training.steps,
            "replicas": training.replicas,
            "seed": training.seed,
        },
        "predictions": [_prediction_values(one, training.step_size) for one in report.predictions],
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


def _steps(time: float | None, step_size: float) -> str:
    return "-" if time is None else f"{time / step_size:.4g}"


def _prediction_line(one: Prediction, step_size: float) -> str:
    found, losses = one.boundaries, one.curve.mean
    return (
        f"  {one.source:<17} {one.level:<11} {found.regime.value}: half of the fall "
        f"{_steps(found.fraction_point, step_size)}, turning point {_steps(found.turning_point, step_size)}, return "
        f"{_steps(found.return_time, step_size)}; loss {losses[0]:.3f} at 0, {losses.min():.3f} lowest, "
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
