"""Real pages changed so that their truths are still known: other numbers, mirrored, transposed, with lines lost.

The texts of a mirrored page (left to right) or a transposed one (its axes exchanged) stay readable.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from entx.core.boxes import reading_order
from entx.core.candidates import Candidate, find_candidates, page_quantities
from entx.core.entities import CHALLENGE
from entx.core.types import Direction, LineGeometry, OcrLine, OcrPage, Quantity, Stroke
from entx.core.units import BY_NAME, kind_of
from lab.pages import LayoutPage, picture_of
from lab.polygons import Point, box_of, corners_of, corners_of_box, polygon_of, renumbered
from lab.words import AXIS_WORDS

_UPRIGHT = 0.8  # share of level texts that stay level at a line that becomes upright, as on real pages
_SWAPPED = {Direction.VERTICAL: Direction.HORIZONTAL, Direction.HORIZONTAL: Direction.VERTICAL}


def mirrored(page: OcrPage) -> OcrPage:
    """The page as in a mirror at its side; slanted text slants the other way."""
    lines = []
    for line in page.lines:
        corners = [(page.width - x, y) for x, y in corners_of(line.polygon)]
        # each corner again where it belongs seen from the text: the left end comes from the right end
        order = (3, 2, 1, 0) if line.rotation in (90.0, 270.0) else (1, 0, 3, 2)
        rotation = line.rotation if line.rotation % 90 == 0 else 360.0 - line.rotation
        lines.append(replace(line, polygon=polygon_of([corners[corner] for corner in order]), rotation=rotation))
    return _assembled(page, lines, transpose=False)


def transposed(page: OcrPage, rng: random.Random) -> OcrPage:
    """The page with x and y exchanged: upright lines become level ones; texts of one dimension line stay together."""
    lines: list[OcrLine] = list(page.lines)
    for group in _groups(page):
        level = [number for number in group if page.lines[number].rotation == 0.0]
        turn = rng.choice((90.0, 270.0)) if len(level) == len(group) == 1 and rng.random() > _UPRIGHT else 0.0
        boxes = [box_of(page.lines[number].polygon) for number in group]
        x = (min(box[0] for box in boxes) + max(box[2] for box in boxes)) / 2
        y = (min(box[1] for box in boxes) + max(box[3] for box in boxes)) / 2
        for number in group:
            lines[number] = _moved(page.lines[number], (x, y), turn, (page.height, page.width))
    return _assembled(page, lines, transpose=True)


def _groups(page: OcrPage) -> list[list[int]]:
    """Lines that share a dimension line, as positions; every other line is alone."""
    groups: dict[tuple[float, ...], list[int]] = {}
    for number in range(len(page.lines)):
        around = page.geometry.of(number) if page.geometry else None
        best = around.best if around else None
        key = (-1.0, float(number)) if best is None else (*best.start, *best.end)
        groups.setdefault(key, []).append(number)
    return list(groups.values())


def _moved(line: OcrLine, centre: Point, turn: float, size: tuple[int, int]) -> OcrLine:
    """The line moved with its group, whose centre's x and y are exchanged, within a picture of that size.

    Text on its side comes to stand level, level text is turned by `turn`, slanted text keeps its corners.
    """
    shift = centre[1] - centre[0]
    if line.rotation % 90:
        corners = [(max(0.0, x + shift), max(0.0, y - shift)) for x, y in corners_of(line.polygon)]
        return replace(line, polygon=polygon_of(corners))
    x0, y0, x1, y1 = box_of(line.polygon)
    half, away = ((x1 - x0) / 2, (y1 - y0) / 2), ((x0 + x1) / 2 - centre[0], (y0 + y1) / 2 - centre[1])
    rotation = line.rotation
    if rotation in (90.0, 270.0) or (rotation == 0.0 and turn):
        half, away, rotation = half[::-1], away[::-1], 0.0 if rotation else turn
    x, y = (
        min(max(target + aside, reach), max(side - reach, reach))
        for target, aside, reach, side in zip(centre[::-1], away, half, size, strict=True)
    )
    box = [float(round(value)) for value in (x - half[0], y - half[1], x + half[0], y + half[1])]
    corners = corners_of_box((box[0], box[1], box[2], box[3]))
    first = -int(rotation // 90) % 4  # the text's own top left
    return replace(line, polygon=polygon_of(corners[first:] + corners[:first]), rotation=rotation)


def _assembled(page: OcrPage, lines: list[OcrLine], *, transpose: bool) -> OcrPage:
    """The page of the changed lines, read in order, with its geometry moved along."""

    def moved(at: Point, width: float = page.width) -> Point:
        return (at[1], at[0]) if transpose else (width - at[0], at[1])

    def moved_stroke(stroke: Stroke) -> Stroke:
        direction = _SWAPPED.get(stroke.direction, stroke.direction) if transpose else stroke.direction
        axis = 0 if direction is Direction.HORIZONTAL else 1
        start, end = sorted((moved(stroke.start), moved(stroke.end)), key=lambda point: point[axis])
        return replace(stroke, direction=direction, start=start, end=end)

    ordered = reading_order(lines)
    now = {id(line): position for position, line in enumerate(ordered)}
    where = [now[id(line)] for line in lines]
    geometry = page.geometry
    if geometry is not None:
        product, around = geometry.product, []
        if product is not None:
            (ax, ay), (bx, by) = moved(product[:2]), moved(product[2:])
            product = (min(ax, bx), ay, max(ax, bx), by)
        for one in geometry.lines:
            strokes = [moved_stroke(old) for old in (one.vertical, one.horizontal, one.oblique) if old is not None]
            found = {stroke.direction.value: stroke for stroke in strokes}
            across = down = None
            if one.across is not None and one.down is not None:
                across, down = moved((one.across, one.down), 1.0)
            around.append(LineGeometry(where[one.line], **found, across=across, down=down))
        around.sort(key=lambda one: one.line)
        marks = tuple(sorted(where[mark] for mark in geometry.marks))
        geometry = replace(geometry, product=product, lines=tuple(around), marks=marks)
    width, height = (page.height, page.width) if transpose else (page.width, page.height)
    return replace(page, width=width, height=height, lines=tuple(ordered), geometry=geometry)


_LENGTHS = frozenset({"height", "width", "depth"})
_MIRROR, _TRANSPOSE, _LOSE = 0.5, 0.4, 0.06  # shares of pages mirrored and transposed, of lines lost
_SAME = 0.03  # two quantities this near are one size printed twice
_TRIES = 6
_DRAWN = {ord(digit): 0xE000 + place for place, digit in enumerate("0123456789")}  # digits of its own for what is drawn
_PLAIN = {there: here for here, there in _DRAWN.items()}
_AXIS = "|".join(
    rf"(?<![^\W\d_]){re.escape(word)}(?![^\W\d_])" if word.isascii() else re.escape(word)
    for word in sorted({word for words in AXIS_WORDS.values() for word in words}, key=len, reverse=True)
)
_NAMES_AXIS = re.compile(f"{_AXIS}|lang|tief|breit|hoch|deep|longueur", re.IGNORECASE)
_CUES = "|".join(rf"\b{cue}\b" for entity in CHALLENGE.entities.values() for cue in entity.cues)
_MATTERS = re.compile(f"{_NAMES_AXIS.pattern}|{_CUES}|unit|[±+]", re.IGNORECASE)


def augmented_pages(pages: Iterable[LayoutPage], seed: int) -> Iterator[LayoutPage]:
    """One changed page for each page, with its truths; a page that bears no change is left out.

    Numbers are drawn anew with as many digits as before, every printing of one size by one factor; lines without a part
    in any truth are lost now and then; pages that ask lengths only are mirrored, and transposed (height and width
    change places) where no word on them names an axis. Each changed page is checked: what its truths say is still among
    its candidates.
    """
    for number, layout in enumerate(pages):
        rng = random.Random(f"{seed}/{number}/{layout.page.picture}")
        made = layout
        for change in (_renumbered, _thinned, _turned) if _holds(layout) else ():
            candidate = change(rng, made)
            if candidate is not None and _holds(candidate):
                made = candidate
        if made is not layout:
            picture = picture_of(f"augmented://{seed}/{number}/{layout.page.picture}")
            yield LayoutPage(replace(made.page, picture=picture), made.truths)


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
    pairs = zip(layout.page.lines, texts, strict=True)
    lines = tuple(replace(line, text=text.translate(_PLAIN)) for line, text in pairs)
    truths = tuple((name, None if value is None else new_values.get(value, value)) for name, value in layout.truths)
    return LayoutPage(replace(layout.page, lines=lines), truths)


def _clusters(quantities: Sequence[Candidate]) -> list[list[Candidate]]:
    """The quantities of one size, in one unit or in several."""
    found: list[tuple[str, float, list[Candidate]]] = []
    for one in quantities:
        unit = BY_NAME.get(one.quantity.unit)
        if unit is None or not unit.factor or one.quantity.value <= 0:
            continue
        size = float(one.quantity.value) * unit.factor
        for kind, other, cluster in found:
            if kind == unit.kind and abs(size - other) <= _SAME * max(size, other):
                cluster.append(one)
                break
        else:
            found.append((unit.kind, size, [one]))
    return [cluster for _, _, cluster in found]


def _redrawn(
    cluster: Sequence[Candidate], factor: float, texts: Sequence[str]
) -> tuple[dict[Quantity, Quantity], list[str]] | None:
    """New values of one size and the texts that print them; None where a number is not printed plainly or gets longer.

    The roughest printed number is drawn first and the others follow its own ratio, so that both units still say one
    size. What is drawn is put down in digits of its own (`_DRAWN`), so that no later number is taken for it.
    """
    changed = list(texts)
    sizes = sorted({one.quantity for one in cluster}, key=lambda one: _step(one.value) / one.value, reverse=True)
    values: dict[Quantity, Quantity] = {}
    for quantity in sizes:
        step = _step(quantity.value)
        value = max(step, (quantity.value * Decimal(factor) / step).quantize(Decimal(1)) * step)
        factor = float(value / quantity.value) if not values else factor
        values[quantity] = Quantity(value, quantity.unit)
    for quantity, new in values.items():
        whole, _, fraction = format(quantity.value.normalize(), "f").partition(".")
        number = rf"{whole}[.,]{fraction}0*" if fraction else rf"{whole}(?:[.,]0+)?"
        printed = re.compile(rf"(?<![0-9.,])0*{number}(?![0-9]|[.,][0-9])")
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


def _step(value: Decimal) -> Decimal:
    """What the number was rounded to: its last place; round numbers go in fives."""
    exponent = int(value.normalize().as_tuple().exponent)
    if exponent < 0:
        return Decimal(1).scaleb(exponent)
    return Decimal(5) if value >= 20 and value % 5 == 0 else Decimal(1)


def _thinned(rng: random.Random, layout: LayoutPage) -> LayoutPage | None:
    """Without some lines that carry no truth and no word that may be a cue."""
    page = layout.page
    wanted = {value for _, value in layout.truths if value is not None}
    kept_for = {line for one in page_quantities(page) if one.quantity in wanted for line in one.line_ids}
    order = [
        number for number, line in enumerate(page.lines)
        if number in kept_for or rng.random() >= _LOSE or _MATTERS.search(line.text)
    ]  # fmt: skip
    if not order or len(order) == len(page.lines):
        return None
    geometry = renumbered(page.geometry, {number: place for place, number in enumerate(order)})
    thinned = replace(page, lines=tuple(page.lines[number] for number in order), geometry=geometry)
    return LayoutPage(thinned, layout.truths)


def _turned(rng: random.Random, layout: LayoutPage) -> LayoutPage | None:
    """Mirrored or transposed, on pages that ask lengths only."""
    page, truths = layout.page, dict(layout.truths)
    if page.geometry is None or not set(truths) <= _LENGTHS:
        return None
    named = any(_NAMES_AXIS.search(line.text) for line in page.lines)
    listed = any(one.role == "axis" for one in page_quantities(page))
    free = not named and not listed and truths.get("depth") is None and len(page.lines) <= 8
    if rng.random() < _TRANSPOSE and free:
        swap = {"height": "width", "width": "height"}
        return LayoutPage(transposed(page, rng), tuple((swap.get(name, name), value) for name, value in layout.truths))
    return LayoutPage(mirrored(page), layout.truths) if rng.random() < _MIRROR and not listed else None
