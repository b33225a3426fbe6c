"""What a training run wrote down: one row per update."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from segkit.errors import SegkitError, unknown_name

Row = dict[str, float]


class TrainingError(SegkitError, ArithmeticError):
    """A run cannot go on, for example because its loss is no longer a number."""


@dataclass
class History:
    """The loss terms of every update, the learning rate, and validation results where there are some.

    Attributes:
        rows: one per update, in order, with `iteration` (from 0), `total` and every other term of the method,
            `lr`, and `validation.<name>` after a validation.
        seconds: wall time of the updates, validation and checkpoints not counted.

    Example:
        >>> history = History([{"iteration": 0, "total": 1.5}, {"iteration": 1, "total": 1.25}])
        >>> history.column("total")
        [1.5, 1.25]
    """

    rows: list[Row] = field(default_factory=list)
    seconds: float = 0.0

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    @property
    def names(self) -> list[str]:
        """Every name that some row has, in order of appearance."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def column(self, name: str) -> list[float]:
        """The values of one name, of the rows that have it.

        Raises:
            ConfigError: no row has it; the message names the nearest.
        """
        return self.series(name)[1]

    def series(self, name: str) -> tuple[list[int], list[float]]:
        """Iterations and values of one name, ready to plot.

        Raises:
            ConfigError: no row has it; the message names the nearest.
        """
        found = [row for row in self.rows if name in row]
        if not found:
            raise unknown_name("column of the history", name, self.names)
        return [int(row["iteration"]) for row in found], [row[name] for row in found]

    def to_json(self, path: str | Path | None = None) -> str:
        """The history as JSON text; written to `path` as well when one is given."""
        text = json.dumps({"seconds": self.seconds, "rows": self.rows})
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    @classmethod
    def from_json(cls, text: str) -> History:
        """The history that `to_json` wrote."""
        return cls(**json.loads(text))


def check_finite(row: Mapping[str, float], kept: str) -> None:
    """Raise if a term of this row is not a finite number.

    Args:
        row: a row of a `History`.
        kept: where the weights from before are, for the message.

    Raises:
        TrainingError: names the iteration and the first term that is not finite, `total` last.
    """
    for name in sorted(row, key=lambda name: name == "total"):
        if not math.isfinite(row[name]):
            raise TrainingError(
                f"loss term {name!r} became {row[name]} in iteration {int(row['iteration'])}: "
                f"lower the learning rate or clip the gradient; {kept}"
            )
