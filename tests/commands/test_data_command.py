import pytest

from segkit.cli import main
from tests.data.layouts import write_chaos


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SEGKIT_OFFLINE", "1")
    monkeypatch.delenv("SEGKIT_DATA", raising=False)
    return tmp_path / "cache"


def test_a_set_is_taken_listed_checked_and_found(cache, tmp_path, capsys):
    assert main(["data", "get", "chaos", "--from", str(write_chaos(tmp_path / "hand"))]) == 0
    told = capsys.readouterr()
    assert told.out == f"{cache / 'chaos'}\n" and "CC-BY-NC-SA-4.0" in told.err
    assert main(["data", "list"]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert rows["chaos"].endswith(str(cache / "chaos")) and rows["hc18"].endswith("not on this machine")
    assert main(["data", "check", "chaos"]) == 0
    assert "2 cases read and valid; 4 files agree with SHA256SUMS" in capsys.readouterr().out
    assert main(["data", "where", "chaos"]) == 0
    assert capsys.readouterr().out == f"{cache / 'chaos'}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["get", "hippocampus"], "SEGKIT_OFFLINE forbids the download"),
        (["get", "acdc"], "asks for registration"),
        (["check", "hc18"], "run `segkit data get hc18`"),
        (["where", "hc18"], "run `segkit data get hc18`"),
        (["where", "hc81"], "did you mean 'hc18'"),
        (["fetch"], "'fetch'"),
        ([], "ACTION"),
    ],
)
def test_a_mistake_is_one_sentence_on_standard_error(cache, capsys, words, message):
    assert main(["data", *words]) == 2
    told = capsys.readouterr()
    assert told.out == "" and message in told.err and "Traceback" not in told.err
    assert len(told.err.strip().splitlines()) == 1


def test_a_data_folder_that_does_not_exist_is_told(cache, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SEGKIT_DATA", str(tmp_path / "nowhere"))
    assert main(["data", "list"]) == 2
    assert "SEGKIT_DATA points to" in capsys.readouterr().err


@pytest.mark.parametrize("action", [[], ["get"], ["check"], ["where"], ["list"]])
def test_help_is_complete(capsys, action):
    with pytest.raises(SystemExit, match="0"):
        main(["data", *action, "--help"])
    text = capsys.readouterr().out
    assert "usage: segkit data" in text
    if not action:
        assert "SEGKIT_OFFLINE" in text and "examples:" in text
