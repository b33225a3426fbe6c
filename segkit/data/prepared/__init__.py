"""A data set prepared once for training at full size: one folder of arrays that are read piece by piece.

    <cache>/prepared/<name>/
        dataset.json            classes, channels, licence, citations, split, statistics, list of cases
        <case>.image.npy        float16, (C, *S): HU for CT, z-scores otherwise
        <case>.label.npy        int8, (*S): classes from 0, -1 where nobody annotated
        <case>.voxels.npy       int64, (n, 2): class and flat index of places to centre patches on
        <case>.native.nii.gz    the label on the grid of the original file, where that is another grid
        <case>.json             everything about the case; written last, so that it says "this case is whole"

Uncompressed `.npy` and not Zarr: the format is a few bytes of header in front of the array, documented by
NumPy and unchanged in what it needs here since 2007; any language reads it; a patch is copied out of mapped
memory without decompression and without a further dependency; and what was read once stays in the page cache
of the operating system, shared by all processes. The price is disk space: two bytes per voxel and one for the
label.

Measured once with the operations of `segkit bench prepared`, on two shared cores, files in the page cache,
medians of nine interleaved repeats: a patch of 128 × 128 × 96 out of 384 × 384 × 256 voxels took 1 ms; 35 ms
from Zarr 3.1 in uncompressed chunks of 64, 225 ms from its zstd, 285 ms from HDF5 with gzip, and 97 ms by
reading the whole volume.
"""
