"""Sliders in a real browser, on a page without a kernel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segkit.viz import scrub

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sliders</title>
<meta name="viewport" content="width=device-width"></head><body>{}</body></html>"""


def shade(*values: float) -> np.ndarray:
    return np.full((300, 600), sum(v * 10.0**-i for i, v in enumerate(values, start=1)))


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    one = scrub(
        [shade(i) for i in range(5)], alt="One shade", name="step", caption=[f"Step {i}" for i in range(5)]
    )
    two = scrub(shade, sliders={"k": [1, 2], "σ": [3, 4, 5]}, alt="Two shades", start=(1, 0))
    path: Path = tmp_path_factory.mktemp("site") / "page.html"
    path.write_text(PAGE.format(one.html() + "<p>Text</p>" + two.html()), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def page(browser, address):
    context = browser.new_context(viewport={"width": 375, "height": 700})
    page = context.new_page()
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda r: troubles.append(r.url) if not r.url.startswith(("data:", "file:")) else None)
    page.goto(address)
    yield page
    context.close()
    assert not troubles


def grey(image) -> int:
    """The grey of the middle pixel, as the browser draws it."""
    return image.evaluate(
        """async (image) => {
            await image.decode();
            const canvas = document.createElement("canvas");
            canvas.width = canvas.height = 1;
            const context = canvas.getContext("2d");
            context.drawImage(image, 0, 0, 1, 1);
            return context.getImageData(0, 0, 1, 1).data[0];
        }"""
    )


def test_keys_move_the_frame_its_text_and_its_name(page):
    root = page.locator(".segkit-scrub").first
    slider, image = root.get_by_role("slider", name="step"), root.locator("img")
    assert grey(image) == 0
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert grey(image) == round(255 * 0.2)
    assert root.locator("p").text_content() == "Step 2"
    assert root.locator("output").text_content() == "3"
    assert slider.get_attribute("aria-valuetext") == "3"
    assert image.get_attribute("alt") == "One shade (step: 3)"
    page.keyboard.press("End")
    assert root.locator("output").text_content() == "5"
    page.keyboard.press("ArrowLeft")
    assert root.locator("output").text_content() == "4"


def test_sliders_combine_and_figures_do_not_disturb_each_other(page):
    first, second = page.locator(".segkit-scrub").all()
    image = second.locator("img")
    assert grey(image) == round(255 * 0.23)
    second.get_by_role("slider", name="σ").fill("2")
    assert grey(image) == round(255 * 0.25)
    second.get_by_role("slider", name="k").fill("0")
    assert grey(image) == round(255 * 0.15)
    assert grey(first.locator("img")) == 0


def test_a_finger_moves_it(page):
    slider = page.get_by_role("slider", name="step")
    box = slider.bounding_box()
    page.mouse.click(box["x"] + box["width"] - 3, box["y"] + box["height"] / 2)
    assert page.locator(".segkit-scrub").first.locator("output").text_content() == "5"


def test_it_fits_a_phone_and_stays_readable_on_a_dark_page(page):
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    page.evaluate("document.body.style.background = '#121212'; document.body.style.color = '#eeeeee'")
    colours = page.locator(".segkit-scrub p").first.evaluate(
        "p => [getComputedStyle(p).color, getComputedStyle(p.parentNode).backgroundColor]"
    )
    assert colours == ["rgb(31, 31, 31)", "rgb(242, 241, 237)"]


def test_without_script_the_first_frame_stands_and_no_dead_control(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert page.locator(".segkit-scrub img").first.is_visible()
    assert page.locator(".segkit-scrub img").first.get_attribute("alt") == "One shade (step: 1)"
    assert not page.locator("input").first.is_visible()
    context.close()


def test_a_fragment_that_is_put_in_later_wakes_up(browser, address):
    """As a notebook does it: first on an empty page, then another cell below."""
    context = browser.new_context()
    page = context.new_page()
    page.set_content("<div id='out'></div>")
    html = scrub([shade(1), shade(2)], alt="Later").html()
    for _ in range(2):
        page.evaluate(
            """html => {
                const cell = document.getElementById("out").appendChild(document.createElement("div"));
                cell.innerHTML = html;
                cell.querySelectorAll("script").forEach(old => {
                    const script = document.createElement("script");
                    for (const {name, value} of old.attributes) script.setAttribute(name, value);
                    script.textContent = old.textContent;
                    old.replaceWith(script);
                });
            }""",
            html,
        )
    for root in page.locator(".segkit-scrub").all():
        root.get_by_role("slider").fill("1")
        assert root.locator("output").text_content() == "2"
    context.close()
