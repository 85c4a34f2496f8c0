"""Ctrl-C ends a command with one line and its exit code, whatever the command is at."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from empirical.command.exit_codes import bad_input_exits, interruption
from empirical.command.interrupts import INTERRUPTED, STOPPED

#: Far more than a second, and far less than any of the jobs here would take.
_PATIENCE = 60


def _started(*words: str) -> subprocess.Popen[str]:
    # Not ignored, as a shell has it for what runs in the background.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            [sys.executable, *words],
            cwd=Path(__file__).resolve().parents[2],
            text=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
    finally:
        signal.signal(signal.SIGINT, before)


def _interrupted_after(process: subprocess.Popen[str], words: str) -> list[str]:
    """The lines of its standard error after the one that holds ``words``, at which it is interrupted."""
    assert process.stderr is not None
    with process:
        try:
            assert any(words in line for line in process.stderr)
            process.send_signal(signal.SIGINT)
            return process.communicate(timeout=_PATIENCE)[1].splitlines()
        finally:
            process.kill()


#: A job that says so once it is in the midst of its work.
_JOB = """
import hashlib, sys, threading, time
from empirical.command.exit_codes import ended
from empirical.command.interrupts import run

def work():
    while True:
        time.sleep(0.001)

class Held:
    def __del__(self):
        work()

def job():
    threading.Timer(0.2, print, ["at work"], dict(file=sys.stderr, flush=True)).start()
    {}

run(lambda: sys.exit(ended(job)))
"""

_TAKEN_FOR_A_FAILURE = """
    while True:
        try:
            work()
        except BaseException:
            pass
"""

_ANOTHER_ERROR = """
    try:
        work()
    except BaseException:
        raise ImportError("numpy")
"""

_LONG_CLEARING = """
    try:
        work()
    finally:
        work()
"""


#: What a job is at, by name; the last one is interrupted three times.
_AT_WORK = {
    "between two instructions": "work()",
    "in one long call": "hashlib.pbkdf2_hmac('sha256', b'', b'', 2**31 - 1)",
    "where an exception is taken for a failure": _TAKEN_FOR_A_FAILURE,
    "where it becomes another error": _ANOTHER_ERROR,
    "in a finaliser": "Held(); work()",
    "where clearing up takes long": _LONG_CLEARING,
    "again while clearing up": _LONG_CLEARING,
}


@pytest.fixture(scope="module")
def interrupted() -> Iterator[dict[str, subprocess.Popen[str]]]:
    """The jobs, each interrupted at its work; all at once, as loading and ending take a second."""
    jobs = {name: _started("-c", _JOB.format(work)) for name, work in _AT_WORK.items()}
    try:
        for name, process in jobs.items():
            assert process.stderr is not None
            assert "at work" in process.stderr.readline()
            for _ in range(3 if name.startswith("again") else 1):
                process.send_signal(signal.SIGINT)
        yield jobs
    finally:
        for process in jobs.values():
            with process:
                process.kill()


@pytest.mark.parametrize("name", _AT_WORK)
def test_ctrl_c_ends_a_job_that_does_not_end_by_itself(
    interrupted: dict[str, subprocess.Popen[str]], name: str
) -> None:
    process = interrupted[name]
    assert process.communicate(timeout=_PATIENCE)[1].splitlines() == [STOPPED]
    assert process.returncode == INTERRUPTED


@pytest.mark.parametrize("module", ["typer", "sympy.core.expr", "empirical.studies.derive"])
def test_ctrl_c_ends_the_command_while_it_loads_and_while_it_works(module: str) -> None:
    """Once a module of the command, of its job, and the last one before theorems are derived has been imported."""
    process = _started("-X", "importtime", "-m", "empirical.command", "derive")
    lines = [line for line in _interrupted_after(process, f" {module}\n") if "import time:" not in line]
    assert lines == [STOPPED]
    assert process.returncode == INTERRUPTED


def test_a_signal_that_the_starter_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", _JOB.format("sys.stdin.readline()")],
            cwd=Path(__file__).resolve().parents[2],
            text=True,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.stderr is not None
    assert "at work" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    assert process.communicate("\n", timeout=_PATIENCE)[1] == ""
    assert process.returncode == 0


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "log"])
def test_a_bar_ends_before_the_line_that_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], terminal: bool
) -> None:
    """Also one whose iterator the traceback still holds, as that of a comprehension is."""
    monkeypatch.setattr("empirical.command.terminal.BAR_AFTER", 0.0)
    monkeypatch.setattr("empirical.command.terminal._is_terminal", lambda stream: terminal)

    def stop(item: int) -> int:
        if item:
            raise KeyboardInterrupt
        return item

    with pytest.raises(typer.Exit), interruption(), bad_input_exits() as bars:
        [stop(item) for item in bars(range(5), "check")]
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == STOPPED
    assert lines[-2].startswith("check:  20%")
