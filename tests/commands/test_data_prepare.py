import subprocess
import sys
from pathlib import Path

import pytest

from segkit.cli import main
from segkit.data import CATALOGUE
from segkit.data.catalogue.scripting import choose, script
from tests.data.catalogue.full_layouts import write_task

SCRIPTS = Path(__file__).parents[2] / "data_scripts"


@pytest.fixture
def hand(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SEGKIT_OFFLINE", "1")
    monkeypatch.delenv("SEGKIT_DATA", raising=False)
    write_task(tmp_path / "hand", "spleen")
    return tmp_path / "hand"


def test_a_set_is_prepared_checked_shown_and_listed(hand, tmp_path, capsys):
    words = ["data", "prepare", "spleen", "--from", str(hand), "--spacing", "1,1,-"]
    assert main(words) == 0
    told = capsys.readouterr()
    assert "median voxel size 1 × 1 × 2.5 mm" in told.out and "3 cases of 3 patients" in told.out
    assert "CC-BY-SA-4.0" in told.err and "spleen: 3 of 3 cases done" in told.err
    assert main(["data", "prepare", "spleen", "--check"]) == 0
    assert "3 cases, 12 files agree" in capsys.readouterr().out
    assert main(["data", "show", "spleen"]) == 0
    text = capsys.readouterr().out
    assert "median voxel size" in text and "originals: not on this machine" in text
    assert main(["data", "list", "--full"]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert rows.keys() == {"name", *CATALOGUE}
    assert rows["spleen"].endswith(str(tmp_path / "cache" / "prepared" / "spleen"))
    assert "download, 1.5 GB" in rows["spleen"] and "by hand" in rows["btcv"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["prepare", "splen"], "did you mean 'spleen'"),
        (["prepare", "spleen"], "SEGKIT_OFFLINE forbids the download"),
        (["prepare", "btcv"], "BTCV asks for registration"),
        (["prepare", "spleen", "--check"], "run `segkit data prepare spleen`"),
        (["prepare", "spleen", "--spacing", "1,x,2"], "three sizes in mm like"),
        (["prepare", "spleen", "--jobs", "0"], "--jobs must be 1 or more"),
        (["prepare"], "NAME"),
        (["get", "liver"], "run `segkit data prepare liver`"),
        (["show", "kits32"], "did you mean 'kits'"),
    ],
)
def test_a_mistake_is_one_sentence_on_standard_error(hand, capsys, words, message):
    more = ["--from", str(hand)] if "--jobs" in words else []
    assert main(["data", *words, *more]) == 2
    told = capsys.readouterr()
    assert message in told.err.splitlines()[-1] and "Traceback" not in told.err


def test_a_script_does_the_same(hand, tmp_path, capsys):
    assert choose(["colon", "spleen"], ["spleen", "--from", str(hand), "--out", str(tmp_path / "out")]) == 0
    assert "3 cases of 3 patients" in capsys.readouterr().out
    assert script("btcv", []) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: BTCV asks for registration")


@pytest.mark.parametrize("words", [["btcv.py", "--help"], ["decathlon.py", "liver", "--help"]])
def test_a_script_runs_as_a_program(tmp_path, words):
    command = [sys.executable, str(SCRIPTS / words[0]), *words[1:]]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0 and "--skip-bad" in done.stdout, done.stderr
