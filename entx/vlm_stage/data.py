"""What a vision-language model learns from: a store's labelled questions and their picture files as rows and batches.

No OCR page is needed. Of each picture file only the header is read before its turn comes, so the length of every row
is known before a picture is decoded; each is decoded and cut to size once a visit (`Collator`). Every question that
does not become a row is counted by its reason. How rows are drawn, split and ordered is `neural.training.rows`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from PIL import Image
from pydantic import Field, model_validator

from entx.core.candidates import find_candidates, page_quantities
from entx.core.entities import Schema
from entx.core.errors import InputError, PictureError
from entx.core.images import FORMATS, MAX_PIXELS
from entx.core.types import OcrPage, PageKey, PageStatus
from entx.neural.backends.base import CHAT_TOKENS, Model
from entx.neural.training.recipe import DataSettings, ModelSettings, Recipe, Settings
from entx.neural.training.rows import (
    IGNORED,
    TEST_MIX,
    Dataset,
    LabelledRow,
    Negative,
    SampleSettings,
    draw_rows,
    source_weight,
    usable_labels,
)
from entx.storage.labels import LabelledQuestion, labelled_questions
from entx.storage.pages import load_pages
from entx.storage.store import Store
from entx.vlm_stage.families.base import Codec
from entx.vlm_stage.prompt import OWN, Look, PromptForm, see_file

if TYPE_CHECKING:
    import torch

_THREADS = 4  # they wait for the disk
_ORIENTATION = 0x0112  # of EXIF; 5 to 8 lie on their side
_PAGES_AT_ONCE = 512
_MOST_BROKEN = 20  # neighbours that are tried before the folder itself must be at fault


class PictureModelSettings(ModelSettings):
    """The model of a vision recipe, and which part of it learns."""

    pixels: int = Field(ge=28 * 28)  # budget of a picture
    attention: Literal["auto", "sdpa", "eager"] = "auto"  # sdpa, eager, or "auto" for the family's own choice
    # all, or only the language or the vision layers: of the adapter, or of the weights that are trained
    scope: Literal["all", "language", "vision"] = "all"


class PromptSettings(Settings):
    """How a question is put; see `prompt.PromptForm`."""

    question: str = OWN.question
    empty: str = OWN.empty
    decimal_point: bool = OWN.decimal_point

    @property
    def form(self) -> PromptForm:
        """As the readers take it."""
        return PromptForm(self.question, self.empty, self.decimal_point)

    @model_validator(mode="after")
    def _fields_are_known(self) -> Self:
        try:
            self.form  # noqa: B018 - it checks its own fields
        except InputError as error:
            raise ValueError(str(error)) from None
        return self


class PictureData(DataSettings):
    """The rows of a vision recipe.

    Generated negatives are entities of which a picture's lines hold no number with a legal unit at all.
    """

    negatives: float = Field(default=0.0, ge=0, le=0.9)
    rows: int = Field(default=0, ge=0)  # at most so many labelled questions, drawn by `sample`; 0 for all
    # stratified draws entities by their shares of the store, balanced as many of each as there are, test by the
    # challenge's shares
    sample: Literal["stratified", "balanced", "test"] = "stratified"
    # what becomes of labels whose unit the entity does not allow ("2 horsepower"): no row, or one with an empty truth
    illegal: Literal["drop", "empty"] = "drop"
    # rows at the beginning of the order of visits that are left out: an earlier training has learnt from them
    skip: int = Field(default=0, ge=0)


class PictureRecipe(Recipe):
    """A recipe of the vision-language stage."""

    STAGE = "vlm"

    model: PictureModelSettings
    prompt: PromptSettings = PromptSettings()
    data: PictureData = PictureData()
    # a configuration of DeepSpeed, as its documentation has it; empty for none
    deepspeed: dict[str, Any] = Field(default_factory=dict)

    def contradictions(self) -> list[str]:
        """As of any recipe; and what pictures and DeepSpeed do not go with."""
        faults = super().contradictions()
        if self.train.packing:
            faults.append("train.packing = true: rows with pictures are not packed")
        if self.deepspeed and self.train.backend == "unsloth":
            faults.append('a table [deepspeed] goes with train.backend = "transformers"')
        if self.deepspeed and self.model.load == "nf4":
            faults.append('DeepSpeed cannot part weights of four bits: model.load = "bf16"')
        return faults


@dataclass(frozen=True, slots=True)
class Row(LabelledRow):
    """A question about a picture file."""

    path: str
    size: tuple[int, int]  # width and height of the upright picture


def read_rows(store: Store, schema: Schema, data: PictureData, tally: Counter[str]) -> list[Row]:
    """The rows of all usable labelled questions, by picture in the order of their questions; `tally` counts all."""
    by_picture: dict[str, list[LabelledQuestion]] = {}
    for one in labelled_questions(store):
        if not any(source_weight(data.sources, one.source, name) for name in schema.entities):
            tally["dropped: weight 0"] += 1
        elif not one.path:
            tally["dropped: no picture"] += 1
        else:
            by_picture.setdefault(one.picture, []).append(one)
    rows: list[Row] = []
    with ThreadPoolExecutor(_THREADS) as threads:
        sizes = threads.map(upright_size, (asked[0].path for asked in by_picture.values()))
        for asked, size in zip(by_picture.values(), sizes, strict=True):
            if isinstance(size, str):
                tally[f"dropped: picture {size}"] += len(asked)
                continue
            for question, truth in usable_labels(asked, schema, data.sources, data.ranges, tally, illegal=data.illegal):
                weight = source_weight(data.sources, question.source, question.entity_name)
                tally["used: a value" if truth else "used: empty"] += 1
                rows.append(
                    Row(question.index, question.picture, question.group_id, question.entity_name, truth, weight,
                        question.source, weight < 1.0, asked[0].path, size)
                )  # fmt: skip
    return rows


def upright_size(path: str) -> tuple[int, int] | str:
    """Width and height of a picture file as it stands upright, from its header; or why there is none."""
    try:
        with Image.open(path, formats=FORMATS) as picture:
            width, height = picture.size
            told = "exif" in picture.info or picture.format == "TIFF"  # a PNG without would be decoded to look for it
            turned = told and picture.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
    except FileNotFoundError:
        return "is gone"
    except Exception:  # Pillow's plug-ins raise SyntaxError, ValueError, struct.error, ... on broken files
        return "cannot be opened"
    if width * height > MAX_PIXELS:
        return f"has more than {MAX_PIXELS:,} pixels"
    return (height, width) if turned else (width, height)


def absent_rows(store: Store, key: PageKey, schema: Schema, rows: Sequence[Row]) -> list[Row]:
    """Generated rows with an empty truth, for pictures with an OK page of this key.

    An entity that no table asks of the picture and of which the page's lines hold no number with a legal unit at all:
    what OCR misses, print that it cannot read, is rarely what a question is about, but such a row is no certain one.
    """
    asked: dict[str, set[str]] = {}
    for one in labelled_questions(store):
        asked.setdefault(one.picture, set()).add(one.entity_name)
    first: dict[str, Row] = {}
    for row in rows:
        first.setdefault(row.picture, row)
    found = []
    for page in _pages(store, key, list(first)):
        row, quantities = first[page.picture], page_quantities(page)
        found += [
            Row(None, row.picture, row.group_id, name, None, 1.0, Negative.ABSENT.value, False, row.path, row.size)
            for name, entity in schema.entities.items()
            if name not in asked[page.picture] and not find_candidates(page, entity, quantities)
        ]
    return found


def _pages(store: Store, key: PageKey, pictures: Sequence[str]) -> Iterator[OcrPage]:
    for start in range(0, len(pictures), _PAGES_AT_ONCE):
        pages = load_pages(store, key, pictures[start : start + _PAGES_AT_ONCE])
        yield from (page for page in pages if page.status is PageStatus.OK)


@dataclass(frozen=True)
class PictureDataset(Dataset[Row]):
    """Training rows of a store."""

    @classmethod
    def load(
        cls, store: Store, schema: Schema, data: PictureData, *, key: PageKey | None = None, seed: int = 0
    ) -> PictureDataset:
        """Every usable labelled question with a picture file, or as many as the recipe wants.

        Args:
            key: of OCR pages, for generated negatives; None generates none.
        """
        tally: Counter[str] = Counter()
        rows = read_rows(store, schema, data, tally)
        shares: Mapping[str, float] | None = None
        if data.sample != "stratified":
            shares = TEST_MIX if data.sample == "test" else dict.fromkeys({row.entity_name for row in rows}, 1.0)
        if data.rows and data.rows < len(rows):
            drawn = draw_rows(rows, data.rows, shares, seed)
            tally["not drawn"] += len(rows) - len(drawn)
            rows = drawn
        if key is not None and data.negatives > 0:
            rows += absent_rows(store, key, schema, rows)
        return cls(rows, SampleSettings.of(data, seed), {"questions": tally})


@dataclass(frozen=True, slots=True)
class PictureRow:
    """A row as the trainer visits it."""

    picture: str  # sha256 of the file
    path: str
    question: str
    answer: str  # "" for nothing at all
    # image_tokens, length: tokens of the picture, and of the whole row: picture, question, answer, end
    image_tokens: int
    length: int
    learnt: int  # those of the answer and its end
    weight: float  # how often an epoch visits it on average

    @property
    def identity(self) -> object:
        """What tells it from other rows; where its picture lies does not matter."""
        return self.picture, self.question, self.answer, self.length


def encode(rows: Sequence[Row], codec: Codec | int, schema: Schema, form: PromptForm, pixels: int) -> list[PictureRow]:
    """The rows with the numbers of tokens that the codec will make of them, in their order.

    Args:
        codec: or the tokens of every picture (0: as its size asks for), to guess the others without a codec.

    Raises:
        InputError: of a family that is read only.
    """
    if isinstance(codec, int):
        return _guess(rows, codec, schema, form, pixels)
    blank = codec.view_size((1, 1), pixels)
    drawn = codec.pixels([Image.new("RGB", blank)])
    empty = codec.prompt(drawn, "")
    codec.batch([drawn], [empty], prompts=[len(empty)], left=False)  # a family without training says so here

    @cache
    def text_tokens(question: str) -> int:
        """Those of a prompt beside its picture's: what a blank picture's prompt has beside its own."""
        return len(codec.prompt(drawn, question)) - codec.image_tokens(blank)

    @cache
    def learnt(answer: str) -> int:
        return len(codec.completion(answer)) + 1  # and the end

    made = []
    for row in rows:
        question, answer = form.ask(schema[row.entity_name]), form.answer(row.truth)
        seen = codec.image_tokens(codec.view_size(row.size, pixels))
        length = seen + text_tokens(question) + learnt(answer)
        made.append(
            PictureRow(row.picture, row.path, question, answer, seen, length, learnt(answer), row.weight)
        )  # fmt: skip
    return made


def _guess(rows: Sequence[Row], fixed: int, schema: Schema, form: PromptForm, pixels: int) -> list[PictureRow]:
    made, guess = [], Model()
    for row in rows:
        question, answer = form.ask(schema[row.entity_name]), form.answer(row.truth)
        seen = fixed or min(guess.image_tokens(guess.view_size(row.size, pixels)), pixels // 28**2)
        asked, learnt = guess.count_tokens((question, answer))
        length = seen + CHAT_TOKENS + asked + learnt
        made.append(PictureRow(row.picture, row.path, question, answer, seen, length, learnt, row.weight))
    return made


class Collator:
    """Rows by their number into inputs and labels; the loss is on the answer and its end.

    A picture whose header was sound may still be damaged. Its visit goes to the next row whose picture is sound, and
    its name into a file, so that a training of days does not end by it.

    Args:
        rows: of all visits.
        pixels: budget of a picture.
        broken: file that tells of damaged pictures, one a line.
    """

    def __init__(self, codec: Codec, rows: Sequence[PictureRow], pixels: int, broken: Path):
        self.codec = codec
        self.rows = rows
        self.look = Look(pixels)
        self.broken = broken

    def __call__(self, batch: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """Inputs of a forward pass with `labels`, of {"visit": number} each; nothing is learnt of ~number."""
        import torch

        pixels, rows, prompts, unlearnt = [], [], [], []
        for one in batch:
            visit = int(one["visit"])
            row, views = self._sound(max(visit, ~visit))
            seen = self.codec.pixels(views)
            prompt = self.codec.prompt(seen, row.question)
            pixels.append(seen)
            rows.append((*prompt, *self.codec.completion(row.answer), self.codec.ends[0]))
            prompts.append(len(prompt))
            unlearnt.append(visit < 0)
        made = self.codec.batch(pixels, rows, prompts=prompts, left=False)
        labels = torch.full_like(made["input_ids"], IGNORED)
        for number, (tokens, learnt_from) in enumerate(zip(rows, prompts, strict=True)):
            labels[number, learnt_from : len(tokens)] = torch.tensor(tokens[learnt_from:])
        labels[unlearnt] = IGNORED
        made["labels"] = labels
        return made

    def _sound(self, visit: int) -> tuple[PictureRow, tuple[Any, ...]]:
        """The row of the visit, or of the next one with a sound picture, and the picture's views."""
        for step in range(_MOST_BROKEN):
            row = self.rows[(visit + step) % len(self.rows)]
            try:
                return row, see_file(Path(row.path), self.codec.view_size, self.look).images
            except PictureError as error:
                with self.broken.open("a", encoding="utf-8") as stream:
                    stream.write(f"{row.picture} {error}\n")
        raise InputError(
            f"{row.path} and {_MOST_BROKEN - 1} pictures before it cannot be read; are their files still there?"
        )


def broken_pictures(path: Path) -> int:
    """How many distinct pictures a training's file of damaged ones names."""
    if not path.exists():
        return 0
    return len({line.split(" ", 1)[0] for line in path.read_text(encoding="utf-8").splitlines()})
