"""The command line as a user meets it: help, mistakes, interruption, and what it costs to start."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from segkit import __version__, cli
from segkit.commands import bench
from segkit.errors import DataError


def run(*words: str) -> int:
    try:
        return cli.main(words)
    except SystemExit as stop:  # argparse ends so after --help and --version
        return int(stop.code or 0)


def test_help_lists_every_command_with_its_summary(capsys):
    assert run("--help") == 0
    shown = capsys.readouterr().out
    for name, summary in cli.command_summaries().items():
        assert name in shown
        assert summary.split()[0] in shown
    assert "examples:" in shown


@pytest.mark.parametrize("command", sorted(cli.command_summaries()))
def test_every_command_has_complete_help_with_examples(command, capsys):
    parser = cli.build_parser(command)
    assert run(command, "--help") == 0
    assert "examples:" in capsys.readouterr().out
    for each in _all_parsers(parser, command):
        for action in each._actions:
            for entry in action._choices_actions if isinstance(action.choices, dict) else [action]:
                assert entry.help, f"{each.prog}: {entry.dest} has no help"


def _all_parsers(parser, command):
    top = next(a for a in parser._actions if a.dest == "command").choices[command]
    found = [top]
    for action in top._actions:
        if isinstance(action.choices, dict):
            found += action.choices.values()
    return found


def test_version(capsys):
    assert run("--version") == 0
    assert capsys.readouterr().out == f"segkit {__version__}\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["bemch"], "unknown command 'bemch': did you mean 'bench'?"),
        (["--verson"], "unknown option '--verson': did you mean '--version'?"),
        (["bench", "--jsno"], "unknown option '--jsno': did you mean '--json'?"),
        (["bench", "--jso"], "unknown option '--jso': did you mean '--json'?"),
        (["bench", "no-such"], "unknown benchmark 'no-such'"),
        ([], "a command is missing"),
    ],
)
def test_a_mistake_gets_one_sentence_and_status_2(words, sentence, capsys):
    assert run(*words) == 2
    captured = capsys.readouterr()
    assert sentence in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_an_unknown_value_of_an_option_gets_the_nearest():
    parser = cli.Parser(prog="segkit toy")
    parser.add_argument("--device", choices=["cpu", "cuda"])
    with pytest.raises(ValueError, match=r"unknown value of --device 'cdua': did you mean 'cuda'\?"):
        parser.parse_args(["--device", "cdua"])
    with pytest.raises(ValueError, match=r"segkit toy: nothing is expected where 'more' stands"):
        parser.parse_args(["more"])


@pytest.mark.parametrize(
    ("error", "status", "shown"),
    [(DataError("image.nii is empty: copy it again"), 2, "image.nii is empty: copy it again\n"),
     (KeyboardInterrupt(), 130, "interrupted\n")],
)  # fmt: skip
def test_errors_of_a_command_become_its_status(error, status, shown, monkeypatch, capsys):
    def fail(args: SimpleNamespace) -> int:
        raise error

    monkeypatch.setattr(bench, "run", fail)
    assert run("bench") == status
    assert capsys.readouterr().err == shown


def test_a_mistake_in_our_own_code_keeps_its_traceback(monkeypatch):
    def fail(args: SimpleNamespace) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(bench, "run", fail)
    with pytest.raises(ZeroDivisionError):
        run("bench")


def test_python_m_segkit_starts_without_torch_and_survives_a_closed_pipe():
    script = (
        "import sys, runpy\n"
        "sys.argv = ['segkit', 'bench']\n"
        "try:\n    runpy.run_module('segkit', run_name='__main__')\n"
        "except SystemExit as stop:\n    code = stop.code\n"
        "heavy = {'torch', 'monai', 'numpy', 'matplotlib'} & set(sys.modules)\n"
        "assert code == 0 and not heavy, (code, heavy)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)
    pipe = subprocess.run(
        f"{sys.executable} -m segkit bench | true; exit ${{PIPESTATUS[0]}}",
        shell=True, executable="/bin/bash", capture_output=True, text=True,
    )  # fmt: skip
    assert (pipe.returncode, pipe.stderr) == (0, "")


def test_importing_segkit_imports_nothing_heavy():
    script = "import sys, segkit; assert not {'torch', 'numpy', 'monai'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_sub_packages_are_attributes_of_segkit():
    script = "import segkit; segkit.commands; segkit.errors; segkit.no_such_room"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "module 'segkit' has no attribute 'no_such_room'" in done.stderr
