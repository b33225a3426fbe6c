"""Finding a plan by its name."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from segkit.errors import ConfigError, unknown_name
from segkit.experiments.plan import Plan

_PACKAGE = __name__.rpartition(".")[0]


def plan_names() -> list[str]:
    """`<slug>/<experiment>` of every plan of the book."""
    chapters = sorted(
        file.stem for file in Path(__file__).parent.glob("[!_]*.py") if file.stem != "catalogue"
    )
    return [f"{slug}/{name}" for slug in chapters for name in import_module(f"{_PACKAGE}.{slug}").PLANS]


def find_plan(name: str) -> Plan:
    """The plan of that name.

    Args:
        name: `<slug>/<experiment>`, or `<slug>` where a chapter has one experiment.

    Raises:
        ConfigError: there is none, or several.

    Example:
        >>> find_plan("unet/losses").baseline
        'cross_entropy'
    """
    known = plan_names()
    found = [each for each in known if name in (each, each.split("/")[0])]
    if not found:
        raise unknown_name("plan", name, known)
    if len(found) > 1:
        raise ConfigError(f"{name!r} has several experiments: choose one of {', '.join(found)}")
    slug, experiment = found[0].split("/")
    plan: Plan = import_module(f"{_PACKAGE}.{slug}").PLANS[experiment]
    return plan
