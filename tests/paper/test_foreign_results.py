"""Result folders that are not as the studies wrote them: one line, and no name of theirs is obeyed by LaTeX."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from paper.document import results_of
from paper.part import Part
from paper.parts import EMPIRICAL, SIMULATIONS
from paper.result_folders import ResultFolders
from paper.studies import SOURCE
from simulation.runs.run_folder import RunFolder
from theory import InputError

RESULTS = SOURCE / "results"

#: One result of each kind, and the part that reads it.
STUDIES = {
    "verify-digits": "verification",
    "diagram": "diagram",
    "scaling": "scaling",
    "robustness": "robustness",
    "track-vgg8-cifar10": "tracking",
    "decoded": "decoded",
    "deep": "deep",
    "last-block": "lastblock",
    "simplified": "simplified",
    "transfer": "transfer",
    "predict-vgg8": "predictions",
    "fits/vgg8-trained-block5": "fits",
}

EVIL = r"x\input{evil}$^^5c%"

#: What may stand instead of any value.
WRONG = ("\\input{evil}", None, [], {}, -1, 1e300, 10**400, True, "1", [[]])


def _part(name: str) -> Part:
    return next(part for part in (*SIMULATIONS, *EMPIRICAL) if part.section == STUDIES[name])


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every entry, of lists the first one alone."""
    if path:
        yield path
    if isinstance(value, dict):
        for name, entry in value.items():
            if name == "phases":
                last = list(entry)[-1]
                yield from _places(entry[last], (*path, name, last))
            elif name not in ("versions", "means"):
                yield from _places(entry, (*path, name))
    elif isinstance(value, list) and value:
        yield from _places(value[0], (*path, 0))


def _replaced(content: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The content with another value at a place; what is beside the path is shared."""
    if not path:
        return value
    changed = copy.copy(content)
    changed[path[0]] = _replaced(content[path[0]], path[1:], value)
    return changed


def _folders(root: Path, name: str, content: Any) -> ResultFolders:
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    for table in (RESULTS / name).glob("*.parquet"):
        if not (folder / table.name).exists():
            (folder / table.name).symlink_to(table)
    (folder / "result.json").write_text(json.dumps(content))
    # Fits and trainings are all read at once, and the first of them alone is of interest.
    return ResultFolders((root,) if name.startswith(("fits/", "track-")) else (root, RESULTS))


def _made(part: Part, folders: ResultFolders) -> str:
    """All LaTeX of a part."""
    with results_of(part):
        return "\n".join([*part.numbers(folders).values(), *part.tables(folders).values()])


@pytest.mark.parametrize("name", STUDIES)
def test_names_of_a_result_are_text_in_the_paper(tmp_path: Path, name: str) -> None:
    """Each string in turn is a command that would read a file; none reaches the source as one."""
    content = json.loads((RESULTS / name / "result.json").read_text())
    taken = 0
    for path in _places(content):
        value = content
        for step in path:
            value = value[step]
        if isinstance(value, str):
            try:
                made = _made(_part(name), _folders(tmp_path, name, _replaced(content, path, EVIL)))
            except InputError:
                continue
            taken += 1
            assert "\\input" not in made, path
            assert "^^" not in made, path
    # A name of features is that of its curves too, see below.
    assert taken > 0 or name in ("diagram", "fits/vgg8-trained-block5", "predict-vgg8")


@pytest.mark.parametrize("name", STUDIES)
def test_wrong_entries_are_one_line(tmp_path: Path, name: str) -> None:
    """At each place a value that does not belong there, or none: taken, where it is of use, or refused."""
    content = json.loads((RESULTS / name / "result.json").read_text())
    faults = []
    for number, path in enumerate(list(_places(content))):
        try:
            made = _made(_part(name), _folders(tmp_path, name, _replaced(content, path, WRONG[number % len(WRONG)])))
            assert "\\input" not in made
        except InputError as error:
            faults.append(str(error))
    assert len(faults) > 2
    for fault in faults:
        assert fault.startswith(("results: ", "folder: ")), fault
        assert "\n" not in fault


def test_a_name_of_a_folder_is_text_too(tmp_path: Path) -> None:
    content = json.loads((RESULTS / "fits/vgg8-trained-block5" / "result.json").read_text()) | {"name": r"\evil"}
    made = _made(_part("fits/vgg8-trained-block5"), _folders(tmp_path, "fits/a_$b-trained-block5", content))
    assert r"a\_\$b, \textbackslash{}evil, trained" in made


def test_a_name_of_features_is_text_too(tmp_path: Path) -> None:
    content = json.loads((RESULTS / "predict-vgg8" / "result.json").read_text())
    for row in content["rows"]:
        row["features"] = row["features"].replace("block3", EVIL)
    columns = pq.read_table(RESULTS / "predict-vgg8" / "curves.parquet").to_pydict()
    columns["features"] = [name.replace("block3", EVIL) for name in columns["features"]]
    folder = RunFolder(tmp_path / "predict-vgg8")
    folder.write_json("result.json", content)
    folder.write_table("curves.parquet", columns)
    made = _made(_part("predict-vgg8"), ResultFolders((tmp_path,)))
    assert r"x\textbackslash{}input" in made
    assert "\\input" not in made


@pytest.mark.parametrize("text", ["[" * 100_000, "{}", "[]", "null", '{"rows": NaN}'])
def test_files_that_are_no_results_are_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "scaling").mkdir()
    (tmp_path / "scaling" / "result.json").write_text(text)
    with pytest.raises(InputError, match=r"^folder: .*result\.json"):
        _made(_part("scaling"), ResultFolders((tmp_path,)))
