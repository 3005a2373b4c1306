"""What a text model learns from: a store's labelled questions and their pages as rows, examples, and token rows.

    dataset = TextDataset.load(store, key, schema, writer, recipe.data)
    train, dev = dataset.split(0.1)
    train.examples(epoch=0)          one epoch: sampled, hints given to some
    dev.examples(sampled=False)      every row, once

One pass over the pages; each page is parsed and put into words once, whatever number of questions is asked of it. Every
question that does not become a row is counted by its reason. How rows are drawn, split and ordered is
`neural.training.rows`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import chain, groupby
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from entx.core.candidates import Candidate, find_candidates, page_quantities
from entx.core.entities import Entity, Schema
from entx.core.errors import InputError
from entx.core.files import atomic_folder, atomic_text
from entx.core.types import OcrPage, PageKey, Quantity
from entx.llm_stage.prompt import Hint, Style, answer_text, load_hints, page_prompt, question_prompt
from entx.neural.backends.base import PromptTokenizer, Query, Request
from entx.neural.decoding import TokenTree
from entx.neural.training.recipe import LINEAR_LAYERS, DataSettings, LoraSettings, ModelSettings, Recipe, Texts
from entx.neural.training.rows import (
    IGNORED,
    Dataset,
    LabelledRow,
    SampleSettings,
    certain_negatives,
    coin,
    source_weight,
    usable_labels,
)
from entx.storage.labels import LabelledQuestion, labelled_questions, pages_with_questions
from entx.storage.store import Store


class Unreadable(StrEnum):
    """What becomes of a label that is not among the page's candidates, so that no reader of its lines can find it."""

    EMPTY = "empty"  # the right answer of a reader of lines: none
    DROP = "drop"
    KEEP = "keep"  # the label, for models that mend what the engine misread


class TextModel(ModelSettings):
    """The model of a text recipe."""

    style: Annotated[Style, Field(strict=False)]  # of the prompt, see `prompt.Style`
    budget: int = Field(ge=16)  # tokens that the page part may have
    attention: Literal["sdpa", "eager"] = "sdpa"  # sdpa, or eager for models that cap their attention logits (Gemma 2)


class TextLora(LoraSettings):
    """An adapter on the linear layers of every block, unless the recipe names others."""

    targets: Texts = LINEAR_LAYERS


class TextData(DataSettings):
    """The rows of a text recipe.

    Of the challenge's train labels on hand-checked rows right were: depth 6 of 73, width 9 of 31, height 19 of 25,
    volume 49 of 97, weight 244 of 304, maximum weight 392 of 477, voltage 159 of 171, wattage 143 of 163.
    """

    # what becomes of labels that the page's lines do not hold
    unreadable: Annotated[Unreadable, Field(strict=False)] = Unreadable.EMPTY
    # factor on the weight of a weak row that became empty. On 146 hand-curated train rows and 51 gold rows that have a
    # page, the train label was no candidate in 37: 17 truths were empty, 17 the label that the engine had missed, 3
    # another value
    unreadable_weight: float = Field(default=0.5, ge=0, le=1)
    hint_run: str = ""  # run of the store whose answers some examples see; "" for none
    hint_share: float = Field(default=0.5, ge=0, le=1)  # of the examples
    # a page's questions that make one row at most: its tokens once, the questions side by side behind them
    together: int = Field(default=1, ge=1, le=64)


class TextRecipe(Recipe):
    """A recipe of the text stage."""

    STAGE = "llm"

    model: TextModel
    lora: TextLora | None = None
    data: TextData = TextData()

    def contradictions(self) -> list[str]:
        """As of any recipe; and the page leaves no room for the question."""
        faults = super().contradictions()
        if self.model.budget >= self.model.max_length:
            faults.append(
                f"model.budget ({self.model.budget}) must leave room for the question within model.max_length"
            )
        if self.data.together > 1 and (self.train.packing or self.train.backend == "unsloth"):
            faults.append("data.together says which tokens see which; train.packing and Unsloth do so themselves")
        if self.data.together > 1 and self.model.attention != "sdpa":
            faults.append('data.together needs model.attention = "sdpa"')
        return faults


BUDGET_CUT = "dropped: the budget cut its line off the page"
"""What becomes of a question whose answer stands on the page, but not in the lines that the model would see."""


@dataclass(frozen=True, slots=True)
class PageWriter:
    """How pages are put into words."""

    style: Style
    count_tokens: Callable[[list[str]], list[int]]  # the model's number of tokens of each text
    budget: int = 448  # tokens that a page part may have


