"""The course of a loss curve: its rises and falls, the names of their sequences, and where the curve is lowest.

A curve of L / tr Sigma, derived or measured, is reduced to its moves: the alternating rises and falls larger than a
stated resolution. The sequence of moves is the regime. The *turning point* is the lowest point of the curve among
those to which it has fallen, that is, which lie below an earlier value by more than the resolution, provided that it
rises from there by more than the resolution. Every level of the theory and every measurement uses these definitions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import ClassVar

import numpy as np

from theory.validation import FloatArray, InputError, finite_array, positive, quoted, real_array

#: Moves of L / tr Sigma smaller than this count as none: the accuracy to which derived and trained curves agree.
RESOLUTION = 0.01


@dataclass(frozen=True)
class Regime:
    """The course of a curve (theorem T7): its moves, +1 for a rise and -1 for a fall of the loss, alternating.

    Make it with ``from_moves`` or ``from_name``, which return the same object for the same moves.

    Raises:
        InputError: moves that do not alternate, or that are not +1 and -1.
    """

    moves: tuple[int, ...]

    CONSTANT: ClassVar[Regime]
    MONOTONE_RISE: ClassVar[Regime]
    STILL_FALLING: ClassVar[Regime]
    THREE_PHASES: ClassVar[Regime]
    RISE_FALL: ClassVar[Regime]
    RISE_DIP_RISE: ClassVar[Regime]
    FALL_RISE_FALL: ClassVar[Regime]
    FALL_RISE_FALL_RISE: ClassVar[Regime]
    RISE_FALL_RISE_FALL: ClassVar[Regime]

    def __post_init__(self) -> None:
        alternating = all(first == -second for first, second in zip(self.moves, self.moves[1:], strict=False))
        if not alternating or any(move not in (-1, 1) for move in self.moves):
            raise InputError(f"moves: {self.moves} is not accepted; give +1 and -1 in turn")

    def __reduce__(self) -> tuple[Callable[[tuple[int, ...]], Regime], tuple[tuple[int, ...]]]:
        # A copy, or an unpickled regime from another process, is the same object.
        return Regime.from_moves, (self.moves,)

    @staticmethod
    def from_moves(moves: Sequence[int]) -> Regime:
        """The regime of a sequence of moves."""
        return _regime(tuple(int(move) for move in moves))

    @classmethod
    def from_name(cls, name: str) -> Regime:
        """The regime called ``name``; InputError where that is not the name of a regime."""
        for moves, own in _NAMES.items():
            if own == name:
                return cls.from_moves(moves)
        words = name.split("-")
        if not all(word in _WORDS.values() for word in words):
            accepted = f"{', '.join(_NAMES.values())} or moves such as {cls.RISE_FALL_RISE_FALL.value}"
            raise InputError(f"regime: {quoted(name)} is unknown; give {accepted}")
        return cls.from_moves([1 if word == _WORDS[1] else -1 for word in words])

    @property
    def value(self) -> str:
        """The name: one of the usual names, or else the moves in order, as in rise-fall-rise-fall."""
        return _NAMES.get(self.moves) or "-".join(_WORDS[move] for move in self.moves)

    @property
    def begins_with_rise(self) -> bool:
        """Whether the first move of the loss is a rise."""
        return self.moves[:1] == (1,)

    @property
    def ends_in_fall(self) -> bool:
        """Whether the last move of the loss is a fall."""
        return self.moves[-1:] == (-1,)

    @property
    def falls(self) -> bool:
        """Whether any move of the loss is a fall."""
        return -1 in self.moves

    def __str__(self) -> str:
        return self.value


@cache
def _regime(moves: tuple[int, ...]) -> Regime:
    return Regime(moves)


_WORDS = {1: "rise", -1: "fall"}
_NAMES = {
    (): "constant",
    (1,): "monotone rise",
    (-1,): "still falling",
    (-1, 1): "three phases",
    (1, -1, 1): "rise-dip-rise",
}
Regime.CONSTANT = Regime.from_moves(())
Regime.MONOTONE_RISE = Regime.from_moves((1,))
Regime.STILL_FALLING = Regime.from_moves((-1,))
Regime.THREE_PHASES = Regime.from_moves((-1, 1))
Regime.RISE_FALL = Regime.from_moves((1, -1))
Regime.RISE_DIP_RISE = Regime.from_moves((1, -1, 1))
Regime.FALL_RISE_FALL = Regime.from_moves((-1, 1, -1))
Regime.FALL_RISE_FALL_RISE = Regime.from_moves((-1, 1, -1, 1))
Regime.RISE_FALL_RISE_FALL = Regime.from_moves((1, -1, 1, -1))


class Absence(Enum):
    """Why a curve has no turning point, or no return to its initial level."""

    CONSTANT = "no move larger than the resolution"
    NO_FALL = "no fall larger than the resolution"
    NO_RISE = "lowest at the end, no rise follows"
    NOT_RESOLVED = "flat to its accuracy where it is lowest; for small initial weights see TurningLaw"
    ABOVE_START = "the dip stays above the initial level"
    NO_RETURN = "not back at the initial level by the end"


@dataclass(frozen=True)
class Boundary:
    """The time of a boundary, or why the curve has none. ``float()`` gives the time, or raises where there is none.

    Attributes:
        time: in the units of the curve's times; None where there is no such boundary.
        absence: why not; None where there is one.
    """

    time: float | None
    absence: Absence | None = None

    def __post_init__(self) -> None:
        if (self.time is None) == (self.absence is None):
            raise InputError("boundary: give a time or the reason why there is none")

    @property
    def reason(self) -> str | None:
        """Why there is none, in words; None where there is one."""
        return None if self.absence is None else self.absence.value

    def __float__(self) -> float:
        if self.time is None:
            raise InputError(f"boundary: has no time ({self.reason}); give a curve that has one")
        return self.time

    def __bool__(self) -> bool:
        return self.time is not None

    def __str__(self) -> str:
        return str(self.time) if self.time is not None else f"none: {self.reason}"


@dataclass(frozen=True)
class Moves:
    """The rises and falls of a curve that are larger than a resolution.

    Attributes:
        indices: of the first value and of the extremum in which each move ends, ascending.
        directions: +1 for a rise, -1 for a fall, alternating; one fewer than ``indices``.
    """

    indices: tuple[int, ...]
    directions: tuple[int, ...]


@dataclass(frozen=True)
class Descent:
    """The fall to the lowest point of a curve, as indices.

    Attributes:
        start: of the highest value before, at the beginning or in an extremum that a move leads to.
        lowest: of the lowest of the points in which falls end.
        stop: of the end of the rise that follows; None without one.
    """

    start: int
    lowest: int
    stop: int | None


@dataclass(frozen=True)
class Valley:
    """Where a curve is lowest, as indices.

    Attributes:
        start, lowest, stop: as in ``Descent``.
        near: first and last of the points next to ``lowest`` that are not above it by more than the resolution.
    """

    start: int
    lowest: int
    stop: int
    near: tuple[int, int]


def moves_of(losses: FloatArray, resolution: float | FloatArray) -> Moves:
    """The alternating rises and falls of a curve.

    Args:
        losses: (T,) values.
        resolution: smallest move that counts, positive; one number, (T,) of which the larger at the two ends of a
            move applies, or (T, T) for a move between two points.
    """
    values = finite_array("losses", losses, 1)
    smallest = _thresholds(resolution, values.size)
    # With one resolution for all points only extrema can begin or end a move.
    places = _extrema(values) if np.ndim(resolution) == 0 else range(values.size)
    indices, directions = [0], [0]
    low = high = 0
    for index in places:
        value = values[index]
        high = index if value > values[high] else high
        low = index if value < values[low] else low
        if directions[-1] >= 0 and values[high] - value > smallest(high, index):
            move, extremum = -1, high
        elif directions[-1] <= 0 and value - values[low] > smallest(low, index):
            move, extremum = 1, low
        else:
            continue
        if directions[-1]:
            indices.append(extremum)
        directions.append(move)
        low = high = index
    if directions[-1]:
        indices.append(low if directions[-1] < 0 else high)
    return Moves(tuple(indices), tuple(directions[1:]))


def regime_of(losses: FloatArray, resolution: float | FloatArray = RESOLUTION) -> Regime:
    """The regime of a curve (T,) of L / tr Sigma; ``resolution`` as in ``moves_of``."""
    return Regime.from_moves(moves_of(losses, resolution).directions)


def lowest_descent(losses: FloatArray, resolution: float | FloatArray) -> Descent | Absence:
    """The fall to the lowest point of a curve (T,), or why there is none; ``resolution`` as in ``moves_of``."""
    moves = moves_of(losses, resolution)
    ends = [number for number, move in enumerate(moves.directions) if move < 0]
    if not ends:
        return Absence.NO_FALL if moves.directions else Absence.CONSTANT
    last = min(ends, key=lambda number: losses[moves.indices[number + 1]])
    start = max(moves.indices[: last + 1], key=lambda index: losses[index])
    stop = moves.indices[last + 2] if last + 1 < len(moves.directions) else None
    return Descent(start, moves.indices[last + 1], stop)


def lowest_valley(losses: FloatArray, resolution: float | FloatArray) -> Valley | Absence:
    """Where a curve (T,) turns, or why it does not; ``resolution`` as in ``moves_of``."""
    found = lowest_descent(losses, resolution)
    if isinstance(found, Absence):
        return found
    if found.stop is None:
        return Absence.NO_RISE
    smallest = _thresholds(resolution, losses.size)
    above = [losses[index] - losses[found.lowest] > smallest(found.lowest, index) for index in range(losses.size)]
    # A resolution that differs from point to point may be larger at the lowest point than where the fall was found.
    left = max((index for index in range(found.start, found.lowest) if above[index]), default=found.start)
    right = min((index for index in range(found.lowest, found.stop + 1) if above[index]), default=found.stop)
    return Valley(found.start, found.lowest, found.stop, (left + 1, right - 1))


def _thresholds(resolution: float | FloatArray, size: int) -> Callable[[int, int], float]:
    """The smallest move that counts between two points; InputError where one is not positive, or for other shapes."""
    given = real_array("resolution", resolution)
    if given.shape not in ((), (size,), (size, size)):
        raise InputError(f"resolution: has shape {given.shape}; give one number, ({size},) or ({size}, {size})")
    positive("resolution", float(given.min()))
    if given.ndim == 0:
        return lambda first, second: float(given)
    if given.ndim == 1:
        return lambda first, second: float(max(given[first], given[second]))
    return lambda first, second: float(given[first, second])


def _extrema(values: FloatArray) -> list[int]:
    """Indices of the first value, of the last one and of the extrema between; of equal neighbours the first one."""
    distinct = np.concatenate([[0], 1 + np.flatnonzero(np.diff(values))])
    signs = np.sign(np.diff(values[distinct]))
    inner = 1 + np.flatnonzero(signs[1:] != signs[:-1])
    return list(map(int, distinct[np.unique(np.concatenate([[0], inner, [distinct.size - 1]]))]))
