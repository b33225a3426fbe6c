"""Lay out what Sphinx reads: Markdown pages, executed notebooks, configuration, styles, MathJax.

Files that did not change keep their times, so that Sphinx reads only the pages that did.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path

from tools.execute import Store
from tools.generated import fill
from tools.toc import BookError, Page

MATHJAX_PACKAGE = "sphinx-mathjax-offline"  # carries MathJax 3.2.2; a page must not ask a CDN for it
MATHJAX_PARTS = ("tex-chtml.js", "output/chtml/fonts/woff-v2", "input/tex/extensions")
STATIC_SUFFIXES = {".css", ".js"}


def mathjax_files() -> dict[str, Path]:
    """Where the parts of MathJax that the pages load are installed, by their path below `mathjax/`.

    Raises:
        BookError: the package that carries MathJax is not installed.
    """
    found = importlib.util.find_spec(MATHJAX_PACKAGE)
    if found is None or found.origin is None:
        raise BookError(
            f"{MATHJAX_PACKAGE} is not installed and the pages would lack formulas; run `make install`"
        )
    root = Path(found.origin).parent / "static" / "mathjax"
    files = {}
    for part in MATHJAX_PARTS:
        place = root / part
        for path in [place] if place.is_file() else sorted(place.rglob("*.*")):
            files[path.relative_to(root).as_posix()] = path
    return files


def layout(
    home: Path, store: Store, pages: list[Page], parts: Mapping[str, Callable[[], str]]
) -> dict[str, bytes | Path]:
    """Every file of the staged source: its path there → its content, or the file that holds it."""
    files: dict[str, bytes | Path] = {name: home / name for name in ("_config.yml", "_toc.yml")}
    for page in pages:
        if page.is_notebook:
            files[f"{page.name}.ipynb"] = store.copy(page)
        else:
            files[f"{page.name}.md"] = fill(page.path.read_text(), parts, page.name).encode()
    # Exercises are no pages; chapters offer them as {download}`... <exercises/unet.ipynb>`.
    for path in sorted([*(home / "book").glob("*.bib"), *(home / "book" / "exercises").glob("*.ipynb")]):
        files[path.relative_to(home).as_posix()] = path
    for path in sorted((home / "book" / "_static").rglob("*.*")):
        name = path.relative_to(home / "book" / "_static").as_posix()
        # Jupyter Book links every style and script below the top `_static` from every page.
        files[f"_static/{name}" if path.suffix in STATIC_SUFFIXES else f"book/_static/{name}"] = path
    files |= {f"_vendor/mathjax/{name}": path for name, path in mathjax_files().items()}
    return files


def write(files: Mapping[str, bytes | Path], target: Path) -> list[str]:
    """Make `target` hold exactly `files`; the names of those written or removed."""
    touched = []
    for name, origin in files.items():
        content = origin.read_bytes() if isinstance(origin, Path) else origin
        path = target / name
        if path.is_file() and path.read_bytes() == content:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        touched.append(name)
    for path in sorted(target.rglob("*")):
        if path.is_file() and path.relative_to(target).as_posix() not in files:
            path.unlink()
            touched.append(path.relative_to(target).as_posix())
    return touched
