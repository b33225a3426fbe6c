import re

import pytest
from monai.apps import DecathlonDataset

from segkit.data import DATASETS, describe
from segkit.errors import ConfigError


def test_the_five_sets_of_the_book():
    assert list(DATASETS) == ["hippocampus", "openkbp", "acdc", "hc18", "chaos"]
    assert all(describe(name).name == name for name in DATASETS)


def test_the_hash_of_the_hippocampus_archive_is_the_one_that_monai_publishes():
    (file,) = DATASETS["hippocampus"].files
    assert file.hash == f"md5:{DecathlonDataset.md5['Task04_Hippocampus']}"
    assert file.urls[0] == DecathlonDataset.resource["Task04_Hippocampus"]


@pytest.mark.parametrize("name", DATASETS)
def test_an_entry_is_complete(name):
    entry = DATASETS[name]
    assert entry.classes[0] == "background" and len(set(entry.classes)) == len(entry.classes) >= 2
    assert entry.licence.spdx in {"CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-SA-4.0", "MIT"}
    assert entry.licence.meaning.endswith(".") and entry.licence.url.startswith("https://")
    assert entry.citations and all(re.search(r"\b20\d\d\b", text) for text in entry.citations)
    assert entry.homepage.startswith("http") and entry.layout and entry.description.endswith(".")
    assert entry.folders[0] == name
    assert bool(entry.files) != bool(entry.instructions)
    notice = entry.notice()
    assert entry.licence.spdx in notice and all(text in notice for text in entry.citations)


@pytest.mark.parametrize("name", DATASETS)
def test_downloads_have_safe_names_and_encrypted_addresses(name):
    files = DATASETS[name].files
    assert len({file.name for file in files}) == len(files)
    assert sum(file.unpack for file in files) <= 1  # archives are unpacked side by side with nothing else
    for file in files:
        assert file.urls and all(url.startswith("https://") for url in file.urls)
        assert not file.name.startswith("/") and ".." not in file.name
        assert file.hash is None or re.fullmatch(r"md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}", file.hash)


def test_an_unknown_name_gets_the_nearest_one():
    with pytest.raises(ConfigError, match="did you mean 'openkbp'"):
        describe("openkpb")
