"""Real pictures of a store for the small vision-language model, seen as `entx predict --crops` sees them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from entx.core.candidates import find_candidates, page_quantities
from entx.core.entities import CHALLENGE
from entx.core.errors import PictureError
from entx.core.quantity import Quantity
from entx.core.types import OcrPage
from entx.neural.labels import clean_label
from entx.storage.connection import Store
from entx.storage.pages import page_keys
from entx.storage.training import LabelledQuestion, labelled_questions, pages_with_questions
from entx.vlm_stage.crops import CropSettings
from entx.vlm_stage.serving import read_serving
from entx.vlm_stage.views import Look, see_file
from scripts.small_vlm.course import FORM
from scripts.small_vlm.prints import NAMES
from scripts.small_vlm.wear import worn

TRUSTED = ("curated", "confirmed", "supported", "abstained")
"""Tables whose labels count before all others (`scripts/confirmed_labels.py`), the most trusted first."""

_ABSENT = 0.15
"""Share of the questions that ask what no line of the picture could answer."""

_AT_ONCE = 10
"""Pictures of a step: each has views of its own sizes, so that their gradients are added up."""


@dataclass(frozen=True)
class RealPicture:
    """A labelled picture.

    Args:
        path: of its file.
        page: its OCR.
        truths: labelled entities.
        absent: entities of which no line holds a legal quantity.
    """

    path: Path
    page: OcrPage
    truths: tuple[tuple[str, Quantity | None], ...]
    absent: tuple[str, ...]


def real_pictures(store_path: Path) -> Iterator[RealPicture]:
    """The labelled pictures of a store; a label whose value no line holds is left out, since it may be wrong."""
    with Store(store_path) as store:
        key = page_keys(store)[0][0]
        files = dict(store.connection.execute("select picture, path from pictures").fetchall())
        for page, questions in pages_with_questions(store, key, labelled_questions(store, key)):
            made = labelled_picture(Path(files[page.picture]), page, sorted(questions, key=_trust))
            if made.truths:
                yield made


def _trust(question: LabelledQuestion) -> int:
    name = Path(question.source).stem
    return TRUSTED.index(name) if name in TRUSTED else len(TRUSTED)


def labelled_picture(path: Path, page: OcrPage, questions: Sequence[LabelledQuestion]) -> RealPicture:
    """What the questions' labels say about a picture; the first of an entity counts."""
    quantities = page_quantities(page)
    truths: dict[str, Quantity | None] = {}
    for question in questions:
        entity = CHALLENGE[question.entity_name]
        said = clean_label(question.label, entity)
        if entity.name in truths or said.fault is not None:
            continue
        there = any(one.quantity == said.quantity for one in find_candidates(page, entity, quantities))
        if said.quantity is None or there:
            truths[entity.name] = said.quantity
    absent = tuple(name for name in NAMES if not find_candidates(page, CHALLENGE[name], quantities))
    return RealPicture(path, page, tuple(truths.items()), absent)


class RealBatches:
    """Steps of real pictures, each picture a batch of its own.

    Args:
        store: with labels, pictures and OCR.
        folder: of the model, whose view sizes and budget of pixels are taken.
    """

    def __init__(self, store: Path, folder: Path) -> None:
        from transformers import AutoConfig, AutoTokenizer
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

        from entx.vlm_stage.families.qwen_vl import QwenCodec

        self._pictures = list(real_pictures(store))
        self._pixels = read_serving(folder).pixels
        self._codec = QwenCodec(
            AutoTokenizer.from_pretrained(folder),
            Qwen2VLImageProcessorPil.from_pretrained(folder),
            AutoConfig.from_pretrained(folder),
        )

    def draw(self, seed: str) -> list[Any]:
        """One step; equal seeds give equal steps."""
        from scripts.small_vlm.model import SmallBatch

        rng = random.Random(seed)
        found: list[Any] = []
        while len(found) < _AT_ONCE:
            one = rng.choice(self._pictures)
            look = Look(round(self._pixels * rng.uniform(0.8, 1.2)), CropSettings() if rng.random() < 0.85 else None)
            try:
                views = see_file(one.path, self._codec, look, one.page).images
            except PictureError:
                continue
            pictures = tuple(np.asarray(worn(view, rng, 0.3, 0.02))[None] for view in views)
            found.append(SmallBatch(pictures, (tuple(self._ask(rng, one) for _ in range(2)),)))
        return found

    def _ask(self, rng: random.Random, one: RealPicture) -> tuple[str, str]:
        if one.absent and rng.random() < _ABSENT:
            return FORM.ask(CHALLENGE[rng.choice(one.absent)]), FORM.empty
        name, value = rng.choice(one.truths)
        return FORM.ask(CHALLENGE[name]), FORM.answer(value)
