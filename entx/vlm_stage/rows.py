"""Labelled questions and their picture files as training rows: cleaned truths and weights, no page needed.

Of each picture file only the header is read. Every question that does not become a row is counted by its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from PIL import Image

from entx.core.candidates import find_candidates, page_quantities
from entx.core.entities import Schema
from entx.core.images import FORMATS, MAX_PIXELS
from entx.core.types import OcrPage, PageKey, PageStatus, Quantity
from entx.neural.labelled import source_weight, usable_labels
from entx.neural.labels import RangePolicy
from entx.neural.negatives import Negative, certain_negatives
from entx.storage.labels import PicturedQuestion, pictured_questions
from entx.storage.pages import load_pages
from entx.storage.store import Store

_THREADS = 4  # they wait for the disk
_ORIENTATION = 0x0112  # of EXIF; 5 to 8 lie on their side
_PAGES_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class RowSettings:
    """Which questions count, and how.

    Args:
        sources: see `source_weight`.
        ranges: what becomes of labels with two ends.
        held_out: pictures (sha256) of which nothing may be learnt, such as those of a test set.
    """

    sources: Mapping[str, float] = field(default_factory=dict)
    ranges: RangePolicy = RangePolicy.UPPER
    held_out: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Row:
    """One question with its picture and its truth.

    Args:
        index: of the question; None for a generated one.
        picture: sha256 of the file.
        size: width and height of the upright picture.
        truth: None where the picture does not show it.
        weight: how often an epoch visits it on average.
        source: the table it came from, or a `Negative`.
        weak: its label is not trusted.
    """

    index: int | None
    picture: str
    path: str
    size: tuple[int, int]
    group_id: str
    entity_name: str
    truth: Quantity | None
    weight: float
    source: str
    weak: bool

    @property
    def generated(self) -> bool:
        """Whether no table asked it."""
        return self.index is None


def read_rows(store: Store, schema: Schema, settings: RowSettings, tally: Counter[str]) -> list[Row]:
    """The rows of all usable labelled questions, by picture in the order of their questions.

    Args:
        tally: is told what became of every labelled question.
    """
    by_picture: dict[str, list[PicturedQuestion]] = {}
    for one in pictured_questions(store):
        if not any(source_weight(settings.sources, one.question.source, name) for name in schema.entities):
            tally["dropped: weight 0"] += 1
        elif not one.path:
            tally["dropped: no picture"] += 1
        elif one.question.picture in settings.held_out:
            tally["dropped: picture is held out"] += 1
        else:
            by_picture.setdefault(one.question.picture, []).append(one)
    rows: list[Row] = []
    with ThreadPoolExecutor(_THREADS) as threads:
        sizes = threads.map(upright_size, (asked[0].path for asked in by_picture.values()))
        for asked, size in zip(by_picture.values(), sizes, strict=True):
            if isinstance(size, str):
                tally[f"dropped: picture {size}"] += len(asked)
                continue
            questions = [one.question for one in asked]
            for question, truth in usable_labels(questions, schema, settings.sources, settings.ranges, tally):
                weight = source_weight(settings.sources, question.source, question.entity_name)
                tally["used: a value" if truth else "used: empty"] += 1
                rows.append(
                    Row(question.index, question.picture, asked[0].path, size, question.group_id, question.entity_name,
                        truth, weight, question.source, weight < 1.0)
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
    for one in pictured_questions(store):
        asked.setdefault(one.question.picture, set()).add(one.question.entity_name)
    first: dict[str, Row] = {}
    for row in rows:
        first.setdefault(row.picture, row)
    found = []
    for page in _pages(store, key, list(first)):
        row = first[page.picture]
        quantities = page_quantities(page)
        negatives = certain_negatives(
            schema, lambda entity, page=page, seen=quantities: find_candidates(page, entity, seen),  # type: ignore[misc]
            asked[page.picture], {},
        )  # fmt: skip
        found += [
            Row(None, row.picture, row.path, row.size, row.group_id, entity.name, None, 1.0, kind.value, weak=False)
            for entity, kind in negatives
            if kind is Negative.ABSENT
        ]
    return found


def _pages(store: Store, key: PageKey, pictures: Sequence[str]) -> Iterator[OcrPage]:
    for start in range(0, len(pictures), _PAGES_AT_ONCE):
        pages = load_pages(store, key, pictures[start : start + _PAGES_AT_ONCE])
        yield from (page for page in pages if page.status is PageStatus.OK)
