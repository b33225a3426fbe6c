"""List, fetch, verify, find and prepare data sets."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from segkit.data.catalogue.options import add_options

_EXAMPLES = """examples:
  segkit data list                         what the book uses, and what is on this machine
  segkit data list --full                  every set that can be prepared at full size
  segkit data get hippocampus              download, verify, and put into the cache
  segkit data get acdc --from training.zip take an archive or a folder that is at hand
  segkit data check hippocampus            hold files against their sums, read every case
  segkit data where hippocampus            print the folder
  segkit data show liver                   licence, citation, address, size, how to get it
  segkit data prepare liver --jobs 8       fetch, verify, and bring to the form that recipes train from
  segkit data prepare btcv --from RawData.zip
  segkit data prepare liver --check        hold what is prepared against its sums

A set is looked for below $SEGKIT_DATA, then in the cache ($SEGKIT_CACHE, or the user's cache folder).
SEGKIT_OFFLINE=1 forbids every download.
"""


def add(subparsers: Any) -> None:
    """Declare `segkit data`."""
    parser = subparsers.add_parser(
        "data", help="list, fetch, verify, find and prepare data sets", description=__doc__, epilog=_EXAMPLES
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    listed = actions.add_parser("list", help="names, licences, and which sets are on this machine")
    listed.add_argument("--full", action="store_true", help="the sets that can be prepared at full size")
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
    show = actions.add_parser("show", help="tell everything about a set of the catalogue")
    prepare = actions.add_parser("prepare", help="bring a set of the catalogue to the form of the recipes")
    for chosen in (show, prepare):
        chosen.add_argument("name", metavar="NAME", help="name of the set, see `segkit data list --full`")

    add_options(prepare)


def run(args: argparse.Namespace) -> int:
    """Do the action and print its result on standard output."""
    from segkit.data.preparing import check, prepare

    if args.action in ("get", "check", "where"):
        _refuse_full_size(args.name)
    if args.action == "list":
        print(_catalogue() if args.full else _table())
    elif args.action == "get":
        print(prepare(args.name, args.source))
    elif args.action == "check":
        print(check(args.name))
    elif args.action == "show":
        from segkit.data.catalogue.scripting import show

        print(show(args.name))
    elif args.action == "prepare":
        from segkit.data.catalogue.scripting import run_options

        run_options(args.name, args)
    else:
        print(_where(args.name))
    return 0


def _refuse_full_size(name: str) -> None:
    from segkit.data.catalogue.listing import CATALOGUE
    from segkit.data.registry import DATASETS
    from segkit.errors import ConfigError

    if name in CATALOGUE and name not in DATASETS:
        raise ConfigError(f"{name} is prepared on the disk and not loaded: run `segkit data prepare {name}`")


def _table() -> str:
    from segkit.data.locations import locate
    from segkit.data.registry import DATASETS

    rows = [("name", "cases", "licence", "folder")]
    for name, entry in DATASETS.items():
        rows.append((name, str(entry.cases), entry.licence.spdx, str(locate(name) or "not on this machine")))
    return _aligned(rows)


def _catalogue() -> str:
    from segkit.data.catalogue.listing import CATALOGUE
    from segkit.data.prepared.layout import DATASET
    from segkit.data.prepared.opening import prepared_folder

    rows = [("name", "cases", "licence", "how to get it", "prepared in")]
    for name, entry in CATALOGUE.items():
        size = "" if entry.gigabytes is None else f", {entry.gigabytes:g} GB"
        folder = prepared_folder(name)
        there = str(folder) if (folder / DATASET).is_file() else "not prepared"
        how = f"download{size}" if entry.files else "by hand"
        rows.append((name, str(entry.cases), entry.licence.spdx, how, there))
    return _aligned(rows)


def _aligned(rows: Sequence[tuple[str, ...]]) -> str:
    """Columns side by side; the last one is not filled up."""
    last = len(rows[0]) - 1
    widths = [max(len(row[column]) for row in rows) for column in range(last)]
    return "\n".join(
        "  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[last]]) for row in rows
    )


def _where(name: str) -> str:
    from segkit.data.locations import locate
    from segkit.errors import DataError

    root = locate(name)
    if root is None:
        raise DataError(f"{name} is neither below SEGKIT_DATA nor in the cache: run `segkit data get {name}`")
    return str(root)
