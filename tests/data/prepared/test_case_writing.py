import errno
import json

import numpy as np
import pytest
import torch

from segkit.data import open_prepared, prepare_list
from segkit.data.prepared import case_writing
from segkit.data.prepared.layout import Settings
from segkit.data.prepared.scan import from_case
from segkit.errors import DataError
from segkit.evaluate import preprocess
from segkit.evaluate.native import to_grid
from tests.data.prepared.making import make_case, quiet


def write(case, folder, settings=Settings("mr")):
    return case_writing.write_case(
        from_case(case), folder, settings, id=case.id, group=case.group, n_classes=3, facts=dict(case.meta)
    )


@pytest.mark.parametrize("modality", ["mr", "ct"])
@pytest.mark.parametrize("spacing", [None, (1.2, 1.2, 1.2), (0.7, None, 3.0)])
def test_a_prepared_case_is_what_the_steps_make_of_the_raw_one(tmp_path, modality, spacing):
    raw = [make_case(number, channels=2) for number in range(3)]
    out = prepare_list(raw, tmp_path, name="x", modality=modality, spacing=spacing, say=quiet)
    prepared = open_prepared(out)
    for case in raw:
        expected, got = preprocess(case, prepared.steps), prepared.case(case.id).load()
        assert got.shape == expected.shape and got.spacing_mm == pytest.approx(expected.spacing_mm)
        assert np.allclose(got.affine, expected.affine)
        assert torch.allclose(got.image, expected.image, atol=4e-3)
        assert float((got.label != expected.label).float().mean()) < 0.01
        assert got.meta == {"phase": "ED"} and got.classes == case.classes and got.group == case.group


def test_scales_four_orders_of_magnitude_apart_fit_into_16_bits(tmp_path):
    raw = [make_case(0, scale=1e-2), make_case(1, scale=2e4)]
    prepared = open_prepared(prepare_list(raw, tmp_path, name="x", say=quiet))
    for case in prepared.cases():
        image = case.read()
        assert abs(float(image.mean())) < 1e-3 and abs(float(image.std()) - 1) < 1e-2


def test_the_label_on_the_grid_of_the_original_is_kept(tmp_path):
    raw = [make_case(0), make_case(1)]
    prepared = open_prepared(prepare_list(raw, tmp_path, name="x", spacing=(2.0, 2.0, 2.0), say=quiet))
    native = prepared.case("case_0").native()
    assert torch.equal(native.label, raw[0].label) and np.allclose(native.affine, raw[0].affine)
    assert native.spacing_mm == raw[0].spacing_mm and native.image.untyped_storage().nbytes() <= 4
    case = prepared.case("case_0").load()
    one_hot = torch.nn.functional.one_hot(case.label, 3).movedim(-1, 0).float()
    back = to_grid(one_hot, case, native).argmax(0)
    assert float((back != native.label).float().mean()) < 0.15


def test_on_an_unchanged_grid_no_second_label_is_kept(tmp_path):
    case = make_case(0).with_(affine=np.diag([1.0, 1.5, 2.0, 1.0]))
    record = write(case, tmp_path)
    assert set(record["sha256"]) == {"case_0.image.npy", "case_0.label.npy", "case_0.voxels.npy"}


def test_arrays_are_plain_npy_and_the_record_tells_what_they_are(tmp_path):
    record = write(make_case(0), tmp_path)
    image = np.load(tmp_path / "case_0.image.npy", mmap_mode="r")
    assert image.dtype == np.float16 and image.shape == (1, 10, 9, 8) and image.flags.c_contiguous
    label = np.load(tmp_path / "case_0.label.npy")
    assert label.dtype == np.int8 and record["voxels_per_class"] == np.bincount(label.ravel()).tolist()
    assert record["minimum"] == [float(image.min())] and record["counted"] == int((label > 0).sum())
    assert json.loads((tmp_path / "case_0.json").read_text()) == json.loads(json.dumps(record))
    inside = np.sort(image[0][label > 0].astype(float))
    assert record["quantiles"][0][0] == inside[0] and record["quantiles"][0][-1] == inside[-1]


def test_an_image_without_label_is_measured_as_a_whole(tmp_path):
    record = write(make_case(0).with_(label=None), tmp_path)
    assert not record["labelled"] and record["voxels_per_class"] == [] and record["counted"] == 10 * 9 * 8


def test_a_channel_without_contrast_becomes_zero(tmp_path):
    case = make_case(0)
    write(case.with_(image=torch.full_like(case.image, 7.0)), tmp_path)
    assert not np.load(tmp_path / "case_0.image.npy").any()


def test_metal_is_clipped(tmp_path):
    case = make_case(0)
    image = case.image.clone()
    image[0, 0, 0, :2] = torch.tensor([28036.0, -5000.0])
    write(case.with_(image=image), tmp_path, Settings("ct"))
    stored = np.load(tmp_path / "case_0.image.npy")[0]
    assert stored[-1, -1, :2].tolist() == [3072.0, -1024.0]  # 3071 in 16 bits; axes were turned to RAS


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path, monkeypatch):
    written = []

    def write_some(self, data):
        written.append(len(data))
        if sum(written) > 3000:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(case_writing._Hashing, "write", write_some)
    with pytest.raises(DataError, match=r"the disk is full while writing .*case_0"):
        write(make_case(0), tmp_path)
    assert not list(tmp_path.iterdir())
