from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from simulation.runs import attempt
from simulation.runs.run_folder import RunFolder
from simulation.runs.schedulers import LocalScheduler
from simulation.runs.sweep import grid, run_sweep
from tests.simulation.sweep_tasks import (
    Walk,
    changes_its_configuration,
    ends_its_worker,
    failing,
    files_below,
    product_bits,
    results_below,
    running_together,
    slow_walk,
    two_threads,
    walk,
    walks,
)
from theory import InputError, SquaredError

ONE, TWO = LocalScheduler(1), LocalScheduler(2)


def _assert_same(found: Any, expected: Any) -> None:
    """Equal in type and value, NaN equal to NaN."""
    assert type(found) is type(expected)
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for key, value in expected.items():
            _assert_same(found[key], value)
    elif isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected, strict=True)
    else:
        assert found == expected or (found != found and expected != expected)


# What comes back


def test_results_come_back_bit_for_bit_in_the_order_of_the_configurations(tmp_path: Path) -> None:
    found = run_sweep(walks(6), walk, RunFolder(tmp_path), ONE)
    assert (len(found.results), found.failures, found.computed) == (6, (), 6)
    for configuration, result in zip(walks(6), found.results, strict=True):
        expected = walk(configuration)
        _assert_same(result, expected | {"last": float(expected["last"])})


def test_a_finished_sweep_reads_the_same_and_runs_nothing(tmp_path: Path) -> None:
    first = run_sweep(walks(6), walk, RunFolder(tmp_path), ONE)
    before = results_below(tmp_path)
    again = run_sweep(walks(6), walk, RunFolder(tmp_path), ONE)
    assert again.computed == 0
    assert results_below(tmp_path) == before
    for one, other in zip(first.results, again.results, strict=True):
        _assert_same(other, one)


def test_a_larger_sweep_runs_only_what_the_smaller_has_not(tmp_path: Path) -> None:
    small = run_sweep(walks(4), walk, RunFolder(tmp_path), ONE)
    large = run_sweep(walks(8)[::-1], walk, RunFolder(tmp_path), ONE)
    assert large.computed == 4
    _assert_same(large.results[-1], small.results[0])


def test_another_task_or_other_source_does_not_take_the_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_sweep(walks(2), walk, RunFolder(tmp_path), ONE)
    assert run_sweep(walks(2), slow_walk, RunFolder(tmp_path), ONE).computed == 2
    attempt.code_digest.cache_clear()
    monkeypatch.setattr(attempt, "source_digest", lambda *_: "0123456789abcdef")
    assert run_sweep(walks(2), walk, RunFolder(tmp_path), ONE).computed == 2
    attempt.code_digest.cache_clear()


def test_a_worker_with_other_source_files_does_not_compute() -> None:
    outcome = attempt.attempt(walk, Walk(0, 1.0), "another")
    assert isinstance(outcome, attempt.Failure)
    assert "a worker has other source files" in outcome.message


def test_a_file_tells_configuration_task_source_and_versions(tmp_path: Path) -> None:
    run_sweep([{"seed": 3, "scale": 0.1}], product_bits, RunFolder(tmp_path), ONE)
    (file,) = (tmp_path / "results").iterdir()
    record = json.loads(file.read_text())
    assert record["configuration"] == {"seed": 3, "scale": 0.1}
    assert record["task"] == "tests.simulation.sweep_tasks.product_bits"
    assert record["source"] == attempt.code_digest(product_bits)
    assert record["versions"]["torch"] == torch.__version__
    assert set(record["result"]) == {"bits", "threads"}


def test_progress_counts_what_is_run_now(tmp_path: Path) -> None:
    counts = []

    def bar(items: Any) -> Any:
        counts.append((len(items), 0))
        for number, item in enumerate(items, 1):
            counts[-1] = (len(items), number)
            yield item

    run_sweep(walks(4), walk, RunFolder(tmp_path), ONE, bar)
    run_sweep(walks(10), walk, RunFolder(tmp_path), ONE, bar)
    assert counts == [(4, 4), (6, 6)]


