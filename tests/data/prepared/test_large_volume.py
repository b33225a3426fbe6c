"""A CT of 512 × 512 × 800 is prepared within the memory that is promised."""

import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

LIMIT_GB = 3.0
PROGRAM = """
import resource, sys
from segkit.data import open_prepared, prepare_cases
if __name__ == "__main__":
    folder = prepare_cases("spleen", root=sys.argv[1], out=sys.argv[2], spacing=(0.9, 0.7, 1.2))
    print(open_prepared(folder).cases()[0].shape)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)
"""


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_memory_of_a_large_volume(tmp_path):
    shape, affine = (512, 512, 800), np.diag([-0.7, -0.7, 1.0, 1.0])
    # Smooth, so that it is packed quickly; float64 labels, as some tools write them, are the worst case.
    image = np.broadcast_to((np.arange(512) % 700).astype(np.int16)[:, None, None], shape)
    label = np.zeros(shape, dtype=np.float64)
    label[150:350, 150:350, 100:700] = 1
    for folder, array in (("imagesTr", image), ("labelsTr", label)):
        (tmp_path / folder).mkdir()
        nib.save(nib.Nifti1Image(array, affine), tmp_path / folder / "spleen_1.nii.gz")
    del label, array
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), str(tmp_path / "out")],
        capture_output=True, text=True, cwd=root, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    shape_line, peak = done.stdout.splitlines()
    assert shape_line == "(398, 512, 667)"
    assert float(peak) <= LIMIT_GB
