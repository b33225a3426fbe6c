"""The cost of an import is measured in fresh interpreters."""

from __future__ import annotations

import subprocess

from segkit.bench import startup, timing


def test_rows_name_what_is_imported_and_start_new_interpreters(monkeypatch):
    started = []
    monkeypatch.setattr(startup.subprocess, "run", lambda words, check: started.append(words[-1]))
    rows = startup.run(quick=True)
    assert [row["operation"] for row in rows] == ["import segkit", "import Trainer and UNet"]
    assert (rows[0]["target"], rows[0]["peer"], rows[0]["ours_peak_mb"]) == (1.15, "import torch", None)
    assert started.count("import segkit") == started.count("import torch") / 2 == 5
    assert set(rows[0]) == timing.Row.__annotations__.keys()


def test_importing_segkit_imports_nothing_heavy():
    script = "import sys, segkit; assert not {'torch', 'numpy', 'monai'} & set(sys.modules)"
    subprocess.run([startup.sys.executable, "-c", script], check=True)
