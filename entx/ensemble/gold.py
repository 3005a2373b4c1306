"""Labelled rows for an ensemble to learn from: a truth table matched with ballots by index.

Give it rows that people have looked at. Labels that models agreed on teach an ensemble to trust those models.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from entx.core.errors import InputError
from entx.core.metric import ALSO_SEPARATOR
from entx.core.quantity import Quantity, parse_written
from entx.core.tables import parse_indices, read_table
from entx.ensemble.ballot import Ballot
from entx.ensemble.strategy import Example

_TRUTH_COLUMNS = ("entity_value", "value")


@dataclass(frozen=True, slots=True)
class Truth:
    """What is right for a question; see `Example`."""

    rights: frozenset[Quantity]
    present: bool


def read_truths(path: Path) -> dict[int, Truth]:
    """The truths of a table by index: entity_value or value, and where it is there also.

    Raises:
        TableError: the table breaks its contract.
        InputError: no truth column, or no rows.
    """
    table = read_table(path, ["index"], [*_TRUTH_COLUMNS, "also"])
    column = next((table[name] for name in _TRUTH_COLUMNS if name in table), None)
    if column is None or not len(table):
        raise InputError(f"{path}: needs rows with a column entity_value or value (found: {', '.join(table.header)})")
    also = table.get("also") or [""] * len(table)
    return {
        index: _truth(value.strip(), others)
        for index, value, others in zip(parse_indices(table), column, also, strict=True)
    }


def _truth(value: str, also: str) -> Truth:
    if not value:
        return Truth(frozenset(), False)
    read = (parse_written(text) for text in (value, *also.split(ALSO_SEPARATOR)))
    return Truth(frozenset(quantity for quantity in read if quantity is not None), True)


def examples_of(ballots: Iterable[Ballot], truths: Mapping[int, Truth]) -> list[Example]:
    """The ballots that have a truth."""
    return [
        Example(ballot, truth.rights, truth.present)
        for ballot in ballots
        if (truth := truths.get(ballot.index)) is not None
    ]


def digest(examples: Sequence[Example]) -> str:
    """Hash of the labelled rows and of all that the arms said to them."""
    hashed = hashlib.sha256()
    for example in sorted(examples, key=lambda example: example.ballot.index):
        said = [
            None if answer is None else (str(answer.quantity), answer.score, answer.log_prob, answer.p_correct)
            for answer in example.ballot.answers
        ]
        row = (example.ballot.index, example.present, sorted(map(str, example.rights)), said)
        hashed.update(repr(row).encode())
    return hashed.hexdigest()
