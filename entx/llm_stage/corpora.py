"""Corpora for training: invented pages written into a store like real ones.

`easyocr_pages` and `augmented_pages` give pages of the same kind (made in `real_texts` and `augment`),
for `write_pages`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from entx.core.types import PageKey, Question
from entx.llm_stage.augment import augmented_pages
from entx.llm_stage.layouts import LayoutPage, generate_pages, link_of
from entx.llm_stage.layouts.generate import VERSION
from entx.llm_stage.real_texts import easyocr_pages
from entx.storage.connection import Store
from entx.storage.pages import add_pages
from entx.storage.questions import LinkedFile, add_files, add_questions

__all__ = ["ENGINE", "augmented_pages", "easyocr_pages", "layout_key", "write_layouts", "write_pages"]

ENGINE = "layouts"
"""The engine's name in the page key of invented pages."""

_BATCH = 2000  # pages a commit


def layout_key(seed: int, strength: float = 1.0) -> PageKey:
    """The key of the pages of one seed."""
    settings = hashlib.sha256(f"{seed}/{strength}".encode()).hexdigest()
    return PageKey(ENGINE, VERSION, settings)


def write_layouts(
    store: Store,
    count: int,
    seed: int,
    first_index: int,
    *,
    strength: float = 1.0,
    advance: Callable[[int], None] = lambda _: None,
) -> int:
    """Adds invented pages and their questions, labelled, to a store; a label of "" says that the page states no value.

    Args:
        count: pages.
        first_index: of the first question; the others follow.
        strength: of the engine's slips.
        advance: told the number of pages written, for a progress bar.

    Returns:
        The number of questions.

    Raises:
        InputError: an index is taken by another question of the store.
    """
    pages = (
        (link_of(seed, number), page) for number, page in enumerate(generate_pages(count, seed, strength=strength))
    )
    return write_pages(store, layout_key(seed, strength), f"layouts seed {seed}", pages, first_index, advance=advance)


def write_pages(
    store: Store,
    key: PageKey,
    source: str,
    pages: Iterable[tuple[str, LayoutPage]],
    first_index: int,
    *,
    advance: Callable[[int], None] = lambda _: None,
) -> int:
    """Adds pages with known truths under their links, some thousands a commit; returns the number of questions.

    Raises:
        InputError: an index is taken by another question of the store.
    """
    index = first_index
    for batch in _batches(pages):
        questions = []
        for link, layout in batch:
            for entity, value in layout.truths:
                questions.append(
                    Question(index, link, "", entity, layout.page.picture, "" if value is None else str(value))
                )
                index += 1
        add_questions(store, questions, source)
        add_files(store, [LinkedFile(link, layout.page.picture, "", 0, 0) for link, layout in batch])
        add_pages(store, key, source, [layout.page for _, layout in batch])
        advance(len(batch))
    return index - first_index


def _batches(pages: Iterable[tuple[str, LayoutPage]]) -> Iterator[list[tuple[str, LayoutPage]]]:
    stream = iter(pages)
    while batch := list(islice(stream, _BATCH)):
        yield batch
