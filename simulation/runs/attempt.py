"""Runs one configuration of a sweep on any worker: the same numbers everywhere, and errors returned, not raised."""

from __future__ import annotations

import copy
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import torch
from threadpoolctl import ThreadpoolController

import simulation
import theory
from simulation.runs.exact_json import result_text
from simulation.runs.run_folder import software_versions, source_digest
from theory import InputError
from theory.validation import quoted

#: The function that a sweep runs: of a configuration alone, returning names and values.
Task = Callable[[Any], dict[str, Any]]

# The threads of BLAS and torch and their random generators belong to the whole process.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Success:
    """What a task returned, as JSON, and the versions of the software that computed it."""

    result: str
    versions: dict[str, str]


@dataclass(frozen=True)
class Failure:
    """The error that a task ended with.

    Attributes:
        error: name of its class.
        message: its text.
        traceback: as Python prints it.
    """

    error: str
    message: str
    traceback: str

    @classmethod
    def from_error(cls, error: BaseException) -> Failure:
        """The record of ``error``."""
        return cls(type(error).__name__, str(error), "".join(traceback.format_exception(error)))


def attempt(task: Task, configuration: Any, digest: str) -> Success | Failure:
    """Run ``task`` on ``configuration`` with one thread.

    Args:
        task: see ``Task``.
        configuration: its argument.
        digest: ``code_digest(task)`` of the process that started the sweep; where this process has other
            source files, its numbers would be stored under a wrong key, and it fails.
    """
    try:
        if code_digest(task) != digest:
            raise InputError(
                "scheduler: a worker has other source files; bring all workers to the version of the sweep"
            )
        with single_threaded():
            result = task(copy.deepcopy(configuration))  # what a task does to it must not reach the others
        if not isinstance(result, dict):
            raise InputError(f"task: returned a {type(result).__name__}; return a dict")
        return Success(result_text("task", result), _versions())
    except (Exception, SystemExit) as error:
        return Failure.from_error(error)


@contextmanager
def single_threaded() -> Iterator[None]:
    """One thread for BLAS, OpenMP and torch, and one task at a time in this process; restored afterwards.

    The sum of a matrix product depends on how it is split over threads. Libraries that are loaded only inside
    are not limited.

    Raises:
        InputError: another thread of this process holds its own limit, under which this limit has no effect.
    """
    with _ONE_AT_A_TIME:
        threads = torch.get_num_threads()  # before the limit on OpenMP hides it
        libraries = _libraries(len(sys.modules))
        with libraries.limit(limits=1):
            if any(library["num_threads"] != 1 for library in libraries.info()):
                raise InputError(
                    "scheduler: another thread of this process holds the number of threads of BLAS; "
                    "start the sweep outside its threadpool_limits"
                )
            torch.set_num_threads(1)
            try:
                yield
            finally:
                torch.set_num_threads(threads)


@lru_cache(maxsize=1)
def _libraries(modules: int) -> ThreadpoolController:
    """The loaded libraries, cached by the number of modules, as looking for them takes as long as a small task."""
    return ThreadpoolController()


def task_name(task: Task) -> str:
    """The name under which other processes import ``task``, module and function.

    Raises:
        InputError: a lambda, a function inside a function, an object or a function of the script itself.
    """
    module, name = getattr(task, "__module__", None), getattr(task, "__qualname__", None)
    if not callable(task) or module is None or name is None:
        raise InputError(f"task: {quoted(task)} is not a function; give a function of a module")
    if module == "__main__":
        raise InputError(f"task: {name} belongs to the script that runs; give a function of a module that it imports")
    if getattr(sys.modules.get(module), name, None) is not task:
        raise InputError(f"task: {module}.{name} cannot be imported; give a function at the top level of a module")
    return f"{module}.{name}"


@cache
def code_digest(task: Task) -> str:
    """Digest of the source of theory/, simulation/ and the package (or the single module) of the task.

    Read once per process: files that change later do not change the code that runs.
    """
    module = sys.modules[task.__module__]
    return source_digest(theory, simulation, sys.modules.get(module.__package__ or "", module))


@cache
def _versions() -> dict[str, str]:
    return software_versions()
