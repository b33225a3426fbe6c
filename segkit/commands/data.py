"""List, fetch, verify and find the named data sets."""

from __future__ import annotations

import argparse
from typing import Any

_EXAMPLES = """examples:
  segkit data list                         what there is, and what is on this machine
  segkit data get hippocampus              download, verify, and put into the cache
  segkit data get acdc --from training.zip take an archive or a folder that is at hand
  segkit data check hippocampus            hold files against their sums, read every case
  segkit data where hippocampus            print the folder

A set is looked for below $SEGKIT_DATA, then in the cache ($SEGKIT_CACHE, or the user's cache folder).
SEGKIT_OFFLINE=1 forbids every download.
"""


def add(subparsers: Any) -> None:
    """Declare `segkit data`."""
    parser = subparsers.add_parser(
        "data", help="list, fetch, verify and find data sets", description=__doc__, epilog=_EXAMPLES
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    actions.add_parser("list", help="names, licences, and which sets are on this machine")
    get = actions.add_parser("get", help="download a set, or take it from a path, and prepare it")
    get.add_argument("name", metavar="NAME", help="name of the data set")
    get.add_argument("--from", dest="source", metavar="PATH", help="archive or folder already at hand")
    for action, text in (
        ("check", "verify the files of a set and read every case"),
        ("where", "print the folder of a set"),
    ):
        actions.add_parser(action, help=text).add_argument(
            "name", metavar="NAME", help="name of the data set"
        )


def run(args: argparse.Namespace) -> int:
    """Do the action and print its result on standard output."""
    from segkit.data.preparing import check, prepare

    if args.action == "list":
        print(_table())
    elif args.action == "get":
        print(prepare(args.name, args.source))
    elif args.action == "check":
        print(check(args.name))
    else:
        print(_where(args.name))
    return 0


def _table() -> str:
    from segkit.data.locations import locate
    from segkit.data.registry import DATASETS

    rows = [("name", "cases", "licence", "folder")]
    for name, entry in DATASETS.items():
        rows.append((name, str(entry.cases), entry.licence.spdx, str(locate(name) or "not on this machine")))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = (
        "  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[3]]) for row in rows
    )
    return "\n".join(lines)


def _where(name: str) -> str:
    from segkit.data.locations import locate
    from segkit.errors import DataError

    root = locate(name)
    if root is None:
        raise DataError(f"{name} is neither below SEGKIT_DATA nor in the cache: run `segkit data get {name}`")
    return str(root)
