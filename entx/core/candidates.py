"""Candidates: every quantity on a page that could answer a question, with the place where it stands.

A page is parsed once (`page_quantities`), whatever number of questions is asked of it; `find_candidates` then keeps
what is legal for one entity. Beyond `find_quantities` on each line this knows what only a page can show: a number in
one box with its unit in the next ("500" / "g"), one unit stated for a whole drawing ("unit: mm"), and that a bare
"32 OZ" means fluid ounces where a volume is asked of a page that states no other and calls it no weight. `ground` goes
the other way: where on the page a given answer stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from entx.core.boxes import Frame, around, corners, frame_of
from entx.core.entities import Entity
from entx.core.orders import without_orders
from entx.core.parser import QuantityMatch, find_own_quantities, find_quantities, unit_behind
from entx.core.types import (
    ALIGNMENTS,
    NO_EVIDENCE,
    Alignment,
    Evidence,
    OcrLine,
    OcrPage,
    Polygon,
    Quantity,
    least_sure,
)
from entx.core.units import implausible, kind_of, lookup


@dataclass(frozen=True, slots=True)
class Candidate:
    """A quantity on a page."""

    quantity: Quantity  # legal for the entity that was asked
    line_ids: tuple[int, ...]  # positions in `OcrPage.lines`: one, or a number's line and its unit's
    polygon: Polygon  # around those lines
    alignment: Alignment  # how it stood there
    text: str  # as printed, number and unit
    label: str = ""  # the axis letter or word written with it, lower case
    role: str = ""  # as in `QuantityMatch`
    group: int = -1  # as there, numbered over the page
    order: int = 0  # among all of the page in reading order, legal or not; units of the user's own schema come behind


_LENGTH = r"(mm|cm|inches|inch|in|millimet\w+|centimet\w+|英寸|毫米|厘米)(?![A-Za-z0-9])"
_STATED_UNIT = re.compile(
    r"(?:(?:\bunits?|\beinheit(?:en)?|\bunit[ée]s?|\bunidad(?:es)?)(?:[ ]of[ ]measure\w*)?|单位)"
    rf"(?:[ ]?[:=(/][ ]?\(?(?:in[ ])?|[ ](?:are[ ]|is[ ])?(?:in[ ]|(?!in(?![A-Za-z])))){_LENGTH}"
    rf"|\b(?:dimensions?|sizes?|measurements?|all)[ ](?:are[ ])?(?:all[ ])?in[ ]\(?{_LENGTH}"
    rf"|\([ ]?(?:(?:all|unit|sizes|dimensions)[ ]?)?(?:in[ ]|:[ ]?|en[ ]){_LENGTH}[ ]?\)"
    r"|^\(?(mm|cm|in|inch|inches)\.?\)?$",
    re.IGNORECASE,
)
_BARE_LINE = re.compile(
    r"[ØøφΦ⌀]?[ ]?(?:[HWDLThwdl]|height|width|depth|length)?[ ]?[:=]?[ ]?[ØøφΦ]?[0-9]{1,5}(?:[.,][0-9]{1,3})?"
    r"(?:[ ]?[xX×*~][ ]?[HWDL]?[0-9]{1,5}(?:[.,][0-9]{1,3})?){0,3}[ ]?(?:[(\[]?[HWDL][)\]]?)?",
    re.IGNORECASE,
)
_LONE_DECIMAL = re.compile(r"[-—–.]{0,3}[ ]?([0-9]{1,3}[.,][0-9]{1,2})[ ]?[°*'.-]?", re.ASCII)
_INCH_MARKS = ('"', "''", "″", "”", "“", "′′", "’’")
_FOOT_MARK = re.compile(r"[.,][0-9]+['′’]$")
_FEW_METRES = 2  # fewer may well be metres, whatever inches stand beside them
_ENDS_IN_NUMBER = re.compile(r"(?:^|[ :.(])([0-9][0-9.,/ ]{0,9})$")
_REMARK = re.compile(r"[ ]?(?:\(.*\))?")
_STARTS_WITH_UNIT = re.compile(r"[A-Za-z\"']")
_WEIGHT_WORD = re.compile(r"weigh|\bwt|\blbs?\b", re.IGNORECASE)


def page_quantities(page: OcrPage) -> tuple[Candidate, ...]:
    """All quantities of a page in reading order, whatever their unit; compute once, ask many times.

    Deterministic: the same lines give the same tuple. What stands in an order (`without_orders`) is none of them, and
    none is `implausible`.
    """
    page = without_orders(page)
    joined = _with_units_of_other_boxes(page.lines)
    taken = {one.line_ids[1] for one in joined.values()}
    stated = stated_unit([line for index, line in enumerate(page.lines) if index not in taken])
    found: list[Candidate] = []
    groups = 0
    for index, line in enumerate(page.lines):
        unit = stated if stated is not None and _BARE_LINE.fullmatch(line.text.strip()) else None
        matches = find_quantities(line.text, unit)
        for match in matches:
            found.append(_candidate(match, (index,), line.text, line.polygon, groups))
        if matches:
            groups += 1 + max(match.group for match in matches)
        if index in joined:
            found.append(joined[index])
    if stated is None:
        found += _of_the_drawings_unit(page, found)
        found.sort(key=lambda one: one.line_ids[0])  # stable: the order within a line stays
    whole = [one for one in _lost_letters(_inches_for_feet(found)) if not implausible(one.quantity)]
    return tuple(replace(one, order=order) for order, one in enumerate(whole))


def find_candidates(page: OcrPage, entity: Entity, quantities: Sequence[Candidate] | None = None) -> list[Candidate]:
    """Every quantity on the page that is legal for the entity, in reading order; of these `page_quantities` of it."""
    if quantities is None:
        quantities = page_quantities(page)
    legal = [one for one in quantities if one.quantity.unit in entity.units]
    own = list(_in_own_units(page, entity, len(quantities)))
    if own:
        legal = sorted([*legal, *own], key=lambda one: one.line_ids)
    if not legal and "fluid ounce" in entity.units:
        legal = _bare_ounces(page, quantities)
    return [one for one in legal if one.quantity.value > 0]


def stated_unit(lines: Sequence[OcrLine]) -> str | None:
    """The one unit of length stated for the whole drawing; None where none or where two disagree."""
    units = set()
    for line in lines:
        match = _STATED_UNIT.search(line.text)
        if match is not None:
            found = lookup(match[match.lastindex or 0])
            if found is not None and found[0].kind == "length":
                units.add(found[0].name)
    return units.pop() if len(units) == 1 else None


def _in_unit(one: Candidate, unit: str, alignment: Alignment) -> Candidate:
    """The same number of another unit, read no more surely than that."""
    return replace(one, quantity=Quantity(one.quantity.value, unit), alignment=least_sure(alignment, one.alignment))


def _inches_for_feet(found: Sequence[Candidate]) -> list[Candidate]:
    """Decimals behind which the engine lost one of two strokes: 22.44' beside 11.22" on one drawing are inches."""
    inches = any(one.quantity.unit == "inch" and one.text.rstrip().endswith(_INCH_MARKS) for one in found)
    return [
        _in_unit(one, "inch", Alignment.FUZZY)
        if inches and one.quantity.unit == "foot" and _FOOT_MARK.search(one.text)
        else one
        for one in found
    ]


