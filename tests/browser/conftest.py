"""The explorer's page, open in headless Chromium; tests that use it are skipped where there is no browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from empirical.studies.explore import write_explorer

_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass
class OpenPage:
    """A page and what happened on it: console messages and errors, requested addresses."""

    page: Any
    address: str
    messages: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def evaluate(self, expression: str, argument: object = None) -> Any:
        return self.page.evaluate(expression, argument)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs the extra browser: playwright")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs an installed Chromium")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=list(_QUIET))
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_explorer(Path(tmp_path_factory.mktemp("page")) / "explorer.html").as_uri()


def opened(browser: Any, address: str, **options: Any) -> OpenPage:
    """The page in a new tab of its own, its messages and requests recorded from the start."""
    result = OpenPage(browser.new_page(**options), address)
    result.page.on("console", lambda message: result.messages.append(f"{message.type}: {message.text}"))
    result.page.on("pageerror", lambda error: result.messages.append(f"error: {error}"))
    result.page.on("request", lambda request: result.requests.append(request.url))
    result.page.goto(address)
    return result


@pytest.fixture(scope="module")
def explorer(browser: Any, address: str) -> Iterator[OpenPage]:
    result = opened(browser, address, viewport={"width": 1280, "height": 900})
    yield result
    result.page.close()
