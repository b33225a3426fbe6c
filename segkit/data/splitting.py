"""Which patients are for training, which for choices, which for the last look: splits by group, as files."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from segkit.errors import ConfigError, DataError, unknown_name

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Split:
    """Groups (patients, examinations) in three parts, none of them in two.

    Attributes:
        train, validation, test: names of the groups, sorted.
        seed: what the split was drawn with.

    Raises:
        ConfigError: if a group is in two parts.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    seed: int

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for part in PARTS:
            twice = seen.intersection(getattr(self, part))
            if twice:
                raise ConfigError(
                    f"group {sorted(twice)[0]!r} is in {part!r} and in an earlier part of the split: a "
                    "patient may be in one part only"
                )
            seen.update(getattr(self, part))

    @property
    def hash(self) -> str:
        """SHA-256, in hexadecimal, of the canonical JSON of seed and parts; run records quote it."""
        content = {"seed": self.seed, **{part: list(getattr(self, part)) for part in PARTS}}
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(canonical.encode()).hexdigest()


def make_split(groups: Iterable[str], fractions: Sequence[float], seed: int) -> Split:
    """Draw a split of groups.

    Groups are put in the order of the SHA-256 of seed and name and then cut in three. The draw depends on no
    library's random numbers, and not on the order in which the groups are given.

    Args:
        groups: names; those that occur several times (several images of a patient) count once.
        fractions: relative sizes of train, validation and test, in any unit: `(0.6, 0.2, 0.2)`, or
            `(160, 40, 60)`, which gives exactly these numbers if there are 260 groups.
        seed: another seed gives another split.

    Raises:
        ConfigError: without groups, or if the fractions are not three numbers ≥ 0 with a sum above 0.

    Example:
        >>> split = make_split(["a", "b", "c", "d", "d"], (2, 1, 1), seed=0)
        >>> len(split.train), len(split.validation), len(split.test)
        (2, 1, 1)
    """
    names = sorted(set(groups), key=lambda name: _rank(f"split:{seed}", name))
    if not names:
        raise ConfigError("there are no groups to split: give at least one name")
    if len(fractions) != len(PARTS) or min(fractions) < 0 or sum(fractions) <= 0:
        raise ConfigError(
            f"fractions must be three numbers of 0 or more (train, validation, test), got {tuple(fractions)}"
        )
    exact = [len(names) * f / sum(fractions) for f in fractions]
    sizes = [int(e + 1e-9) for e in exact]
    # What rounding down leaves over goes to the parts that lost most.
    by_loss = sorted(range(len(PARTS)), key=lambda i: (sizes[i] - exact[i], i))
    for i in by_loss[: len(names) - sum(sizes)]:
        sizes[i] += 1
    first, second = sizes[0], sizes[0] + sizes[1]
    train, validation, test = (
        tuple(sorted(part)) for part in (names[:first], names[first:second], names[second:])
    )
    return Split(train, validation, test, seed)


@lru_cache
def load_split(name: str) -> Split:
    """The committed split of a named data set.

    Raises:
        ConfigError: if there is none of that name.
        DataError: if the file was changed after it had been made.

    Example:
        >>> split = load_split("hippocampus")
        >>> len(split.train), len(split.validation), len(split.test)
        (160, 40, 60)
    """
    folder = files("segkit.data") / "splits"
    known = sorted(f.name.removesuffix(".json") for f in folder.iterdir() if f.name.endswith(".json"))
    if name not in known:
        raise unknown_name("split", name, known)
    path = folder / f"{name}.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        train, validation, test = (tuple(content[part]) for part in PARTS)
        split, stated = Split(train, validation, test, content["seed"]), content["hash"]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error!r}): restore it from the repository") from error
    if split.hash != stated:
        raise DataError(
            f"{path} does not have the hash that it states, so somebody changed it: restore it from the "
            "repository, or make a new split with another name"
        )
    return split


def k_shot(split: Split, k: int, draw: int) -> tuple[str, ...]:
    """The `k` training groups that have labels in one draw.

    Nested: with the same `draw`, the groups for k are among those for k + 1. Every arm of an experiment takes
    the same draw, so that differences between arms are paired.

    Raises:
        ConfigError: if `k` is not between 1 and the number of training groups.

    Example:
        >>> split = load_split("acdc")
        >>> set(k_shot(split, 2, draw=0)) < set(k_shot(split, 5, draw=0))
        True
    """
    if not 1 <= k <= len(split.train):
        raise ConfigError(f"k must be between 1 and the {len(split.train)} training groups, got {k}")
    order = sorted(split.train, key=lambda name: _rank(f"k-shot:{split.hash}:{draw}", name))
    return tuple(order[:k])


def k_folds(groups: Iterable[str], n: int, seed: int) -> list[tuple[str, ...]]:
    """Cut groups into `n` folds of sizes that differ by at most one, by the SHA-256 of seed and name.

    Raises:
        ConfigError: if there are fewer groups than folds, or fewer than two folds.

    Example:
        >>> [len(fold) for fold in k_folds("abcdefg", 3, seed=0)]
        [3, 2, 2]
    """
    names = sorted(set(groups), key=lambda name: _rank(f"fold:{seed}", name))
    if not 2 <= n <= len(names):
        raise ConfigError(f"{len(names)} groups cannot be cut into {n} folds: choose 2 to {len(names)}")
    return [tuple(sorted(names[k::n])) for k in range(n)]


def _rank(salt: str, name: str) -> bytes:
    return hashlib.sha256(f"{salt}:{name}".encode()).digest()


def to_json(split: Split, *, name: str, command: str) -> str:
    """The text of a split's file."""
    content = {
        "name": name,
        "command": command,
        "seed": split.seed,
        "hash": split.hash,
        **{part: list(getattr(split, part)) for part in PARTS},
    }
    return json.dumps(content, indent=1) + "\n"


def main(arguments: Sequence[str]) -> int:
    """`python -m segkit.data.splitting NAME SEED TRAIN VALIDATION TEST`: print the split of a data set."""
    from segkit.data.locations import locate
    from segkit.data.registry import describe

    name, seed, *fractions = arguments
    root = locate(name)
    if root is None:
        raise DataError(f"{name} is not on this machine: fetch it with `segkit data get {name}` first")
    groups = [source.group for source in describe(name).find(root)]
    split = make_split(groups, [float(f) for f in fractions], int(seed))
    command = " ".join(["python -m segkit.data.splitting", *arguments])
    print(to_json(split, name=name, command=command), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
