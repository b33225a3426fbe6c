"""Our operations beside those of other libraries, measured in one process.

A module of this package is one benchmark: it defines `run(*, quick: bool) -> list[Row]`, and `segkit
bench NAME` finds it by its file. `compare` takes the time, `bench_row` makes a row of it.
"""

from segkit._lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, {"timing": ["Row", "Timing", "bench_row", "compare"]})
