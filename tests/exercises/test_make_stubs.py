"""The command that writes the stubs."""

from __future__ import annotations

from tools.make_stubs import FOLDER, main

from .conftest import code, write


def test_the_books_stubs_are_up_to_date():
    assert main(["--check", str(FOLDER)]) == 0


def test_check_fails_until_the_stubs_are_written(solutions, capsys):
    folder = str(solutions.parent)
    assert main(["--check", folder]) == 1
    assert "tiny.ipynb is not what" in capsys.readouterr().err
    assert main([folder]) == 0
    assert capsys.readouterr().out == "wrote tiny.ipynb\n"
    assert main(["--check", folder]) == 0


def test_a_broken_source_is_one_sentence(tmp_path, capsys):
    write(tmp_path, code("# solution", "c"))
    assert main([str(tmp_path)]) == 1
    assert "cell c of tiny_solutions.ipynb" in capsys.readouterr().err
