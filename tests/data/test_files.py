import errno

import pytest

from segkit.data.files import replacing, writing
from segkit.errors import DataError


def test_the_file_appears_when_it_is_complete(tmp_path):
    target = tmp_path / "new" / "mask.nii.gz"
    with replacing(target) as temporary:
        assert temporary.name.endswith(".nii.gz") and temporary.parent == target.parent
        temporary.write_text("all")
        assert not target.exists()
        written = temporary.stat().st_ino
    assert target.read_text() == "all"
    assert target.stat().st_ino == written  # renamed, which is atomic, not copied
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt(), ValueError("no")])
def test_after_an_error_the_older_file_stands_and_nothing_else(tmp_path, error):
    target = tmp_path / "a.json"
    target.write_text("old")
    with pytest.raises((DataError, KeyboardInterrupt, ValueError)), replacing(target) as temporary:
        temporary.write_text("half")
        raise error
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "x"), "the disk is full while writing .*here: free some space"),
        (OSError(errno.EROFS, "x"), r"here cannot be written \(Read-only file system\): set SEGKIT_CACHE"),
        (PermissionError("a library's own words"), r"here cannot be written \(Permission denied\)"),
        (OSError(errno.ENOTDIR, "x"), r"here cannot be written \(Not a directory\)"),
    ],
)
def test_an_error_of_the_system_is_one_sentence(tmp_path, error, message):
    with pytest.raises(DataError, match=message), writing(tmp_path / "here"):
        raise error


def test_an_error_that_no_system_raised_passes(tmp_path):
    with pytest.raises(OSError, match="a library's own words"), writing(tmp_path):
        raise OSError("a library's own words")
