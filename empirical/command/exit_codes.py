"""Ends a command: one line for what went wrong, and an exit code for each kind of end."""

from __future__ import annotations

import errno
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from empirical.command.interrupts import INTERRUPTED, answer, received
from empirical.command.terminal import Bars, UnwritableOutputError, complain, discard_output

FINE, CLAIM_FAILS, BAD_INPUT, INTERNAL_ERROR = 0, 1, 2, 3

#: Exit code of a process whose output nobody reads, as shells count it: 128 and the number of SIGPIPE.
OUTPUT_CLOSED = 141

#: For help texts.
EXIT_CODES = (
    "Exit codes: 0 no claim fails, 1 a claim fails, 2 bad input or a file that cannot be read or written, "
    "3 an error of this program, 130 interrupted (Ctrl-C), 141 nobody reads the output (as with | head -1)."
)

# Typer brings its own copy of click, or takes the installed one, by its version.
_USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[2]

#: What PyTorch's errors say when memory runs out.
_NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")


class _OneLine:
    """The part that commands and groups of commands share: they end as ``ended`` says."""

    def main(self, *arguments: Any, standalone_mode: bool = True, **named: Any) -> Any:
        """Run the command; ends the process with an exit code, unless ``standalone_mode`` is off."""
        return _main(super().main, arguments, standalone_mode, named)  # type: ignore[misc]

    def invoke(self, context: Any) -> Any:
        """Run the function, or the subcommand."""
        with interruption():
            return super().invoke(context)  # type: ignore[misc]


class OneLineGroup(_OneLine, TyperGroup):
    """A command with subcommands that ends as ``ended`` says."""

    def format_commands(self, context: Any, formatter: Any) -> None:
        """List the subcommands, each with the whole first sentence of its help."""
        commands = [(name, self.get_command(context, name)) for name in self.list_commands(context)]
        rows = [(name, one.get_short_help_str(sys.maxsize)) for name, one in commands if one is not None]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


class OneLineCommand(_OneLine, TyperCommand):
    """A command that ends as ``ended`` says."""


@contextmanager
def interruption() -> Iterator[None]:
    """Handle Ctrl-C with one line and its exit code."""
    try:
        yield
    except KeyboardInterrupt:
        answer()
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def bad_input_exits() -> Iterator[Bars]:
    """Turn bad input, or a file that cannot be read or written, into one line and exit code 2.

    Yields progress bars; those of short work are shown only if nothing was refused.
    """
    from theory import InputError

    try:
        # Bars end before a line says what went wrong.
        with closing(Bars()) as bars:
            yield bars
            bars.show()
    except InputError as error:
        complain(f"error: {error}")
        raise typer.Exit(BAD_INPUT) from None
    except OSError as error:
        complain(f"error: {system_error(error)}")
        raise typer.Exit(BAD_INPUT) from None


def system_error(error: OSError) -> str:
    """An error of the system in words: the path, where one is known, and the reason."""
    if error.filename is not None and error.strerror is not None:
        return f"{error.filename}: {error.strerror}"
    return error.strerror or str(error) or type(error).__name__


def ended(call: Callable[[], Any]) -> int:
    """The exit code of a call; what went wrong is printed on the standard error.

    A bad argument, a file that cannot be read or written, or memory that runs out is one line. An error of this
    program is printed with its traceback, for a bug report.
    """
    try:
        code = call()
    except KeyboardInterrupt:
        answer()
        return INTERRUPTED
    except UnwritableOutputError as error:
        discard_output()
        return OUTPUT_CLOSED if error.closed else _bad(f"the standard output cannot be written ({error.reason})")
    except _USAGE_ERROR as error:
        return _help(error) if type(error).__name__ == "NoArgsIsHelpError" else _bad(usage_message(error))
    except OSError as error:
        if error.errno == errno.EPIPE:
            discard_output()
            return OUTPUT_CLOSED
        return _bad(system_error(error))
    except Exception as error:
        if received():
            answer()
            return INTERRUPTED
        if _is_bad_input(error):
            return _bad(str(error))
        if isinstance(error, MemoryError) or any(words in str(error) for words in _NO_MEMORY):
            return _bad(f"memory: is exhausted ({_first_line(error)}); give smaller sizes or less data")
        complain_lines(traceback.format_exc())
        complain(f"internal error: {type(error).__name__}: {_first_line(error)}; please report it with the lines above")
        return INTERNAL_ERROR
    return code if isinstance(code, int) else FINE


def usage_message(error: Exception) -> str:
    """Describe a fault in the call in one line that names the option."""
    message = " ".join(str(getattr(error, "message", error)).split()).rstrip(".")
    parameter = getattr(error, "param", None)
    name = _typed_name(parameter) or getattr(error, "param_hint", None)
    if name is None:
        return " ".join(str(error.format_message()).split()) if hasattr(error, "format_message") else message
    return f"{name}: {message or 'is missing; give one'}"


def _typed_name(parameter: Any) -> str | None:
    """The name of a parameter as a user types it, without hyphens; None without a parameter."""
    if parameter is None or getattr(parameter, "param_type_name", None) != "option":
        return getattr(parameter, "name", None)
    return str(parameter.opts[0]).lstrip("-").replace("-", "_")


def _is_bad_input(error: Exception) -> bool:
    """Whether this is an InputError, without loading the module that defines it."""
    validation = sys.modules.get("theory.validation")
    return validation is not None and isinstance(error, validation.InputError)


def complain_lines(text: str) -> None:
    """Print several lines on the standard error."""
    for line in text.splitlines():
        complain(line)


def _main(run: Callable[..., Any], arguments: tuple[Any, ...], standalone: bool, named: dict[str, Any]) -> Any:
    if not standalone:
        return run(*arguments, standalone_mode=False, **named)
    sys.exit(ended(lambda: run(*arguments, standalone_mode=False, **named)))


def _bad(message: str) -> int:
    complain(f"error: {message}")
    return BAD_INPUT


def _help(error: Exception) -> int:
    """A group without a command shows its help."""
    show: Callable[[], None] | None = getattr(error, "show", None)
    if show is not None:
        show()
    return int(getattr(error, "exit_code", BAD_INPUT))


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
