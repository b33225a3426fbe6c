"""Each recipe at scale toy on patients of a real set, with the settings that a user gets."""

from __future__ import annotations

import json
import os
from pathlib import Path
from statistics import mean

import pytest

from segkit import cli
from segkit.data import describe, make_split, prepare_list
from segkit.data.locations import root_below
from segkit.data.reading import read_all
from segkit.train import latest_checkpoint

_DEFAULT = Path(__file__).parents[3] / "shared" / "data"
REAL = Path(os.environ.get("SEGKIT_DATA") or _DEFAULT).absolute()
PATIENTS = 6
SETS = {
    "supervised": "chaos", "loss_envelope": "hc18", "voxel_metric": "openkbp", "coarse_refined": "acdc",
    "local_ssl": "hippocampus", "mask_prior": "openkbp",
}  # fmt: skip
OPTIONS = {
    "openkbp": {"modality": "ct", "spacing": (5.0, 5.0, 5.0)},
    "hc18": {"modality": "us", "size": (96, 128)},
}
SHARES = {"coarse_refined": ["labelled.share=0.34"], "local_ssl": ["labelled.share=0.34"]}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not REAL.is_dir(), reason="real data are not on this machine"),
]


@pytest.fixture(scope="module")
def real_set(tmp_path_factory):
    """`real_set(name)`: a few patients of a set, read from its own files, prepared once."""
    made: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in made:
            dataset = describe(name)
            sources = dataset.find(root_below(dataset, REAL))
            groups = sorted({source.group for source in sources})[:PATIENTS]
            cases = read_all(dataset, [source for source in sources if source.group in groups])
            made[name] = prepare_list(
                cases, tmp_path_factory.mktemp(name) / name, name=name, title=dataset.title,
                split=make_split(groups, (PATIENTS - 2, 1, 1), seed=0), say=lambda line: None,
                **OPTIONS.get(name, {}),
            )  # fmt: skip
        return made[name]

    return make


@pytest.mark.timeout(600)
@pytest.mark.parametrize("recipe", SETS)
def test_scale_toy_on_real_patients(recipe, real_set, tmp_path):
    run = tmp_path / "run"
    words = ["--scale", "toy", "--accelerator", "cpu", "--out", str(run), "--logger", "csv"]
    settings = [f"data.name={real_set(SETS[recipe])}", *SHARES.get(recipe, [])]
    assert cli.main(["train", recipe, *words, "--set", *settings]) == 0
    assert json.loads((run / "test" / "results.json").read_text())["cases"]
    assert describe(SETS[recipe]).title in (run / "MODEL_CARD.md").read_text()
    for phase in {path.parent for path in run.rglob("checkpoint-*")}:
        rows = json.loads((latest_checkpoint(phase) / "history.json").read_text())["rows"]
        losses = [row["total"] for row in rows]
        assert len(losses) >= 30
        assert mean(losses[-10:]) < mean(losses[:10])
