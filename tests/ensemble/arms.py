"""Ballots and stores made by hand: what each arm said, as short texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from entx.core.entities import CHALLENGE
from entx.core.types import Answer, OcrPage, PageKey, Question, parse_written
from entx.ensemble.ballot import Ballot, make_ballot
from entx.storage.pages import add_pages
from entx.storage.questions import LinkedFile, add_files, add_questions
from entx.storage.runs import add_answers, begin_run
from entx.storage.store import Store

KEY = PageKey("rapidocr", "m", "p")
PAGES = {"engine": KEY.engine, "model_hash": KEY.model_hash, "params_hash": KEY.params_hash}

Said = str | None | tuple[str, float]
"""An arm's answer: "5.0 gram"; "" for none; None for not asked; with a number, how sure it says to be."""


def answer(said: Said) -> Answer | None:
    if said is None:
        return None
    text, sure = said if isinstance(said, tuple) else (said, None)
    quantity = parse_written(text) if text else None
    assert quantity is not None or not text, text
    made = Answer(quantity, text, "" if quantity else "abstained")
    if sure is None:
        return made
    return replace(made, p_correct=sure) if quantity else replace(made, p_present=1.0 - sure)


def ballot(*said: Said, entity: str = "item_weight", index: int = 0, fold: int = 0) -> Ballot:
    return make_ballot(index, CHALLENGE[entity], [answer(one) for one in said], fold=fold)


def winner(order: Sequence[int], of: Ballot) -> str:
    """The chosen answer's text; "" for none."""
    quantity = of.options[order[0]].quantity if order else None
    return quantity.text if quantity else ""


def make_store(
    path: Path,
    arms: dict[str, list[Said]],
    entities: Sequence[str] = (),
    page: OcrPage | None = None,
    settings: dict[str, dict[str, str]] | None = None,
) -> Path:
    """A store in which each arm said this to the questions 0, 1, ...

    Args:
        entities: of the questions; all item_weight by default.
        page: of every question's picture.
        settings: of some of the runs.
    """
    count = max(map(len, arms.values()))
    with Store(path, write=True) as store:
        names = entities or ["item_weight"] * count
        add_questions(store, [Question(i, f"{i}.jpg", "g", name) for i, name in enumerate(names)], "t.csv")
        if page is not None:
            add_files(store, [LinkedFile(f"{i}.jpg", page.picture, "p.jpg", 1, 1) for i in range(len(names))])
            add_pages(store, KEY, "ocr", [page])
        for run, said in arms.items():
            begin_run(store, run, "vlm", (settings or {}).get(run, {"model": run}))
            rows = [(i, made) for i, one in enumerate(said) if (made := answer(one)) is not None]
            if rows:
                add_answers(store, run, rows)
    return path


def make_learnable_store(path: Path, rows: int, *more: tuple[Said, Said]) -> list[str]:
    """A store of two arms that learning can tell apart; gives the truths.

    Every fourth row has no value: `b` says so, `a` never does. Else `a` is right where the index is no multiple of 3,
    and `b` elsewhere. `more` are both arms' answers to questions without a truth.
    """
    truths = ["" if i % 4 == 0 else f"{i + 1} gram" for i in range(rows)]
    a: list[Said] = [truth if truth and i % 3 else "9999 gram" for i, truth in enumerate(truths)]
    b: list[Said] = [truth if not truth or i % 3 == 0 else "8888 gram" for i, truth in enumerate(truths)]
    make_store(path, {"a": [*a, *(one for one, _ in more)], "b": [*b, *(one for _, one in more)]})
    return truths
