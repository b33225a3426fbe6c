"""Build the HTML from the staged source, strictly: a warning or a dangling reference is an error."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

from jupyter_book.config import get_final_config
from jupyter_book.sphinx import build_sphinx

from tools.toc import BookError

BUILT = ".built"
UNUSED_EXTENSIONS = {"sphinx_thebe"}  # live kernels; its script would stand on every page, twice
REDIRECT = """\
<!DOCTYPE html>
<html lang="en"><title>{title}</title><meta http-equiv="refresh" content="0; url={first}.html">
"""


def build(source: Path, target: Path, *, first: str, title: str, fresh: bool = False) -> Path:
    """Run Jupyter Book's Sphinx over `source` with `-W -n --keep-going`.

    Args:
        source: the staged source.
        target: folder for the HTML; its `.built` tells that the last build went well.
        first: name of the page that the top `index.html` leads to.
        title: title of that redirecting page.
        fresh: read every page again. Needed when a style or the configuration changed, since Sphinx copies
            them only when it finds a page to write.

    Returns:
        The page to open.

    Raises:
        BookError: Sphinx found something; its messages went to stderr. Its pickled pages are removed, since
            it repeats no warning about a page that it does not read again.
    """
    doctrees = target.parent / "doctrees"
    stamp = target / BUILT
    stamp.unlink(missing_ok=True)
    if fresh:
        shutil.rmtree(doctrees, ignore_errors=True)
    overrides = {
        "external_toc_path": str(source / "_toc.yml"),
        "latex_individualpages": False,
        "nitpicky": True,
    }
    config, _ = get_final_config(
        user_yaml=source / "_config.yml", sourcedir=source, cli_config=dict(overrides)
    )
    overrides["extensions"] = [name for name in config["extensions"] if name not in UNUSED_EXTENSIONS]
    with warnings.catch_warnings():
        # An extension looks at every live object, those of torch that warn when looked at included.
        warnings.simplefilter("ignore", FutureWarning)
        outcome = build_sphinx(
            source,
            target,
            noconfig=True,
            path_config=source / "_config.yml",
            confoverrides=overrides,
            doctreedir=doctrees,
            quiet=True,
            warningiserror=True,
            keep_going=True,
        )
    if outcome:
        shutil.rmtree(doctrees, ignore_errors=True)
        raise BookError("Sphinx stopped on the messages above; the pages are not complete.")
    (target / "index.html").write_text(REDIRECT.format(first=first, title=title))
    stamp.write_text("")
    return target / f"{first}.html"
