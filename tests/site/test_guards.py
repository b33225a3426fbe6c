"""Every check of a page turns red on a planted fault, and stays green on a sound page."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

from tests.site import checks
from tests.site.conftest import serve

SCRUB = """<div class="segkit-scrub"><p id="frame" style="font-size:60px">0</p>
<input type="range" min="0" max="3" value="0" aria-label="slice" oninput="{script}"></div>"""
MOVES = "document.getElementById('frame').textContent = this.value"
SOUND = f"""<!DOCTYPE html><html lang="en"><head><title>Sound</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,"></head>
<body><main><h1 id="top">Sound</h1><p>Text on white. <a href="#top">Up</a></p>{SCRUB.format(script=MOVES)}
</main></body></html>"""


def put(folder: Path, inside: str, name: str = "page.html") -> str:
    html = SOUND.replace("</main>", f"{inside}</main>")
    (folder / name).write_text(html)
    return html


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def here(folder: Path) -> Iterator[str]:
    server = serve(folder)
    yield f"http://127.0.0.1:{server.server_port}/page.html"
    server.shutdown()


@pytest.mark.parametrize(
    "image",
    [
        '<img src="a.png">',
        '<img src="a.png" alt="">',
        '<img src="a.png" alt="Figure 3">',
        '<img src="a.png" alt="_images/plot-7f3.png">',
        '<img src="a.png" alt="A slice of the liver"><img src="b.png" alt="A slice of the liver">',
    ],
)
def test_alt_texts(folder: Path, image: str) -> None:
    assert checks.vague_alts(put(folder, image))
    assert (
        checks.vague_alts(put(folder, '<img src="a.png" alt="A slice of the liver with two contours">')) == []
    )


def test_captions(folder: Path) -> None:
    bare = '<div class="cell_output"><img src="a.png" alt="A curve that falls"></div>'
    framed = f'<div class="cell_output"><figure>{bare}<figcaption>See.</figcaption></figure></div>'
    assert checks.bare_figures(put(folder, bare)) and checks.bare_figures(put(folder, framed)) == []


@pytest.mark.parametrize(
    "output",
    [
        '<div class="cell_output"><div class="output stderr">UserWarning: hm</div></div>',
        '<div class="cell_output"><div class="output traceback">ValueError</div></div>',
        '<div class="cell_output"><pre>Traceback (most recent call last):\nValueError</pre></div>',
        '<div class="cell_output"><pre>[&lt;matplotlib.lines.Line2D at 0x7f12ab&gt;]</pre></div>',
        '<div class="cell_output"><pre>&lt;segkit.Thing object at 0x7f12ab&gt;</pre></div>',
    ],
)
def test_stray_output(folder: Path, output: str) -> None:
    assert checks.stray_output(put(folder, output))


@pytest.mark.parametrize(
    "link",
    [
        '<a href="gone.html">x</a>',
        '<a href="#gone">x</a>',
        '<a href="other.html#gone">x</a>',
        '<img src="gone.png" alt="x">',
    ],
)
def test_dead_links(folder: Path, link: str) -> None:
    put(folder, "", "other.html")
    assert checks.dead_links(folder, "page.html", put(folder, link), {})


def test_living_links(folder: Path) -> None:
    put(folder, "", "other.html")
    html = put(folder, '<a href="other.html#top">x</a><a href="https://elsewhere.org/#y">z</a>')
    assert checks.dead_links(folder, "page.html", html, {}) == []


def test_a_sound_page_passes(page: Page, folder: Path, here: str) -> None:
    put(folder, "")
    watch = checks.Watch(page)
    page.goto(here)
    assert (watch.foreign, watch.missing, watch.complaints) == ([], [], [])
    assert (
        checks.axe_faults(page) == [] and checks.still_frames(page) == [] and checks.faint_figures(page) == []
    )
    page.set_viewport_size(checks.PHONE)
    assert checks.overflow(page) == []


def test_foreign_requests_missing_files_and_errors(page: Page, folder: Path, here: str) -> None:
    put(
        folder,
        '<script src="https://cdn.invalid/x.js"></script><img src="none.png" alt=""><script>nope()</script>',
    )
    watch = checks.Watch(page)
    page.goto(here)
    assert watch.foreign == ["https://cdn.invalid/x.js"]
    assert len(watch.missing) == 1 and any("nope" in complaint for complaint in watch.complaints)


@pytest.mark.parametrize(
    "inside",
    ['<p style="color:#bbb">Faint text</p>', '<img src="x.png">', "<input type=text>"],
    ids=["contrast", "alt", "label"],
)
def test_axe(page: Page, folder: Path, here: str, inside: str) -> None:
    put(folder, inside)
    page.goto(here)
    assert checks.axe_faults(page)


def test_overflow(page: Page, folder: Path, here: str) -> None:
    put(folder, '<div style="width:600px">wide</div>')
    page.set_viewport_size(checks.PHONE)
    page.goto(here)
    assert checks.overflow(page)
    put(folder, '<div style="overflow-x:auto"><div style="width:600px">wide</div></div>', "scrolls.html")
    page.goto(here.replace("page", "scrolls"))
    assert checks.overflow(page) == []


@pytest.mark.parametrize(
    "broken",
    [
        SCRUB.format(script=""),
        '<div class="segkit-scrub">nothing to move</div>',
        SCRUB.format(script="nope()"),
    ],
    ids=["still", "empty", "error"],
)
def test_a_slider_that_does_nothing(page: Page, folder: Path, here: str, broken: str) -> None:
    (folder / "page.html").write_text(SOUND.replace(SCRUB.format(script=MOVES), broken))
    page.goto(here)
    assert checks.still_frames(page)


def drawing(ink: int, ground: tuple[int, ...]) -> bytes:
    """A picture with an axis in its left margin; a ground of four numbers is transparent."""
    mode = "RGBA" if len(ground) == 4 else "RGB"
    pixels = np.empty((120, 160, len(ground)), dtype=np.uint8)
    pixels[:] = ground
    pixels[10:110, 8:10] = (*[ink] * 3, 255)[: len(ground)]
    store = io.BytesIO()
    Image.fromarray(pixels, mode).save(store, "png")
    return store.getvalue()


@pytest.mark.parametrize(
    ("picture", "legible"),
    [
        (drawing(20, (255, 255, 255)), True),
        (drawing(235, (20, 20, 20)), True),
        (drawing(190, (255, 255, 255)), False),
        (drawing(20, (255, 255, 255, 0)), False),
    ],
    ids=["dark on light", "light on dark", "faint", "dark and transparent"],
)
def test_contrast_of_figures_on_dark_ground(
    page: Page, folder: Path, here: str, picture: bytes, legible: bool
) -> None:
    (folder / "figure.png").write_bytes(picture)
    put(
        folder,
        "<style>body{background:#111}</style>"
        '<div class="cell_output"><img src="figure.png" alt="axis"></div>',
    )
    page.goto(here)
    assert (checks.faint_figures(page) == []) is legible
