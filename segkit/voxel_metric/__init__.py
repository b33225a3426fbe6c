"""Voxel metric learning: sampled voxels, tuples on the unit sphere, a branch on a U-Net, two stages."""

from segkit._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "auxiliary": ["ContourBranch"],
        "branch": ["Branch", "MetricBranch", "SameVoxelCE", "named_loss"],
        "coarse": ["coarse_labels", "coarse_mean"],
        "contours": ["band_width_mm", "in_band", "with_distances"],
        "contrastive": ["circle", "info_nce", "lifted_structure", "multi_similarity", "sup_con"],
        "gathering": ["gather_voxels"],
        "method": ["MetricUNet"],
        "sampling": ["POLICIES", "VoxelSample", "VoxelSampler"],
        "tuples": ["MINING", "TripletPairLoss", "TupleTerms", "Triplets", "mine", "triplet_pair"],
    },
)
