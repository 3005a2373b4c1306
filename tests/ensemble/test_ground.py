"""Where an answer stands in the lines of a page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from entx.core.candidates import evidence_of, find_candidates
from entx.core.entities import CHALLENGE
from entx.core.errors import InputError
from entx.core.types import NO_EVIDENCE, Alignment, Evidence, parse_written
from entx.ensemble.ballot import Ballot, ballots, choose_pages
from entx.storage.questions import LinkedFile, add_files
from entx.storage.runs import find_arms, load_arms
from entx.storage.store import Store
from tests.ensemble.arms import KEY, make_store
from tests.rules.pages import Text, page

LABEL = replace(
    page(Text("NET WT 1.1 lbs", 0, 0), Text("500 g", 0, 100), Text("5OO ml", 0, 200), Text("500 g", 0, 300)),
    picture="s1",
)


def _evidence(text: str, entity: str = "item_weight") -> Evidence:
    quantity = parse_written(text)
    assert quantity is not None
    return evidence_of(quantity, find_candidates(LABEL, CHALLENGE[entity]))


@pytest.mark.parametrize(
    ("text", "entity", "line", "alignments"),
    [
        ("500 gram", "item_weight", 1, {Alignment.EXACT, Alignment.NORMALISED}),  # the first of two
        ("500.0 gram", "item_weight", 1, {Alignment.EXACT, Alignment.NORMALISED}),
        ("1.1 pound", "item_weight", 0, {Alignment.EXACT, Alignment.NORMALISED}),
        ("500 millilitre", "item_volume", 2, {Alignment.FUZZY}),  # letters for digits
    ],
)
def test_found_as_printed(text: str, entity: str, line: int, alignments: set[Alignment]) -> None:
    found = _evidence(text, entity)
    assert found.line_ids == (line,)
    assert found.alignment in alignments
    assert found.polygon == LABEL.lines[line].polygon


@pytest.mark.parametrize("text", ["0.5 kilogram", "17.6 ounce", "501 gram", "500 milligram"])
def test_a_conversion_or_another_number_is_not_found(text: str) -> None:
    assert _evidence(text) == NO_EVIDENCE


def _ballots(path: Path) -> list[Ballot]:
    with Store(path) as store:
        arms = find_arms(store, ["a"], CHALLENGE.digest)
        rows = load_arms(store, ["a"])
        return [one for batch in ballots(store, rows, arms, CHALLENGE, choose_pages(store, arms)) for one in batch]


def test_many_questions_of_one_page_and_questions_without_one(tmp_path: Path) -> None:
    count = 2500  # more than two batches
    path = make_store(tmp_path / "s.duckdb", {"a": ["500 gram"] * count}, page=LABEL)
    with Store(path, write=True) as store:
        add_files(store, [LinkedFile(f"{i}.jpg", "not read", "n.jpg", 1, 1) for i in range(0, count, 5)])
    made = _ballots(path)
    assert [one.index for one in made] == list(range(count))
    for one in made:
        unread = one.index % 5 == 0
        assert one.candidates == (None if unread else 2)  # 1.1 lb and 500 g
        assert one.options[0].evidence.line_ids == (() if unread else (1,))


def test_a_store_without_pages_grounds_nothing(tmp_path: Path) -> None:
    (only,) = _ballots(make_store(tmp_path / "s.duckdb", {"a": ["500 gram"]}))
    assert only.candidates is None
    assert only.options[0].evidence == NO_EVIDENCE


def test_pages_of_another_key_are_not_used(tmp_path: Path) -> None:
    path = make_store(tmp_path / "s.duckdb", {"a": ["500 gram"]}, page=LABEL)
    with Store(path) as store:
        arms = find_arms(store, ["a"], CHALLENGE.digest)
        other = replace(KEY, params_hash="other")
        (batch,) = ballots(store, load_arms(store, ["a"]), arms, CHALLENGE, other)
    assert batch[0].candidates is None


def test_an_entity_that_the_schema_lacks_is_told(tmp_path: Path) -> None:
    path = make_store(tmp_path / "s.duckdb", {"a": ["500 gram"]}, ["colour"])
    with pytest.raises(InputError, match="unknown entity 'colour'"):
        _ballots(path)
