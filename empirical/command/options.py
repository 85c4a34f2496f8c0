"""Options of the command: one reader for each kind of value, which checks the value first.

A reader turns the text of a call into a value, or refuses it with what is accepted; help texts state the same bounds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import typer

from empirical.command.terminal import complain

#: Counts of what is trained, drawn or kept; whether they fit in memory is checked where the other sizes are known.
LARGEST_COUNT = 1_000_000_000

#: Runs, each with its own folder and processes.
LARGEST_RUNS = 1_000

#: Directions of a diagram, whose samples are a multiple of the square.
LARGEST_WIDTH = 10_000

#: Most samples drawn from fitted Gaussians.
LARGEST_CLONES = 1_000

#: Momentum is below 1.
LARGEST_MOMENTUM = 0.999999

#: Of torch's generators and sizes.
LARGEST_INTEGER = 2**63 - 1

#: Scales and step sizes whose squares stay within the numbers of single precision.
SMALLEST_SCALE, LARGEST_SCALE = 1e-15, 1e15

#: Scale of W(0) of networks that are trained, as ``empirical.studies.training_precision`` bounds it.
SMALLEST_TRAINED = 1e-13

#: eta lambda_1; at a smaller one nothing moves within LARGEST_COUNT steps, and a larger one is not stable.
SMALLEST_SHARE, LARGEST_SHARE = 1e-9, 1e3

#: Characters of a name in a path, on the usual file systems.
_LONGEST_NAME = 255

# As theory.validation.QUOTED, which would take SymPy along.
_SHOWN = 60

Number = TypeVar("Number", int, float)


def whole_option(description: str, least: int, most: int = LARGEST_COUNT) -> Any:
    """An option that takes whole numbers in a range.

    Args:
        description: the option's help.
        least: smallest number accepted.
        most: largest number accepted.
    """
    return _number_option(description, int, least, most, (str(least), _power(most)))


def real_option(description: str, least: float, most: float) -> Any:
    """An option that takes finite numbers in a range.

    Args:
        description: the option's help.
        least: smallest number accepted.
        most: largest number accepted.
    """
    return _number_option(description, float, least, most, (f"{least:g}", f"{most:g}"))


def _number_option(description: str, kind: type[Number], least: Number, most: Number, bounds: tuple[str, str]) -> Any:
    """An option that takes numbers of a kind, whose bounds are written as ``bounds``."""
    name, metavar = ("an integer", "INTEGER") if kind is int else ("a number", "FLOAT")
    accepted = f"{name} from {bounds[0]} to {bounds[1]}"

    def read(text: str) -> Number:
        try:
            number = kind(text)
        except ValueError:
            raise typer.BadParameter(f"{_shown(text)} is not {name}; give {accepted}") from None
        if not least <= number <= most:  # NaN is within no bounds
            raise typer.BadParameter(f"{_cut(_digits(number))} is not accepted; give {accepted}")
        return number

    return typer.Option(help=f"{description} [{bounds[0]} to {bounds[1]}]", parser=read, metavar=metavar)


def count_option(description: str, least: int = 1) -> Any:
    """An option that takes a number of steps, samples, draws or features."""
    return whole_option(description, least)


def seed_option(description: str) -> Any:
    """An option that takes a seed."""
    return whole_option(description, 0, LARGEST_INTEGER)


def scale_option(description: str) -> Any:
    """An option that takes an initialisation scale or a step size."""
    return real_option(description, SMALLEST_SCALE, LARGEST_SCALE)


def trained_scale_option(description: str) -> Any:
    """An option that takes an initialisation scale of networks that are trained."""
    return real_option(description, SMALLEST_TRAINED, LARGEST_SCALE)


def share_option(description: str) -> Any:
    """An option that takes a step size in units of the largest stable order, eta lambda_1."""
    return real_option(description, SMALLEST_SHARE, LARGEST_SHARE)


def text_option(description: str) -> Any:
    """An option that takes a name or another text, which is not empty."""
    return typer.Option(help=description, parser=_text, metavar="TEXT")


def text_argument(description: str) -> Any:
    """The same, as an argument."""
    return typer.Argument(help=description, parser=_text)


def path_option(description: str) -> Any:
    """An option that takes a path, in which ``~`` is the home folder."""
    return typer.Option(help=description, parser=_path, metavar="PATH")


def path_argument(description: str, metavar: str) -> Any:
    """The same, as an argument."""
    return typer.Argument(help=description, parser=_path, metavar=metavar, show_default=False)


def json_option() -> Any:
    """The switch that prints the result as JSON."""
    return typer.Option("--json", help="Print the result as JSON instead of lines.")


def quiet_option() -> Any:
    """The switch that prints nothing but errors, notes and progress."""
    return typer.Option("--quiet", help="Print no lines; the exit code and the files say what was found.")


def data_argument(description: str) -> Any:
    """The data of a job, as its argument; see ``chosen_data``."""
    return typer.Argument(help=description, parser=_text, metavar="DATA", show_default=False)


def data_option() -> Any:
    """The same as ``--data``, the older way to give them."""
    return typer.Option("--data", parser=_text, metavar="TEXT", hidden=True)


def chosen_data(argument: str | None, option: str | None, default: str) -> str:
    """The data that a call names, or ``default``.

    Args:
        argument: as given by ``data_argument``.
        option: as given by ``data_option``, with a note that the argument is the way to give them.
        default: where there is neither.

    Raises:
        typer.BadParameter: both are given.
    """
    if argument is not None and option is not None:
        raise typer.BadParameter("is given twice; give the data as the argument alone", param_hint="data")
    if option is not None:
        complain(f"note: --data is the older way to name the data; the argument does: {option}")
    return data_path(argument or option or default)


def data_path(name: str) -> str:
    """The name of a data set, or the path of one with ``~`` written out."""
    return str(Path(name).expanduser()) if name.startswith("~") else name


def is_given(context: typer.Context, name: str) -> bool:
    """Whether the call itself names an option."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def refuse_without(context: typer.Context, needed: str, *names: str) -> None:
    """Refuse options that do nothing without another one.

    Args:
        context: of the call, in which ``needed`` is not given.
        needed: what would make them count, as in "--network".
        names: of the options, as parameters.

    Raises:
        typer.BadParameter: one of them is given.
    """
    for name in names:
        if is_given(context, name):
            raise typer.BadParameter(f"does nothing without {needed}; leave it out, or give both", param_hint=name)


