"""What a chapter says it chose on the validation part is what its records say."""

import numpy as np
import pytest

from segkit.experiments import case_values, read_records
from segkit.experiments.plans.unet import CHOSEN, RATES


@pytest.mark.parametrize("loss", CHOSEN)
def test_the_learning_rate_of_a_loss_is_the_best_of_those_tried(loss):
    records = read_records("unet/choices")
    assert {record["part"] for record in records} == {"validation"}

    def score(rate):
        runs = [record for record in records if record["arm"] == f"{loss} {rate:.2g}"]
        return np.mean([case_values(run, "dice").mean() for run in runs])

    assert CHOSEN[loss] == max(RATES, key=score)
