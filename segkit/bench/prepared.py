"""Patches read from prepared cases, beside other ways to keep large volumes on a disk."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from segkit.bench.timing import Row, bench_row, compare
from segkit.data import Case, PatchBatches, PreparedBatches, open_prepared, prepare_list

Read = Callable[[tuple[slice, ...]], NDArray[Any]]
_CHUNK = 64


def run(*, quick: bool) -> list[Row]:
    """One patch at a random place of a CT, from files that the operating system has in memory.

    A cold disk makes everything slower and cannot be asked for by a program without rights; chunked files
    then read less, and uncompressed ones decompress nothing.
    """
    shape, patch = ((64, 64, 64), (32, 32, 32)) if quick else ((384, 384, 256), (128, 128, 96))
    time = partial(compare, repeats=3 if quick else 31)
    rows = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        case = _ct(shape)
        prepare_list([case], folder / "set", name="bench", modality="ct", say=lambda line: None)
        prepared = open_prepared(folder / "set").cases()
        size = f"{' × '.join(map(str, patch))} of {' × '.join(map(str, shape))}"
        ours = _mapped(folder / "set" / "ct.image.npy")
        for peer, read in _peers(folder).items():
            timings = time({"ours": _places(ours, shape, patch), "peer": _places(read, shape, patch)})
            rows.append(bench_row(timings, operation="read a patch", size=size, peer=peer, target=None))
        options: dict[str, Any] = {"patch": patch, "batch_size": 2, "seed": 0}
        batches = {
            "ours": _in_turn(PreparedBatches(prepared, **options)),
            "peer": _in_turn(PatchBatches([prepared[0].load()], **options)),
        }
        rows.append(
            bench_row(time(batches), operation="a batch of two", size=size, peer="in memory", target=None)
        )
    return rows


def _ct(shape: tuple[int, ...]) -> Case:
    """Noise of 20 HU round three tissues in slabs: it is packed about as well as a scan."""
    random = np.random.default_rng(0)
    tissue = np.repeat([-1000.0, 40.0, 300.0, 40.0], -(-shape[0] // 4))[: shape[0], None, None]
    image = (tissue + random.normal(0, 20, shape)).round().astype(np.float32)
    label = torch.zeros(shape, dtype=torch.int64)
    label[shape[0] // 2 :] = 1
    affine = np.diag([0.8, 0.8, 2.0, 1.0])
    names = ("background", "structure")
    return Case(torch.from_numpy(image)[None], label, (0.8, 0.8, 2.0), affine, "ct", "ct", names)


def _peers(folder: Path) -> dict[str, Read]:
    """The same voxels kept in other ways; what is not installed is left out."""
    import h5py

    image = np.load(folder / "set" / "ct.image.npy")
    chunks = (1, *(min(_CHUNK, n) for n in image.shape[1:]))
    with h5py.File(folder / "set.h5", "w") as file:
        file.create_dataset("image", data=image, chunks=chunks, compression="gzip", compression_opts=1)

    def hdf5(window: tuple[slice, ...]) -> NDArray[Any]:
        with h5py.File(folder / "set.h5", "r") as file:
            return np.asarray(file["image"][(slice(None), *window)])

    path = folder / "set" / "ct.image.npy"
    peers: dict[str, Read] = {
        "whole volume": lambda window: np.load(path)[(slice(None), *window)].copy(),
        "HDF5, gzip, chunks of 64": hdf5,
    }
    try:
        import zarr
    except ImportError:
        return peers
    for name, compressors in (("Zarr, zstd", "auto"), ("Zarr, uncompressed", None)):
        array = zarr.create_array(
            str(folder / name), shape=image.shape, chunks=chunks, dtype=image.dtype, compressors=compressors
        )
        array[:] = image
        peers[f"{name}, chunks of 64"] = partial(_zarr, folder / name)
    return peers


def _zarr(path: Path, window: tuple[slice, ...]) -> NDArray[Any]:
    import zarr

    array: Any = zarr.open_array(str(path), mode="r")
    return np.asarray(array[(slice(None), *window)])


def _mapped(path: Path) -> Read:
    return lambda window: np.load(path, mmap_mode="r")[(slice(None), *window)].copy()


def _places(read: Read, shape: tuple[int, ...], patch: tuple[int, ...]) -> Callable[[], object]:
    """Reads the same sequence of places whatever the reader."""
    random = np.random.default_rng(1)

    def one() -> object:
        starts = [int(random.integers(n - p + 1)) for n, p in zip(shape, patch, strict=True)]
        return read(tuple(slice(s, s + p) for s, p in zip(starts, patch, strict=True)))

    return one


def _in_turn(batches: PatchBatches) -> Callable[[], object]:
    state = {"iteration": 0}

    def one() -> object:
        state["iteration"] += 1
        return batches[state["iteration"]]

    return one
