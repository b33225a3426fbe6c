"""Write what follows from the repository's address: it stands in `_config.yml`, all else is derived.

Without `--write` nothing is changed, and files that are out of step are listed. That is what the test runs.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat

from tools.generated import chapters
from tools.toc import repository, toc_names

HOME = Path(__file__).resolve().parent.parent
COLAB = "https://colab.research.google.com/github"
INSTALL_ID = "colab-install"
REGION = re.compile(r"(<!-- stamp: (\w+) -->\n).*?(<!-- /stamp -->)", re.DOTALL)


def install_cell(url: str, branch: str) -> str:
    """Source of the cell that readies Colab: the repository with its run records, and the library.

    Plain Python without magics, so that whatever executes a notebook can read it.
    """
    folder = url.rsplit("/", 1)[-1]
    return f"""# In Colab: get the book and install its library. Elsewhere this cell does nothing.
import os
import subprocess
import sys
from pathlib import Path

if "google.colab" in sys.modules and not Path("references.bib").is_file():
    clone = ["git", "clone", "--quiet", "--depth", "1", "--branch", "{branch}"]
    subprocess.run([*clone, "{url}"], check=True)
    install = [sys.executable, "-m", "pip", "install", "--quiet"]
    subprocess.run([*install, "./{folder}[notebook]"], check=True)
    os.chdir("{folder}/book")"""


def colab_address(url: str, branch: str, name: str) -> str:
    """Where Colab opens the notebook of page `name`."""
    owner_and_name = "/".join(url.rsplit("/", 2)[-2:])
    return f"{COLAB}/{owner_and_name}/blob/{branch}/{name}.ipynb"


def chapter_table(home: Path, url: str, branch: str) -> str:
    """The chapters for README.md: title, what each shows, and a way into Colab for those that are there."""
    rows = ["| | Chapter | What it shows | Run it |", "|--:|---|---|---|"]
    names = toc_names(home)
    for number, chapter in enumerate(chapters(home), 1):
        name = f"book/{chapter['slug']}"
        title, run = chapter["title"], "in preparation"
        if name in names:
            title, run = f"[{title}]({name}.ipynb)", f"[Colab]({colab_address(url, branch, name)})"
        rows.append(f"| {number} | {title} | {chapter['shows']} | {run} |")
    return "\n".join(rows)


def stamped_text(text: str, parts: dict[str, Callable[[], str]]) -> str:
    """`text` with the content of each stamped region replaced."""
    return REGION.sub(lambda match: f"{match[1]}{parts[match[2]]()}\n{match[3]}", text)


def stamped_notebook(text: str, source: str) -> str:
    """A notebook's JSON with the install cell before its first code cell."""
    notebook = nbformat.reads(text, 4)
    cells = [cell for cell in notebook.cells if cell.get("id") != INSTALL_ID]
    first = next((i for i, cell in enumerate(cells) if cell.cell_type == "code"), len(cells))
    install = nbformat.v4.new_code_cell(source, id=INSTALL_ID, metadata={"tags": ["remove-cell"]})
    notebook.cells = [*cells[:first], install, *cells[first:]]
    return nbformat.writes(notebook) + "\n"


def wanted(home: Path) -> dict[Path, str]:
    """Every derived file with the content that it should have."""
    url, branch = repository(home)
    parts: dict[str, Callable[[], str]] = {
        "chapters": lambda: chapter_table(home, url, branch),
        "clone": lambda: f"```console\n$ git clone {url}\n$ cd {url.rsplit('/', 1)[-1]}\n```",
        "install": lambda: f'```console\n$ pip install "segkit-book @ git+{url}"\n```',
        "cite": lambda: f"Source: <{url}>",
    }
    files = {home / "README.md": stamped_text((home / "README.md").read_text(), parts)}
    citation = home / "CITATION.cff"
    files[citation] = re.sub(
        r"^repository-code: .*$", f'repository-code: "{url}"', citation.read_text(), flags=re.MULTILINE
    )
    project = home / "pyproject.toml"
    files[project] = re.sub(
        r"^Repository = .*$", f'Repository = "{url}"', project.read_text(), flags=re.MULTILINE
    )
    for path in sorted([*(home / "book").glob("*.ipynb"), *(home / "book" / "exercises").glob("*.ipynb")]):
        files[path] = stamped_notebook(path.read_text(), install_cell(url, branch))
    return files


def out_of_step(home: Path) -> list[Path]:
    """The derived files that do not hold what `_config.yml` and `book/chapters.yml` imply."""
    return [path for path, content in wanted(home).items() if path.read_text() != content]


def main(arguments: list[str]) -> int:
    """`python -m tools.stamp [--write]`."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--write", action="store_true")
    write = parser.parse_args(arguments).write
    content = wanted(HOME)
    stale = out_of_step(HOME)
    for path in stale:
        print(f"{'wrote' if write else 'out of step; run `make stamp`:'} {path.relative_to(HOME)}")
        if write:
            path.write_text(content[path])
    return 1 if stale and not write else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
