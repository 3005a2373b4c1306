"""Real pictures of a store for the small vision-language model: the whole picture, small, and crops of its numbers."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import Image
from small_vlm_course import CLOSE_UPS, LARGE, Kind, Layout

from entx.core.candidates import find_candidates, page_quantities
from entx.core.entities import CHALLENGE
from entx.core.quantity import Quantity
from entx.core.types import OcrPage
from entx.demo.prints import NAMES, Sample
from entx.demo.scene import PrintedText, Role, Scene
from entx.demo.sheets import close_ups
from entx.neural.labels import clean_label
from entx.storage.connection import Store
from entx.storage.pages import page_keys
from entx.storage.training import LabelledQuestion, labelled_questions, pages_with_questions

TRUSTED = ("curated", "confirmed", "supported", "abstained")
"""Tables whose labels count before all others (`scripts/confirmed_labels.py`), the most trusted first."""

_GENERATED = 0.15
"""Share of the questions that ask what no line of the picture could answer."""


@dataclass(frozen=True)
class RealPicture:
    """A labelled picture.

    Args:
        path: of its file.
        size: (width, height) in pixels.
        texts: lines with digits; those that hold a label's value name its entity.
        truths: labelled entities.
        absent: entities of which no line holds a legal quantity.
    """

    path: Path
    size: tuple[int, int]
    texts: tuple[PrintedText, ...]
    truths: tuple[tuple[str, Quantity | None], ...]
    absent: tuple[str, ...]


def real_pictures(store_path: Path) -> Iterator[RealPicture]:
    """The labelled pictures of a store; a label whose value no line holds is left out, since it may be wrong."""
    with Store(store_path) as store:
        key = page_keys(store)[0][0]
        files = dict(store.connection.execute("select picture, path from pictures").fetchall())
        for page, questions in pages_with_questions(store, key, labelled_questions(store, key)):
            made = _picture(Path(files[page.picture]), page, sorted(questions, key=_trust))
            if made.truths:
                yield made


def _trust(question: LabelledQuestion) -> int:
    name = Path(question.source).stem
    return TRUSTED.index(name) if name in TRUSTED else len(TRUSTED)


def _picture(path: Path, page: OcrPage, questions: Sequence[LabelledQuestion]) -> RealPicture:
    quantities = page_quantities(page)
    truths: dict[str, Quantity | None] = {}
    answering: dict[int, list[str]] = {}
    for question in questions:
        entity = CHALLENGE[question.entity_name]
        said = clean_label(question.label, entity)
        if entity.name in truths or said.fault is not None:
            continue
        found = [one for one in find_candidates(page, entity, quantities) if one.quantity == said.quantity]
        if said.quantity is None or found:
            truths[entity.name] = said.quantity
        for one in found[:1]:
            for number in one.line_ids:
                answering.setdefault(number, []).append(entity.name)
    texts = tuple(
        PrintedText(line.text, line.polygon, line.rotation, Role.DECOY, tuple(answering.get(number, ())))
        for number, line in enumerate(page.lines)
        if any(letter.isdigit() for letter in line.text)
    )
    absent = tuple(name for name in NAMES if not find_candidates(page, CHALLENGE[name], quantities))
    return RealPicture(path, (page.width, page.height), texts, tuple(truths.items()), absent)


def real_kind(store: Path) -> Kind:
    """Samples of the store's pictures, in layouts of about their aspect."""
    pictures = list(real_pictures(store))

    @lru_cache
    def fitting(size: tuple[int, int]) -> list[RealPicture]:
        wanted = size[0] / size[1]
        return [one for one in pictures if 0.75 < one.size[0] / one.size[1] / wanted < 1.33] or pictures

    def draw(seed: str, layout: Layout, _: Sequence[str]) -> Sample:
        rng = random.Random(seed)
        one = rng.choice(fitting(layout[0]))
        image = Image.open(one.path)
        image.draft("RGB", (900, 900))
        scale = image.width / one.size[0]
        texts = tuple(_scaled(text, scale) for text in one.texts)
        views, _, height = close_ups(rng, layout, Scene("real", image.convert("RGB"), {}, texts))
        asks = tuple(
            (rng.choice(one.absent), None) if one.absent and rng.random() < _GENERATED else rng.choice(one.truths)
            for _ in range(2)
        )
        return Sample(tuple(views), asks, (), height)

    return Kind("real", (*CLOSE_UPS, *LARGE), 640, draw, 2)


def _scaled(text: PrintedText, scale: float) -> PrintedText:
    x1, y1, x2, y2, x3, y3, x4, y4 = (part * scale for part in text.polygon)
    return PrintedText(text.text, (x1, y1, x2, y2, x3, y3, x4, y4), text.rotation, text.role, text.entities)