def test_a_grid_is_all_combinations_of_python_numbers() -> None:
    found = grid(scale=np.array([0.1, 0.2]), seed=range(2), name=["a"])
    assert found == [
        {"scale": 0.1, "seed": 0, "name": "a"},
        {"scale": 0.1, "seed": 1, "name": "a"},
        {"scale": 0.2, "seed": 0, "name": "a"},
        {"scale": 0.2, "seed": 1, "name": "a"},
    ]
    assert type(found[0]["scale"]) is float


# The same bits everywhere


@pytest.fixture
def _two_threads() -> Iterator[None]:
    with two_threads():
        yield


@pytest.mark.slow
@pytest.mark.usefixtures("_two_threads")
def test_the_number_of_workers_does_not_change_a_bit(tmp_path: Path) -> None:
    configurations = grid(seed=range(4))
    for workers in (1, 2):
        found = run_sweep(configurations, product_bits, RunFolder(tmp_path / str(workers)), LocalScheduler(workers))
        assert [result and result["threads"] for result in found.results] == [1] * 4
    assert files_below(tmp_path / "1") == files_below(tmp_path / "2")


@pytest.mark.usefixtures("_two_threads")
@pytest.mark.parametrize("task", [walk, failing])
def test_the_threads_of_the_caller_are_restored(task: Any) -> None:
    attempt.attempt(task, Walk(0, 1.0), attempt.code_digest(task))
    assert torch.get_num_threads() == 2
    assert {pool["num_threads"] for pool in threadpool_info()} == {2}


def test_threads_of_one_worker_take_turns(tmp_path: Path) -> None:
    digest = attempt.code_digest(running_together)
    configurations = grid(number=range(12), folder=[str(tmp_path)])
    with ThreadPoolExecutor(4) as pool:
        outcomes = pool.map(
            lambda configuration: attempt.attempt(running_together, configuration, digest), configurations
        )
        assert [isinstance(one, attempt.Success) and one.result for one in outcomes] == ['{"together": 1}'] * 12


def test_a_limit_that_another_thread_holds_is_no_silent_loss_of_bits() -> None:
    outcomes = []
    digest = attempt.code_digest(walk)
    with threadpool_limits(limits=2):
        thread = threading.Thread(target=lambda: outcomes.append(attempt.attempt(walk, Walk(0, 1.0), digest)))
        thread.start()
        thread.join()
    assert isinstance(outcomes[0], attempt.Failure)
    assert "another thread of this process holds the number of threads of BLAS" in outcomes[0].message


def test_a_task_that_changes_its_configuration_does_not_reach_the_others(tmp_path: Path) -> None:
    configurations = grid(shared=[[1, 2]], number=range(4))
    for name, scheduler in (("one", ONE), ("two", TWO)):
        found = run_sweep(configurations, changes_its_configuration, RunFolder(tmp_path / name), scheduler)
        assert found.results == ({"length": 3},) * 4
    assert configurations[0]["shared"] == [1, 2]


# Failures


WAYS = ["raises", "exits", "returns a list", "returns a tensor"]


@pytest.mark.parametrize("scheduler", [ONE, TWO], ids=["one", "two"])
def test_a_failure_is_written_down_stops_nothing_and_is_run_again(tmp_path: Path, scheduler: LocalScheduler) -> None:
    configurations = grid(way=[WAYS[0], "works", *WAYS[1:], "works too"], folder=[str(tmp_path)])
    found = run_sweep(configurations, failing, RunFolder(tmp_path), scheduler)
    assert [index for index, result in enumerate(found.results) if result is not None] == [1, 5]
    assert [index for index, _ in found.failures] == [0, 2, 3, 4]
    assert [failure.error for _, failure in found.failures] == [
        "ZeroDivisionError",
        "SystemExit",
        "InputError",
        "InputError",
    ]
    assert found.failures[0][1].message == "no such walk"
    assert 'raise ZeroDivisionError("no such walk")' in found.failures[0][1].traceback
    assert found.failures[3][1].message.startswith("task.inner[0]: has type Tensor; give None, bool")
    records = [json.loads(file.read_text()) for file in (tmp_path / "failures").iterdir()]
    assert sorted(record["configuration"]["way"] for record in records) == sorted(WAYS)
    assert {record["error"] for record in records} == {"ZeroDivisionError", "SystemExit", "InputError"}

    (tmp_path / "repaired").touch()
    again = run_sweep(configurations, failing, RunFolder(tmp_path), scheduler)
    assert (again.computed, again.failures) == (4, ())
    assert list((tmp_path / "failures").iterdir()) == []
    assert [result and result["way"] for result in again.results] == [entry["way"] for entry in configurations]


