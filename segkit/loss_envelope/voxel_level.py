"""The lower level: from the losses of the voxels of an image, all but the largest."""

from __future__ import annotations

import math
import warnings

from torch import Tensor

from segkit.errors import ConfigError
from segkit.loss_envelope.groups import Scope, group_sizes, group_voxels, require_scope
from segkit.loss_envelope.kept_means import Selector
from segkit.loss_envelope.rules import Count, PerClass, Share, Sigma, as_rule, kept_counts
from segkit.loss_envelope.selection import Selection, select
from segkit.losses.inputs import Rows


class TrimmedVoxels:
    """Drops the voxels with the largest losses of each group. Arguments as for `TopKSigmaLoss`."""

    def __init__(self, sigma: Sigma, *, scope: Scope, band_width: float, temperature: float) -> None:
        require_scope(scope)
        if scope == "band" and not band_width >= 1:
            raise ConfigError(f"band_width must be at least 1 voxel, not {band_width}")
        if not (math.isfinite(temperature) and temperature >= 0):
            raise ConfigError(f"temperature_voxel must be a finite number of 0 or more, not {temperature}")
        self.rule = as_rule(sigma)
        if scope == "image" and isinstance(self.rule, PerClass):
            raise ConfigError("sigma has rules for classes, but scope='image' knows none: choose 'class'")
        self.scope, self.band_width, self.temperature = scope, band_width, temperature
        self._warned = False

    def trims(self, ramp: float) -> bool:
        """Whether any voxel can be dropped."""
        return ramp > 0 and self.rule not in (Share(0.0), Count(0))

    def selector(self, rows: Rows, size: tuple[int, ...], *, ramp: float) -> Selector:
        """The function that chooses among the voxels of a batch by their losses.

        Args:
            rows: of `as_rows`.
            size: of an image, *S.
            ramp: in [0, 1], the part of the rule's number that is dropped.
        """

        def choose(values: Tensor) -> Selection:
            labels = rows.labels.view(len(rows.labels), *size)
            groups, n = group_voxels(
                labels, rows.logits.shape[1], scope=self.scope, band_width=self.band_width
            )
            sizes = group_sizes(groups, n)
            kept = kept_counts(self.rule, sizes, values, groups, ramp=ramp)
            if self.scope == "image" and not self._warned:
                self._warn_of_lost_foreground(rows.labels, sizes - kept)
            return select(values, groups, sizes, kept, valid=rows.counts, temperature=self.temperature)

        return choose

    def _warn_of_lost_foreground(self, labels: Tensor, dropped: Tensor) -> None:
        foreground = (labels > 0).sum(1)
        lost = ((dropped[:, 0] >= foreground) & (foreground > 0)).nonzero()
        if len(lost):
            b = int(lost[0])
            warnings.warn(
                f"scope='image' drops {int(dropped[b, 0])} voxels of image {b} of the batch, which has "
                f"{int(foreground[b])} voxels of foreground: as long as these have the largest losses, all "
                "of them are dropped, nothing teaches the network the foreground, and it learns to predict "
                "background alone; choose scope='class' or a smaller sigma",
                stacklevel=2,
            )
            self._warned = True
