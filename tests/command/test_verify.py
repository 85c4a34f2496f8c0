from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from empirical import DATA_ROOT_VARIABLE
from phases import app


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def _phases(folder: Path, *arguments: str) -> Done:
    """Run the command in ``folder``, in this process, without a data root of the user's."""
    with contextlib.chdir(folder):
        result = CliRunner(env={DATA_ROOT_VARIABLE: None}).invoke(app, list(arguments), prog_name="phases")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(result.exit_code, result.stdout, result.stderr)


@pytest.fixture(scope="module")
def two_classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two Gaussian classes of 300 samples in six dimensions."""
    generator = np.random.default_rng(0)
    labels = np.arange(600) % 2
    inputs = generator.standard_normal((600, 6)) * np.arange(6, 0, -1) ** 0.5
    inputs[:, :2] += 1.5 * (labels[:, None] - 0.5)
    path = tmp_path_factory.mktemp("data") / "mine.npz"
    np.savez(path, inputs=inputs, labels=labels)
    return path


def test_the_file_is_the_command() -> None:
    file = Path(__file__).resolve().parents[2] / "phases.py"
    done = subprocess.run([sys.executable, str(file), "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "phases verify" in done.stdout


def test_help_teaches_the_commands_and_their_exit_codes(tmp_path: Path) -> None:
    general = _phases(tmp_path, "--help")
    assert general.returncode == 0
    assert "phases verify" in general.stdout
    assert "Exit codes: 0" in general.stdout
    assert "..." not in general.stdout.partition("Commands:")[2]
    assert max(map(len, general.stdout.splitlines())) <= 80
    own = _phases(tmp_path, "verify", "--help")
    assert own.returncode == 0
    for option in (
        "[DATA]",
        "--data-root",
        "--json",
        "--quiet",
        "--init-scale",
        "--loss",
        "--steps",
        "--out",
        "--seed",
    ):
        assert option in own.stdout


@pytest.mark.parametrize("loss", ["softmax", "logistic", "squared"])
def test_a_users_own_file_is_verified_with_every_loss(tmp_path: Path, two_classes: Path, loss: str) -> None:
    arguments = (str(two_classes), "--loss", loss, "--init-scale", "0.01", "--steps", "400", "--out", "out")
    done = _phases(tmp_path, "verify", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "out" / "result.json").read_text())
    assert report["configuration"]["loss"] == loss
    assert report["versions"]["torch"]
    assert (done.returncode == 0) is report["nothing_fails"]
    assert {claim["source"] for claim in report["claims"]} == {"inputs", "synthetic"}
    table = pq.read_table(tmp_path / "out" / "curves.parquet")
    assert set(table.column("curve").to_pylist()) == {"trained", "derived", "linearised"}
    assert (tmp_path / "out" / "phases.png").read_bytes()[:4] == b"\x89PNG"
    assert "train on inputs" in done.stderr  # the progress bar
    # Exact theory: squared error on a full batch is its own closed form, so its curve claims hold.
    if loss == "squared":
        curves = [claim for claim in report["claims"] if claim["kind"] in ("mean-field curve", "linearised curve")]
        assert max(claim["deviation"] for claim in curves) < 1e-3


def test_a_second_run_uses_what_is_finished_and_gives_the_same_result(tmp_path: Path, two_classes: Path) -> None:
    arguments = ("verify", str(two_classes), "--init-scale", "0.01", "--steps", "50", "--out", "out")
    _phases(tmp_path, *arguments)
    parts = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "parts").iterdir()}
    first = (tmp_path / "out" / "result.json").read_text()
    again = _phases(tmp_path, *arguments)
    assert "train on" not in again.stderr
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "parts").iterdir()} == parts
    assert (tmp_path / "out" / "result.json").read_text() == first


def test_the_result_goes_to_the_standard_output_as_lines_json_or_not_at_all(tmp_path: Path, two_classes: Path) -> None:
    arguments = ("verify", str(two_classes), "--init-scale", "0.01", "--steps", "50", "--replicas", "2", "--out", "out")
    lines, as_json, quiet = (_phases(tmp_path, *arguments, *own) for own in ((), ("--json",), ("--quiet",)))
    assert lines.stdout.splitlines()[-1] == "result: out/result.json"
    assert json.loads(as_json.stdout) == json.loads((tmp_path / "out" / "result.json").read_text())
    assert quiet.stdout == ""
    assert {one.returncode for one in (lines, as_json, quiet)} == {0}


def test_the_older_option_names_the_data_with_a_note(tmp_path: Path, two_classes: Path) -> None:
    few = ("--init-scale", "0.01", "--steps", "2", "--replicas", "2", "--out", "out", "--quiet")
    done = _phases(tmp_path, "verify", "--data", str(two_classes), *few)
    assert done.returncode in (0, 1)
    assert f"note: --data is the older way to name the data; the argument does: {two_classes}" in done.stderr
    assert json.loads((tmp_path / "out" / "result.json").read_text())["data"] == "mine"


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(tmp_path: Path, two_classes: Path) -> None:
    arguments = ("verify", str(two_classes), "--init-scale", "0.01", "--steps", "20")
    tables = []
    for out, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        _phases(tmp_path, *arguments, "--out", out, "--seed", seed)
        tables.append(pq.read_table(tmp_path / out / "curves.parquet").column("loss").to_numpy())
    np.testing.assert_array_equal(tables[0], tables[1])
    assert not np.array_equal(tables[0], tables[2])


def test_a_failed_claim_exits_with_one(tmp_path: Path, two_classes: Path) -> None:
    """Initial outputs far beyond O(1) break the assumption of the linearisation (A8)."""
    arguments = (str(two_classes), "--init-scale", "3", "--steps", "100", "--out", "out")
    done = _phases(tmp_path, "verify", *arguments)
    assert done.returncode == 1, done.stderr
    failed = [line for line in done.stdout.splitlines() if line.endswith("FAILS")]
    assert any(line.startswith("linearised at") for line in failed)
    assert max(map(len, done.stdout.splitlines()[:-2])) <= 80  # the last two name files
    # The assumption that does not hold is the one that costs most.
    reasons = json.loads((tmp_path / "out" / "result.json").read_text())["reasons"]
    costs = {row["assumption"]: abs(row["deviation"]) for row in reasons if row["source"] == "inputs"}
    assert max(costs, key=costs.__getitem__) == "A8"


def _write(folder: Path, name: str, **arrays: object) -> None:
    np.savez(folder / name, **arrays)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["cifar10"], "data_root: is not given", id="no data root"),
        pytest.param(["cifar10", "--data-root", "nowhere"], "does not exist", id="missing data root"),
        pytest.param(["cifar10", "--data-root", "cut"], "bytes instead of 30730000", id="truncated batch"),
        pytest.param(["cifar10", "--data-root", "mislabelled"], "holds the label 77", id="label range"),
        pytest.param(["nan.npz"], "hold 1 NaN or infinite", id="NaN"),
        pytest.param(["one.npz"], "hold 1 class only", id="one class"),
        pytest.param(["none.npz"], "is not a file", id="no such file"),
        pytest.param(["--loss", "hinge"], "loss: 'hinge' is unknown; give one of", id="unknown loss"),
        pytest.param(["--loss", "logistic"], "logistic takes two classes", id="logistic with ten classes"),
        pytest.param(["--step-size", "6"], "not stable for softmax", id="unstable step size"),
        pytest.param(["--step-size", "-1"], "step_size: -1.0 is not accepted", id="negative step size"),
        pytest.param(["--step-size", "nan"], "step_size: nan is not accepted", id="step size NaN"),
        pytest.param(["--init-scale", "0"], "init_scale: 0.0 is not accepted", id="zero scale"),
        pytest.param(["--init-scale", "1", "--init-scale", "1"], "given twice", id="scale twice"),
        pytest.param(["--steps", "0"], "steps: 0 is not accepted", id="no steps"),
        pytest.param(["--replicas", "0"], "replicas: 0 is not accepted", id="no replicas"),
        pytest.param(["--batch-size", "5000"], "batch_size: 5000", id="batch larger than the data"),
        pytest.param(["--seed", str(2**63)], "give an integer from 0 to 2^63 - 1", id="seed too large"),
        pytest.param(["--init-scale", "1e39"], "give a number from 1e-13 to 1e+15", id="scale too large"),
        pytest.param(["--seed", "-1"], "seed: -1 is not accepted", id="negative seed"),
        pytest.param(["--out", "nan.npz"], "out: nan.npz is a file", id="output folder is a file"),
    ],
)
def test_bad_input_gives_one_line_and_exit_code_two_and_writes_nothing(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    _write(tmp_path, "nan.npz", inputs=np.array([[1.0], [np.nan]]), labels=[0, 1])
    _write(tmp_path, "one.npz", inputs=np.array([[1.0], [2.0]]), labels=[0, 0])
    for name, content in (("cut", b"\x01" * 100), ("mislabelled", b"\x4d" * 30_730_000)):
        folder = tmp_path / name / "cifar-10-batches-bin"
        folder.mkdir(parents=True)
        (folder / "data_batch_1.bin").write_bytes(content)
        for number in range(2, 6):
            (folder / f"data_batch_{number}.bin").hardlink_to(folder / "data_batch_1.bin")
    before = sorted(path for path in tmp_path.rglob("*"))
    done = _phases(tmp_path, "verify", *arguments)
    assert done.returncode == 2
    errors = [line for line in done.stderr.split("\n") if line and "it/s" not in line]
    assert len(errors) == 1, done.stderr
    assert errors[0].startswith("error: ")
    assert message in errors[0]
    assert done.stdout == ""
    assert sorted(path for path in tmp_path.rglob("*")) == before
