"""One module per sub-command of `segkit`.

A module defines `add(subparsers)`, which declares its arguments, and `run(args) -> int`, which does the work
and returns the exit status. The first line of its docstring is what `segkit --help` prints beside its
name. The command line finds modules by their file and imports only the one that was asked for; what is
slow to import (torch, MONAI) is imported inside `run`.
"""