@dataclass(frozen=True, slots=True)
class Row(LabelledRow):
    """A question about a page as text."""

    # page, question: the two parts of the prompt, one directly after the other; the question is put anew for each
    # epoch, which may give it a hint
    page: str
    # the distinct candidates of the shown lines as answer texts, in reading order, "none" last
    choices: tuple[str, ...]
    right: int | None  # position of the completion in `choices`; None where it is not there
    question: str = ""

    @property
    def prompt(self) -> str:
        """Page and question."""
        return self.page + self.question

    @property
    def completion(self) -> str:
        """Directly after the prompt, before the model's end-of-text token."""
        return answer_text(self.truth)


def read_rows(
    store: Store,
    key: PageKey,
    schema: Schema,
    writer: PageWriter,
    data: TextData,
    tally: Mapping[str, Counter[str]],
    held_out: frozenset[str] = frozenset(),
) -> Iterator[list[Row]]:
    """Page by page, streamed: the rows of labelled questions, and every certain negative that the page allows.

    In the order of their questions; a page whose questions all fell away is not given, but counted.

    Args:
        tally: is told what became of all "questions" and "pages", by reason.
        held_out: pictures (sha256) of which nothing may be learnt, such as those of a test set.
    """
    known = labelled_questions(store)
    sources = {one.source for one in known}
    useless = {one for one in sources if not any(source_weight(data.sources, one, name) for name in schema.entities)}
    weighed = [one for one in known if one.source not in useless]
    asked = [one for one in labelled_questions(store, key) if one.source not in useless]
    if useless:
        tally["questions"]["dropped: weight 0"] += len(known) - len(weighed)
    tally["questions"]["dropped: no page"] += len(weighed) - len(asked)
    free = [question for question in asked if question.picture not in held_out]
    tally["questions"]["dropped: picture is held out"] += len(asked) - len(free)
    for page, questions in pages_with_questions(store, key, free):
        if rows := page_rows(page, questions, schema, writer, data, tally):
            yield rows


def page_rows(
    page: OcrPage,
    questions: Iterable[LabelledQuestion],
    schema: Schema,
    writer: PageWriter,
    data: TextData,
    tally: Mapping[str, Counter[str]],
) -> list[Row]:
    """The rows of one page, generated ones last; none where no question is left."""
    asked = list(questions)
    labels = usable_labels(asked, schema, data.sources, data.ranges, tally["questions"])
    if not labels:
        tally["pages"]["without a usable label"] += 1
        return []
    quantities = page_quantities(page)
    prompt = page_prompt(
        page, schema, writer.style, count_tokens=writer.count_tokens, budget=writer.budget, quantities=quantities
    )
    tally["pages"]["used"] += 1
    tally["pages"]["with dropped lines"] += prompt.dropped > 0
    tally["pages"]["dropped lines"] += prompt.dropped
    kept = set(prompt.kept)
    by_units: dict[tuple[str, ...], list[Candidate]] = {}

    def candidates(entity: Entity) -> list[Candidate]:
        if entity.units not in by_units:
            by_units[entity.units] = find_candidates(page, entity, quantities)
        return by_units[entity.units]

    def row(
        question: LabelledQuestion | None, entity: Entity, truth: Quantity | None, weight: float, source: str
    ) -> Row:
        shown = [one.quantity for one in candidates(entity) if one.line_ids[0] in kept]
        choices = (*dict.fromkeys(map(answer_text, shown)), answer_text(None))
        text = answer_text(truth)
        return Row(
            question.index if question else None, page.picture, question.group_id if question else "", entity.name,
            truth, weight, source, weight < 1.0, prompt.text, choices, choices.index(text) if text in choices else None,
        )  # fmt: skip

    rows = []
    for question, truth in labels:
        entity = schema[question.entity_name]
        weight = source_weight(data.sources, question.source, question.entity_name)
        made = row(question, entity, truth, weight, question.source)
        if made.right is None and any(answer_text(one.quantity) == made.completion for one in candidates(entity)):
            tally["questions"][BUDGET_CUT] += 1
            continue
        if made.right is None and data.unreadable is not Unreadable.KEEP:
            if data.unreadable is Unreadable.DROP:
                tally["questions"]["dropped: label is not on the page"] += 1
                continue
            weight *= data.unreadable_weight if made.weak else 1.0
            made = replace(made, truth=None, weight=weight, right=len(made.choices) - 1)
            tally["questions"]["used: label is not on the page, answer none"] += 1
        else:
            what = "a label that is not on the page" if made.right is None else "a candidate" if truth else "none"
            tally["questions"][f"used: {what}"] += 1
        rows.append(made)
    if data.negatives > 0:
        trusted = {made.entity_name: made.truth for made in rows if not made.weak}
        names = [question.entity_name for question in asked]
        rows += [
            row(None, entity, None, 1.0, kind.value)
            for entity, kind in certain_negatives(schema, candidates, names, trusted)
        ]
    return rows


