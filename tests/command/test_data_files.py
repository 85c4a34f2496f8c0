"""Every command that takes data takes the same files, names and labels, and says in a line what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from phases import app


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "mine.npz"],
        ["verify", "mine.npz"],
        ["fit", "mine.npz"],
        ["fit", "mine.npz", "--network", "vgg8"],
        ["predict", "mine.npz"],
        ["track", "mine.npz"],
    ],
    ids=" ".join,
)
def test_every_command_takes_names_and_lists_those_in_the_file(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez(tmp_path / "mine.npz", X=np.eye(4), y=[0, 1, 0, 1])
    of_images = arguments[0] in {"predict", "track"} or "--network" in arguments
    keys = "A,B" if of_images else "A"
    remedy = (
        "give two of these names by --inputs-key TRAIN,TEST, of the training and of the test images"
        if of_images
        else "give one of these names by --inputs-key"
    )
    done = invoke(*arguments, "--inputs-key", keys, "--labels-key", keys)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"error: data: mine.npz holds no array 'A' but 'X', 'y'; {remedy}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.npz"]


def test_the_numbering_of_labels_is_shown(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    names = np.array(["spam", "ham"])[np.arange(60) % 2]
    np.savez(tmp_path / "mine.npz", X=generator.standard_normal((60, 4)), y=names)
    done = invoke("check", str(tmp_path / "mine.npz"), "--inputs-key", "X", "--labels-key", "y")
    assert done.exit_code == 0
    assert "note: labels are numbered in ascending order: 'ham' is class 0, 'spam' is class 1\n" in done.stderr
    assert done.stdout.startswith("A1 ")
