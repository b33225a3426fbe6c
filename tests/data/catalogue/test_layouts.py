"""Every set of the catalogue, from a folder in the layout in which it is published to a prepared set."""

import numpy as np
import pytest

from segkit.data import CATALOGUE, PreparedBatches, open_prepared, prepare_cases
from segkit.errors import DataError
from tests.data.catalogue.full_layouts import AFFINE, CHAOS_GREY, FULL_WRITERS, write_series, write_task

pytestmark = pytest.mark.usefixtures("own_cache")
IDS = {
    "liver": ["liver_001", "liver_002", "liver_010"],
    "btcv": ["btcv_0001", "btcv_0002", "btcv_0021"],
    "kits": ["kits_00000", "kits_00400"],
    "lits": ["lits_0", "lits_28", "lits_100"],
    "chaos_mr": ["chaos_mr_02", "chaos_mr_10"],
    "mmwhs_ct": ["ct_train_1001", "ct_train_1002"],
    "segthor": ["segthor_01", "segthor_12"],
    "ribfrac": ["RibFrac1", "RibFrac301", "RibFrac421"],
    "isic2018": ["ISIC_0000001", "ISIC_0000002", "ISIC_0000003", "ISIC_0000004"],
    "acdc": ["patient090_frame04", "patient090_frame11"],
}


@pytest.fixture
def prepared(tmp_path):
    """`prepared(name)`: a tiny set in its published layout, prepared."""

    def make(name, **options):
        FULL_WRITERS[name](tmp_path / "hand")
        options = {"root": tmp_path / "hand", "say": lambda line: None, **options}
        return open_prepared(prepare_cases(name, out=tmp_path / "out", **options))

    return make


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_set_in_its_published_layout_is_prepared(prepared, name):
    entry, made = CATALOGUE[name], prepared(name)
    assert made.classes == entry.classes and made.channels == entry.channels
    assert made.licence == entry.licence.spdx and made.citations == entry.citations
    if name in IDS:
        assert [case.id for case in made.cases()] == IDS[name]
    found = set()
    for case in made.cases():
        whole = case.load().validate()
        assert whole.image.shape[0] == len(entry.channels)
        assert case.native().validate().label is not None
        found |= set(whole.label.unique().tolist())
    # The small layouts of the hippocampus and of BTCV draw not every class; no class is invented.
    assert {0, 1} <= found <= set(range(len(entry.classes)))
    if entry.spacing_mm and made.cases()[0].spacing_mm:
        for wanted, got in zip(entry.spacing_mm, made.cases()[0].spacing_mm, strict=True):
            assert wanted is None or got == pytest.approx(wanted)
    patch = [min(4, n) for n in made.cases()[0].shape]
    batch = PreparedBatches(made.cases(), patch=patch, batch_size=2, seed=0)[0]
    assert batch["image"].shape == (2, len(entry.channels), *patch)


def test_volumes_are_turned_to_ras_and_keep_their_place(prepared):
    case = prepared("spleen", spacing="native").case("spleen_001")
    assert case.spacing_mm == (0.8, 0.8, 2.5)
    assert (np.diag(case.affine)[:3] > 0).all()
    native = case.native()
    assert np.allclose(native.affine, AFFINE)
    step = np.linalg.inv(case.affine) @ native.affine @ [3, 4, 5, 1]
    i, j, k = np.rint(step[:3]).astype(int)
    assert case.read(key="label")[i, j, k] == native.label[3, 4, 5]


def test_hounsfield_units_are_kept_on_the_disk_and_windowed_when_read(prepared, tmp_path):
    made = prepared("spleen", spacing="native")
    stored = np.load(tmp_path / "out" / "spleen_001.image.npy")
    assert stored.dtype == np.float16
    original = np.random.default_rng(1).integers(0, 400, (12, 10, 6))
    assert (np.sort(stored.ravel()) == np.sort(original.ravel())).all()
    low, high = made.window
    image = made.case("spleen_001").read()
    assert float(image.min()) == 0 and float(image.max()) == 1 and low < high
    assert made.steps[-1] == {"name": "window", "kwargs": {"low": low, "high": high}}


def test_fractures_are_one_class_and_values_of_the_whole_heart_are_mapped(prepared):
    made = prepared("ribfrac", spacing="native")
    assert all(set(case.read(key="label").unique().tolist()) == {0, 1} for case in made.cases())
    assert [case.id for case in made.cases("validation")] == ["RibFrac421"]


def test_421_is_the_left_atrium(prepared):
    made = prepared("mmwhs_mr", spacing="native")
    assert set(made.cases()[0].read(key="label").unique().tolist()) == set(range(8))


def test_the_official_split_of_isic_is_kept(prepared):
    made = prepared("isic2018")
    ids = {part: [case.id for case in made.cases(part)] for part in ("train", "validation", "test")}
    assert ids == {
        "train": ["ISIC_0000001", "ISIC_0000002"],
        "validation": ["ISIC_0000003"],
        "test": ["ISIC_0000004"],
    }
    assert made.cases()[0].shape == (384, 512) and made.cases()[0].spacing_mm is None
    assert made.cases()[0].native().shape == (30, 40)


