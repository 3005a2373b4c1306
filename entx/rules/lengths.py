"""Lengths: which of height, width and depth a number of a page is, and whether it is the whole product's.

`extents_of` gives every length with what tells its axis: words, dimension line, rotation, place, lists. `axis_features`
and `depth_features` make named features of that, with values around 0 to 1; what they are worth stands in the weights
table. Nothing here depends on an engine or on fitted numbers.

Depth has features that no other axis has: the third size of a drawing, and the diameter of a round thing. Across an
evidently round product a plain horizontal arrow is its diameter, so the width's number answers depth too. How round the
product is, is told by what the picture shows (`PageGeometry.roundness`), by words, and by the prior of the product
group from a labelled table.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log10, radians, tan
from types import MappingProxyType

from entx.core.candidates import Candidate
from entx.core.entities import CHALLENGE, Schema
from entx.core.types import Direction, LineGeometry, Place, Quantity, Stroke
from entx.core.units import same_size
from entx.rules.features import LOOKALIKES, PERSON, Layout, axes_in, axis_of, cue_pattern, letter_box
from entx.storage.questions import GroupPrior

CENTIMETRES = {
    "centimetre": 1.0, "millimetre": 0.1, "metre": 100.0, "inch": 2.54, "foot": 30.48, "yard": 91.44,
}  # fmt: skip
AXES = ("height", "width", "depth")
_AT_NUMBER, _ON_LINE, _CAPTION = 1.0, 0.8, 0.7  # how directly words name an axis
_DRAWN = 0.15  # score from which a stroke is a number's dimension line when nothing else says its axis
_STEEP = 1.2  # slope above which an oblique line runs more upwards than along
_UPRIGHT = 1.7  # slope (60 degrees) from which an oblique line may be a tilted product's height
_CLEARLY_LONGER = 1.1
_SEVERAL = 4
_UNKNOWN_ROUNDNESS = 0.4  # of a shape that cannot be told: the share of round ones among drawings with one width
_USUAL_DEPTH_SHARE = 0.4  # of depths among a group's sizes; above it depth is a size of its own there
_NO_GEOMETRY = LineGeometry(-1)
_DIGIT = re.compile(r"[0-9]")
_LEADING_ZERO = re.compile(r"0[1-9][0-9]?(?![0-9])")
_METRIC = frozenset({"millimetre", "centimetre", "metre"})
_ROUND_WORD = re.compile(
    r"\b(?:round|cups?|mugs?|bowls?|vases?|candles?|jars?|bottles?|pots?|planters?|plates?|tumblers?|buckets?|bulbs?|balls?"
    r"|glass(?:es)?|lamps?|shades?|wheels?|rund|rond|redond\w+|tasse|vaso|maceta|basket|kettle|teapot|stool|pouf)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Extent:
    """A length on the page with what tells its axis."""

    candidate: Candidate  # the quantity
    centimetres: float  # its size, to compare sizes in different units
    words: dict[str, float]  # axis, or length of the schema, that words name for it -> how directly, 0 to 1
    vertical: float  # score of its dimension line in each direction
    horizontal: float
    oblique: float
    pixels: float  # length of its best stroke, 0 without one
    turned: bool  # the text stands on its side
    slanted: bool  # or askew
    place: Place | None  # where it stands to the product
    count: int  # of the sizes in its `A x B x C`; 0 outside a list
    second: bool  # it says a size again that another candidate says first
    lookalike: bool  # its line speaks of a part, a person, a package
    lookalike_beside: bool  # or its captions do
    guess: str  # the axis that the strongest of these says, "" where none does
    span: tuple[float, float] | None = None  # where its dimension line begins and ends along its direction
    slope: float | None = None  # rise over run of its oblique dimension line (absolute), or of slanted text
    tilted: bool = False  # an oblique line taken for the width's or the height's, because no line is level or upright

    def same_size_as(self, other: Extent) -> bool:
        """Whether both say one size, perhaps in two units, each rounded."""
        return abs(self.centimetres - other.centimetres) <= 0.025 * max(self.centimetres, other.centimetres)

    def drawn(self, axis: str) -> float:
        """Score of the dimension line in the direction that means this axis."""
        return {"height": self.vertical, "width": self.horizontal, "depth": self.oblique}[axis]


def extents_of(layout: Layout, schema_cues: Mapping[str, re.Pattern[str]] = MappingProxyType({})) -> list[Extent]:
    """Every length of the page, in reading order; named by a user's schema too (`length_cues`)."""
    lengths = [one for one in layout.quantities if one.quantity.unit in CENTIMETRES and one.quantity.value > 0]
    sizes = Counter(one.group for one in lengths if one.role == "axis")
    on_line = Counter(line for one in lengths if one.role != "same" for line in set(one.line_ids))
    seen: Counter[int] = Counter()
    found: list[Extent] = []
    words = _inherited(lengths, [_words(layout, one, on_line[one.line_ids[0]], schema_cues) for one in lengths])
    seconds = _seconds(layout, lengths)
    for one, named, second in zip(lengths, words, seconds, strict=True):
        position = count = 0
        if one.role == "axis":
            position, count = seen[one.group], sizes[one.group]
            seen[one.group] += 1
        found.append(_extent(layout, one, named, position, count, second=second))
    return _tilted(_listed(found))


