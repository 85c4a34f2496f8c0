"""Sweeps as data: a list of configurations, one task, and a folder with one file per result.

The name of a file is a key made from the configuration, the task's name and the source that computes it. A sweep
that is restarted, after an error, a kill or a full disk, runs what has no file yet, and a larger sweep in the same
folder runs only its new configurations. Two processes may run one sweep in one folder: they do some work twice and
write the same files.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np

from simulation.runs.attempt import Failure, Success, Task, attempt, code_digest, task_name
from simulation.runs.exact_json import configuration_as_json, result_from
from simulation.runs.run_folder import RunFolder, part_key
from simulation.runs.schedulers import Outcome, Scheduler
from theory import InputError
from theory.progress import Progress, silent
from theory.validation import path_argument, quoted

#: Folders of a sweep's folder.
RESULTS, FAILURES = "results", "failures"


@dataclass(frozen=True, eq=False)
class SweepResult:
    """The results of a sweep.

    Attributes:
        results: of every configuration in their order, as the task returned it (tuples as lists, numpy scalars
            as numbers, arrays as they were); None where it failed.
        failures: index of a configuration and the error it ended with, in their order.
        computed: number of configurations that ran now; the others were found in the folder.
    """

    results: tuple[dict[str, Any] | None, ...]
    failures: tuple[tuple[int, Failure], ...]
    computed: int


def grid(**axes: Iterable[Any]) -> list[dict[str, Any]]:
    """All combinations of the values of the axes as configurations; the last axis varies fastest.

    Values of numpy arrays become Python numbers.

    Raises:
        InputError: no axis, an axis without values, or an axis that is not a list of values.
    """
    if not axes:
        raise InputError("axes: is empty; give at least one name with its values")
    columns = [_axis(name, values) for name, values in axes.items()]
    return [dict(zip(axes, values, strict=True)) for values in product(*columns)]


def run_sweep(
    configurations: Sequence[Any],
    task: Task,
    folder: str | Path | RunFolder,
    scheduler: Scheduler,
    progress: Progress = silent,
) -> SweepResult:
    """Run ``task`` on every configuration that ``folder`` has no result of, and return all results.

    This process writes each result as it arrives. A configuration that fails is recorded with its error,
    does not stop the others, and is run again when the sweep is restarted. Every task runs with one thread:
    the same source and libraries give the same bits with every scheduler.

    Args:
        configurations: frozen dataclasses or mappings; ``exact_json.configuration_as_json`` says what
            they may hold. A list and a tuple of equal values are the same configuration.
        task: a function at the top level of a module, of the configuration alone (no global random generator),
            that returns a dict of what ``exact_json.result_text`` takes.
        folder: of this sweep and others; other files in it are left alone.
        scheduler: where to run.
        progress: shows how many of the configurations without a result are done.

    Raises:
        InputError: no configurations, two that are the same, a value that cannot be stored, a task that other
            processes cannot import, a file that is not a result, no cluster.
        OSError: the folder cannot be written (a full disk) or the cluster was lost; when restarted, the
            sweep resumes.
    """
    place = folder if isinstance(folder, RunFolder) else RunFolder(path_argument("folder", folder))
    name, digest = task_name(task), code_digest(task)
    entries = _entries(configurations, name, digest)
    for part in (RESULTS, FAILURES):
        if (place.path / part).exists() and not (place.path / part).is_dir():
            raise InputError(f"folder: {place.path / part} is a file; remove it or give another folder")
        place.remove_abandoned(part)
    results = [_found(place, entry) for entry in entries]
    missing = [index for index, result in enumerate(results) if result is None]
    failures: dict[int, Failure] = {}
    call = partial(attempt, task, digest=digest)
    with closing(scheduler.outcomes(call, [configurations[index] for index in missing])) as outcomes:
        for position, outcome in progress(_Counted(outcomes if missing else (), len(missing))):
            index = missing[position]
            _keep(place, entries[index], outcome)
            match outcome:
                case Success():
                    results[index] = result_from(outcome.result)
                case Failure():
                    failures[index] = outcome
    return SweepResult(tuple(results), tuple(sorted(failures.items())), len(missing))


@dataclass(frozen=True)
class _Entry:
    """The file name of one configuration and the provenance that the file records."""

    key: str
    origin: dict[str, Any]

    @classmethod
    def from_origin(cls, origin: dict[str, Any]) -> _Entry:
        return cls(part_key(origin), origin)

    def file(self, part: str) -> str:
        return f"{part}/{self.key}.json"


@dataclass(frozen=True)
class _Counted:
    """Outcomes whose number is known before they arrive, for a progress bar."""

    outcomes: Iterable[tuple[int, Outcome]]
    count: int

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[tuple[int, Outcome]]:
        return iter(self.outcomes)


def _axis(name: str, values: Iterable[Any]) -> list[Any]:
    if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
        raise InputError(f"{name}: {quoted(values)} is not a list of values; give a list")
    column = list(values.tolist() if isinstance(values, np.ndarray) and values.ndim else values)
    if not column:
        raise InputError(f"{name}: is empty; give at least one value")
    return column


def _entries(configurations: Sequence[Any], task: str, digest: str) -> list[_Entry]:
    """The entry of each configuration; InputError if there are none or two are the same."""
    if not configurations:
        raise InputError("configurations: is empty; give at least one")
    entries = []
    first: dict[str, int] = {}
    for index, configuration in enumerate(configurations):
        argument = f"configurations[{index}]"
        content = configuration_as_json(argument, configuration)
        if not isinstance(content, dict):
            raise InputError(f"{argument}: is a {type(configuration).__name__}; give a mapping or a frozen dataclass")
        entry = _Entry.from_origin({"task": task, "source": digest, "configuration": content})
        earlier = first.setdefault(entry.key, index)
        if earlier != index:
            same = shorten(json.dumps(content), 200)
            raise InputError(f"configurations: entries {earlier} and {index} are the same, {same}; give each once")
        entries.append(entry)
    return entries


def _found(folder: RunFolder, entry: _Entry) -> dict[str, Any] | None:
    """The result in the entry's file; None where there is none or the file is damaged.

    Raises:
        InputError: the file cannot be read, or holds whole JSON of something else.
    """
    path = folder.path / entry.file(RESULTS)
    if path.exists() and not (path.is_file() or path.is_dir()):  # a pipe would never end
        raise InputError(f"folder: {path} is not a regular file; remove it or give another folder")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"folder: {path} cannot be read ({error.strerror}); repair or remove it") from None
    except (ValueError, RecursionError):  # not UTF-8, not JSON or nested without end: cut off or overwritten
        return None
    if not isinstance(record, dict) or part_key({name: record.get(name) for name in entry.origin}) != entry.key:
        raise InputError(f"folder: {path} is not a result of this configuration; remove it or give another folder")
    try:
        result: dict[str, Any] = result_from(json.dumps(record["result"]))
    except (KeyError, ValueError, RecursionError):
        return None
    _forget_failure(folder, entry)  # of a run that was killed before it could
    return result


def _keep(folder: RunFolder, entry: _Entry, outcome: Outcome) -> None:
    """Write the outcome to its file; OSError that says how to resume if that fails."""
    try:
        match outcome:
            case Success():
                content = {"versions": outcome.versions, "result": json.loads(outcome.result)}
                folder.write_text(entry.file(RESULTS), _text(entry, content))
                _forget_failure(folder, entry)
            case Failure():
                folder.write_text(entry.file(FAILURES), _text(entry, asdict(outcome)))
    except OSError as error:
        remedy = "start the sweep again to go on when the folder can be written: finished results stay"
        raise OSError(error.errno, f"{error.strerror or error}; {remedy}", str(folder.path)) from error


def _text(entry: _Entry, content: dict[str, Any]) -> str:
    return json.dumps(entry.origin | content, allow_nan=False) + "\n"


def _forget_failure(folder: RunFolder, entry: _Entry) -> None:
    (folder.path / entry.file(FAILURES)).unlink(missing_ok=True)
