"""Labelled questions and their pages as training rows: cleaned truths, weights, and what a scorer may choose from.

One pass over the pages; each page is parsed and put into words once, whatever number of questions is asked of it.
Every question that does not become a row is counted by its reason (`Tally`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from entx.core.candidates import Candidate, find_candidates, page_quantities
from entx.core.entities import Entity, Schema
from entx.core.types import OcrPage, PageKey, Quantity
from entx.llm_stage.prompt import Style, answer_text, page_prompt
from entx.neural.labelled import source_weight, usable_labels
from entx.neural.labels import RangePolicy
from entx.neural.negatives import certain_negatives
from entx.storage.labels import LabelledQuestion, labelled_questions, labelled_sources, pages_with_questions
from entx.storage.store import Store


class Unreadable(StrEnum):
    """What becomes of a label that is not among the page's candidates, so that no reader of its lines can find it."""

    EMPTY = "empty"  # the right answer of a reader of lines: none
    DROP = "drop"
    KEEP = "keep"  # the label, for models that mend what the engine misread


@dataclass(frozen=True, slots=True)
class RowSettings:
    """Which questions count, and how.

    Args:
        sources: see `source_weight`. (Of the challenge's train labels on hand-checked rows right were: depth 6 of 73,
            width 9 of 31, height 19 of 25, volume 49 of 97, weight 244 of 304, maximum weight 392 of 477, voltage 159
            of 171, wattage 143 of 163.)
        ranges: what becomes of labels with two ends.
        unreadable: what becomes of labels that no candidate equals.
        unreadable_weight: factor on the weight of a weak row that became empty. On 146 hand-curated train rows and 51
            gold rows that have a page, the train label was no candidate in 37: 17 truths were empty, 17 the label that
            the engine had missed, 3 another value.
        negatives: whether to look for certain negatives.
        held_out: pictures (sha256) of which nothing may be learnt, such as those of a test set.
    """

    sources: Mapping[str, float] = field(default_factory=dict)
    ranges: RangePolicy = RangePolicy.UPPER
    unreadable: Unreadable = Unreadable.EMPTY
    unreadable_weight: float = 0.5
    negatives: bool = True
    held_out: frozenset[str] = frozenset()

    def weight_of(self, source: str, entity_name: str) -> float:
        """The weight of a table's labels about an entity."""
        return source_weight(self.sources, source, entity_name)


@dataclass(frozen=True, slots=True)
class PageWriter:
    """How pages are put into words.

    Args:
        count_tokens: the model's number of tokens of each text.
        budget: tokens that a page part may have.
    """

    style: Style
    count_tokens: Callable[[list[str]], list[int]]
    budget: int = 448


@dataclass(frozen=True, slots=True)
class Row:
    """One question with its page part and its truth.

    Args:
        index: of the question; None for a generated one.
        truth: what a reader of the page's lines should answer; None for "none".
        weight: in the loss, 0 to 1.
        source: the table it came from, or a `Negative`.
        weak: its label is not trusted.
        page: the page part of the prompt, one text for all rows of the page.
        choices: the distinct candidates of the shown lines as answer texts, in reading order, "none" last.
        right: position of the truth in `choices`; None where it is not there.
    """

    index: int | None
    picture: str
    group_id: str
    entity_name: str
    truth: Quantity | None
    weight: float
    source: str
    weak: bool
    page: str
    choices: tuple[str, ...]
    right: int | None

    @property
    def generated(self) -> bool:
        """Whether it is a generated negative."""
        return self.index is None


