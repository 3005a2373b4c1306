"""Pages with known truths, streamed: a family is drawn, laid out, degraded, and asked about."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from entx.core.entities import CHALLENGE
from entx.core.types import OcrPage, Quantity
from lab.pages import labels, plates, posters, sizes
from lab.pages.degrade import degrade
from lab.pages.layout import ASKED, ENTITIES, Layout
from lab.words import weighted

FAMILIES: dict[Callable[[random.Random], Layout], float] = {
    sizes.drawing: 0.450,
    sizes.listing: 0.040,
    sizes.axis_lines: 0.035,
    sizes.chart: 0.025,
    labels.food: 0.200,
    labels.liquid: 0.045,
    labels.supplement: 0.030,
    plates.adapter: 0.018,
    plates.appliance: 0.042,
    plates.battery: 0.028,
    posters.load: 0.065,
    posters.data: 0.030,
    posters.capacity: 0.012,
    posters.advertising: 0.025,
}
"""Share of pages by family; with `ask` they give about the challenge's mix of entities (two thirds lengths)."""


_MOST = 6  # questions a page
_ASIDE = 0.55  # of the questions about what a picture only may be asked for, so that about a third are empty


@dataclass(frozen=True, slots=True)
class LayoutPage:
    """A page and what it answers."""

    page: OcrPage
    # (entity, value) of each question; None where the page does not state it
    truths: tuple[tuple[str, Quantity | None], ...]


def link_of(seed: int, number: int) -> str:
    """The link that stands for the picture of a page."""
    return f"layouts://{seed}/{number}"


def picture_of(link: str) -> str:
    """What stands for the hash of a picture that does not exist."""
    return hashlib.sha256(link.encode()).hexdigest()


def generate_pages(count: int, seed: int, *, strength: float = 1.0) -> Iterator[LayoutPage]:
    """Invented pages, each from its own seed: page n is the same whatever the count; `strength` as in `degrade`."""
    for number in range(count):
        yield layout_page(seed, number, strength=strength)


def layout_page(seed: int, number: int, *, strength: float = 1.0) -> LayoutPage:
    """One page of the stream."""
    rng = random.Random(f"{seed}/{number}")
    layout = weighted(rng, FAMILIES)(rng)
    truths = ask(layout)
    degrade(layout.sheet, strength)
    return LayoutPage(layout.sheet.page(picture_of(link_of(seed, number))), truths)


def ask(layout: Layout) -> tuple[tuple[str, Quantity | None], ...]:
    """The questions of a page: what it states, and what such a picture is asked for besides."""
    rng = layout.rng
    settled = [name for name in CHALLENGE.entities if name not in layout.unsettled]
    asked: dict[str, Quantity | None] = {}
    for name in settled:
        likely = ASKED[layout.kind][ENTITIES.index(name)]
        share = 0.9 if name in layout.truth else likely if likely >= 1.0 else likely * _ASIDE
        if rng.random() < share:
            asked[name] = layout.truth.get(name)
    if not asked:
        name = rng.choice(settled)
        asked[name] = layout.truth.get(name)
    chosen = list(asked.items())
    rng.shuffle(chosen)
    return tuple(chosen[:_MOST])