def _lost_letters(found: Sequence[Candidate]) -> list[Candidate]:
    """Metres before which the engine lost a letter: 34 m beside 13.4 inches, or beside 36 cm, is 34 cm.

    Without its size in inches only where nothing is sold in that many metres (34, 78, and not 5, 10 or 50).
    """
    lengths = [one.quantity for one in found if kind_of(one.quantity.unit) == "length"]
    inches = [float(one.value) for one in lengths if one.unit == "inch"]
    metric = {one.unit for one in lengths} & {"centimetre", "millimetre"}
    return [
        _in_unit(one, unit, Alignment.FUZZY)
        if one.quantity.unit == "metre" and one.text.endswith(("m", "M"))
        and (unit := _unit_of_metres(one.quantity.value, inches, metric))
        else one
        for one in found
    ]  # fmt: skip


def _unit_of_metres(value: Decimal, inches: Sequence[float], metric: set[str]) -> str:
    """What a number of metres must have been printed in; "" where it may be metres."""
    if value < _FEW_METRES:
        return ""
    for unit, per_inch in (("centimetre", 2.54), ("millimetre", 25.4)):
        if any(abs(per_inch * one - float(value)) <= 0.015 * float(value) for one in inches):
            return unit
    return next(iter(metric)) if len(metric) == 1 and value > 10 and value % 5 else ""


