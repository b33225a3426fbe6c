"""How a slice must be turned to hang as radiologists hang it, and which letters belong to its edges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segkit.errors import DataError

OPPOSITE = {"R": "L", "L": "R", "A": "P", "P": "A", "S": "I", "I": "S"}

# The radiological view: the patient's right, or front, on the viewer's left; front, or head, at the top.
_LEFT_EDGE = ("R", "A")
_TOP_EDGE = ("S", "A")


def axis_letters(affine: NDArray[np.float64]) -> tuple[str, str, str]:
    """Towards which side of the patient each voxel axis grows.

    Args:
        affine: `(4, 4)`, voxel index → mm in RAS+.

    Returns:
        One letter of R, L, A, P, S, I per axis; for an oblique affine that of the nearest patient axis.

    Raises:
        DataError: for a matrix that gives two voxel axes the same direction, or none.

    Example:
        >>> axis_letters(np.diag([-1.0, -1.0, 3.0, 1.0]))
        ('L', 'P', 'S')
    """
    from nibabel.orientations import aff2axcodes

    affine = np.asarray(affine, dtype=float)
    codes: Any = aff2axcodes(affine) if affine.shape == (4, 4) and np.isfinite(affine).all() else (None,)
    if None in codes:
        raise DataError(
            "the affine does not turn three voxel axes into three directions; give a (4, 4) matrix"
        )
    x, y, z = codes
    return x, y, z


@dataclass(frozen=True)
class View:
    """What turns the two in-plane axes `(u, v)` of a slice into rows (downwards) and columns (rightwards).

    Attributes:
        transpose: whether `u` becomes the horizontal axis.
        flip_rows: whether the rows are turned upside down, after the transposition.
        flip_columns: whether the columns are mirrored, after the transposition.
        edges: letters at the left, right, top and bottom edge, or four empty strings where nothing is known.
    """

    transpose: bool = False
    flip_rows: bool = False
    flip_columns: bool = False
    edges: tuple[str, str, str, str] = ("", "", "", "")

    def apply(self, plane: NDArray) -> NDArray:
        """Turn a `(U, V)` array into rows and columns of the picture."""
        plane = plane.T if self.transpose else plane
        plane = plane[::-1] if self.flip_rows else plane
        return plane[:, ::-1] if self.flip_columns else plane

    def spacing(self, u: float, v: float) -> tuple[float, float]:
        """Size of a pixel along the rows and along the columns of the picture."""
        return (v, u) if self.transpose else (u, v)


def radiological(affine: NDArray[np.float64], axis: int) -> View:
    """The view of slices across one voxel axis: right on the left, front or head at the top.

    Args:
        affine: `(4, 4)`, voxel index → mm in RAS+.
        axis: the voxel axis that is cut across, 0, 1 or 2.

    Example:
        >>> radiological(np.eye(4), 2)
        View(transpose=True, flip_rows=True, flip_columns=True, edges=('R', 'L', 'A', 'P'))
    """
    letters = axis_letters(affine)
    u, v = (letters[a] for a in range(3) if a != axis)
    # Left-right is always horizontal; head-foot always vertical; front-back takes what is left.
    transpose = u in "RL" or v in "SI"
    down, right = (v, u) if transpose else (u, v)
    flip_columns = right in _LEFT_EDGE
    flip_rows = down in _TOP_EDGE
    right = OPPOSITE[right] if flip_columns else right
    down = OPPOSITE[down] if flip_rows else down
    return View(transpose, flip_rows, flip_columns, (OPPOSITE[right], right, OPPOSITE[down], down))
