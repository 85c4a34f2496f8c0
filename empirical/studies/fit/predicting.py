"""Boundaries predicted from a fit: from its full moments and from its parametric model, and how far these are apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from empirical.fit.model_fit import FittedModel
from empirical.fit.parametric_model import parametric_model
from empirical.studies.boundary_prediction import Level, Prediction, Source, Training, predict_boundaries
from theory import Curve, InputError
from theory.curves.boundaries import RESOLUTION
from theory.progress import Progress, silent


@dataclass(frozen=True)
class Predictions:
    """The predictions from a fit.

    Attributes:
        found: from the full moments and from the parametric model, as far as there are any.
        gaps: sources without a prediction, each with the reason.
    """

    found: tuple[Prediction, ...]
    gaps: Mapping[Source, str]

    @property
    def distance(self) -> Distance | None:
        """Distance of the parametric model's mean field from that of the full moments; None without one of them."""
        return distance_of(self.found)


@dataclass(frozen=True)
class Distance:
    """Distance of the parametric model's mean field from that of the full moments.

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


def distance_of(predictions: Sequence[Prediction]) -> Distance | None:
    """The distance of the two mean fields among predictions; None without one of them."""
    curves = {one.source: one for one in predictions if one.level is Level.MEAN_FIELD}
    if len(curves) < len(Source):
        return None
    own, full = curves[Source.PARAMETRIC], curves[Source.FULL]
    times = own.boundaries.turning_point, full.boundaries.turning_point
    ratio = float("nan") if times[0] is None or times[1] is None else times[0] / times[1]
    return Distance(largest_difference(own.curve, full.curve), ratio)


def largest_difference(one: Curve, other: Curve) -> float:
    """Largest difference of two mean curves at the same times."""
    return float(np.abs(one.mean - other.mean).max())


def predictions_from(
    fitted: FittedModel, training: Training, seed: int = 0, progress: Progress = silent
) -> Predictions:
    """Predict the boundaries from the full moments and from the parametric model.

    Args:
        fitted: the fit.
        training: how the layer is trained.
        seed: of the parametric model's prototypes.
        progress: shows how many steps of each mean field are done.

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
        return Predictions((), dict.fromkeys(Source, reason))
    found = predict_boundaries(Source.FULL, full, training, progress)
    try:
        model = parametric_model(fitted, seed)
        return Predictions((*found, *predict_boundaries(Source.PARAMETRIC, model, training, progress)), {})
    except InputError as error:
        return Predictions(found, {Source.PARAMETRIC: str(error)})
