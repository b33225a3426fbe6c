"""Time our operations beside those of other libraries."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segkit import bench
from segkit.errors import ConfigError, unknown_name

if TYPE_CHECKING:
    from segkit.bench.timing import Row

_EXAMPLES = """examples:
  segkit bench                         the names of all benchmarks
  segkit bench losses                  one table: ours, peer, ratio
  segkit bench losses --quick --json   small sizes and few repeats, as a list of rows

Times are medians of interleaved repeats in one process; ratio = ours / peer, so below 1 is faster.
Look at ratios: milliseconds belong to the machine, and to whatever else it does.
"""


def add(subparsers: Any) -> None:
    """Declare `segkit bench`."""
    parser = subparsers.add_parser(
        "bench", help="time our operations beside other libraries'", description=__doc__, epilog=_EXAMPLES
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="benchmarks to run (none: list them)")
    parser.add_argument(
        "--quick", action="store_true", help="small sizes and few repeats: a check, not a measurement"
    )
    parser.add_argument("--json", action="store_true", help="print the rows as a JSON list")


def bench_names() -> list[str]:
    """Every benchmark there is: the modules of `segkit.bench`, except the stop-watch itself."""
    files = Path(bench.__path__[0]).glob("[!_]*.py")
    return sorted(file.stem for file in files if file.stem != "timing")


def run(args: argparse.Namespace) -> int:
    """Run the named benchmarks and print their rows."""
    known = bench_names()
    if not args.names:
        print(json.dumps(known) if args.json else "\n".join(known))
        return 0
    for name in args.names:
        if name not in known:
            raise unknown_name("benchmark", name, known)
    rows = [row for name in args.names for row in _rows(name, quick=args.quick)]
    print(json.dumps(rows, indent=1) if args.json else format_rows(rows))
    return 0


def _rows(name: str, *, quick: bool) -> list[Row]:
    try:
        return list(import_module(f"{bench.__name__}.{name}").run(quick=quick))
    except ModuleNotFoundError as error:
        if (error.name or "segkit").split(".")[0] == "segkit":
            raise
        raise ConfigError(
            f"the benchmark {name!r} compares with {error.name!r}, which is missing: install that package"
        ) from error


def format_rows(rows: Sequence[Row]) -> str:
    """Rows as an aligned text table."""
    head = ("operation", "size", "ours ms", "peer", "peer ms", "ratio", "target", "ours MB", "peer MB")
    lines = [head]
    for row in rows:
        lines.append(
            (
                row["operation"],
                row["size"],
                _number(row["ours_ms"]),
                row["peer"],
                _number(row["peer_ms"]),
                _number(row["ratio"]),
                _number(row["target"]),
                _number(row["ours_peak_mb"]),
                _number(row["peer_peak_mb"]),
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"
