"""Other answers to the question of what a large loss means: stress it, suppress it, or bound it."""

from segkit._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "box_cox": ["GeneralizedCELoss", "generalized_cross_entropy"],
        "focusing": ["FocalLoss", "focal"],
        "hardest_share": ["TopKCrossEntropyLoss", "top_k_cross_entropy"],
        "reversed_roles": ["SymmetricCELoss", "symmetric_cross_entropy"],
        "student_t": ["TLoss", "t_loss"],
        "uncertain": ["OHEMLoss", "ohem"],
    },
)
