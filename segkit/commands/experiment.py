"""Run experiments and turn their records into tables, figures and numbers of draws."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segkit.errors import ConfigError

if TYPE_CHECKING:
    from segkit.experiments import Record

_EXAMPLES = """examples:
  segkit experiment list                               every plan, and how many of its runs are recorded
  segkit experiment run unet/losses --draws 0-1        two draws of every arm, one run at a time
  segkit experiment run unet/losses --jobs 8           all that is missing, eight runs at once
  segkit experiment run unet/losses --part validation --draws 100-101 --out choice.jsonl
  segkit experiment table unet                         the tables of a chapter
  segkit experiment table unet/losses --metric dice --json
  segkit experiment plot unet/losses -o losses.png     dots, means and intervals
  segkit experiment power unet/losses --effect 0.01    draws that one Dice point takes

  segkit experiment run unet/losses --jobs 40 --submit logs --cluster slurm_partition=gpu

  to compute on another machine:
  segkit experiment pack unet/losses -o losses.zip     the prepared data and the name of the plan
  segkit experiment run --packed losses.zip --device cuda --jobs 8 --out back     (there)
  segkit experiment merge back/losses.jsonl            (here again)

A run is one line of book/results/<slug>/<experiment>.jsonl. Runs that are there are not repeated.
RECORDS is a file, a folder, <slug> or <slug>/<experiment>.
"""


def add(subparsers: Any) -> None:
    """Declare `segkit experiment` and its actions."""
    parser = subparsers.add_parser(
        "experiment", help="run experiments, tabulate their records", description=__doc__, epilog=_EXAMPLES
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    listing = actions.add_parser("list", help="every plan, and how many of its runs are recorded")
    running = actions.add_parser("run", help="do the runs of a plan that are not done yet")
    running.add_argument("plan", nargs="?", metavar="PLAN", help="<slug>/<experiment>; not with --packed")
    running.add_argument("--arms", metavar="A,B", help="some arms, separated by commas (all)")
    running.add_argument("--draws", metavar="0-9", help="numbers and ranges, both ends included (the plan's)")
    running.add_argument(
        "--setting",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="only settings that have this; repeatable",
    )
    running.add_argument(
        "--part", choices=["validation", "test"], help="part of the split to measure (the plan's)"
    )
    running.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="runs at once, each in a process (1)"
    )
    running.add_argument(
        "--device", default="auto", choices=["auto", "cpu", "cuda"], help="where to compute (auto)"
    )
    running.add_argument(
        "--out", metavar="PATH", help="file, or folder, of the records (book/results/<slug>)"
    )
    running.add_argument("--submit", metavar="FOLDER", help="do it on a cluster; FOLDER is for its logs")
    running.add_argument(
        "--cluster", action="append", default=[], metavar="KEY=VALUE", help="its options; repeatable"
    )
    running.add_argument("--packed", metavar="FILE", help="take plan and prepared data from a packed file")

    table = actions.add_parser("table", help="means, intervals, paired differences and tests over draws")
    figure = actions.add_parser("plot", help="draw every draw, the mean and its interval")
    power = actions.add_parser("power", help="how many draws a difference needs")
    for each in (table, figure, power):
        each.add_argument(
            "records", nargs="+", metavar="RECORDS", help="file, folder, <slug> or <slug>/<experiment>"
        )
        each.add_argument(
            "--metric", default=None if each is table else "dice", help="name of a recorded metric"
        )
        each.add_argument("--baseline", metavar="ARM", help="compare with this arm (the plan's baseline)")
        each.add_argument("--structure", metavar="CLASS", help="one class (the mean over classes)")
        each.add_argument(
            "--part", choices=["validation", "test"], default="test", help="part of the split (test)"
        )
    power.add_argument("--effect", type=float, default=0.01, help="smallest difference that matters (0.01)")
    figure.add_argument(
        "-o", "--out", required=True, metavar="FILE", help="where to write it: .png, .svg or .pdf"
    )

    packing = actions.add_parser("pack", help="write the prepared data and the plan's name to one small file")
    packing.add_argument("plan", metavar="PLAN", help="<slug>/<experiment>")
    packing.add_argument("-o", "--out", required=True, metavar="FILE", help="the file to write")
    unpacking = actions.add_parser("unpack", help="say what a packed file holds, and verify it")
    unpacking.add_argument("file", metavar="FILE", help="a packed file")
    merging = actions.add_parser("merge", help="add records from elsewhere to those of the project")
    merging.add_argument("records", nargs="+", metavar="RECORDS", help="files or folders of records")
    merging.add_argument("--out", metavar="FOLDER", help="folder of the results (book/results)")
    for each in (listing, running, table, power, unpacking, merging):
        each.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Do the action."""
    actions: dict[str, Callable[[argparse.Namespace], None]] = {
        "list": _list, "run": _run, "table": _table, "plot": _plot, "power": _power,
        "pack": _pack, "unpack": _unpack, "merge": _merge,
    }  # fmt: skip
    actions[args.action](args)
    return 0


def _list(args: argparse.Namespace) -> None:
    from segkit.experiments import results_folder
    from segkit.experiments.plans import find_plan, plan_names

    rows = []
    for name in plan_names():
        plan = find_plan(name)
        file = results_folder() / plan.slug / f"{plan.experiment}.jsonl"
        recorded = len(file.read_bytes().splitlines()) if file.exists() else 0
        total = len(plan.arms) * len(plan.draw_numbers) * len(plan.settings)
        rows.append({"plan": name, "recorded": recorded, "runs": total, "question": plan.question})
    lines = (
        f"{row['plan']:24} {row['recorded']:4} of {row['runs']:4} runs  {row['question']}" for row in rows
    )
    print(json.dumps(rows) if args.json else "\n".join(lines))