def _listed(extents: list[Extent]) -> list[Extent]:
    """What a list "3 x 5 ft" says of axes yields to what is drawn or named: the same size, else the axis is taken."""
    sure = [one for one in extents if one.guess and (one.words or not one.count) and not one.second]
    taken = {one.guess for one in sure}
    settled = []
    for one in extents:
        if one.count and not one.words:
            twin = next((other.guess for other in sure if other.same_size_as(one)), "")
            drawn = max(one.vertical, one.horizontal, one.oblique) >= _DRAWN
            if twin or (one.guess in taken and not drawn):
                one = replace(one, guess=twin)
        settled.append(one)
    return settled


def _inherited(lengths: Sequence[Candidate], words: list[dict[str, float]]) -> list[dict[str, float]]:
    """Words hold for every number that says the same size: "12 x 108 inch" beside "W: 12 inch", or its other unit."""
    by_quantity = {one.quantity: named for one, named in zip(lengths, words, strict=True) if named}
    by_group: dict[int, dict[str, float]] = {}
    for one, named in zip(lengths, words, strict=True):
        if named and one.group >= 0 and one.role in ("", "same"):
            by_group.setdefault(one.group, named)
    return [
        named or by_quantity.get(one.quantity) or by_group.get(one.group, {})
        for one, named in zip(lengths, words, strict=True)
    ]


def _tilted(extents: list[Extent]) -> list[Extent]:
    """Drawings in perspective or askew, where no number has an upright or a level line.

    Without an upright one the steepest oblique line runs along the height; without a level one the flattest runs along
    the width, if another number has the height or a second oblique line is left for the depth.
    """
    extents = _takes(extents, "height", [one for one in _oblique(extents) if (one.slope or 0.0) >= _UPRIGHT], max)
    sloped = _oblique(extents)
    upright = any(one.guess == "height" for one in extents)
    if len({one.candidate.quantity for one in sloped if not one.second}) < 2 and not upright:
        return extents
    return _takes(extents, "width", [one for one in sloped if (one.slope or 0.0) <= _STEEP], min)


def _oblique(extents: Sequence[Extent]) -> list[Extent]:
    return [one for one in extents if one.guess == "depth" and not one.words and one.slope is not None]


def _takes(
    extents: list[Extent], axis: str, sloped: list[Extent], extreme: Callable[[list[float]], float]
) -> list[Extent]:
    """Gives the axis, where no number has it, to the numbers on the steepest or flattest of these lines."""
    if not sloped or any(one.guess in (axis, "diameter" if axis == "width" else axis) for one in extents):
        return extents
    best = extreme([one.slope or 0.0 for one in sloped])
    chosen = {one.candidate.order for one in sloped if abs((one.slope or 0.0) - best) <= 0.1}
    return [replace(one, guess=axis, tilted=True) if one.candidate.order in chosen else one for one in extents]


