"""What the small vision-language model is shown while it learns: kinds of pictures, and when they come."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from entx.core.entities import CHALLENGE
from entx.demo.draw import KINDS as SCENES
from entx.demo.draw import draw_scene
from entx.demo.scene import Scene
from entx.vlm_stage.prompt import PromptForm
from scripts.small_vlm import close_ups, sheets
from scripts.small_vlm.prints import Sample, crop

FORM = PromptForm("{entity}", "none")
"""Few tokens: a small model has no use for instructions."""

EVERY = "every value"
"""A question that only the training asks: all values in reading order, which teaches to read more at once."""


Layout = tuple[tuple[int, int], ...]
"""(width, height) of each view."""

LINES: tuple[Layout, ...] = tuple(
    (size,)
    for size in ((56, 28), (84, 28), (112, 28), (140, 28), (168, 28), (224, 28), (112, 56), (168, 56), (224, 56))
)
SHEETS: tuple[Layout, ...] = tuple((size,) for size in ((168, 168), (196, 196), (224, 224), (252, 196), (196, 252)))
TALL: tuple[Layout, ...] = tuple((size,) for size in ((28, 84), (28, 112), (28, 168), (56, 112), (56, 168)))
LARGE: tuple[Layout, ...] = tuple((size,) for size in ((280, 280), (336, 336), (336, 252), (252, 336), (448, 448)))


def _close_ups() -> tuple[Layout, ...]:
    """A small whole picture with one to five crops of all shapes; a tall one in every second layout."""
    rng = random.Random("close-ups")
    wide, tall = ((112, 56), (140, 56), (168, 56), (224, 56), (168, 84), (112, 28)), ((56, 112), (56, 168))
    found = []
    for whole in ((168, 168), (196, 196), (224, 224), (196, 140), (140, 196)):
        for count in (1, 2, 2, 3, 3, 4, 5):
            crops = rng.choices(wide, k=count)
            if rng.random() < 0.5:
                crops[rng.randrange(count)] = rng.choice(tall)
            found.append((whole, *crops))
    return tuple(found)


CLOSE_UPS = _close_ups()


@dataclass(frozen=True, slots=True)
class Kind:
    """Samples that share a batch, all of one layout.

    Args:
        name: for the record.
        layouts: one is chosen for each batch.
        tokens: image tokens of a batch, at most.
        draw: (seed, layout, faces) -> sample.
        asks: questions about each picture, `EVERY` not counted.
        every: whether that is asked too.
    """

    name: str
    layouts: tuple[Layout, ...]
    tokens: int
    draw: Callable[[str, Layout, Sequence[str]], Sample]
    asks: int
    every: bool = False


def _plain(seed: str, layout: Layout, faces: Sequence[str]) -> Sample:
    return crop(random.Random(seed), layout[0], plain=True, faces=faces)


def _line(seed: str, layout: Layout, faces: Sequence[str]) -> Sample:
    return crop(random.Random(seed), layout[0], faces=faces)


def _tall(seed: str, layout: Layout, faces: Sequence[str]) -> Sample:
    (wide, high), *_ = layout
    made = crop(random.Random(seed), (high, wide), faces=faces)
    return replace(made, views=(made.views[0].rotate(90, expand=True),), glyphs=())


def _sheet(seed: str, layout: Layout, _: Sequence[str]) -> Sample:
    return close_ups.sheet_sample(random.Random(seed), layout[0])


def _close_up(seed: str, layout: Layout, _: Sequence[str]) -> Sample:
    """Two samples are made of each sheet."""
    batch, _, number = seed.rpartition("/")
    size = layout[0][0] * 9 // 4, layout[0][1] * 9 // 4
    return close_ups.close_up_sample(random.Random(seed), layout, _sheet_of(f"{batch}/{int(number) // 2}", size))


@lru_cache(maxsize=4)
def _sheet_of(seed: str, size: tuple[int, int]) -> Scene:
    return sheets.sheet(random.Random(seed), size, (0.035, 0.085))


def _scene(seed: str, layout: Layout, _: Sequence[str]) -> Sample:
    """One of the demo's scenes, whole or with crops; they take long to draw, so that four samples are made of each."""
    batch, _, number = seed.rpartition("/")
    scene = _drawn(f"{batch}/{int(number) // 4}")
    return close_ups.close_up_sample(random.Random(seed), layout, scene)


@lru_cache(maxsize=4)
def _drawn(seed: str) -> Scene:
    rng = random.Random(seed)
    return draw_scene(rng.choice(list(SCENES)), seed, size=rng.randint(480, 640))


KINDS = {
    kind.name: kind
    for kind in (
        Kind("plain", LINES[:4], 288, _plain, 1),
        Kind("line", LINES, 320, _line, 1),
        Kind("sheet", SHEETS, 512, _sheet, 2, every=True),
        Kind("tall", TALL, 320, _tall, 1),
        Kind("large sheet", LARGE, 576, _sheet, 2, every=True),
        Kind("close-up", CLOSE_UPS, 640, _close_up, 2, every=True),
        Kind("scene", CLOSE_UPS, 640, _scene, 2),
        Kind("large scene", LARGE, 576, _scene, 2),
    )
}

COURSE: tuple[tuple[float, dict[str, float]], ...] = (
    (0.0, {"plain": 1.0}),
    (0.05, {"plain": 0.3, "line": 0.7}),
    (0.10, {"line": 1.0}),
    (0.25, {"line": 0.55, "tall": 0.05, "sheet": 0.4}),
    (0.38, {"line": 0.3, "tall": 0.05, "sheet": 0.25, "close-up": 0.4}),
    (
        0.70,
        {
            "line": 0.2,
            "tall": 0.05,
            "sheet": 0.15,
            "large sheet": 0.1,
            "close-up": 0.3,
            "scene": 0.15,
            "large scene": 0.05,
        },
    ),
)
"""From which share of the time on, which kinds with which shares of the batches."""


REAL_SHARES = {"line": 0.3, "close-up": 0.15, "scene": 0.15, "real": 0.4}
"""What is drawn where a store of real pictures is given."""


def shares_at(progress: float, *, real: bool = False) -> dict[str, float]:
    """What is drawn at that share of the time."""
    if real:
        return REAL_SHARES
    return [shares for start, shares in COURSE if start <= progress][-1]


def make_batch(kind: Kind, seed: str, faces: Sequence[str], most: int | None = None) -> tuple[Any, list[float]]:
    """A batch of samples of one size with the height of their print; equal seeds give equal batches."""
    from scripts.small_vlm.glyphs import glyph_map
    from scripts.small_vlm.model import SmallBatch

    rng = random.Random(seed)
    layout = rng.choice(kind.layouts)
    count = max(1, min(most or 10**6, kind.tokens * 784 // sum(width * height for width, height in layout)))
    samples = [kind.draw(f"{seed}/{number}", layout, faces) for number in range(count)]
    asks = []
    for sample in samples:
        asked = [(FORM.ask(CHALLENGE[name]), FORM.answer(value)) for name, value in sample.asks[: kind.asks]]
        if kind.every:
            asked.append((EVERY, ", ".join(FORM.answer(value) for value in sample.every) or FORM.empty))
        asks.append(tuple(asked))
    views = tuple(np.stack([np.asarray(sample.views[place]) for sample in samples]) for place in range(len(layout)))
    characters: tuple[Any, ...] = ()
    if all(sample.glyphs for sample in samples):
        characters = tuple(
            np.stack([glyph_map(sample.glyphs[place], *size) for sample in samples])
            for place, size in enumerate(layout)
        )
    return SmallBatch(views, tuple(asks), characters), [sample.print_height for sample in samples]
