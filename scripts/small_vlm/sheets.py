"""Pictures with a few large prints: a product between dimension lines, a label, a list, a banner.

Simpler than the demo's scenes and ten times as fast to draw; every number is invented, so that nothing but reading
answers a question about them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace

from entx.core.entities import CHALLENGE
from entx.core.quantity import Quantity
from entx.demo.backdrop import VIVID
from entx.demo.canvas import BLACK, WHITE, Canvas, Colour, LayoutError
from entx.demo.dimension import DimensionStyle, dimension
from entx.demo.fonts import BOLD, PLAIN
from entx.demo.scene import PrintedText, Role, Scene, Truth
from entx.demo.shapes import bag, bottle, jar, solid
from scripts.small_vlm.prints import NAMES, SHARES, any_colour, backdrop, colours
from scripts.small_vlm.values import Line, invented_unit, line

_WORDS = (
    "PREMIUM", "Organic", "New", "Classic", "Pro", "Home", "Natural", "Deluxe", "Ultra", "Original", "Pack of 2",
    "24 pcs", "100% cotton", "3 in 1", "Size chart", "Model A12", "Since 1987", "No. 7", "2 year warranty",
)  # fmt: skip
SLANT = 0.02
"""Of the wear of these pictures: little, so that `close_ups.glyphs_of` stays about right."""

_WEIGHTS = ("item_weight", "maximum_weight_recommendation")


def sheet(rng: random.Random, size: tuple[int, int], print_share: tuple[float, float]) -> Scene:
    """Draws one sheet.

    Args:
        rng: decides everything.
        size: (width, height) in pixels.
        print_share: smallest and largest print as shares of the shorter side.

    Raises:
        LayoutError: chance found no good layout in many attempts.
    """
    problem = LayoutError("no attempt")
    for _ in range(60):
        make = rng.choices((_drawing, _label, _list, _banner), (45, 20, 20, 15))[0]
        ground, ink = colours(rng)
        canvas = Canvas(backdrop(rng, *size, ground))
        try:
            truth = make(rng, canvas, ink, lambda: 1000 * rng.uniform(*print_share))
            return canvas.finish(make.__name__.strip("_"), {name: Truth(value) for name, value in truth.items()})
        except LayoutError as error:
            problem = error
    raise problem


def asked(
    rng: random.Random, truth: Mapping[str, Quantity | None], count: int
) -> tuple[tuple[str, Quantity | None], ...]:
    """Questions about a picture: three in four about what it states, where it states anything; may repeat."""
    stated = [name for name, value in truth.items() if value is not None]
    absent = [name for name in NAMES if truth.get(name) is None]
    found: list[str] = []
    for _ in range(count):
        pool = stated if stated and (not absent or rng.random() < 0.75) else absent
        found.append(rng.choice([name for name in pool if name not in found] or pool))
    return tuple((name, truth.get(name)) for name in found)


def values_in_order(scene: Scene) -> tuple[Quantity, ...]:
    """The stated values from top to bottom, each once."""
    printed = sorted(
        (text for text in scene.texts if text.entities), key=lambda text: (min(text.polygon[1::2]), text.polygon[0])
    )
    found = (scene.truth[text.entities[0]].value for text in printed)
    return tuple(dict.fromkeys(value for value in found if value is not None))


def smallest_print(scene: Scene) -> float:
    """Height of the smallest print that answers something, in pixels; 0 where nothing does."""
    heights = [across(text) for text in scene.texts if text.entities]
    return min(heights, default=0.0)


def across(text: PrintedText) -> float:
    """Height of a text's ink across its own direction, in pixels."""
    x1, y1, _, _, _, _, x4, y4 = text.polygon
    return float(((x4 - x1) ** 2 + (y4 - y1) ** 2) ** 0.5)


def truths_of(scene: Scene) -> dict[str, Quantity | None]:
    """Every entity's value."""
    return {name: truth.value for name, truth in scene.truth.items()}


_Size = Callable[[], float]


def _put(
    canvas: Canvas,
    at: tuple[float, float],
    said: Line,
    name: str,
    face: str,
    size: float,
    ink: Colour,
    room: float,
    anchor: str = "mm",
) -> tuple[str, Quantity]:
    canvas.text(
        at, said.text, face, canvas.fit(said.text, face, size, room), ink,
        role=Role.ANSWER, entities=(name,), anchor=anchor,
    )  # fmt: skip
    return name, said.value


