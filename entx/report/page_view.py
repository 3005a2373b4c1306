"""What is shown of one page: the picture, its lines, geometry, candidates and answers; from a file or from a store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path

from entx.core.candidates import Candidate
from entx.core.entities import Schema
from entx.core.errors import InputError, PictureError
from entx.core.images import Image, decode
from entx.core.types import Answer, OcrPage, PageKey, PageStatus
from entx.ocr_stage.engines.base import EngineSpec
from entx.ocr_stage.page_reader import PageReader
from entx.rules.reader import RulesReader, Scored
from entx.storage.pages import choose_pages, load_pages
from entx.storage.questions import Habit, habit_of, load_file, load_question
from entx.storage.runs import load_answers_to, run_settings
from entx.storage.store import Store


@dataclass(frozen=True, slots=True)
class ShownAnswer:
    """One answer and who gave it.

    Args:
        run: its name in the store; "rules" for a picture that was read on the spot.
        answer: `evidence.line_ids` point into the lines of the page that is shown; they are empty where the run read
            another page of the picture.
        truth: the table's own value, None where it has none.
    """

    run: str
    entity_name: str
    answer: Answer
    truth: str | None = None


@dataclass(frozen=True, slots=True)
class ShownCandidate:
    """A candidate and how the rules reader judged it.

    Args:
        judged: by name of each entity that was asked and that it is legal for, the best score first.
    """

    candidate: Candidate
    judged: tuple[tuple[str, Scored], ...]


@dataclass(frozen=True, slots=True)
class PageView:
    """Everything that is shown of one page.

    Args:
        title: the file's name, or the question.
        image: the upright picture that the polygons are measured in, 8-bit BGR.
        facts: name and value of what else is worth a word.
    """

    title: str
    image: Image
    page: OcrPage
    facts: tuple[tuple[str, str], ...]
    answers: tuple[ShownAnswer, ...]
    candidates: tuple[ShownCandidate, ...]


def read_picture_view(path: Path, spec: EngineSpec, schema: Schema, entity_names: Sequence[str]) -> PageView:
    """Reads a picture now, answers by the rules reader, and shows it.

    Raises:
        InputError: no such file, or an unknown entity.
        PictureError: the picture cannot be read; status and reason are in the message.
        EngineError: the engine cannot be loaded.
    """
    for name in entity_names:
        schema[name]  # an unknown name is told before any model is loaded
    data = _bytes(path)
    page = PageReader(spec).read(hashlib.sha256(data).hexdigest(), data)
    _check(page, path)
    found = RulesReader(schema).read(page, entity_names)
    answers = [ShownAnswer("rules", name, answer) for name, answer in zip(entity_names, found, strict=True)]
    facts = (("picture", path.name), ("read by", spec.engine))
    return show_page(path.name, data, page, schema, answers, facts=facts)


def question_view(store: Store, index: int, schema: Schema, *, engine: str | None, runs: Sequence[str]) -> PageView:
    """Shows a question of the store: its page and what the runs answered.

    Args:
        engine: whose page; None for the key that was written last.
        runs: names of runs; empty for all that were asked this question.

    Raises:
        InputError: no such question, run or page, or the picture's file is gone or another one now.
        PictureError: the picture could not be read; status and reason are in the message.
    """
    question = load_question(store, index)
    key = choose_pages(store, engine)
    file = load_file(store, question.image_link)
    if file is None:
        raise InputError(f"question {index}: {question.image_link} has no picture file; run entx download and ingest")
    page = next(load_pages(store, key, [file.picture]), None)
    if page is None:
        raise InputError(
            f"question {index}: {file.path} has not been read by {key.engine} with the settings of the newest pages; "
            f"run: entx ocr-cache --store {store.path}"
        )
    _check(page, file.path)
    data = _bytes(Path(file.path))
    if hashlib.sha256(data).hexdigest() != file.picture:
        raise InputError(f"{file.path}: has changed since it was read; run entx ingest and entx ocr-cache again")
    known_runs = {run: run_settings(store, run) for run in runs}
    given = {run: answer for run, answer in load_answers_to(store, index) if not runs or run in known_runs}
    answers = [
        ShownAnswer(run, question.entity_name, _of_page(answer, run_settings(store, run), key, page), question.label)
        for run, answer in given.items()
    ]
    missing = [run for run in known_runs if run not in given]
    answers += [
        ShownAnswer(run, question.entity_name, Answer(None, reason="not asked in this run"), question.label)
        for run in missing
    ]
    facts = [("picture", question.image_link.split("://")[-1]), ("read by", key.engine)]
    if question.group_id:
        facts.append(("group", question.group_id))
    if question.label is not None:
        facts.append(("truth", question.label or "no value"))
    title = f"Question {index}: {schema[question.entity_name].words}"
    names = [question.entity_name]
    habit = habit_of(store, index) if question.entity_name == "depth" else None
    return show_page(title, data, page, schema, answers, facts=facts, entity_names=names, habit=habit)


def show_page(
    title: str,
    data: bytes,
    page: OcrPage,
    schema: Schema,
    answers: Sequence[ShownAnswer],
    *,
    facts: Sequence[tuple[str, str]] = (),
    entity_names: Sequence[str] = (),
    habit: Habit | None = None,
) -> PageView:
    """Puts a page, its picture and its answers together, with the candidates for the entities asked.

    Args:
        data: the picture file that the page was read from.
        entity_names: whose candidates; empty for those of the answers.
        habit: of the question's product group, where one is known.

    Raises:
        PictureError: the picture cannot be decoded.
    """
    asked = list(dict.fromkeys(entity_names or [shown.entity_name for shown in answers]))
    size = (("size", f"{page.width} x {page.height} px"), ("lines", str(len(page.lines))))
    return PageView(
        title, decode(data), page, (*facts, *size, *_geometry_facts(page)), tuple(answers),
        _candidates(page, schema, asked, habit),
    )  # fmt: skip


def _candidates(
    page: OcrPage, schema: Schema, entity_names: Iterable[str], habit: Habit | None
) -> tuple[ShownCandidate, ...]:
    reader = RulesReader(schema)
    judged: dict[Candidate, list[tuple[str, Scored]]] = {}
    for name in entity_names:
        for scored in reader.explain(page, name, habit):
            judged.setdefault(scored.candidate, []).append((name, scored))
    ordered = sorted(judged.items(), key=lambda item: item[0].order)
    return tuple(
        ShownCandidate(candidate, tuple(sorted(found, key=lambda item: -item[1].score))) for candidate, found in ordered
    )


def _geometry_facts(page: OcrPage) -> list[tuple[str, str]]:
    if page.geometry is None:
        return []
    facts = [("white", f"{page.geometry.white:.0%}")]
    if page.geometry.parts:
        facts.append(("parts", str(page.geometry.parts)))
    if page.geometry.roundness is not None:
        facts.append(("roundness", f"{page.geometry.roundness:.2f}"))
    return facts


def _of_page(answer: Answer, settings: dict[str, object], key: PageKey, page: OcrPage) -> Answer:
    """The answer without line ids where its run read another page of the picture."""
    read = tuple(settings.get(name) for name in ("engine", "model_hash", "params_hash"))
    same = read in (astuple(key), (None, None, None)) and all(i < len(page.lines) for i in answer.evidence.line_ids)
    return answer if same else replace(answer, evidence=replace(answer.evidence, line_ids=()))


def _check(page: OcrPage, path: Path | str) -> None:
    if page.status is not PageStatus.OK:
        raise PictureError(f"{path}: {page.status}: {page.reason}")


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