@dataclass(frozen=True, slots=True)
class Hints:
    """Another run's answers, to be shown with the questions."""

    answers: Mapping[int, Hint] = field(default_factory=dict)  # by question index
    # of the examples that see theirs, drawn anew for each epoch. Generated negatives have no answer of the run; they
    # see "none" in the same share where the page has no candidate, because any reader abstains there
    share: float = 0.5

    @classmethod
    def of_run(cls, store: Store, run: str, share: float = 0.5) -> Hints:
        """The answers of a run of the store; InputError for a run that does not exist."""
        return cls(load_hints(store, run), share)

    def of(self, row: Row, epoch: int, seed: int) -> Hint | None:
        """The hint that the row sees in this epoch, None for none."""
        if not self.answers or not coin(self.share, seed, epoch, row.index, row.picture, row.entity_name):
            return None
        if row.index is not None:
            return self.answers.get(row.index)
        return Hint(None) if len(row.choices) == 1 else None


@dataclass(frozen=True)
class TextDataset(Dataset[Row]):
    """Training rows of a store, and how they become text."""

    schema: Schema
    style: Style
    hints: Hints  # that some examples see

    @classmethod
    def load(
        cls,
        store: Store,
        key: PageKey,
        schema: Schema,
        writer: PageWriter,
        data: TextData | None = None,
        *,
        hints: Hints | None = None,
        held_out: frozenset[str] = frozenset(),
        seed: int = 0,
    ) -> TextDataset:
        """Every usable labelled question with an OK page of this key, and the certain negatives of those pages."""
        tally, data = {"questions": Counter[str](), "pages": Counter[str]()}, data or TextData()
        pages = read_rows(store, key, schema, writer, data, tally, held_out)
        rows = [row for page in pages for row in page]
        return cls(rows, SampleSettings.of(data, seed), tally, schema, writer.style, hints or Hints())

    def examples(self, epoch: int = 0, *, sampled: bool = True) -> list[Row]:
        """The rows of one epoch with their questions; without sampling every row once, generated ones included."""
        seed = self.sampling.seed
        return [
            replace(
                row, question=question_prompt(self.schema[row.entity_name], self.style, self.hints.of(row, epoch, seed))
            )
            for row in (self.epoch(epoch) if sampled else self.rows)
        ]


@dataclass(frozen=True, slots=True)
class TokenRow:
    """Examples of one page as the model sees them: exactly the tokens that it is asked with, then those it learns."""

    page: tuple[int, ...]  # what all their prompts begin with
    # of each example the rest of its prompt, never empty, and what is learnt: its completion, the end of the answer
    asks: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    weight: float = 1.0  # how often an epoch visits it on average

    @property
    def tokens(self) -> list[int]:
        """Page, and each prompt's rest with its answer."""
        return [*self.page, *chain.from_iterable((*question, *answer) for question, answer in self.asks)]

    @property
    def labels(self) -> list[int]:
        """The tokens with all but the answers' put to `IGNORED`."""
        asks = ([*[IGNORED] * len(question), *answer] for question, answer in self.asks)
        return [*[IGNORED] * len(self.page), *chain.from_iterable(asks)]

    @property
    def length(self) -> int:
        """All tokens."""
        return len(self.page) + sum(len(question) + len(answer) for question, answer in self.asks)

    @property
    def learnt(self) -> int:
        """Those of the answers and their ends."""
        return sum(len(answer) for _, answer in self.asks)

    @property
    def identity(self) -> object:
        """What tells it from other rows."""
        return self.page, self.asks

    def tree(self) -> TokenTree:
        """The tokens, in their order; each example sees the page and itself."""
        tree = TokenTree()
        page = tree.add(-1, self.page)
        for question, answer in self.asks:
            tree.add(page, (*question, *answer))
        return tree