def _drawing(rng: random.Random, canvas: Canvas, ink: Colour, size: _Size) -> dict[str, Quantity | None]:
    """A product with one to three dimension lines in one unit, and perhaps its weight in a corner."""
    wide, high = canvas.width, canvas.height
    left, right = wide * rng.uniform(0.27, 0.36), wide * rng.uniform(0.64, 0.73)
    top, bottom = high * rng.uniform(0.27, 0.36), high * rng.uniform(0.64, 0.73)
    _product(rng, canvas, (left, top, right, bottom))
    style = DimensionStyle.choose(rng, canvas)
    style = replace(style, colour=ink, text_colour=ink, halo=WHITE if sum(ink) < 384 else BLACK)
    unit = invented_unit(rng, "length")
    truth: dict[str, Quantity | None] = {}
    axes = [axis for axis in ("height", "width", "depth") if rng.random() < (0.45 if axis == "depth" else 0.75)]
    cued = rng.random() < 0.25
    for axis in axes or ["height"]:
        said = line(rng, CHALLENGE[axis], cued=cued, unit=unit)
        style = replace(style, size=max(canvas.small, size()))
        if axis == "height":
            side = rng.choice((-1, 1))
            x = left - 40 if side < 0 else right + 40
            ends, room, turn = ((x, bottom), (x, top)), (x if side < 0 else wide - x) - 40, side
        elif axis == "width":
            side = rng.choice((-1, 1))
            y = top - 40 if side < 0 else bottom + 40
            ends, room, turn = ((left, y), (right, y)), wide - 20, side
        else:
            reach = rng.uniform(90, 150)
            ends = ((right + 20, bottom + 10), (right + 20 + reach, bottom + 10 - reach * rng.uniform(0.6, 1.1)))
            room, turn = wide - right - reach, 1
        dimension(canvas, style, *ends, said.text, side=turn, entities=(axis,), room=max(100.0, room))
        truth[axis] = said.value
    if rng.random() < 0.2:
        name = rng.choice(_WEIGHTS)
        said = line(rng, CHALLENGE[name], cued=name != "item_weight" or rng.random() < 0.5)
        truth[name] = _put(canvas, (wide / 2, 90), said, name, style.face, size(), ink, wide - 60)[1]
    elif rng.random() < 0.4:
        _word(rng, canvas, (wide / 2, 80), size(), ink)
    return truth


def _label(rng: random.Random, canvas: Canvas, ink: Colour, size: _Size) -> dict[str, Quantity | None]:
    """A pack with its net weight or content."""
    wide, high = canvas.width, canvas.height
    box = (wide * rng.uniform(0.05, 0.15), high * 0.06, wide * rng.uniform(0.85, 0.95), high * 0.95)
    colour = rng.choice((WHITE, *VIVID, any_colour(rng)))
    canvas.rounded(box, rng.choice((0, 20, 60)), colour)
    light = 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2] > 140
    dark = rng.randint(0, 90)
    ink = (dark, dark, dark) if light else (255, 255, rng.choice((255, 200)))
    face, middle, room = rng.choice(PLAIN + BOLD), (box[0] + box[2]) / 2, box[2] - box[0] - 40
    name = rng.choice(("item_weight", "item_weight", "item_volume", "voltage", "wattage"))
    said = line(rng, CHALLENGE[name], cued=rng.random() < 0.5)
    place = rng.uniform(0.2, 0.88)
    truth = dict([_put(canvas, (middle, high * place), said, name, face, size(), ink, room)])
    for _ in range(rng.randint(0, 2)):
        _word(rng, canvas, (middle, high * rng.uniform(0.15, 0.9)), size(), ink)
    return {**truth}


def _list(rng: random.Random, canvas: Canvas, ink: Colour, size: _Size) -> dict[str, Quantity | None]:
    """Rows of words with values."""
    names: list[str] = []
    for _ in range(rng.randint(2, 4)):
        name = rng.choices(NAMES, SHARES)[0]
        if name not in names:
            names.append(name)
    face, print_size, left = rng.choice(PLAIN + BOLD), size(), rng.uniform(20, 120)
    step = canvas.height / (len(names) + 1)
    truth: dict[str, Quantity | None] = {}
    for number, name in enumerate(names):
        said = line(rng, CHALLENGE[name], cued=True)
        at = (left, step * (number + 0.7 + rng.uniform(0, 0.2)))
        truth[name] = _put(canvas, at, said, name, face, print_size, ink, canvas.width - left - 20, anchor="lm")[1]
    return truth


def _banner(rng: random.Random, canvas: Canvas, ink: Colour, size: _Size) -> dict[str, Quantity | None]:
    """One statement in large print somewhere, over a product, and words elsewhere."""
    if rng.random() < 0.6:
        _product(rng, canvas, (canvas.width * 0.3, canvas.height * 0.35, canvas.width * 0.7, canvas.height * 0.85))
    name = rng.choices(NAMES, (1, 1, 1, 2, 3, 2, 2, 2))[0]
    said = line(rng, CHALLENGE[name], cued=CHALLENGE[name].kind in ("length", "weight"))
    at = (canvas.width / 2, canvas.height * rng.choice((0.12, 0.16, 0.22, 0.92)))
    if rng.random() < 0.12:
        _word(rng, canvas, at, size(), ink)
        return {}
    truth = dict([_put(canvas, at, said, name, rng.choice(PLAIN + BOLD), size() * 1.3, ink, canvas.width - 40)])
    if rng.random() < 0.5:
        _word(rng, canvas, (canvas.width / 2, canvas.height * rng.uniform(0.4, 0.8)), size(), ink)
    return {**truth}


def _word(rng: random.Random, canvas: Canvas, at: tuple[float, float], size: float, ink: Colour) -> None:
    text, face = rng.choice(_WORDS), rng.choice(PLAIN + BOLD)
    canvas.text(at, text, face, canvas.fit(text, face, size, canvas.width - 80), ink)


def _product(rng: random.Random, canvas: Canvas, box: tuple[float, float, float, float]) -> None:
    colour = rng.choice((*VIVID, any_colour(rng)))
    left, top, right, bottom = box
    shape = rng.randint(0, 4)
    if shape == 0:
        solid(canvas, box, (rng.uniform(30, 70), -rng.uniform(20, 50)), colour)
    elif shape == 1:
        bag(canvas, box, colour)
    elif shape == 2:
        bottle(canvas, (left + right) / 2, top, bottom, (right - left) / 3, colour, any_colour(rng))
    elif shape == 3:
        jar(canvas, (left + right) / 2, top, bottom, (right - left) / 2.3, colour, any_colour(rng))
    else:
        canvas.rounded(box, rng.choice((0, 30, 120)), colour)
