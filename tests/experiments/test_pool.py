"""Work in several processes: shared data, results as they come, and an end whatever happens."""

from __future__ import annotations

import os

import jobs
import pytest
import torch

from segkit.errors import ConfigError, SegkitError
from segkit.experiments.machine import cpu_cores
from segkit.experiments.pool import run_in_processes


def test_every_job_is_done_once_by_processes_that_share_the_data_and_the_cores():
    results = list(run_in_processes(jobs.total, {"tensor": torch.ones(1000)}, range(6), processes=2))
    assert sorted(value for value, _, _ in results) == [1000.0 + job for job in range(6)]
    assert os.getpid() not in {process for _, process, _ in results}
    assert {threads for *_, threads in results} == {max(1, cpu_cores() // 2)}


@pytest.mark.parametrize(
    ("job", "error", "sentence"),
    [
        ("ours", ConfigError, "^no such arm$"),
        ("theirs", RuntimeError, "ZeroDivisionError: a mistake of the code"),
        ("dies", SegkitError, r"the process that ran dies died \(status 9\)"),
    ],
)
def test_a_failure_reaches_the_caller_and_finished_results_are_kept(job, error, sentence):
    finished = []
    with pytest.raises(error, match=sentence):
        for result in run_in_processes(jobs.troubled, {}, ["fine", job, "later"], processes=1):
            finished.append(result)
    assert finished == ["fine"]


def test_a_consumer_that_stops_ends_the_processes_in_the_middle_of_a_job(tmp_path):
    results = run_in_processes(jobs.marks, {"folder": str(tmp_path)}, range(50), processes=1)
    assert next(results) == 0
    results.close()
    assert [path.name for path in tmp_path.iterdir()] == ["0"]
