"""The commands on images and features, as a user calls them."""

import dataclasses
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from phases import app
from simulation.experiments.robustness import AXES, Relaxed, Setting
from tests.empirical.studies.test_track import blobs


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "blobs.npz"
    train, test = blobs(400, 0), blobs(120, 1)
    np.savez(
        path,
        train_images=train.images,
        train_labels=train.labels,
        test_images=test.images,
        test_labels=test.labels,
    )
    return str(path)


def run(*arguments):
    return CliRunner().invoke(app, list(arguments))


SMALL = ("--network", "vgg8", "--base-width", "4", "--pooled-features", "32")


@pytest.fixture(scope="module")
def tracked(images, tmp_path_factory):
    out = tmp_path_factory.mktemp("track")
    result = run(
        "track", images, *SMALL, "--steps", "8", "--batch-size", "64", "--step-size", "0.05",
        "--layer", "block3", "--layer", "block5", "--classes", "0,1", "--out", str(out),
    )  # fmt: skip
    return result, out


def test_track_writes_checkpoints_table_report_and_figure(tracked):
    result, out = tracked
    assert result.exit_code == 0, result.output
    content = json.loads((out / "result.json").read_text())
    assert content["steps"] == [0, 1, 2, 4, 8]
    assert set(content["phases"]) == {"block3", "block5"}
    assert content["versions"]["device"] == "cpu"
    assert {"measures.parquet", "track.png", "seed-0"} <= {path.name for path in out.iterdir()}
    assert "block5" in result.output


def test_transfer_reads_what_track_wrote(tracked, tmp_path):
    content = json.loads((tracked[1] / "result.json").read_text())
    assert set(content["alignment"]) == {"colour dominance", "held-out classes"}
    assert all(0 <= share <= 1 for share in content["alignment"].values())
    result = run("transfer", str(tracked[1]), "--out", str(tmp_path))
    assert result.exit_code == 0, result.output  # one seed decides nothing
    rows = json.loads((tmp_path / "result.json").read_text())["rows"]
    assert {row["task"] for row in rows} == set(content["alignment"])
    assert all(row["last_step"] == 8 and row["effect"] == "no difference seen" for row in rows)
    assert (tmp_path / "transfer.png").stat().st_size > 10_000
    printed = run("transfer", str(tracked[1]), "--out", str(tmp_path), "--json")
    assert json.loads(printed.stdout) == json.loads((tmp_path / "result.json").read_text())
    assert run("transfer", str(tracked[1]), "--out", str(tmp_path), "--quiet").stdout == ""
    again = run("transfer", str(tmp_path), "--out", str(tmp_path / "again"))
    assert again.exit_code == 2
    assert again.stderr.startswith("error: folder: ")
    assert len(again.stderr.strip().splitlines()) == 1


def test_fit_reads_a_checkpoint_of_track(tracked, images, tmp_path):
    checkpoint = tracked[1] / "seed-0" / "checkpoints" / "step-00000008.safetensors"
    two = np.load(images)
    path = tmp_path / "two.npz"
    kept = {name: two[f"{name}_labels"] < 2 for name in ("train", "test")}
    arrays = {f"{name}_{kind}": two[f"{name}_{kind}"][kept[name]] for name in kept for kind in ("images", "labels")}
    np.savez(path, **arrays)
    out = tmp_path / "fit"
    result = run(
        "fit", str(path), *SMALL, "--checkpoint", str(checkpoint), "--layer", "block4",
        "--steps", "16", "--out", str(out),
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    content = json.loads((out / "result.json").read_text())
    assert len(content["check"]["assumptions"]) == 8
    assert {"fit.png", "spectrum.parquet"} <= {path.name for path in out.iterdir()}
    assert "alpha" in result.output


def test_sweeps_print_their_result_as_json_and_end_with_what_failed(tmp_path, monkeypatch):
    """One level holds and one cannot be computed: the exit code is that of an error, and the rest is kept."""
    axis = next(one for one in AXES if one.relaxed is Relaxed.STEP_SHARE)
    small = Setting(spectrum="spikes", classes=2, loss="squared", samples=200, steps=20, draws=2)
    chosen = [(axis, small), (axis, dataclasses.replace(small, step_share=2.5))]
    monkeypatch.setattr("empirical.studies.robustness.job.settings", lambda draws, seed, axes: chosen)
    call = ("sweep", "robustness", "--workers", "1", "--json", "--out", str(tmp_path))
    result = run(*call)
    assert result.exit_code == 3
    content = json.loads(result.stdout)
    assert content == json.loads((tmp_path / "result.json").read_text())
    assert len(content["points"]) == 2
    assert "failed: step size, eta c lambda_1 2.5: " in result.stderr
    del chosen[1]
    assert run(*call).exit_code == 0


def test_predict_compares_untrained_features_and_says_so_by_its_exit_code(images, tmp_path):
    out = tmp_path / "predict"
    result = run(
        "predict", images, *SMALL, "--layer", "block4", "--steps", "16", "--batch-size", "100",
        "--replicas", "2", "--out", str(out),
    )  # fmt: skip
    content = json.loads((out / "result.json").read_text())
    rows = content["rows"]
    assert {row["features"] for row in rows} == {"block4, untrained"}
    holds = any(row["early"] <= 0.02 and row["late"] <= 0.03 for row in rows if "parametric" not in row["source"])
    assert result.exit_code == (0 if holds else 1)
    assert {"predict.png", "curves.parquet"} <= {path.name for path in out.iterdir()}


@pytest.mark.parametrize("command", ["track", "fit", "predict"])
def test_help_teaches(command):
    result = run(command, "--help")
    assert result.exit_code == 0
    for option in ("--network", "--seed", "--out", "--device"):
        assert option in result.output


def test_data_given_as_an_option_are_taken_with_a_note(tmp_path):
    done = run("track", "--data", "missing.npz", "--out", str(tmp_path))
    note, error = done.stderr.splitlines()
    assert note == "note: --data is the older way to name the data; the argument does: missing.npz"
    assert error.startswith("error: data: ")
    both = run("track", "missing.npz", "--data", "missing.npz", "--out", str(tmp_path))
    assert (both.exit_code, "given twice" in both.output) == (2, True)
