"""What the setups of several chapters share: a data set as networks of two or three dimensions see it."""

from __future__ import annotations

from collections.abc import Sequence

from segkit.data import Case
from segkit.experiments.plans._acdc import slices_of


class SeenBy:
    """Base of frozen data classes (`repr=False`) that hold the numbers of a data set.

    Attributes:
        dims: of the network; with 2 it is trained on slices.
    """

    dims: int

    def __repr__(self) -> str:
        """The numbers, which make up the fingerprint of a plan."""
        return repr(tuple(vars(self).values()))

    def planes(self, cases: Sequence[Case]) -> list[Case]:
        """What the network is trained on: slices of volumes for a 2-D one."""
        return [plane for case in cases for plane in self._of(case)]

    def _of(self, case: Case) -> list[Case]:
        return slices_of([case]) if len(case.shape) > self.dims else [case]
