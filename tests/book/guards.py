"""What a notebook of the book must and must not be, as functions that return the faults they find.

`test_guards.py` runs them on planted faults, `test_notebooks.py` on the book.
"""

from __future__ import annotations

import ast
import re

from nbformat import NotebookNode

MAX_CELL_LINES = 20
STABLE_ID = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")
# A number that looks like a result, in a sentence that names a metric or a test.
RESULT = re.compile(r"(?<![\w.])(?:0?\.\d{2,}|\d+\.\d+\s*(?:%|mm\b|points?\b)|\d+(?:\.\d+)?e-\d+|\d{2,}\s*%)")
METRIC = re.compile(
    r"\b(Dice|IoU|HD95|ASSD|Hausdorff|sensitivity|precision|accuracy|recall|PPV|p[- ]value|p\s*=|baseline)\b",
    re.IGNORECASE,
)
QUOTED = re.compile(r"\{cite(?::\w)?\}|\[paper\]")
NOT_PROSE = re.compile(r"```.*?```|:::\{code.*?:::|\$\$.*?\$\$|\$[^$\n]*\$|`[^`\n]*`|<!--.*?-->", re.DOTALL)


def name(cell: NotebookNode, number: int) -> str:
    """How a fault names a cell."""
    return f"cell {number} ({cell.get('id', 'no id')})"


def outputs(notebook: NotebookNode) -> list[str]:
    """Cells saved with outputs or execution counts."""
    return [
        f"{name(cell, number)} was saved with outputs: clear them"
        for number, cell in enumerate(notebook.cells, 1)
        if cell.cell_type == "code" and (cell.get("outputs") or cell.get("execution_count"))
    ]


def cell_ids(notebook: NotebookNode) -> list[str]:
    """Cells without an id, with one that a tool made up, or with that of another cell."""
    faults, seen = [], set()
    for number, cell in enumerate(notebook.cells, 1):
        id = cell.get("id", "")
        if not STABLE_ID.match(id) or re.fullmatch(r"[0-9a-f]{8}", id):
            faults.append(f"cell {number} has the id {id!r}: give it a word, such as train-net")
        if id in seen:
            faults.append(f"cell {number} has the id {id!r} of an earlier cell")
        seen.add(id)
    return faults


def parameters(notebook: NotebookNode) -> list[str]:
    """A notebook without exactly one cell tagged `parameters` that sets SCALE to "toy"."""
    tagged = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) != 1:
        return [f"{len(tagged)} cells are tagged parameters: it has to be one"]
    values = {
        target.id: node.value.value
        for node in ast.walk(ast.parse(tagged[0].source))
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return [] if values.get("SCALE") == "toy" else ['the parameters cell does not set SCALE = "toy"']


def long_cells(notebook: NotebookNode) -> list[str]:
    """Code cells of more than 20 lines."""
    return [
        f"{name(cell, number)} has {len(cell.source.splitlines())} lines: split it"
        for number, cell in enumerate(notebook.cells, 1)
        if cell.cell_type == "code" and len(cell.source.splitlines()) > MAX_CELL_LINES
    ]


def figure_words(cell: NotebookNode) -> tuple[str, str]:
    """Alt text and caption of a cell's figure; empty where there is none."""
    settings = cell.metadata.get("mystnb", {})
    return (
        settings.get("image", {}).get("alt", "").strip(),
        settings.get("figure", {}).get("caption", "").strip(),
    )


def half_figures(notebook: NotebookNode) -> list[str]:
    """Cells with an alt text and no caption, the other way round, or the same words for both."""
    faults = []
    for number, cell in enumerate(notebook.cells, 1):
        alt, caption = figure_words(cell)
        if bool(alt) != bool(caption):
            faults.append(f"{name(cell, number)} has {'no caption' if alt else 'no alt text'}")
        elif alt and (len(alt) < 20 or alt.lower().rstrip(".") == caption.lower().rstrip(".")):
            faults.append(f"{name(cell, number)}: the alt text tells what is drawn, the caption what to see")
    return faults


def bare_pictures(executed: NotebookNode) -> list[str]:
    """Cells of an executed copy that drew a picture and carry no alt text or caption."""
    return [
        f"{name(cell, number)} draws a picture and has no alt text or caption in its metadata"
        for number, cell in enumerate(executed.cells, 1)
        if any(key.startswith("image/") for out in cell.get("outputs", []) for key in out.get("data", {}))
        and not all(figure_words(cell))
    ]


def stray_outputs(executed: NotebookNode) -> list[str]:
    """Errors and messages on stderr in an executed copy."""
    faults = []
    for number, cell in enumerate(executed.cells, 1):
        for out in cell.get("outputs", []):
            if out.output_type == "error":
                faults.append(f"{name(cell, number)} ends in {out.ename}: {out.evalue}")
            elif out.get("name") == "stderr":
                faults.append(f"{name(cell, number)} writes to stderr: {out.text[:100]!r}")
    return faults


def typed_results(markdown: str) -> list[str]:
    """Paragraphs of prose that state a result as a typed number, unless they cite whose it is."""
    faults = []
    for paragraph in re.split(r"\n\s*\n", NOT_PROSE.sub(" ", markdown)):
        found = RESULT.search(paragraph)
        if found and METRIC.search(paragraph) and not QUOTED.search(paragraph):
            faults.append(
                f"{found[0]!r} is typed into {' '.join(paragraph.split())[:90]!r}: print it from a run"
            )
    return faults


def prose(notebook: NotebookNode) -> list[str]:
    """Typed results in the Markdown cells."""
    return [
        f"{name(cell, number)}: {fault}"
        for number, cell in enumerate(notebook.cells, 1)
        if cell.cell_type == "markdown"
        for fault in typed_results(cell.source)
    ]


def wrong_install(text: str) -> list[str]:
    """Lines that tell somebody to install another project's `segkit` from the package index."""
    command = re.compile(r"pip3?\s+install\b[^\n]*?[\s\"'](segkit)(?=[\s\"'\[=<>~!;,]|$)", re.MULTILINE)
    return [match[0] for match in command.finditer(text)]
