"""Envelopes around a per-voxel loss: keep the images with the largest loss, drop the voxels with the largest loss."""

from segkit._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {"order_means": ["bottom_mean", "smooth_bottom_mean", "smooth_top_k_mean", "top_k_mean"]},
)
