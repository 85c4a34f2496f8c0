"""The fit of a set of features with all that is reported of it."""

from __future__ import annotations

from empirical.data.class_checks import check_class_means, check_class_sizes
from empirical.data.datasets import DataSet
from empirical.fit.model_fit import fit_data_model, split_for_fit
from empirical.studies.boundary_prediction import Training
from empirical.studies.check.outcome import CheckPlan, evaluate
from empirical.studies.fit_report import FitReport, report_fit
from empirical.studies.run_sizes import check_step_share
from theory import Softmax
from theory.progress import Progress, described
from theory.validation import at_least, positive

#: Draws of W(0) behind a predicted mean field.
_REPLICAS = 4


def fit_features(
    data: DataSet, init_scale: float, step_share: float, steps: int, seed: int, progress: Progress
) -> FitReport:
    """Fit the data model, evaluate A1 to A8 and predict the boundaries of a softmax layer.

    Args:
        data: features with labels.
        init_scale: sigma0 of the layer.
        step_share: eta times the largest eigenvalue.
        steps: last step.
        seed: of the halves, the projections and W(0).
        progress: shows how far each part of the work is.

    Raises:
        InputError: values out of range, or data that do not fit (``fit_data_model``).
    """
    loss = Softmax()
    positive("init_scale", init_scale)
    positive("step_share", step_share)
    at_least("steps", steps, 1)
    check_step_share(step_share, loss)
    check_class_sizes(data)
    check_class_means(data)
    fitted = fit_data_model(*split_for_fit(data, seed=seed), seed=seed, progress=described(progress, "fit"))
    assumptions = evaluate(data, CheckPlan(loss, step_share, init_scale, seed), described(progress, "assumptions"))
    step_size = step_share / float(fitted.full_model.eigenvalues[0])
    training = Training(loss, step_size, init_scale, steps, _REPLICAS, seed)
    return report_fit(data.name, fitted, assumptions, training, seed, described(progress, "mean field"))
