"""Where a record comes from: enough to repeat it, nothing that names a person's machine."""

from __future__ import annotations

import json
import platform
import re
import subprocess

import torch

from segkit.experiments import describe_machine, library_versions, machine, peak_memory, source_commit


def test_the_machine_is_described_without_its_name():
    facts = describe_machine("cpu")
    assert facts["cores"] >= 1
    assert facts["gpu"] is None
    assert platform.node() not in json.dumps(facts) or len(platform.node()) < 3
    assert "/" not in facts["cpu"].replace("w/", "")


def test_versions_name_what_computes_the_numbers():
    assert {"python", "segkit", "torch", "numpy", "monai"} <= library_versions().keys()
    assert library_versions()["torch"] == torch.__version__.split("+")[0] or "+" in torch.__version__


def test_the_commit_is_that_of_the_checkout_and_none_without_git(monkeypatch):
    source_commit.cache_clear()
    found = source_commit()
    assert found["commit"] is None or re.fullmatch("[0-9a-f]{40}", found["commit"])

    def no_git(*args, **options):
        raise FileNotFoundError("git")

    source_commit.cache_clear()
    monkeypatch.setattr(machine.subprocess, "run", no_git)
    assert source_commit() == {"commit": None, "dirty": None}
    source_commit.cache_clear()
    monkeypatch.setattr(
        machine.subprocess, "run", lambda *a, **o: subprocess.CompletedProcess(a, 0, "abc\n", "")
    )
    assert source_commit() == {"commit": "abc", "dirty": True}
    source_commit.cache_clear()


def test_peak_memory_is_seen_again_after_it_was_freed():
    for megabytes in (160, 80):
        with peak_memory() as peak:
            torch.ones(megabytes, 2**18)
        assert abs(peak.added_mb - megabytes) < 32
        assert peak.total_mb > peak.added_mb
