"""What a tracked training wrote is read back as it was; anything else is refused in one line."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from empirical.networks.network_training import TrainingPlan
from empirical.probes.standard import RECONSTRUCTION, WHOLE, Measurement, ProbePlan
from empirical.studies.track import Tracked, TrackPlan, measurement_columns
from empirical.studies.track_report import tracked_as_json
from empirical.studies.tracked_file import alignments_in, read_tracked
from simulation.runs.run_folder import RunFolder
from theory import InputError


def tracked() -> Tracked:
    generator = np.random.default_rng(0)
    plan = TrackPlan(TrainingPlan("vgg8", 4, steps=4, seed=3), ProbePlan(("block5",)), seeds=2)
    rows = tuple(
        tuple(
            (
                Measurement(WHOLE, "test accuracy", float(generator.uniform()), 0.01),
                Measurement("block5", RECONSTRUCTION, float(generator.uniform()), note="few samples"),
            )
            for _ in plan.steps
        )
        for _ in range(2)
    )
    return Tracked(plan, "images", rows)


def write(result, path):
    folder = RunFolder(path)
    folder.write_table("measures.parquet", measurement_columns(result))
    folder.write_json("result.json", tracked_as_json(result) | {"alignment": {"colour dominance": 0.25}})


def test_it_comes_back_as_it_was(tmp_path):
    result = tracked()
    write(result, tmp_path)
    again = read_tracked(tmp_path)
    assert (again.plan, again.data) == (result.plan, result.data)
    np.testing.assert_equal(measurement_columns(again), measurement_columns(result))
    assert alignments_in(tmp_path) == {"colour dominance": 0.25}


def test_anything_else_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"folder: .*result.json is missing"):
        read_tracked(tmp_path)
    write(tracked(), tmp_path)
    (tmp_path / "measures.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match=r"folder: .*measures.parquet is damaged"):
        read_tracked(tmp_path)
    write(tracked(), tmp_path)
    content = json.loads((tmp_path / "result.json").read_text())
    content["plan"]["seeds"] = 3
    (tmp_path / "result.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="does not hold the seeds and steps"):
        read_tracked(tmp_path)
    (tmp_path / "result.json").write_text('{"plan": 3}')
    with pytest.raises(InputError, match=r"folder: .*result\.json: "):
        read_tracked(tmp_path)
    with pytest.raises(InputError, match="the file has no alignment"):
        alignments_in(tmp_path)
    (tmp_path / "result.json").write_text("[]")
    with pytest.raises(InputError, match=r"folder: .*result\.json: "):
        read_tracked(tmp_path)


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
        (1, {"layer": WHOLE, "measure": "test accuracy"}),  # a second time
    ],
)
def test_what_no_measurement_gives_is_refused(tmp_path, place, values):
    write(tracked(), tmp_path)
    table = measurement_columns(_changed(tracked(), place, **values))
    RunFolder(tmp_path).write_table("measures.parquet", table)
    with pytest.raises(InputError, match=r"^folder: .*measures.parquet.*track again$") as caught:
        read_tracked(tmp_path)
    assert "\n" not in str(caught.value)