def test_the_test_patients_of_acdc_are_found(tmp_path):
    FULL_WRITERS["acdc"](tmp_path / "ACDC" / "database")
    (tmp_path / "ACDC" / "database" / "training").rename(tmp_path / "ACDC" / "database" / "testing")
    FULL_WRITERS["acdc"](tmp_path / "ACDC" / "database" / "x")
    moved = tmp_path / "ACDC" / "database" / "training" / "patient001"
    moved.parent.mkdir()
    (tmp_path / "ACDC" / "database" / "x" / "training" / "patient090").rename(moved)
    for path in moved.iterdir():
        path.rename(path.with_name(path.name.replace("patient090", "patient001")))
    root = tmp_path / "ACDC"
    made = open_prepared(prepare_cases("acdc", root=root, out=tmp_path / "p", say=lambda line: None))
    assert made.split.test == ("patient090",) and made.split.train == ("patient001",)
    assert made.cases()[0].spacing_mm[2] == 10.0


def test_slices_of_dicom_are_ordered_by_place_and_masks_by_name(prepared):
    case = prepared("chaos_mr", spacing="native").case("chaos_mr_02")
    native = case.native()
    assert native.shape == (10, 8, 5) and native.spacing_mm == (1.5, 1.25, 4.0)
    # Slice k of the volume is the file n - 1 - k; its mask has the class that this name was given.
    drawn = [int(native.label[3, 2, k]) for k in range(5)]
    assert drawn == [1 + k % 4 for k in range(5)][::-1]
    assert native.affine[:3, 3] == pytest.approx([7.0, -5.0, 44.0])


def break_gap(folder):
    (folder / "DICOM_anon" / "IMG-0002.dcm").unlink()
    (folder / "Ground" / "IMG-0002.png").unlink()


def break_mask(folder):
    (folder / "Ground" / "IMG-0002.png").unlink()


def break_slice(folder):
    (folder / "DICOM_anon" / "IMG-0002.dcm").write_bytes(b"no")


def break_grey(folder):
    from PIL import Image

    Image.fromarray(np.full((8, 10), 17, dtype=np.uint8)).save(folder / "Ground" / "IMG-0002.png")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (break_gap, r"chaos_mr_02: chaos_mr_02: its slices are 4 to 8 mm apart"),
        (break_mask, "chaos_mr_02 has 4 masks for 5 slices"),
        (break_slice, "IMG-0002.dcm is missing, damaged or no DICOM file"),
        (break_grey, "label value 17 is no class; known are 0, 63, 126, 189, 252"),
    ],
)
def test_a_damaged_series_is_one_sentence(tmp_path, damage, message):
    folder = tmp_path / "Train_Sets" / "MR" / "2" / "T2SPIR"
    write_series(folder, CHAOS_GREY["mr"])
    damage(folder)
    with pytest.raises(DataError, match=message):
        prepare_cases("chaos_mr", root=tmp_path, out=tmp_path / "out", say=lambda line: None)
    assert not list((tmp_path / "out").glob("chaos*"))


def test_patients_of_the_test_part_of_chaos_are_left_alone(tmp_path):
    FULL_WRITERS["chaos_mr"](tmp_path)
    write_series(tmp_path / "Test_Sets" / "MR" / "3" / "T2SPIR", CHAOS_GREY["mr"])
    assert [source.id for source in CATALOGUE["chaos_mr"].find(tmp_path)] == ["chaos_mr_02", "chaos_mr_10"]


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("colon", ["colon_003"]),
        ("btcv", ["btcv_0061"]),
        ("ribfrac", ["RibFrac501"]),
        ("mmwhs_mr", ["mr_test_2001"]),
        ("segthor", []),
        ("chaos_mr", []),
    ],
)
def test_images_without_labels_are_prepared_on_request_and_belong_to_no_part(prepared, name, ids):
    made = prepared(name, unlabelled=True, spacing="native")
    assert [case.id for case in made.unlabelled()] == ids
    parts = [case.id for part in ("train", "validation", "test") for case in made.cases(part)]
    assert len(parts) == len(made.cases()) - len(ids) and not set(ids) & set(parts)
    folds = [made.fold(k, 2).cases("test") for k in range(2)]
    assert all(case.has_label for fold in folds for case in fold)
    keys, pool = ("image",), made.unlabelled() + made.cases("train")
    batches = PreparedBatches(pool, patch=(4, 4, 4), batch_size=2, seed=0, keys=keys)
    assert batches[0]["image"].shape[0] == 2


def test_images_without_labels_are_not_taken_for_cases(tmp_path):
    write_task(tmp_path, "colon")
    ids = ["colon_001", "colon_002", "colon_010"]
    assert [source.id for source in CATALOGUE["colon"].find(tmp_path)] == ids
