"""Load a package's public names on first use, so that `import segkit` costs no more than `import torch`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def attach(
    package: str, names: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """What a package assigns to `__getattr__`, `__dir__` and `__all__` (PEP 562).

    Args:
        package: the package's `__name__`.
        names: sub-module → public names that it defines; the sub-modules become attributes too. No public
            name may be that of a sub-module: importing the sub-module would replace it.
    """
    home = {name: module for module, public in names.items() for name in public}

    clash = home.keys() & names.keys()
    if clash:
        raise ImportError(f"{package}: {sorted(clash)} name both a sub-module and something public")

    def getter(name: str) -> Any:
        if name in names:
            return import_module(f"{package}.{name}")
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{home[name]}"), name)

    public = sorted(home)
    return getter, lambda: public, public
