"""Ctrl-C ends the process of a command soon and with one line, at any point.

Python raises KeyboardInterrupt in the main thread, between two of its instructions. That may come late, or be lost: one
call into a library may take minutes; a library may treat the exception as its failure (mpmath has bare except
clauses), or turn it into another error; Python drops what is raised in a finaliser; and taking down what SymPy has
cached takes seconds. So a thread waits for the signal as well, and ends the process if the main thread has not
within GRACE. Nothing is lost: files appear whole or not at all (``simulation.runs.run_folder``), and workers end
with the process that started them (``simulation.runs.schedulers``).

It imports nothing of the package, so that the command can begin with it.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

#: Exit code of a process that Ctrl-C ends, as shells count it: 128 and the number of SIGINT.
INTERRUPTED = 130

#: The message to the user.
STOPPED = "interrupted: finished parts are kept; the same command goes on from them"

#: Most seconds from the signal to the end of the process.
GRACE = 1.0

# Signals belong to the process, and so does this record of them.
_received, _answered = threading.Event(), threading.Event()


def run(command: Callable[[], object]) -> None:
    """Run the command of this process, which Ctrl-C then ends.

    A process that was started with the signal ignored, as shells do for background jobs, keeps ignoring it.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        _listen()
    try:
        command()
    except KeyboardInterrupt:
        answer()
    finally:
        if _received.is_set():
            _leave()


def answer() -> None:
    """Print that the command was interrupted, on the standard error."""
    _answered.set()
    # Nothing is left to do where it cannot be written.
    with suppress(OSError, ValueError, AttributeError):
        print(STOPPED, file=sys.stderr, flush=True)


def received() -> bool:
    """Whether Ctrl-C was pressed in ``run``: an error since then may come from it."""
    return _received.is_set()


def _listen() -> None:
    """Raise KeyboardInterrupt at the first signal, ignore the next ones, and have a thread wait for it."""
    ear, mouth = socket.socketpair()
    mouth.setblocking(False)
    # Written to at once, even while the main thread is in a library.
    signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGINT, _interrupt)
    threading.Thread(target=_watch, args=(ear, mouth), daemon=True).start()


def _interrupt(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _received.set()
    # Python prints what it drops: this exception, where a finaliser runs.
    sys.unraisablehook = lambda dropped: None
    raise KeyboardInterrupt


def _watch(ear: socket.socket, _kept_open: socket.socket) -> None:
    """End the process soon after the signal, unless it has ended itself."""
    while signal.SIGINT not in ear.recv(16):
        pass
    _received.set()
    time.sleep(GRACE)
    _leave()


def _leave() -> None:
    """End the process without taking it down piece by piece."""
    if not _answered.is_set():
        answer()
    os._exit(INTERRUPTED)
