"""Our own errors keep their words: no handler of a wider kind catches an InputError that its own body raises."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

#: The kind of error of which InputError is one; what catches all errors records them as they are.
WIDER = {"ValueError"}


def _names(handler: ast.ExceptHandler) -> set[str]:
    if handler.type is None:
        return set()
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return {kind.id for kind in kinds if isinstance(kind, ast.Name)}


def _raises_input_error(body: list[ast.stmt]) -> bool:
    raised = (node.exc for one in body for node in ast.walk(one) if isinstance(node, ast.Raise))
    return any(
        isinstance(error, ast.Call) and isinstance(error.func, ast.Name) and error.func.id == "InputError"
        for error in raised
    )


def wrapped_again(source: str) -> Iterator[int]:
    """Lines of handlers that catch an InputError of their own body as if it were another error."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Try) and _raises_input_error(node.body):
            for handler in node.handlers:
                if "InputError" in _names(handler):
                    break
                if _names(handler) & WIDER:
                    yield handler.lineno


def test_no_handler_takes_our_own_error_for_a_damaged_file() -> None:
    packages = ("theory", "simulation", "empirical", "paper")
    files = [*(file for package in packages for file in (ROOT / package).rglob("*.py")), ROOT / "phases.py"]
    found = [f"{file.relative_to(ROOT)}:{line}" for file in files for line in wrapped_again(file.read_text())]
    assert found == []


def test_the_search_finds_one() -> None:
    """The fault as it was: of other settings, caught as damaged."""
    source = "try:\n    if other:\n        raise InputError('settings')\nexcept (OSError, ValueError):\n    delete()\n"
    assert list(wrapped_again(source)) == [4]
    assert list(wrapped_again(source.replace("except (", "except InputError:\n    raise\nexcept ("))) == []
