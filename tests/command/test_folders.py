"""Folders that commands are given: those of other runs, of other settings, copies, and names that are not harmless."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from phases import app
from tests.empirical.studies.test_track import blobs

LAYERS = ("--layer", "block3", "--layer", "block5")


def _run(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def _error(*arguments: str) -> str:
    done = _run(*arguments)
    assert done.exit_code == 2, done.output
    assert done.stderr.count("\n") == 1, done.stderr
    return str(done.stderr)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images in a file whose name figures, LaTeX and terminals would read as commands."""
    path = tmp_path_factory.mktemp("data") / "a$b_{^x}%&#\\input{f}.npz"
    train, test = blobs(120, 0), blobs(60, 1)
    arrays = {"train_images": train.images, "train_labels": train.labels}
    np.savez(path, **arrays, test_images=test.images, test_labels=test.labels)
    return path


def _track(images: Path, out: Path, *more: str) -> tuple[str, ...]:
    small = ("--network", "vgg8", "--base-width", "2", "--pooled-features", "16", "--step-size", "0.05")
    return ("track", str(images), *small, "--classes", "0,1", *LAYERS, "--out", str(out), *more)


@pytest.fixture(scope="module")
def tracked(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one step, which leaves two checkpoints."""
    out = tmp_path_factory.mktemp("track") / "run"
    done = _run(*_track(images, out, "--steps", "1", "--batch-size", "32"))
    assert done.exit_code == 0, done.output
    return out


def test_one_step_is_kept_with_its_report_and_its_figure(tracked: Path) -> None:
    content = json.loads((tracked / "result.json").read_text())
    assert content["steps"] == [0, 1]
    assert not any(reading["turned"] for reading in content["phases"].values())
    assert {"track.png", "measures.parquet", "run.json"} <= {path.name for path in tracked.iterdir()}


def test_other_settings_ask_for_another_folder_and_delete_nothing(images: Path, tracked: Path) -> None:
    error = _error(*_track(images, tracked, "--steps", "1", "--batch-size", "16"))
    assert "is of other settings, data or seed; give another folder" in error
    assert "delete" not in error
    assert "damaged" not in error
    # A checkpoint that is cut off is damaged.
    cut = tracked.parent / "cut"
    shutil.copytree(tracked, cut)
    file = cut / "seed-0" / "checkpoints" / "step-00000001.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    assert "is damaged" in _error(*_track(images, cut, "--steps", "1", "--batch-size", "32"))


def test_an_unknown_layer_is_named_before_there_is_a_folder(images: Path, tmp_path: Path) -> None:
    error = _error(*_track(images, tmp_path / "new", "--layer", "block6"))
    assert "block6" in error
    assert not (tmp_path / "new").exists()


def test_transfer_takes_each_training_once_and_writes_elsewhere(tracked: Path, tmp_path: Path) -> None:
    out = ("--out", str(tmp_path / "out"))
    assert "holds results of phases track" in _error("transfer", str(tracked), "--out", str(tracked))
    (tmp_path / "link").symlink_to(tracked)
    shutil.copytree(tracked, tmp_path / "copy")
    for other in (tracked, tmp_path / "link", tracked / ".." / "run", tmp_path / "copy"):
        assert "holds the same measurements as" in _error("transfer", str(tracked), str(other), *out)
    assert not (tmp_path / "out").exists()
    done = _run("transfer", str(tracked), *out)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "transfer.png").stat().st_size > 10_000
    assert "holds results of phases transfer" in _error("verify", *out)


_PLAN = ("plan",)
_TRAINING = ("plan", "training")


@pytest.mark.parametrize(
    ("place", "value", "fault"),
    [
        (("data",), None, "data is null"),
        (_PLAN, [], "plan is a list of 0"),
        ((*_PLAN, "seeds"), 10**9, "plan.seeds is 1000000000; give an integer from 1 to 1000"),
        ((*_PLAN, "seeds"), "1", "plan.seeds is '1'"),
        ((*_PLAN, "seeds"), 10**400, "plan.seeds is an integer of 1329 bits"),
        ((*_PLAN, "seeds"), 2, "does not hold the seeds and steps"),
        ((*_PLAN, "probe", "layers"), [], "plan.probe.layers is a list of 0"),
        ((*_PLAN, "probe", "layers"), ["no"], "does not hold the layer 'no'"),
        ((*_PLAN, "probe", "layers"), "block5", "plan.probe.layers is 'block5'"),
        ((*_PLAN, "also"), ["magic"], "also: 'magic' is unknown"),
        ((*_PLAN, "new"), 1, None),
        ((*_TRAINING, "steps"), 1e308, "plan.training.steps is 1e+308"),
        ((*_TRAINING, "network"), "lenet", "network: 'lenet' is unknown"),
        ((*_TRAINING, "new"), 1, "has a plan of another version"),
        (("alignment",), {}, "is missing; track again"),
        (("alignment",), {"colour dominance": "high"}, "is 'high'"),
        (("alignment", "colour dominance"), 7, "is 7; give a number"),
    ],
    ids=lambda one: str(one)[:30],
)
def test_an_edited_result_is_refused_with_the_place(
    tracked: Path, tmp_path: Path, place: tuple[str, ...], value: Any, fault: str | None
) -> None:
    shutil.copytree(tracked, tmp_path / "run", ignore=shutil.ignore_patterns("seed-*"))
    file = tmp_path / "run" / "result.json"
    content = json.loads(file.read_text())
    parent = content
    for name in place[:-1]:
        parent = parent[name]
    parent[place[-1]] = value
    file.write_text(json.dumps(content))
    call = ("transfer", str(tmp_path / "run"), "--out", str(tmp_path / "out"))
    if fault is None:
        assert _run(*call).exit_code == 0
    else:
        assert fault in _error(*call)


@pytest.mark.parametrize(
    ("column", "values", "fault"),
    [
        ("seed", None, "has no column seed"),
        ("value", "text", "value has type string"),
        ("step", "float", "step has type double"),
        ("value", "gap", "value has type double or gaps"),
        ("value", "inf", "value holds infinity"),
        ("value", "nan", "NaN or infinite entries"),
    ],
)
def test_an_edited_table_is_refused(tracked: Path, tmp_path: Path, column: str, values: str | None, fault: str) -> None:
    shutil.copytree(tracked, tmp_path / "run", ignore=shutil.ignore_patterns("seed-*"))
    columns = pq.read_table(tracked / "measures.parquet").to_pydict()
    match values:
        case None:
            del columns[column]
        case "text":
            columns[column] = [str(one) for one in columns[column]]
        case "float":
            columns[column] = [float(one) for one in columns[column]]
        case "gap":
            columns[column][0] = None
        case "inf" | "nan":
            columns[column] = [float(values)] * len(columns[column])
    pq.write_table(pa.table(columns), tmp_path / "run" / "measures.parquet")
    error = _error("transfer", str(tmp_path / "run"), "--out", str(tmp_path / "out"))
    assert fault in error
    assert not (tmp_path / "out").exists()


def test_a_verification_of_a_file_with_such_a_name_is_drawn(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    labels = np.arange(60) % 2
    path = tmp_path / "$_{x^}\\input{f}%&#<b>.npz"
    np.savez(path, inputs=generator.standard_normal((60, 3)) + labels[:, None], labels=labels)
    few = ("--steps", "2", "--init-scale", "0.01", "--replicas", "2")
    done = _run("verify", str(path), *few, "--out", str(tmp_path / "verify"))
    assert done.exit_code in (0, 1), done.output
    assert (tmp_path / "verify" / "phases.png").stat().st_size > 10_000


def test_home_is_written_out_in_every_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    np.savez(tmp_path / "good.npz", inputs=np.random.default_rng(0).random((60, 3)), labels=np.arange(60) % 2)
    done = _run("check", "~/good.npz", "--out", "~/checked")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "checked" / "check.json").is_file()
    assert not (tmp_path / "~").exists()
    assert f"{tmp_path}/missing.npz is not a file" in _error("verify", "~/missing.npz")
    assert f"{tmp_path}/data" in _error("verify", "cifar10", "--data-root", "~/data")
    assert f"{tmp_path}/run" in _error("transfer", "~/run")
