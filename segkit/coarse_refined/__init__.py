"""Coarse-refined consistency, ranked losses, and the semi-supervised methods that they stand beside."""

from segkit._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "consistency": ["CoarseRefinedConsistency", "coarse_refined_consistency"],
        "contour_patches": ["ContourPatchSampler", "ContourPatches"],
        "intra_patch": ["IntraPatchRankedLoss", "intra_patch_ranked_loss"],
        "lists": ["Ranking", "rank_lists"],
        "network": ["VARIANTS", "CoarseRefinedNet", "Outputs"],
        "pairing": ["semi_supervised_batches"],
        "ramps": ["RampUp", "ramp_up"],
        "ranked_list": ["RankedListLoss", "ranked_list_loss"],
        "readings": ["hardest_pixels", "score_ranking", "smooth_ap", "structure_scores"],
        "views": ["StrongView", "noisy"],
    },
)
