"""Envelopes around a per-voxel loss: keep images with a large loss, drop voxels with a large loss."""

from segkit._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "bands": ["boundary_band"],
        "order_means": ["bottom_mean", "smooth_bottom_mean", "smooth_top_k_mean", "top_k_mean"],
        "peers": [
            "FocalLoss",
            "GeneralizedCELoss",
            "OHEMLoss",
            "SymmetricCELoss",
            "TLoss",
            "TopKCrossEntropyLoss",
            "focal",
            "generalized_cross_entropy",
            "ohem",
            "symmetric_cross_entropy",
            "t_loss",
            "top_k_cross_entropy",
        ],
        "reporting": ["SelectionReport"],
        "rules": ["Count", "EqualCounts", "PerClass", "Share", "Spread"],
        "smoothings": ["gated_top_k_mean", "quadratic_top_k_mean", "tilted_mean"],
        "top_k_sigma": ["TopKSigmaLoss", "Weights"],
        "warming": ["Warmup"],
    },
)
