"""Plant a fault: change one expression of a module's source for as long as a test runs."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import FunctionType, ModuleType

import pytest


def edit(monkeypatch: pytest.MonkeyPatch, module: ModuleType, old: str, new: str) -> None:
    """Replace `old`, which must stand in the source of the module exactly once, by `new`.

    The functions stay the objects that they are and get other code, so that whoever holds one, under
    whatever name, calls the edited one.
    """
    source = inspect.getsource(module)
    assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {module.__name__}"
    edited = ModuleType(module.__name__)
    exec(compile(source.replace(old, new), module.__file__ or "", "exec"), edited.__dict__)
    planted = dict(_functions(edited))
    for name, function in _functions(module):
        # A compiled module also holds functions that torch wrote, in which nothing can be planted.
        if name in planted and function.__code__ != planted[name].__code__:
            monkeypatch.setattr(function, "__code__", planted[name].__code__)


def _functions(module: ModuleType) -> Iterator[tuple[str, FunctionType]]:
    """Name → function, for the functions and methods that a module defines."""
    for name, value in vars(module).items():
        if getattr(value, "__module__", None) != module.__name__:
            continue
        members = vars(value).items() if inspect.isclass(value) else [("", value)]
        for member, found in members:
            plain = inspect.unwrap(getattr(found, "__func__", getattr(found, "fget", found)))
            if isinstance(plain, FunctionType):
                yield f"{name}.{member}", plain
