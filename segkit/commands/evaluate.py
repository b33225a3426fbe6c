"""Measure predicted masks against true ones."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segkit.evaluate.files import Report

_EXAMPLES = """examples:
  segkit evaluate predicted.nii.gz truth.nii.gz
  segkit evaluate predictions/ labels/ --classes anterior,posterior
  segkit evaluate predictions/ labels/ --metrics dice,hd95_mm --distance-policy nan --json

Two folders are matched by file name. A file without a partner is listed on standard error, is in no mean,
and makes the exit status 1.

Empty masks: a structure that was missed, or found where there is none, has overlap 0 and the diagonal of the
image as its distance (--distance-policy nan leaves it out and counts it). Where both masks are empty
nothing is defined and the case is counted (--overlap-policy one gives overlap 1).
"""


def add(subparsers: Any) -> None:
    """Declare `segkit evaluate`."""
    parser = subparsers.add_parser(
        "evaluate", help="measure predicted masks", description=__doc__, epilog=_EXAMPLES
    )
    parser.add_argument(
        "prediction", metavar="PREDICTION", help="predicted mask (NIfTI), or a folder of them"
    )
    parser.add_argument("truth", metavar="TRUTH", help="true mask on the same grid, or a folder of them")
    parser.add_argument(
        "--classes",
        type=_words,
        default=(),
        metavar="A,B,…",
        help="names of labels 1, 2, … (default: numbers)",
    )
    parser.add_argument(
        "--metrics", type=_words, metavar="M,N,…", help="metrics by name (default: all; see segkit.evaluate)"
    )
    parser.add_argument(
        "--overlap-policy",
        choices=("nan", "one"),
        default="nan",
        help="overlap of two empty masks: undefined (default) or 1",
    )
    parser.add_argument(
        "--distance-policy",
        choices=("diagonal", "nan"),
        default="diagonal",
        help="distance to an empty mask: the image's diagonal (default) or undefined",
    )
    parser.add_argument("--json", action="store_true", help="print everything, case by case, as JSON")


def run(args: argparse.Namespace) -> int:
    """Measure and print; 1 if a file had no partner."""
    from segkit.evaluate import DEFAULT_METRICS
    from segkit.evaluate.files import evaluate_files

    report = evaluate_files(
        args.prediction,
        args.truth,
        classes=args.classes,
        metrics=args.metrics or DEFAULT_METRICS,
        overlap_policy=args.overlap_policy,
        distance_policy=args.distance_policy,
    )
    print(json.dumps(_as_json(report), indent=1) if args.json else _table(report))
    for what, names in (("prediction", report.without_prediction), ("truth", report.without_truth)):
        if names:
            print(f"{len(names)} without {what}: {', '.join(names)}", file=sys.stderr)
    return 1 if report.without_prediction or report.without_truth else 0


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _as_json(report: Report) -> dict[str, Any]:
    cases = {
        name: {s: {m: _plain(asdict(v)) for m, v in metrics.items()} for s, metrics in structures.items()}
        for name, structures in report.cases.items()
    }
    summary = {s: {m: _plain(asdict(v)) for m, v in metrics.items()} for s, metrics in report.summary.items()}
    return {
        "cases": cases,
        "summary": summary,
        "without_prediction": report.without_prediction,
        "without_truth": report.without_truth,
    }


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """JSON has no NaN."""
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in values.items()}


def _table(report: Report) -> str:
    head = ("class", "metric", "mean", "median", "unit", "cases", "undefined", "missed", "spurious", "policy")
    lines = [head]
    for structure, metrics in report.summary.items():
        for metric, s in metrics.items():
            moments = (_number(s.mean), _number(s.median), "" if s.unit == "1" else s.unit)
            counts = (str(s.n), str(s.undefined), str(s.missed), str(s.spurious))
            lines.append((structure, metric, *moments, *counts, s.policy))
    return _aligned(lines)


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.4g}"
