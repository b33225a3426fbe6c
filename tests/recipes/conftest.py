"""A prepared set of a few small phantoms, and runs of a few updates on it."""

from __future__ import annotations

import pytest

from segkit import cli
from segkit.data import crop_or_pad, make_split, phantoms, prepare_list
from tests.helpers.threads import one_thread as one_thread

SMALL = [
    "training.iterations=2", "training.patch=[16,16,16]", "network.channels=[4,8]", "training.workers=0",
    "training.checkpoint_every=1", "validation.cases=1", "validation.every=2",
]  # fmt: skip
"""Settings of a run that takes a moment."""


@pytest.fixture(autouse=True)
def no_scale(monkeypatch) -> None:
    monkeypatch.delenv("SCALE", raising=False)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """No test writes into the user's cache."""
    folder = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("SEGKIT_CACHE", str(folder))
    return folder


def prepared(folder, cases, **options):
    split = make_split([case.group for case in cases], (len(cases) - 3, 1, 2), seed=0)
    return prepare_list(cases, folder, name="small phantoms", split=split, say=lambda line: None, **options)


@pytest.fixture(scope="session")
def volumes(tmp_path_factory):
    """Six volumes of 24 × 28 × 24 voxels."""
    cases = [crop_or_pad(case, (24, 28, 24)) for case in phantoms("hippocampus", 6)]
    return prepared(tmp_path_factory.mktemp("volumes"), cases)


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """Six ultrasound images of 64 × 96 pixels."""
    return prepared(
        tmp_path_factory.mktemp("images"), phantoms("ultrasound", 6), modality="us", size=(64, 96)
    )


@pytest.fixture
def train(volumes):
    """`segkit train …` on the small volumes; returns the exit status."""

    def run(recipe, *words, data=volumes, settings=()):
        pairs = [f"data.name={data}", *SMALL, *settings]
        return cli.main(
            ["train", recipe, "--accelerator", "cpu", "--logger", "none", "--set", *pairs, *words]
        )

    return run
