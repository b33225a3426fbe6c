"""The experiments of the book: one module per chapter, with `PLANS`, its experiments by name."""

from segkit._lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, {"catalogue": ["find_plan", "plan_names"]})
