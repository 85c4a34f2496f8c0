from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from empirical import load
from empirical.boundary_prediction import LINEARISED, MEAN_FIELD, Training, predict
from empirical.checking import check
from empirical.fit_figure import draw_fit
from empirical.fit_report import FULL, PARAMETRIC, FitReport, fit_as_json, fit_lines, report_fit, spectrum_columns
from empirical.model_fit import fit_data_model, split_for_fit
from theory import InputError, Regime, Softmax, expected_turning_point
from theory.progress import silent


@pytest.fixture(scope="module")
def report() -> FitReport:
    data = load("digits")
    fitted = fit_data_model(*split_for_fit(data))
    training = Training(Softmax(), 0.08 / float(fitted.full_model.eigenvalues[0]), 0.01, 1024, 2, 0)
    return report_fit("digits", fitted, check(data, Softmax(), 0.08, 0.01, 0, silent), training)


def test_both_models_and_both_levels_are_predicted(report: FitReport) -> None:
    assert [(one.source, one.level) for one in report.predictions] == [
        (source, level) for source in (PARAMETRIC, FULL) for level in (LINEARISED, MEAN_FIELD)
    ]
    # The other rises come to the resolution of a hundredth only after these steps.
    full = next(one for one in report.predictions if (one.source, one.level) == (FULL, LINEARISED))
    assert full.boundaries.regime is Regime.THREE_PHASES
    for one in report.predictions:
        assert one.curve.mean.min() < one.curve.mean[0] - 0.1


def test_the_linearised_turning_point_is_that_of_the_expected_curve(report: FitReport) -> None:
    """The fit of a cubic to the curve against the minimum of the curve."""
    full = next(one for one in report.predictions if (one.source, one.level) == (FULL, LINEARISED))
    expected = expected_turning_point(report.fitted.full_model, Softmax(), report.training.init_scale).time
    assert expected is not None
    assert full.boundaries.turning_point == pytest.approx(expected, rel=0.05)


def test_the_report_is_text_and_json(report: FitReport) -> None:
    text = "\n".join(fit_lines(report))
    for word in ("alpha", "beta", "A1", "A8", "broken power law", "tail index", PARAMETRIC, FULL, "warning"):
        assert word in text
    values = json.loads(json.dumps(fit_as_json(report), allow_nan=False))
    assert report.fitted.alpha is not None
    assert values["alpha"]["value"] == report.fitted.alpha.value
    assert len(values["check"]["assumptions"]) == 8
    assert values["predictions"][3]["steps"][-1] == 1024
    columns = spectrum_columns(report)
    assert len(columns["rank"]) == len(columns["signal"]) == report.fitted.spectrum.rank


def test_the_figure_is_written(report: FitReport, tmp_path: Path) -> None:
    path = tmp_path / "fit.png"
    draw_fit(report.fitted, "digits, $5", path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_step_sizes_that_are_not_stable_are_refused(report: FitReport) -> None:
    model = report.fitted.full_model
    unstable = Training(Softmax(), 5 / float(model.eigenvalues[0]), 0.01, 16, 1, 0)
    with pytest.raises(InputError, match="step_size"):
        predict(FULL, model, unstable)
    with pytest.raises(InputError, match="init_scale"):
        Training(Softmax(), 0.1, 0.0, 16, 1, 0)
    assert np.all(np.diff(unstable.recorded) > 0)
