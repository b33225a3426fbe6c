"""Losses over the voxels that count: pure functions of logits and labels, one reduction, thin modules."""

from segkit._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "combined": ["DiceCELoss", "dice_ce"],
        "entropy": ["CrossEntropyLoss", "cross_entropy"],
        "inputs": ["IGNORE"],
        "pairwise": ["cosine_similarities", "squared_distances"],
        "reduction": ["reduce"],
        "region": ["SoftDiceLoss", "dice_counts", "soft_dice"],
    },
)
