"""What to watch where no label tells right from wrong: spread, rank, and what the place in the view explains.

A self-supervised loss falls when features improve, when they collapse to a point, and when they encode
nothing but where in the view they are. The spread sees the second, the positional share the third.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from segkit.errors import DataError
from segkit.local_ssl.consistency import as_exact, check_rows


def spread(features: Tensor, valid: Tensor | None = None) -> Tensor:
    r"""Standard deviation of normalised features over points, × √C: near 1 if healthy, 0 after a collapse.

    Unit vectors spread evenly over the sphere have the deviation $1/\sqrt C$ in each channel.

    Args:
        features: (B, Q, C), float.
        valid: bool (B, Q), True where a point counts; by default all do.

    Returns:
        A scalar without gradient: the mean over the channels; 0 for fewer than two points.

    Example:
        >>> round(float(spread(torch.randn(1, 4000, 16))), 1), float(spread(torch.ones(1, 40, 16)))
        (1.0, 0.0)
    """
    valid = check_rows(features, features, valid)
    rows = F.normalize(as_exact(features.detach(), valid), dim=-1)
    count = valid.sum().clamp(min=1)
    mean = rows.sum((0, 1)) / count
    variance = ((rows - mean).square() * valid[..., None]).sum((0, 1)) / count
    return variance.sqrt().mean() * features.shape[-1] ** 0.5


def effective_rank(features: Tensor) -> Tensor:
    r"""How many directions features use: $\exp$ of the entropy of the spectrum of their covariance.

    Args:
        features: (…, C), float; all leading axes are samples.

    Returns:
        A scalar in [1, C]; C if all directions vary alike, 1 for one direction or none.

    Example:
        >>> line = torch.linspace(-1, 1, 50)[:, None] * torch.tensor([1.0, 2.0, 0.0])
        >>> round(float(effective_rank(line)), 3)
        1.0
    """
    rows = features.detach().flatten(0, -2).double()
    centred = rows - rows.mean(0)
    share = torch.linalg.eigvalsh(centred.mT @ centred).clamp(min=0)
    share = share / share.sum().clamp(min=torch.finfo(share.dtype).tiny)
    return torch.special.entr(share).sum().exp()


def positional_share(features: Tensor) -> Tensor:
    r"""The part of the features' variance that the place in the view explains, mean over channels.

    With $f_{bqc}$ at place q of view b: the variance over q of the mean over b, over the whole variance. A
    network that has learnt nothing but where in the view it is has 1, and no monitor of the loss or of the
    spread sees it. With B views of independent content chance alone gives 1/B.

    Args:
        features: (B, Q, C) or maps (B, C, *F), of many different views, at the same places in each.

    Returns:
        A scalar in [0, 1]; channels without variance are left out, and without any it is 0.

    Raises:
        DataError: fewer than two views.

    Example:
        >>> place = torch.randn(1, 30, 4)
        >>> round(float(positional_share(place.expand(8, -1, -1))), 6)
        1.0
    """
    rows = features.flatten(2).mT if features.ndim > 3 else features
    if rows.ndim != 3 or len(rows) < 2:
        raise DataError(f"the share of the place needs two views or more, got shape {tuple(features.shape)}")
    rows = rows.detach().double()
    whole = rows.var((0, 1), correction=0)
    explained = rows.mean(0).var(0, correction=0)
    varies = whole > 1e-12 * rows.square().mean((0, 1)).clamp(min=1e-300)
    share = explained[varies] / whole[varies]
    return share.mean().clamp(max=1) if len(share) else whole.new_zeros(())
