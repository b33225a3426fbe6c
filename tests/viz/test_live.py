from __future__ import annotations

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from segkit.viz import scrub
from segkit.viz.live import kernel_is_live, widget

NOTEBOOK = """
import numpy as np
from segkit.viz import scrub
scrub(lambda k: np.full((4, 4), k / 10), sliders={"k": [1, 2]}, alt="x", interactive=True)
"""


def test_the_live_control_draws_on_demand_and_once():
    drawn = []

    def draw(k, sigma):
        drawn.append((k, sigma))
        return np.full((4, 4), k / 10)

    figure = scrub(
        draw,
        sliders={"k": [1, 2], "σ": [3, 4]},
        alt="x",
        caption=list("abcd"),
        start=(0, 1),
        interactive=True,
    )
    box = widget(figure)
    image, k, _, caption = box.children
    assert drawn == [(1, 4)]
    assert caption.value == "b"
    before = image.value
    k.value = 1
    assert drawn[-1] == (2, 4)
    assert image.value != before
    assert (image.alt, caption.value) == ("x (k: 2, σ: 4)", "d")
    k.value = 0
    assert image.value == before
    assert len(drawn) == 2


def test_without_a_kernel_the_fragment_is_shown():
    assert not kernel_is_live()
    figure = scrub(lambda k: np.full((4, 4), k / 10), sliders={"k": [1]}, alt="x", interactive=True)
    assert set(figure._repr_mimebundle_()) == {"text/plain", "text/html"}


@pytest.mark.slow
@pytest.mark.parametrize(("static", "control"), [("1", "text/html"), ("", "widget-view")])
def test_exactly_one_control_per_figure(static, control, monkeypatch):
    """A reader's kernel gives the live control; the kernel that builds the book gives the static one."""
    monkeypatch.setenv("SEGKIT_STATIC", static)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(NOTEBOOK)])
    (output,) = NotebookClient(notebook, kernel_name="python3").execute().cells[0].outputs
    controls = [mime for mime in output.data if "html" in mime or "widget" in mime]
    assert len(controls) == 1
    assert control in controls[0]