def test_a_failure_that_a_killed_run_could_not_take_back_is_removed(tmp_path: Path) -> None:
    run_sweep(walks(2), walk, RunFolder(tmp_path), ONE)
    file = next((tmp_path / "results").iterdir())
    stale = tmp_path / "failures" / file.name
    stale.parent.mkdir()
    stale.write_text("{}")
    assert run_sweep(walks(2), walk, RunFolder(tmp_path), ONE).failures == ()
    assert not stale.exists()


@pytest.mark.parametrize("times", [1, pytest.param(100, marks=pytest.mark.slow)], ids=["once", "always"])
def test_a_worker_that_the_system_ends_takes_at_most_its_own_configuration_along(tmp_path: Path, times: int) -> None:
    """Killed once, the worker was not the configuration's fault; a configuration that always kills it fails."""
    configurations = grid(number=range(16), folder=[str(tmp_path)], times=[times])
    found = run_sweep(configurations, ends_its_worker, RunFolder(tmp_path), TWO)
    fails = times > 1
    assert found.computed == 16
    assert [(index, failure.error) for index, failure in found.failures] == [(5, "KilledWorker")] * fails
    numbers = [result and result["number"] for result in found.results]
    assert numbers == [None if fails and number == 5 else number for number in range(16)]
    assert len(results_below(tmp_path)) == 16 - fails


@pytest.mark.slow
def test_two_configurations_that_end_their_workers_are_two_failures(tmp_path: Path) -> None:
    pairs = [(5, 1000), (1, 0), (5, 1001), (2, 0)]
    configurations = [{"number": number, "folder": str(tmp_path), "times": times} for number, times in pairs]
    found = run_sweep(configurations, ends_its_worker, RunFolder(tmp_path), TWO)
    assert [(index, failure.error) for index, failure in found.failures] == [(0, "KilledWorker"), (2, "KilledWorker")]
    assert [result and result["number"] for result in found.results] == [None, 1, None, 2]
    assert "was ended twice" in found.failures[0][1].message


# What lies in the folder


