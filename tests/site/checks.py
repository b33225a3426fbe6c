"""What is looked at on a page, as functions that return the faults they find.

The guards in `test_guards.py` run them on planted faults, `test_pages.py` on the built book.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import numpy as np
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup
from PIL import Image
from playwright.sync_api import Page

LOCAL_HOSTS = {"127.0.0.1", "localhost"}
PHONE = {"width": 375, "height": 740}
DESKTOP = {"width": 1280, "height": 900}
MIN_CONTRAST = 4.5  # WCAG 2.1, level AA, text of normal size
MOVED = 0.01  # share of pixels; the slider's own knob is less
# docutils marks a bibliography with roles of DPUB-ARIA 1.0, which axe has since come to call deprecated.
OLD_ROLES = {"aria-deprecated-role", "aria-required-children"}
VAGUE_ALT = re.compile(r"^(figure|image|plot|picture|graph|output|img)?\W*\d*\W*$", re.IGNORECASE)


class Watch:
    """Collects what a page asks for and what it complains about, from the moment it is made."""

    def __init__(self, page: Page) -> None:
        self.foreign: list[str] = []
        self.missing: list[str] = []
        self.complaints: list[str] = []
        page.on("request", self._request)
        page.on("response", lambda r: self.missing.append(f"{r.status} {r.url}") if r.status >= 400 else None)
        page.on(
            "console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _request(self, request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname not in LOCAL_HOSTS:
            self.foreign.append(request.url)


def vague_alts(html: str) -> list[str]:
    """Images without alternative text, or with one that says nothing or repeats another image's."""
    soup = BeautifulSoup(html, "html.parser")
    images = [image for image in soup.select("main img") if image.get("role") != "presentation"]
    alts = [(image.get("alt") or "").strip() for image in images]
    seen = Counter(alts)
    faults = []
    for image, alt in zip(images, alts, strict=True):
        source = image.get("src", "")[-60:]
        if len(alt) < 10 or VAGUE_ALT.match(alt) or alt.endswith(".png"):
            faults.append(f"{source}: alt {alt!r} does not tell what is drawn")
        elif seen[alt] > 1:
            faults.append(f"{source}: alt {alt!r} stands on {seen[alt]} images of this page")
    return faults


def bare_figures(html: str) -> list[str]:
    """Pictures made by a cell that have no caption."""
    soup = BeautifulSoup(html, "html.parser")
    return [
        f"{image.get('src', '')[-60:]}: no caption"
        for image in soup.select("div.cell_output img")
        if not (image.find_parent("figure") and image.find_parent("figure").find("figcaption"))
        and not image.find_parent(class_="segkit-scrub")
    ]


def stray_output(html: str) -> list[str]:
    """Tracebacks, stderr, and outputs that only name an object."""
    soup = BeautifulSoup(html, "html.parser")
    faults = [f"stderr: {block.get_text()[:120]!r}" for block in soup.select("div.output.stderr")]
    faults += [f"traceback: {block.get_text()[-120:]!r}" for block in soup.select("div.output.traceback")]
    for block in soup.select("div.cell_output"):
        text = block.get_text()
        if "Traceback (most recent call last)" in text:
            faults.append(f"traceback: {text[-120:]!r}")
        if re.search(r"<[\w.]+(?: object)? at 0x[0-9a-f]+>", text):
            faults.append(f"an object's address: {text.strip()[:120]!r}")
    return faults


def dead_links(root: Path, name: str, html: str, anchors: dict[str, set[str]]) -> list[str]:
    """Links and sources of page `name` that lead to no file below `root`, or to no anchor in it.

    Args:
        root: folder of the built pages.
        name: path of the page below it.
        html: its content.
        anchors: filled on the way: path of a page → ids in it.
    """
    soup = BeautifulSoup(html, "html.parser")
    faults = []
    for tag, attribute in (("a", "href"), ("img", "src"), ("link", "href"), ("script", "src")):
        for element in soup.find_all(tag):
            target = element.get(attribute)
            if not target or urlsplit(target).scheme or target.startswith("//"):
                continue
            place, anchor = urldefrag(target)
            place = unquote(place.split("?")[0])
            path = (root / name).parent / place if place else root / name
            if path.is_dir():
                path = path / "index.html"
            if not path.is_file():
                faults.append(f"{target}: no such file")
                continue
            if anchor and path.suffix == ".html":
                key = str(path.resolve())
                if key not in anchors:
                    inside = BeautifulSoup(path.read_text(), "html.parser")
                    anchors[key] = {e.get("id") or e.get("name") for e in inside.find_all(id=True)} | {
                        e["name"] for e in inside.find_all("a", attrs={"name": True})
                    }
                if unquote(anchor) not in anchors[key]:
                    faults.append(f"{target}: no such anchor")
    return faults


