"""Options of a preparation on the command line; light, so that `--help` is."""

from __future__ import annotations

import argparse
from typing import Literal


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of a preparation."""
    parser.add_argument("--from", dest="source", metavar="PATH", help="archive or folder with the originals")
    parser.add_argument("--out", metavar="FOLDER", help="where the prepared set goes (default: the cache)")
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="processes; each holds one case in memory"
    )
    parser.add_argument(
        "--spacing",
        type=spacings,
        metavar="X,Y,Z",
        help="voxel size in mm along right, anterior, superior; - keeps an axis; native keeps all "
        "(default: what `segkit data show` tells)",
    )
    parser.add_argument(
        "--skip-bad", action="store_true", help="leave out cases that cannot be read, list them"
    )
    parser.add_argument(
        "--unlabelled", action="store_true", help="prepare images without published labels as well"
    )
    parser.add_argument("--check", action="store_true", help="verify what is prepared; change nothing")


def spacings(text: str) -> Literal["native"] | tuple[float | None, ...]:
    """`"native"`, or three sizes of which `-` keeps one.

    Example:
        >>> spacings("1,1,-")
        (1.0, 1.0, None)
    """
    if text == "native":
        return "native"
    try:
        return tuple(None if size.strip() == "-" else float(size) for size in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError("three sizes in mm like 0.8,0.8,2.5, or native") from error
