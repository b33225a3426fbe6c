"""`python -m segkit` is the command `segkit`."""

from __future__ import annotations

from segkit.cli import main

if __name__ == "__main__":  # a spawned worker imports this file again and must not start over
    raise SystemExit(main())
