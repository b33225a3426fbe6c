"""Coarse-refined consistency: how far the coarse output is from what the refined output says."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segkit.errors import ConfigError, DataError, unknown_name
from segkit.losses.inputs import at_least_float32
from segkit.losses.reduction import reduce

KINDS = ("detached", "symmetric", "kl", "hard", "sharpened")
"""C0 to C4 of the search over readings, in this order."""


def coarse_refined_consistency(
    coarse: Tensor,
    refined: Tensor,
    *,
    kind: str = "detached",
    kappa: float = 0.0,
    temperature: float = 0.5,
) -> Tensor:
    r"""Small where the coarse output agrees with the refined one.

    $$\ell_i = \omega_i\, \lVert p_c(i) - \operatorname{sg}(p_r(i)) \rVert_2^2, \qquad
    \omega_i = \mathbb{1}[\max_k p_r^k(i) \ge \kappa]$$

    [du2023criinet] states that the refined output gives stable targets; the equation is ours. Readings:

    - "detached" (C0): as above. The target gets no gradient.
    - "symmetric" (C1): without the stop-gradient; then a constant output is optimal, for both.
    - "kl" (C2): $\mathrm{KL}(\operatorname{sg}(p_r) \,\Vert\, p_c)$.
    - "hard" (C3): $-\log p_c^{\hat y}$ with $\hat y = \arg\max_k p_r^k$, as in [chen2021cps].
    - "sharpened" (C4): C0 with the target $p_r^{1/T} / \sum_k (p_r^k)^{1/T}$, after [wu2022mcnetplus].

    Args:
        coarse: logits $s_c$, (B, K, *S), any floating dtype, K ≥ 2.
        refined: logits $s_r$, (B, K, *S).
        kind: the reading.
        kappa: κ in [0, 1): voxels whose target is less confident count as 0; 0 is off. Paper: not known.
        temperature: T in (0, 1] of "sharpened". MC-Net+: 0.1.

    Returns:
        (B, *S), one value ≥ 0 per voxel, in the dtype of the logits; 0 for a perfect prediction, p_c = p_r
        ("kl"), or certain and equal ("hard", "sharpened"). The mean runs over all voxels, those below κ
        included: `reduce(values)`.

    Empty and ignored:
        A voxel that should not count is left out by the reduction: `reduce(values, valid)`. Where ω is 0, so
        are value and gradient.

    Cost:
        Time O(N K) and a few maps of the size of the logits, by automatic differentiation.

    Differs from:
        a mean squared error over classes and voxels, which is K times smaller.

    Raises:
        DataError: the two outputs differ in shape or are not floating point.
        ConfigError: an unknown kind, or κ or T out of range.

    Example:
        >>> coarse, refined = torch.zeros(1, 2, 1), torch.tensor([[[0.0], [50.0]]])
        >>> coarse_refined_consistency(coarse, refined)  # (½ − 0)² + (½ − 1)²
        tensor([[0.5000]])
    """
    if kind not in KINDS:
        raise unknown_name("kind of consistency", kind, KINDS)
    if not (0 <= kappa < 1 and 0 < temperature <= 1):
        raise ConfigError(f"kappa must be in [0, 1) and temperature in (0, 1], got {kappa} and {temperature}")
    floating = coarse.is_floating_point() and refined.is_floating_point()
    if not floating or coarse.shape != refined.shape or coarse.ndim < 2 or coarse.shape[1] < 2:
        raise DataError(
            "the two outputs must be floating-point logits of one shape (B, K, *S) with K ≥ 2, got "
            f"{coarse.dtype} {tuple(coarse.shape)} and {refined.dtype} {tuple(refined.shape)}"
        )
    s_c, s_r = at_least_float32(coarse), at_least_float32(refined)
    if kind != "symmetric":
        s_r = s_r.detach()
    p_r = torch.softmax(s_r, 1)
    if kind == "kl":
        log_c, log_r = torch.log_softmax(s_c, 1), torch.log_softmax(s_r, 1)
        values = (p_r * (log_r - log_c)).sum(1)
    elif kind == "hard":
        values = F.cross_entropy(s_c, s_r.argmax(1), reduction="none")
    else:
        target = torch.softmax(s_r / temperature, 1) if kind == "sharpened" else p_r
        values = (torch.softmax(s_c, 1) - target).square().sum(1)
    if kappa > 0:
        values = values.masked_fill(p_r.amax(1) < kappa, 0)
    return values.to(coarse.dtype)


class CoarseRefinedConsistency(nn.Module):
    """Mean of `coarse_refined_consistency` over voxels.

    Args:
        kind: "detached", "symmetric", "kl", "hard" or "sharpened".
        kappa: smallest confidence of a target.
        temperature: of "sharpened".

    Example:
        >>> same = torch.randn(1, 3, 4)
        >>> float(CoarseRefinedConsistency()(same, same))
        0.0
    """

    def __init__(self, kind: str = "detached", *, kappa: float = 0.0, temperature: float = 0.5) -> None:
        super().__init__()
        self.kind, self.kappa, self.temperature = kind, kappa, temperature
        nothing = torch.zeros(1, 2, 0)
        coarse_refined_consistency(nothing, nothing, kind=kind, kappa=kappa, temperature=temperature)

    def forward(self, coarse: Tensor, refined: Tensor, valid: Tensor | None = None) -> Tensor:
        """The loss of two outputs (B, K, *S), a scalar; `valid` (B, *S) is True where a voxel counts."""
        values = coarse_refined_consistency(
            coarse, refined, kind=self.kind, kappa=self.kappa, temperature=self.temperature
        )
        return reduce(values, valid)
