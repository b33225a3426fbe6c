"""The docstring of a loss says eight things in a fixed order; what it claims is tested in the battery."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from tests.losses.registry import REGISTRY

FUNCTIONS = {each.function.__name__: each.function for each in REGISTRY}
BIBLIOGRAPHY = Path(__file__).parents[2] / "book" / "references.bib"
SECTIONS = ("Args", "Returns", "Empty and ignored", "Cost", "Differs from", "Raises", "Example")


def sections(text: str) -> dict[str, str]:
    """Heading → its text, in the order in which they stand; what comes before the first is `""`."""
    parts = re.split(r"^([A-Z][\w ]+):$", text, flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def complaints(function) -> list[str]:
    """What the docstring of a loss lacks."""
    text = inspect.cleandoc(function.__doc__ or "")
    found = sections(text)
    head, args, returns = (found.get(name, "") for name in ("", "Args", "Returns"))
    wanted = {
        "starts with one sentence on what makes the loss small": text.startswith("Small "),
        f"has the sections {SECTIONS}, in this order": tuple(found)[1:] == SECTIONS,
        "has an equation": head.count("$$") == 2,
        "cites a key of the bibliography": any(
            f"{{{key}," in BIBLIOGRAPHY.read_text("utf-8") for key in re.findall(r"\[(\w+\d{4}\w*)\]", head)
        ),
        "describes every argument": all(
            f"    {name}: " in args for name in inspect.signature(function).parameters
        ),
        "gives shapes of the inputs": "(B, K, *S)" in args and "(B, *S)" in args,
        "gives the paper's values": any(word in args for word in ("paper", "V-Net", "nnU-Net")),
        "gives the value of a perfect prediction": "perfect prediction" in returns,
        "gives the denominator of the mean": "mean" in returns,
        "speaks of value and gradient": all(
            word in found.get("Empty and ignored", "") for word in ("value", "gradient")
        ),
        "states time and memory": "O(" in found.get("Cost", "") and "map" in found.get("Cost", ""),
        "has an example that runs": ">>> " in found.get("Example", ""),
    }
    return [f"{function.__name__} {what}: no" for what, true in wanted.items() if not true]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_docstring_is_complete(name):
    assert complaints(FUNCTIONS[name]) == []


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    "planted",
    [
        lambda text: text.replace("Small ", "The loss that is small ", 1),
        lambda text: text.replace("Cost:", "Price:"),
        lambda text: text.replace("$$", "$"),
        lambda text: re.sub(r"\[(\w+\d{4}\w*)\]", r"[nobody1900]", text),
        lambda text: text.replace("    labels: ", "    label: "),
        lambda text: text.replace("perfect", "good"),
        lambda text: text.replace(">>>", ""),
        lambda text: text.replace("Raises:", "Errors:"),
    ],
)
def test_a_planted_gap_is_found(name, planted):
    def copy(): ...

    copy.__signature__ = inspect.signature(FUNCTIONS[name])
    copy.__doc__ = planted(inspect.cleandoc(FUNCTIONS[name].__doc__))
    assert complaints(copy)