def _run(args: argparse.Namespace) -> None:
    from segkit.experiments import run_plan
    from segkit.experiments.plans import find_plan

    if bool(args.plan) == bool(args.packed):
        raise ConfigError("name a plan, or give --packed with a file that holds one")
    name, prepared = args.plan, None
    if args.packed:
        from segkit.experiments import unpack

        name, prepared = unpack(args.packed)
    plan = find_plan(name)
    wanted = dict(_key_value(text) for text in args.setting)
    out = Path(args.out) if args.out else None
    if out is not None and not out.suffix:
        out = out / f"{plan.experiment}.jsonl"
    engine: dict[str, Any] = {}
    if args.submit:
        from segkit.experiments import cluster_engine

        engine["engine"] = cluster_engine(args.submit, dict(map(_key_value, args.cluster)))
    records = run_plan(
        plan,
        arms=args.arms.split(",") if args.arms else None,
        draws=parse_draws(args.draws) if args.draws else None,
        settings=[s for s in plan.settings if wanted.items() <= s.items()],
        part=args.part,
        jobs=args.jobs,
        device=args.device,
        out=out,
        prepared=prepared,
        report=_report,
        **engine,
    )
    if args.json:
        print(json.dumps(records))


def _report(record: Record, done: int, total: int) -> None:
    """One line on stderr per finished run."""
    from segkit.experiments import case_values

    metric = next(iter(record["evaluation"]["metrics"]))
    values = case_values(record, metric)
    setting = " ".join(f"{key}={value}" for key, value in record["setting"].items())
    print(
        f"[{done}/{total}] {record['arm']} draw {record['draw']} {setting} {metric} "
        f"{values[values == values].mean():.4f} in {sum(record['seconds'].values()):.1f} s",
        file=sys.stderr,
        flush=True,
    )


def _records(args: argparse.Namespace) -> list[Record]:
    from segkit.experiments import read_records

    found = [record for record in read_records(*args.records) if record["part"] == args.part]
    if not found:
        raise ConfigError(f"{' '.join(args.records)}: no run was measured on the {args.part} part")
    return found


def _table(args: argparse.Namespace) -> None:
    from segkit.experiments import Table, rows_json, table_rows

    rows = table_rows(_records(args), metric=args.metric, baseline=args.baseline, structure=args.structure)
    if args.json:
        print(rows_json(rows))
        return
    blocks: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        blocks.setdefault((row["experiment"], row["metric"]), []).append(row)
    print("\n\n".join(str(Table(block)) for block in blocks.values()))


def _plot(args: argparse.Namespace) -> None:
    from segkit.experiments import plot

    fig = plot(_records(args), metric=args.metric, baseline=args.baseline, structure=args.structure)
    try:
        fig.savefig(args.out)
    except ValueError as error:
        raise ConfigError(f"{args.out}: {str(error).splitlines()[0]}") from error


def _power(args: argparse.Namespace) -> None:
    from segkit.experiments import power

    rows = power(
        _records(args),
        metric=args.metric,
        baseline=args.baseline,
        structure=args.structure,
        effect=args.effect,
    )
    if args.json:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        setting = {"n_labelled": row["labelled"], **row["setting"]}
        print(
            f"{row['experiment']} {setting}: {row['arm']} − {row['baseline']} = {row['difference']:+.4f} (sd "
            f"{row['sd']:.4f}, {row['draws']} draws); {row['effect']:g} takes {_draws(row['needed'])} draws "
            f"({_draws(row['needed_careful'])} to be careful), "
            f"the observed difference {_draws(row['needed_observed'])}"
        )


def _draws(number: int | None) -> str:
    return "more than a million" if number is None else str(number)


def _pack(args: argparse.Namespace) -> None:
    from segkit.experiments import pack
    from segkit.experiments.plans import find_plan

    path = pack(find_plan(args.plan), args.out)
    print(f"{path}: {path.stat().st_size / 2**20:.1f} MiB")


def _unpack(args: argparse.Namespace) -> None:
    from segkit.experiments import unpack

    name, prepared = unpack(args.file)
    facts = {"plan": name, "cases": len(prepared.cases), "data": prepared.digest, **prepared.source}
    print(json.dumps(facts) if args.json else "\n".join(f"{key}: {value}" for key, value in facts.items()))


def _merge(args: argparse.Namespace) -> None:
    from segkit.experiments import merge_records

    added = merge_records(*args.records, out=args.out)
    if args.json:
        print(json.dumps(added))
    else:
        print("\n".join(f"{name}: {number} new runs" for name, number in added.items()))


def parse_draws(text: str) -> list[int]:
    """Numbers and ranges, both ends included.

    Example:
        >>> parse_draws("0-2,7")
        [0, 1, 2, 7]
    """
    draws: list[int] = []
    try:
        for piece in text.split(","):
            first, dash, last = piece.partition("-")
            draws += range(int(first), int(last if dash else first) + 1)
    except ValueError:
        raise ConfigError(f"--draws takes numbers and ranges like 0-9 or 0,3,5, not {text!r}") from None
    return draws


def _key_value(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"--setting takes key=value, for example n_labelled=16, not {text!r}")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value
