"""The five sets of the book, prepared: from small layouts and, where there are any, from real images."""

import pytest
import torch

from segkit.data import CATALOGUE, DATASETS, open_prepared
from segkit.data.locations import root_below
from segkit.data.prepared.about import about
from segkit.data.prepared.building import build
from segkit.evaluate import preprocess
from tests.data.conftest import GROUNDS, REAL
from tests.data.layouts import WRITERS


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("name", DATASETS)
def test_a_prepared_case_is_what_the_steps_make_of_the_loaded_one(tmp_path, name, ground):
    entry, book = CATALOGUE[name], DATASETS[name]
    base = REAL if ground == "real" else WRITERS[name](tmp_path / "data")
    root = root_below(entry, base)
    assert root is not None
    sources = entry.find(root)[:2]
    told = about(entry, entry.channels, entry.settings)
    made = open_prepared(build(told, sources, entry.read, tmp_path / "set", say=[].append))
    for source, case in zip(sources, made.cases(), strict=True):
        raw = book.read(source)
        if raw.spacing_mm is None and len(raw.shape) == 3:  # ACDC as HDF5: slices first, and no orientation
            raw = raw.with_(image=raw.image.permute(0, 3, 2, 1), label=raw.label.permute(2, 1, 0))
        expected, got, native = preprocess(raw, made.steps), case.load().validate(), case.native()
        assert got.shape == expected.shape
        assert torch.allclose(got.image, expected.image, atol=0.02, rtol=2e-3)
        assert float((got.label != expected.label).float().mean()) < 1e-3
        assert torch.equal(native.label, raw.label)
        assert (got.id, got.group) == (source.id, source.group)