def _of_the_drawings_unit(page: OcrPage, found: Sequence[Candidate]) -> list[Candidate]:
    """Decimals on their own whose unit the engine lost (41.25, 31.1°), where all sizes of the page share one unit."""
    lengths = [one for one in found if kind_of(one.quantity.unit) == "length"]
    units = {one.quantity.unit for one in lengths}
    taken = {line for one in lengths for line in one.line_ids}
    return [
        Candidate(Quantity(Decimal(text.replace(",", ".")), unit), (index,), line.polygon, Alignment.FUZZY, text)
        for unit in units if len(units) == 1
        for index, line in enumerate(page.lines)
        if index not in taken and (match := _LONE_DECIMAL.fullmatch(line.text.strip())) for text in match.groups()
    ]  # fmt: skip


def _candidate(match: QuantityMatch, line_ids: tuple[int, ...], text: str, polygon: Polygon, groups: int) -> Candidate:
    return Candidate(
        match.quantity, line_ids, polygon, match.alignment, text[match.start : match.end], match.label, match.role,
        match.group + groups if match.group >= 0 else -1,
    )  # fmt: skip


def _with_units_of_other_boxes(lines: Sequence[OcrLine]) -> dict[int, Candidate]:
    """Numbers whose unit stands in another box, by the number's line.

    The nearest unit on its baseline or below it; where there is none, a unit on its own above it that no other number
    has ("LB" in the drawing of a weight, over 3.86). What stands above a length is another one's, and a letter is none.
    """
    numbers = [(index, match[1]) for index, line in enumerate(lines) if (match := _ENDS_IN_NUMBER.search(line.text))]
    if not numbers:
        return {}
    units = [(index, _reach(line.polygon)) for index, line in enumerate(lines) if _opens_with_unit(line.text)]
    joined = _joined(lines, numbers, units, _distance)
    taken = {one.line_ids[1] for one in joined.values()}
    alone = [(index, reach) for index, reach in units if index not in taken and _is_unit(lines[index].text)]
    bare = [
        (index, number) for index, number in numbers
        if index not in joined and lines[index].text.strip() == number.strip()
    ]  # fmt: skip
    return joined | _joined(lines, bare, alone, _gap_above)


def _joined(
    lines: Sequence[OcrLine],
    numbers: Sequence[tuple[int, str]],
    units: Sequence[tuple[int, float]],
    distance: Callable[[Frame, Polygon], float | None],
) -> dict[int, Candidate]:
    """Each number with its nearest unit, where the two make a quantity."""
    joined = {}
    for index, number in numbers if units else ():
        place = lines[index].polygon
        frame = frame_of(place)
        far = frame.width + 2.0 * frame.height  # the first corners of a unit that is near lie no further apart
        near = [
            (gap, unit)
            for unit, reach in units
            if unit != index
            and max(abs(lines[unit].polygon[0] - place[0]), abs(lines[unit].polygon[1] - place[1])) <= far + reach
            and (gap := distance(frame, lines[unit].polygon)) is not None
        ]
        if not near:
            continue
        unit = min(near)[1]
        text = f"{number.strip()} {lines[unit].text}"
        for match in find_quantities(text)[:1]:
            if match.start == 0 and match.end > len(number.strip()):
                joined[index] = Candidate(
                    match.quantity, (index, unit), around(place, lines[unit].polygon),
                    least_sure(Alignment.NORMALISED, match.alignment), text[: match.end], match.label,
                )  # fmt: skip
    return joined


def _reach(polygon: Polygon) -> float:
    """How far any corner of a polygon may lie from its first, pixels."""
    (left, top), *others = corners(polygon)
    return max(abs(x - left) + abs(y - top) for x, y in others)


def _opens_with_unit(text: str) -> bool:
    if not _STARTS_WITH_UNIT.match(text) or text[:2] in ("a ", "A "):
        return False
    unit = unit_behind(text, 0)
    return unit is not None and kind_of(unit.unit) not in ("", "other") and unit.end > 0 and text[:1] != "-"


