"""What `segkit data prepare` and the files of `data_scripts/` do."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from segkit.data.catalogue.listing import full_set
from segkit.data.catalogue.options import add_options
from segkit.data.catalogue.originals import locate_originals
from segkit.data.catalogue.preparation import prepare_cases
from segkit.data.prepared.checking import check_prepared, told
from segkit.data.prepared.layout import DATASET
from segkit.data.prepared.opening import open_prepared, prepared_folder
from segkit.errors import SegkitError


def run_options(name: str, options: argparse.Namespace) -> None:
    """Prepare or check a set and print the result on standard output.

    Raises:
        SegkitError: what `prepare_cases` and `check_prepared` raise.
    """
    full_set(name)
    if options.check:
        print(check_prepared(options.out or name))
        return
    folder = prepare_cases(
        name,
        root=options.source,
        out=options.out,
        jobs=options.jobs,
        spacing=options.spacing,
        skip_bad=options.skip_bad,
        unlabelled=options.unlabelled,
    )
    print(told(open_prepared(folder.absolute())))


def script(name: str, arguments: Sequence[str] | None = None) -> int:
    """What a file of `data_scripts/` runs: fetch, verify and prepare one set.

    Returns:
        Exit status: 0, or 1 after one sentence on standard error.
    """
    entry = full_set(name)
    parser = argparse.ArgumentParser(
        description=f"Fetch, verify and prepare {entry.title}. {entry.instructions}".strip()
    )
    add_options(parser)
    options = parser.parse_args(arguments)
    try:
        run_options(name, options)
    except SegkitError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


def choose(names: Sequence[str], arguments: Sequence[str] | None = None) -> int:
    """`script` for several sets: the first argument says which."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(
        description="Fetch, verify and prepare one of several sets.", add_help=not given
    )
    parser.add_argument("name", choices=names, help="name of the set; then its own options, see NAME --help")
    chosen = parser.parse_args(given[:1])
    return script(chosen.name, given[1:])


def show(name: str) -> str:
    """Everything the catalogue knows about a set, and what the preparation found.

    Raises:
        ConfigError: the name is unknown.
    """
    entry = full_set(name)
    prepared = prepared_folder(name)
    size = "" if entry.gigabytes is None else f", about {entry.gigabytes:g} GB"
    hashed = sum(file.hash is not None for file in entry.files)
    how = entry.instructions or (
        f"download of {len(entry.files)} file(s){size}; "
        f"{hashed} of them with a published hash, the others are noted at the first download"
    )
    lines = [
        entry.notice(),
        "",
        entry.description,
        f"  classes: {', '.join(entry.classes)}",
        f"  channels: {', '.join(entry.channels)}; {entry.cases} cases in the release",
        f"  layout: {entry.layout}",
        f"  prepared grid: {entry.grid}",
        f"  address: {entry.homepage}",
        f"  how to get it: {how}",
        f"  used for: {entry.used_for}",
        f"  originals: {locate_originals(entry) or 'not on this machine'}",
    ]
    if (prepared / DATASET).is_file():
        lines += ["", told(open_prepared(prepared.absolute()))]
    return "\n".join(lines)
