"""Full-scale training, one readable script per idea: settings in YAML, the Trainer, the whole test part."""

from segkit._lazy import attach

RECIPES = ("supervised", "loss_envelope", "voxel_metric", "coarse_refined", "local_ssl", "mask_prior")
"""Every recipe: `segkit/recipes/<name>.py` with its settings beside it in `<name>.yaml`."""

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "geometry": ["Geometry", "fit_geometry"],
        "launching": ["launch"],
        "run": ["Run"],
        "settings": ["Section", "parse_pairs", "read_settings"],
        "testing": ["test_run"],
    },
)
