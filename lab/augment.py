"""A page mirrored left to right, or with its two axes exchanged; the texts stay readable.

Real pages changed so that their truths are still known: other numbers, mirrored, transposed, with lines lost.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from entx.core.boxes import reading_order
from entx.core.candidates import Candidate, find_candidates, page_quantities
from entx.core.entities import CHALLENGE
from entx.core.types import Direction, LineGeometry, OcrLine, OcrPage, Polygon, Quantity, Stroke
from entx.core.units import BY_NAME, kind_of
from lab.pages import LayoutPage, picture_of
from lab.pages.words import AXIS_WORDS

_Point = tuple[float, float]
_UPRIGHT = 0.8  # share of level texts that stay level at a line that becomes upright, as on real pages


def mirrored(page: OcrPage) -> OcrPage:
    """The page as in a mirror at its side; slanted text slants the other way."""
    width = page.width

    def point(at: _Point) -> _Point:
        return width - at[0], at[1]

    lines = [_mirrored_line(line, width) for line in page.lines]
    strokes = {Direction.VERTICAL: Direction.VERTICAL, Direction.HORIZONTAL: Direction.HORIZONTAL}
    geometry = page.geometry
    product = geometry.product if geometry else None
    box = None if product is None else (width - product[2], product[1], width - product[0], product[3])
    return _assembled(
        page, lines, width, page.height, point, strokes, box,
        lambda one: (None if one.across is None else 1.0 - one.across, one.down),
    )  # fmt: skip


def transposed(page: OcrPage, rng: random.Random) -> OcrPage:
    """The page with x and y exchanged: upright lines become level ones; texts of one dimension line stay together."""

    def point(at: _Point) -> _Point:
        return at[1], at[0]

    groups = _groups(page)
    lines: list[OcrLine] = list(page.lines)
    for group in groups:
        level = [number for number in group if page.lines[number].rotation == 0.0]
        turn = rng.choice((90.0, 270.0)) if len(level) == 1 and len(group) == 1 and rng.random() > _UPRIGHT else 0.0
        boxes = [_box(page.lines[number].polygon) for number in group]
        x = (min(box[0] for box in boxes) + max(box[2] for box in boxes)) / 2
        y = (min(box[1] for box in boxes) + max(box[3] for box in boxes)) / 2
        for number in group:
            lines[number] = _moved(page.lines[number], (x, y), (y, x), turn, page.height, page.width)
    strokes = {Direction.VERTICAL: Direction.HORIZONTAL, Direction.HORIZONTAL: Direction.VERTICAL}
    geometry = page.geometry
    product = geometry.product if geometry else None
    box = None if product is None else (product[1], product[0], product[3], product[2])
    return _assembled(
        page, lines, page.height, page.width, point, strokes, box, lambda one: (one.down, one.across)
    )  # fmt: skip


def _assembled(
    page: OcrPage,
    lines: list[OcrLine],
    width: int,
    height: int,
    point: Callable[[_Point], _Point],
    directions: dict[Direction, Direction],
    product: tuple[float, float, float, float] | None,
    place: Callable[[LineGeometry], tuple[float | None, float | None]],
) -> OcrPage:
    """The page of the changed lines, read in order, with its geometry moved along."""
    ordered = reading_order(lines)
    now = {id(line): position for position, line in enumerate(ordered)}
    where = [now[id(line)] for line in lines]
    geometry = page.geometry
    if geometry is not None:
        around = []
        for one in geometry.lines:
            found: dict[Direction, Stroke] = {}
            for stroke in (one.vertical, one.horizontal, one.oblique):
                if stroke is not None:
                    changed = _moved_stroke(stroke, point, directions.get(stroke.direction, stroke.direction))
                    found[changed.direction] = changed
            across, down = place(one)
            around.append(
                LineGeometry(
                    where[one.line], found.get(Direction.VERTICAL), found.get(Direction.HORIZONTAL),
                    found.get(Direction.OBLIQUE), across, down,
                )
            )  # fmt: skip
        around.sort(key=lambda one: one.line)
        marks = tuple(sorted(where[mark] for mark in geometry.marks))
        geometry = replace(geometry, product=product, lines=tuple(around), marks=marks)
    return replace(page, width=width, height=height, lines=tuple(ordered), geometry=geometry)


def _moved_stroke(stroke: Stroke, point: Callable[[_Point], _Point], direction: Direction) -> Stroke:
    one, other = point(stroke.start), point(stroke.end)
    axis = 0 if direction is Direction.HORIZONTAL else 1
    start, end = (one, other) if one[axis] <= other[axis] else (other, one)
    return replace(stroke, direction=direction, start=start, end=end)


def _mirrored_line(line: OcrLine, width: int) -> OcrLine:
    """Its corners mirrored, each again where it belongs seen from the text."""
    x1, y1, x2, y2, x3, y3, x4, y4 = line.polygon
    if line.rotation in (0.0, 180.0):  # the left end of the text comes from its right end
        polygon: Polygon = (width - x2, y2, width - x1, y1, width - x4, y4, width - x3, y3)
    else:
        polygon = (width - x4, y4, width - x3, y3, width - x2, y2, width - x1, y1)
    rotation = line.rotation if line.rotation in (0.0, 90.0, 180.0, 270.0) else (360.0 - line.rotation) % 360.0
    if rotation != line.rotation:  # slanted: the text still runs the way it ran
        polygon = (width - x2, y2, width - x1, y1, width - x4, y4, width - x3, y3)
    return OcrLine(line.text, line.score, polygon, rotation, line.scale)


def _groups(page: OcrPage) -> list[list[int]]:
    """Lines that share a dimension line, as positions; every other line is alone."""
    groups: dict[tuple[float, ...], list[int]] = {}
    for number in range(len(page.lines)):
        around = page.geometry.of(number) if page.geometry else None
        best = around.best if around else None
        key = (-1.0, float(number)) if best is None else (*best.start, *best.end)
        groups.setdefault(key, []).append(number)
    return list(groups.values())


def _moved(line: OcrLine, centre: _Point, target: _Point, turn: float, width: int, height: int) -> OcrLine:
    """The line moved with its group; text on its side comes to stand level, level text is turned where told."""
    x0, y0, x1, y1 = _box(line.polygon)
    half_x, half_y = (x1 - x0) / 2, (y1 - y0) / 2
    dx, dy = (x0 + x1) / 2 - centre[0], (y0 + y1) / 2 - centre[1]
    rotation = line.rotation
    if rotation in (90.0, 270.0):
        half_x, half_y, dx, dy, rotation = half_y, half_x, dy, dx, 0.0
    elif rotation == 0.0 and turn:
        half_x, half_y, dx, dy, rotation = half_y, half_x, dy, dx, turn
    x = min(max(target[0] + dx, half_x), max(width - half_x, half_x))
    y = min(max(target[1] + dy, half_y), max(height - half_y, half_y))
    left, top, right, bottom = (float(round(value)) for value in (x - half_x, y - half_y, x + half_x, y + half_y))
    corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    first = {90.0: 3, 180.0: 2, 270.0: 1}.get(rotation, 0)
    if rotation not in (0.0, 90.0, 180.0, 270.0):  # slanted text keeps its corners
        moved = [
            value + ((target[0] - centre[0]) if place % 2 == 0 else (target[1] - centre[1]))
            for place, value in enumerate(line.polygon)
        ]
        return replace(line, polygon=tuple(max(0.0, value) for value in moved))  # type: ignore[arg-type]
    flat = [value for step in range(4) for value in corners[(first + step) % 4]]
    return OcrLine(line.text, line.score, tuple(flat), rotation, line.scale)  # type: ignore[arg-type]


def _box(polygon: Polygon) -> tuple[float, float, float, float]:
    xs, ys = polygon[0::2], polygon[1::2]
    return min(xs), min(ys), max(xs), max(ys)


_LENGTHS = frozenset({"height", "width", "depth"})
_MIRROR, _TRANSPOSE, _LOSE = 0.5, 0.4, 0.06
_SAME = 0.03  # two quantities this near are one size printed twice
_TRIES = 6
_DRAWN = {ord(digit): 0xE000 + place for place, digit in enumerate("0123456789")}
_PLAIN = {there: here for here, there in _DRAWN.items()}
_UNIT_OR_ERROR = re.compile(r"unit|[±+]", re.IGNORECASE)
_AXIS = re.compile(
    "|".join(
        rf"(?<![^\W\d_]){re.escape(word)}(?![^\W\d_])" if word.isascii() else re.escape(word)
        for word in sorted({word for words in AXIS_WORDS.values() for word in words}, key=len, reverse=True)
    )
    + "|lang|tief|breit|hoch|deep|longueur",
    re.IGNORECASE,
)
_CUES = re.compile(
    "|".join(rf"\b{cue}\b" for entity in CHALLENGE.entities.values() for cue in entity.cues), re.IGNORECASE
)


def augmented_pages(pages: Iterable[LayoutPage], seed: int) -> Iterator[LayoutPage]:
    """One changed page for each page, with its truths; a page that bears no change is left out.

    Numbers are drawn anew with as many digits as before, every printing of one size by one factor; lines without a part
    in any truth are lost now and then; pages that ask lengths only are mirrored,
    and transposed (height and width change
    places) where no word on them names an axis. Each changed page is checked: what its truths say is still among its
    candidates.
    """
    for number, layout in enumerate(pages):
        changed = _augmented(random.Random(f"{seed}/{number}/{layout.page.picture}"), layout)
        if changed is not None:
            picture = picture_of(f"augmented://{seed}/{number}/{layout.page.picture}")
            yield LayoutPage(replace(changed.page, picture=picture), changed.truths)


def _augmented(rng: random.Random, layout: LayoutPage) -> LayoutPage | None:
    if not _holds(layout):
        return None
    made = layout
    for change in (_renumbered, _thinned, _turned):
        candidate = change(rng, made)
        if candidate is not None and _holds(candidate):
            made = candidate
    return made if made is not layout else None


def _holds(layout: LayoutPage) -> bool:
    """Whether every truth is among the page's candidates."""
    quantities = page_quantities(layout.page)
    return all(
        value is None or any(one.quantity == value for one in find_candidates(layout.page, CHALLENGE[name], quantities))
        for name, value in layout.truths
    )


