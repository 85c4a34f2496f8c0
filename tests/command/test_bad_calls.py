"""Every bad call: one line on the standard error that names the argument, exit code 2, and nothing left behind."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.main import get_command
from typer.testing import CliRunner

import phases
from empirical import DATA_ROOT_VARIABLE
from paper.__main__ import app as paper_app
from phases import app

#: Values that no option of a kind takes.
_BAD = {
    "INTEGER": ("-1", "1.5", "", "nan", "1e3", "99999999999999999999", "9" * 5000),
    "FLOAT": ("nan", "inf", "-inf", "1e308", "-1", "1e999", "", "x"),
    "TEXT": ("", " "),
    "PATH": ("",),
}
#: These may be as small as 0.
_FROM_ZERO = {"momentum", "weight_decay"}

#: What a command cannot be called without.
_REQUIRED = {"transfer": ["tracked"], "deep": ["tracked"], "decode": ["tracked"]}

#: The command of an application, built once: that takes ten times as long as to refuse a call.
_command = cache(get_command)


@dataclass(frozen=True)
class Done:
    exit_code: object
    stdout: str
    stderr: str


def _called(root: Path, application: Any, arguments: list[str]) -> Done:
    """Call the command in ``root``, in this process."""
    output, errors, code = io.StringIO(), io.StringIO(), None
    with contextlib.chdir(root), contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            _command(application).main(args=arguments, prog_name="phases")
        except SystemExit as ended:
            code = ended.code
    return Done(code, output.getvalue(), errors.getvalue())


def _commands() -> list[tuple[list[str], Any]]:
    """All commands as a user types them, with what typer makes of them."""
    found = []
    for name, command in _command(app).commands.items():  # type: ignore[attr-defined]
        if hasattr(command, "commands"):
            found += [([name, own], one) for own, one in command.commands.items()]
        else:
            found.append(([name], command))
    return found


def _bad_values() -> list[Any]:
    """Each option of each command with each value that its kind does not take."""
    table = []
    for words, command in _commands():
        for parameter in command.params:
            values = _BAD.get(parameter.metavar, ())
            if parameter.metavar == "FLOAT" and parameter.name not in _FROM_ZERO:
                values = (*values, "0", "1e-300")
            for value in values:
                option = [] if parameter.param_type_name == "argument" else [parameter.opts[0]]
                name = parameter.opts[0].lstrip("-").replace("-", "_")
                arguments = [*words, *(_REQUIRED.get(words[0], []) if option else []), *option, value]
                table.append(pytest.param(arguments, name, id=" ".join([*words, *option, value[:24]])))
    return table


@pytest.fixture(autouse=True)
def _without_a_data_root_of_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DATA_ROOT_VARIABLE, raising=False)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that can be in the way or wrong."""
    root = tmp_path_factory.mktemp("bad")
    generator = np.random.default_rng(0)
    (root / "file").write_text("")
    os.mkfifo(root / "pipe")
    (root / "nowhere").symlink_to("missing")
    (root / "loop").symlink_to("loop")
    labels = np.arange(60) % 2
    inputs = generator.standard_normal((60, 4))
    np.savez(root / "good.npz", inputs=inputs, labels=labels)
    np.savez(root / "pair.npz", inputs=inputs[:2], labels=[0, 1])
    np.savez(root / "lonely.npz", inputs=inputs[:5], labels=[0, 0, 0, 0, 1])
    np.savez(root / "same.npz", inputs=np.concatenate([inputs, inputs]), labels=np.arange(120) // 60)
    images = generator.integers(0, 256, (80, 3, 32, 32)).astype(np.uint8)
    for name, count, size, first in (("images.npz", 40, 32, 40), ("odd.npz", 20, 30, 40), ("copied.npz", 40, 32, 0)):
        np.savez(
            root / name,
            train_images=images[:count, :, :size, :size],
            train_labels=np.arange(count) % 4,
            test_images=images[first : first + count, :, :size, :size],
            test_labels=np.arange(count) % 4,
        )
    for name, entries in (("verified", {"claims": [], "draws": []}), ("other", {"mine": 1})):
        (root / name).mkdir()
        (root / name / "result.json").write_text(json.dumps(entries))
    (root / "marked").mkdir()
    (root / "marked" / "run.json").write_text('{"command": "phases track"}')
    (root / "blocked" / "result.json").mkdir(parents=True)
    (root / "piped").mkdir()
    os.mkfifo(root / "piped" / "curves.parquet")
    (root / "parted").mkdir()
    (root / "parted" / "parts").write_text("")
    return root


def _tree(root: Path) -> list[tuple[str, int]]:
    return sorted((str(path.relative_to(root)), path.lstat().st_mtime_ns) for path in root.rglob("*"))


def refused(root: Path, application: Any, arguments: list[str], named: str) -> str:
    """Run a call in ``root``, see it refused and return the message."""
    before = _tree(root)
    done = _called(root, application, arguments)
    assert done.exit_code == 2, done.stderr + done.stdout
    assert done.stderr.startswith("error: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert len(done.stderr) < 600
    assert named in done.stderr
    assert done.stdout == ""
    assert _tree(root) == before
    return done.stderr


@pytest.mark.parametrize(("arguments", "named"), _bad_values())
def test_every_option_refuses_what_its_kind_does_not_take(place: Path, arguments: list[str], named: str) -> None:
    refused(place, app, arguments, f"error: {named}: ")


#: Options whose text is checked against what they name; with these the calls get as far.
_WITH = {
    "track": ["images.npz", "--network", "vgg8", "--base-width", "2"],
    "predict": ["images.npz", "--network", "vgg8", "--base-width", "2"],
    "check": ["good.npz"],
}


def _long_texts() -> list[Any]:
    """Each option that takes a text or a path, with one of 4,000 characters."""
    table = []
    for words, command in _commands():
        for parameter in command.params:
            # The older --data is refused as the argument is, after its note.
            if parameter.metavar not in {"TEXT", "PATH", "FOLDER..."} or parameter.name == "older_data":
                continue
            given = _WITH.get(words[0], ["good.npz"] if words[0] in {"verify", "fit"} else [])
            option = [] if parameter.param_type_name == "argument" else [parameter.opts[0]]
            if not option or option[0] in given:
                given = []
            table.append(pytest.param([*words, *given, *option, "x" * 4000], id=" ".join([*words, parameter.name])))
    return table


@pytest.mark.parametrize("arguments", _long_texts())
def test_a_message_does_not_repeat_a_long_text(place: Path, arguments: list[str]) -> None:
    assert "x" * 61 not in refused(place, app, arguments, "")


def test_the_table_reaches_every_kind_of_option() -> None:
    table = _bad_values()
    assert len(table) >= 150
    # Options of other kinds are switches: nothing can be wrong with them.
    for _, command in _commands():
        others = [one for one in command.params if one.metavar not in {*_BAD, "FOLDER..."}]
        assert all(getattr(one, "is_flag", False) or one.param_type_name == "argument" for one in others), others


VERIFY = ["verify", "good.npz"]
SMALL = ["--network", "vgg8", "--base-width", "2", "--batch-size", "8"]
TRACK = ["track", "images.npz", *SMALL]
PREDICT = ["predict", "images.npz", "--network", "vgg8", "--base-width", "2", "--batch-size", "4"]

_CALLS = [
    (["verfy"], "verfy"),
    (["verify", "--stepps", "3"], "--stepps"),
    (["verify", "--steps"], "--steps"),
    (["verify", "extra"], "extra"),
    *(([*VERIFY, option, "0"], "0 is not accepted") for option in ("--steps", "--replicas", "--batch-size")),
    (["verify", "--steps", "1000000000000"], "steps: 1000000000000 is not accepted"),
    (["verify", "pair.npz"], "labels: class 0 has 1 sample;"),
    (["verify", "lonely.npz"], "labels: class 1 has 1 sample;"),
    (["verify", "same.npz"], "labels: all classes have the same mean"),
    (["verify", "~/no.npz"], "no.npz is not a file"),
    ([*VERIFY, "--replicas", "100000000"], "replicas: would need"),
    ([*VERIFY, "--batch-size", "100"], "batch_size: 100"),
    ([*VERIFY, "--data-root", "verified"], "data_root: does nothing without"),
    ([*VERIFY, "--download"], "download: does nothing without"),
    (["verify", "--download"], "download: does nothing without"),
    ([*VERIFY, "--loss", "hinge"], "loss: 'hinge' is unknown"),
    ([*VERIFY, "--target", "ink"], "data: good.npz holds no array 'ink'"),
    ([*VERIFY, "--target", "labels", "--target", "labels"], "targets: labels is given twice"),
    ([*VERIFY, "--target", "digits:0-3"], "target: 'digits:0-3' names other data"),
    (
        [*VERIFY, "--target", "component:5"],
        "target: 'component:5' is not accepted; give component:N with N from 1 to 4",
    ),
    ([*VERIFY, "--target", "labels", "--classes", "0"], "classes: 1 is not enough"),
    ([*VERIFY, "--target", "labels", "--classes", "0-9"], "classes: 9 is none of"),
    ([*VERIFY, "--target", "labels", "--hidden-width", "3"], "target: excludes --hidden-width"),
    ([*VERIFY, "--target", "labels", "--batch-size", "8"], "batch_size: does nothing here"),
    ([*VERIFY, "--target", "labels", "--step-size", "1e15"], "step_size: 1e+15 gives"),
    ([*VERIFY, "--target", "labels", "--out", "verified"], "out: verified holds results of phases verify"),
    ([*VERIFY, "--classes", "0"], "classes: does nothing without --target"),
    ([*VERIFY, "--clones", "4"], "clones: does nothing without --target"),
    ([*VERIFY, "--target", "labels", "--clones", "1"], "clones: 1 is not accepted; give an integer from 2"),
    ([*VERIFY, "--activation", "relu"], "activation: does nothing without --hidden-width"),
    ([*VERIFY, "--components", "0"], "components: 0 is not accepted; give an integer from 1"),
    ([*VERIFY, "--hidden-width", "3", "--activation", "tanh"], "activation: 'tanh' is not accepted"),
    ([*VERIFY, *["--hidden-width", "3", "--hidden-width", "3", "--activation", "relu"]], "widths: 2 rectified layers"),
    ([*VERIFY, *["--hidden-width", "3", "--init-scale", "1", "--init-scale", "2"]], "init_scale: is given several"),
    ([*VERIFY, *["--hidden-width", "3", "--components", "40"]], "labels: class 0 has 30 samples"),
    ([*VERIFY, "--step-size", "1e15"], "step_size: 1e+15 gives"),
    ([*VERIFY, "--out", "file"], "out: file is a file"),
    ([*VERIFY, "--out", "file/below"], "out: file is a file"),
    ([*VERIFY, "--out", "pipe"], "out: pipe is a named pipe"),
    ([*VERIFY, "--out", "/dev/null"], "out: /dev/null is a device"),
    ([*VERIFY, "--out", "nowhere"], "out: nowhere is a symbolic link to missing, which leads nowhere"),
    ([*VERIFY, "--out", "nowhere/below"], "out: nowhere is a symbolic link to missing, which leads nowhere"),
    ([*VERIFY, "--out", "loop"], "out: loop is a symbolic link to loop, which leads nowhere"),
    ([*VERIFY, "--out", "x" * 300], "out: a name of 300 characters is too long"),
    ([*VERIFY, "--out", "marked"], "out: marked holds results of phases track"),
    ([*VERIFY, "--out", "other"], "result.json was not written by this package"),
    ([*VERIFY, "--out", "blocked"], "result.json is a folder"),
    ([*VERIFY, "--out", "piped"], "curves.parquet is a named pipe"),
    ([*VERIFY, "--out", "parted"], "parts is a file"),
    (["check", "same.npz"], "labels: all classes have the same mean"),
    (["check", "pair.npz"], "labels: class 0 has 1 sample;"),
    (["check", "digits", "--data-root", "."], "data_root: does nothing without"),
    (["check", "good.npz", "--out", "verified"], "out: verified holds results of phases verify"),
    (["check", "digits", "--loss", "logistic"], "logistic takes two classes"),
    (["check", "digits", "--step-share", "-1"], "step_share: -1.0 is not accepted"),
    (["check", "good.npz", "--step-share", "1000"], "step_share: 1000 is not stable for softmax"),
    (["check", "good.npz", "--out", "file"], "out: file is a file"),
    (["check", "lonely.npz"], "labels: class 1 has 1 sample;"),
    (["derive", "T5", "--latex", "--values", "sigma0=1"], "values: excludes --latex"),
    (["derive", "T5", "--values", "sigma0"], "values: 'sigma0' is not understood"),
    (["derive", "T0"], "theorem: 'T0' is unknown"),
    (["derive", "T" * 5000], "theorem: 'TTTT"),
    (["derive", "T5", "--values", "sigma0=nan"], "values: sigma0: nan"),
    (["derive", "T5", "--values", "sigma0=1e999"], "values: sigma0: inf"),
    (["derive", "T5", "--values", "sigma0=1,sigma0=2"], "values: sigma0 is given twice"),
    (["derive", "--values", "d=2"], "values: no theorem is named"),
    (["derive", "--latex", "--values", "d=2"], "values: excludes --latex"),
    (["derive", "T1", "--latex", "--seed", "1"], "seed: does nothing without"),
    (["derive", "T1", "--json", "--quiet"], "quiet: excludes --json"),
    (["derive", "T1", "--out", "verified"], "out: verified holds results of phases verify"),
    (["check", "good.npz", "--data", "good.npz"], "data: is given twice"),
    (["diagram", "--dimension", "7"], "dimension: 7"),
    (["diagram", "--dimension", "10001"], "dimension: 10001"),
    (["diagram", "--alpha", "5"], "alpha: at 5 the last of 64 modes"),
    (["diagram", "--replicas", "100000000"], "replicas: would need"),
    (["diagram", "--out", "verified"], "out: verified holds results of phases verify"),
    (["diagram", "--transfer", "--replicas", "3"], "replicas: 3 is odd"),
    (["diagram", "--transfer", "--dimension", "7"], "dimension: 7"),
    (["diagram", "--transfer", "--alpha", "5"], "alpha: at 5 the last of 64 modes"),
    (["diagram", "--transfer", "--replicas", "100000000"], "replicas: would need"),
    (["diagram", "--transfer", "--out", "verified"], "out: verified holds results of phases verify"),
    (["explore", "--out", "pipe"], "out: pipe is a named pipe"),
    (["explore", "--out", "/dev/null"], "out: /dev/null is a device"),
    (["explore", "--out", "verified"], "out: verified is a folder"),
    (["explore", "--out", "nowhere"], "out: nowhere is a symbolic link to missing"),
    (["explore", "--out", "loop"], "out: loop is a symbolic link"),
    (["explore", "--out", "file/page.html"], "out: file is a file"),
    (["explore", "--out", "y" * 300], "out: a name of 300 characters"),
    ([*TRACK, "--layer", "block6"], "layers: "),
    ([*TRACK, "--network", "lenet"], "network: 'lenet' is unknown"),
    ([*TRACK, "--classes", "0,b"], "classes: '0,b'"),
    ([*TRACK, "--classes", "-1,2"], "classes: -1"),
    ([*TRACK, "--classes", "9" * 5000], "classes: '999"),
    (["track", "copied.npz", *SMALL], "data: the test images of copied are its training images"),
    ([*TRACK, "--also", "magic"], "also: 'magic'"),
    ([*TRACK, "--also-stride", "2"], "also_stride: does nothing without --also"),
    (["track", "elsewhere", *SMALL], "data: 'elsewhere' is unknown"),
    ([*TRACK, "--device", "abacus"], "device: 'abacus' is unknown"),
    ([*TRACK, "--seeds", "1001"], "seeds: 1001"),
    ([*TRACK, "--seed", str(2**63 - 1), "--seeds", "2"], "seed: "),
    ([*TRACK, "--momentum", "1"], "momentum: 1.0"),
    ([*TRACK, "--batch-size", "41"], "batch_size: 41 exceeds the 40 images"),
    ([*TRACK, "--base-width", str(2**62)], "base_width: would need more than 1,000 EiB"),
    ([*TRACK, "--base-width", "100000"], "base_width: would need "),
    ([*TRACK, "--data-root", "."], "data_root: does nothing without"),
    ([*TRACK, "--download"], "download: does nothing without"),
    ([*TRACK, "--transfer-data", "odd.npz", "--classes", "0,1,2,3"], "classes: 0 of 4 are left"),
    ([*TRACK, "--out", "verified"], "out: verified holds results of phases verify"),
    ([*TRACK, "--out", "nowhere"], "out: nowhere is a symbolic link"),
    (["fit", "good.npz", "--base-width", "4"], "base_width: does nothing without --network"),
    (["fit", "good.npz", "--pooled-features", "4"], "pooled_features: does nothing without --network"),
    (["fit", "--network", "vgg8", "--directions", "4"], "directions: does nothing with --network"),
    (["check", "digits", "--directions", "65"], "directions: 65 is not accepted for 1797 inputs of 64 features"),
    (["fit", "good.npz", "--device", "cpu"], "device: does nothing without --network"),
    (["fit", "good.npz", "--layer", "block1"], "layer: does nothing without --network"),
    (["fit", "good.npz", "--checkpoint", "x.pt"], "checkpoint: does nothing without --network"),
    (["fit", "good.npz", "--step-share", "5"], "step_share: 5 is not stable for softmax"),
    (["fit", "good.npz", "--download"], "download: does nothing without"),
    (["fit", "lonely.npz"], "class 1 has 1 sample;"),
    (["fit", "images.npz", "--network", "vgg8", "--base-width", "2", "--layer", "no"], "layers: "),
    (["fit", "images.npz", "--network", "vgg8", "--checkpoint", "no.pt"], "checkpoint: no.pt is not a file"),
    ([*PREDICT, "--layer", "block6"], "layers: "),
    ([*PREDICT, "--batch-size", "41"], "batch_size: 41"),
    ([*PREDICT, "--replicas", "11"], "batch_size: 4 for each of 11 draws"),
    ([*PREDICT, "--step-share", "4.5"], "step_share: 4.5 is not stable"),
    ([*PREDICT, "--checkpoint", "~/no.pt"], "no.pt is not a file"),
    ([*PREDICT, "--out", "marked"], "out: marked holds results of phases track"),
    (["sweep", "scaling", "--pairs", "1000000000"], "pairs: would need"),
    (["sweep", "scaling", "--workers", "1001"], "workers: 1001"),
    (["sweep", "scaling", "--workers", "2", "--scheduler", "tcp://a:1"], "workers: does nothing with --scheduler"),
    (["sweep", "scaling", "--out", "verified"], "out: verified holds results of phases verify"),
    (["sweep", "robustness", "--draws", "1000000000"], "draws: would need"),
    (["sweep", "robustness", "--axis", "tails"], "axis: 'tails' is unknown"),
    (["sweep", "robustness", "--out", "pipe"], "out: pipe is a named pipe"),
    *((["sweep", name, "--workers", "0"], "workers: 0 is not accepted") for name in ("scaling", "robustness")),
    (["sweep", "scaling", "--pairs", "1"], "pairs: 1 is not accepted"),
    (["sweep", "robustness", "--draws", "1"], "draws: 1 is not accepted"),
    (["sweep", "nothing"], "nothing"),
    (["transfer"], "tracked: is missing"),
    (["transfer", "missing"], "folder: missing/result.json is missing"),
    (["transfer", "verified"], "folder: verified/result.json: the file has no data"),
    (["transfer", "marked", "--out", "marked"], "out: marked holds results of phases track"),
]


@pytest.mark.parametrize(("arguments", "named"), _CALLS, ids=[" ".join(one)[:60] for one, _ in _CALLS])
def test_a_bad_call_is_refused_before_any_work(place: Path, arguments: list[str], named: str) -> None:
    refused(place, app, arguments, named)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--seed", "-1"], "seed: -1"),
        (["--seed", "x"], "seed: 'x' is not an integer"),
        (["--seed", str(2**63)], "seed: "),
        (["--out", ""], "out: is empty"),
        (["--out", "file"], "out: file"),
        (["--out", "nowhere"], "out: nowhere"),
        (["--fast"], "--fast"),
        (["extra"], "extra"),
    ],
)
def test_the_paper_refuses_bad_calls_with_one_line(place: Path, arguments: list[str], named: str) -> None:
    refused(place, paper_app, arguments, named)


def test_help_states_the_bounds_and_is_there_without_torch() -> None:
    """The options' readers load nothing that takes seconds."""
    done = CliRunner().invoke(app, ["track", "--help"], env={"COLUMNS": "200"})
    assert done.exit_code == 0
    for bound in ("[1 to 1e9]", "[0 to 2^63 - 1]", "[1e-15 to 1e+15]", "[1 to 1000]"):
        assert bound in " ".join(done.stdout.split())
    source = Path(phases.__file__).parent
    code = "import sys, phases, paper.__main__; sys.exit('torch' in sys.modules or 'sympy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=source, check=False).returncode == 0
