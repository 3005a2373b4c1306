"""Dimension drawings: cabinets, furniture, round things, flat panels, seen square on or from a corner.

Sizes in words: a table beside the product, or one expression "L x W x H".
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from lab.drawings.canvas import BLACK, BOLD, FLAT, NOT_STATED, PLAIN, WHITE, Canvas, Point, Role, Scene, Truth
from lab.drawings.labels import stated
from lab.drawings.shapes import (
    DARK,
    VIVID,
    Box,
    DimensionStyle,
    bottle,
    cabinet_fronts,
    dimension,
    extension,
    gradient,
    jar,
    solid,
    studio,
    table,
    tint,
    wire,
)
from lab.drawings.wording import Statement, Wording, digits, length_wording, weight_statement

WOODS = ((176, 132, 88), (120, 84, 58), (214, 206, 196), (90, 86, 84), (196, 160, 116))
_TITLES = ("Dimensions", "Product Size", "SIZE", "Size Guide", "Specifications", "PRODUCT DIMENSIONS")
_LETTERS = {"height": "H", "width": "W", "depth": "D"}


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a drawing prints for each axis, and what is true of it.

    Args:
        texts: text by axis, as printed.
        truth: by axis; `NOT_STATED` where numbers carry no unit.
    """

    texts: dict[str, str]
    truth: dict[str, Truth]


def sizes(words: Wording, extents: dict[str, int], *, letters: str = "", units: str = "printed") -> Sizes:
    """Words and truth for extents in millimetres.

    Args:
        letters: "" none, "before" ("H 25 cm"), "after" ("25 cm H"), "words" ("Height: 25 cm").
        units: "printed" with each number, "note" (once for the whole drawing), "none".
    """
    texts: dict[str, str] = {}
    truth: dict[str, Truth] = {}
    for axis, extent in extents.items():
        statement = words.state(extent)
        if units != "printed":
            bare = replace(words, units=words.units[:1], spellings=("",), fractions=False).state(extent)
            statement = Statement(bare.text, bare.value)
        text = statement.text
        if letters == "before":
            text = f"{_LETTERS[axis]}: {text}"
        elif letters == "after":
            text = f"{text} {_LETTERS[axis]}"
        elif letters == "words":
            text = f"{axis.capitalize()} {text}"
        texts[axis] = text
        truth[axis] = NOT_STATED if units == "none" else stated(statement)
    return Sizes(texts, truth)


def cabinet(rng: random.Random, size: int) -> Scene:
    """A cabinet or speaker in cabinet projection: vertical height, horizontal width, oblique depth."""
    return _boxlike(rng, size, "cabinet")


def unit_note(rng: random.Random, size: int) -> Scene:
    """A technical outline with bare numbers and one unit for the whole drawing."""
    return _boxlike(rng, size, "unit_note", units="note")


def no_unit(rng: random.Random, size: int) -> Scene:
    """The same with no unit anywhere: nothing can be answered."""
    return _boxlike(rng, size, "no_unit", units="none")


def one_axis(rng: random.Random, size: int) -> Scene:
    """Only the height or only the width is drawn: the other extents are not stated."""
    return _boxlike(rng, size, "one_axis", axes=rng.choice([("height",), ("width",)]))


def furniture(rng: random.Random, size: int) -> Scene:
    """A table or bench with its overall size; a shelf's clearance is drawn as a decoy in some."""
    canvas, dark = _sheet(rng, size)
    style = DimensionStyle.choose(rng, canvas, dark=dark)
    extents = extents_as_drawn(rng, 490, 380, 1.1, 2.9)
    words = length_wording(rng, max(extents.values()))
    told = sizes(words, extents, letters=rng.choice(["", "", "before", "after"]))
    front: Box = (230, 400, 720, 780)
    into = (120.0, -85.0)
    shelf = rng.choice([None, 0.6])
    table(canvas, front, into, rng.choice(WOODS), shelf)
    _around(canvas, style, front, into, told, ("height", "width", "depth"))
    if shelf is not None and rng.random() < 0.6:
        clear = _first_unit(words).state(round(extents["height"] * 0.5))
        inner = replace(style, place="over", along=True, size=canvas.small)
        dimension(canvas, inner, (520, 620), (520, 432), clear.text, role=Role.DECOY)
    _title(rng, canvas, dark)
    return canvas.finish("furniture", {**told.truth, "maximum_weight_recommendation": NOT_STATED})


