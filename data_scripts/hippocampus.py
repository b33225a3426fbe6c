"""Download, verify and prepare `hippocampus` into the cache (see `--help`; `--from PATH` takes what is at
hand)."""

from segkit.data.preparing import script

if __name__ == "__main__":
    raise SystemExit(script("hippocampus"))