def _renumbered(rng: random.Random, layout: LayoutPage) -> LayoutPage | None:
    """Other numbers: one factor for a page's lengths (its proportions stay), one for its weights, and so on."""
    factors = {kind: rng.uniform(0.6, 1.7) for kind in ("length", "weight", "volume", "power")}
    texts = [line.text for line in layout.page.lines]
    new_values: dict[Quantity, Quantity] = {}
    for cluster in _clusters(page_quantities(layout.page)):
        factor = factors.get(kind_of(cluster[0].quantity.unit))
        if factor is None:
            continue
        for _ in range(_TRIES):
            drawn = _redrawn(cluster, factor * rng.uniform(0.96, 1.04), texts)
            if drawn is not None:
                values, texts = drawn
                new_values |= values
                break
            factor = 1 + (factor - 1) * 0.6
    if all(old == new for old, new in new_values.items()):
        return None
    lines = tuple(
        replace(line, text=text.translate(_PLAIN)) for line, text in zip(layout.page.lines, texts, strict=True)
    )
    truths = tuple((name, None if value is None else new_values.get(value, value)) for name, value in layout.truths)
    return LayoutPage(replace(layout.page, lines=lines), truths)


def _clusters(quantities: Sequence[Candidate]) -> list[list[Candidate]]:
    """The quantities of one size, in one unit or in several."""
    found: list[list[Candidate]] = []
    for one in quantities:
        unit = BY_NAME.get(one.quantity.unit)
        if unit is None or not unit.factor or one.quantity.value <= 0:
            continue
        size = float(one.quantity.value) * unit.factor
        for cluster in found:
            first = cluster[0].quantity
            other = float(first.value) * BY_NAME[first.unit].factor
            if kind_of(first.unit) == unit.kind and abs(size - other) <= _SAME * max(size, other):
                cluster.append(one)
                break
        else:
            found.append([one])
    return found


