"""Coarse-refined consistency, ranked losses, and the semi-supervised methods that they stand beside."""

from segkit._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "consistency": ["CoarseRefinedConsistency", "coarse_refined_consistency"],
        "contour_patches": ["ContourPatchSampler", "ContourPatches"],
        "grid_patches": ["GridPatchSampler", "GridPatches"],
        "inter_patch": ["InterPatchRankedLoss", "graded_patch_ranking", "inter_patch_ranked_loss"],
        "intra_patch": ["IntraPatchRankedLoss", "intra_patch_ranked_loss"],
        "lists": ["Ranking", "rank_lists"],
        "memory": ["DescriptorMemory"],
        "method": ["CoarseRefined"],
        "mixed": ["MixedCoarseRefined"],
        "monitors": ["TargetWatch", "gap", "outlook"],
        "network": ["VARIANTS", "CoarseRefinedNet", "Outputs"],
        "pairing": ["semi_supervised_batches"],
        "pseudo_labels": ["PseudoLabelLoss"],
        "ramps": ["RampUp", "ramp_up"],
        "ranked_list": ["RankedListLoss", "ranked_list_loss"],
        "ranked_terms": ["RankedTerms"],
        "readings": ["hardest_pixels", "neighbour_ap", "score_ranking", "smooth_ap", "structure_scores"],
        "semi_supervised": ["Halves", "SemiSupervised"],
        "views": ["StrongView", "noisy"],
    },
)
