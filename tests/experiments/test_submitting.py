"""Runs as jobs of a cluster, with submitit's local executor in place of one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from segkit.errors import ConfigError, DataError, SegkitError
from segkit.experiments import read_records, run_plan, submitting
from segkit.experiments.records import record_key
from segkit.experiments.submitting import cluster_engine, submit_runs
from tests.experiments.tiny import PLAN

LOCAL = {"cluster": "local", "timeout_min": 14}


def square(shared, job):
    if job == shared:
        raise DataError(f"case {job} is damaged: fetch it again")
    return job * job, os.getpid()


@pytest.fixture(autouse=True)
def seen_at_once(monkeypatch):
    monkeypatch.setattr(submitting, "POLL_S", 0.1)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as this process: other threads add up in another order
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")]))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_results_come_from_other_processes(tmp_path):
    found = list(cluster_engine(tmp_path, LOCAL)(square, 7, [1, 2], processes=2))
    assert sorted(value for value, _ in found) == [1, 4]
    assert os.getpid() not in {process for _, process in found}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_job_that_fails_is_named_in_one_sentence(tmp_path):
    with pytest.raises(
        SegkitError, match=r"of the cluster failed .*case 2 is damaged.*: what is finished is kept"
    ):
        list(cluster_engine(tmp_path, LOCAL)(square, 2, [2], processes=1))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_plan_on_a_cluster_gives_the_records_of_one_machine(tmp_path):
    out = tmp_path / "records.jsonl"
    chosen = {"draws": [0], "arms": [PLAN.baseline]}
    run_plan(PLAN, jobs=2, out=out, engine=cluster_engine(tmp_path / "logs", LOCAL), **chosen)
    alone = run_plan(PLAN, out=tmp_path / "alone.jsonl", **chosen)
    assert len(alone) == 2
    assert _evaluations(read_records(out)) == _evaluations(alone)
    again = run_plan(PLAN, jobs=2, out=out, engine=_nobody, **chosen)
    assert _evaluations(again) == _evaluations(alone)


def _evaluations(records):
    """By run: jobs end, and are written, in any order."""
    found = {record_key(record): record["evaluation"] for record in records}
    assert len(found) == len(records)
    return found


def _nobody(*args, **options):
    raise AssertionError("there is nothing left to do")


def test_what_cannot_be_submitted(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="unknown cluster 'slrum': did you mean 'slurm'"):
        list(submit_runs(square, 0, [1], processes=1, folder=tmp_path, cluster="slrum"))
    with pytest.raises(ConfigError, match="the cluster 'local' does not take this"):
        engine = cluster_engine(tmp_path, {"cluster": "local", "timeout_minutes": 3})
        list(engine(square, 0, [1], processes=1))
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(ConfigError, match="need the package submitit"):
        list(submit_runs(square, 0, [1], processes=1, folder=tmp_path))