@dataclass(frozen=True, slots=True)
class PageRows:
    """The rows of one page.

    Args:
        rows: of labelled questions.
        negatives: every certain negative that the page allows; far more than should be used.
    """

    page: str
    rows: tuple[Row, ...]
    negatives: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of questions and pages, by reason; grows while rows are read."""

    questions: Counter[str] = field(default_factory=Counter)
    pages: Counter[str] = field(default_factory=Counter)


def read_rows(
    store: Store, key: PageKey, schema: Schema, writer: PageWriter, settings: RowSettings, tally: Tally
) -> Iterator[PageRows]:
    """Every page of this key that a labelled question names, in the order of their questions; streamed.

    A page whose questions all fell away is not given, but counted.

    Args:
        tally: is told what became of every labelled question.
    """
    chosen = []
    for count in labelled_sources(store, key):
        if not any(settings.weight_of(count.source, name) for name in schema.entities):
            tally.questions["dropped: weight 0"] += count.labelled
            continue
        chosen.append(count.source)
        tally.questions["dropped: no page"] += count.labelled - count.with_page
    asked = labelled_questions(store, key, chosen)
    free = [question for question in asked if question.picture not in settings.held_out]
    tally.questions["dropped: picture is held out"] += len(asked) - len(free)
    for page, questions in pages_with_questions(store, key, free):
        found = page_rows(page, questions, schema, writer, settings, tally)
        if found is not None:
            yield found


def page_rows(
    page: OcrPage,
    questions: Iterable[LabelledQuestion],
    schema: Schema,
    writer: PageWriter,
    settings: RowSettings,
    tally: Tally,
) -> PageRows | None:
    """The rows of one page; None where no question is left."""
    asked = list(questions)
    labels = usable_labels(asked, schema, settings.sources, settings.ranges, tally.questions)
    if not labels:
        tally.pages["without a usable label"] += 1
        return None
    quantities = page_quantities(page)
    prompt = page_prompt(
        page, schema, writer.style, count_tokens=writer.count_tokens, budget=writer.budget, quantities=quantities
    )
    tally.pages["used"] += 1
    tally.pages["with dropped lines"] += prompt.dropped > 0
    tally.pages["dropped lines"] += prompt.dropped
    kept = set(prompt.kept)
    by_units: dict[tuple[str, ...], list[Candidate]] = {}

    def candidates(entity: Entity) -> list[Candidate]:
        if entity.units not in by_units:
            by_units[entity.units] = find_candidates(page, entity, quantities)
        return by_units[entity.units]

    def row(
        question: LabelledQuestion | None,
        entity: Entity,
        truth: Quantity | None,
        weight: float,
        source: str,
        weak: bool,
    ) -> Row:
        shown = [one.quantity for one in candidates(entity) if one.line_ids[0] in kept]
        choices = (*dict.fromkeys(map(answer_text, shown)), answer_text(None))
        text = answer_text(truth)
        return Row(
            question.index if question else None, page.picture, question.group_id if question else "", entity.name,
            truth, weight, source, weak, prompt.text, choices, choices.index(text) if text in choices else None,
        )  # fmt: skip

    rows = []
    for question, truth in labels:
        entity = schema[question.entity_name]
        weight = settings.weight_of(question.source, question.entity_name)
        weak = weight < 1.0
        made = row(question, entity, truth, weight, question.source, weak)
        if made.right is None and settings.unreadable is not Unreadable.KEEP:
            if settings.unreadable is Unreadable.DROP:
                tally.questions["dropped: label is not on the page"] += 1
                continue
            weight *= settings.unreadable_weight if weak else 1.0
            made = row(question, entity, None, weight, question.source, weak)
            tally.questions["used: label is not on the page, answer none"] += 1
        else:
            what = "a label that is not on the page" if made.right is None else "a candidate" if truth else "none"
            tally.questions[f"used: {what}"] += 1
        rows.append(made)
    negatives: list[Row] = []
    if settings.negatives:
        trusted = {made.entity_name: made.truth for made in rows if not made.weak}
        names = [question.entity_name for question in asked]
        negatives = [
            row(None, entity, None, 1.0, kind.value, weak=False)
            for entity, kind in certain_negatives(schema, candidates, names, trusted)
        ]
    return PageRows(prompt.text, tuple(rows), tuple(negatives))
