"""Stores made by hand: pages of given lines, and questions with labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from entx.core.types import OcrLine, OcrPage, PageKey, PageStatus, Question
from entx.llm_stage.data import PageWriter, rough_tokens
from entx.llm_stage.prompt import Style
from entx.storage.pages import add_pages
from entx.storage.questions import LinkedFile, add_files, add_questions
from entx.storage.store import Store

KEY = PageKey("layouts", "1", "a")
WRITER = PageWriter(Style.COMPACT, rough_tokens, 448)


@dataclass(frozen=True)
class Asked:
    """A labelled question; `source` is its table."""

    entity_name: str
    label: str | None
    source: str = "own.csv"
    group_id: str = "g"


@dataclass(frozen=True)
class Shown:
    """A picture: its lines from top to bottom, and what is asked of it."""

    lines: Sequence[str]
    questions: Sequence[Asked]
    status: PageStatus = PageStatus.OK


def page_of(picture: str, lines: Sequence[str], status: PageStatus = PageStatus.OK) -> OcrPage:
    read = tuple(
        OcrLine(text, 0.9, (10.0, 60.0 * n, 410.0, 60.0 * n, 410.0, 60.0 * n + 20, 10.0, 60.0 * n + 20))
        for n, text in enumerate(lines)
    )
    return OcrPage(picture, status, "" if status is PageStatus.OK else "broken", 1000, 1000, read)


def fill(path: Path, pictures: Sequence[Shown], key: PageKey = KEY) -> Store:
    """A store open for writing; questions are numbered from 0, pictures are called p0, p1, ..."""
    store = Store(path, write=True)
    by_source: dict[str, list[Question]] = {}
    asked = [(n, one) for n, shown in enumerate(pictures) for one in shown.questions]
    for index, (n, one) in enumerate(asked):
        question = Question(index, f"{n}.jpg", one.group_id, one.entity_name, None, one.label)
        by_source.setdefault(one.source, []).append(question)
    for source, questions in by_source.items():
        add_questions(store, questions, source)
    names = [f"p{n}" for n in range(len(pictures))]
    add_files(store, [LinkedFile(f"{n}.jpg", name, f"/nowhere/{n}.jpg", 1, 1) for n, name in enumerate(names)])
    add_pages(
        store, key, "made",
        [page_of(name, shown.lines, shown.status) for name, shown in zip(names, pictures, strict=True)],
    )  # fmt: skip
    return store
