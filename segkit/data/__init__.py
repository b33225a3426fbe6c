"""Cases, named data sets, NIfTI files."""

from segkit._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "augmentation": ["Augment"],
        "batches": ["PatchBatches", "WholeBatches"],
        "case": ["IGNORE", "Case"],
        "components": ["largest_part", "parts_above"],
        "corruption": ["corrupt_labels"],
        "dataset": ["DataSet", "Licence", "Remote", "Source"],
        "distances": ["contour_band", "signed_distance_mm"],
        "framing": ["crop_or_pad", "to_orientation"],
        "intensity": ["percentile", "window", "z_score"],
        "loading": ["Loaded", "load", "load_or_phantom"],
        "locations": ["NotAvailable", "available", "cache_folder", "locate"],
        "manifest": ["manifest_hash"],
        "nifti": ["read_case", "write_mask"],
        "packing": ["pack_cases", "to_half_precision", "unpack_cases"],
        "prefetch": ["Prefetch"],
        "preparing": ["prepare"],
        "preprocessing": ["preprocess"],
        "procedural": ["phantom", "phantoms"],
        "registry": ["DATASETS", "describe"],
        "resampling": ["resample", "resize"],
        "slicing": ["slices"],
        "splitting": ["Split", "k_shot", "load_split", "make_split"],
        "streams": ["Batches", "TwoStreamBatches"],
    },
)
