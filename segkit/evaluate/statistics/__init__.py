"""Comparing two methods: intervals and exact tests over draws, and how many draws it takes."""

from segkit._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "crossed": ["Interval", "hierarchical_bootstrap"],
        "draw_differences": ["smallest_p"],
        "multiple": ["holm"],
        "permutation": ["permutation_test"],
        "planning": ["draws_needed", "t_power"],
        "sign": ["sign_test"],
        "simulation": ["simulate_tables"],
    },
)