def _is_unit(text: str) -> bool:
    """Whether a line is nothing but a unit of no length, perhaps with a remark behind it in brackets."""
    unit = unit_behind(text, 0)
    if unit is None or unit.end < 2 or unit.unit == "microgram" or kind_of(unit.unit) == "length":
        return False
    return _REMARK.fullmatch(text, unit.end) is not None


def _distance(frame: Frame, other: Polygon) -> float | None:
    """How far a unit's box lies from the number's, in text heights; None where it does not belong to it."""
    left, top, right, bottom = frame.box(other)
    height = frame.height
    if min(bottom, height) - max(top, 0.0) >= 0.5 * min(height, bottom - top):  # on the same baseline, to the right
        gap = left - frame.width
        return max(gap, 0.0) / height if -0.5 * height <= gap <= 1.2 * height else None
    overlap = min(right, frame.width) - max(left, 0.0)
    gap = top - height
    if -0.4 * height <= gap <= 0.7 * height and overlap >= 0.5 * min(frame.width, right - left):  # directly below
        return 1.5 + max(gap, 0.0) / height
    return None


def _gap_above(frame: Frame, other: Polygon) -> float | None:
    """How far a unit's box lies above the number's, pixels; None where it does not stand over it."""
    left, _, right, bottom = frame.box(other)
    if not -0.7 * frame.height <= bottom <= 0.2 * frame.height:
        return None
    overlap = min(right, frame.width) - max(left, 0.0)
    return -bottom if overlap >= 0.5 * min(frame.width, right - left) else None


def _bare_ounces(page: OcrPage, quantities: Sequence[Candidate]) -> list[Candidate]:
    """Ounces as fluid ounces, but for those that say a weight: by a word before them, or repeated in grams."""
    weighed = {one.group for one in quantities if one.group >= 0 and one.quantity.unit in ("gram", "kilogram", "pound")}
    return [
        _in_unit(one, "fluid ounce", Alignment.NORMALISED)
        for one in quantities
        if one.quantity.unit == "ounce"
        and one.group not in weighed
        and not any(_WEIGHT_WORD.search(page.lines[line].text) for line in one.line_ids)
    ]


def _in_own_units(page: OcrPage, entity: Entity, order: int) -> Iterator[Candidate]:
    """Quantities in units that only a user's schema knows; they count on from `order`."""
    for index, line in enumerate(() if all(map(kind_of, entity.units)) else without_orders(page).lines):
        for match in find_own_quantities(line.text, entity.units):
            yield replace(_candidate(match, (index,), line.text, line.polygon, 0), order=order)
            order += 1


def evidence_of(quantity: Quantity, candidates: Sequence[Candidate]) -> Evidence:
    """The best-aligned candidate equal in number and unit, the first in reading order among equals; NONE for none."""
    found = [one for one in candidates if one.quantity == quantity]
    if not found:
        return NO_EVIDENCE
    best = min(found, key=lambda one: ALIGNMENTS[one.alignment])
    return Evidence(best.alignment, best.line_ids, best.polygon)


def ground(quantity: Quantity, page: OcrPage, entity: Entity, quantities: Sequence[Candidate]) -> Evidence:
    """Finds a quantity on its page.

    A candidate equal in number and unit comes first, the best aligned one. Else the model repaired something: FUZZY is
    a quantity of the same number and kind in another unit, or a number of at least two digits in one line only.
    Anything else is NONE: there is no box for a value that the lines do not hold. `quantities` are `page_quantities`.
    """
    equal = evidence_of(quantity, find_candidates(page, entity, quantities))
    if equal.line_ids:
        return equal
    for one in quantities:
        if one.quantity.value == quantity.value and kind_of(one.quantity.unit) == kind_of(quantity.unit):
            return Evidence(Alignment.FUZZY, one.line_ids, one.polygon)
    digits = format(quantity.value.normalize(), "f")
    if len(digits.replace(".", "")) < 2:
        return NO_EVIDENCE
    printed = re.compile(rf"(?<![0-9.,]){re.escape(digits).replace(re.escape('.'), '[.,]')}(?![0-9]|[.,][0-9])")
    lines = [place for place, line in enumerate(without_orders(page).lines) if printed.search(line.text)]
    if len(lines) != 1:
        return NO_EVIDENCE
    return Evidence(Alignment.FUZZY, (lines[0],), page.lines[lines[0]].polygon)
