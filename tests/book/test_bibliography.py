"""References are complete and real enough to be followed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pybtex.database import BibliographyData, parse_file

HOME = Path(__file__).resolve().parents[2]
CITED = re.compile(r"\[([a-z]+(?:19|20)\d\d[a-z0-9]*)\]")
"""A citation in a docstring, such as [he2021metricunet]."""


@pytest.fixture(scope="module")
def references() -> BibliographyData:
    return parse_file(HOME / "book" / "references.bib")


def test_entries_are_complete(references: BibliographyData) -> None:
    for key, entry in references.entries.items():
        assert entry.persons["author"], key
        assert entry.fields["title"] and re.fullmatch(r"(19|20)\d\d", entry.fields["year"]), key
        assert re.fullmatch(r"[a-z]+(19|20)\d\d[a-z0-9]+", key), f"{key}: family name, year, a word"
        assert entry.fields["year"] in key, key


def test_digital_object_identifiers(references: BibliographyData) -> None:
    found = [entry.fields["doi"] for entry in references.entries.values() if "doi" in entry.fields]
    assert len(found) == len(set(found)) > 10
    assert all(re.fullmatch(r"10\.\d{4,9}/\S+", doi) for doi in found)


def test_no_work_stands_twice(references: BibliographyData) -> None:
    titles = [re.sub(r"\W+", "", entry.fields["title"].lower()) for entry in references.entries.values()]
    assert len(titles) == len(set(titles))


def test_every_work_that_the_library_cites_is_there(references: BibliographyData) -> None:
    files = sorted((HOME / "segkit").rglob("*.py"))
    cited = {key: file for file in files for key in CITED.findall(file.read_text("utf-8"))}
    assert len(cited) > 40
    assert {key: str(file) for key, file in cited.items() if key not in references.entries} == {}


def test_the_five_papers_are_there(references: BibliographyData) -> None:
    assert {
        "lapi2025topk",
        "he2021metricunet",
        "du2023criinet",
        "xie2020pgl",
        "kazemimoghadam2022masks",
    } <= set(references.entries)
