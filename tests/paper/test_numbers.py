"""Numbers are printed as they are, tables are whole, and both follow the results."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from paper import diagram, robustness, scaling, tracking, verification
from paper.document import GENERATED
from paper.latex_text import latex_text
from paper.macros import count, fixed, interval, newcommands, percent, plain, significant, with_error
from paper.part import Part
from paper.parts import EMPIRICAL, SIMULATIONS
from paper.result_folders import ResultFolders
from paper.studies import SOURCE, Run
from paper.tables import table
from theory import InputError, Regime

PARTS = (*SIMULATIONS, *EMPIRICAL)


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        (significant(0.01417, 2), "$0.014$"),
        (significant(0.5, 2), "$0.50$"),
        (significant(345.41, 2), "$350$"),
        (significant(3.2e-7, 1), "$0.0000003$"),
        (significant(0.0996, 2), "$0.10$"),
        (significant(0.0, 2), "$0.0$"),
        (significant(math.nan), "--"),
        (plain(0.0001), "$0.0001$"),
        (plain(3.0), "$3$"),
        (fixed(-0.9963, 3), "$-0.996$"),
        (with_error(0.01418, 0.0034), r"$0.014 \pm 0.003$"),
        (with_error(0.01418, 0.0014), r"$0.0142 \pm 0.0014$"),
        (with_error(345.4, 57.0), r"$350 \pm 60$"),
        (with_error(9.7, 5.6), r"$10 \pm 6$"),
        (with_error(0.382, math.nan, 3), "$0.382$"),
        (with_error(0.382, 0.0, 2), "$0.38$"),
        (interval(0.5, 0.456, 0.528), "$0.50$ $[0.46, 0.53]$"),
        (count(50000), "50{,}000"),
        (percent(0.99492), r"99.5\,\%"),
        (latex_text("a_b & 5%"), r"a\_b \& 5\%"),
    ],
)
def test_a_number_is_printed_to_the_digits_that_it_has(printed: str, expected: str) -> None:
    assert printed == expected


def test_an_error_that_rounds_up_keeps_one_digit() -> None:
    # 0.0098 rounds to 0.010 at its first digit's place.
    assert with_error(0.5, 0.0098) == r"$0.500 \pm 0.010$"


def test_a_macro_with_a_digit_and_a_ragged_table_are_refused() -> None:
    with pytest.raises(InputError, match="macro: 'Vgg8' is not accepted; give letters alone"):
        newcommands({"Vgg8": "1"})
    with pytest.raises(InputError, match="rows: a row has 1 cells for 2 columns"):
        table("ll", ["a", "b"], [["1"]])


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.section)
def test_every_part_has_numbers_tables_and_figures(part: Part, results: ResultFolders, made: Run) -> None:
    assert part.is_present(results)
    assert all(part.numbers(results).values())
    for text in part.tables(results).values():
        rows = [line for line in text.splitlines() if line.endswith(r"\\")]
        assert len(rows) >= 2
        assert len({line.count(" & ") for line in rows}) == 1
    for name in part.figures(results):
        assert (made.out / GENERATED / name).read_bytes().startswith(b"%PDF")


def test_a_part_without_results_is_absent(tmp_path: Path) -> None:
    assert not any(part.is_present(ResultFolders((tmp_path,))) for part in PARTS)


@pytest.mark.parametrize(
    ("part", "result", "change", "macro"),
    [
        (verification.PART, "verify-digits", ("claims", 0, "standard_error"), "DigitsHolds"),
        (verification.PART, "verify-cifar10", ("claims", 0, "deviation"), "CifarLargest"),
        (diagram.PART, "diagram", ("configuration", "replicas"), "DiagramDraws"),
        (scaling.PART, "scaling", ("laws", 0, "joint", "high"), "ScalingHold"),
        (robustness.PART, "robustness", ("points", 0, "descent", "deviation"), "RobustBase"),
        (tracking.PART, "track-vgg8-cifar10", ("phases", "block5", "turning_point", "value"), "TrackTurning"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_macro_follows_the_result(
    part: Part, result: str, change: tuple[str | int, ...], macro: str, copied: Path
) -> None:
    file = copied / result / "result.json"
    content = json.loads(file.read_text())
    *way, last = change
    place = content
    for step in way:
        place = place[step]
    place[last] = {bool: False, int: 25}.get(type(place[last]), 0.25)
    file.write_text(json.dumps(content))
    before, after = (part.numbers(ResultFolders((root,))) for root in (SOURCE / "results", copied))
    assert before[macro] != after[macro]
    # The verdict follows from a claim's numbers.
    also = {"DigitsHolds": {"DigitsUnresolved"}, "CifarLargest": {"CifarHolds", "CifarFails"}}
    assert {name for name in before if before[name] != after[name]} == {macro, *also.get(macro, ())}


def test_the_agreement_of_the_diagram_follows_its_points(copied: Path) -> None:
    columns = pq.read_table(copied / "diagram" / "points.parquet").to_pydict()
    away = columns["near_border"].index(False)
    columns["measured"][away] = Regime.from_moves([1, -1, 1, -1]).value
    pq.write_table(pa.table(columns), copied / "diagram" / "points.parquet")
    before, after = (diagram.numbers(ResultFolders((root,))) for root in (SOURCE / "results", copied))
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"DiagramAgreement", "DiagramDisagree", "DiagramDisagreeFar"}


@pytest.mark.parametrize(
    ("classes", "expected"),
    [(None, "all"), ((0, 1, 2, 3, 4), "0--4"), ((0, 1, 8, 9), "0--1, 8--9"), ((7, 3), "7, 3")],
)
def test_classes_are_printed_as_ranges(classes: tuple[int, ...] | None, expected: str) -> None:
    assert tracking.class_ranges(classes) == expected


def test_a_missing_or_damaged_result_is_named(tmp_path: Path) -> None:
    folders = ResultFolders((tmp_path,))
    with pytest.raises(InputError, match="results: diagram is missing; looked in"):
        diagram.numbers(folders)
    (tmp_path / "diagram").mkdir()
    (tmp_path / "diagram" / "result.json").write_text("{")
    with pytest.raises(InputError, match="is not a JSON result"):
        diagram.numbers(folders)
    shutil.copy(SOURCE / "results" / "diagram" / "result.json", tmp_path / "diagram")
    (tmp_path / "diagram" / "points.parquet").write_text("no table")
    with pytest.raises(InputError, match="cannot be read"):
        diagram.numbers(folders)


def test_the_first_folder_counts(tmp_path: Path) -> None:
    for root, value in (("a", 1), ("b", 2)):
        (tmp_path / root / "x").mkdir(parents=True)
        (tmp_path / root / "x" / "result.json").write_text(json.dumps({"value": value}))
    (tmp_path / "b" / "y").mkdir()
    (tmp_path / "b" / "y" / "result.json").write_text("{}")
    folders = ResultFolders((tmp_path / "a", tmp_path / "b"))
    assert folders.folder("x") == tmp_path / "a" / "x"
    assert folders.names("*") == ("x", "y")
