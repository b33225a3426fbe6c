"""The picture in README.md shows a page, and says so when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser

from tools import picture


def test_the_anchor_is_in_the_picture(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(
        '<div style="height:3000px"></div><div id="it" style="height:99px;background:#f00"></div>'
    )
    picture.take(browser, page, tmp_path / "top.png")
    picture.take(browser, page, tmp_path / "there.png", anchor="it")
    red = (255, 0, 0)
    top, there = (Image.open(tmp_path / f"{name}.png").convert("RGB") for name in ("top", "there"))
    assert top.size == there.size == tuple(picture.SIZE.values())
    assert red not in [color for _, color in top.getcolors()]
    assert red in [color for _, color in there.getcolors()]


def test_a_page_that_is_not_built(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert picture.main(["book/unet", "--build", str(tmp_path)]) == 1
    assert "make book" in capsys.readouterr().err


def test_the_committed_picture_is_small() -> None:
    assert picture.PICTURE.stat().st_size < 300_000
