"""The ranked list loss over rows with labels."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from segkit.coarse_refined.lists import Ranking, rank_lists
from segkit.errors import DataError
from segkit.losses.inputs import IGNORE
from segkit.losses.reduction import reduce


def ranked_list_loss(
    embeddings: Tensor,
    labels: Tensor,
    *,
    others: Tensor | None = None,
    other_labels: Tensor | None = None,
    alpha: float = 1.2,
    margin: float = 0.4,
    t_pos: float = 0.0,
    t_neg: float = 5.0,
    beta: float = 0.5,
) -> Tensor:
    r"""Small where rows of one class lie within α − m of each other, and rows of two classes beyond α.

    $$\ell_i = (1-\beta) \sum_{j \in P_i} \hat w_{ij}\,(d_{ij} - (\alpha - m))
    + \beta \sum_{j \in N_i} \hat w_{ij}\,(\alpha - d_{ij}), \qquad d_{ij} = \|z_i - z_j\|_2$$

    The lists hold what violates: $P_i$ the rows of the class of i, without i, with $d_{ij} > \alpha - m$, and
    $N_i$ those of other classes with $d_{ij} < \alpha$. The weights are a softmax over the list,
    $\hat w_{ij} \propto e^{T_p d_{ij}}$ or $\propto e^{-T_n d_{ij}}$, and have no gradient
    [wang2019rankedlist].

    Args:
        embeddings: (N, d), any floating dtype; on the unit sphere distances lie in [0, 2].
        labels: (N,), integers, or IGNORE = −1.
        others: (M, d), rows that fill the lists in place of the embeddings themselves; they get a gradient
            too. A row that is also an anchor has distance 0 to itself and is never in its own list.
        other_labels: (M,), their classes.
        alpha: α; paper: 1.2.
        margin: m in [0, α); paper: 0.4.
        t_pos: T_p; paper: 0.
        t_neg: T_n; paper: 10; ours: 5.
        beta: β; paper: 0.5.

    Returns:
        (N,), one value ≥ 0 per row, in the dtype of the embeddings; 0 for a perfect prediction. The mean runs
        over all rows that have a label, those without a violating partner included:
        `reduce(values, labels != IGNORE)`.

    Empty and ignored:
        An ignored row has the value 0 and gradient 0 and is in no list. An empty list has the value 0.

    Cost:
        Time O(N M d); one matrix of N × M numbers is kept for the gradient, which is written by hand and can
        be differentiated only once. No map is touched.

    Differs from:
        pytorch-metric-learning's RankedListLoss, whose weights have a gradient, which adds 1e-5 for every
        pair to the denominators, and where two rows at distance 0 are in no list.

    Raises:
        DataError: shapes or dtypes do not fit.
        ConfigError: an option is out of range.

    Example:
        >>> z = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> ranked_list_loss(z, torch.tensor([0, 0, 1]))  # d = 1 twice, and √2 > α
        tensor([0.2000, 0.1000, 0.1000])
    """
    ranking = Ranking(alpha, margin, t_pos, t_neg, beta)
    same = others is None
    if same and other_labels is not None:
        raise DataError("other_labels belong to others, and none are given: pass both or neither")
    given, their_labels = (embeddings, labels) if others is None else (others, other_labels)
    for table, classes in ((embeddings, labels), (given, their_labels)):
        if (
            classes is None
            or table.ndim != 2
            or classes.shape != table.shape[:1]
            or classes.is_floating_point()
        ):
            raise DataError(
                "rows must have the shape (N, d) and one integer label each, got rows of "
                f"{tuple(table.shape)} and labels of {None if classes is None else tuple(classes.shape)}"
            )
    assert their_labels is not None  # the loop has looked
    rows, kinds, order = _by_class(embeddings, labels)
    theirs, their_kinds = (rows, kinds) if same else _by_class(given, their_labels)[:2]
    # A sum over nothing is 0 and has a gradient, of 0, even where no row has a label.
    found = [embeddings[:0].sum(-1)]
    for k, own in zip(kinds, rows, strict=True):
        unlike = [part for kind, part in zip(their_kinds, theirs, strict=True) if kind != k]
        alike = None
        if not same:
            alike = theirs[their_kinds.index(k)] if k in their_kinds else given[:0]
        negatives = torch.cat(unlike) if unlike else given[:0]
        found.append(rank_lists(own, alike, negatives, ranking=ranking).values)
    return embeddings.new_zeros(len(embeddings)).index_copy(0, order, torch.cat(found))


def _by_class(rows: Tensor, labels: Tensor) -> tuple[list[Tensor], list[int], Tensor]:
    """The labelled rows of every class together, the classes, and where the rows stood."""
    place = (labels != IGNORE).nonzero()[:, 0]
    place = place[labels[place].argsort(stable=True)]
    kinds, counts = labels[place].unique_consecutive(return_counts=True)
    return list(rows[place].split(counts.tolist())), kinds.tolist(), place


class RankedListLoss(nn.Module):
    """Mean of `ranked_list_loss` over the rows that have a label.

    Args:
        options: alpha, margin, t_pos, t_neg, beta of `ranked_list_loss`.

    Example:
        >>> z = torch.nn.functional.normalize(torch.randn(6, 4), dim=1)
        >>> RankedListLoss(t_neg=10.0)(z, torch.tensor([0, 0, 1, 1, 2, -1])).ndim
        0
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.ranking = Ranking(**options)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """The loss of rows (N, d) with labels (N,), a scalar."""
        return reduce(ranked_list_loss(embeddings, labels, **vars(self.ranking)), labels != IGNORE)
