from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from empirical import CheckPlan, CheckReport, check
from empirical.data.datasets import DataSet
from empirical.studies.check.outcome import Check
from theory import InputError
from theory.assumptions import Assessment, Side, Verdict

FITS = Path(__file__).parents[3] / "paper" / "results" / "fits"


def two_classes() -> DataSet:
    generator = np.random.default_rng(0)
    labels = np.arange(200) % 2
    inputs = generator.standard_normal((200, 4)) * [2, 1, 1, 0.5] + labels[:, None]
    return DataSet("pair", inputs.astype(np.float32), labels, 2, ("labels are numbered anew",))


def test_a_report_that_is_read_back_says_the_same(tmp_path: Path) -> None:
    report = check(two_classes(), CheckPlan(step_share=0.2), folder=tmp_path)
    again = CheckReport.read(tmp_path)
    assert again.content() == report.content()
    assert again.lines() == report.lines()
    assert again.plan == report.plan
    assert again.notes == ("labels are numbered anew",)
    assert report.holds  # an assumption that fails is no claim that fails


@pytest.mark.parametrize("ends", [(-np.inf, np.inf), (np.nan, np.nan), (0.5, np.inf), None])
@pytest.mark.parametrize("value", [0.7, np.nan, np.inf])
def test_numbers_that_json_lacks_come_back(value: float, ends: tuple[float, float] | None) -> None:
    assessment = Assessment("A3", "alignment", "R2 / R0", value, 1.0, Side.ABOVE, ends)
    outcome = Check("pair", (assessment,), ("T1",), {}, {}, {}, {}, {})
    content = json.loads(json.dumps(outcome.content(), allow_nan=False))
    (row,) = content["assumptions"]
    for number in (row["value"], row["margin"], *(row["interval"] or ())):
        assert number is None or isinstance(number, float)
    (again,) = Check.from_content(content).assessments
    for one, other in ((again.value, value), (again.interval, ends)):
        np.testing.assert_equal(one, other)
    assert again.verdict is assessment.verdict


def test_infinite_ends_of_older_versions_are_words() -> None:
    assessment = Assessment("A3", "alignment", "R2 / R0", 0.7, 1.0, Side.ABOVE, (0.5, np.inf))
    content = Check("pair", (assessment,), ("T1",), {}, {}, {}, {}, {}).content()
    content["assumptions"][0]["interval"] = [0.5, "inf"]
    del content["assumptions"][0]["infinite"]
    assert Check.from_content(content).assessments == (assessment,)


@pytest.mark.parametrize("folder", sorted(FITS.iterdir()), ids=lambda folder: folder.name)
def test_checks_of_the_first_version_keep_their_verdicts(folder: Path) -> None:
    """They have no sides; the sign of the margin tells."""
    content = json.loads((folder / "result.json").read_text())["check"]
    outcome = Check.from_content(content)
    assert [one.verdict is Verdict.HOLDS for one in outcome.assessments] == [
        row["holds"] for row in content["assumptions"]
    ]
    assert list(outcome.applicable) == content["applicable"]


def test_a_plan_is_refused_before_data_are_loaded(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="step_share: 5 is not stable for softmax"):
        CheckPlan(step_share=5)
    (tmp_path / "run.json").write_text('{"command": "phases track"}')
    with pytest.raises(InputError, match="holds results of phases track"):
        check("no such data", folder=tmp_path)
