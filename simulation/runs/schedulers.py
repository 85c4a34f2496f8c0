"""Where the configurations of a sweep run: processes of this machine, or the workers of a Dask cluster.

Processes are joblib's. Its Dask backend does not serve. With joblib 1.6.0 and distributed 2026.8.0 a sweep goes on
when a worker is killed once, but hangs where a configuration ends every worker, and where the cluster's
scheduler is lost, because the backend's results of ``return_as="generator_unordered"`` are those of calls that
succeed. A cluster of a single worker with one thread it leaves idle: joblib then runs the calls in this process.
"""

from __future__ import annotations

import gc
import os
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from typing import Any, Protocol

from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import BrokenProcessPool

from simulation.runs.attempt import Failure, Success
from theory import InputError
from theory.validation import at_least, cut, positive, quoted

Outcome = Success | Failure

#: A call that returns an outcome and raises nothing.
Call = Callable[[Any], Outcome]

#: The error of a configuration that ends its workers, as Dask calls it.
KILLED_WORKER = "KilledWorker"

#: The index of an item and its outcome, in the order in which they are ready. Closing it drops what is left.
Outcomes = Generator[tuple[int, Outcome], None, None]


class Scheduler(Protocol):
    """Executes calls locally or on a cluster."""

    def outcomes(self, call: Call, items: Sequence[Any]) -> Outcomes:
        """The outcome of ``call`` on every item, as it becomes ready.

        Args:
            call: can be pickled.
            items: its arguments, which can be pickled.

        Raises:
            InputError: no cluster answers.
            ConnectionError: the cluster was lost.
        """


@dataclass(frozen=True)
class LocalScheduler:
    """Executes calls in processes of this machine, by joblib; those of a lost process run once more.

    Attributes:
        workers: number of processes, at least 1; with 1 everything runs in this process.
    """

    workers: int

    def __post_init__(self) -> None:
        at_least("workers", self.workers, 1)

    def outcomes(self, call: Call, items: Sequence[Any]) -> Outcomes:
        """See ``Scheduler``; a configuration that ends its worker, also when it runs alone, is a failure.

        The system ends processes when memory runs out. With 1 worker that ends the sweep.
        """
        waiting = dict(enumerate(items))
        while waiting:
            started: set[int] = set()
            try:
                with closing(_arriving(self.workers, call, waiting, started)) as arriving:
                    for index, outcome in arriving:
                        del waiting[index]
                        yield index, outcome
            except BrokenProcessPool:
                # One worker that ends takes the others along: those that had begun run again one by one, and the
                # one that ends its worker again is then identified.
                for index in sorted(started & waiting.keys()):
                    yield index, _alone(self.workers, call, index, waiting.pop(index))


def _arriving(workers: int, call: Call, waiting: Mapping[int, Any], started: set[int]) -> Outcomes:
    """The outcomes of the items that wait; ``started`` gains the index of each before it runs.

    Raises:
        BrokenProcessPool: a worker ended.
    """

    def calls() -> Iterator[Any]:
        for index, item in list(waiting.items()):
            started.add(index)
            yield delayed(_numbered)(call, index, item, this)

    # Single calls in a batch, so that every outcome arrives at once; arguments by pickle, not as files.
    parallel = Parallel(workers, return_as="generator_unordered", batch_size=1, max_nbytes=None)
    this = os.getpid()
    arrived = parallel(calls())
    try:
        for numbered in arrived:  # noqa: UP028 (yield from would close it without the filter below)
            yield numbered
    finally:
        with warnings.catch_warnings():
            # Dropping the remaining calls is intended here; joblib warns of it.
            warnings.filterwarnings("ignore", message=".*adjusting the input task iterator", category=UserWarning)
            arrived.close()


def _alone(workers: int, call: Call, index: int, item: Any) -> Outcome:
    """The outcome of an item while no other runs; a failure where its worker ends again."""
    try:
        with closing(_arriving(workers, call, {index: item}, set())) as arriving:
            return next(arriving)[1]
    except BrokenProcessPool as error:
        fault = "its worker process was ended twice, the second time while nothing else ran; perhaps memory ran out"
        return replace(Failure.from_error(error), error=KILLED_WORKER, message=fault)


def _numbered(call: Call, index: int, item: Any, parent: int) -> tuple[int, Outcome]:
    _end_with(parent)
    return index, call(item)


@cache
def _end_with(parent: int) -> None:
    """Have this worker end soon after the process that started it, which may be killed without notice."""
    if os.getpid() != parent:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


@dataclass(frozen=True)
class DaskScheduler:
    """Executes calls on a running Dask cluster; those of a lost worker run on the others.

    Workers need this package, the task's module and the same versions; give each one thread, as a process runs
    one configuration at a time.

    Attributes:
        address: of the cluster's scheduler, such as tcp://127.0.0.1:8786.
        timeout: seconds to wait for its answer.
    """

    address: str
    timeout: float = 10.0

    def __post_init__(self) -> None:
        positive("timeout", self.timeout)

    def outcomes(self, call: Call, items: Sequence[Any]) -> Outcomes:
        """See ``Scheduler``; a configuration that ends its workers, also when it runs alone, is a failure.

        How many workers it ends before Dask gives up is Dask's setting.
        """
        try:
            distributed: Any = import_module("distributed")
        except ImportError:
            raise InputError("scheduler: Dask is not installed; pip install 'learning-phases[cluster]'") from None
        with _client(distributed, self.address, self.timeout) as client:
            suspects = []
            for index, outcome in self._arriving(distributed, client, call, dict(enumerate(items))):
                if isinstance(outcome, Failure) and outcome.error == KILLED_WORKER:
                    suspects.append(index)
                else:
                    yield index, outcome
            # Dask blames all that had been handed to a worker that ended; alone, the one that ends it is known.
            for index in suspects:
                yield from self._arriving(distributed, client, call, {index: items[index]})

    def _arriving(self, distributed: Any, client: Any, call: Call, waiting: Mapping[int, Any]) -> Outcomes:
        """The outcomes of the items that wait, by their index.

        Raises:
            ConnectionError: the cluster's scheduler was lost.
        """
        futures = {client.submit(call, item, pure=False): index for index, item in waiting.items()}
        try:
            completed = distributed.as_completed(list(futures), loop=client.loop)
            for future in completed:
                try:
                    outcome = _outcome(future)
                except OSError:  # the connection broke while a result was on its way
                    raise self._lost() from None
                if future.status == "cancelled":
                    raise self._lost()
                if outcome is None:  # its worker was lost with the outcome; it runs again
                    completed.add(future)
                    continue
                yield futures.pop(future), outcome
        finally:
            client.cancel(list(futures))

    def _lost(self) -> ConnectionError:
        return ConnectionError(
            f"scheduler: {self.address} was lost; start the sweep again to resume: finished results stay"
        )


def _outcome(future: Any) -> Outcome | None:
    """What a future ended with; None where it has not."""
    match future.status:
        case "finished":
            outcome: Outcome = future.result()
            return outcome
        case "error":
            return Failure.from_error(future.exception())
    return None


def _client(distributed: Any, address: str, timeout: float) -> Any:
    """A connection to the scheduler at ``address``; InputError if none can be made."""
    try:
        return distributed.Client(address, timeout=timeout, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        fault = str(error)
    gc.collect()  # a client that failed closes when it is collected, which in another event loop would block that
    raise InputError(
        f"scheduler: {quoted(address)} does not answer ({cut(fault)}); "
        "give the address of a running Dask scheduler, such as tcp://127.0.0.1:8786"
    )