def _extent(
    layout: Layout, one: Candidate, words: dict[str, float], position: int, count: int, *, second: bool
) -> Extent:
    geometry = _geometry(layout, one)
    strokes = (geometry.vertical, geometry.horizontal, geometry.oblique)
    scores = [stroke.score if stroke is not None else 0.0 for stroke in strokes]
    best, place = geometry.best, geometry.place
    rotation = layout.page.lines[one.line_ids[0]].rotation % 180.0
    turned = abs(rotation - 90.0) <= 12.0
    slanted = not turned and 12.0 < rotation < 168.0
    if words and _is_arrow(layout, one, best):
        words = {}
    lines = [layout.page.lines[line].text for line in one.line_ids]
    guess = _guess(words, scores, turned=turned, slanted=slanted, place=place, position=position, count=count)
    return Extent(
        one, float(one.quantity.value) * CENTIMETRES[one.quantity.unit], words, scores[0], scores[1], scores[2],
        best.length if best is not None else 0.0, turned, slanted, place, count, second,
        any(map(_is_lookalike, lines)), any(map(_is_lookalike, layout.around(one))), guess, _span(best),
        _slope(best, rotation if slanted else None),
    )  # fmt: skip


def _is_arrow(layout: Layout, one: Candidate, best: Stroke | None) -> bool:
    """Whether the H at a number is the arrow |-| that it interrupts: one glued letter on a level line."""
    if one.label != "h" or best is None or best.direction is not Direction.HORIZONTAL or best.score < _DRAWN:
        return False
    text = layout.page.lines[one.line_ids[0]].text.strip()
    return (text.endswith("H") or text.startswith("H")) and not axes_in(text)


def _span(best: Stroke | None) -> tuple[float, float] | None:
    if best is None:
        return None
    axis = 1 if best.direction is Direction.VERTICAL else 0
    return min(best.start[axis], best.end[axis]), max(best.start[axis], best.end[axis])


def _slope(best: Stroke | None, rotation: float | None) -> float | None:
    if best is not None and best.direction is Direction.OBLIQUE:
        return abs(best.end[1] - best.start[1]) / max(abs(best.end[0] - best.start[0]), 1.0)
    return abs(tan(radians(rotation))) if rotation is not None else None


def _geometry(layout: Layout, one: Candidate) -> LineGeometry:
    """Of the line with the best stroke; an empty one where nothing is known of any."""
    found = [layout.geometry[line] for line in one.line_ids if line in layout.geometry]
    return max(found, key=lambda g: g.best.score if g.best is not None else 0.0, default=_NO_GEOMETRY)


def length_cues(schema: Schema) -> dict[str, re.Pattern[str]]:
    """The cue words of a schema's lengths that `cues` does not know, by entity; empty for the challenge's.

    A word of two letters or more; a single one is an axis letter (H, W, D, L) or none.
    """
    known = {cue for axis in AXES for cue in CHALLENGE[axis].cues}
    own = {
        entity.name: tuple(cue for cue in entity.cues if cue not in known and len(cue) > 1)
        for entity in schema.entities.values() if entity.kind == CHALLENGE["height"].kind
    }  # fmt: skip
    return {name: cue_pattern(cues) for name, cues in own.items() if cues}


def _of_schema(
    layout: Layout, one: Candidate, on_line: int, cues: Mapping[str, re.Pattern[str]]
) -> dict[str, float]:  # fmt: skip
    """The entity whose cue of the schema stands before a length, on its line or at it; empty for none or two."""
    text = layout.page.lines[one.line_ids[0]].text.lower()
    before = _DIGIT.split(text[: max(text.find(one.text.lower()), 0)])[-1]
    for shown, weight in ([before], _AT_NUMBER), ([text] * (on_line <= 1), _ON_LINE), (layout.around(one), _CAPTION):
        named = {name for name, cue in cues.items() if any(cue.search(each.lower()) for each in shown)}
        if named:
            return {named.pop(): weight} if len(named) == 1 else {}
    return {}


