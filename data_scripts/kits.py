"""Fetch, verify and prepare `kits` (see `--help`; `--from PATH` takes what is at hand)."""

from segkit.data.catalogue.scripting import script

if __name__ == "__main__":
    raise SystemExit(script("kits"))