@pytest.mark.parametrize("damage", [lambda text: text[:-20], lambda text: "", lambda text: "\0" * len(text)])
def test_a_damaged_result_is_computed_again(tmp_path: Path, damage: Callable[[str], str]) -> None:
    run_sweep(walks(4), walk, RunFolder(tmp_path), ONE)
    before = files_below(tmp_path)
    file = next((tmp_path / "results").iterdir())
    file.write_text(damage(file.read_text()))
    assert run_sweep(walks(4), walk, RunFolder(tmp_path), ONE).computed == 1
    assert files_below(tmp_path) == before


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    names = ["results/notes.txt", "results/0123456789abcdef.json", "failures/.hidden", "result.json", "results/sub/a"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert run_sweep(walks(2), walk, RunFolder(tmp_path), ONE).computed == 2
    assert {name: files_below(tmp_path)[name].decode() for name in names} == {name: name for name in names}


@pytest.mark.parametrize("content", ["null", "{}", '{"task": "a", "source": "b", "configuration": {}}'])
def test_something_else_where_a_result_belongs_is_refused_and_kept(tmp_path: Path, content: str) -> None:
    run_sweep(walks(2), walk, RunFolder(tmp_path), ONE)
    file = next((tmp_path / "results").iterdir())
    file.write_text(content)
    with pytest.raises(InputError, match=rf"folder: .*{file.name} is not a result of this configuration; remove it"):
        run_sweep(walks(2), walk, RunFolder(tmp_path), ONE)
    assert file.read_text() == content


def test_a_result_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    run_sweep(walks(2), walk, RunFolder(tmp_path), ONE)
    file = next((tmp_path / "results").iterdir())
    file.unlink()
    file.mkdir()
    with pytest.raises(InputError, match=rf"folder: .*{file.name} cannot be read \(Is a directory\)"):
        run_sweep(walks(2), walk, RunFolder(tmp_path), ONE)


def test_a_file_where_a_folder_belongs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("")
    with pytest.raises(InputError, match=r"folder: .*results is a file"):
        run_sweep(walks(2), walk, RunFolder(tmp_path), ONE)


# Bad input


class _Numbers(int):
    pass


@dataclass
class _Changeable:
    number: int


def _local() -> Callable[[Any], dict[str, Any]]:
    def inner(configuration: Any) -> dict[str, Any]:
        return {}

    return inner


def _of_the_script() -> Callable[[Any], dict[str, Any]]:
    task = _local()
    task.__module__ = "__main__"
    return task


def _sweep(configurations: Any, task: Any = walk) -> Callable[[Path], Any]:
    return lambda folder: run_sweep(configurations, task, RunFolder(folder), ONE)


BAD = {
    "none": (_sweep([]), r"configurations: is empty"),
    "twice": (_sweep([{"a": 1}, {"a": 2}, {"a": 1}]), r'entries 0 and 2 are the same, \{"a": 1\}; give each once'),
    "tuple and list": (_sweep([{"a": [1]}, {"a": (1,)}]), "entries 0 and 1 are the same"),
    "no mapping": (_sweep([3]), r"configurations\[0\]: is a int; give a mapping or a frozen dataclass"),
    "key": (_sweep([{"a": {1: 2}}]), r"configurations\[0\]\.a: has the key 1; give strings"),
    "reserved key": (_sweep([{"__float__": "nan"}]), r"has the key '__float__'"),
    "object": (_sweep([{"a": [0, object()]}]), r"configurations\[0\]\.a\[1\]: has type object; give None, bool"),
    "numpy scalar": (_sweep([{"a": np.float64(1)}]), r"\.a: has type float64; .*value\.item\(\) is one"),
    "subclass": (_sweep([{"a": _Numbers(1)}]), r"\.a: has type _Numbers"),
    "complex": (_sweep([{"a": np.zeros(2, complex)}]), r"\.a: is an array of complex128; give"),
    "changeable": (_sweep([_Changeable(1)]), r"configurations\[0\]: _Changeable can change; give a frozen dataclass"),
    "lambda": (_sweep(walks(2), lambda configuration: {}), r"task: .*<lambda> cannot be imported; give a function"),
    "inner": (_sweep(walks(2), _local()), r"task: .*inner cannot be imported"),
    "task of the script": (_sweep(walks(2), _of_the_script()), "task: .*inner belongs to the script that runs"),
    "object as task": (_sweep(walks(2), 3), "task: 3 is not a function"),
    "no workers": (lambda folder: LocalScheduler(0), "workers: 0 is not accepted; give an integer of at least 1"),
    "no axes": (lambda folder: grid(), "axes: is empty"),
    "empty axis": (lambda folder: grid(a=[1], b=[]), "b: is empty"),
    "text as axis": (lambda folder: grid(name="abc"), "name: 'abc' is not a list of values; give a list"),
    "number as axis": (lambda folder: grid(a=1), "a: 1 is not a list of values"),
}


@pytest.mark.parametrize(("call", "message"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_refused_before_anything_is_written(
    tmp_path: Path, call: Callable[[Path], Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        call(tmp_path)
    assert files_below(tmp_path) == {}


def test_configurations_that_differ_in_type_class_or_bits_are_different(tmp_path: Path) -> None:
    configurations: list[Any] = [
        {"a": 1},
        {"a": 1.0},
        {"a": True},
        {"a": "1"},
        {"a": None},
        {"a": -0.0},
        {"a": 0.0},
        {"a": float("nan")},
        {"a": 0.1},
        {"a": np.nextafter(0.1, 1).item()},
        {"a": np.ones(1)},
        {"a": np.ones(1, np.float32)},
        {"a": np.ones((1, 1))},
        {"a": [1.0]},
        {"a": SquaredError()},
        {"seed": 0, "scale": 1.0},
        Walk(0, 1.0),
    ]
    found = run_sweep(configurations, walk_nothing, RunFolder(tmp_path), ONE)
    assert found.computed == len(configurations) == len(files_below(tmp_path))


def walk_nothing(configuration: Any) -> dict[str, Any]:
    return {}
