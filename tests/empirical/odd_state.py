"""Networks whose forward pass changes what lies outside of their attributes: in files, functions and holders."""

from __future__ import annotations

import array
import contextvars
import io
import itertools
import queue
import random
import threading
from collections import ChainMap, UserDict, UserList, deque
from collections.abc import Callable
from typing import Any, NoReturn

import torch
from torch import Tensor

from tests.empirical.odd_modules import Net, Odd, draws, net

# What a file of a user holds.
_draw = random.Random(1)
_calls = 0
_numbers = itertools.count()
_seen: dict[str, list[int]] = {"steps": []}


def _of_file() -> Odd:
    """Changes variables of this file of every kind, one of them in a class and one by a property."""
    global _calls, _numbers
    _calls, _numbers = 0, itertools.count()
    _draw.seed(1)
    _seen["steps"].clear()
    _Doubled.calls = 0

    class Own(Net):
        @property
        def scale(self) -> float:
            return 1 + _draw.random()

        @staticmethod
        def count() -> int:
            global _calls
            _calls += 1
            _seen["steps"].append(_calls)
            return _calls + next(_numbers)

        def between(self, hidden: Tensor) -> Tensor:
            return _Doubled.apply(hidden) * self.scale * (1 + 0.01 * self.count() + len(_seen["steps"]))

    return Odd(Own(), counts=lambda: [_calls, _Doubled.calls, [*_seen["steps"]]])


class _Doubled(torch.autograd.Function):
    calls = 0

    @staticmethod
    def forward(context: Any, hidden: Tensor) -> Tensor:
        _Doubled.calls += 1
        return hidden * (2 + 0.01 * _Doubled.calls)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        return 2 * gradient


def _by_default(self: Any, hidden: Tensor, kept: Any = [], *, named: Any = {"calls": 0}) -> Tensor:  # noqa: B006
    kept.append(1)
    named["calls"] += 1
    return hidden * (1 + 0.01 * len(kept) + 0.01 * named["calls"])


def _defaults() -> Odd:
    assert _by_default.__defaults__ is not None
    _by_default.__defaults__[0].clear()
    _by_default.__kwdefaults__["named"]["calls"] = 0
    return Odd(net(_by_default))


class _SlottedNet(Net):
    __slots__ = ("calls",)

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def between(self, hidden: Tensor) -> Tensor:
        self.calls += 1
        return hidden * self.calls


_HOLDERS: dict[str, tuple[Callable[[], Any], Callable[[Any], float]]] = {
    "queue": (queue.Queue, lambda own: (own.put(1), own.qsize())[1]),
    "list of the library": (UserList, lambda own: (own.append(1), len(own))[1]),
    "dictionary of the library": (
        lambda: UserDict(calls=0),
        lambda own: (own.update(calls=own["calls"] + 1), own["calls"])[1],
    ),
    "maps in a chain": (
        lambda: ChainMap({"calls": 0}),
        lambda own: (own.update(calls=own["calls"] + 1), own["calls"])[1],
    ),
    "array of Python": (lambda: array.array("i"), lambda own: (own.append(1), len(own))[1]),
    "stream in memory": (io.StringIO, lambda own: (own.write("a"), len(own.getvalue()))[1]),
    "variable of the thread": (
        threading.local,
        lambda own: (own.__dict__.update(calls=getattr(own, "calls", 0) + 1), own.calls)[1],
    ),
    "variable of the context": (
        lambda: contextvars.ContextVar("calls", default=0),
        lambda own: (own.set(own.get() + 1), own.get())[1],
    ),
    "dictionary that forbids": (
        lambda: _Frozen(calls=0),
        lambda own: (dict.update(own, calls=own["calls"] + 1), own["calls"])[1],
    ),
    "full queue of tensors": (
        lambda: deque([torch.zeros(2)] * 2, maxlen=2),
        lambda own: (own.append(own[-1] + 1), float(own[0].sum()))[1],
    ),
}


class _Frozen(dict[str, int]):
    def __setitem__(self, *_: object) -> NoReturn:
        raise TypeError("no")

    def items(self) -> NoReturn:  # type: ignore[override]
        """As a dictionary that loads its entries when asked."""
        raise TypeError("no")


def _holder(make: Callable[[], Any], act: Callable[[Any], float]) -> Odd:
    own = make()
    made = net(lambda _, hidden: hidden * (1 + 0.01 * act(own)))
    made.__dict__["_own"] = own
    return Odd(made)


def _enclosed_cycle() -> Odd:
    numbers = itertools.cycle([1, 2, 3])
    return Odd(net(draws(lambda _: next(numbers))), warning="reads a cycle .* cannot be rewound")


#: How to make each, by what it changes.
STATE_KINDS: dict[str, Callable[[], Odd]] = {
    "variables of its file": _of_file,
    "defaults of a function": _defaults,
    "slots of the module": lambda: Odd(_SlottedNet()),
    **{name: lambda parts=parts: _holder(*parts) for name, parts in _HOLDERS.items()},
    "iterator that a function encloses": _enclosed_cycle,
}