def encode(examples: Sequence[Row], tokenizer: PromptTokenizer) -> list[TokenRow]:
    """A row of each example, in their order, those of a page behind each other."""
    pages = [list(group) for _, group in groupby(examples, lambda one: one.page)]
    asked = [Request(page[0].page, tuple(Query(one.question, (one.completion,)) for one in page)) for page in pages]
    return [
        TokenRow(tuple(tokens.prefix), ((tuple(question), (*answer, tokenizer.ends[0])),), one.weight)
        for page, tokens in zip(pages, tokenizer.prepare(asked), strict=True)
        for one, question, (answer,) in zip(page, tokens.questions, tokens.choices, strict=True)
    ]


def join(rows: Iterable[TokenRow], most: int, max_length: int) -> list[TokenRow]:
    """Rows of one page made one, where the first of them was: at most so many examples and tokens."""
    joined: list[TokenRow] = []
    last: dict[tuple[int, ...], int] = {}  # row that a page's next example goes into
    for row in rows:
        place = last.get(row.page)
        if place is not None:
            both = replace(joined[place], asks=joined[place].asks + row.asks)
            if len(both.asks) <= most and both.length <= max_length:
                joined[place] = both
                continue
        last[row.page] = len(joined)
        joined.append(row)
    return joined


def rough_tokens(texts: list[str]) -> list[int]:
    """Tokens of texts for a model that is not at hand: a tag is one, of other text three characters are one.

    The shipped tokenizer makes one token of each tag; 3 characters a token is what English vocabularies make of OCR
    lines full of numbers.
    """
    outside = [sum(len(part.rpartition(">")[2]) for part in text.split("<")) for text in texts]
    return [text.count("<") + -(-plain // 3) for text, plain in zip(texts, outside, strict=True)]


def token_counter(folder: Path | None) -> Callable[[list[str]], list[int]]:
    """Counts by the tokenizer of a model folder, roughly without one; InputError where it cannot be had."""
    if folder is None:
        return rough_tokens
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise InputError("tokenizers is not installed; pip install 'entx-hybrid[llm]', or leave --model out") from None
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise InputError(f"{path}: no such file; --model is a model's folder with its tokenizer.json")
    tokenizer = Tokenizer.from_file(str(path))
    return lambda texts: [len(one.ids) for one in tokenizer.encode_batch(texts, add_special_tokens=False)]


def summarise_examples(examples: Sequence[Row]) -> dict[str, Any]:
    """Rows, those answered none, their weight, and how many of each entity and source."""
    return {
        "rows": len(examples),
        "none": sum(one.right == len(one.choices) - 1 for one in examples),
        "weight": round(sum(one.weight for one in examples), 3),
        "entities": dict(sorted(Counter(one.entity_name for one in examples).items())),
        "sources": dict(sorted(Counter(one.source for one in examples).items())),
    }


def write_jsonl(path: Path, examples: Iterable[Row]) -> None:
    """One example a line; gzip for `*.gz`.

    `prompt` is page and question, `page_length` the number of characters of the page part.
    """
    with atomic_text(path) as stream:
        stream.writelines(json.dumps(_record(example), ensure_ascii=False) + "\n" for example in examples)


def save_folder(folder: Path, examples: Iterable[Row]) -> None:
    """A folder for `datasets.load_from_disk`, one column a key of the JSON lines; replaced whole.

    Raises:
        InputError: `datasets` is not installed, another folder is there, or it cannot be written.
    """
    try:
        import datasets
    except ImportError:
        raise InputError("datasets is not installed; pip install 'entx-hybrid[llm]', or write --format jsonl") from None
    records = [_record(example) for example in examples]
    if not records:
        raise InputError(f"{folder}: there is no example to write; a datasets folder cannot be empty")
    columns = {name: [record[name] for record in records] for name in records[0]}
    folder = folder.resolve()
    if folder.exists() and not (folder / "dataset_info.json").is_file():
        raise InputError(f"{folder}: is there and is none of `datasets`; move it away or choose another --out")
    with atomic_folder(folder) as part:
        datasets.disable_progress_bars()
        datasets.Dataset.from_dict(columns).save_to_disk(part)
        if folder.exists():
            folder.rename(part.with_name("old"))


def _record(example: Row) -> dict[str, Any]:
    return {
        "index": example.index,
        "picture": example.picture,
        "group_id": example.group_id,
        "entity_name": example.entity_name,
        "prompt": example.prompt,
        "completion": example.completion,
        "page_length": len(example.page),
        "weight": example.weight,
        "source": example.source,
        "choices": list(example.choices),
        "right": example.right,
    }
