"""A results table as a page shows it, without a number typed by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from segkit.errors import DataError
from segkit.experiments.columns import metric_words
from segkit.experiments.tables import Row

_HEADS = {
    "experiment": "experiment",
    "dataset": "data",
    "labelled": "labelled",
    "setting": "setting",
    "arm": "arm",
    "metric": "metric",
    "mean": "mean [95 %]",
    "minimum": "worst draw",
    "difference": "difference [95 %]",
    "p": "p",
    "p_holm": "p (Holm)",
    "seeds": "draws × cases",
    "missed": "missed",
}
_ALWAYS = ("arm", "mean", "minimum", "difference", "p_holm", "seeds")


@dataclass(frozen=True)
class Table:
    """Rows of `table_rows`, drawn by Jupyter as a table in the colours of the page, light or dark.

    Columns that say the same in every row are left out of the table and named once above it.

    Attributes:
        rows: what `table_rows` returned.
        names: arm → how the page calls it; an arm that is not there keeps its own name.
    """

    rows: Sequence[Row]
    names: dict[str, str] | None = None

    def _repr_html_(self) -> str:
        head, lines = self._grid()
        cell = 'style="text-align:left;padding:0.2em 0.8em;border-bottom:1px solid currentColor"'
        heads = "".join(f'<th scope="col" {cell}>{escape(word)}</th>' for word in head)
        body = "".join(
            "<tr>" + "".join(f"<td {cell}>{escape(word)}</td>" for word in line) + "</tr>" for line in lines
        )
        return (
            '<div style="overflow-x:auto"><table class="segkit-table" style="color:inherit;background:none;'
            f'border-collapse:collapse"><caption style="caption-side:top;text-align:left;color:inherit">'
            f"{escape(self.caption)}</caption><thead><tr>{heads}</tr></thead>"
            f"<tbody>{body}</tbody></table></div>"
        )

    def _repr_markdown_(self) -> str:
        head, lines = self._grid()
        marks = ["---"] * len(head)
        table = [f"| {' | '.join(line)} |" for line in (head, marks, *lines)]
        return "\n".join([self.caption, "", *table])

    def __str__(self) -> str:
        head, lines = self._grid()
        widths = [max(len(line[i]) for line in (head, *lines)) for i in range(len(head))]
        aligned = [
            "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip()
            for line in (head, *lines)
        ]
        return "\n".join([self.caption, *aligned])

    @property
    def caption(self) -> str:
        """What is common to all rows."""
        first = self.rows[0]
        words = [
            self._word(key, first) for key in ("experiment", "dataset", "metric") if not self._varies(key)
        ]
        if not self._varies("labelled") and first["labelled"] is not None:
            words.append(f"{first['labelled']} labelled patients")
        if not self._varies("setting") and first["setting"]:
            words.append(_setting(first))
        if first["structure"] is not None:
            words.append(str(first["structure"]))
        if first["part"] != "test":
            words.append(f"{first['part']} part")
        return ", ".join(words)

    def _varies(self, key: str) -> bool:
        return any(row[key] != self.rows[0][key] for row in self.rows)

    def _grid(self) -> tuple[list[str], list[list[str]]]:
        """Heads and words of the columns that are shown."""
        if not self.rows:
            raise DataError("a table needs at least one row")
        shown = [key for key in _HEADS if key in _ALWAYS or (key != "p" and self._varies(key))]
        lines = [[self._word(key, row) for key in shown] for row in self.rows]
        return [_HEADS[key] for key in shown], lines

    def _word(self, key: str, row: Row) -> str:
        special: dict[str, Callable[[Row], Any]] = {
            "arm": lambda row: (self.names or {}).get(row["arm"], row["arm"]),
            "setting": _setting,
            "metric": lambda row: metric_words(row["metric"], row["unit"]),
            "mean": lambda row: _interval(row["mean"], row["low"], row["high"], row["unit"]),
            "minimum": lambda row: _number(row["minimum" if row["unit"] == "1" else "maximum"], row["unit"]),
            "difference": lambda row: _difference(row),
            "p_holm": lambda row: _p(row["p_holm"]),
            "seeds": lambda row: f"{row['seeds']} × {row['cases']}",
            "labelled": lambda row: "all" if row["labelled"] is None else str(row["labelled"]),
        }
        return str(special[key](row) if key in special else row[key])


def rows_json(rows: Sequence[Row]) -> str:
    """Rows as JSON, one row per line."""
    return "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows) + "\n]"


def _setting(row: Row) -> str:
    return ", ".join(f"{key} {value}" for key, value in row["setting"].items())


def _difference(row: Row) -> str:
    if row["difference"] is None:
        return "baseline" if row["baseline"] is None else "–"
    return _interval(row["difference"], row["diff_low"], row["diff_high"], row["unit"], sign="+")


def _interval(mean: float | None, low: float | None, high: float | None, unit: str, sign: str = "") -> str:
    text = _number(mean, unit, sign)
    return text if low is None else f"{text} [{_number(low, unit, sign)}, {_number(high, unit, sign)}]"


def _number(value: float | None, unit: str, sign: str = "") -> str:
    """Three decimals for shares, two for distances; a true minus sign."""
    if value is None:
        return "–"
    digits = 3 if unit == "1" else 2
    return format(value, f"{sign}.{digits}f").replace("-", "−")


def _p(value: Any) -> str:
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