def _words(
    layout: Layout, one: Candidate, on_line: int, schema_cues: Mapping[str, re.Pattern[str]]
) -> dict[str, float]:  # fmt: skip
    """The axis that words name for a length, of which its line holds `on_line`; empty where they name none or two."""
    if schema_cues and (own := _of_schema(layout, one, on_line, schema_cues)):
        return own
    if _LEADING_ZERO.match(one.text) and one.quantity.unit in _METRIC:  # Ø76 read as 076: nobody prints one in inches
        return {"diameter": _ON_LINE}
    if (axis := axis_of(one.label)) != "":
        return {axis: _AT_NUMBER}
    line = one.line_ids[0]
    text = layout.page.lines[line].text
    axes = axes_in(text)
    if len(axes) == 1 and on_line <= 1:
        return {axes[0]: _ON_LINE}
    if on_line > 1 or axes:
        return {}
    captions = (axes_in(caption) or tuple(filter(None, (letter_box(caption),))) for caption in layout.around(one))
    named = {axes[0] for axes in captions if len(axes) == 1}
    return {named.pop(): _CAPTION} if len(named) == 1 else {}


def _guess(
    words: dict[str, float], scores: Sequence[float], *, turned: bool, slanted: bool, place: Place | None,
    position: int, count: int,
) -> str:  # fmt: skip
    if words:
        return next(iter(words))
    if max(scores) >= _DRAWN:
        return AXES[scores.index(max(scores))]
    if count:
        return ("width", "height", "depth", "")[min(position, 3)]
    if turned or place in (Place.LEFT, Place.RIGHT):
        return "height"
    if slanted:
        return "depth"
    return "width" if place in (Place.BELOW, Place.ABOVE) else ""


def _seconds(layout: Layout, lengths: Sequence[Candidate]) -> list[bool]:
    """Of each length, whether another one says the same size before it: in its expression, or above or to the left."""
    by_top = sorted((one for one in lengths if one.role != "same"), key=lambda one: one.polygon[1])
    tops = [one.polygon[1] for one in by_top]
    found = []
    for one in lengths:
        reach = 8.0 * layout.heights[one.line_ids[0]]
        first, last = bisect_left(tops, one.polygon[1] - reach), bisect_right(tops, one.polygon[1] + reach)
        found.append(one.role == "same" or any(_repeats(one, other, reach) for other in by_top[first:last]))
    return found


def _repeats(one: Candidate, other: Candidate, reach: float) -> bool:
    """Whether a length says again, in another unit, what the other says before it and at most `reach` pixels away."""
    if other.order >= one.order or other.quantity.unit == one.quantity.unit:
        return False
    if other.line_ids == one.line_ids and one.order == other.order + 1 and not one.role and not other.role:
        return True  # "4.2cm/11.65in": one size for the printer, though the units disagree
    near = abs(other.polygon[0] - one.polygon[0]) + abs(other.polygon[1] - one.polygon[1]) <= reach
    return near and same_size(
        float(other.quantity.value), other.quantity.unit, float(one.quantity.value), one.quantity.unit
    )


def _is_lookalike(text: str) -> bool:
    return (LOOKALIKES["length"].search(text) or PERSON.search(text)) is not None


@dataclass(frozen=True)
class PageLengths:
    """What the lengths of a page say together: computed once, for all of them and all axes.

    A length that says another one's size again (`Extent.second`) has no say in it, but for the words at it.
    """

    printed: frozenset[str]  # axes that words name
    guessed: frozenset[str]  # axes that any length has, by words or otherwise
    orders: tuple[int, ...]  # reading order of the lengths, ascending
    values: int  # number of different ones
    peers: dict[str, list[Extent]]  # the lengths of each guess, the longest dimension line first
    largest: dict[str, float]  # of each guess, in centimetres

    @classmethod
    def of(cls, extents: Sequence[Extent]) -> PageLengths:
        """Of all lengths of a page."""
        primary = [one for one in extents if not one.second]
        peers: dict[str, list[Extent]] = {}
        for one in sorted(primary, key=lambda one: -one.pixels):
            peers.setdefault(one.guess, []).append(one)
        return cls(
            frozenset(name for one in extents for name in one.words), frozenset(peers),
            tuple(sorted(one.candidate.order for one in primary)),
            len({one.candidate.quantity for one in primary}), peers,
            {guess: max(one.centimetres for one in group) for guess, group in peers.items()},
        )  # fmt: skip


def axis_features(extent: Extent, page: PageLengths, layout: Layout, axis: str) -> dict[str, float]:
    """The features of one length for the question of one axis ("height", "width" or "depth"); zeros are left out."""
    guessed = page.guessed
    names = _names(axis, page.printed, guessed)
    own = max((extent.words.get(name, 0.0) for name in names), default=0.0)
    peers = page.peers.get(extent.guess, [])
    own_guess = extent.guess in names if extent.words else extent.guess == axis
    judged = own_guess and not extent.second
    placed = not (
        extent.words or extent.count or extent.turned or extent.slanted or max(map(extent.drawn, AXES)) >= _DRAWN
    )
    drawn = judged and not extent.words  # where words name it, a short line says nothing
    apart = _apart(extent, peers) if own_guess else 0.0
    size = log10(extent.centimetres)
    features = {
        "word_own": own,
        "word_exact": own * (axis in extent.words),
        "word_rival": 0.0 if own else max(extent.words.values(), default=0.0),
        "line_own": extent.drawn(axis) * (not extent.words),
        "line_rival": max(extent.drawn(other) for other in AXES if other != axis) * (not extent.words),
        "turned": float(extent.turned and not extent.words),
        "slanted": float(extent.slanted and not extent.words),
        "beside": float(extent.place in (Place.LEFT, Place.RIGHT) and not extent.words),
        "below": float(extent.place in (Place.BELOW, Place.ABOVE) and not extent.words),
        "list_own": float(extent.count > 0 and not extent.words and extent.guess == axis),
        "list_rival": float(extent.count > 0 and not extent.words and extent.guess != axis),
        "guess_own": float(own_guess),
        "placed_own": float(own_guess and placed),
        "guess_rival": float(not own_guess and extent.guess != ""),
        "own_elsewhere": float(not own_guess and not (guessed - {extent.guess}).isdisjoint({axis, *names})),
        "smaller": max(1.0 - extent.centimetres / page.largest.get(extent.guess, extent.centimetres), 0.0) * own_guess,
        "shorter": 1.0 - extent.pixels / peers[0].pixels if drawn and peers[0].pixels > 0 else 0.0,
        "second": float(extent.second),
        "lookalike": float(extent.lookalike),
        "lookalike_beside": float(extent.lookalike_beside),
        "fuzzy": float(extent.candidate.alignment.value == "fuzzy"),
        "font": layout.heights[extent.candidate.line_ids[0]] / layout.tallest,
        "later": min(bisect_left(page.orders, extent.candidate.order), 5) / 5.0,
        "lone": float(page.values == 1 and own_guess and not extent.words),
        "lone_bare": float(page.values == 1 and extent.guess == ""),
        "tiny": min(max(-size, 0.0), 1.0),
        "vast": min(max(size - 2.0, 0.0), 1.0),
        "several": apart,
        "several_named": apart if extent.words else 0.0,
        "part": float(own_guess and not extent.words and _is_held(extent, peers)),
        "tilted": float(extent.tilted and extent.guess == axis),
        "crowd": min(max(page.values - 3, 0), 9) / 9.0,
        "unseen": float(layout.page.geometry is None and extent.guess == ""),
        "long_text": float(len(layout.page.lines[extent.candidate.line_ids[0]].text) > 40),
    }  # fmt: skip
    return {name: value for name, value in features.items() if value}


