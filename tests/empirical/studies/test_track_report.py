"""What a tracked training wrote is read back as it was; anything else is refused in one line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from empirical.networks.network_training import TrainingPlan
from empirical.probes.measures import RECONSTRUCTION, TEST_ACCURACY, WHOLE, Measure, Measurement
from empirical.probes.probe_tasks import COLOUR
from empirical.probes.standard import ProbePlan
from empirical.studies.track.plan import TrackPlan
from empirical.studies.track.report import TrackReport
from empirical.studies.track.trainings import readings_of
from simulation.runs.run_folder import RunFolder
from theory import InputError

COMMITTED = Path(__file__).parents[3] / "paper" / "results"


def tracked() -> TrackReport:
    generator = np.random.default_rng(0)
    plan = TrackPlan(TrainingPlan("vgg8", 4, steps=4, seed=3), ProbePlan(("block5",)), seeds=2, classes=(4, 1))
    rows = tuple(
        tuple(
            (
                Measurement(WHOLE, TEST_ACCURACY, float(generator.uniform()), 0.01),
                Measurement("block5", RECONSTRUCTION, float(generator.uniform()), note="few samples"),
            )
            for _ in plan.steps
        )
        for _ in range(2)
    )
    return TrackReport(
        plan, "images", rows, readings_of(plan, rows), {COLOUR: 0.25}, {"python": "3"}, ("labels were text",)
    )


def write(report: TrackReport, path: Path) -> None:
    """Table and result; a figure needs more measures than are planted."""
    folder = RunFolder(path)
    for name, columns in report.tables().items():
        folder.write_table(name, columns)
    folder.write_json(report.result_name, report.content())


def test_it_comes_back_as_it_was(tmp_path):
    result = tracked()
    write(result, tmp_path)
    again = TrackReport.read(tmp_path)
    assert (again.plan, again.data, again.holds) == (result.plan, result.data, True)
    np.testing.assert_equal(again.content(), result.content())
    np.testing.assert_equal(again.tables(), result.tables())
    assert again.lines() == result.lines()
    assert again.notes == result.notes


#: The classes; of the last layer: steps of half of the fall and of the turning point, and mean accuracy of the probe
#: of the dominant colour at the end.
PUBLISHED = {
    "track-vgg8-cifar10": (None, 32, 267, 0.777),
    "track-resnet10-cifar10": (None, 48, 562, 0.762),
    "track-vgg8-five": ((0, 1, 2, 3, 4), 27, 169, 0.795),
    "track-resnet10-five": ((0, 1, 2, 3, 4), 33, 358, 0.780),
    "track-vgg8-vehicles": ((0, 1, 8, 9), 22, 173, 0.790),
    "track-vgg8-animals": ((2, 3, 4, 5, 6, 7), 38, 309, 0.765),
    "decoder-vgg8": (None, 42, 345, 0.7655),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_trainings_are_read(name):
    classes, half_fall, turning, colour = PUBLISHED[name]
    report = TrackReport.read(COMMITTED / name)
    assert report.plan.classes == classes
    today = replace(report, readings=readings_of(report.plan, report.rows))
    assert report.lines() == today.lines()  # to the digits that are printed
    reading = report.readings[report.last_layer]
    assert (round(reading.half_fall.value), round(reading.turning_point.value)) == (half_fall, turning)
    assert report.values(report.last_layer, Measure.probe(COLOUR))[:, -1].mean() == pytest.approx(colour, abs=5e-4)
    assert report.lines()


def test_every_committed_training_is_among_them():
    folders = [*COMMITTED.glob("track-*"), *COMMITTED.glob("decoder-*")]
    assert {folder.name for folder in folders} == set(PUBLISHED)


def test_anything_else_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"folder: .*result.json is missing"):
        TrackReport.read(tmp_path)
    write(tracked(), tmp_path)
    (tmp_path / "measures.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match=r"folder: .*measures.parquet is damaged"):
        TrackReport.read(tmp_path)
    write(tracked(), tmp_path)
    content = json.loads((tmp_path / "result.json").read_text())
    changed = content | {"plan": content["plan"] | {"seeds": 3}}
    (tmp_path / "result.json").write_text(json.dumps(changed))
    with pytest.raises(InputError, match="does not hold the seeds and steps"):
        TrackReport.read(tmp_path)
    (tmp_path / "result.json").write_text(json.dumps(content | {"phases": {}}))
    with pytest.raises(InputError, match="holds no phases of the layer 'block5'"):
        TrackReport.read(tmp_path)
    for text in ('{"plan": 3}', "[]"):
        (tmp_path / "result.json").write_text(text)
        with pytest.raises(InputError, match=r"folder: .*result\.json: "):
            TrackReport.read(tmp_path)


def _changed(result, place, **values):
    """The same with one row of the first checkpoint changed."""
    rows = list(result.rows[0][0])
    rows[place] = replace(rows[place], **values)
    first = (tuple(rows), *result.rows[0][1:])
    return replace(result, rows=(first, *result.rows[1:]))


@pytest.mark.parametrize(
    ("place", "values"),
    [
        (0, {"value": 1.5}),
        (0, {"value": -0.1}),
        (0, {"standard_error": -1.0}),
        (1, {"value": 1e308}),  # no figure could be drawn
        (1, {"layer": WHOLE, "measure": TEST_ACCURACY}),  # a second time
    ],
)
def test_what_no_measurement_gives_is_refused(tmp_path, place, values):
    write(tracked(), tmp_path)
    table = _changed(tracked(), place, **values).tables()["measures.parquet"]
    RunFolder(tmp_path).write_table("measures.parquet", table)
    with pytest.raises(InputError, match=r"^folder: .*measures.parquet.*track again$") as caught:
        TrackReport.read(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_measure_that_nobody_knows_is_refused(tmp_path):
    write(tracked(), tmp_path)
    table = tracked().tables()["measures.parquet"]
    table["measure"][0] = "beauty"
    RunFolder(tmp_path).write_table("measures.parquet", table)
    with pytest.raises(InputError, match="measure: 'beauty' is unknown"):
        TrackReport.read(tmp_path)
