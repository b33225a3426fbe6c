"""The card of a trained model: what it was trained on, how well it does, and what it is not for."""

from __future__ import annotations

from pathlib import Path

from segkit.data import PreparedSet
from segkit.data.files import replacing
from segkit.recipes.records import read_record, stored_settings
from segkit.recipes.results import Results

CARD = "MODEL_CARD.md"


def write_card(folder: Path, results: Results, data: PreparedSet) -> Path:
    """Write `MODEL_CARD.md` into the folder of a run.

    Args:
        folder: of the run.
        results: of its test part.
        data: what it was trained on.

    Returns:
        The file.
    """
    settings, record = stored_settings(folder), read_record(folder)
    trainings = [
        f"| {name} | {entry['updates']:,} | {entry['parameters']:,} | {_time(entry['seconds'])} | "
        f"{entry['processes']} × {entry['machine']['gpu'] or entry['machine']['cpu']} |"
        for name, entry in record["trainings"].items()
    ]
    metrics = [
        f"| {row.structure} | {row.metric} | {row.summary.mean:.4f} | {row.low:.4f} … {row.high:.4f} | "
        f"{'' if row.summary.unit == '1' else row.summary.unit} | {row.summary.n} | {row.summary.missed} |"
        for row in results.rows
    ]
    phantoms = settings.data.phantoms
    text = "\n".join(
        [
            f"# {settings.recipe} on {data.title}",
            "",
            "**This is not a medical device.** It was made for teaching and research. It must not be used",
            "for diagnosis, for planning a treatment, or for any decision about a patient.",
            "",
            "## Intended use",
            "",
            f"Segmenting {', '.join(data.classes[1:])} in images like those of the data set below, to study",
            f"the method `{settings.recipe}` of *Five Ideas for Medical Image Segmentation*. Other scanners,",
            "protocols, ages or diseases were not tested.",
            "",
            "## Data",
            "",
            f"- {data.title}" + (f"; {data.source}" if data.source.startswith("http") else ""),
            f"- licence: {data.licence} {data.licence_url}".rstrip(),
            *(f"- cite: {citation}" for citation in data.citations),
            f"- {len(data.cases('train'))} cases for training, {len(data.cases('validation'))} for choices, "
            f"{len(data.cases('test'))} for this measurement; split `{data.split_hash[:12]}`, prepared set "
            f"`{data.hash[:12]}`",
            *(["- these are computed phantoms: the figures say nothing about patients"] if phantoms else []),
            "",
            "What was derived from the data may be bound by their licence; look at its terms before you",
            "share these weights.",
            "",
            f"## Metrics of the {results.part} part",
            "",
            "| class | metric | mean | 95 % interval over patients | unit | cases | missed |",
            "|---|---|---|---|---|---|---|",
            *metrics,
            "",
            "One trained network was measured: the intervals are over patients, not over trainings.",
            "",
            "## Training",
            "",
            f"Recipe `{settings.recipe}`, scale `{settings.scale}`, seed {settings.seed}; every setting is",
            "in `settings.yaml`.",
            "",
            "| training | updates | parameters | time | processes |",
            "|---|---|---|---|---|",
            *trainings,
            "",
        ]
    )
    path = folder / CARD
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def _time(seconds: float) -> str:
    """Seconds, minutes or hours: the largest unit of which there is at least one."""
    for unit, name in ((3600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.0f} s"
