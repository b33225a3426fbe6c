import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segkit.data.prepared.quantiles import LEVELS, Counter, pooled

halves = st.lists(st.floats(-2000, 2000, width=16), min_size=1, max_size=60)


@settings(max_examples=40, deadline=None)
@given(values=halves, cut=st.integers(0, 60))
def test_quantiles_are_those_of_numpy_whatever_the_pieces(values, cut):
    array = np.array(values, dtype=np.float16)
    counter = Counter()
    counter.add(array[:cut])
    counter.add(array[cut:])
    assert (counter.quantiles() == np.quantile(array.astype(float), LEVELS, method="lower")).all()


def test_nothing_counted_gives_nothing():
    assert Counter().quantiles().size == 0 and pooled([[]], [0], [0.5]) == []


def test_pooling_is_near_the_quantiles_of_all_voxels():
    random = np.random.default_rng(0)
    parts = [
        random.normal(loc, 20, n).astype(np.float16) for loc, n in ((-50, 4000), (60, 12000), (400, 500))
    ]
    kept = []
    for part in parts:
        counter = Counter()
        counter.add(part)
        kept.append(counter.quantiles())
    levels = [0.005, 0.25, 0.5, 0.75, 0.995]
    got = pooled(kept, [len(part) for part in parts], levels)
    truth = np.quantile(np.concatenate(parts).astype(float), levels)
    assert np.abs(np.array(got) - truth).max() < 3


def test_an_image_without_contrast_is_pooled_too():
    got = pooled([np.full(201, 7.0), np.linspace(0, 10, 201)], [100, 100], [0.2, 0.5, 0.9])
    assert got == [pytest.approx(4, abs=0.1), pytest.approx(7, abs=0.1), pytest.approx(8, abs=0.1)]
