import pytest

from segkit.data import load_split, open_prepared, prepare_list
from segkit.data.prepared.summary import choose_split
from segkit.data.splitting import PARTS
from segkit.errors import DataError
from tests.data.prepared.making import make_case, quiet


def test_the_committed_split_is_taken_for_exactly_its_groups():
    committed = load_split("chaos")
    names = [group for part in PARTS for group in getattr(committed, part)]
    assert choose_split("chaos", dict.fromkeys(names)) == committed
    assert choose_split("chaos", dict.fromkeys(names[1:])) != committed


def test_parts_that_the_source_fixes_stay_and_missing_ones_are_drawn():
    official = {**{f"p{k}": "train" for k in range(80)}, "q1": "test", "q2": "test"}
    split = choose_split("acdc", official)
    assert split.test == ("q1", "q2") and len(split.validation) == 10 and len(split.train) == 70
    split = choose_split("isic2018", {**official, "v": "validation"})
    assert split.validation == ("v",) and len(split.train) == 80


def test_without_any_training_case_the_whole_split_is_drawn():
    split = choose_split("x", {f"p{k}": "test" for k in range(10)})
    assert (len(split.train), len(split.validation), len(split.test)) == (7, 1, 2)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (make_case(1, spacing=None), "case_1 and case_0 do not agree in spacing_mm"),
        (make_case(1, channels=2), "case_1 and case_0 do not agree in channels"),
    ],
)
def test_cases_of_two_kinds_are_not_one_set(tmp_path, other, message):
    with pytest.raises(DataError, match=message):
        prepare_list([make_case(0), other], tmp_path, name="x", say=quiet)


def test_intensities_are_those_of_the_training_part(tmp_path):
    cases = [make_case(n, scale=100.0 if n == 0 else 1.0) for n in range(10)]
    made = open_prepared(prepare_list(cases, tmp_path, name="x", modality="ct", say=quiet))
    with_it = made.case("case_0").group in made.split.train
    top = made.statistics["intensity"]["channels"][0][-1]
    assert (top > 1000) == with_it
