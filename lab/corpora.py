"""Real pages to train on: those of a store with their labels, and texts that another engine read; and the way back.

The texts come without boxes: their lines are cut and laid out anew. `write_pages` puts pages with known truths into a
store.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from entx.core.boxes import reading_order
from entx.core.candidates import find_candidates, page_quantities
from entx.core.entities import CHALLENGE
from entx.core.postprocess import postprocess
from entx.core.types import OcrPage, PageKey, PageStatus, Quantity, Question
from entx.core.units import kind_of
from entx.neural.training.rows import clean_label
from entx.storage.labels import labelled_questions, pages_with_questions
from entx.storage.pages import add_pages, page_keys
from entx.storage.questions import LinkedFile, add_files, add_questions
from entx.storage.store import Store
from lab.pages import LayoutPage, picture_of
from lab.pages.distributions import NOISY_SCORE, draw
from lab.polygons import line_in

TRUSTED = ("curated", "confirmed", "supported", "abstained")
"""Tables of a store whose labels are used, the most trusted first (`lab.confirmed_labels`)."""

_BATCH = 2000  # pages a commit
_A_CLUSTER = 2  # rows of one (group, entity, value): half of the table's rows repeat others
_MOST_WORDS = 160  # a page; longer texts are leaflets
_EMPTY = 0.62  # empty questions a page, about a third of all
_EMPTY_WEIGHTS = {
    "height": 0.20, "width": 0.18, "depth": 0.22, "item_weight": 0.12, "item_volume": 0.09, "voltage": 0.07,
    "wattage": 0.07, "maximum_weight_recommendation": 0.05,
}  # fmt: skip


@cache
def real_pages(path: Path) -> list[LayoutPage]:
    """The labelled pages of a store; a label that the lines do not hold becomes an empty truth."""
    found = []
    with Store(path) as store:
        key = page_keys(store)[0][0]
        trusted = (one for one in labelled_questions(store, key) if Path(one.source).stem in TRUSTED)
        for page, questions in pages_with_questions(store, key, trusted):
            quantities = page_quantities(page)
            truths: dict[str, Quantity | None] = {}
            for question in sorted(questions, key=lambda one: TRUSTED.index(Path(one.source).stem)):
                entity = CHALLENGE[question.entity_name]
                label = clean_label(question.label, entity).quantity
                there = any(one.quantity == label for one in find_candidates(page, entity, quantities))
                truths.setdefault(entity.name, label if there else None)
            absent = [name for name, one in CHALLENGE.entities.items() if not find_candidates(page, one, quantities)]
            for name in random.Random(page.picture).sample(absent, min(1, len(absent))):
                truths.setdefault(name, None)
            found.append(LayoutPage(page, tuple(truths.items())))
    return found


def easyocr_pages(path: Path, exclude: Set[str] = frozenset(), *, seed: int = 0) -> Iterator[LayoutPage]:
    """One page for each picture of the table whose label stands in its text, without geometry.

    A row is kept when its label, cleaned, is among the candidates of the page, and while its cluster of group, entity
    and value has few rows. Questions with an empty truth are added for entities of which the page holds no unit at all.

    The table is a parquet file with the columns image, group_id, entity_name, entity_value and text; one picture's rows
    may stand apart. `exclude` names pictures to leave out; the seed is of the layouts and of the empty questions.

    Raises:
        OSError: the file cannot be read.
    """
    rows: dict[str, list[dict[str, Any]]] = {}
    columns = ["image", "group_id", "entity_name", "entity_value", "text"]
    for batch in pq.ParquetFile(path).iter_batches(columns=columns):
        for row in batch.to_pylist():
            if row["text"] and row["image"] not in exclude and row["entity_name"] in CHALLENGE:
                rows.setdefault(row["image"], []).append(row)
    seen: Counter[tuple[Any, str, Quantity]] = Counter()
    for image, of_image in rows.items():
        rng = random.Random(f"{seed}/{image}")
        page = _laid_out(rng, of_image[0]["text"], picture_of(f"easyocr://{image}"))
        quantities = page_quantities(page)
        truths: dict[str, Quantity | None] = {}
        for row in of_image:
            entity = CHALLENGE[row["entity_name"]]
            value = postprocess(row["entity_value"] or "", entity).quantity
            if value is None or all(one.quantity != value for one in find_candidates(page, entity, quantities)):
                continue
            cluster = (row["group_id"], entity.name, value)
            seen[cluster] += 1
            if seen[cluster] <= _A_CLUSTER:
                truths[entity.name] = value
        if not truths:
            continue
        kinds = {kind_of(one.quantity.unit) for one in quantities}
        absent = [
            name for name, entity in CHALLENGE.entities.items()
            if name not in truths and entity.kind not in kinds and not find_candidates(page, entity, quantities)
        ]  # fmt: skip
        if absent and rng.random() < _EMPTY:
            truths[rng.choices(absent, [_EMPTY_WEIGHTS.get(name, 0.05) for name in absent])[0]] = None
        yield LayoutPage(page, tuple(truths.items()))


def _laid_out(rng: random.Random, text: str, picture: str) -> OcrPage:
    """The text cut into lines of two to eight words, set in one or two columns on a square picture."""
    tokens = text.split()[:_MOST_WORDS]
    chunks: list[str] = []
    while tokens:
        take = min(rng.choices((1, 2, 3, 4, 5, 6, 8), (0.12, 0.25, 0.22, 0.16, 0.11, 0.08, 0.06))[0], len(tokens))
        while take < len(tokens) and tokens[take - 1][-1].isdigit() and take < 12:
            take += 1  # a number keeps what may be its unit
        chunks.append(" ".join(tokens[:take]))
        tokens = tokens[take:]
    side = rng.choice((500, 1000, 1000, 1500, 1600, 2000))
    columns = 1 if len(chunks) < 8 or rng.random() < 0.6 else 2
    height = -(-len(chunks) // columns)
    thick = min(rng.uniform(0.018, 0.05), 0.92 / (1.3 * height)) * side
    pitch = min(0.92 * side / height, thick * rng.uniform(1.25, 2.5))
    top = rng.uniform(0.03, max(0.04, 0.95 - pitch * height / side)) * side
    lines = []
    for number, chunk in enumerate(chunks):
        column, row = divmod(number, height)
        left, y = (0.05 + 0.48 * column) * side, top + row * pitch
        wide = min(len(chunk) * 0.5 * thick, (0.9 if columns == 1 else 0.42) * side)
        x0, y0, x1, y1 = (float(round(value)) for value in (left, y, left + wide, y + thick))
        lines.append(line_in((x0, y0, x1, y1), chunk, round(draw(rng, NOISY_SCORE), 4)))
    return OcrPage(picture, PageStatus.OK, "", side, side, tuple(reading_order(lines)))


def write_pages(
    store: Store, key: PageKey, source: str, pages: Iterable[tuple[str, LayoutPage]], first_index: int
) -> int:
    """Adds pages with known truths under their links, some thousands a commit; returns the number of questions.

    A label of "" says that the page states no value.

    Raises:
        InputError: an index is taken by another question of the store.
    """
    index, stream = first_index, iter(pages)
    while batch := list(islice(stream, _BATCH)):
        questions = []
        for link, layout in batch:
            for entity, value in layout.truths:
                label = "" if value is None else str(value)
                questions.append(Question(index, link, "", entity, layout.page.picture, label))
                index += 1
        add_questions(store, questions, source)
        add_files(store, [LinkedFile(link, layout.page.picture, "", 0, 0) for link, layout in batch])
        add_pages(store, key, source, [layout.page for _, layout in batch])
    return index - first_index
