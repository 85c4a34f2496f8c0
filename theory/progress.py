"""How long computations report progress: a wrapper around what they iterate over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

Item = TypeVar("Item")


class Progress(Protocol):
    """Hands on the items it is given, in order; a progress bar in the command."""

    def __call__(self, items: Iterable[Item], /) -> Iterable[Item]:
        """The same items."""


def silent(items: Iterable[Item], /) -> Iterable[Item]:
    """No report: the items themselves."""
    return items
