"""Cases, named data sets, NIfTI files."""

from segkit._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "case": ["IGNORE", "Case"],
        "dataset": ["DataSet", "Licence", "Remote", "Source"],
        "download": ["NotAvailable"],
        "loading": ["Loaded", "load", "load_or_phantom"],
        "locations": ["available", "cache_folder", "locate"],
        "manifest": ["manifest_hash"],
        "nifti": ["read_case", "write_mask"],
        "preparing": ["prepare"],
        "registry": ["DATASETS", "describe"],
    },
)