def _redrawn(
    cluster: Sequence[Candidate], factor: float, texts: Sequence[str]
) -> tuple[dict[Quantity, Quantity], list[str]] | None:
    """New values of one size and the texts that print them; None where a number is not printed plainly or gets longer.

    The roughest printed number is drawn first and the others follow its own ratio,
    so that both units still say one size.
    What is drawn is put down in digits of its own (`_DRAWN`), so that no later number is taken for it.
    """
    changed = list(texts)
    sizes = sorted({one.quantity for one in cluster}, key=lambda one: _step(one.value) / one.value, reverse=True)
    values: dict[Quantity, Quantity] = {}
    for quantity in sizes:
        value = _scaled(quantity.value, factor)
        factor = float(value / quantity.value) if not values else factor
        values[quantity] = Quantity(value, quantity.unit)
    for quantity, new in values.items():
        printed = re.compile(rf"(?<![0-9.,])0*{_pattern(quantity.value)}(?![0-9]|[.,][0-9])")
        for line in {one.line_ids[0] for one in cluster if one.quantity == quantity}:
            match = printed.search(changed[line])
            if match is None:
                return None
            before = match[0]
            places = len(before.replace(",", ".").partition(".")[2])
            after = f"{new.value:.{places}f}"
            if len(after) != len(before) or Decimal(after) != new.value:
                return None
            drawn = (after.replace(".", ",") if "," in before else after).translate(_DRAWN)
            changed[line] = printed.sub(drawn, changed[line])
    return values, changed


