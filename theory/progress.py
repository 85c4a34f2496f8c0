"""Progress reports of long computations: a wrapper around the items they iterate over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

Item = TypeVar("Item")


class Progress(Protocol):
    """Yields the given items in order and shows the progress.

    The type of every ``progress`` argument of this project: ``tqdm.tqdm`` is one, and so are the bars of the command.
    """

    def __call__(self, items: Iterable[Item], description: str | None = None, /) -> Iterable[Item]:
        """The same items; ``description`` says what is done with them."""


def silent(items: Iterable[Item], description: str | None = None, /) -> Iterable[Item]:
    """No report: the items themselves."""
    return items


def described(progress: Progress, description: str) -> Progress:
    """``progress`` with a description, for a computation that gives none.

    Args:
        progress: shows how far the work is.
        description: what is done, as ``train on inputs``.
    """

    def part(items: Iterable[Item], own: str | None = None, /) -> Iterable[Item]:
        return progress(items, own or description)

    return part
