"""A prediction on the grid that the image came on, whatever grid the network was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from segkit import data
from segkit.data.case import Case
from segkit.errors import ConfigError, unknown_name
from segkit.evaluate.inference import Predictor, evaluating, predict_probs

STEPS = ("percentile", "resample", "resize", "to_orientation", "window", "z_score")
"""Steps of `segkit.data` that keep the whole extent of an image, so that a prediction finds its way back."""

Step = Mapping[str, Any]
"""`{"name": "resample", "kwargs": {"spacing_mm": [1, 1, 1]}}`, as in a checkpoint's `preprocess`."""


def preprocess(case: Case, steps: Sequence[Step]) -> Case:
    """A case after named steps, in their order: the same before training and before prediction.

    Args:
        case: any case.
        steps: each with `name`, one of `STEPS`, and `kwargs` for it.

    Raises:
        ConfigError: a step that does not exist or does not take these arguments.

    Example:
        >>> case = data.phantom("hippocampus", 0)
        >>> ready = preprocess(case, [{"name": "percentile", "kwargs": {"low": 1}}, {"name": "z_score"}])
        >>> abs(float(ready.image.mean())) < 1e-4
        True
    """
    for step in steps:
        name = step.get("name", "")
        if name not in STEPS:
            raise unknown_name("preprocessing step", name, STEPS)
        try:
            case = getattr(data, name)(case, **step.get("kwargs", {}))
        except TypeError as error:
            raise ConfigError(f"the preprocessing step {name} cannot be done: {error}") from error
    return case


def predict_case(
    predictor: Predictor,
    case: Case,
    *,
    steps: Sequence[Step] = (),
    slices: bool = False,
    patch: Sequence[int] | None = None,
    **options: Any,
) -> Tensor:
    """Labels of a case on its own grid.

    The probabilities, not the labels, are interpolated back to the grid of the case, and the largest wins.

    Args:
        predictor: images `(B, C, *S)` → class probabilities `(B, K, *S)`.
        case: the image as it was read.
        steps: see `preprocess`.
        slices: the predictor is 2-D and the case 3-D: predict slice by slice along the last axis.
        patch: window on the prepared image; for slices, its first two sides. None takes all of it.
        options: further options of `predict_probs`.

    Returns:
        int64, shape `case.shape`.

    Example:
        >>> case = data.phantom("hippocampus", 0)
        >>> labels = predict_case(lambda x: torch.cat([-x, x], 1), case, steps=[{"name": "z_score"}])
        >>> torch.equal(labels == 1, data.z_score(case).image[0] > 0)
        True
    """
    ready = preprocess(case, steps)
    predict = _slicewise(predictor) if slices else predictor
    if slices:
        patch = (*(ready.shape[:2] if patch is None else patch), 1)
    with evaluating(predictor):
        probs = predict_probs(predict, ready.image, patch=patch, **options)
    return to_grid(probs, ready, case).argmax(0)


def to_grid(probs: Tensor, source: Case, target: Case) -> Tensor:
    """Probabilities on the grid of one case, interpolated linearly to that of another.

    Args:
        probs: shape `(K, *source.shape)`.
        source: where they lie.
        target: where they are wanted; both lie in the same space in mm. Beyond the source's border the
            nearest value holds.

    Returns:
        shape `(K, *target.shape)`.
    """
    from scipy.ndimage import affine_transform

    dims = len(target.shape)
    move = np.linalg.inv(source.affine) @ target.affine  # voxel of the target → voxel of the source
    if source.shape == target.shape and np.allclose(move, np.eye(4), atol=1e-6):
        return probs
    maps = [
        affine_transform(
            one,
            move[:dims, :dims],
            move[:dims, 3],
            output_shape=target.shape,
            order=1,
            mode="nearest",
        )
        for one in probs.cpu().numpy()
    ]
    return torch.from_numpy(np.stack(maps))


def _slicewise(predictor: Predictor) -> Predictor:
    """A 3-D predictor out of a 2-D one: windows (B, C, X, Y, 1) lose their last axis and get it back."""

    def predict(windows: Tensor) -> Tensor:
        return predictor(windows[..., 0])[..., None]

    return predict
