"""Execute the notebooks that need it, and keep an executed copy with the key it was made under.

`make book` does it on the way to the pages; `python -m tools.execute` does only this, with any interpreter
that has the library and papermill (in Colab's image, say).

A copy is kept as done only if every cell ran; one with an error is put aside under `failed/` for looking at.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools import keys
from tools.data_sets import fetch_missing
from tools.toc import BookError, Page, pages

HOME = Path(__file__).resolve().parent.parent
SCALES = ("toy", "laptop", "colab", "full")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True)
class Store:
    """Where executed copies lie: `<build>/executed/<page>.ipynb`, each beside the record of its execution."""

    build: Path

    def copy(self, page: Page) -> Path:
        """The executed copy of `page`, there or not."""
        return self.build / "executed" / f"{page.name}.ipynb"

    def record(self, page: Page) -> Path:
        """The record of the execution: key parts, seconds, peak memory."""
        return self.copy(page).with_suffix(".json")

    def failed(self, page: Page) -> Path:
        """Where the copy goes whose execution ended in an error."""
        return self.build / "failed" / f"{page.name}.ipynb"

    def read(self, page: Page) -> dict[str, Any]:
        """The record of the last execution that went well; empty if there is none."""
        if not (self.copy(page).is_file() and self.record(page).is_file()):
            return {}
        try:
            return json.loads(self.record(page).read_text())
        except ValueError:  # cut off while it was written: as good as none
            return {}


def reason(store: Store, page: Page, parts: dict[str, str]) -> str | None:
    """Why `page` has to be executed, in words for the terminal; None if its copy is up to date."""
    record = store.read(page)
    if not record:
        return "not executed yet"
    different = keys.changed(record["parts"], parts)
    return f"changed: {', '.join(different)}" if different else None


def environment(threads: int, store: Store, scale: str) -> dict[str, str]:
    """What a worker sees: this environment's kernel, so many threads, nobody's private settings."""
    inherited = {
        name: value for name, value in os.environ.items() if name != "MPLBACKEND"
    }  # or no figure is shown
    return {
        **inherited,
        **dict.fromkeys(THREAD_VARIABLES, str(threads)),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "IPYTHONDIR": str(store.build / "ipython"),
        "SCALE": scale,
        "SEGKIT_STATIC": "1",  # a slider that would ask the kernel is drawn out: the page has none
    }


def run(
    home: Path,
    store: Store,
    page: Page,
    parts: dict[str, str],
    *,
    scale: str,
    manifest: Callable[[], str],
    threads: int,
) -> str | None:
    """Execute one page; a sentence if it failed, None if its copy and record are in place.

    Args:
        home: the project's root.
        store: where the copy goes.
        page: a notebook.
        parts: the page's key.
        scale: name of the scale.
        manifest: tells the hash of the data sets; asked again after the execution, since a page that
            downloads a set depends on what it has downloaded.
        threads: how many threads the libraries in the kernel may use.
    """
    failed, report_path = store.failed(page), store.failed(page).with_suffix(".json")
    for path in (failed, report_path, store.record(page)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tools.run_notebook", page.path, failed, report_path]
    command += ["--scale", scale, "--folder", page.path.parent]
    done = subprocess.run(
        [str(word) for word in command],
        cwd=HOME,
        env=environment(threads, store, scale),
        capture_output=True,
        text=True,
    )
    label = page.path.relative_to(home).as_posix()
    if not report_path.is_file():
        said = done.stderr.strip()[-300:]
        return f"{label}: the process ended with code {done.returncode} and no report: {said}"
    report = json.loads(report_path.read_text())
    if report["error"]:
        return f"{label}, {report['error']}"
    store.copy(page).parent.mkdir(parents=True, exist_ok=True)
    failed.replace(store.copy(page))
    record = {**report, "parts": {**parts, "data": manifest()}}
    report_path.write_text(json.dumps(record, indent=1))
    report_path.replace(store.record(page))  # last: a copy without a record counts as not executed
    print(f"  {label}: {report['seconds']:.0f} s, {report['peak_mb']:.0f} MB", flush=True)
    return None


def execute(
    home: Path,
    build: Path,
    notebooks: Sequence[Page],
    *,
    scale: str,
    manifest: Callable[[], str],
    jobs: int = 2,
) -> list[Page]:
    """Execute those of `notebooks` whose copy is missing or out of date.

    Args:
        home: the project's root.
        build: the build folder.
        notebooks: pages of the book.
        scale: name of the scale ("toy").
        manifest: tells the hash of the data sets at hand: `keys.data_manifest`.
        jobs: how many run at once; the cores are shared out among them.

    Returns:
        The pages that were executed; empty if everything was up to date.

    Raises:
        BookError: at least one page failed. All were tried, and those that went well are kept.
    """
    store = Store(build.resolve())
    shared = keys.shared_parts(home, scale=scale, manifest=manifest())
    todo: list[tuple[Page, dict[str, str]]] = []
    for page in notebooks:
        parts = keys.page_parts(home, page, shared)
        why = reason(store, page, parts)
        if why:
            print(f"{page.name}: {why}", flush=True)
            todo.append((page, parts))
    if not todo:
        return []
    at_once = min(jobs, len(todo))
    threads = max(1, (os.cpu_count() or 1) // at_once)

    def one(job: tuple[Page, dict[str, str]]) -> str | None:
        return run(home, store, *job, scale=scale, manifest=manifest, threads=threads)

    with ThreadPoolExecutor(at_once) as pool:
        outcomes = list(pool.map(one, todo))
    problems = [outcome for outcome in outcomes if outcome]
    if problems:
        raise BookError(
            "\n".join([*problems, f"The copies with the errors are below {store.build / 'failed'}."])
        )
    return [page for page, _ in todo]


def absolute_data_folder() -> None:
    """Make `SEGKIT_DATA` absolute: kernels run in folders where a relative path would lead elsewhere."""
    if os.environ.get("SEGKIT_DATA"):
        os.environ["SEGKIT_DATA"] = str(Path(os.environ["SEGKIT_DATA"]).resolve())


def main(arguments: list[str]) -> int:
    """`python -m tools.execute [--build FOLDER] [--scale NAME] [--jobs N] [NOTEBOOK ...]`."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("notebooks", nargs="*", type=Path, help="these only; else every chapter of _toc.yml")
    parser.add_argument("--build", type=Path, default=HOME / "_build")
    parser.add_argument("--scale", choices=SCALES, default="toy")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args(arguments)
    absolute_data_folder()
    named = [path.resolve() for path in given.notebooks]
    try:
        fetch_missing()
        chosen = [Page(path.relative_to(HOME).with_suffix("").as_posix(), path) for path in named] or [
            page for page in pages(HOME) if page.is_notebook
        ]
        execute(
            HOME,
            given.build.resolve(),
            chosen,
            scale=given.scale,
            manifest=keys.data_manifest,
            jobs=given.jobs,
        )
    except BookError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
