import pickle
import re
from pathlib import Path

import pytest
from monai.apps import DecathlonDataset

from segkit.data import CATALOGUE, DATASETS, full_set
from segkit.data.catalogue.decathlon import TASKS
from segkit.data.catalogue.scripting import show
from segkit.errors import ConfigError
from tests.data.catalogue.full_layouts import FULL_WRITERS

SCRIPTS = Path(__file__).parents[3] / "data_scripts"
WANTED = """prostate heart spleen liver pancreas lung colon hepatic_vessel hippocampus brain_tumour btcv acdc
    mmwhs_ct mmwhs_mr kits lits ribfrac segthor hc18 openkbp chaos chaos_ct chaos_mr isic2018"""


def test_the_catalogue_holds_every_set_of_the_plan_and_a_small_layout_of_each():
    assert set(CATALOGUE) == set(WANTED.split()) == set(FULL_WRITERS)
    assert set(DATASETS) <= set(CATALOGUE)


@pytest.mark.parametrize("name", CATALOGUE)
def test_an_entry_is_complete(name):
    entry = CATALOGUE[name]
    assert entry.name == name and full_set(name) is entry
    assert entry.classes[0] == "background" and len(set(entry.classes)) == len(entry.classes) >= 2
    assert entry.licence.spdx and entry.licence.meaning.endswith(".") and entry.licence.url.startswith("http")
    assert entry.citations and all(re.search(r"\b20\d\d\b", text) for text in entry.citations)
    assert entry.description.endswith(".") and entry.layout and entry.used_for and entry.cases > 0
    assert entry.modality in {"ct", "mr", "us", "rgb"} and entry.channels
    assert entry.folders[0] == name
    assert bool(entry.files) != bool(entry.instructions)
    assert not entry.instructions or "--from" in entry.instructions
    pickle.dumps(entry.read)  # other processes must be able to read


@pytest.mark.parametrize("name", CATALOGUE)
def test_downloads_are_encrypted_safe_and_either_archives_or_loose_files(name):
    files = CATALOGUE[name].files
    assert len({file.name for file in files}) == len(files)
    if name not in DATASETS:  # those are fetched by `segkit data get`
        assert len({file.unpack for file in files}) <= 1
    for file in files:
        assert file.urls and all(url.startswith("https://") for url in file.urls)
        assert not file.name.startswith("/") and ".." not in file.name
        assert file.hash is None or re.fullmatch(r"md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}", file.hash)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_addresses_and_hashes_of_the_decathlon_are_those_that_monai_publishes(task):
    (file,) = CATALOGUE[task.name].files
    assert file.hash == f"md5:{DecathlonDataset.md5[task.folder]}"
    assert file.urls == (DecathlonDataset.resource[task.folder],)


def test_every_set_has_a_script():
    texts = {path.stem: path.read_text() for path in SCRIPTS.glob("*.py")}
    tasks = {task.name for task in TASKS}
    assert texts.keys() == (CATALOGUE.keys() - tasks) | {"decathlon"}
    for name, text in texts.items():
        assert len(text.splitlines()) <= 30
        assert name == "decathlon" or f'script("{name}")' in text


def test_an_unknown_name_gets_the_nearest_one():
    with pytest.raises(ConfigError, match="unknown data set 'panceras': did you mean 'pancreas'"):
        full_set("panceras")


@pytest.mark.parametrize("name", CATALOGUE)
def test_everything_is_told_about_a_set(name, own_cache):
    text, entry = show(name), CATALOGUE[name]
    assert entry.licence.url in text and all(citation in text for citation in entry.citations)
    assert entry.homepage in text and entry.used_for in text and entry.layout in text
    assert ("download of" in text) == bool(entry.files)
