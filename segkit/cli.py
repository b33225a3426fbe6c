"""The command `segkit`: finds the sub-command, imports it alone, and turns our errors into one sentence."""

from __future__ import annotations

import argparse
import ast
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from segkit import __version__, commands
from segkit.errors import ConfigError, SegkitError, unknown_name

_EXAMPLES = """examples:
  segkit data --help                   the arguments of one command
  segkit experiment table unet --json  the evidence of a chapter, as data
  segkit bench losses                  our operations beside those of other libraries
"""


class Parser(argparse.ArgumentParser):
    """An argument parser that names the nearest valid word instead of printing its whole usage."""

    def __init__(self, *args: Any, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        # An abbreviation that works today breaks when a second option with the same beginning arrives.
        options.setdefault("allow_abbrev", False)
        super().__init__(*args, **options)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Parse, and refuse what is left over here, where the valid options are known."""
        parsed, rest = super().parse_known_args(args, namespace)
        if rest:
            word = rest[0].split("=")[0]
            if not word.startswith("-"):
                raise ConfigError(
                    f"{self.prog}: nothing is expected where {word!r} stands (see {self.prog} --help)"
                )
            raise unknown_name("option", word, self._option_string_actions)
        return parsed, rest

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            options = action.option_strings
            kind = f"value of {options[-1]}" if options else str(action.metavar or action.dest).lower()
            raise unknown_name(kind, str(value), map(str, action.choices))

    def error(self, message: str) -> NoReturn:
        """Raise, so that a wrong command line is reported like every other mistake of the user."""
        raise ConfigError(f"{self.prog}: {message} (see {self.prog} --help)")


def command_summaries() -> dict[str, str]:
    """Name → first line of the docstring of every sub-command, read without importing any."""
    files = sorted(Path(commands.__path__[0]).glob("[!_]*.py"))
    docstrings = {file.stem: ast.get_docstring(ast.parse(file.read_text("utf-8"))) for file in files}
    return {name: (text or name).splitlines()[0] for name, text in docstrings.items()}


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """The parser of `segkit`; only `command` has its arguments, the others are there for `--help`."""
    parser = Parser(prog="segkit", description="Medical image segmentation: data, training, measurement.")
    parser.epilog = _EXAMPLES
    parser.add_argument("--version", action="version", version=f"segkit {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, summary in command_summaries().items():
        if name == command:
            import_module(f"{commands.__name__}.{name}").add(subparsers)
        else:
            subparsers.add_parser(name, help=summary)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run `segkit` with the given arguments (those of the process if None) and return its exit status.

    Returns:
        The status of the sub-command; 2 after a mistake of the user, with one sentence on stderr; 130
        after Ctrl-C.
    """
    words = sys.argv[1:] if argv is None else list(argv)
    command = next((word for word in words if not word.startswith("-")), None)
    try:
        parser = build_parser(command)
        args = parser.parse_args(words)
        if args.command is None:  # not left to argparse, which would report this before a misspelt option
            parser.error("a command is missing")
        status: int = import_module(f"{commands.__name__}.{args.command}").run(args)
        sys.stdout.flush()
    except SegkitError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output has gone (`segkit … | head`)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status