def corner(rng: random.Random, size: int) -> Scene:
    """A crate seen from a corner: two oblique lines that only their letters tell apart."""
    canvas, dark = _sheet(rng, size)
    style = DimensionStyle.choose(rng, canvas, dark=dark)
    letters = rng.choice(["before", "after", "words"])
    colour = rng.choice(WOODS + VIVID)
    first, second = ("width", "depth") if rng.random() < 0.5 else ("depth", "width")
    left, right, tall = (-rng.uniform(230, 270), -150.0), (rng.uniform(250, 290), -140.0), rng.uniform(280, 340)
    extents = {first: -left[0] * 1.15, second: right[0] * 1.15, "height": tall}
    step = rng.uniform(0.5, 1.8)
    extents = {axis: extent * step for axis, extent in extents.items()}
    words = length_wording(rng, round(max(extents.values())))
    told = sizes(words, {axis: round(extent) for axis, extent in extents.items()}, letters=letters)
    foot: Point = (500, 800)

    def at(a: float, b: float, up: float) -> Point:
        return (foot[0] + left[0] * a + right[0] * b, foot[1] + left[1] * a + right[1] * b - tall * up)

    canvas.shadow((510, 720), 300, 60, 0.22)
    canvas.shade([at(0, 0, 0), at(1, 0, 0), at(1, 0, 1), at(0, 0, 1)], colour, FLAT)
    canvas.shade([at(0, 0, 0), at(0, 1, 0), at(0, 1, 1), at(0, 0, 1)], tint(colour, 0.78), FLAT)
    canvas.shade([at(0, 0, 1), at(1, 0, 1), at(1, 1, 1), at(0, 1, 1)], tint(colour, 1.13), FLAT)
    canvas.line([at(0.35, 0, 0.7), at(0.65, 0, 0.7)], tint(colour, 0.45), 16)
    _span(canvas, style, at(1, 0, 0), at(0, 0, 0), (-30, 46), told, first, side=1)
    _span(canvas, style, at(0, 0, 0), at(0, 1, 0), (30, 46), told, second, side=1)
    _span(canvas, style, at(0, 1, 0), at(0, 1, 1), (52, 0), told, "height", side=1)
    _title(rng, canvas, dark)
    return canvas.finish("corner", {**told.truth, "item_weight": NOT_STATED})


def round_body(rng: random.Random, size: int) -> Scene:
    """A jar or bottle: its height, and a horizontal line that is its diameter, so width and depth."""
    canvas, dark = _sheet(rng, size)
    style = DimensionStyle.choose(rng, canvas, dark=dark)
    colour, half, slim = rng.choice(VIVID), rng.uniform(130, 200), rng.random() < 0.5
    half *= 0.8 if slim else 1.0
    top, bottom = 260.0, 800.0
    step = rng.uniform(0.15, 0.55)
    words = length_wording(rng, round((bottom - top) * step))
    told = sizes(words, {"height": round((bottom - top) * step), "width": round(2 * half * step)})
    told.truth["depth"] = told.truth["width"]
    if slim:
        bottle(canvas, 480, top, bottom, half, colour, rng.choice(DARK))
    else:
        jar(canvas, 480, top, bottom, half, colour, rng.choice(DARK))
    if rng.random() < 0.35:
        told.texts["width"] = f"Ø {told.texts['width']}"
    dimension(
        canvas, style, (480 - half, 856), (480 + half, 856), told.texts["width"],
        side=1, role=Role.ANSWER, entities=("width", "depth"),
    )  # fmt: skip
    x = 480 + half + 60
    extension(canvas, style, (480 + half * 0.5, top), (x + 14, top))
    dimension(
        canvas, style, (x, bottom), (x, top), told.texts["height"], side=1, entities=("height",), room=940 - x,
    )  # fmt: skip
    _title(rng, canvas, dark)
    return canvas.finish("round_body", {**told.truth, "item_volume": NOT_STATED})


