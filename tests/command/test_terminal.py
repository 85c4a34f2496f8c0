"""What a call prints and how it ends, whatever names hold and whatever happens to its output."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from empirical.command.exit_codes import (
    INTERNAL_ERROR,
    INTERRUPTED,
    OUTPUT_CLOSED,
    bad_input_exits,
    ended,
    interruption,
)
from empirical.command.terminal import Bars, UnwritableOutputError, complain, say, terminal_text
from theory import InputError

#: What file names, layer names and class names may hold.
HOSTILE = st.text(st.characters(codec=None), max_size=30) | st.sampled_from(
    ["\x1b[2J", "a\nerror: b", "\u202egnp.exe", "\udcff", "a\tb", "\x00", "\x9b31m", "\u2028", "$x$ _a^b \\input{f}"]
)


@given(HOSTILE)
def test_a_name_is_one_line_without_anything_that_a_terminal_obeys(name: str) -> None:
    shown = terminal_text(name)
    assert shown.isprintable()
    assert len(shown.splitlines()) <= 1
    shown.encode("utf-8")
    # What is printable is left alone.
    assert terminal_text(shown) == shown


def test_lines_are_printed_in_any_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with a line break stays one line, and a letter that the terminal lacks is an escape."""
    import io

    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)
    monkeypatch.setattr(sys, "stdout", out)
    say("layer \u03bb\n\x1b[2J")
    assert out.buffer.getvalue() == b"layer \\u03bb\\n\\x1b[2J\n"  # type: ignore[attr-defined]


class _Broken:
    """A stream that cannot be written."""

    encoding = "utf-8"

    def __init__(self, number: int) -> None:
        self._number = number

    def write(self, text: str) -> int:
        raise OSError(self._number, os.strerror(self._number))

    def flush(self) -> None:
        raise OSError(self._number, os.strerror(self._number))

    def fileno(self) -> int:
        raise OSError(errno.EBADF, "no file")

    def isatty(self) -> bool:
        return False


@pytest.mark.parametrize(("number", "code"), [(errno.EPIPE, OUTPUT_CLOSED), (errno.ENOSPC, 2)])
def test_output_that_cannot_be_written_is_no_failed_claim(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int, code: int
) -> None:
    monkeypatch.setattr(sys, "stdout", _Broken(number))
    assert ended(lambda: say("claim")) == code
    message = capsys.readouterr().err
    assert message == ("" if number == errno.EPIPE else _FULL)


_FULL = "error: the standard output cannot be written (No space left on device)\n"


def test_a_full_disk_under_the_standard_error_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", _Broken(errno.ENOSPC))
    assert list(Bars()(range(3), "work")) == [0, 1, 2]
    complain("nobody hears it")
    assert ended(_raising(InputError("steps: 0"))) == 2


def _raising(error: BaseException) -> Callable[[], Any]:
    def call() -> None:
        raise error

    return call


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("steps: 0\nis bad"), 2, "error: steps: 0\\nis bad"),
        (OSError(28, "No space left on device", "r/a"), 2, "error: r/a: No space left on device"),
        (PermissionError(13, "Permission denied", "r"), 2, "error: r: Permission denied"),
        (ConnectionError("scheduler: was lost"), 2, "error: scheduler: was lost"),
        (MemoryError("Unable to allocate 169. GiB"), 2, "error: memory: is exhausted (Unable to allocate 169. GiB)"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 9"), 2, "error: memory: is exhausted"),
        (typer.BadParameter("bad", param_hint="workers"), 2, "error: workers: bad"),
        (ZeroDivisionError("division by zero"), INTERNAL_ERROR, "internal error: ZeroDivisionError: division by zero"),
        (RecursionError("too deep"), INTERNAL_ERROR, "internal error: RecursionError: too deep"),
        (AssertionError(), INTERNAL_ERROR, "internal error: AssertionError"),
    ],
)
def test_every_end_has_its_code_and_its_line(
    capsys: pytest.CaptureFixture[str], error: Exception, code: int, line: str
) -> None:
    assert ended(_raising(error)) == code
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith(line)
    assert (len(lines) == 1) is (code == 2)


def test_ctrl_c_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as stopped, interruption():
        raise KeyboardInterrupt
    assert stopped.value.exit_code == INTERRUPTED
    assert capsys.readouterr().err == "interrupted: finished parts are kept; the same command goes on from them\n"


def test_a_bar_of_short_work_is_shown_where_nothing_is_refused_and_only_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with bad_input_exits() as bars:
        assert list(bars([1, 2], "moments\x1b of it")) == [1, 2]
    assert "moments\\x1b of it: 100%" in capsys.readouterr().err

    def refuses() -> None:
        with bad_input_exits() as bars:
            list(bars([1, 2], "moments"))
            raise InputError("labels: bad")

    with pytest.raises(typer.Exit):
        refuses()
    assert capsys.readouterr().err == "error: labels: bad\n"


def _process(*words: str, **named: Any) -> subprocess.Popen[str]:
    root = Path(__file__).resolve().parents[2]
    return subprocess.Popen([sys.executable, str(root / "phases.py"), *words], cwd=root, text=True, **named)


def test_a_reader_that_goes_away_is_distinguished_from_a_failed_claim() -> None:
    """As with ``phases --version | head -0``; without the signal that other programs would end by."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert _process("--version", stdout=writer).wait() == OUTPUT_CLOSED
    finally:
        os.close(writer)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_full_disks_under_both_outputs_end_with_two() -> None:
    with open("/dev/full", "w") as full:
        assert _process("--version", stdout=full, stderr=full).wait() == 2


def test_what_stopped_the_output_is_kept() -> None:
    assert UnwritableOutputError(BrokenPipeError(errno.EPIPE, "Broken pipe")).closed
    assert not UnwritableOutputError(OSError(errno.ENOSPC, "full")).closed
