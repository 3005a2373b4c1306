"""Labelled ballots with a known make-up: a reader that is good at weights and one that is good at heights."""

from __future__ import annotations

import random
from dataclasses import replace

from entx.core.entities import CHALLENGE
from entx.core.types import Alignment, Answer, Evidence, Quantity, parse_written
from entx.ensemble.ballot import Example, make_ballot
from entx.storage.questions import FOLDS

SKILL = {("item_weight", 0): 0.9, ("item_weight", 1): 0.5, ("height", 0): 0.4, ("height", 1): 0.9}
UNIT = {"item_weight": "gram", "height": "centimetre"}


def labelled(rows: int, seed: int = 0, empty: float = 0.3) -> list[Example]:
    """Two arms, half weights and half heights.

    An arm that is right has a high score; an arm that is wrong a low one and names a number that is not on the page.
    Where there is no value the arms mostly say nothing.
    """
    draw = random.Random(seed)
    made = []
    for index in range(rows):
        entity = ("item_weight", "height")[index % 2]
        truth = parse_written(f"{draw.randint(1, 99)} {UNIT[entity]}")
        assert truth is not None
        present = draw.random() >= empty
        answers = [_answer(draw, entity, arm, truth if present else None) for arm in (0, 1)]

        def find(_: int, quantity: Quantity, printed: Quantity = truth) -> Evidence:
            return Evidence(Alignment.EXACT if quantity == printed else Alignment.NONE)

        ballot = make_ballot(index, CHALLENGE[entity], answers, fold=index // 2 % FOLDS, find=find, candidates=1)
        made.append(Example(ballot, frozenset([truth] if present else []), present))
    return made


def _answer(draw: random.Random, entity: str, arm: int, truth: Quantity | None) -> Answer:
    able = draw.random() < SKILL[entity, arm]
    if truth is None and able:
        return Answer(None, score=draw.uniform(0.0, 0.4))
    if truth is not None and able:
        return Answer(truth, score=draw.uniform(0.5, 1.0))
    wrong = parse_written(f"{draw.randint(100, 199)} {UNIT[entity]}")
    return replace(Answer(wrong), score=draw.uniform(0.2, 0.7))