def luminance(rgb: np.ndarray) -> np.ndarray:
    """Relative luminance of WCAG 2.1 of colours in 0..255, shape (..., 3) → (...)."""
    c = np.asarray(rgb, dtype=np.float64) / 255
    linear = np.where(c <= 0.03928, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])


def figure_contrast(picture: bytes) -> float:
    """Contrast between the ground of a figure and the writing around its axes, from a screenshot.

    The ground is the commonest colour of the outermost pixels. Whatever differs from it in the outer sixth of
    the picture is axis, tick or text; the strongest hundredth of these counts.
    """
    # Off with the rim: where a picture starts between two pixels, the page shows through there.
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))[3:-3, 3:-3]
    height, width = pixels.shape[:2]
    edge = np.concatenate([pixels[:2].reshape(-1, 3), pixels[-2:].reshape(-1, 3)])
    ground = np.array(Counter(map(tuple, edge.tolist())).most_common(1)[0][0])
    outer = np.ones((height, width), dtype=bool)
    outer[height // 6 : -height // 6, width // 6 : -width // 6] = False
    values, base = luminance(pixels[outer]), float(luminance(ground))
    differs = values[np.abs(values - base) > 5e-4]
    if differs.size == 0:  # a picture that fills its frame has no writing to read
        return float("inf")
    ratio = (np.maximum(differs, base) + 0.05) / (np.minimum(differs, base) + 0.05)
    return float(np.quantile(ratio, 0.99))


def faint_figures(page: Page) -> list[str]:
    """Figures drawn by cells whose writing does not stand out from their ground as the page shows them now.

    Slices and sliders, which cells write as HTML, have their writing outside the picture; axe looks at that.
    """
    faults = []
    for image in page.locator("main .cell_output img:not(.text_html img):visible").all():
        ratio = figure_contrast(image.screenshot())
        if ratio < MIN_CONTRAST:
            faults.append(f"{(image.get_attribute('alt') or '')[:60]!r}: contrast {ratio:.1f}")
    return faults


def overflow(page: Page) -> list[str]:
    """Elements that make the page wider than the window; what scrolls inside a box of its own is fine."""
    return page.evaluate(
        """() => {
        const wide = document.documentElement.clientWidth;
        if (document.scrollingElement.scrollWidth <= wide + 1) return [];
        const boxed = ['auto', 'scroll', 'hidden'];
        const scrolls = e => {
            for (let p = e.parentElement; p && p !== document.body; p = p.parentElement)
                if (boxed.includes(getComputedStyle(p).overflowX)) return true;
            return false;
        };
        const right = e => Math.round(e.getBoundingClientRect().right);
        return [...document.querySelectorAll('main *, header *, footer *')]
            .filter(e => right(e) > wide + 1 && !scrolls(e)).slice(0, 5)
            .map(e => `${e.tagName}.${e.className} reaches ${right(e)}`);
        }"""
    )


def set_theme(page: Page, theme: str) -> None:
    """Switch to `light` or `dark` as the theme's own button does."""
    page.evaluate(
        "theme => Object.assign(document.documentElement.dataset, {mode: theme, theme: theme})",
        theme,
    )


def axe_faults(page: Page) -> list[str]:
    """Violations of WCAG 2.1 A and AA that axe-core finds."""
    options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "resultTypes": ["violations"]}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{rule['id']}: {rule['help']} ({node['html'][:160]})"
        for rule in found
        for node in rule["nodes"][:3]
        if not (rule["id"] in OLD_ROLES and 'class="citation' in node["html"])
    ]


def still_frames(page: Page) -> list[str]:
    """Sliders whose picture does not change when they are moved, and boxes without a slider."""
    faults = []
    for number, box in enumerate(page.locator(".segkit-scrub").all(), 1):
        sliders = box.locator("input[type=range]:visible").all()
        if not sliders:
            faults.append(f"figure {number}: no slider to be seen")
        for slider in sliders:
            slider.scroll_into_view_if_needed()
            before = box.screenshot()
            at, end = float(slider.input_value()), float(slider.get_attribute("max") or 100)
            slider.focus()
            page.keyboard.press("Home" if at == end else "End")  # as a reader without a mouse does
            page.wait_for_timeout(150)
            if difference(before, box.screenshot()) < MOVED:
                faults.append(
                    f"figure {number}: moving {slider.get_attribute('aria-label')!r} changes nothing"
                )
    return faults


def difference(first: bytes, second: bytes) -> float:
    """Share of pixels that differ between two screenshots; 1 if their sizes do."""
    one, two = (np.asarray(Image.open(io.BytesIO(p)).convert("L"), dtype=int) for p in (first, second))
    return 1.0 if one.shape != two.shape else float((np.abs(one - two) > 8).mean())
