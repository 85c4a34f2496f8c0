"""Restores what functions, classes and objects of the user keep."""

from __future__ import annotations

import sys
import types
from collections import deque
from pathlib import Path
from typing import Any

# Packages whose objects hold what is not a network's own: trainers, loaders, optimisers, and this package's trackers.
_LIBRARIES = {
    "torch", "numpy", "lightning", "pytorch_lightning", "lightning_fabric", "accelerate", "datasets", "pandas",
    "empirical", "simulation", "theory",
} | (set(sys.stdlib_module_names) - {"__main__"})  # fmt: skip

_PACKAGES = {"site-packages", "dist-packages"}


def restore_class(kind: type, values: dict[str, object]) -> None:
    """Put back the values of a class; those that it did not have are removed."""
    for name, value in values.items():
        if vars(kind).get(name) is not value:
            setattr(kind, name, value)
    for name in [name for name, value in vars(kind).items() if is_value(name, value) and name not in values]:
        delattr(kind, name)


def restore_slots(one: object, values: dict[str, object]) -> None:
    """Put back the values of an object without a dictionary."""
    for name, value in values.items():
        object.__setattr__(one, name, value)


def restore_names(space: dict[str, object], names: set[str], values: dict[str, object]) -> None:
    """Put back variables of a file.

    Args:
        space: the file's variables by name.
        names: of those to put back.
        values: what they were; a name without a value is removed.
    """
    for name in names:
        if name in values:
            if space.get(name) is not values[name]:
                space[name] = values[name]
        else:
            space.pop(name, None)


def names_in(code: types.CodeType) -> set[str]:
    """Names that a function and those defined in it look up in its file, and of attributes."""
    inner = [one for one in code.co_consts if isinstance(one, types.CodeType)]
    return set(code.co_names).union(*map(names_in, inner))


def is_installed(code: types.CodeType) -> bool:
    """Whether a function comes with an installed package, whose files hold much and change little."""
    return not _PACKAGES.isdisjoint(Path(code.co_filename).parts)


def functions_in(value: object) -> list[types.FunctionType]:
    """The functions behind a class attribute: itself, or those of a property, a static or a class method."""
    parts = (value, *(getattr(value, name, None) for name in ("__func__", "fget", "fset", "func")))
    return [one for one in parts if isinstance(one, types.FunctionType)]


def rewrite(stream: Any, saved: tuple[Any, int]) -> None:
    """Put back content and place of a stream in memory."""
    content, place = saved
    if not stream.closed and (stream.getvalue(), stream.tell()) != saved:
        stream.seek(0)
        stream.truncate()
        stream.write(content)
        stream.seek(place)


def refill(one: Any, saved: Any) -> None:
    """Put back the entries of a container; ``saved`` is a copy of it."""
    match one:
        case set():
            if one != saved:
                one.clear()
                one.update(saved)
        case deque():  # entries are compared by identity, as tensors have no single answer
            if len(one) != len(saved) or any(new is not old for new, old in zip(one, saved, strict=True)):
                one.clear()
                one.extend(saved)
        case _:
            one[:] = saved


def slots(kind: type) -> tuple[str, ...]:
    """Names of the values that a class keeps without a dictionary."""
    named = vars(kind).get("__slots__", ())
    names = (named,) if isinstance(named, str) else tuple(named)
    return tuple(name for name in names if not name.startswith("__"))


def is_value(name: str, value: object) -> bool:
    """Whether a class attribute is a value, and neither a method nor a descriptor."""
    own = name.startswith("__") or name == "_abc_impl"
    return not own and not callable(value) and not hasattr(type(value), "__get__")


def is_library(module: str | None) -> bool:
    """Whether a module belongs to a package whose objects are not entered."""
    return (module or "").partition(".")[0] in _LIBRARIES
