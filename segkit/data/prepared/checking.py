"""Hold a prepared set against what its records say."""

from __future__ import annotations

from pathlib import Path

from segkit.data.prepared import layout
from segkit.data.prepared.opening import PreparedSet, open_prepared
from segkit.errors import DataError


def check_prepared(name_or_path: str | Path) -> str:
    """Hold every file of a prepared set against its SHA-256.

    Returns:
        A line that says what was checked.

    Raises:
        DataError: there is no such set; files are missing or differ. The message counts them and names the
            first; the records of their cases can be deleted, and preparing again makes these cases anew.
    """
    prepared = open_prepared(name_or_path)
    wrong, checked = [], 0
    for entry in prepared.content["cases"]:
        for file, sha in entry["sha256"].items():
            path = prepared.folder / file
            checked += 1
            if not path.is_file() or layout.digest(path) != sha:
                wrong.append((path, entry["id"]))
    if wrong:
        path, id = wrong[0]
        raise DataError(
            f"{len(wrong)} of {checked} files are missing or differ (first {path}): delete "
            f"{layout.record_file(id)} and the records of other damaged cases, and prepare again"
        )
    return f"{prepared.name}: {len(prepared.cases())} cases, {checked} files agree ({prepared.folder})"


def told(prepared: PreparedSet) -> str:
    """What the preparation found, in a few lines for a terminal."""
    facts = prepared.statistics
    parts = ", ".join(f"{len(prepared.cases(part))} {part}" for part in ("train", "validation", "test"))
    original = facts["original"]
    lines = [
        f"Prepared in {prepared.folder}",
        f"  {facts['cases']} cases of {facts['groups']} patients or examinations: {parts}",
        f"  median shape {_row(facts['shape'])}, median voxel size {_row(facts['spacing_mm'])} mm; in the "
        f"originals {_row(original['shape'].get('median'))} and {_row(original['spacing_mm'].get('median'))}",
    ]
    for channel, values in zip(prepared.channels, facts["intensity"]["channels"], strict=False):
        if values:
            lines.append(f"  {channel}, percentiles 0.5, 25, 50, 75, 99.5 of the structures: {_list(values)}")
    shares = facts["voxels_per_class"]
    for value, name in enumerate(prepared.classes[1:], 1):
        if shares:
            share = 100 * shares[value] / max(1, sum(shares))
            lines.append(f"  {name}: {facts['cases_with_class'][value]} cases, {share:.3g} % of the voxels")
    if skipped := prepared.content["skipped"]:
        lines.append(f"  left out: {', '.join(one['id'] for one in skipped)}")
    return "\n".join(lines)


def _row(values: list[float] | None) -> str:
    return "unknown" if not values else " × ".join(f"{value:.4g}" for value in values)


def _list(values: list[float]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)
