r"""Triplets and pairs of voxels on the unit sphere: the two losses of the metric branch, from one scan."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from segkit.errors import ConfigError, unknown_name
from segkit.voxel_metric.gradients import Tuples, hinges
from segkit.voxel_metric.rows import class_rows
from segkit.voxel_metric.scanning import cyclic_positives, scan

MINING = ("semi-hard", "batch-hard", "batch-all")


class TupleTerms(NamedTuple):
    """The two losses of one pool of voxels, and what to log with them.

    Attributes:
        triplet: mean hinge over the triplets that mining selects and that violate the margin.
        pair: balanced mean over all pairs.
        active_share: share of all triplets that violate the margin, before mining: it falls as the
            features get better. Estimated from one positive per anchor, exact with "batch-all".
        mined_share: share of the anchors whose mined triplet violates the margin. It stays near 1 for as
            long as mining finds anything, and tells little; with "batch-all" it is the active share.
    """

    triplet: Tensor
    pair: Tensor
    active_share: Tensor
    mined_share: Tensor


class Triplets(NamedTuple):
    """Mined triplets as rows of the embeddings that were given, each of shape `(T,)`, int64."""

    anchor: Tensor
    positive: Tensor
    negative: Tensor


def triplet_pair(
    embeddings: Tensor,
    labels: Tensor,
    *,
    margin: float = 0.2,
    pair_margin: float = 1.0,
    mining: str = "semi-hard",
    generator: torch.Generator | None = None,
) -> TupleTerms:
    r"""Small where voxels of one class are near each other on the sphere and other classes far away.

    With $z_i = u_i / \|u_i\|$, $D_{ij} = \|z_i - z_j\|^2 = 2 - 2 z_i^\top z_j$ and $d_{ij} = \sqrt{D_{ij}}$,
    $$ L_{tri} = \frac{1}{|T^>|} \sum_{(a, p, n) \in T} [D_{ap} - D_{an} + m]_+, \qquad
    L_{pair} = \frac12 \Big\langle \tfrac12 D_{ij} \Big\rangle_{y_i = y_j} +
    \frac12 \Big\langle \tfrac12 [m_c - d_{ij}]_+^2 \Big\rangle_{y_i \ne y_j} $$
    where $T^>$ are the triplets of T above 0, and ⟨ ⟩ is a mean over pairs i ≠ j. The triplet is that of
    [schroff2015facenet], the pair that of [hadsell2006contrastive] on the sphere; that a voxel-metric branch
    takes both is the idea of [he2021metricunet], whose formulae could not be read.

    Args:
        embeddings: u, float, shape (M, d), of any length; they are normalised here.
        labels: integers, shape (M,). Rows labelled IGNORE = −1 are left out.
        margin: m ≥ 0, on squared distances in [0, 4]; 0.2 is FaceNet's, a cosine margin of 0.1. The paper's
            is not known.
        pair_margin: $m_c$ in [0, 2], on distances; 1 is a cosine of 1/2. The paper's is not known.
        mining: which triplets are in T. "semi-hard": each anchor with one positive, `cyclic_positives`, and
            the nearest negative with $D_{ap} < D_{an} < D_{ap} + m$; where there is none, the nearest of
            all. "batch-hard": each anchor with its farthest positive and nearest negative. "batch-all": all
            triplets.
        generator: draws the positives of "semi-hard", so that over the updates every pair (a, p) comes as
            often as any other. Without one each row gets the next row of its class: as good, if rows come in
            random order.

    Returns:
        `TupleTerms` of scalars, the two losses in the dtype of the embeddings; both 0 for a perfect
        embedding, in which classes are points at least max(√m, m_c) apart. The triplet mean is over triplets
        above 0, so that satisfied ones do not dilute it; the pair mean is over all pairs, both kinds
        weighing the same.

    Empty and ignored:
        An ignored row changes neither value nor gradient. With one class alone, or no two rows of a class,
        there is no tuple: the values are 0 with a gradient of 0, connected to the embeddings.

    Cost:
        Time O(M² d), and O(M² log M) more for "batch-all". Memory O(M d) and three strips of about 2^17
        numbers on a CPU; no matrix of M × M lies in memory, and no map is kept for the gradient but one of
        (M, d). The gradient is written by hand and can be differentiated only once.

    Differs from:
        pytorch-metric-learning, whose distance is not squared unless told so, whose contrastive hinge is
        never squared, whose mean over pairs leaves out those at 0, and whose semi-hard miner takes all
        triplets of the window and enumerates them in O(M³) memory; FaceNet, which takes every positive of an
        anchor in each update.

    Raises:
        ConfigError: an unknown mining, or a margin out of range.
        DataError: shapes or dtypes do not fit.

    Example:
        >>> u = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 3.0]])
        >>> triplet_pair(u, torch.tensor([0, 0, 1, 1])).triplet  # D = 2 between the classes
        tensor(0.)
        >>> round(float(triplet_pair(u, torch.tensor([0, 1, 0, 1])).triplet), 2)  # D_ap = 2, D_an = 0
        2.2
    """
    check_margins(margin, pair_margin)
    if mining not in MINING:
        raise unknown_name("mining", mining, MINING)
    return TupleTerms(*Tuples.apply(embeddings, labels, margin, pair_margin, mining, generator))


def mine(
    embeddings: Tensor,
    labels: Tensor,
    *,
    margin: float = 0.2,
    mining: str = "semi-hard",
    generator: torch.Generator | None = None,
) -> Triplets:
    """The triplets that "semi-hard" or "batch-hard" mining selects and that violate the margin.

    Args:
        embeddings: as in `triplet_pair`.
        labels: as in `triplet_pair`.
        margin: as in `triplet_pair`.
        mining: "semi-hard" or "batch-hard".
        generator: as in `triplet_pair`.

    Returns:
        Rows of the embeddings: at most one triplet for each anchor.

    Raises:
        ConfigError: an unknown mining or a margin out of range.
        DataError: shapes or dtypes do not fit.

    Example:
        >>> u = torch.tensor([[1.0, 0.0], [1.0, 0.2], [1.0, 0.1], [0.0, 1.0]])
        >>> mine(u, torch.tensor([0, 0, 1, 1]), mining="batch-hard").negative
        tensor([2, 2, 1, 1])
    """
    check_margins(margin)
    if mining not in MINING[:2]:
        raise unknown_name("mining of single triplets", mining, MINING[:2])
    with torch.no_grad(), torch.autocast(embeddings.device.type, enabled=False):
        rows = class_rows(embeddings, labels)
        if not rows.triplets:
            none = rows.order[:0]
            return Triplets(none, none, none)
        mined, _, _ = scan(
            rows, cyclic_positives(rows, generator), mining=mining, margin=margin, pair_margin=None,
            gradient=False,
        )  # fmt: skip
        active = hinges(rows, mined, margin) > 0
        anchors = active.nonzero()[:, 0]
    found = (anchors, mined.positive[active], mined.negative[active])
    return Triplets(*(rows.order[each] for each in found))


def check_margins(margin: float = 0.2, pair_margin: float = 1.0) -> None:
    """Raise a ConfigError for margins that no two points of the unit sphere can be apart."""
    if not (0 <= margin <= 4 and 0 <= pair_margin <= 2):
        raise ConfigError(
            "on the unit sphere a squared distance is at most 4 and a distance at most 2: the margin must "
            f"be in [0, 4] and the pair margin in [0, 2], got {margin} and {pair_margin}"
        )


class TripletPairLoss(nn.Module):
    """`triplet_pair` with its options, as named terms.

    Args:
        margin: of the triplets, on squared distances.
        pair_margin: of the pairs, on distances.
        mining: "semi-hard", "batch-hard" or "batch-all".

    Raises:
        ConfigError: as `triplet_pair`.

    Example:
        >>> terms = TripletPairLoss()(torch.eye(4), torch.tensor([0, 0, 1, 1]))
        >>> {name: round(float(value), 3) for name, value in terms.items()}
        {'triplet': 0.2, 'pair': 0.5, 'active_share': 1.0, 'mined_share': 1.0}
    """

    def __init__(self, *, margin: float = 0.2, pair_margin: float = 1.0, mining: str = "semi-hard") -> None:
        super().__init__()
        check_margins(margin, pair_margin)
        if mining not in MINING:
            raise unknown_name("mining", mining, MINING)
        self.margin, self.pair_margin, self.mining = margin, pair_margin, mining

    def forward(
        self, embeddings: Tensor, labels: Tensor, generator: torch.Generator | None = None
    ) -> dict[str, Tensor]:
        """The terms of `triplet_pair` by name."""
        terms = triplet_pair(
            embeddings, labels, margin=self.margin, pair_margin=self.pair_margin, mining=self.mining,
            generator=generator,
        )  # fmt: skip
        return terms._asdict()
