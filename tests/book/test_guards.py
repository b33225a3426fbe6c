"""Every guard turns red on a planted fault, and stays green on a sound notebook."""

from __future__ import annotations

from collections.abc import Callable

import nbformat
import pytest
from nbformat import NotebookNode

from tests.book import guards

FIGURE = {
    "image": {"alt": "Two curves over iterations, one above the other"},
    "figure": {"caption": "They part."},
}


def code(source: str, id: str, **metadata: object) -> NotebookNode:
    return nbformat.v4.new_code_cell(source, id=id, metadata=metadata)


def notebook(*cells: NotebookNode) -> NotebookNode:
    made = nbformat.v4.new_notebook()
    made.cells = [nbformat.v4.new_markdown_cell("# Title", id="title"), *cells]
    return made


def sound() -> NotebookNode:
    return notebook(
        code('SCALE = "toy"', "parameters", tags=["parameters"]), code("draw()", "draw", mystnb=FIGURE)
    )


def with_output(cell: NotebookNode, kind: str = "display_data", **content: object) -> NotebookNode:
    cell.outputs = [nbformat.v4.new_output(kind, **content)]
    return cell


PICTURE = {"data": {"image/png": "AA=="}}
PLANTED: list[tuple[str, Callable[[NotebookNode], list[str]], NotebookNode]] = [
    ("saved output", guards.outputs, notebook(with_output(code("1", "one"), **PICTURE))),
    ("id of a tool", guards.cell_ids, notebook(code("1", "3f2a9c01"))),
    ("same id twice", guards.cell_ids, notebook(code("1", "one"), code("2", "one"))),
    ("no parameters cell", guards.parameters, notebook(code('SCALE = "toy"', "scale"))),
    (
        "two of them",
        guards.parameters,
        notebook(*[code("S = 1", f"p{i}", tags=["parameters"]) for i in (1, 2)]),
    ),
    ("another scale", guards.parameters, notebook(code('SCALE = "full"', "p", tags=["parameters"]))),
    ("long cell", guards.long_cells, notebook(code("x = 1\n" * 21, "long"))),
    ("no alt", guards.half_figures, notebook(code("1", "f", mystnb={"figure": {"caption": "See."}}))),
    (
        "no caption",
        guards.half_figures,
        notebook(code("1", "f", mystnb={"image": {"alt": "A curve that falls slowly"}})),
    ),
    (
        "same words",
        guards.half_figures,
        notebook(
            code(
                "1",
                "f",
                mystnb={
                    "image": {"alt": "The curve that falls."},
                    "figure": {"caption": "The curve that falls"},
                },
            )
        ),
    ),
    ("bare picture", guards.bare_pictures, notebook(with_output(code("1", "f"), **PICTURE))),
    (
        "stderr",
        guards.stray_outputs,
        notebook(with_output(code("1", "f"), "stream", name="stderr", text="hm")),
    ),
    (
        "traceback",
        guards.stray_outputs,
        notebook(with_output(code("1", "f"), "error", ename="E", evalue="v", traceback=[])),
    ),
    (
        "typed result",
        guards.prose,
        notebook(
            nbformat.v4.new_markdown_cell("Our loss lifts the Dice to 0.87 on the test part.", id="boast")
        ),
    ),
]


@pytest.mark.parametrize(("guard", "broken"), [p[1:] for p in PLANTED], ids=[p[0] for p in PLANTED])
def test_red_on_a_planted_fault(guard: Callable[[NotebookNode], list[str]], broken: NotebookNode) -> None:
    assert guard(broken)


@pytest.mark.parametrize("guard", sorted({p[1] for p in PLANTED}, key=lambda g: g.__name__))
def test_green_on_a_sound_notebook(guard: Callable[[NotebookNode], list[str]]) -> None:
    assert guard(sound()) == []


@pytest.mark.parametrize(
    "text",
    [
        "The baseline reaches a mean of 0.851.",
        "HD95 falls by 3.2 mm.",
        "p = 1e-12 over cases and a Dice that looks better",
        "Sensitivity rises by 12 %.",
    ],
)
def test_a_typed_result_is_found(text: str) -> None:
    assert guards.typed_results(text)


@pytest.mark.parametrize(
    "text",
    [
        "A ball with a Dice of $2 \\cdot 3 / (4 + 5) = 0.67$ is an exercise in arithmetic.",
        "{cite:t}`kazemimoghadam2022masks` print a Dice of 0.77 for brain structures.",
        "Slices are 7.7 mm apart.",
        "`dice(a, b)` prints `0.87`.",
        "We want to see one Dice point with 10 draws.",
        "The test has level 0.05.",
        "```\nDice 0.87\n```",
    ],
)
def test_what_is_no_result_passes(text: str) -> None:
    assert guards.typed_results(text) == []


@pytest.mark.parametrize(
    "line",
    [
        "pip install segkit",
        "%pip install -q segkit==1.0",
        "!pip install 'segkit[all]'",
        'pip install "segkit"',
    ],
)
def test_the_wrong_package_is_found(line: str) -> None:
    assert guards.wrong_install(f"first\n{line}\nlast")


@pytest.mark.parametrize(
    "line",
    [
        'pip install "segkit-book @ git+https://host/segkit-book"',
        "pip install -e .",
        "import segkit",
        "pip install ./segkit-book",
    ],
)
def test_the_right_package_passes(line: str) -> None:
    assert guards.wrong_install(line) == []