def refuse_where_nothing_is_fetched(context: typer.Context, *data: str) -> None:
    """Refuse --data-root and --download where the data are a file, a folder or come with a package.

    Args:
        context: of the call.
        data: names of its data sets.

    Raises:
        typer.BadParameter: one of the two is given, and none of the data sets is kept under a data root.
    """
    if not any(name in ROOTED for name in data):
        refuse_without(context, f"one of {', '.join(ROOTED)} as data", "data_root", "download")


#: Data sets that are kept under a data root and can be fetched.
ROOTED = ("cifar10", "cifar100", "mnist", "fashion-mnist")


def _text(text: str) -> str:
    if not text.strip():
        raise typer.BadParameter("is empty; give a name, or leave the option out")
    if "\0" in text:
        raise typer.BadParameter(f"{_shown(text)} holds the character NUL; leave it out")
    return text


def _path(text: str) -> Path:
    path = Path(_text(str(text)))
    longest = max(map(len, path.parts), default=0)
    if longest > _LONGEST_NAME:
        raise typer.BadParameter(f"a name of {longest} characters is too long; give another")
    try:
        return path.expanduser()
    except RuntimeError:
        raise typer.BadParameter(f"{_shown(str(text))} names a home folder that is not known; write it out") from None


def _power(number: int) -> str:
    """A bound in readable form."""
    return {LARGEST_COUNT: "1e9", LARGEST_INTEGER: "2^63 - 1"}.get(number, str(number))


def _digits(number: int | float) -> str:
    try:
        return str(number)
    except ValueError:  # more digits than Python converts
        assert isinstance(number, int)
        return f"a number of {number.bit_length()} bits"


def _shown(text: str) -> str:
    return repr(_cut(text))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
