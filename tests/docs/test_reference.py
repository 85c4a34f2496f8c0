"""Public names: no two packages share one, the reference lists all in reading order, and they follow conventions."""

from __future__ import annotations

import ast
import inspect
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import empirical
import simulation
import theory

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (theory, simulation, empirical)

#: Constructors that name a family of models or measures, or read files, instead of what they convert.
FAMILIES = {
    "DataModel": {"two_classes", "power_law", "power_law_classes", "spiked"},
    "Measure": {"probe", "budgeted"},
    "Target": {"reconstruction", "source_classes"},
    "VerifyPlan": {"for_data"},
}


def names_in_order(package: Any) -> list[str]:
    """``__all__`` as it is written; that of a lazy package stands in its stub."""
    place = Path(package.__file__)
    stub = place.with_suffix(".pyi")
    tree = ast.parse((stub if stub.exists() else place).read_text(encoding="utf-8"))
    (listed,) = (
        one.value
        for one in tree.body
        if isinstance(one, ast.Assign) and any(isinstance(own, ast.Name) and own.id == "__all__" for own in one.targets)
    )
    return list(ast.literal_eval(listed))


def functions() -> Iterator[tuple[str, Any]]:
    """Every public function, and every public method of a public class."""
    for package in PACKAGES:
        for name in package.__all__:
            own = getattr(package, name)
            if inspect.isclass(own):
                for method, function in inspect.getmembers(own, callable):
                    if not method.startswith("_") or method == "__init__":
                        yield f"{name}.{method}", function
            elif callable(own):
                yield name, own


def parameters(wanted: str) -> list[tuple[str, inspect.Parameter]]:
    found = []
    for name, function in functions():
        try:
            signature = inspect.signature(function)
        except ValueError:  # of a class of the interpreter's own
            continue
        found += [(name, one) for one in signature.parameters.values() if one.name == wanted]
    return found


def test_no_two_packages_share_a_name() -> None:
    counts = Counter(name for package in PACKAGES for name in package.__all__)
    assert [name for name, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda one: one.__name__)
def test_the_reference_lists_every_public_name_in_the_order_of_all(package: Any) -> None:
    listed = names_in_order(package)
    assert sorted(listed) == sorted(package.__all__)
    assert all(hasattr(package, name) for name in listed)
    page = (ROOT / "docs" / "reference" / f"{package.__name__}.md").read_text(encoding="utf-8")
    assert re.findall(rf"^::: {package.__name__}\.(\w+)$", page, re.M) == listed


def test_the_order_is_that_of_reading() -> None:
    ways = {
        theory: ("Moments", "DataModel", "reconstruction_loss", "Curve", "boundaries_of", "assess", "theorem_named"),
        simulation: ("Population", "train", "measured_boundaries", "compare"),
        empirical: ("verify", "load", "capture", "moments_of", "fit_data_model", "PhaseTracker"),
    }
    for package, way in ways.items():
        places = [names_in_order(package).index(name) for name in way]
        assert places == sorted(places), way


def test_constructors_say_from_what() -> None:
    classes = {
        name: getattr(package, name)
        for package in PACKAGES
        for name in package.__all__
        if inspect.isclass(getattr(package, name))
    }
    odd = {
        (name, method)
        for name, own in classes.items()
        for method, one in vars(own).items()
        if isinstance(one, classmethod | staticmethod) and not method.startswith(("_", "from_"))
    }
    assert odd == {(name, method) for name, methods in FAMILIES.items() for method in methods} | {("Report", "read")}


def test_progress_means_one_thing() -> None:
    found = parameters("progress")
    assert len(found) > 10
    for name, one in found:
        assert one.annotation == "Progress", name
        assert one.default is theory.progress.silent, name


def test_a_folder_is_given_by_its_path() -> None:
    found = parameters("folder")
    assert len(found) > 10
    for name, one in found:
        assert str(one.annotation).startswith("str | Path"), name


def test_a_job_takes_folder_and_progress_by_name_and_returns_a_report() -> None:
    for name in names_in_order(empirical):
        own = getattr(empirical, name)
        if not inspect.isfunction(own) or "Report" not in str(inspect.signature(own).return_annotation):
            continue
        taken = inspect.signature(own).parameters
        for one in ("folder", "progress"):
            assert taken[one].kind is inspect.Parameter.KEYWORD_ONLY, name
