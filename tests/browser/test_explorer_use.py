"""The page in a reader's hands: quiet, narrow, by keyboard, in both colour schemes, with bounded work for a move."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.conftest import OpenPage, opened

SLIDERS = ("alpha", "beta", "sigma0", "K", "mu")
POSITIONS = "Object.fromEntries([...document.querySelectorAll('input')].map((one) => [one.id, one.value]))"
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def phone(browser: Any, address: str, request: pytest.FixtureRequest) -> Iterator[OpenPage]:
    result = opened(browser, address, viewport=PHONE, color_scheme=getattr(request, "param", "light"))
    yield result
    result.page.close()


def move(page: OpenPage, slider: str, position: float) -> None:
    page.evaluate(
        "([name, position]) => { const slider = document.getElementById(name); slider.value = position;"
        " slider.dispatchEvent(new Event('input')); }",
        [slider, position],
    )


def test_it_asks_for_nothing_and_says_nothing(phone: OpenPage) -> None:
    for slider, positions in {
        "alpha": (0.5, 2, 1),
        "beta": (-0.5, 4, 2),
        "sigma0": (-5, 0, -3),
        "K": (20, 5, 1),
        "mu": (-10.1, 0, -4),
    }.items():
        for position in positions:
            move(phone, slider, position)
    assert phone.messages == []
    assert phone.requests == [phone.address]


def test_every_corner_of_the_sliders_is_drawn(explorer: OpenPage) -> None:
    for corner in range(2 ** len(SLIDERS)):
        for place, slider in enumerate(SLIDERS):
            end = "max" if corner >> place & 1 else "min"
            explorer.evaluate(f"document.getElementById('{slider}').value = document.getElementById('{slider}').{end}")
        explorer.evaluate("window.explorer.update()")
        drawn = explorer.evaluate("document.getElementById('curve').outerHTML")
        assert "NaN" not in drawn
        assert "Infinity" not in drawn
        assert "NaN" not in explorer.evaluate("document.querySelector('.values').textContent")
    assert explorer.messages == []


@pytest.mark.parametrize("phone", ["light", "dark"], indirect=True)
def test_a_phone_shows_it_without_scrolling_sideways(phone: OpenPage) -> None:
    assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    outside = phone.evaluate(
        "(width) => [...document.querySelectorAll('svg text, td, th, output, label, p')].filter("
        "(one) => { const box = one.getBoundingClientRect(); return box.left < 0 || box.right > width; })"
        ".map((one) => one.textContent)",
        PHONE["width"],
    )
    assert outside == []
    # The curve stays in sight while the sliders below it move.
    phone.evaluate("document.getElementById('mu').scrollIntoView({block: 'end'})")
    assert phone.evaluate("document.getElementById('curve').getBoundingClientRect().top") >= 0


@pytest.mark.parametrize("phone", ["light", "dark"], indirect=True)
def test_text_stands_out_from_what_is_behind_it(phone: OpenPage) -> None:
    """Contrast of 4.5 to 1 (WCAG 2, level AA) on the page and on each phase."""
    colours = phone.evaluate(
        "Object.fromEntries(['page', 'text', 'soft', 'one', 'two', 'three'].map((name) => "
        "[name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()]))"
    )
    for front, back in (("text", "page"), ("soft", "page"), ("text", "one"), ("text", "two"), ("text", "three")):
        light, dark = sorted((luminance(colours[front]), luminance(colours[back])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (front, back)


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_keyboard_reaches_and_moves_every_slider(phone: OpenPage) -> None:
    for slider in SLIDERS:
        phone.page.keyboard.press("Tab")
        assert phone.evaluate("document.activeElement.id") == slider
        assert phone.evaluate("document.activeElement.labels[0].textContent").strip()
        spoken = phone.evaluate("document.activeElement.getAttribute('aria-valuetext')")
        shown = phone.evaluate(f"document.querySelector('output[for={slider}]').textContent")
        assert spoken == shown
        before = phone.evaluate("document.getElementById('curve').innerHTML")
        phone.page.keyboard.press("ArrowRight")
        assert phone.evaluate("document.activeElement.getAttribute('aria-valuetext')") != spoken
        # A budget of 1e-10 is next to none, so that its first step need not be seen.
        assert slider == "mu" or phone.evaluate("document.getElementById('curve').innerHTML") != before


def test_what_changes_is_announced_in_words(phone: OpenPage) -> None:
    summary = "document.getElementById('summary')"
    assert phone.evaluate(f"{summary}.getAttribute('role')") == "status"
    assert "three phases" in phone.evaluate(f"{summary}.textContent")
    move(phone, "beta", -0.5)
    assert "monotone rise" in phone.evaluate(f"{summary}.textContent")
    for drawing in ("curve", "diagram"):
        named = phone.evaluate(f"document.getElementById('{drawing}').getAttribute('aria-labelledby')").split()
        assert all(phone.evaluate("(id) => document.getElementById(id).textContent", name).strip() for name in named)


def test_phases_are_named_and_boundaries_carry_their_values(explorer: OpenPage) -> None:
    for slider, position in {"alpha": 1, "beta": 2, "sigma0": -3, "K": 1, "mu": -10.1}.items():
        move(explorer, slider, position)
    texts = explorer.evaluate("[...document.querySelectorAll('#curve text')].map((one) => one.textContent)")
    assert {"I near-constant", "III increasing"} <= set(texts)
    assert any(text.startswith("II") for text in texts)
    found = explorer.evaluate("window.explorer.evaluate({alpha: 1, beta: 2, sigma0: 1e-3, K: 1, mu: 0})")
    for name, value in (("s\u2081", found["phaseOneEnd"]), ("s*", found["turningPoint"])):
        assert f"{name} = {value:.2g}" in texts
    assert len(explorer.evaluate("[...document.querySelectorAll('#curve .boundary')]")) == 3


@pytest.mark.parametrize(
    ("slider", "position", "most"), [("sigma0", -2, 400_000), ("K", 20, 400_000), ("alpha", 1.3, 500_000)]
)
def test_a_move_takes_a_bounded_number_of_exponentials(
    browser: Any, address: str, slider: str, position: float, most: int
) -> None:
    """Twice what it takes: a guard against work that grows unseen, as tests do not look at the clock."""
    page = browser.new_page()
    page.add_init_script(
        "window.calls = 0; for (const name of ['exp', 'expm1']) { const own = Math[name];"
        " Math[name] = (value) => { window.calls += 1; return own(value); }; }"
    )
    page.goto(address)
    # In one go, so that nothing of the page's own runs in between.
    calls = page.evaluate(
        """([name, position]) => {
          const slider = document.getElementById(name);
          slider.value = position;
          const before = window.calls;
          slider.dispatchEvent(new Event("input"));
          return window.calls - before;
        }""",
        [slider, position],
    )
    page.close()
    assert most / 4 < calls < most


def test_the_address_holds_the_sliders_and_sets_them(browser: Any, address: str) -> None:
    page = opened(browser, f"{address}#alpha=2&beta=4&K=10&mu=-2&sigma0=-3&tau=nonsense&when=1e9")
    values = page.evaluate(POSITIONS)
    assert values | {"alpha": "2", "beta": "4", "K": "10", "mu": "-2", "sigma0": "-3"} == values
    assert (values["tau"], values["when"]) == ("4", "60")  # what is no number, or out of range, is left out
    move(page, "beta", 1.5)
    assert "beta=1.5" in page.evaluate("location.hash")
    again = opened(browser, address + page.evaluate("location.hash"))
    summary = "document.getElementById('summary').textContent"
    assert again.evaluate(summary) == page.evaluate(summary)
    for one in (page, again):
        assert one.messages == []
        one.page.close()


def test_a_rise_too_shallow_to_count_is_called_so(browser: Any, address: str) -> None:
    """The curve rises at its end, by less than 5 % of what the initial outputs explain."""
    page = opened(browser, f"{address}#alpha=2&beta=4&K=10&mu=-2&sigma0=-3")
    assert "a fall, then a rise too shallow to count" in page.evaluate("document.getElementById('summary').textContent")
    assert "too shallow to count" in page.evaluate("document.getElementById('two-curve').textContent")
    assert page.evaluate("document.querySelectorAll('#curve rect').length") == 0
    page.page.close()


def test_presets_and_reset_are_buttons(phone: OpenPage) -> None:
    expected = {
        "rise-dip-rise": "rise-dip-rise",
        "misaligned: no phase II": "monotone rise",
        "reset: three phases": "three phases",
    }
    for name, regime in expected.items():
        phone.page.get_by_role("button", name=name).press("Enter")
        assert f"Regime: {regime}" in phone.evaluate("document.getElementById('summary').textContent")
    opening = phone.evaluate(POSITIONS)
    phone.page.goto(phone.address)
    phone.page.reload()
    assert opening == phone.evaluate(POSITIONS)


def test_a_pointer_over_the_curve_shows_its_value(explorer: OpenPage) -> None:
    box = explorer.page.locator("#curve").bounding_box()
    explorer.page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.5 * box["height"])
    index = int(explorer.evaluate("document.getElementById('when').value"))
    assert index > 60
    found = explorer.evaluate("window.explorer.evaluate({alpha: 1, beta: 2, sigma0: 1e-3, K: 1, mu: 0})")
    texts = explorer.evaluate("[...document.querySelectorAll('#curve text')].map((one) => one.textContent)")
    assert any(text.startswith(f"{found['curve'][index]:.3f} at s = ") for text in texts)
