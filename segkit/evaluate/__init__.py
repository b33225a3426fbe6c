"""Metrics with a policy for empty structures, inference on whole images, statistics of a comparison."""

from segkit._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "band": ["band_dice"],
        "cases": ["DEFAULT_METRICS", "METRICS", "evaluate_case"],
        "files": ["Report", "evaluate_files"],
        "distances": ["assd_mm", "centroid_distance_mm", "hd95_mm"],
        "inference": ["predict_labels", "predict_probs"],
        "measure": ["DistancePolicy", "Measure", "OverlapPolicy", "Status"],
        "native": ["predict_case", "preprocess"],
        "overlap": ["dice", "iou", "ppv", "sensitivity"],
        "summaries": ["Summary", "summarise"],
        "volume": ["volume_error"],
    },
)
