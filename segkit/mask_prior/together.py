"""Several masks of one CT, with what they have in common found once."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from segkit.data import Case
from segkit.errors import unknown_name
from segkit.mask_prior.cranium import cranial_mask
from segkit.mask_prior.reports import Mask
from segkit.mask_prior.thresholds import air_mask, body_mask, bone_mask, lungs_of, skull_mask

_MAKERS: dict[str, tuple[str, Callable[[Case, Mask], Mask]]] = {
    "body": ("body", lambda case, body: body),
    "air": ("body", lambda case, body: air_mask(case, body=body)),
    "lungs": ("air", lambda case, air: lungs_of(air, case)),
    "bone": ("body", lambda case, body: bone_mask(case, body=body)),
    "skull": ("body", lambda case, body: skull_mask(case, body=body)),
    "cranium": ("body", lambda case, body: cranial_mask(case, body=body)),
}


def ct_masks(
    case: Case, names: Iterable[str] = ("body", "air", "lungs", "bone", "skull", "cranium")
) -> dict[str, Mask]:
    """Several masks of one case; the body, which all need, is found once.

    Args:
        case: a CT in HU, with spacing.
        names: of "body", "air", "lungs", "bone", "skull", "cranium".

    Raises:
        ConfigError: an unknown name.
        DataError: no HU, or no spacing.

    Example:
        >>> from segkit.data import phantom
        >>> {name: mask.report.informative for name, mask in ct_masks(phantom("ct_pelvis", 0)).items()}
        {'body': False, 'air': True, 'lungs': False, 'bone': True, 'skull': True, 'cranium': False}
    """
    wanted = list(names)
    for name in wanted:
        if name not in _MAKERS:
            raise unknown_name("CT mask", name, _MAKERS)
    made = {"body": body_mask(case)}

    def get(name: str) -> Mask:
        if name not in made:
            needed, make = _MAKERS[name]
            source = get(needed)
            made[name] = make(case, source)
        return made[name]

    return {name: get(name) for name in wanted}
