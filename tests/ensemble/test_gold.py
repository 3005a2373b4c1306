from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from entx.core.errors import InputError, TableError
from entx.core.types import parse_written
from entx.ensemble.fit import Truth, digest, examples_of, read_truths
from tests.ensemble.arms import ballot


def _rights(*texts: str) -> frozenset[object]:
    return frozenset(parse_written(text) for text in texts)


def _table(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "gold.csv"
    path.write_text(text)
    return path


def test_values_empties_and_equally_right_answers(tmp_path: Path) -> None:
    text = 'index,value,also\n3,5 gram,0.005 kilogram | 5.1 gram\n4,,7 gram\n5,"[1.0, 2.0] volt",\n6, ,\n'
    assert read_truths(_table(tmp_path, text)) == {
        3: Truth(_rights("5 gram", "0.005 kilogram", "5.1 gram"), True),
        4: Truth(frozenset(), False),
        5: Truth(frozenset(), True),  # there is a value, but none that can be written
        6: Truth(frozenset(), False),
    }
    assert read_truths(_table(tmp_path, "index,entity_value\n3,5.0 gram\n"))[3].rights == _rights("5 gram")


def test_wrong_tables_are_told(tmp_path: Path) -> None:
    for text, says in (("index,label\n1,5 gram\n", "entity_value or value"), ("index,value\n", "needs rows")):
        with pytest.raises(InputError, match=says):
            read_truths(_table(tmp_path, text))
    with pytest.raises(TableError):
        read_truths(_table(tmp_path, "index,value\n1,5 gram\n1,6 gram\n"))


def test_examples_are_the_ballots_with_a_truth() -> None:
    ballots = [ballot("5 gram", "", index=1), ballot("6 gram", "", index=2)]
    (example,) = examples_of(ballots, {2: Truth(_rights("6 gram"), True), 9: Truth(frozenset(), False)})
    assert example.ballot.index == 2
    assert [example.is_right(option) for option in example.ballot.options] == [True, False]
    nothing = replace(example, rights=frozenset(), present=False)
    assert [nothing.is_right(option) for option in example.ballot.options] == [False, True]


def test_the_digest_tells_rows_and_answers_apart_and_knows_no_order() -> None:
    truths = {1: Truth(_rights("5 gram"), True), 2: Truth(frozenset(), False)}
    rows = examples_of([ballot("5 gram", index=1), ballot("6 gram", index=2)], truths)
    assert digest(rows) == digest(rows[::-1])
    assert len(digest(rows)) == 64
    others = [
        examples_of([ballot("5 gram", index=1), ballot(("6 gram", 0.5), index=2)], truths),
        examples_of([ballot("5 gram", index=1), ballot("7 gram", index=2)], truths),
        [rows[0], replace(rows[1], present=True)],
        rows[:1],
    ]
    assert len({digest(rows), *map(digest, others)}) == 5
