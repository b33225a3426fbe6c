"""Global binary masks: outlines and enclosing structures as priors of shape and position."""

from segkit._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "cascade": ["Cascade"],
        "carrying": ["reframed", "with_maps"],
        "channels": [
            "BodyCoordinatesd",
            "GridCoordinatesd",
            "OccurrenceMapd",
            "SignedDistanced",
            "stacked",
            "with_channels",
        ],
        "controls": ["with_constant", "with_strangers_masks"],
        "cranium": ["cranial_mask"],
        "dropping": ["DropChannelsd", "drop_channels"],
        "jitter": ["Jitter"],
        "method": ["SCENARIOS", "MaskPrior"],
        "mr_masks": ["mr_body_mask"],
        "parent_network": ["ParentNetwork", "cross_fitted_masks", "fit_parent_network"],
        "parents": ["box_mask", "dilated_mask", "parent_mask"],
        "population": ["OccurrenceMaps"],
        "reports": ["Mask", "MaskReport"],
        "thresholds": [
            "air_mask",
            "body_mask",
            "bone_mask",
            "lung_mask",
            "skull_mask",
        ],
        "together": ["ct_masks"],
        "torso": ["torso_phantom"],
        "widening": ["widen_input"],
    },
)
