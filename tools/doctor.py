"""Say in one sentence what this machine lacks.

Runs on the interpreter that happens to be there, before anything is installed, so it uses the standard
library only and no syntax newer than Python 3.7.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path
from typing import Optional, Sequence, Tuple

OLDEST_PYTHON = (3, 11)
DISK_NEEDED_GB = (
    6.0  # the environment with a CPU build of torch takes 3 GB, and pip holds the wheels meanwhile
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def python_complaint(
    version: Optional[Tuple[int, ...]] = None, modules: Sequence[str] = ("venv", "ensurepip")
) -> Optional[str]:
    """What is wrong with the interpreter, or None.

    Args:
        version: (major, minor) to judge; that of the running interpreter if None.
        modules: what has to be importable; Debian splits these two off into `python3-venv`.
    """
    major, minor = (version or sys.version_info)[:2]
    if (major, minor) < OLDEST_PYTHON:
        return "Python {}.{} or newer is needed and this is {}.{}; install it, or name one: make PYTHON=python3.11".format(
            *OLDEST_PYTHON, major, minor
        )
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        return "This Python cannot make a virtual environment ({} missing); on Debian and Ubuntu: apt-get install python3-venv".format(
            " and ".join(missing)
        )
    return None


def disk_complaint(folder: Path, needed_gb: float = DISK_NEEDED_GB) -> Optional[str]:
    """What is wrong with the disk that holds `folder`, or None. `needed_gb` is in units of 10⁹ bytes."""
    free_gb = shutil.disk_usage(str(folder)).free / 1e9
    if free_gb >= needed_gb:
        return None
    return "{:.0f} GB of free disk are needed and {} has {:.1f}; make room, or install elsewhere: make VENV=/other/disk/venv".format(
        needed_gb, folder.resolve(), free_gb
    )


def find_browser() -> Optional[str]:
    """The Chromium that the site tests drive: `$CHROMIUM` if set, else the first known name on the path."""
    named = os.environ.get("CHROMIUM")
    for name in (named,) if named else BROWSERS:
        found = shutil.which(str(name))
        if found:
            return found
    return None


def browser_complaint() -> Optional[str]:
    """What is wrong with the browser, or None."""
    if find_browser():
        return None
    if os.environ.get("CHROMIUM"):
        return "CHROMIUM={} is no program; unset it or let it point at a Chromium".format(
            os.environ["CHROMIUM"]
        )
    return "The site tests need Chromium and none is installed; on Debian: apt-get install chromium, else set CHROMIUM=/path/to/it"


def main(arguments: Sequence[str]) -> int:
    """Check what `arguments` name ("python", "disk", "browser"; all without arguments); 1 if something lacks."""
    home = Path(__file__).resolve().parent.parent
    checks = {
        "python": python_complaint,
        "disk": lambda: disk_complaint(home),
        "browser": browser_complaint,
    }
    unknown = [name for name in arguments if name not in checks]
    if unknown:
        print(
            "doctor: no check named {}; there are {}".format(unknown[0], ", ".join(checks)), file=sys.stderr
        )
        return 2
    complaints = [checks[name]() for name in arguments or checks]
    for complaint in complaints:
        if complaint:
            print(complaint, file=sys.stderr)
    return 1 if any(complaints) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
