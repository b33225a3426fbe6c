"""The command line of a recipe, the same for `segkit train NAME` and `python -m segkit.recipes.NAME`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from segkit.errors import ConfigError, SegkitError
from segkit.recipes.fitting import Machine
from segkit.recipes.probing import lightened
from segkit.recipes.ranks import say
from segkit.recipes.records import has_settings, keep_data_hash, keep_settings, stored_settings
from segkit.recipes.run import Run
from segkit.recipes.segmenters import test_device
from segkit.recipes.settings import Section, parse_pairs, read_settings
from segkit.train import latest_checkpoint


def add_arguments(parser: Any) -> None:
    """The options that every recipe has."""
    parser.add_argument("--out", metavar="FOLDER", help="where the run is kept")
    parser.add_argument("--data", metavar="NAME", help="data set, short for --set data.name=NAME")
    parser.add_argument("--scale", help="toy, laptop, colab or full (default: $SCALE, else toy)")
    parser.add_argument(
        "--set", dest="pairs", action="append", nargs="+", default=[], metavar="NAME=VALUE",
        help="settings in place of the recipe's, such as training.lr=0.001",
    )  # fmt: skip
    parser.add_argument("--phantoms", action="store_true", help="computed images in place of the data set")
    parser.add_argument(
        "--dry-run", action="store_true", help="print plan, size, memory and time; keep nothing"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the run in FOLDER")
    parser.add_argument(
        "--no-test", action="store_true", help="train only; `segkit test FOLDER` does the rest"
    )
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="processes for the test part (default 1)"
    )
    parser.add_argument("--devices", type=int, default=1, metavar="N", help="per machine (default 1)")
    parser.add_argument("--num-nodes", type=int, default=1, metavar="M", help="machines (default 1)")
    parser.add_argument("--accelerator", default="auto", help="auto (default), cpu, cuda or mps")
    parser.add_argument(
        "--timeout", type=float, default=1800.0, metavar="S", help="seconds to wait for other machines"
    )
    parser.add_argument(
        "--logger", default="tensorboard", help="tensorboard (default), csv, none, or package.module:Name"
    )


def launch(recipe: str, args: argparse.Namespace) -> int:
    """Train a recipe as the command line says.

    Raises:
        ConfigError: an option or a setting makes no sense.
    """
    test_device(args.accelerator)
    if args.jobs < 1:
        raise ConfigError(f"--jobs must be 1 or more, got {args.jobs}")
    settings = _settings(recipe, args)
    folder = None if args.dry_run else Path(args.out or "")
    machine = Machine(args.devices, args.num_nodes, args.accelerator, args.timeout, args.logger)
    if folder is not None:
        if args.out is None:
            raise ConfigError("a run needs a folder: give --out FOLDER, or --dry-run to keep nothing")
        _open(folder, settings, resume=args.resume)
    run = Run(settings, folder, machine, resume=args.resume, jobs=args.jobs, tests=not args.no_test)
    say(plan_of(run))
    if folder is not None:
        keep_data_hash(folder, run.data.hash)
    else:
        run = lightened(run)
    import_module(f"segkit.recipes.{recipe}").train(run)
    if folder is not None:
        say(str(folder))
    return 0


def main(recipe: str, words: Sequence[str] | None = None) -> int:
    """`python -m segkit.recipes.NAME`: as `segkit train NAME`. Returns the exit status."""
    module = import_module(f"segkit.recipes.{recipe}")
    parser = argparse.ArgumentParser(
        prog=f"python -m segkit.recipes.{recipe}", description=module.__doc__, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add_arguments(parser)
    try:
        return launch(recipe, parser.parse_args(words))
    except SegkitError as error:
        print(error, file=sys.stderr)
        return 2


def plan_of(run: Run) -> str:
    """What will be done, in words."""
    data, training = run.data, run.settings.training
    parts = ", ".join(f"{len(data.cases(part))} {part}" for part in ("train", "validation", "test"))
    patch = " × ".join(map(str, run.geometry.patch))
    return "\n".join(
        [
            f"{run.settings.recipe} at scale {run.settings.scale}: {data.title}, licence {data.licence}",
            f"  cases: {parts}; grid {_words(data.statistics['shape'])}, "
            f"spacing {_words(data.statistics['spacing_mm'])} (medians)",
            f"  patches of {patch}, {training.batch_size} per update; "
            f"strides {[list(stride) for stride in run.geometry.strides]}",
            f"  {training.iterations:,} updates, {training.optimizer}, learning rate {training.lr:g}, "
            f"{training.schedule}; mirrored axes {list(run.flip_axes)}",
        ]
    )


def _settings(recipe: str, args: argparse.Namespace) -> Section:
    changes = parse_pairs([pair for pairs in args.pairs for pair in pairs])
    for name, value in (("name", args.data), ("phantoms", args.phantoms or None)):
        if value is not None:
            changes.setdefault("data", {})[name] = value
    if args.resume and args.scale is None and args.out is not None and has_settings(Path(args.out)):
        stored = stored_settings(Path(args.out))
        if stored.recipe != recipe:
            raise ConfigError(
                f"{args.out} holds a run of {stored.recipe}: resume that, or choose another folder"
            )
        return stored.merged(changes)
    scale = args.scale or os.environ.get("SCALE") or "toy"
    return read_settings(recipe, scale=scale, changes=changes)


def _open(folder: Path, settings: Section, *, resume: bool) -> None:
    """Write the settings of a run; refuse a folder that holds another."""
    runs = {path.parent for path in (*folder.glob("checkpoint-*"), *folder.glob("*/checkpoint-*"))}
    started = any(latest_checkpoint(run) is not None for run in runs)
    if started and not resume:
        raise ConfigError(f"{folder} holds a run already: resume it, or choose another folder")
    keep_settings(folder, settings)


def _words(values: Sequence[float] | None) -> str:
    return "unknown" if values is None else " × ".join(f"{value:g}" for value in values)
