"""Semi-supervised methods by other authors, and controls, each as one step of the shared Trainer."""

from segkit._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "cross_pseudo": ["CrossPseudoSupervision"],
        "entropies": ["EntropyMinimisation"],
        "mixing": ["CopyPaste"],
        "mutual": ["MCNetPlus"],
        "passing": ["ZeroWeight"],
        "pyramid": ["URPC"],
        "teacher": ["MeanTeacher", "UncertaintyAwareMeanTeacher"],
        "weak_strong": ["WeakToStrong"],
    },
)
