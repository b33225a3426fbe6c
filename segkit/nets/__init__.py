"""Networks: a U-Net with named feature taps, a ViT segmenter, pointwise heads."""

from segkit._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "grid": ["Tap"],
        "heads": ["PointwiseHead"],
        "norms": ["GroupNorm"],
        "parameters": ["count_parameters"],
        "unet": ["UNet"],
        "vit": ["ViTSegmenter"],
    },
)
