"""Readers that fail in one way each; importable by the processes of a preparation."""

from __future__ import annotations

import os
import signal

import numpy as np

from segkit.data.dataset import Source
from segkit.data.prepared.scan import Scan, from_case
from segkit.errors import DataError
from tests.data.prepared.making import make_case


def read(source: Source) -> Scan:
    """Case by number."""
    return from_case(make_case(int(source.id.split("_")[1])))


def read_but_one(source: Source) -> Scan:
    """The third case is damaged."""
    if source.id == "case_2":
        raise DataError("case_2.nii.gz is damaged: fetch it again")
    return read(source)


def read_nan(source: Source) -> Scan:
    """The third case holds a voxel that is no number, the fourth a label that is no class."""
    scan = read(source)
    if source.id == "case_2":
        scan.image[0, 1, 1, 1] = np.nan
    if source.id == "case_3":
        assert scan.label is not None
        scan.label[0, 0, 0] = 7
    return scan


def read_and_die(source: Source) -> Scan:
    """The process that gets the third case is killed, as by a system without memory."""
    if source.id == "case_2":
        os.kill(os.getpid(), signal.SIGKILL)
    return read(source)


def read_and_stop(source: Source) -> Scan:
    """The user stops the program at the third case."""
    if source.id == "case_2":
        raise KeyboardInterrupt
    return read(source)
