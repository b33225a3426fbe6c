import pytest

from segkit.data import open_prepared
from segkit.data.dataset import CC_BY_4, Source
from segkit.data.prepared.about import About
from segkit.data.prepared.building import build
from segkit.data.prepared.checking import check_prepared, told
from segkit.data.prepared.layout import Settings
from segkit.errors import ConfigError, DataError
from tests.data.prepared import failing_reads as reads

CLASSES = ("background", "a", "b")


def run(folder, read=reads.read, n=5, *, settings=Settings("mr"), lines=None, **options):
    about = About("noise", "Noise", CLASSES, ("noise",), CC_BY_4, ("A. Author. 2020.",), "here", settings)
    sources = [Source(f"case_{k}", f"patient_{k}", ()) for k in range(n)]
    return build(about, sources, read, folder, say=[].append if lines is None else lines.append, **options)


def content(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(".lock")
    }


@pytest.mark.slow
def test_several_processes_make_the_same_bytes_as_one(tmp_path):
    assert content(run(tmp_path / "one")) == content(run(tmp_path / "many", jobs=2))


def test_a_bad_case_stops_the_preparation_and_nothing_of_it_is_kept(tmp_path):
    with pytest.raises(DataError, match=r"case_2: case_2.nii.gz is damaged.*leave it out with --skip-bad"):
        run(tmp_path / "set", reads.read_but_one)
    kept = content(tmp_path / "set")
    assert "case_1.json" in kept and not any(name.startswith("case_2") for name in kept)
    assert "dataset.json" not in kept
    with pytest.raises(DataError, match="holds no prepared set"):
        open_prepared(tmp_path / "set")


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_bad_cases_are_left_out_and_listed_on_request(tmp_path, jobs):
    lines = []
    prepared = open_prepared(run(tmp_path, reads.read_nan, skip_bad=True, jobs=jobs, lines=lines))
    assert [case.id for case in prepared.cases()] == ["case_0", "case_1", "case_4"]
    assert [one["id"] for one in prepared.content["skipped"]] == ["case_2", "case_3"]
    assert "1 voxels are NaN or infinite" in prepared.content["skipped"][0]["reason"]
    assert "label value 7 is no class" in prepared.content["skipped"][1]["reason"]
    assert any("left out case_2" in line for line in lines) and "2 left out" in lines[-1]
    assert "left out: case_2, case_3" in told(prepared)


def test_what_is_finished_is_not_made_again_and_the_result_is_the_same(tmp_path):
    whole = content(run(tmp_path / "whole"))
    with pytest.raises(DataError, match="case_2"):
        run(tmp_path / "part", reads.read_but_one)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "part").glob("case_1*")}
    lines = []
    assert content(run(tmp_path / "part", lines=lines)) == whole
    assert "2 of 5 cases are prepared already" in lines[0]
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_an_interrupted_case_leaves_nothing_behind(tmp_path):
    whole = content(run(tmp_path / "whole"))
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "part", reads.read_and_stop)
    (tmp_path / "part" / ".case_2.part").mkdir()  # what a process that was killed leaves
    (tmp_path / "part" / ".case_2.part" / "case_2.image.npy").write_bytes(b"half")
    (tmp_path / "part" / "case_2.image.npy").write_bytes(b"moved, but its record was not written")
    assert content(run(tmp_path / "part")) == whole


@pytest.mark.slow
def test_a_process_that_dies_is_one_sentence_and_the_rest_is_kept(tmp_path):
    with pytest.raises(DataError, match=r"a process that prepared cases died.*fewer --jobs than 2"):
        run(tmp_path / "set", reads.read_and_die, jobs=2)
    assert len(open_prepared(run(tmp_path / "set")).cases()) == 5


def test_a_case_whose_files_are_gone_or_changed_is_made_again(tmp_path):
    whole = content(run(tmp_path))
    (tmp_path / "case_1.image.npy").unlink()
    record = tmp_path / "case_3.json"
    record.write_text(record.read_text().replace('"files": []', '"files": [["case_3.nii", 5]]'))
    assert content(run(tmp_path)) == whole


def test_other_settings_need_another_folder(tmp_path):
    run(tmp_path)
    with pytest.raises(DataError, match=r"prepared with other settings \(modality mr.*give another folder"):
        run(tmp_path, settings=Settings("mr", spacing_mm=(1.0, 1.0, 1.0)))


def test_a_damaged_record_is_one_sentence(tmp_path):
    run(tmp_path)
    (tmp_path / "case_1.json").write_text("{")
    with pytest.raises(DataError, match=r"case_1.json is damaged .*delete it"):
        run(tmp_path)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n": 0}, DataError, "there is no case"),
        ({"jobs": 0}, ConfigError, "--jobs must be 1 or more"),
        ({"read": reads.read_but_one, "n": 0, "skip_bad": True}, DataError, "there is no case"),
    ],
)
def test_a_call_that_cannot_work_is_one_sentence(tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        run(tmp_path, **options)


def test_two_cases_of_one_name_are_refused(tmp_path):
    about = About("noise", "Noise", CLASSES, ("x",), CC_BY_4, (), "here", Settings("mr"))
    sources = [Source("case_1", "a", ()), Source("case_1", "b", ())]
    with pytest.raises(DataError, match="two cases have the name case_1"):
        build(about, sources, reads.read, tmp_path, say=[].append)


def test_a_set_with_another_number_of_channels_is_refused(tmp_path):
    about = About("noise", "Noise", CLASSES, ("T1", "T2"), CC_BY_4, (), "here", Settings("mr"))
    with pytest.raises(DataError, match=r"case_1 has 1 channels where noise has 2 \(T1, T2\)"):
        build(about, [Source("case_1", "a", ())], reads.read, tmp_path, say=[].append)


def test_a_missing_file_is_named(tmp_path):
    about = About("noise", "Noise", CLASSES, ("x",), CC_BY_4, (), "here", Settings("mr"))
    source = Source("case_1", "a", (tmp_path / "label_1.nii.gz",))
    with pytest.raises(DataError, match=r"case_1: .*label_1.nii.gz is missing"):
        build(about, [source], reads.read, tmp_path / "out", say=[].append)


def test_checking_finds_every_file_that_changed(tmp_path):
    folder = run(tmp_path)
    assert check_prepared(folder) == f"noise: 5 cases, 20 files agree ({folder})"
    (folder / "case_3.label.npy").write_bytes(b"x")
    (folder / "case_4.image.npy").unlink()
    with pytest.raises(DataError, match=r"2 of 20 files .* \(first .*case_3.label.npy\): delete case_3.json"):
        check_prepared(folder)
    (folder / "case_3.json").unlink()
    assert "5 cases" in check_prepared(run(tmp_path))


def test_what_was_found_is_told(tmp_path):
    text = told(open_prepared(run(tmp_path)))
    assert "5 cases of 5 patients or examinations: 4 train, 0 validation, 1 test" in text
    assert "median shape 10 × 9 × 8, median voxel size 1 × 1.5 × 2 mm" in text
    assert "a: 5 cases" in text and "b: 5 cases" in text and "noise, percentiles" in text
