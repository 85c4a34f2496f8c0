"""Rooms import from the rooms below them alone, theory needs neither torch nor matplotlib, and modules fit a reader."""

from __future__ import annotations

from pathlib import Path

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).resolve().parents[1]

#: Interfaces, which are as short as what they show.
INTERFACES = {"__init__.py", "__main__.py"}


def test_every_room_imports_from_those_below_it() -> None:
    assert lint_imports(no_cache=True) == EXIT_STATUS_SUCCESS


def test_no_module_is_too_long_to_read_or_too_short_to_stand_alone() -> None:
    modules = [ROOT / "phases.py"]
    for package in ("theory", "simulation", "empirical", "paper"):
        modules += (ROOT / package).rglob("*.py")
    lengths = {
        module.relative_to(ROOT).as_posix(): module.read_text(encoding="utf-8").count("\n")
        for module in modules
        if module.name not in INTERFACES
    }
    assert len(lengths) > 250
    assert {name: lines for name, lines in lengths.items() if not 25 <= lines <= 400} == {}
