"""The store as training examples: text in, answer out, with what a trainer and a scorer need beside it.

    dataset = Dataset.load(store, key, schema, writer)
    train, dev = dataset.split(0.1)
    train.examples(epoch=0)          one epoch: sampled, hints given to some
    dev.examples(sampled=False)      every row, once

`page_examples` is the same without the list: page by page, for pre-training on more pages than memory should hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from entx.core.entities import Schema
from entx.core.types import PageKey
from entx.llm_stage.prompt import Hint, Style, answer_text, question_prompt
from entx.llm_stage.rows import PageWriter, Row, RowSettings, Tally, read_rows
from entx.neural.sampling import SampleSettings, coin, fold_rows, sample_rows, split_rows
from entx.storage.runs import load_answers
from entx.storage.store import Store


@dataclass(frozen=True, slots=True)
class Example:
    """One question as text.

    Args:
        index: of the question in the store; None for a generated one.
        page, question: the two parts of the prompt; the prompt is one directly after the other.
        completion: directly after the prompt, before the model's end-of-text token.
        weight: in the loss, 0 to 1.
        source: the table it came from, or a `Negative`.
        choices: texts to score, "none" last.
        right: position of the completion in `choices`; None where the label is not among them.
    """

    index: int | None
    picture: str
    group_id: str
    entity_name: str
    page: str
    question: str
    completion: str
    weight: float
    source: str
    choices: tuple[str, ...]
    right: int | None

    @property
    def prompt(self) -> str:
        """Page and question."""
        return self.page + self.question


@dataclass(frozen=True, slots=True)
class PageExamples:
    """All examples of one page."""

    page: str
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Hints:
    """Another run's answers, to be shown with the questions.

    Args:
        answers: by question index.
        share: of the examples that see theirs, drawn anew for each epoch. Generated negatives have no answer of the
            run; they see "none" in the same share where the page has no candidate, because any reader abstains there.
    """

    answers: Mapping[int, Hint] = field(default_factory=dict)
    share: float = 0.5

    @classmethod
    def of_run(cls, store: Store, run: str, share: float = 0.5) -> Hints:
        """The answers of a run of the store; none for a run that does not exist."""
        answers = {index: Hint(answer.quantity, answer.score) for index, answer in load_answers(store, run)}
        return cls(answers, share)

    def of(self, row: Row, epoch: int, seed: int) -> Hint | None:
        """The hint that the row sees in this epoch, None for none."""
        if not self.answers or not coin(self.share, seed, epoch, row.index, row.picture, row.entity_name):
            return None
        if row.index is not None:
            return self.answers.get(row.index)
        return Hint(None) if len(row.choices) == 1 else None


@dataclass(frozen=True)
class Dataset:
    """Training rows of a store.

    Args:
        rows: in the order of their pages.
        tally: what became of all questions and pages that were read, also of parts of the dataset.
    """

    rows: Sequence[Row]
    schema: Schema
    style: Style
    sampling: SampleSettings
    hints: Hints
    tally: Tally

    @classmethod
    def load(
        cls,
        store: Store,
        key: PageKey,
        schema: Schema,
        writer: PageWriter,
        settings: RowSettings | None = None,
        sampling: SampleSettings | None = None,
        hints: Hints | None = None,
    ) -> Dataset:
        """Every usable labelled question with an OK page of this key, and the certain negatives of those pages."""
        tally = Tally()
        rows: list[Row] = []
        for page in read_rows(store, key, schema, writer, settings or RowSettings(), tally):
            rows += page.rows
            rows += page.negatives
        return cls(rows, schema, writer.style, sampling or SampleSettings(), hints or Hints(), tally)

    def split(self, dev_share: float) -> tuple[Dataset, Dataset]:
        """Train and dev; see `split_rows`."""
        train, dev = split_rows(self.rows, dev_share, self.sampling.seed)
        return replace(self, rows=train), replace(self, rows=dev)

    def folds(self, folds: int) -> list[tuple[Dataset, Dataset]]:
        """Train and dev of each fold; see `fold_rows`."""
        pairs = fold_rows(self.rows, folds, self.sampling.seed)
        return [(replace(self, rows=train), replace(self, rows=dev)) for train, dev in pairs]

    def with_hints(self, share: float) -> Dataset:
        """The same with hints for another share of the examples: 1 for all that have one, 0 for none."""
        return replace(self, hints=replace(self.hints, share=share))

    def examples(self, epoch: int = 0, *, sampled: bool = True) -> list[Example]:
        """The examples of one epoch; without sampling every row once, generated ones included."""
        rows = sample_rows(self.rows, self.sampling, epoch) if sampled else self.rows
        return render(rows, self.schema, self.style, self.hints, epoch, self.sampling.seed)

    def pages(self, epoch: int = 0, *, sampled: bool = True) -> list[PageExamples]:
        """The same examples, page by page."""
        return by_page(self.examples(epoch, sampled=sampled))


def render(
    rows: Iterable[Row], schema: Schema, style: Style, hints: Hints, epoch: int = 0, seed: int = 0
) -> list[Example]:
    """Rows as text."""
    return [
        Example(
            row.index, row.picture, row.group_id, row.entity_name, row.page,
            question_prompt(schema[row.entity_name], style, hints.of(row, epoch, seed)),
            answer_text(row.truth), row.weight, row.source, row.choices, row.right,
        )
        for row in rows
    ]  # fmt: skip


def by_page(examples: Iterable[Example]) -> list[PageExamples]:
    """Neighbouring examples of one picture together."""
    grouped = (tuple(group) for _, group in groupby(examples, key=lambda one: one.picture))
    return [PageExamples(group[0].page, group) for group in grouped]


def page_examples(
    store: Store,
    key: PageKey,
    schema: Schema,
    writer: PageWriter,
    settings: RowSettings | None = None,
    hints: Hints | None = None,
    *,
    negatives: float = 1.0,
    epoch: int = 0,
    seed: int = 0,
    tally: Tally | None = None,
) -> Iterator[PageExamples]:
    """Page by page, streamed: a page's labelled questions and some of its certain negatives.

    Args:
        negatives: generated questions a page on average; on a page with fewer options all of them.
        tally: is told what became of everything; complete after the last page.
    """
    for page in read_rows(store, key, schema, writer, settings or RowSettings(), tally or Tally()):
        share = negatives / max(len(page.negatives), 1)
        drawn = [row for row in page.negatives if coin(share, "negative", seed, epoch, row.picture, row.entity_name)]
        examples = render([*page.rows, *drawn], schema, writer.style, hints or Hints(), epoch, seed)
        yield PageExamples(page.page, tuple(examples))


def rough_tokens(texts: list[str]) -> list[int]:
    """Tokens of texts for a model that is not at hand: a tag is one, of other text three characters are one.

    The shipped tokenizer makes one token of each tag; 3 characters a token is what English vocabularies make of OCR
    lines full of numbers.
    """
    return [text.count("<") + -(-sum(map(len, _outside_tags(text))) // 3) for text in texts]


def _outside_tags(text: str) -> Iterator[str]:
    for part in text.split("<"):
        yield part.rpartition(">")[2]
