from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulation.runs.run_folder import RunFolder
from simulation.runs.schedulers import DaskScheduler, LocalScheduler
from simulation.runs.sweep import grid, run_sweep
from tests.simulation.sweep_tasks import (
    ends_its_worker,
    failing,
    files_below,
    product_bits,
    slow_walk,
    walk,
    walks,
)
from theory import InputError

dask, distributed = pytest.importorskip("dask"), pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two worker processes."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
    ) as running:
        yield running


@pytest.fixture
def scheduler(cluster: Any) -> DaskScheduler:
    return DaskScheduler(cluster.scheduler_address)


@pytest.mark.slow
def test_a_cluster_writes_the_bytes_that_this_machine_does(tmp_path: Path, scheduler: DaskScheduler) -> None:
    for task, configurations in ((walk, walks(20)), (product_bits, grid(seed=range(4)))):
        found = run_sweep(configurations, task, RunFolder(tmp_path / "cluster"), scheduler)
        run_sweep(configurations, task, RunFolder(tmp_path / "here"), LocalScheduler(1))
        assert (found.computed, found.failures) == (len(configurations), ())
    assert files_below(tmp_path / "cluster") == files_below(tmp_path / "here")
    assert len(files_below(tmp_path / "here")) == 24


def test_a_finished_sweep_needs_no_cluster(tmp_path: Path) -> None:
    run_sweep(walks(4), walk, RunFolder(tmp_path), LocalScheduler(1))
    assert run_sweep(walks(4), walk, RunFolder(tmp_path), DaskScheduler("tcp://127.0.0.1:1")).computed == 0


def test_failures_and_results_are_distinguished(tmp_path: Path, scheduler: DaskScheduler) -> None:
    configurations = grid(way=["raises", "works", "exits"], folder=[str(tmp_path)])
    found = run_sweep(configurations, failing, RunFolder(tmp_path), scheduler)
    assert found.results == (None, {"way": "works"}, None)
    assert [failure.error for _, failure in found.failures] == ["ZeroDivisionError", "SystemExit"]


def test_a_sweep_goes_on_when_a_worker_is_killed(tmp_path: Path, cluster: Any, scheduler: DaskScheduler) -> None:
    victim = next(iter(cluster.workers.values())).pid

    def kill_after_some_results() -> None:
        while len(list((tmp_path / "cluster" / "results").glob("[!.]*"))) < 10:
            time.sleep(0.002)
        os.kill(victim, signal.SIGKILL)

    killer = threading.Thread(target=kill_after_some_results)
    killer.start()
    found = run_sweep(walks(80), slow_walk, RunFolder(tmp_path / "cluster"), scheduler)
    killer.join()
    assert (found.computed, found.failures) == (80, ())
    assert victim not in [worker.pid for worker in cluster.workers.values() if worker.process.is_alive()]
    run_sweep(walks(80), slow_walk, RunFolder(tmp_path / "here"), LocalScheduler(1))
    assert files_below(tmp_path / "cluster") == files_below(tmp_path / "here")


@pytest.mark.slow
def test_a_configuration_that_ends_every_worker_is_a_failure(tmp_path: Path) -> None:
    """Dask, which here blames a call at once, also blames the one that waits behind it; that one is run again."""
    configurations = grid(number=range(8), folder=[str(tmp_path)], times=[100])
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(
            n_workers=3, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
        ) as cluster,
    ):
        found = run_sweep(
            configurations, ends_its_worker, RunFolder(tmp_path), DaskScheduler(cluster.scheduler_address)
        )
    assert [(index, failure.error) for index, failure in found.failures] == [(5, "KilledWorker")]
    assert [result and result["number"] for result in found.results] == [0, 1, 2, 3, 4, None, 6, 7]


@pytest.mark.slow
def test_a_scheduler_that_is_lost_is_an_error_that_says_how_to_go_on(tmp_path: Path) -> None:
    """Its process is killed while results come in; joblib's own backend would wait for ever."""
    address = "tcp://127.0.0.1:18786"
    programs = (
        ["distributed.cli.dask_scheduler", "--port", "18786", "--no-dashboard"],
        ["distributed.cli.dask_worker", address, "--nworkers", "2", "--nthreads", "1", "--no-dashboard"],
    )
    running = [subprocess.Popen([sys.executable, "-m", *one], stderr=subprocess.DEVNULL) for one in programs]

    def kill_after_some_results() -> None:
        while len(list((tmp_path / "results").glob("[!.]*"))) < 10:
            time.sleep(0.002)
        running[0].kill()

    threading.Thread(target=kill_after_some_results, daemon=True).start()
    try:
        with pytest.raises(ConnectionError, match=f"scheduler: {address} was lost; start the sweep again"):
            run_sweep(walks(3000), slow_walk, RunFolder(tmp_path), DaskScheduler(address, timeout=120))
    finally:
        for one in running:
            one.kill()
            one.wait()
    assert 10 <= len(files_below(tmp_path)) < 3000


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense"])
def test_an_address_that_does_not_answer_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(InputError, match=rf"scheduler: '{address}' does not answer .*give the address of a running"):
        run_sweep(walks(2), walk, RunFolder(tmp_path), DaskScheduler(address, timeout=0.5))
    assert files_below(tmp_path) == {}


def test_without_dask_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"scheduler: Dask is not installed; pip install 'learning-phases\[cluster\]'"):
        run_sweep(walks(2), walk, RunFolder(tmp_path), DaskScheduler("tcp://127.0.0.1:1"))


def test_a_timeout_is_positive() -> None:
    with pytest.raises(InputError, match="timeout: 0 is not accepted; give a positive number"):
        DaskScheduler("tcp://127.0.0.1:1", timeout=0)
