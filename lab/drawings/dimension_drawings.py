"""Pictures about sizes: things with dimension lines, seen square on or from a corner; a table; "L x W x H" in words."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace

from lab.drawings import shapes
from lab.drawings.canvas import BLACK, BOLD, FLAT, NOTHING, PLAIN, WHITE, Canvas, Scene
from lab.drawings.shapes import DARK, VIVID, WOODS, DimensionStyle, tint
from lab.polygons import Box, Point
from lab.surface_forms import Statement, Wording, drawn_length, drawn_weight, drawn_wording
from lab.words import DRAWN_MATERIALS, DRAWN_TITLES, phrases

_TABLE_TITLES = phrases("Specifications|Product details|PRODUCT DATA|Technical data|Details")
_LABELS = {"": "{text}", "before": "{letter}: {text}", "after": "{text} {letter}", "words": "{word} {text}"}
_ORDERS = (
    (("depth", "width", "height"), "L x W x H"), (("width", "depth", "height"), "W x D x H"),
    (("height", "width", "depth"), "H x W x D"),
)  # fmt: skip
Sizes = dict[str, Statement]  # what a drawing prints for each axis


def sizes(wording: Wording, extents: Mapping[str, float], *, letters: str = "", bare: bool = False) -> Sizes:
    """Statements of extents in centimetres, with letters as in `_LABELS`, or as bare numbers without a unit."""
    if bare:
        wording = replace(_first_unit(wording), forms=("",), fraction=0)
    printed: Sizes = {}
    for axis, extent in extents.items():
        statement = wording.state(extent)
        text = _LABELS[letters].format(text=statement.text, letter=axis[0].upper(), word=axis.capitalize())
        printed[axis] = replace(statement, text=text)
    return printed


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
    canvas, dark, style = _sheet(rng, size)
    extents = _extents(rng, 490, 380, 1.1, 2.9)
    wording = drawn_length(rng, max(extents.values()))
    printed = sizes(wording, extents, letters=rng.choice(["", "", "before", "after"]))
    front: Box = (230, 400, 720, 780)
    into = (120.0, -85.0)
    shelf = rng.choice([None, 0.6])
    shapes.table(canvas, front, into, rng.choice(WOODS), shelf)
    _around(canvas, style, front, into, printed, ("height", "width", "depth"))
    if shelf is not None and rng.random() < 0.6:
        clearance = _first_unit(wording).state(_millimetres(extents["height"] * 0.5)).text
        inner = replace(style, place="over", along=True, size=canvas.small)
        shapes.dimension(canvas, inner, (520, 620), (520, 432), clearance)
    _title(rng, canvas, dark)
    return canvas.finish("furniture", ("maximum_weight_recommendation",))


def corner(rng: random.Random, size: int) -> Scene:
    """A crate seen from a corner: two oblique lines that only their letters tell apart."""
    canvas, dark, style = _sheet(rng, size)
    letters = rng.choice(["before", "after", "words"])
    colour = rng.choice(WOODS + VIVID)
    first, second = ("width", "depth") if rng.random() < 0.5 else ("depth", "width")
    left, right, tall = (-rng.uniform(230, 270), -150.0), (rng.uniform(250, 290), -140.0), rng.uniform(280, 340)
    step = rng.uniform(0.5, 1.8)  # millimetres a unit
    drawn = {first: -left[0] * 1.15, second: right[0] * 1.15, "height": tall}
    extents = {axis: _millimetres(extent * step / 10) for axis, extent in drawn.items()}
    printed = sizes(drawn_length(rng, max(extents.values())), extents, letters=letters)
    foot: Point = (500, 800)

    def at(a: float, b: float, up: float) -> Point:
        return (foot[0] + left[0] * a + right[0] * b, foot[1] + left[1] * a + right[1] * b - tall * up)

    canvas.shadow((510, 720), 300, 60, 0.22)
    canvas.shade([at(0, 0, 0), at(1, 0, 0), at(1, 0, 1), at(0, 0, 1)], colour, FLAT)
    canvas.shade([at(0, 0, 0), at(0, 1, 0), at(0, 1, 1), at(0, 0, 1)], tint(colour, 0.78), FLAT)
    canvas.shade([at(0, 0, 1), at(1, 0, 1), at(1, 1, 1), at(0, 1, 1)], tint(colour, 1.13), FLAT)
    canvas.line([at(0.35, 0, 0.7), at(0.65, 0, 0.7)], tint(colour, 0.45), 16)
    _span(canvas, style, at(1, 0, 0), at(0, 0, 0), (-30, 46), printed, first)
    _span(canvas, style, at(0, 0, 0), at(0, 1, 0), (30, 46), printed, second)
    _span(canvas, style, at(0, 1, 0), at(0, 1, 1), (52, 0), printed, "height")
    _title(rng, canvas, dark)
    return canvas.finish("corner", ("item_weight",))


def round_body(rng: random.Random, size: int) -> Scene:
    """A jar or bottle: its height, and a horizontal line that is its diameter, so width and depth."""
    canvas, dark, style = _sheet(rng, size)
    colour, half, slim = rng.choice(VIVID), rng.uniform(130, 200), rng.random() < 0.5
    half *= 0.8 if slim else 1.0
    top, bottom = 260.0, 800.0
    step = rng.uniform(0.15, 0.55)
    extents = {"height": _millimetres((bottom - top) * step / 10), "width": _millimetres(2 * half * step / 10)}
    printed = sizes(drawn_length(rng, extents["height"]), extents)
    (shapes.bottle if slim else shapes.jar)(canvas, 480, top, bottom, half, colour, rng.choice(DARK))
    height, width = printed["height"], printed["width"]
    diameter, states = f"Ø {width.text}" if rng.random() < 0.35 else width.text, {"width": width, "depth": width}
    shapes.dimension(canvas, style, (480 - half, 856), (480 + half, 856), diameter, states=states)
    x = 480 + half + 60
    shapes.extension(canvas, style, (480 + half * 0.5, top), (x + 14, top))
    shapes.dimension(canvas, style, (x, bottom), (x, top), height.text, states={"height": height}, room=940 - x)
    _title(rng, canvas, dark)
    return canvas.finish("round_body", ("item_volume",))


def panel(rng: random.Random, size: int) -> Scene:
    """A picture frame or mirror seen square on: outer size, an inner opening as decoy, thickness not drawn."""
    canvas, dark, style = _sheet(rng, size)
    half, step = rng.uniform(190, 240), rng.uniform(0.4, 1.7)
    extents = {"height": _millimetres(560 * step / 10), "width": _millimetres(2 * half * step / 10)}
    wording = drawn_length(rng, extents["height"])
    printed = sizes(wording, extents)
    box: Box = (480 - half, 230, 480 + half, 790)
    rim, colour = rng.uniform(40, 60), rng.choice(WOODS)
    canvas.face(box, colour)
    inner: Box = (box[0] + rim, box[1] + rim, box[2] - rim, box[3] - rim)
    canvas.face(inner, (232, 238, 242), downwards=True)
    canvas.polygon([(inner[0], inner[3]), (inner[0] + 150, inner[3] - 160), (inner[2], inner[3])], (206, 216, 222))
    _span(canvas, style, (box[0], box[3]), (box[2], box[3]), (0, 60), printed, "width")
    _span(canvas, style, (box[2], box[3]), (box[2], box[1]), (60, 0), printed, "height", room=170)
    if rng.random() < 0.6:
        opening = _first_unit(wording).state(_millimetres(extents["width"] - 2 * rim * step / 10)).text
        ink = replace(style, colour=BLACK, text_colour=BLACK, halo=WHITE, place="beside")
        shapes.dimension(canvas, ink, (inner[0] + 6, 420), (inner[2] - 6, 420), opening, side=-1)
    _title(rng, canvas, dark)
    return canvas.finish("panel", ("depth", "item_weight"))


def _boxlike(
    rng: random.Random, size: int, kind: str, *, units: str = "printed",
    axes: tuple[str, ...] = ("height", "width", "depth"),
) -> Scene:  # fmt: skip
    canvas, dark, style = _sheet(rng, size)
    half, tall = rng.uniform(200, 245), rng.uniform(330, 430)
    extents = _extents(rng, 2 * half, tall, 0.6, 2.3)
    wording = drawn_length(rng, max(extents.values()))
    if units == "note":
        wording = drawn_wording(rng, [rng.choice(["millimetre", "centimetre", "inch"])])
    letters = rng.choice(["", "", "before", "after"]) if units == "printed" else ""
    printed = sizes(wording, extents, letters=letters, bare=units != "printed")
    front: Box = (460 - half, 790 - tall, 460 + half, 790)
    into = (rng.uniform(90, 130), -rng.uniform(60, 90))
    if units == "printed" and rng.random() < 0.75:
        colour = rng.choice(WOODS)
        shapes.solid(canvas, front, into, colour)
        shapes.cabinet_fronts(canvas, front, colour, rng.randint(1, 3), rng.choice([0, 2, 3]))
    else:
        shapes.wire(canvas, front, into, WHITE if dark else BLACK)
    _around(canvas, style, front, into, printed, axes, stating=units != "none")
    if units == "note":
        unit = {"millimetre": "mm", "centimetre": "cm", "inch": "inch"}[wording.units[0]]
        note = rng.choice([f"Unit: {unit}", f"unit: {unit}", f"(unit: {unit})", f"All sizes in {unit}"])
        canvas.text((950, 952), note, style.face, style.size, WHITE if dark else BLACK, anchor="rm")
    _title(rng, canvas, dark)
    return canvas.finish(kind, (*extents, *(("item_weight",) if units == "printed" else ())))


def _first_unit(wording: Wording) -> Wording:
    return replace(wording, units=wording.units[:1], forms=wording.forms[:1], decimals=wording.decimals[:1])


def _millimetres(centimetres: float) -> float:
    """Rounded to whole millimetres."""
    return round(centimetres * 10) / 10


def _extents(rng: random.Random, width: float, height: float, low: float, high: float) -> dict[str, float]:
    """Centimetres that suit what is drawn that wide and high, at a scale between low and high millimetres a unit."""
    step = rng.uniform(low, high) / 10
    drawn = {"height": height, "width": width, "depth": rng.uniform(160, 290)}
    return {axis: _millimetres(extent * step) for axis, extent in drawn.items()}


def _sheet(rng: random.Random, size: int) -> tuple[Canvas, bool, DimensionStyle]:
    """A canvas, whether its ground is dark, and the style of its dimension lines."""
    dark = rng.random() < 0.15
    if dark:
        ground = rng.choice(DARK)
        canvas = Canvas(shapes.gradient(size, size, tint(ground, 1.25), ground))
    else:
        canvas = Canvas(shapes.studio(rng, round(size * rng.choice([1.0, 1.0, 1.12])), size))
    return canvas, dark, DimensionStyle.choose(rng, canvas, dark=dark)


def _title(rng: random.Random, canvas: Canvas, dark: bool) -> None:
    if rng.random() < 0.65:
        face, text = rng.choice(BOLD), rng.choice(DRAWN_TITLES)
        canvas.text((canvas.width / 2, 90), text, face, rng.uniform(56, 76), WHITE if dark else BLACK)


def _around(
    canvas: Canvas, style: DimensionStyle, front: Box, into: Point, printed: Sizes, axes: tuple[str, ...], *,
    stating: bool = True,
) -> None:  # fmt: skip
    x0, y0, x1, y1 = front
    if "height" in axes:
        _span(canvas, style, (x0, y1), (x0, y0), (-55, 0), printed, "height", stating, side=-1, room=x0 - 90)
    if "width" in axes:
        _span(canvas, style, (x0, y1), (x1, y1), (0, 56), printed, "width", stating)
    if "depth" in axes:
        _span(canvas, style, (x1, y1), (x1 + into[0], y1 + into[1]), (38, 42), printed, "depth", stating)


def _span(
    canvas: Canvas, style: DimensionStyle, start: Point, end: Point, away: Point, printed: Sizes, axis: str,
    stating: bool = True, *, side: int = 1, room: float = 210,
) -> None:  # fmt: skip
    """A dimension line beside an edge, moved `away` from it, with the extension lines that join the two."""
    a, b = ((x + away[0], y + away[1]) for x, y in (start, end))
    for edge, tip in ((start, a), (end, b)):
        near = (edge[0] + away[0] * 0.2, edge[1] + away[1] * 0.2)
        shapes.extension(canvas, style, near, (tip[0] + away[0] * 0.25, tip[1] + away[1] * 0.25))
    states = {axis: printed[axis]} if stating else NOTHING
    shapes.dimension(canvas, style, a, b, printed[axis].text, side=side, states=states, room=room)


def size_table(rng: random.Random, size: int) -> Scene:
    """A table of height, width, depth and weight under the product; material and parts are no answers."""
    canvas = _product(rng, size)
    extents = _extents(rng, 400, 350, 0.6, 2.6)
    wording = drawn_length(rng, max(extents.values()))
    rows: list[tuple[str, str, Mapping[str, Statement]]] = []
    for entity, extent in extents.items():
        if entity != "depth" or rng.random() >= 0.3:
            statement = wording.state(extent)
            rows.append((entity.capitalize(), statement.text, {entity: statement}))
    weight = drawn_weight(rng, rng.randint(15, 180) * 100)
    rows.append((rng.choice(["Weight", "Net weight"]), weight.text, {"item_weight": weight}))
    rng.shuffle(rows)
    rows.append(("Material", rng.choice(DRAWN_MATERIALS), NOTHING))
    face = rng.choice(PLAIN)
    upper, step = rng.random() < 0.4, 92.0
    for i, (name, value, states) in enumerate(rows):
        y = 786 + i * step
        canvas.line([(90, y + step / 2), (910, y + step / 2)], (176, 178, 182), 2)
        canvas.text((110, y), name.upper() if upper else name, "roboto Medium", 44, anchor="lm")
        canvas.text((890, y), value, face, 44, anchor="rm", room=430, states=states)
    return canvas.finish("size_table", ("depth", "maximum_weight_recommendation"))


def size_expression(rng: random.Random, size: int) -> Scene:
    """One line such as "Size: 30 x 20 x 15 cm (L x W x H)": its letters say which number is which."""
    canvas = _product(rng, size)
    extents = _extents(rng, 400, 350, 0.4, 2.4)
    wording = replace(_first_unit(drawn_length(rng, max(extents.values()))), comma=False, fraction=0)
    order, letters = rng.choice(_ORDERS)
    states = {entity: wording.state(extents[entity]) for entity in order}
    cross = rng.choice([" x ", "x", " × ", "*"])
    numbers = [str(states[entity].value.value) for entity in order]
    unit = wording.forms[0]
    joined = cross.join(number + unit for number in numbers) if rng.random() < 0.4 else cross.join(numbers) + unit
    text = rng.choice([f"{letters}: {joined}", f"{joined} ({letters})", f"Size ({letters}): {joined}"])
    face = rng.choice(PLAIN[:-1])  # the built-in face lacks the multiplication sign
    canvas.text((500, 800), text, face, 56, room=920, states=states)
    canvas.text((500, 900), f"Material: {rng.choice(DRAWN_MATERIALS)}", face, 46)
    parts = f"Set of {rng.randint(2, 8)}, ready in {rng.randint(5, 30)} minutes"
    canvas.text((500, 990), parts, face, 46, (90, 90, 94), room=880, decoy=True)
    return canvas.finish("size_expression", ("item_weight",))


def _product(rng: random.Random, size: int) -> Canvas:
    """A piece of furniture in the upper half, and a bar with a title under it."""
    canvas = Canvas(shapes.studio(rng, size, round(size * 1.25)))
    wood = rng.choice(WOODS)
    front, into = (250.0, 190.0, 650.0, 540.0), (110.0, -75.0)
    if rng.random() < 0.5:
        shapes.solid(canvas, front, into, wood)
        shapes.cabinet_fronts(canvas, front, wood, rng.randint(1, 2), rng.choice([0, 2]))
    else:
        shapes.table(canvas, front, into, wood, 0.6)
    face, title = rng.choice(BOLD), rng.choice(_TABLE_TITLES)
    canvas.rounded((60, 622, 940, 722), 14, rng.choice(VIVID + DARK))
    canvas.text((500, 672), title, face, 60, WHITE)
    return canvas
