"""Prints to the terminal: one line per item, without control characters."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable, Sized
from typing import Any, TextIO

import typer
from tqdm import tqdm

#: Seconds of work before a progress bar appears: a call that is refused sooner shows none.
BAR_AFTER = 0.5

#: Seconds between the lines of a bar where there is no terminal.
LINE_EVERY = 10


class UnwritableOutputError(Exception):
    """The standard output cannot be written.

    Attributes:
        closed: whether its reader has ended, as with ``phases ... | head -1``; otherwise, say, the disk is full.
        reason: the system's message.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.closed = error.errno == errno.EPIPE
        self.reason = error.strerror or str(error)


def terminal_text(text: str) -> str:
    r"""``text`` with everything that is not printed as itself written as an escape, such as ``\x1b`` or ``\n``.

    Names come from files: control characters could move the cursor, a line break could fake a line, and marks of
    direction could show a name backwards.
    """
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def say(text: str) -> None:
    """Print one line; characters that the terminal's encoding lacks are escaped.

    Raises:
        UnwritableOutputError: nobody reads any more, or the disk that takes the output is full.
    """
    try:
        typer.echo(_encodable(terminal_text(text), sys.stdout))
    except OSError as error:
        raise UnwritableOutputError(error) from error


def say_lines(text: str) -> None:
    """Print a text of several lines; UnwritableOutputError as ``say``."""
    for line in text.split("\n"):
        say(line)


def complain(text: str) -> None:
    """Print one line on the standard error; where that cannot be written, nothing is left to do."""
    try:
        typer.echo(_encodable(terminal_text(text), sys.stderr), err=True)
    except OSError:
        _discard(sys.stderr)


def discard_output() -> None:
    """Discard what is still buffered for the standard output, so that the end of the process does not fail."""
    _discard(sys.stdout)


class Bars:
    """Progress bars on the standard error.

    A bar appears once its work has taken BAR_AFTER; what was done sooner is shown when all is done, so that a refused
    call prints its error alone. Where the standard error is not a terminal, as in a log, a bar is a
    line every LINE_EVERY seconds and one at its end.
    """

    def __init__(self) -> None:
        self._finished: list[str] = []
        self._bars: list[Any] = []

    def __call__(self, items: Iterable[Any], description: str | None = None, /) -> Iterable[Any]:
        """Yield the same items with a bar that counts them; a bar that cannot be written is left out."""
        total = len(items) if isinstance(items, Sized) else None
        with tqdm(
            desc=terminal_text(description or "work"),
            total=total,
            file=_stream(),
            dynamic_ncols=True,
            delay=BAR_AFTER,
            mininterval=0.1 if _is_terminal(sys.stderr) else LINE_EVERY,
        ) as bar:
            self._bars.append(bar)
            for item in items:
                yield item
                bar.update()
            if bar.last_print_t < bar.start_t + bar.delay:
                self._finished.append(str(bar))

    def show(self) -> None:
        """Show the bars that were not shown while they ran."""
        for line in self._finished:
            complain(line)
        self._finished.clear()

    def close(self) -> None:
        """End the bars that an error has stopped; the iterators that its traceback holds would end them later."""
        for bar in self._bars:
            bar.close()
        self._bars.clear()


class _Forgiving:
    """A stream that drops what cannot be written."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return 0 if self._stream is None else self._stream.write(text)
        except (OSError, ValueError):  # a full disk or nobody that reads; a closed stream
            return 0

    def flush(self) -> None:
        try:
            if self._stream is not None:
                self._stream.flush()
        except (OSError, ValueError):
            return

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Lines(_Forgiving):
    """The same for a log: each state of a bar is a separate line."""

    def write(self, text: str) -> int:
        line = text.strip("\r\n ")
        return super().write(f"{line}\n") if line else 0


def _stream() -> Any:
    return _Forgiving(sys.stderr) if _is_terminal(sys.stderr) else _Lines(sys.stderr)


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # a closed stream
        return False


def _encodable(text: str, stream: TextIO | None) -> str:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _discard(stream: TextIO | None) -> None:
    try:
        if stream is not None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
    except (OSError, ValueError):  # no stream of the system's
        return
