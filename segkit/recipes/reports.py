"""A page on a test part: a table, the curves of the training, the worst cases drawn. It needs no network."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from torch import Tensor

from segkit.data import PreparedCase, PreparedSet
from segkit.data.files import replacing
from segkit.recipes.results import Results, as_measure
from segkit.train import History, latest_checkpoint
from segkit.viz import error_overlay
from segkit.viz.look import figure, style

WORST = 3
"""So many cases are drawn."""

_STYLE = """:root{color-scheme:light dark;--ink:#1f1f1f;--quiet:#5a5a5a;--line:#d6d4cd;--ground:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#ececec;--quiet:#b4b4b4;--line:#4a4a4a;--ground:#141414}}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;
color:var(--ink);background:var(--ground);overflow-wrap:break-word}
.box{overflow-x:auto;margin:1rem 0}table{border-collapse:collapse}
td,th{padding:.2rem .7rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
td:first-child,th:first-child{text-align:left}figure{margin:1.5rem 0}
img{max-width:100%}figcaption{color:var(--quiet)}"""


def write_report(
    home: Path, results: Results, data: PreparedSet, *, prediction: Callable[[PreparedCase], Tensor]
) -> Path:
    """Write `report.html`.

    Args:
        home: folder of the part, below that of the run.
        results: of the part.
        data: the prepared set.
        prediction: the predicted labels of a case on its prepared grid.

    Returns:
        The file.
    """
    title = f"{data.title}: {results.part} part, {len(results.records)} cases"
    body = [
        f"<h1>{escape(title)}</h1>",
        "<p>Means over cases; in brackets the 95 % interval over patients. A structure that was missed "
        "counts as an overlap of 0 and as a distance of the image's diagonal.</p>",
        _summary(results),
        "<h2>Training</h2>",
        *(_curve(folder, home.parent) for folder in _trainings(home.parent)),
        f"<h2>The {min(WORST, len(results.records))} worst cases</h2>",
        *(_drawn(data.case(id), prediction, score) for id, score in worst_cases(results)[:WORST]),
        "<h2>Every case</h2>",
        _cases(results),
    ]
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body>{''.join(body)}</body></html>\n"
    )
    path = home / "report.html"
    with replacing(path) as temporary:
        temporary.write_text(html, encoding="utf-8")
    return path


def worst_cases(results: Results) -> list[tuple[str, float]]:
    """Ids and mean Dice of the cases, the worst first; undefined structures are left out."""
    scores = []
    for record in results.records:
        dice = [as_measure(found["dice"]) for found in record["metrics"].values()]
        values = [each.value for each in dice if not each.undefined]
        if values:
            scores.append((str(record["id"]), sum(values) / len(values)))
    return sorted(scores, key=lambda pair: pair[1])


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    cells = "".join(f"<th>{escape(word)}</th>" for word in head)
    rows = "".join("<tr>" + "".join(f"<td>{escape(word)}</td>" for word in line) + "</tr>" for line in lines)
    table = f"<table><thead><tr>{cells}</tr></thead><tbody>{rows}</tbody></table>"
    # A table that is wider than a phone scrolls in its own box, also by keyboard.
    return f'<div class="box" tabindex="0" role="region" aria-label="table">{table}</div>'


def _summary(results: Results) -> str:
    lines = [
        (
            row.structure, row.metric, f"{_said(row.summary.mean)} [{_said(row.low)}, {_said(row.high)}]",
            _said(row.summary.median), "" if row.summary.unit == "1" else row.summary.unit,
            *(str(getattr(row.summary, name)) for name in ("n", "missed", "spurious", "undefined")),
        )
        for row in results.rows
    ]  # fmt: skip
    head = ("class", "metric", "mean", "median", "unit", "cases", "missed", "spurious", "undefined")
    return _table(head, lines)


def _said(value: float) -> str:
    """Four digits, and all of those before the point."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _cases(results: Results) -> str:
    metrics = list(dict.fromkeys(row.metric for row in results.rows))
    lines = [
        (
            str(record["id"]),
            structure,
            *("–" if found[m]["value"] is None else _said(found[m]["value"]) for m in metrics),
        )
        for record in results.records
        for structure, found in record["metrics"].items()
    ]
    return _table(("case", "class", *metrics), lines)


def _trainings(run: Path) -> list[Path]:
    folders = {path.parent for path in run.rglob("checkpoint-*") if path.is_dir()}
    newest = [latest_checkpoint(folder) for folder in sorted(folders)]
    return [found for found in newest if found is not None]


def _curve(checkpoint: Path, run: Path) -> str:
    history = History(**json.loads((checkpoint / "history.json").read_text("utf-8")))
    name = "" if checkpoint.parent == run else f" of {checkpoint.parent.name}"
    looked = "validation.dice" in history.names
    with style():
        fig, axes = figure(1, 1 + looked, width="page" if looked else "column", height=2.8)
        axes[0, 0].plot(*history.series("total"))
        axes[0, 0].set(xlabel="update", ylabel="loss")
        if looked:
            axes[0, 1].plot(*history.series("validation.dice"), marker="o")
            axes[0, 1].set(xlabel="update", ylabel="validation Dice")
    text = f"The training{name}: loss of every update"
    text += ", and Dice of the validation cases that were looked at." if looked else "."
    return _picture(fig, f"Loss{' and validation Dice' if looked else ''}{name}", text)


def _drawn(case: PreparedCase, prediction: Callable[[PreparedCase], Tensor], score: float) -> str:
    loaded = case.load()
    with style():
        fig, axes = figure(width="column", height=3.6)
        error_overlay(loaded, prediction(case), truth=loaded.label, ax=axes[0, 0])
    text = f"{case.id}: mean Dice {score:.4f}. The slice with the most truth."
    return _picture(fig, f"Errors of the prediction for {case.id}", text)


def _picture(fig: Figure, alt: str, caption: str) -> str:
    import matplotlib.pyplot as plt

    content: Any = io.BytesIO()
    fig.savefig(content, format="png")
    plt.close(fig)
    code = base64.b64encode(content.getvalue()).decode()
    return (
        f'<figure><img alt="{escape(alt)}" src="data:image/png;base64,{code}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )
