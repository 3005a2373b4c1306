"""Real pages changed so that their truths are still known: other numbers, mirrored, transposed, with lines lost."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from entx.core.candidates import Candidate, find_candidates, page_quantities
from entx.core.entities import CHALLENGE
from entx.core.quantity import Quantity
from entx.core.types import LineGeometry, OcrPage
from entx.core.units import BY_NAME, kind_of
from entx.llm_stage.flips import mirrored, transposed
from entx.llm_stage.layouts import LayoutPage, picture_of
from entx.llm_stage.layouts.words import AXIS_WORDS

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