def _holds(whole: Extent, part: Extent) -> bool:
    """Whether one number's dimension line covers another's and is clearly longer, and its number no smaller."""
    if whole.span is None or part.span is None or whole.pixels < _CLEARLY_LONGER * part.pixels:
        return False
    if part.centimetres > whole.centimetres and not whole.same_size_as(part):
        return False
    slack = 0.1 * (whole.span[1] - whole.span[0])
    return whole.span[0] - slack <= part.span[0] and part.span[1] <= whole.span[1] + slack


def _is_held(extent: Extent, peers: Sequence[Extent]) -> bool:
    """Whether any peer's dimension line covers this one's; the longest stand first."""
    for other in peers:
        if other.pixels < _CLEARLY_LONGER * extent.pixels:
            return False
        if _holds(other, extent):
            return True
    return False


def _apart(extent: Extent, peers: Sequence[Extent]) -> float:
    """How many other values this axis has beside it that are no parts of it and that it is no part of; 1 for four."""
    others: set[Quantity] = set()
    for one in peers:
        if not extent.same_size_as(one) and (extent.words or not (_holds(extent, one) or _holds(one, extent))):
            others.add(one.candidate.quantity)
            if len(others) == _SEVERAL:
                break
    return len(others) / _SEVERAL


def _names(axis: str, printed: frozenset[str], guessed: frozenset[str]) -> tuple[str, ...]:
    """The axis words that answer for this axis (the others as in `PageLengths`)."""
    if axis == "height":
        return ("height",)
    if axis == "width":
        if "width" in printed:
            return ("width",)
        return ("diameter", "length") if {"depth", "height"} & printed else ("diameter",)
    names = ["depth", "thickness"]
    if "depth" not in printed and {"width", "height"} & printed and {"width", "height"} <= printed | guessed:
        names.append("length")  # the remaining extent; with one other size only, it may be any
    if "width" not in printed and "depth" not in printed:
        names.append("diameter")
    return tuple(names)


def depth_features(
    extents: Sequence[Extent], layout: Layout, as_height: Sequence[float], as_width: Sequence[float],
    prior: GroupPrior | None, *, everything: bool = False,
) -> list[dict[str, float]]:  # fmt: skip
    """For each length what it adds to its axis features when depth is asked; zeros are left out.

    Args:
        as_height, as_width: the score of each length as an answer to height and width.
        prior: of the question's product group, None where nothing is known.
        everything: everything is asked of the picture; else somebody expects its depth, and what has one size is round.
    """
    if not extents:
        return []
    height, width = as_height.index(max(as_height)), as_width.index(max(as_width))  # the first of equals
    upright = {extents[height].candidate.quantity, extents[width].candidate.quantity}
    both = as_height[height] >= 0.5 and as_width[width] >= 0.5 and height != width
    found: list[dict[str, float]] = [
        {"third": 1.0} if both and one.candidate.quantity not in upright and not one.second else {} for one in extents
    ]
    score = as_width[width]
    roundness = layout.page.geometry.roundness if layout.page.geometry is not None else None
    features = {
        "as_width": score,
        "as_width_unexpected": score * everything,
        "as_width_round": score * ((_UNKNOWN_ROUNDNESS if roundness is None else roundness) - _UNKNOWN_ROUNDNESS),
        "as_width_habit": score * prior.depth_is_width if prior is not None else 0.0,
        "as_width_alone": score * max(prior.depth_share - _USUAL_DEPTH_SHARE, 0.0) if prior is not None else 0.0,
        "as_width_round_word": score * any(_ROUND_WORD.search(line.text) for line in layout.page.lines),
        "as_height_too": float(height == width and not extents[width].words),
    }
    found[width] |= {name: value for name, value in features.items() if value}
    return found
