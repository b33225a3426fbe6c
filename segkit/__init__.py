"""segkit: the library behind the textbook *Five Ideas for Medical Image Segmentation*."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Hidden from type checkers, which would otherwise accept every name of a sub-package.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import a sub-package on first use: `import segkit; segkit.data.load(...)`."""
        if not name.startswith("_"):
            try:
                return import_module(f"{__name__}.{name}")
            except ModuleNotFoundError as error:
                if error.name != f"{__name__}.{name}":
                    raise
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