def panel(rng: random.Random, size: int) -> Scene:
    """A picture frame or mirror seen square on: outer size, an inner opening as decoy, thickness not drawn."""
    canvas, dark = _sheet(rng, size)
    style = DimensionStyle.choose(rng, canvas, dark=dark)
    half, step = rng.uniform(190, 240), rng.uniform(0.4, 1.7)
    extents = {"height": round(560 * step), "width": round(2 * half * step)}
    words = length_wording(rng, extents["height"])
    told = sizes(words, extents)
    box: Box = (480 - half, 230, 480 + half, 790)
    rim, colour = rng.uniform(40, 60), rng.choice(WOODS)
    canvas.shade([(box[0], box[1]), (box[2], box[1]), (box[2], box[3]), (box[0], box[3])], colour, FLAT)
    inner: Box = (box[0] + rim, box[1] + rim, box[2] - rim, box[3] - rim)
    canvas.shade(
        [(inner[0], inner[1]), (inner[2], inner[1]), (inner[2], inner[3]), (inner[0], inner[3])],
        (232, 238, 242), FLAT, downwards=True,
    )  # fmt: skip
    canvas.polygon([(inner[0], inner[3]), (inner[0] + 150, inner[3] - 160), (inner[2], inner[3])], (206, 216, 222))
    _span(canvas, style, (box[0], box[3]), (box[2], box[3]), (0, 60), told, "width", side=1)
    _span(canvas, style, (box[2], box[3]), (box[2], box[1]), (60, 0), told, "height", side=1, room=170)
    if rng.random() < 0.6:
        opening = _first_unit(words).state(round(extents["width"] - 2 * rim * step))
        ink = replace(style, colour=BLACK, text_colour=BLACK, halo=WHITE, place="beside")
        dimension(
            canvas, ink, (inner[0] + 6, 420), (inner[2] - 6, 420), opening.text, side=-1, role=Role.DECOY,
        )  # fmt: skip
    _title(rng, canvas, dark)
    return canvas.finish("panel", {**told.truth, "depth": NOT_STATED, "item_weight": NOT_STATED})


def _boxlike(
    rng: random.Random,
    size: int,
    kind: str,
    *,
    units: str = "printed",
    axes: tuple[str, ...] = ("height", "width", "depth"),
) -> Scene:
    canvas, dark = _sheet(rng, size)
    style = DimensionStyle.choose(rng, canvas, dark=dark)
    half, tall = rng.uniform(200, 245), rng.uniform(330, 430)
    extents = extents_as_drawn(rng, 2 * half, tall, 0.6, 2.3)
    words = length_wording(rng, max(extents.values()))
    if units == "note":
        words = Wording.choose(rng, [rng.choice(["millimetre", "centimetre", "inch"])])
    letters = rng.choice(["", "", "before", "after"]) if units == "printed" else ""
    told = sizes(words, extents, letters=letters, units=units)
    front: Box = (460 - half, 790 - tall, 460 + half, 790)
    into = (rng.uniform(90, 130), -rng.uniform(60, 90))
    if units == "printed" and rng.random() < 0.75:
        colour = rng.choice(WOODS)
        solid(canvas, front, into, colour)
        cabinet_fronts(canvas, front, colour, rng.randint(1, 3), rng.choice([0, 2, 3]))
    else:
        wire(canvas, front, into, WHITE if dark else BLACK)
    _around(canvas, style, front, into, told, axes)
    if units == "note":
        unit = {"millimetre": "mm", "centimetre": "cm", "inch": "inch"}[words.units[0]]
        note = rng.choice([f"Unit: {unit}", f"unit: {unit}", f"(unit: {unit})", f"All sizes in {unit}"])
        canvas.text((950, 952), note, style.face, style.size, WHITE if dark else BLACK, anchor="rm")
    _title(rng, canvas, dark)
    truth = {axis: truth if axis in axes else NOT_STATED for axis, truth in told.truth.items()}
    if units == "printed":
        truth["item_weight"] = NOT_STATED
    return canvas.finish(kind, truth)


