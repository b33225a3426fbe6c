"""Other answers to the question of what a large loss means: stress it, suppress it, or bound it."""

from segkit._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "box_cox": ["GeneralizedCELoss", "generalized_cross_entropy"],
        "focusing": ["FocalLoss", "focal"],
        "reversed_roles": ["SymmetricCELoss", "symmetric_cross_entropy"],
    },
)
