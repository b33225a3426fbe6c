"""The house has floors: imports go down, rooms do not know each other, and nothing goes round in a circle.

Read from the source with `ast`, so that imports inside functions count as well. One under `TYPE_CHECKING`
counts for the floors; it closes no circle, because a type that is only named is not needed at run time.
"""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import segkit

ROOT = Path(segkit.__file__).parent
ROOMS = ("loss_envelope", "voxel_metric", "coarse_refined", "local_ssl", "mask_prior")

# Floor 0 carries everything. `segkit` itself holds the version number alone and imports nothing of ours.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("", "errors", "_lazy"),
    ("data", "nets", "losses"),
    ("train", "evaluate", "viz"),
    ROOMS,
    ("experiments", "recipes", "exercises"),
    ("bench", "commands", "cli", "__main__"),
)
FLOOR = {package: floor for floor, packages in enumerate(FLOORS) for package in packages}

# On these floors neighbours do not know each other either; above, a package may use its neighbour.
APART = {1, 2, 3}


def modules() -> dict[str, Path]:
    """`segkit.data.case` → its file, for every module of the library."""
    found = {}
    for file in sorted(ROOT.rglob("*.py")):
        parts = ("segkit", *file.relative_to(ROOT).with_suffix("").parts)
        found[".".join(parts).removesuffix(".__init__")] = file
    return found


def attached(tree: ast.Module) -> dict[str, str]:
    """Public name → sub-module, from a package's call of `attach(__name__, {...})`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "attach":
            names = ast.literal_eval(node.args[1])
            return {name: module for module, public in names.items() for name in public}
    return {}


def absolute(node: ast.ImportFrom, module: str, *, is_package: bool) -> str:
    """The full name of what `from … import` names; a relative one counts its dots from `module`."""
    if node.level == 0:
        return node.module or ""
    parts = module.split(".")
    base = parts[: len(parts) - node.level + is_package]
    return ".".join([*base, node.module] if node.module else base)


class _RunTime(ast.NodeTransformer):
    """Drops what only a type checker reads."""

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        is_typing = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        return node.orelse if is_typing else self.generic_visit(node)


def imports(known: dict[str, str], *, at_run_time: bool) -> dict[str, set[str]]:
    """Module → the modules of ours that it names, a lazily attached name being resolved to its home.

    Args:
        known: module → source text.
        at_run_time: leave out what stands under `TYPE_CHECKING`.
    """
    trees = {name: ast.parse(text) for name, text in known.items()}
    if at_run_time:
        trees = {name: _RunTime().visit(tree) for name, tree in trees.items()}
    homes = {name: attached(tree) for name, tree in trees.items()}
    edges: dict[str, set[str]] = {name: set() for name in trees}
    for name, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                targets = {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                source = absolute(node, name, is_package=any(other.startswith(f"{name}.") for other in trees))
                targets = set()
                for alias in node.names:
                    home = homes.get(source, {}).get(alias.name, alias.name)
                    deeper = f"{source}.{home}"
                    targets.add(deeper if deeper in trees else source)
            else:
                continue
            edges[name] |= {target for target in targets if target.split(".")[0] == "segkit"} - {name}
    return edges


def package(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def violations(known: dict[str, str]) -> list[str]:
    """One line per import that goes up, sideways where that is forbidden, or round."""
    found = []
    for module, targets in imports(known, at_run_time=False).items():
        here = FLOOR.get(package(module))
        if here is None:
            found.append(f"{module} stands on no floor: add it to FLOORS")
            continue
        for target in sorted(targets):
            there = FLOOR.get(package(target), len(FLOORS))
            sideways = there == here and here in APART and package(target) != package(module)
            if there > here:
                found.append(f"{module} imports {target}, which is above it")
            elif sideways:
                found.append(f"{module} imports its neighbour {target}")
    try:
        TopologicalSorter(imports(known, at_run_time=True)).prepare()
    except CycleError as error:
        found.append("circle: " + " → ".join(error.args[1]))
    return found


def test_imports_go_down_and_not_round():
    assert violations({name: file.read_text("utf-8") for name, file in modules().items()}) == []


def test_rooms_never_import_each_other_is_part_of_it():
    assert set(FLOORS[3]) == set(ROOMS)
    assert 3 in APART


PACKAGES = {f"segkit.{name}": "" for name in FLOOR if name} | {"segkit": ""}


@pytest.mark.parametrize(
    ("planted", "complaint"),
    [
        (
            {"segkit.data.a": "from segkit.train import Trainer"},
            "segkit.data.a imports segkit.train, which is above",
        ),
        (
            {"segkit.data.a": "def f():\n    import segkit.experiments"},
            "segkit.experiments, which is above it",
        ),
        ({"segkit.losses.a": "from segkit import data"}, "segkit.losses.a imports its neighbour segkit.data"),
        ({"segkit.train.a": "from segkit.evaluate import dice"}, "segkit.train.a imports its neighbour"),
        ({"segkit.local_ssl.a": "import segkit.mask_prior"}, "segkit.local_ssl.a imports its neighbour"),
        ({"segkit.nets.a": "from ..data import Case"}, "segkit.nets.a imports its neighbour segkit.data"),
        ({"segkit.nets.a": "from .. import train"}, "segkit.nets.a imports segkit.train, which is above it"),
        ({"segkit.nets.a": "if TYPE_CHECKING:\n    import segkit.train"}, "segkit.train, which is above it"),
        ({"segkit.new_room.a": ""}, "segkit.new_room.a stands on no floor"),
        ({"segkit.data.a": "import segkit.data.b", "segkit.data.b": "import segkit.data.a"}, "circle: "),
        (
            {
                "segkit.data": "attach(__name__, {'a': ['A'], 'b': ['B']})",
                "segkit.data.a": "from segkit.data import B",
                "segkit.data.b": "from segkit.data import A",
            },
            "circle: ",
        ),
    ],
)
def test_a_planted_fault_is_found(planted, complaint):
    found = violations(PACKAGES | planted)
    assert len(found) == 1
    assert complaint in found[0]


def test_what_is_allowed_is_not_reported():
    allowed = {
        "segkit.nets.a": "from segkit.errors import DataError\nimport torch",
        "segkit.data.a": "if TYPE_CHECKING:\n    import segkit.data.b",
        "segkit.data.b": "import segkit.data.a",
        "segkit.viz.a": "from segkit.data.a import A",
        "segkit.bench.a": "from segkit.losses import soft_dice",
        "segkit.commands.a": "from segkit import bench",
        "segkit.cli": "from segkit import __version__, commands",
    }
    assert violations(PACKAGES | allowed) == []
