"""Rooms import from the rooms below them alone, and theory needs neither torch nor matplotlib."""

from __future__ import annotations

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports


def test_every_room_imports_from_those_below_it() -> None:
    assert lint_imports(no_cache=True) == EXIT_STATUS_SUCCESS
