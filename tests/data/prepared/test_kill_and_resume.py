"""A preparation that is killed at any moment goes on to the same bytes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.data.prepared.test_building import content, run

PROGRAM = """
import sys
from pathlib import Path
from tests.data.prepared.test_building import run
if __name__ == "__main__":
    run(Path(sys.argv[1]), n=40, jobs=int(sys.argv[2]))
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("jobs", [1, 2])
def test_killed_three_times_and_resumed(tmp_path, jobs):
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "part"), str(jobs)]
    for finished in (1, 11, 26):
        # A session of its own, so that its workers are killed with it.
        process = subprocess.Popen(command, cwd=Path(__file__).parents[3], start_new_session=True)
        while len(list((tmp_path / "part").glob("case_*.json"))) < finished and process.poll() is None:
            time.sleep(0.002)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert not (tmp_path / "part" / "dataset.json").exists()
    lines = []
    run(tmp_path / "part", n=40, lines=lines)
    assert "of 40 cases are prepared already" in lines[0]
    assert content(tmp_path / "part") == content(run(tmp_path / "whole", n=40))


def test_what_a_killed_process_had_begun_to_write_is_cleared(tmp_path):
    folder = run(tmp_path / "part", n=2)
    before = content(folder)
    (folder / ".case_1.part").mkdir()
    (folder / ".case_1.part" / "case_1.image.npy").write_bytes(b"half")
    (folder / ".case_1.4242.part.json").write_bytes(b"")
    assert content(run(folder, n=2)) == before
    assert not list(folder.glob(".*.part*"))
