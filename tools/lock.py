"""Write `requirements.lock`: every package of the environment, pinned, and nothing of this machine."""

from __future__ import annotations

import argparse
import sys
import sysconfig
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

HOME = Path(__file__).resolve().parent.parent
LOCK = HOME / "requirements.lock"
OURS = "segkit-book"
HEADER = """\
# Every package of the book's environment, pinned; written by `make lock`. Install with `make install`.
# torch stands without a local part (+cpu, +cu126): which build is taken is up to the index that you use.
"""


def pins(versions: dict[str, str]) -> list[str]:
    """Lines of the lock from name → version.

    >>> pins({"Torch": "2.13.0+cpu", "pip": "26.3", "a_b": "1"})
    ['a-b==1', 'torch==2.13.0']
    """
    kept = {canonicalize_name(name): Version(version).public for name, version in versions.items()}
    return [f"{name}=={version}" for name, version in sorted(kept.items()) if name not in (OURS, "pip")]


def found() -> list[Distribution]:
    """What is installed in the running environment, less the copies that setuptools carries in itself."""
    return list(distributions(path=[sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]))


def installed() -> dict[str, str]:
    """Name → version of what is installed in the running environment."""
    return {one.metadata["Name"]: one.version for one in found()}


def main(arguments: list[str]) -> int:
    """`python -m tools.lock [--write]`; prints the lock without `--write`."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--write", action="store_true")
    text = HEADER + "\n".join(pins(installed())) + "\n"
    if parser.parse_args(arguments).write:
        LOCK.write_text(text)
    else:
        print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