def _pattern(value: Decimal) -> str:
    digits = format(value.normalize(), "f")
    whole, _, fraction = digits.partition(".")
    return rf"{whole}[.,]{fraction}0*" if fraction else rf"{whole}(?:[.,]0+)?"


def _scaled(value: Decimal, factor: float) -> Decimal:
    step = _step(value)
    return max(step, (value * Decimal(factor) / step).quantize(Decimal(1)) * step)


def _step(value: Decimal) -> Decimal:
    """What the number was rounded to: its last place; round numbers go in fives."""
    exponent = int(value.normalize().as_tuple().exponent)
    if exponent < 0:
        return Decimal(1).scaleb(exponent)
    return Decimal(5) if value >= 20 and value % 5 == 0 else Decimal(1)


def _thinned(rng: random.Random, layout: LayoutPage) -> LayoutPage | None:
    """Without some lines that carry no truth and no word that may be a cue."""
    wanted = {value for _, value in layout.truths if value is not None}
    kept_for = {line for one in page_quantities(layout.page) if one.quantity in wanted for line in one.line_ids}
    lost = {
        number for number, line in enumerate(layout.page.lines)
        if number not in kept_for and rng.random() < _LOSE
        and not _CUES.search(line.text) and not _AXIS.search(line.text) and not _UNIT_OR_ERROR.search(line.text)
    }  # fmt: skip
    if not lost or len(lost) == len(layout.page.lines):
        return None
    return LayoutPage(_without(layout.page, lost), layout.truths)


def _without(page: OcrPage, lost: set[int]) -> OcrPage:
    order = [number for number in range(len(page.lines)) if number not in lost]
    where = {number: place for place, number in enumerate(order)}
    geometry = page.geometry
    if geometry is not None:
        around: list[LineGeometry] = [replace(one, line=where[one.line]) for one in geometry.lines if one.line in where]
        marks = tuple(where[mark] for mark in geometry.marks if mark in where)
        geometry = replace(geometry, lines=tuple(around), marks=marks)
    return replace(page, lines=tuple(page.lines[number] for number in order), geometry=geometry)


def _turned(rng: random.Random, layout: LayoutPage) -> LayoutPage | None:
    """Mirrored or transposed, on pages that ask lengths only."""
    if layout.page.geometry is None or not {name for name, _ in layout.truths} <= _LENGTHS:
        return None
    named = any(_AXIS.search(line.text) for line in layout.page.lines)
    listed = any(one.role == "axis" for one in page_quantities(layout.page))
    truths = dict(layout.truths)
    if (
        rng.random() < _TRANSPOSE
        and not named
        and not listed
        and truths.get("depth") is None
        and len(layout.page.lines) <= 8
    ):
        swap = {"height": "width", "width": "height"}
        return LayoutPage(
            transposed(layout.page, rng), tuple((swap.get(name, name), value) for name, value in layout.truths)
        )
    if rng.random() < _MIRROR and not listed:
        return LayoutPage(mirrored(layout.page), layout.truths)
    return None
