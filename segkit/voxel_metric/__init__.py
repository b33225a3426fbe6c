"""Voxel metric learning: sampled voxels, tuples on the unit sphere, a branch on a U-Net, two stages."""

from segkit._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "auxiliary": ["ContourBranch"],
        "boxes": ["CropBox", "centroid", "contained", "containment_rate", "crop_at", "fit_box"],
        "branch": ["Branch", "MetricBranch", "SameVoxelCE", "named_loss"],
        "coarse": ["coarse_labels", "coarse_mean"],
        "contours": ["band_width_mm", "in_band", "with_distances"],
        "contrastive": ["circle", "info_nce", "lifted_structure", "multi_similarity", "sup_con"],
        "crops": ["CropBatches"],
        "folder": ["is_two_stage", "load_two_stage", "save_two_stage"],
        "gathering": ["gather_voxels"],
        "localising": ["Located", "largest_component", "locate"],
        "method": ["MetricUNet"],
        "pipeline": ["Stage", "TwoStage", "TwoStageResult", "paste"],
        "sampling": ["POLICIES", "VoxelSample", "VoxelSampler"],
        "separation": ["class_means", "nearest_class_mean", "silhouette"],
        "tuples": ["MINING", "TripletPairLoss", "TupleTerms", "Triplets", "mine", "triplet_pair"],
    },
)
