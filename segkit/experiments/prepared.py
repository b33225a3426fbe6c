"""What all runs of a plan share: prepared cases and their split, and the draws that are made from them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from segkit.data import Case
from segkit.data.splitting import Split, k_shot
from segkit.errors import DataError
from segkit.experiments.draw import Draw
from segkit.experiments.machine import source_commit
from segkit.experiments.plan import Plan, Setting


@dataclass(frozen=True, eq=False)
class Prepared:
    """What all runs of a plan share.

    Attributes:
        cases: every case of all parts, as the nets see them.
        split: by patient.
        source: commit of the code that prepared them, `source_commit()`.
        digest: hash of ids, images and labels, made from the cases.
    """

    cases: tuple[Case, ...]
    split: Split
    source: Mapping[str, Any] = field(default_factory=source_commit)
    digest: str = ""

    def __post_init__(self) -> None:
        if not self.digest:
            object.__setattr__(self, "digest", _digest(self.cases))

    def of(self, groups: Sequence[str]) -> tuple[Case, ...]:
        """The cases of some patients, in their order."""
        by_group: dict[str, list[Case]] = {}
        for case in self.cases:
            by_group.setdefault(case.group, []).append(case)
        missing = [group for group in groups if group not in by_group]
        if missing:
            raise DataError(f"the prepared data lack the patients {', '.join(missing[:3])} of their split")
        return tuple(case for group in groups for case in by_group[group])


def prepare(plan: Plan) -> Prepared:
    """Load and prepare the data of a plan, once for all runs of a process."""
    return Prepared(tuple(plan.prepare(plan.dataset)), plan.split(plan.dataset))


def make_draw(plan: Plan, prepared: Prepared, index: int, setting: Setting, *, salt: str = "") -> Draw:
    """What draw `index` decides under a setting: which cases are labelled, with which noise, all seeds."""
    pool, split = prepared.split.train, prepared.split
    chosen = k_shot(split, setting["n_labelled"], index) if "n_labelled" in setting else pool
    train = prepared.of(chosen)
    rest = prepared.of([group for group in pool if group not in set(chosen)])
    draw = Draw(
        index=index,
        setting=setting,
        train=train,
        unlabelled=tuple(replace(case, label=None) for case in rest),
        n_classes=len(train[0].classes),
        salt=salt,
    )
    if plan.noise is None:
        return draw
    # A case has the same noise whichever others are drawn with it, and in every arm.
    noise = Draw(index=index, setting=setting, train=(), unlabelled=(), n_classes=draw.n_classes)
    noisy = (plan.noise(case, noise.generator(f"noise {case.id}"), setting) for case in train)
    return replace(draw, train=tuple(noisy))


def _digest(cases: Sequence[Case]) -> str:
    """16 hexadecimal digits that change with any voxel, label, id or group."""
    total = hashlib.sha256()
    for case in cases:
        total.update(f"{case.id}/{case.group}/{tuple(case.image.shape)}/{case.spacing_mm}".encode())
        total.update(case.image.contiguous().numpy().tobytes())
        if case.label is not None:
            total.update(case.label.contiguous().numpy().tobytes())
    return total.hexdigest()[:16]