def _first_unit(words: Wording) -> Wording:
    return replace(words, units=words.units[:1], spellings=words.spellings[:1])


def extents_as_drawn(rng: random.Random, width: float, height: float, low: float, high: float) -> dict[str, int]:
    """Millimetres that suit what is drawn that wide and high, at a scale between low and high millimetres a unit."""
    step = rng.uniform(low, high)
    return {"height": round(height * step), "width": round(width * step), "depth": round(rng.uniform(160, 290) * step)}


def _sheet(rng: random.Random, size: int) -> tuple[Canvas, bool]:
    if rng.random() < 0.15:
        ground = rng.choice(DARK)
        return Canvas(gradient(size, size, tint(ground, 1.25), ground)), True
    return Canvas(studio(rng, round(size * rng.choice([1.0, 1.0, 1.12])), size)), False


def _title(rng: random.Random, canvas: Canvas, dark: bool) -> None:
    if rng.random() < 0.65:
        face, text = rng.choice(BOLD), rng.choice(_TITLES)
        canvas.text((canvas.width / 2, 90), text, face, rng.uniform(56, 76), WHITE if dark else BLACK)


def _around(canvas: Canvas, style: DimensionStyle, front: Box, into: Point, told: Sizes, axes: tuple[str, ...]) -> None:
    x0, y0, x1, y1 = front
    if "height" in axes:
        _span(canvas, style, (x0, y1), (x0, y0), (-55, 0), told, "height", side=-1, room=x0 - 90)
    if "width" in axes:
        _span(canvas, style, (x0, y1), (x1, y1), (0, 56), told, "width", side=1)
    if "depth" in axes:
        _span(canvas, style, (x1, y1), (x1 + into[0], y1 + into[1]), (38, 42), told, "depth", side=1)


def _span(
    canvas: Canvas, style: DimensionStyle, start: Point, end: Point, away: Point, told: Sizes, axis: str, *,
    side: int, room: float = 210,
) -> None:  # fmt: skip
    """A dimension line beside an edge, moved `away` from it, with the extension lines that join the two."""
    a, b = ((x + away[0], y + away[1]) for x, y in (start, end))
    for edge, tip in ((start, a), (end, b)):
        extension(canvas, style, (edge[0] + away[0] * 0.2, edge[1] + away[1] * 0.2),
                  (tip[0] + away[0] * 0.25, tip[1] + away[1] * 0.25))  # fmt: skip
    answering = told.truth[axis].value is not None
    role, entities = (Role.ANSWER, (axis,)) if answering else (Role.DECOY, ())
    dimension(canvas, style, a, b, told.texts[axis], side=side, role=role, entities=entities, room=room)


_CHARTS_TITLES = ("Specifications", "Product details", "PRODUCT DATA", "Technical data", "Details")
_MATERIALS = ("Oak", "Pine", "Steel", "Bamboo", "MDF", "Acacia wood")


