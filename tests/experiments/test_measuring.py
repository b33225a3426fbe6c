"""From a method and cases to the columns of a record."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from segkit.data import Case
from segkit.errors import DataError
from segkit.experiments.measuring import measure_cases, predict_batched
from segkit.train import Method


class Oracle(Method):
    """Reads the class of a voxel from its intensity, and counts what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[tuple[int, ...]] = []

    def predict(self, image: Tensor) -> Tensor:
        assert not self.training
        assert not torch.is_grad_enabled()
        self.batches.append(tuple(image.shape))
        return torch.nn.functional.one_hot(image[:, 0].round().long(), 3).movedim(-1, 1).float()


def case(number: int, image: Tensor, label: Tensor | None = None) -> Case:
    label = image.long() if label is None else label
    return Case(
        image[None], label, (2.0, 1.0), np.eye(4), f"case_{number}", f"p{number}", ("ground", "a", "b")
    )


def image_of(*values: int, shape: tuple[int, int] = (4, 6)) -> Tensor:
    image = torch.zeros(shape)
    for row, value in enumerate(values):
        image[row] = value
    return image


def test_a_perfect_method_scores_perfectly_in_every_metric():
    cases = [case(i, image_of(1, 2, 1, 0)) for i in range(3)]
    found = measure_cases(Oracle(), cases, ["dice", "hd95_mm"])
    assert found["metrics"] == {"dice": [[1.0, 1.0]] * 3, "hd95_mm": [[0.0, 0.0]] * 3}
    assert (found["classes"], found["cases"]) == (["a", "b"], ["case_0", "case_1", "case_2"])
    assert found["groups"] == ["p0", "p1", "p2"]
    assert found["units"] == {"dice": "1", "hd95_mm": "mm"}
    assert found["policies"] == {"dice": "nan", "hd95_mm": "diagonal"}
    assert found["status"] == {"both_empty": [], "missed": [], "spurious": []}


def test_empty_masks_are_listed_by_case_and_class():
    missed = case(0, image_of(1, 0), image_of(1, 2).long())
    spurious = case(1, image_of(1, 2), image_of(1, 0).long())
    nothing = case(2, image_of(1, 0))
    found = measure_cases(Oracle(), [missed, spurious, nothing], ["dice", "hd95_mm"])
    assert found["status"] == {"missed": [[0, 1]], "spurious": [[1, 1]], "both_empty": [[2, 1]]}
    assert found["metrics"]["dice"] == [[1.0, 0.0], [1.0, 0.0], [1.0, None]]
    diagonal = float(f"{np.hypot(8, 6):.5g}")
    assert found["metrics"]["hd95_mm"] == [[0.0, diagonal], [0.0, diagonal], [0.0, None]]


def test_neighbours_of_one_shape_are_predicted_together_and_in_order():
    shapes = [(4, 6)] * 3 + [(5, 5)] + [(4, 6)]
    cases = [case(i, image_of(i % 3, shape=shape)) for i, shape in enumerate(shapes)]
    method = Oracle().train()
    labels = list(predict_batched(method, cases, batch_size=2))
    assert [shape[0] for shape in method.batches] == [2, 1, 1, 1]
    assert all(torch.equal(label, c.label) for label, c in zip(labels, cases, strict=True))
    assert method.training


def test_there_must_be_something_to_measure():
    with pytest.raises(DataError, match="no cases"):
        measure_cases(Oracle(), [], ["dice"])
    with pytest.raises(DataError, match="case_0 has no label"):
        measure_cases(Oracle(), [case(0, image_of(1)).with_(label=None)], ["dice"])


def test_extra_measures_stand_beside_the_metrics_and_are_undefined_where_not_finite():
    cases = [case(i, image_of(1, 2)) for i in range(2)]

    def voxels(of: Case, prediction: Tensor) -> dict[str, list[float]]:
        return {"voxels": [float((prediction == 1).sum()), float("nan")]}

    found = measure_cases(Oracle(), cases, ["dice"], extra=voxels)
    assert found["metrics"] == {"dice": [[1.0, 1.0]] * 2, "voxels": [[6.0, None]] * 2}
    assert found["units"]["voxels"] == "1"


def test_the_band_has_the_width_that_is_asked_for():
    shifted = case(0, image_of(0, 1, 1, 1, 1, shape=(9, 6)), image_of(1, 1, 1, 1, shape=(9, 6)).long())
    narrow, wide = (
        measure_cases(Oracle(), [shifted], ["band_dice"], band_mm=width)["metrics"]["band_dice"][0][0]
        for width in (2.0, 8.0)
    )
    assert narrow < wide


def test_a_method_may_ask_for_the_case():
    class WithCase(Oracle):
        def predict_case(self, of: Case) -> Tensor:
            return of.label

    method = WithCase()
    assert measure_cases(method, [case(0, image_of(1, 2))], ["dice"])["metrics"]["dice"] == [[1.0, 1.0]]
    assert method.batches == []
