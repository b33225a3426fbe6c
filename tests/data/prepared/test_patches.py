import pytest
import torch

from segkit.data import (
    Augment,
    PatchBatches,
    Prefetch,
    PreparedBatches,
    PreparedCase,
    open_prepared,
    prepare_list,
)
from segkit.errors import ConfigError, DataError
from tests.data.prepared.making import make_case, quiet


def batches(prepared, patch=(6, 5, 4), **options):
    return PreparedBatches(prepared.cases(), patch=patch, batch_size=3, seed=5, **options)


@pytest.mark.parametrize("patch", [(6, 5, 4), (14, 6, 11)])
@pytest.mark.parametrize("augment", [None, Augment(spatial=1.0, intensity=0.0, flip_axes=(0,))])
@pytest.mark.parametrize("foreground", [0.0, 1.0])
def test_the_same_patches_as_from_cases_in_memory(prepared, patch, augment, foreground):
    whole = [case.load() for case in prepared.cases()]
    options = {"batch_size": 3, "seed": 5, "foreground": foreground, "augment": augment}
    lazy = PreparedBatches(prepared.cases(), patch=patch, **options)
    memory = PatchBatches(whole, patch=patch, **options)
    for iteration in (0, 7):
        for key, expected in memory[iteration].items():
            got = lazy[iteration][key]
            assert got.dtype == expected.dtype and torch.allclose(got, expected, atol=1e-6), key


def test_rows_of_a_batch_are_made_one_by_one_for_several_processes(prepared):
    lazy = PreparedBatches(prepared.cases(), patch=(6, 5, 4), batch_size=4, seed=5)
    whole, parts = lazy[3], [lazy.part(3, rank, 2) for rank in range(2)]
    for key in whole:
        assert torch.equal(whole[key][0::2], parts[0][key]) and torch.equal(whole[key][1::2], parts[1][key])


def test_start_up_reads_no_voxel_and_a_batch_reads_patches_only(prepared, monkeypatch):
    seen, read = [], PreparedCase.read
    monkeypatch.setattr(
        PreparedCase,
        "read",
        lambda self, window=None, **how: seen.append(window) or read(self, window, **how),
    )
    lazy = batches(prepared)
    assert seen == []
    lazy[0]
    assert len(seen) == 6 and all(
        tuple(part.stop - part.start for part in window) == (6, 5, 4) for window in seen
    )


def test_it_works_ahead_of_the_training(prepared):
    plain = batches(prepared)
    with Prefetch(batches(prepared), workers=2) as ahead:
        for iteration in range(4):
            assert torch.equal(ahead[iteration]["image"], plain[iteration]["image"])


def test_images_alone_need_no_labels(tmp_path):
    cases = [make_case(n, channels=2).with_(label=None) for n in range(2)]
    prepared = open_prepared(prepare_list(cases, tmp_path, name="x", say=quiet))
    assert batches(prepared, keys=("image",))[0]["image"].shape == (3, 2, 6, 5, 4)
    with pytest.raises(DataError, match="case case_0 has no label"):
        batches(prepared)
    with pytest.raises(DataError, match="case case_0 has no label"):
        batches(prepared, keys=("image",), foreground=0.5)


def test_pictures_are_cut_too(tmp_path):
    flat = [make_case(n, (10, 9, 8)) for n in range(2)]
    flat = [case.with_(image=case.image[..., 4], label=case.label[..., 4], spacing_mm=None) for case in flat]
    prepared = open_prepared(prepare_list(flat, tmp_path, name="x", modality="rgb", size=(12, 16), say=quiet))
    batch = batches(prepared, patch=(8, 20))[0]
    assert batch["image"].shape == (3, 1, 8, 20) and int(batch["label"].min()) == -1


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"patch": (6, 5)}, ConfigError, "a patch for case_0 needs 3 sizes"),
        ({"patch": (6, 5, 0)}, ConfigError, "a patch for case_0 needs 3 sizes"),
        ({"keys": ("image", "scribble")}, ConfigError, "unknown map of a prepared case 'scribble'"),
        ({"foreground": 1.5}, ConfigError, "foreground in"),
    ],
)
def test_a_call_that_cannot_work_is_one_sentence(prepared, options, error, message):
    with pytest.raises(error, match=message):
        batches(prepared, **options)


def test_no_case_and_no_structure_are_told(prepared, tmp_path):
    with pytest.raises(DataError, match="there are no cases"):
        PreparedBatches([], patch=(4, 4, 4), batch_size=1, seed=0)
    empty = [make_case(n).with_(label=torch.zeros(10, 9, 8, dtype=torch.int64)) for n in range(2)]
    made = open_prepared(prepare_list(empty, tmp_path / "empty", name="x", say=quiet))
    with pytest.raises(DataError, match="no case has a voxel of a foreground class"):
        batches(made)
    assert batches(made, foreground=0.0)[0]["label"].sum() == 0