def size_table(rng: random.Random, size: int) -> Scene:
    """A table of height, width, depth and weight under the product; material and parts are no answers."""
    canvas, title_y = _product(rng, size)
    extents = extents_as_drawn(rng, 400, 350, 0.6, 2.6)
    words = length_wording(rng, max(extents.values()))
    truth: dict[str, Truth] = {}
    rows: list[tuple[str, str, tuple[str, ...]]] = []
    for entity, extent in extents.items():
        if entity == "depth" and rng.random() < 0.3:
            truth[entity] = NOT_STATED
            continue
        statement = words.state(extent)
        truth[entity] = stated(statement)
        rows.append((entity.capitalize(), statement.text, (entity,)))
    weight = weight_statement(rng, rng.randint(15, 180) * 100)
    truth["item_weight"] = stated(weight)
    rows.append((rng.choice(["Weight", "Net weight"]), weight.text, ("item_weight",)))
    rng.shuffle(rows)
    rows.append(("Material", rng.choice(_MATERIALS), ()))
    truth["maximum_weight_recommendation"] = NOT_STATED
    face = rng.choice(PLAIN)
    upper, step = rng.random() < 0.4, 92.0
    for i, (name, value, entities) in enumerate(rows):
        y = title_y + 96 + i * step
        canvas.line([(90, y + step / 2), (910, y + step / 2)], (176, 178, 182), 2)
        canvas.text((110, y), name.upper() if upper else name, "roboto Medium", 44, BLACK, anchor="lm")
        role = Role.ANSWER if entities else Role.WORDS
        size_ = canvas.fit(value, face, 44, 430)
        canvas.text((890, y), value, face, size_, BLACK, anchor="rm", role=role, entities=entities)
    return canvas.finish("size_table", truth)


def size_expression(rng: random.Random, size: int) -> Scene:
    """One line such as "Size: 30 x 20 x 15 cm (L x W x H)": its letters say which number is which."""
    canvas, title_y = _product(rng, size)
    extents = extents_as_drawn(rng, 400, 350, 0.4, 2.4)
    words = length_wording(rng, max(extents.values()))
    words = Wording(words.units[:1], words.spellings[:1])
    order, letters = rng.choice(
        [(("depth", "width", "height"), "L x W x H"), (("width", "depth", "height"), "W x D x H"),
         (("height", "width", "depth"), "H x W x D")],
    )  # fmt: skip
    statements = {entity: words.state(extent) for entity, extent in extents.items()}
    cross = rng.choice([" x ", "x", " × ", "*"])
    numbers = [digits(statements[entity].value.value) for entity in order]
    unit = words.spellings[0]
    joined = cross.join(number + unit for number in numbers) if rng.random() < 0.4 else cross.join(numbers) + unit
    text = rng.choice([f"{letters}: {joined}", f"{joined} ({letters})", f"Size ({letters}): {joined}"])
    face = rng.choice([face for face in PLAIN if face != "built-in"])
    canvas.text(
        (500, title_y + 110), text, face, canvas.fit(text, face, 56, 920), BLACK, role=Role.ANSWER, entities=order
    )
    material = f"Material: {rng.choice(_MATERIALS)}"
    canvas.text((500, title_y + 210), material, face, 46, BLACK)
    parts = f"Set of {rng.randint(2, 8)}, ready in {rng.randint(5, 30)} minutes"
    canvas.text((500, title_y + 300), parts, face, canvas.fit(parts, face, 46, 880), (90, 90, 94), role=Role.DECOY)
    truth = {entity: stated(statement) for entity, statement in statements.items()}
    return canvas.finish("size_expression", {**truth, "item_weight": NOT_STATED})


def _product(rng: random.Random, size: int) -> tuple[Canvas, float]:
    """A piece of furniture in the upper half and a title bar; returns the bar's middle height."""
    canvas = Canvas(studio(rng, size, round(size * 1.25)))
    wood = rng.choice(WOODS)
    front, into = (250.0, 190.0, 650.0, 540.0), (110.0, -75.0)
    if rng.random() < 0.5:
        solid(canvas, front, into, wood)
        cabinet_fronts(canvas, front, wood, rng.randint(1, 2), rng.choice([0, 2]))
    else:
        table(canvas, front, into, wood, 0.6)
    face, title = rng.choice(BOLD), rng.choice(_CHARTS_TITLES)
    canvas.rounded((60, 622, 940, 722), 14, rng.choice(VIVID + DARK))
    canvas.text((500, 672), title, face, 60, WHITE)
    return canvas, 690.0
