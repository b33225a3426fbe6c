"""Segment and measure the test part of a trained recipe."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

_EXAMPLES = """examples:
  segkit test runs/a                         cases that have a record are not done again
  segkit test runs/a --jobs 8                eight processes
  segkit test runs/a --part validation       while choosing
  segkit test runs/a --record a.json         one small file of what was done and found, to be kept

FOLDER/test receives masks as NIfTI, the metrics of every case as JSON and CSV, and report.html; FOLDER
receives MODEL_CARD.md.
"""


def add(subparsers: Any) -> None:
    """Declare `segkit test`."""
    parser = subparsers.add_parser(
        "test", help="measure a trained recipe", description=__doc__, epilog=_EXAMPLES
    )
    parser.add_argument("folder", metavar="FOLDER", help="folder of a run")
    parser.add_argument("--part", default="test", choices=("test", "validation"), help="test (default)")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes (default 1)")
    parser.add_argument("--record", metavar="FILE", help="write what was done and found to one JSON file")
    parser.add_argument("--accelerator", default="auto", help="auto (default), cpu, cuda or mps")


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    from segkit.recipes.testing import test_run

    results = test_run(Path(args.folder), part=args.part, accelerator=args.accelerator, jobs=args.jobs)
    if results is not None:
        if args.record is not None:
            from segkit.recipes.keeping import keep_record

            keep_record(Path(args.folder), results, Path(args.record))
        print(results)
        print(Path(args.folder) / args.part / "report.html")
    return 0
