"""Prediction put to the test on features: single-layer classifiers on frozen activations, derived and trained.

For every set of features the curve is derived four times (from the symbols' linearised closed form, the mean field
with a common within-class covariance, the mean field with a covariance for each class, and the mean field of the
fitted parametric model) and trained once, on the same draws of W(0) where the model has the features' coordinates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

import simulation
import theory
from empirical.data.class_checks import check_class_means, check_class_sizes
from empirical.data.datasets import DataSet
from empirical.fit.model_fit import fit_data_model, split_for_fit
from empirical.fit.parametric_model import parametric_model
from empirical.studies.boundary_prediction import MEAN_FIELD, Training, predict
from empirical.studies.predict_reasons import CLASSES as CLASSES
from empirical.studies.predict_reasons import COMMON as COMMON
from empirical.studies.predict_reasons import LINEARISED as LINEARISED
from empirical.studies.predict_reasons import Reason, prediction_reasons
from empirical.studies.run_sizes import check_step_share
from simulation import MiniBatches, Status, initial_weights, train
from simulation.runs.run_folder import RunFolder, array_digest, part_key, software_versions, source_digest
from theory import Curve, InputError, Softmax, gradient_descent_curve, logarithmic_steps, mean_field_curve
from theory import measure_boundaries as boundaries_of
from theory.assumptions import Verdict
from theory.curves.boundaries import RESOLUTION
from theory.curves.class_mean_field import class_mean_field_curve
from theory.curves.gradient_defect import DefectResponse
from theory.data.class_covariances import ClassConditionalModel
from theory.progress import Progress
from theory.theorems.sampled_assumptions import SampledAssumptions
from theory.validation import FloatArray, at_least, positive

PARAMETRIC = "parametric model, mean field"

#: The derived curves, in the order of tables.
SOURCES = (LINEARISED, COMMON, CLASSES, PARAMETRIC)


#: Draws of W(0) for which the gradient on the samples is followed; it differs little between draws.
_DEFECT_DRAWS = 2


@dataclass(frozen=True)
class FeaturePlan:
    """How single-layer softmax classifiers are trained on features of unit mean variance.

    Attributes:
        init_scale: sigma0.
        step_share: eta times the largest eigenvalue of the features' covariance.
        steps: last step.
        batch_size: samples a step, without replacement.
        replicas: draws of W(0).
        seed: of W(0), the batches and the fit.
    """

    init_scale: float = 0.003
    step_share: float = 0.08
    steps: int = 4096
    batch_size: int = 1024
    replicas: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        positive("init_scale", self.init_scale)
        positive("step_share", self.step_share)
        at_least("steps", self.steps, 1)
        at_least("batch_size", self.batch_size, 1)
        at_least("replicas", self.replicas, 1)
        at_least("seed", self.seed, 0)


@dataclass(frozen=True, eq=False)
class Agreement:
    """How far one derived curve is from the trained one.

    Attributes:
        source: of SOURCES.
        early: largest difference of L / tr Sigma between the mean curves up to step EARLY.
        late: the same over all steps.
        turning_ratio: derived turning point over the trained one; NaN where one of them has none.
        extent: the larger range, highest less lowest, of the derived and the trained mean curve; NaN if not known.
    """

    source: str
    early: float
    late: float
    turning_ratio: float
    extent: float = float("nan")

    @property
    def holds(self) -> bool:
        """Whether the verdict is HOLDS."""
        return self.verdict is Verdict.HOLDS

    @property
    def verdict(self) -> Verdict:
        """FAILS where a difference or, where both curves turn, the turning point is beyond its tolerance.

        NO_PHASES where neither curve moves by more than the resolution, as tolerances say nothing there.
        """
        turning = np.isnan(self.turning_ratio) or abs(self.turning_ratio - 1) <= TURNING_TOLERANCE
        if not (self.early <= EARLY_TOLERANCE and self.late <= LATE_TOLERANCE and turning):
            return Verdict.FAILS
        return Verdict.NO_PHASES if self.extent <= RESOLUTION else Verdict.HOLDS

    @property
    def range_share(self) -> float:
        """``late`` as a share of the range of the curves; NaN if that is not known or 0."""
        return self.late / self.extent if self.extent > 0 else float("nan")


#: Step up to which ``Agreement.early`` looks.
EARLY = 1024


#: Largest accepted differences up to EARLY and over all steps, and largest accepted relative error of a turning point.
EARLY_TOLERANCE, LATE_TOLERANCE, TURNING_TOLERANCE = 0.02, 0.03, 0.25


@dataclass(frozen=True, eq=False)
class FeaturePrediction:
    """Derived and trained curves of one set of features.

    Attributes:
        name: of the features.
        features: their number.
        rank: directions in which they vary.
        step_size: eta.
        trained: (replica, T) curve of the trained classifiers.
        derived: curves by source; PARAMETRIC may be missing.
        warnings: of the fit.
        defect: what the gradient on the samples does to the mean field (A4), along the leading directions; None
            where it was not kept, and no reasons are then given.
        no_parametric: why PARAMETRIC is missing; None where it is not.
    """

    name: str
    features: int
    rank: int
    step_size: float
    trained: Curve
    derived: dict[str, Curve]
    warnings: tuple[str, ...]
    defect: DefectResponse | None = None
    no_parametric: str | None = None

    @property
    def agreements(self) -> tuple[Agreement, ...]:
        """One for each derived curve."""
        return tuple(_agreement(source, curve, self.trained, self.step_size) for source, curve in self.derived.items())

    @property
    def verdict(self) -> Verdict:
        """That of the best derivation from the full moments; see ``Agreement.verdict``."""
        found = {one.verdict for one in self.agreements if one.source != PARAMETRIC}
        return next(one for one in (Verdict.HOLDS, Verdict.NO_PHASES, Verdict.FAILS) if one in found)

    @property
    def holds(self) -> bool:
        """Whether the verdict is HOLDS."""
        return self.verdict is Verdict.HOLDS

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """What each assumption costs the linearised curve, where the verdict is FAILS; see ``prediction_reasons``."""
        if self.defect is None or self.verdict is not Verdict.FAILS:
            return ()
        return prediction_reasons(self.derived, self.defect, self.trained, self.step_size)


def predict_features(
    data: DataSet, plan: FeaturePlan, folder: RunFolder, progress: Callable[[str], Progress]
) -> FeaturePrediction:
    """Derive and train on one set of features.

    Args:
        data: features, scaled to unit mean variance (``empirical.data.datasets.unit_variance``), with labels.
        plan: how classifiers are trained.
        folder: where the trained curve is kept; a run started again there goes on.
        progress: makes the progress report for a part of the work from its description.

    Raises:
        InputError: a plan that does not fit the data, or training that diverges.
    """
    loss = Softmax()
    check_class_sizes(data)
    check_class_means(data)
    check_step_share(plan.step_share, loss)
    mean = data.inputs.mean(axis=0, dtype=np.float64)
    centred = np.asarray(data.inputs - mean.astype(np.float32))
    conditional = ClassConditionalModel.from_samples(centred, data.labels, data.classes)
    model = conditional.model
    step_size = plan.step_share / float(model.eigenvalues[0])
    steps = logarithmic_steps(plan.steps)
    weights = initial_weights(plan.replicas, data.classes, centred.shape[1], plan.init_scale, plan.seed)

    def trained() -> Curve:
        batches = MiniBatches(
            torch.from_numpy(centred), torch.from_numpy(data.labels), plan.batch_size, plan.replicas, plan.seed
        )
        result = train(batches, model, loss, weights, steps, step_size, progress=progress(f"train on {data.name}"))
        if result.status is not Status.COMPLETED:
            raise InputError(f"step_share: training on {data.name} diverged; give less than {plan.step_share}")
        return result.curve

    key = part_key(
        asdict(plan)
        | {"data": array_digest(data.inputs, data.labels), "code": source_digest(theory, simulation)}
        | {"versions": software_versions()}
    )
    curve = folder.curve_part("trained-features", key, trained)
    started = model.to_eigenbasis(weights)
    derived = {
        LINEARISED: gradient_descent_curve(model, loss, started, steps, step_size),
        COMMON: mean_field_curve(model, loss, started, steps, step_size, progress=progress("mean field")),
        CLASSES: class_mean_field_curve(
            conditional, loss, started, steps, step_size, progress=progress("mean field, class covariances")
        ),
    }
    fitted = fit_data_model(*split_for_fit(data, seed=plan.seed), seed=plan.seed, progress=progress("fit"))
    no_parametric = None
    training = Training(loss, step_size, plan.init_scale, plan.steps, plan.replicas, plan.seed)
    try:
        predictions = predict(PARAMETRIC, parametric_model(fitted, plan.seed), training, progress("parametric model"))
        derived[PARAMETRIC] = next(one.curve for one in predictions if one.level == MEAN_FIELD)
    except InputError as error:
        no_parametric = str(error)
    samples = SampledAssumptions(model, model.to_eigenbasis(centred), data.labels, plan.seed)
    defect = samples.defect(loss, step_size, started[:_DEFECT_DRAWS], plan.steps, progress("gradient on the samples"))
    return FeaturePrediction(
        data.name,
        centred.shape[1],
        model.dimension,
        step_size,
        curve,
        derived,
        fitted.warnings,
        defect,
        no_parametric,
    )


def _agreement(source: str, derived: Curve, trained: Curve, step_size: float) -> Agreement:
    difference = np.abs(derived.mean - trained.mean)
    early = trained.times <= EARLY * step_size * (1 + 1e-9)
    times = [boundaries_of(one.times, one.mean).turning_point for one in (derived, trained)]
    ratio = times[0] / times[1] if times[0] is not None and times[1] is not None else float("nan")
    extent = max(float(np.ptp(one.mean)) for one in (derived, trained))
    return Agreement(source, float(difference[early].max()), float(difference.max()), float(ratio), extent)


def prediction_rows(predictions: list[FeaturePrediction]) -> list[dict[str, Any]]:
    """One row a set of features and derived curve."""
    return [
        {"features": one.name, "number": one.features, "rank": one.rank, "step_size": one.step_size}
        | asdict(agreement)
        | {"range_share": agreement.range_share, "verdict": agreement.verdict.value}
        for one in predictions
        for agreement in one.agreements
    ]


def prediction_lines(predictions: list[FeaturePrediction]) -> list[str]:
    """The table as aligned lines of text."""
    header = (
        "features",
        "p",
        "rank",
        "derivation",
        f"to step {EARLY}",
        "all steps",
        "of range",
        "turning ratio",
        "verdict",
    )
    table = [header] + [
        (
            one.name,
            str(one.features),
            str(one.rank),
            agreement.source,
            f"{agreement.early:.4f}",
            f"{agreement.late:.4f}",
            f"{agreement.range_share:.1%}",
            f"{agreement.turning_ratio:.3f}",
            agreement.verdict.value,
        )
        for one in predictions
        for agreement in one.agreements
    ]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    missing = [one for one in predictions if one.no_parametric is not None]
    return lines + [f"{one.name}: no parametric model: {one.no_parametric}" for one in missing]


def reason_rows(predictions: list[FeaturePrediction]) -> list[dict[str, Any]]:
    """One row a set of features that fails and assumption: by how much it moves the curve and the turning point."""
    return [{"features": one.name} | asdict(reason) for one in predictions for reason in one.reasons]


def reason_lines(predictions: list[FeaturePrediction]) -> list[str]:
    """Why sets of features fail, a line an assumption, the costliest first."""
    return [
        f"{one.name} fails: {reason.text}"
        for one in predictions
        for reason in sorted(one.reasons, key=lambda reason: -abs(reason.share))
    ]


def prediction_curves(predictions: list[FeaturePrediction]) -> dict[str, Any]:
    """All mean curves as columns of one long table."""
    columns: dict[str, list[FloatArray | list[str]]] = {name: [] for name in ("features", "curve", "step", "loss")}
    for one in predictions:
        for name, curve in ({"trained": one.trained} | one.derived).items():
            count = curve.times.size
            columns["features"].append([one.name] * count)
            columns["curve"].append([name] * count)
            columns["step"].append(np.rint(curve.times / one.step_size))
            columns["loss"].append(curve.mean)
    return {name: np.concatenate(parts) for name, parts in columns.items()}
