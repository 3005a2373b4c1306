"""Grounding: where in the OCR lines an arm's answer stands. Pages are read in batches, each parsed once.

An arm that says itself where it read its answer, in the same pages, is believed. Any other answer is looked for among
the page's candidates, by number and unit as printed: "0.5 kilogram" is not grounded by a printed "500 g".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from entx.core.candidates import Candidate, find_candidates, page_quantities
from entx.core.entities import Entity, Schema
from entx.core.grounding import evidence_of
from entx.core.quantity import Quantity
from entx.core.types import Alignment, Answer, Evidence, PageKey
from entx.ensemble.ballot import Ballot, make_ballot
from entx.storage.arms import Arm, ArmsRow
from entx.storage.connection import Store
from entx.storage.pages import load_pages, page_keys

_BATCH = 1024


def choose_pages(store: Store, arms: Sequence[Arm]) -> PageKey | None:
    """The pages to ground in: those of the first arm that read some, else the newest of the store, else none."""
    for arm in arms:
        if arm.pages is not None:
            return arm.pages
    keys = page_keys(store)
    return keys[0][0] if keys else None


def ballots(
    store: Store, rows: Iterator[ArmsRow], arms: Sequence[Arm], schema: Schema, key: PageKey | None
) -> Iterator[list[Ballot]]:
    """The questions' ballots in batches, grounded in the pages of this key (None: not grounded).

    Raises:
        InputError: a question asks an entity that the schema does not have.
    """
    same_pages = [arm.pages in (None, key) for arm in arms]
    while batch := list(islice(rows, _BATCH)):
        pictures = {row.picture for row in batch if row.picture is not None}
        pages = {page.picture: page for page in load_pages(store, key, pictures)} if key and pictures else {}
        parsed: dict[str, tuple[Candidate, ...]] = {}
        made = []
        for row in batch:
            page = pages.get(row.picture or "")
            if page is not None and page.picture not in parsed:
                parsed[page.picture] = page_quantities(page)
            entity = schema[row.entity_name]
            candidates = None if page is None else find_candidates(page, entity, parsed[page.picture])
            made.append(
                grounded_ballot(row.index, entity, row.answers, candidates, fold=row.fold, same_pages=same_pages)
            )
        yield made


def grounded_ballot(
    index: int,
    entity: Entity,
    answers: Sequence[Answer | None],
    candidates: Sequence[Candidate] | None,
    *,
    fold: int = 0,
    same_pages: Sequence[bool] | None = None,
) -> Ballot:
    """The ballot of one question.

    Args:
        candidates: the page's quantities that are legal for the entity; None without a page.
        same_pages: for each arm whether its evidence points into this page; None where all do.
    """

    def find(arm: int, quantity: Quantity) -> Evidence:
        answer = answers[arm]
        own = same_pages is None or same_pages[arm]
        if answer is not None and own and answer.evidence.alignment is not Alignment.NONE:
            return answer.evidence
        return evidence_of(quantity, candidates or ())

    number = None if candidates is None else len({one.quantity for one in candidates})
    return make_ballot(index, entity, answers, fold=fold, find=find, candidates=number)
