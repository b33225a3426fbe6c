import json
import pickle

import numpy as np
import pytest
import torch

from segkit.data import Split, load_split, open_prepared, prepare_cases, prepare_list, window
from segkit.errors import ConfigError, DataError
from tests.data.layouts import write_chaos
from tests.data.prepared.making import CLASSES, make_case, quiet


def groups(cases):
    return {case.group for case in cases}


def test_parts_hold_whole_patients_and_no_other(prepared, cases):
    parts = {part: prepared.cases(part) for part in ("train", "validation", "test")}
    assert sum(map(len, parts.values())) == len(prepared.cases()) == len(cases)
    assert not groups(parts["train"]) & groups(parts["test"])
    assert all(len(part) % 2 == 0 for part in parts.values())
    with pytest.raises(ConfigError, match="did you mean 'train'"):
        prepared.cases("trian")


def test_a_set_tells_what_it_is(prepared, cases):
    assert (prepared.name, prepared.dims, prepared.modality) == ("noise", 3, "ct")
    assert prepared.classes == CLASSES and prepared.channels == ("channel 0",)
    facts = prepared.statistics
    assert facts["shape"] == [11, 9, 8]
    assert facts["spacing_mm"] == [1.0, 1.5, 2.0] and facts["cases_with_class"] == [8, 8, 8]
    assert facts["voxels_per_class"] == sum(torch.bincount(case.label.ravel()) for case in cases).tolist()
    assert prepared.split_hash == prepared.split.hash and len(prepared.hash) == 64


def test_ct_is_read_in_the_window_of_the_training_part(prepared, cases):
    train = groups(prepared.cases("train"))
    inside = torch.cat([case.image[0][case.label > 0] for case in cases if case.group in train])
    truth = np.quantile(inside.clip(-1024, 3071).numpy(), (0.005, 0.995))
    # 168 voxels of sd 100: the outermost are some 30 HU apart, and half per cents of images are pooled.
    assert np.abs(np.array(prepared.window) - truth).max() < 40
    raw, got = cases[0], prepared.case("case_0").load()
    turned = raw.image.flip(1, 2)  # RAS
    expected = window(raw.with_(image=turned), *prepared.window).image
    assert torch.allclose(got.image, expected, atol=2e-3)


def test_a_fold_is_tested_once_and_its_window_is_measured_without_it(prepared):
    folds = [prepared.fold(k, 4) for k in range(4)]
    tested = [group for fold in folds for group in fold.split.test]
    assert sorted(tested) == sorted(groups(prepared.cases()))
    for fold in folds:
        assert not fold.split.validation and not set(fold.split.train) & set(fold.split.test)
    assert len({fold.window for fold in folds}) > 1
    assert folds[0].cases()[0].window == folds[0].window


def test_folds_of_the_training_part_leave_the_test_part_alone(prepared):
    folds = [prepared.fold(k, 3, over="training") for k in range(3)]
    assert all(fold.split.test == prepared.split.test for fold in folds)
    validated = sorted(group for fold in folds for group in fold.split.validation)
    assert validated == sorted(prepared.split.train + prepared.split.validation)


def test_a_set_survives_a_journey_to_another_process(prepared):
    again = pickle.loads(pickle.dumps(prepared.fold(1, 4)))
    assert again.split == prepared.fold(1, 4).split
    assert torch.equal(again.cases()[0].read(), prepared.fold(1, 4).cases()[0].read())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda p: p.case("case_9"), ConfigError, "unknown case of noise 'case_9'"),
        (lambda p: p.fold(4, 4), ConfigError, "unknown fold '4'"),
        (lambda p: p.fold(0, 9), ConfigError, "4 groups cannot be cut into 9 folds"),
        (lambda p: p.fold(0, over="everything"), ConfigError, "unknown way to cut folds"),
        (lambda p: p.with_split(Split(("x",), (), (), 0)), DataError, "1 groups of the split are not in"),
        (lambda p: p.case("case_1").read(key="scribble"), ConfigError, "unknown map of a prepared case"),
    ],
)
def test_what_is_not_there_is_one_sentence(prepared, call, error, message):
    with pytest.raises(error, match=message):
        call(prepared)


def test_a_set_that_is_not_prepared_tells_the_command(own_cache, tmp_path):
    with pytest.raises(DataError, match="run `segkit data prepare liver`"):
        open_prepared("liver")
    with pytest.raises(DataError, match="run `segkit data prepare NAME --out FOLDER`"):
        open_prepared(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "dataset.json is damaged"), ('{"format": 99}', "has format 99, this version of segkit reads 1")],
)
def test_a_damaged_or_newer_set_is_one_sentence(folder, text, message):
    (folder / "dataset.json").write_text(text)
    with pytest.raises(DataError, match=message):
        open_prepared(folder)


def test_a_missing_or_damaged_array_names_the_record_to_delete(prepared):
    case = prepared.case("case_2")
    (prepared.folder / "case_2.image.npy").unlink()
    (prepared.folder / "case_2.label.npy").write_bytes(b"x" * 500)
    for key in ("image", "label"):
        with pytest.raises(
            DataError, match=rf"case_2.{key}.npy is missing or damaged .*delete .*case_2.json"
        ):
            case.read(key=key)
    (prepared.folder / "case_3.native.nii.gz").write_bytes(b"no")
    with pytest.raises(DataError, match=r"case_3.native.nii.gz is missing or damaged"):
        prepared.case("case_3").native()


def test_a_case_without_label_says_so(tmp_path):
    plain = [make_case(n).with_(label=None) for n in range(2)]
    case = open_prepared(prepare_list(plain, tmp_path, name="x", modality="ct", say=quiet)).case("case_0")
    assert not case.has_label and case.load().label is None and case.native().label is None
    with pytest.raises(DataError, match="case case_0 has no label"):
        case.read(key="label")


def test_without_structures_a_ct_keeps_all_its_units(tmp_path):
    empty = [make_case(n).with_(label=torch.zeros(10, 9, 8, dtype=torch.int64)) for n in range(2)]
    prepared = open_prepared(prepare_list(empty, tmp_path, name="x", modality="ct", say=quiet))
    assert prepared.window == (-1024.0, 3071.0)


def test_a_named_set_is_opened_from_the_cache_with_its_committed_split(own_cache, tmp_path, monkeypatch):
    write_chaos(tmp_path / "data" / "chaos")
    monkeypatch.setenv("SEGKIT_DATA", str(tmp_path / "data"))
    told = []
    folder = prepare_cases("chaos", say=told.append)
    assert folder == own_cache / "prepared" / "chaos" and "licence CC-BY-NC-SA-4.0" in told[0]
    prepared = open_prepared("chaos")
    # Two of twelve patients: not the set that the committed split is about.
    assert prepared.split.hash != load_split("chaos").hash
    content = json.loads((folder / "dataset.json").read_text())
    wanted = {"format", "name", "classes", "channels", "licence", "citations", "source", "settings"}
    assert wanted <= content.keys()
    first = content["cases"][0]
    assert {"id", "group", "shape", "spacing_mm", "affine", "sha256"} <= first.keys()
    assert content["licence"]["url"].startswith("https://")
