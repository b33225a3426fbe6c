"""Prior-guided local self-supervision: two views, aligned features, consistency point by point."""

from segkit._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "aligning": ["Points", "align", "common_points", "own_points", "true_at"],
        "arms": ["DenseContrast", "GlobalContrast", "LocalInfoNCE", "LocalVICReg", "PixelPropagation"],
        "boxes": ["TwoBoxes"],
        "cells": ["Cells", "cells_of"],
        "consistency": ["local_consistency", "mean_consistency", "symmetric_consistency"],
        "contrast": ["dense_contrast", "local_info_nce", "nt_xent"],
        "cutting": ["cut", "padding"],
        "distorting": ["bent", "hidden_blocks", "shuffled_inside"],
        "few_shot": ["FineTuning", "fine_tune", "two_rates"],
        "heads": ["RowHead"],
        "intensities": ["Intensity"],
        "method": ["LocalPretraining", "target_decay"],
        "monitors": ["effective_rank", "positional_share", "spread"],
        "optimisers": ["adamw", "lars"],
        "placing": ["Placement", "shared_box"],
        "pretrained": ["LoadReport", "load_pretrained"],
        "probing": ["LinearProbe", "Retrieval", "features_at_common_points", "linear_probe", "retrieve"],
        "propagation": ["near_pairs", "pixel_consistency", "propagate"],
        "restoring": ["Distorted", "Masked", "Restoration", "restoration_error"],
        "scene": ["Scene"],
        "terms": ["GlobalConsistency", "LocalConsistency", "Term"],
        "variance": ["vicreg_terms"],
        "views": ["ViewBatches", "make_views"],
    },
)
