"""Make the virtual environment and install the lock into it, unless that has been done already.

Standard library only, and syntax of Python 3.7: it runs before anything is installed, and an old interpreter
must get as far as the sentence that tells so.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, List, Optional, Sequence

from tools import doctor

HOME = Path(__file__).resolve().parent.parent
INPUTS = ("requirements.lock", "pyproject.toml")
STAMP = "segkit-book.installed"


def fingerprint(home: Path) -> str:
    """SHA-256 over the files that decide what gets installed, and over the interpreter's version."""
    digest = hashlib.sha256(repr(sys.version_info[:2]).encode())
    for name in INPUTS:
        digest.update((home / name).read_bytes())
    return digest.hexdigest()


def python_in(venv: Path) -> Path:
    """The environment's interpreter, on POSIX and on Windows."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def commands(home: Path, venv: Path) -> List[List[str]]:
    """What makes and fills the environment, in this order.

    The project itself goes in last, without dependencies (the lock has them all) and without build isolation
    (the lock pins setuptools), so that nothing but the lock decides about versions.
    """
    pip = [str(python_in(venv)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return [
        [sys.executable, "-m", "venv", str(venv)],
        [*pip, "-r", str(home / "requirements.lock")],
        [*pip, "--no-deps", "--no-build-isolation", "-e", str(home)],
    ]


def install(home: Path, venv: Path, run: Optional[Callable[[List[str]], int]] = None) -> Optional[str]:
    """Bring `venv` up to date; a sentence if that failed, else None.

    A stamp with the fingerprint is written last and removed first, so that an interrupted installation is never
    taken for a finished one.
    """
    run = run or subprocess.call
    stamp, wanted = venv / STAMP, fingerprint(home)
    if stamp.is_file() and stamp.read_text() == wanted and python_in(venv).exists():
        return None
    complaint = doctor.python_complaint()
    if complaint is None and not python_in(venv).exists():  # an update in place needs no such room
        complaint = doctor.disk_complaint(home)
    if complaint:
        return complaint
    if stamp.is_file():
        stamp.unlink()
    print("Installing into {} (a few minutes, once) ...".format(venv), flush=True)
    began = time.monotonic()
    for command in commands(home, venv):
        if run(command):
            return "The installation stopped at `{}`; its own message stands above.".format(" ".join(command))
    stamp.write_text(wanted)
    print("Installed in {:.0f} s.".format(time.monotonic() - began), flush=True)
    return None


def main(arguments: Sequence[str]) -> int:
    """`python -m tools.bootstrap [--venv FOLDER]`."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--venv", type=Path, default=HOME / ".venv")
    complaint = install(HOME, parser.parse_args(arguments).venv)
    if complaint:
        print(complaint, file=sys.stderr)
    return 1 if complaint else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
