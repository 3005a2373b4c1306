"""What is printed at a number, and the features that a quantity has of it: cue words, captions, rivals on the page.

`Layout` is the page as the rules reader sees it, computed once whatever number of questions is asked of it: its
quantities, and the captions around each number's line. The vocabulary is axis words in several languages, and for each
kind of quantity the words of its look-alikes: numbers of that kind that are no answer.

Every feature of `quantity_features` has a name and a value around 0 to 1; what they are worth stands in the weights
table. Heights, widths and depths have features of their own (`lengths`).
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from math import log10

from entx.core.boxes import Frame, frame_of
from entx.core.candidates import Candidate, page_quantities
from entx.core.entities import Entity
from entx.core.expressions import AXIS_WORDS, any_of
from entx.core.orders import without_orders
from entx.core.types import LineGeometry, OcrPage, PageGeometry, Polygon, Quantity
from entx.core.units import BY_NAME, same_size

_LETTERS = {"h": "height", "w": "width", "d": "depth", "l": "length", "t": "thickness", "b": "width", "p": "depth"}
_AXIS_OF = {word: axis for axis, words in AXIS_WORDS.items() for word in words} | _LETTERS

_AXIS_IN_TEXT = re.compile(
    "|".join(
        rf"(?P<{axis}>(?<![^\W\d_])(?:{any_of(words)})(?![^\W\d_]){'|[øØφΦ⌀∅]' if axis == 'diameter' else ''})"
        for axis, words in AXIS_WORDS.items()
    ),
    re.IGNORECASE,
)
_LETTER_BOX = re.compile(r"[(\[+<-]?[ ]?(?P<letter>[HWDLThwdl])[ ]?[)\]>:=.-]{0,2}", re.ASCII)


def axis_of(label: str) -> str:
    """The axis that a label at a number names ("h", "breite"), "" for none."""
    return _AXIS_OF.get(label.lower(), "")


def axes_in(text: str) -> tuple[str, ...]:
    """The axes that the words of a text name, each once, in order."""
    return tuple(dict.fromkeys(match.lastgroup or "" for match in _AXIS_IN_TEXT.finditer(text)))


def letter_box(text: str) -> str:
    """The axis of a box that holds nothing but an axis letter ("H", "W:"), "" for any other."""
    match = _LETTER_BOX.fullmatch(text.strip())
    return _LETTERS[match["letter"].lower()] if match else ""


# A number of the right kind that is no answer, by what is printed on its line or beside it. One pattern for each kind.
LOOKALIKES = {
    "length": re.compile(
        r"seat|sitz|arm ?rest|leg ?room|clearance|cable|cord|kabel|wire|hose|screen|display|monitor"
        r"|diagonal|\bfits?\b|compatible|suitable|\bfor\b|up to|inner|inside|interior|internal|\bi\.?d\b|handle|strap"
        r"|blade|stroke|inseam|waist|chest|bust|hips?\b|person|child|\bage|circumf|drop|distance|range|gap\b|hole|pitch|thread|spacing"
        r"|adjust|packag|package|folded|box size|font|lens|focal|radius|mesh|pile|frame size|print size|photo|insert"
        r"|error|toleran|deviat",
        re.IGNORECASE,
    ),
    "weight": re.compile(
        r"protein|carb|sugar|\bfats?\b|\bsat\b|fib(?:er|re)|sodium|calori|serving|portion|\bper\b|\bpro\b|vitamin|dose"
        r"|\beach\b|amount|daily|calcium|iron|potassium|caffeine|collagen|creatine|amino|bcaa|extract|omega|\bepa\b|\bdha\b"
        r"|\bmg\b|trans|cholest|kcal|energy|added|salt|capsule|tablet|scoop|\bof\b|gsm|/m2|g/m|denier|contains"
        r"|gross|brutto|shipping",
        re.IGNORECASE,
    ),
    "voltage": re.compile(r"hi-?pot|surge|dielectric|insulation|\bup to\b|withstand|compatible", re.IGNORECASE),
    "power": re.compile(
        r"equivalent|equal|replac|ersetzt|remplace|\bvs\b|compar|standby|\bup to\b|saves?|kwh|peak|surge|per\b|/m|each",
        re.IGNORECASE,
    ),
    "volume": re.compile(r"serving|portion|\bper\b|dose|daily|water|makes?|/ ?min|\bfor\b|displacement", re.IGNORECASE),
}  # fmt: skip
CAPACITY = re.compile(
    r"capacit|\bload|hold|support|bear|\bmax|limit|up to|strong|withstand|heavy|traglast|belast"
    r"|tr[aä]gt|bis zu|jusqu|hasta|soporta|sopporta|carga|charge|portata"
    r"|weight rec|accommodat|recommended|user weight|suspension|tragf|rated|suporta|capacidad|capacit[àé]|draag|нагрузк"
    r"|грузопод|выдерж|承重|载重|載重|承载|负重|耐荷重|耐重",
    re.IGNORECASE,
)
"""Words of a load or a capacity: what a weight is then a maximum of, not the item's own."""

PERSON = re.compile(r"\b(?:months?|years?|yrs?|age|child|baby|kids?|boy|girl|person|user|rider|model)\b", re.IGNORECASE)
"""Words of a chart about people: their heights and weights are nobody's product."""


_REACH = 1.6  # text heights that a caption may lie above or below its number
_ROW_FACTOR = 20.0  # in a row of a table the number may stand farther to the right: (1.6 - 0.8) x 20 = 16 text heights


@dataclass(frozen=True)
class Layout:
    """A page with what the features need of it."""

    page: OcrPage  # with or without geometry
    quantities: tuple[Candidate, ...]  # all of the page (`page_quantities`)
    captions: dict[
        int, tuple[int, ...]
    ]  # of a number's line: the lines without one that stand nearest to it, not right
    geometry: dict[int, LineGeometry]  # the geometry of a line by its position; empty for a page without
    heights: tuple[float, ...]  # text height of each line in pixels
    tallest: float  # the largest height of a number's line, at least 1

    @classmethod
    def of(cls, page: OcrPage) -> Layout:
        """The layout of a page, of which orders are no part."""
        page = without_orders(page)
        quantities = page_quantities(page)
        numbers = sorted({line for one in quantities for line in one.line_ids})
        frames = [frame_of(line.polygon) for line in page.lines]
        drawn = page.geometry or PageGeometry()
        captions = _captions(page, numbers, frames, frozenset(drawn.marks))
        heights = tuple(frame.height for frame in frames)
        tallest = max((heights[line] for line in numbers), default=1.0)
        return cls(page, quantities, captions, {one.line: one for one in drawn.lines}, heights, tallest)

    def around(self, one: Candidate) -> list[str]:
        """The texts of a candidate's captions."""
        return [self.page.lines[number].text for line in one.line_ids for number in self.captions.get(line, ())]


def _captions(
    page: OcrPage, numbers: list[int], frames: list[Frame], marks: frozenset[int]
) -> dict[int, tuple[int, ...]]:
    found: dict[int, list[int]] = {}
    taken = marks.union(numbers)
    letters = {number: axis for number, line in enumerate(page.lines) if (axis := letter_box(line.text))}
    several = len({axis for number, axis in letters.items() if number not in marks}) > 1
    by_top = sorted(numbers, key=lambda number: frames[number].y)
    tops = [frames[number].y for number in by_top]
    widest = max((frames[number].width for number in numbers), default=0.0)
    for index, line in enumerate(page.lines):
        if index in taken or not any(map(str.isalpha, line.text)):
            continue
        if len(line.text.strip()) == 1 and not (several and index in letters):
            continue  # an H on its own is an arrow |-| more often than a height
        best, nearest = _REACH, -1
        caption = frames[index]
        reach = _within(caption, max(caption.height, 1.0), widest)
        first, last = bisect_left(tops, caption.y - reach), bisect_right(tops, caption.y + reach)
        for number in sorted(by_top[first:last]):  # of two that are equally near, the first in reading order
            distance = _distance(caption, frames[number], page.lines[number].polygon)
            if distance < best:
                best, nearest = distance, number
        if nearest >= 0:
            found.setdefault(nearest, []).append(index)
    return {number: tuple(lines) for number, lines in found.items()}


def _within(caption: Frame, unit: float, width: float) -> float:
    """How far the corner of a number of this width may lie from its caption's at most, pixels."""
    return 4 * _REACH * unit + 2 * (caption.width + width)


def _distance(caption: Frame, number: Frame, number_polygon: Polygon) -> float:
    """How far a caption lies from a number, in text heights; infinite where it does not belong to it.

    A number to the right of its caption or below it is the rule; one above it is taken a little less readily.
    """
    unit = max(min(caption.height, number.height), 1.0)
    if abs(caption.x - number.x) + abs(caption.y - number.y) > _within(caption, unit, number.width):
        return float("inf")
    left, top, right, bottom = caption.box(number_polygon)
    if min(bottom, caption.height) - max(top, 0.0) >= 0.5 * min(caption.height, bottom - top):
        gap = left - caption.width
        if gap >= -0.5 * unit:
            return max(gap, 0.0) / unit / 1.5 if gap <= 2.0 * unit else 0.8 + gap / unit / _ROW_FACTOR
        gap = -right
        return max(gap, 0.0) / unit + 0.4 if gap >= -0.5 * unit else float("inf")
    if min(right, caption.width) - max(left, 0.0) < 0.3 * min(right - left, caption.width):
        return float("inf")
    if top >= 0.5 * caption.height:
        return max(top - caption.height, 0.0) / unit + 0.1
    return max(-bottom, 0.0) / unit + 0.4


_REFERENCE = re.compile(  # an amount that other amounts are told of, and no pack's
    r"(?:\b(?:per|pro|pour|par|por|je)|/)[ ]?(?:(?:une?|one|1|eine?|uma?|the|des?)[ ])?"
    r"(?:100[ ]?(?:g|ml)\b|serv|port|por[zcç]|raci|dos|day|tag|jour|d[ií]a\b|giorno|scoop|capsul|tablet)"
    r"|serving size|portionsgr|tama.{1,12}por[cç]|valeurs|nährwert|nutrition|per[ ]?100|referen[cz]",
    re.IGNORECASE,
)
_SMALL_UNITS = frozenset({"milligram", "microgram", "millivolt", "microlitre"})
_TOTAL = re.compile(
    r"\btotal|\bnet\b|netto|\bn\.? ?w(?:t|eight)|gewicht|poids|peso|inhalt|contenu|contenido|conteúdo|contenuto|inhoud"
    r"|нетто|масса|净含量|淨含量|净重|淨重|内容量|正味",
    re.IGNORECASE,
)
_OUTPUT = re.compile(r"\boutput|\bout\b|sortie|ausgang|salida", re.IGNORECASE)
_INPUT = re.compile(r"\binput|\bin\b|entr[ée]e|eingang|entrada", re.IGNORECASE)
_DIRECT = re.compile(r"[0-9] ?V ?(?:DC|⎓)|\bDC ?[0-9]|\bDC\b", re.IGNORECASE)
_ADAPTER = re.compile(r"adapt[eo]r|charger|power supply|netzteil|ladeger|chargeur|cargador", re.IGNORECASE)
_MOST_PIECES = 60
_COUNT = re.compile(r"(?<![0-9.,])[0-9]{1,2}(?![0-9.,])", re.ASCII)
_TIMES = re.compile(r"[0-9] ?[xX×*] ?$|(?:pack|set|pcs|count) of|/ ?(?:pc|pack|bag)\b", re.IGNORECASE)
_LONG = 40
_KILOGRAM = 3.0  # log10 of its grams


@dataclass(frozen=True)
class Rivals:
    """What the legal candidates of one question say together: computed once, for all of them."""

    primary: tuple[Candidate, ...]  # those that say no size again (`is_second`), in reading order
    orders: tuple[int, ...]  # of the primary ones
    seconds: frozenset[int]  # reading order of all others
    repeats: Counter[Quantity]  # how often each quantity is printed
    values: int  # number of different primary quantities; a range is one
    largest: Decimal  # the largest primary value; zero without any
    counts: dict[int, list[str]]  # the lines on which a whole number stands that may count the pieces of a pack
    adapter: bool  # the page speaks of an adapter or a charger

    @classmethod
    def of(cls, candidates: Sequence[Candidate], layout: Layout) -> Rivals:
        """The rivals among these candidates, which stand in reading order."""
        by_order = {one.order: one for one in candidates}
        seconds = frozenset(one.order for one in candidates if is_second(one, by_order))
        primary = tuple(one for one in candidates if one.order not in seconds)
        counts: dict[int, list[str]] = {}
        for line in layout.page.lines:
            for count in set(map(int, _COUNT.findall(line.text))):
                counts.setdefault(count, []).append(line.text)
        return cls(
            primary, tuple(sorted(one.order for one in primary)), seconds,
            Counter(one.quantity for one in candidates), len({one.quantity for one in primary if one.role != "low"}),
            max((one.quantity.value for one in primary), default=Decimal(0)), counts,
            any(_ADAPTER.search(line.text) for line in layout.page.lines),
        )  # fmt: skip


def quantity_features(
    one: Candidate, rivals: Rivals, layout: Layout, entity: Entity, rival_cues: frozenset[str]
) -> dict[str, float]:
    """The features of one candidate for one entity; zeros are left out.

    Args:
        rivals: of all candidates that are legal for the entity; `one` is among them.
        rival_cues: cue words that point to other entities of the same kind and not to this one.
    """
    own_lines = [layout.page.lines[line].text for line in one.line_ids]
    captions = layout.around(one)
    own, rival = cue_pattern(entity.cues), cue_pattern(tuple(sorted(rival_cues)))
    alike = LOOKALIKES.get(entity.kind, _NEVER)
    printed = " ".join(own_lines)
    on_line = [text.lower() for text in own_lines]
    beside = [text.lower() for text in captions]
    own_on_line, own_beside = (any(own.search(text) for text in texts) for texts in (on_line, beside))
    rival_on_line, rival_beside = (any(_beyond(own, rival, text) for text in texts) for texts in (on_line, beside))
    part_of_own = any(one.label in match[0] for text in on_line for match in own.finditer(text))
    capacity = any(CAPACITY.search(text) for text in (*own_lines, *captions)) if entity.kind == "weight" else False
    features = {
        "label_own": float(one.label in entity.cues),
        "label_rival": float(one.label in rival_cues and not part_of_own),
        "cue_on_line": float(own_on_line),
        "cue_beside": float(own_beside),
        "rival_on_line": float(rival_on_line),
        "rival_beside": float(rival_beside),
        "rival_alone": float((rival_on_line or rival_beside) and not (capacity or own_on_line or own_beside)),
        "capacity": float(capacity),
        "net": float(any(_TOTAL.search(text) for text in (*own_lines, *captions))),
        "lookalike_on_line": float(alike.search(printed) is not None),
        "reference": float(_REFERENCE.search(printed) is not None),
        "lookalike_beside": float(any(alike.search(text) for text in captions)),
        "person": float(any(PERSON.search(text) for text in (*own_lines, *captions))),
        "input": float(any(_INPUT.search(text) for text in own_lines)),
        "output": float(any(_OUTPUT.search(text) for text in own_lines)),
        "adapter_output": float(rivals.adapter and _is_output(printed)),
        "total": float(_is_total(one, rivals)),
        "low_end": float(one.role == "low"),
        "high_end": float(one.role == "high"),
        "second": float(one.order in rivals.seconds),
        "per_piece": float(one.text in printed and _TIMES.search(printed[: printed.find(one.text)]) is not None),
        "repeated": min(rivals.repeats[one.quantity] - 1, 2) / 2.0,
        "small_unit": float(one.quantity.unit in _SMALL_UNITS),
        "heavy": _heaviness(one.quantity) if entity.kind == "weight" else 0.0,
        "small_value": float(one.quantity.value < 1),
        "fuzzy": float(one.alignment.value == "fuzzy"),
        "font": layout.heights[one.line_ids[0]] / layout.tallest,
        "later": min(bisect_left(rivals.orders, one.order), 5) / 5.0,
        "largest": float(bool(rivals.primary) and one.quantity.value == rivals.largest),
        "lone": float(rivals.values == 1 and alike.search(printed) is None),
        "several": min(rivals.values - 1, 4) / 4.0 if rivals.values else 0.0,
        "long_text": float(len(own_lines[0]) > _LONG),
        "few_lines": float(sum(bool(line.text) for line in layout.page.lines) <= 6),
    }
    return {name: value for name, value in features.items() if value}


def _heaviness(quantity: Quantity) -> float:
    """0 up to a kilogram, 1 from 100 kilograms up.

    In the labelled table of the challenge (103,810 weights) the log-odds that a weight is a load rather than the item's
    own rise along this line, from -0.4 to 3.3, and are nearly level on either side of it.
    """
    grams = float(quantity.value) * BY_NAME[quantity.unit].factor if quantity.unit in BY_NAME else 0.0
    return min(max((log10(grams) - _KILOGRAM) / 2.0, 0.0), 1.0) if grams > 0 else 0.0


def _beyond(own: re.Pattern[str], rival: re.Pattern[str], text: str) -> bool:
    """Whether a rival's cue stands in a text outside the entity's own: "cable length" speaks of no length but its."""
    spans = [match.span() for match in own.finditer(text)]
    return any(not any(a <= m.start() and m.end() <= b for a, b in spans) for m in rival.finditer(text))


def _is_output(text: str) -> bool:
    return _OUTPUT.search(text) is not None or (_DIRECT.search(text) is not None and _INPUT.search(text) is None)


def _is_total(one: Candidate, rivals: Rivals) -> bool:
    """Whether it is the printed total of a pack: a whole multiple of another value, by a count printed on the page."""
    for other in rivals.primary:
        if other.quantity.unit != one.quantity.unit or not 0 < other.quantity.value < one.quantity.value:
            continue
        times = float(one.quantity.value / other.quantity.value)
        count = round(times)
        if count in rivals.counts and 2 <= count <= _MOST_PIECES and abs(times - count) <= 0.015 * count:
            printed = re.compile(rf"(?<![0-9.,]){count}(?![0-9.,]|{re.escape(one.text[-3:])})")
            if any(printed.search(text.replace(one.text, " ")) for text in rivals.counts[count]):
                return True
    return False


def is_second(one: Candidate, by_order: Mapping[int, Candidate]) -> bool:
    """Whether a candidate says in another unit what one before it in its expression or the line above says."""
    if one.role == "same":
        return True
    before = [by_order[order] for order in (one.order - 1, one.order - 2) if order in by_order]
    return any(
        other.role != "same"
        and other.quantity.unit != one.quantity.unit
        and same_size(float(other.quantity.value), other.quantity.unit, float(one.quantity.value), one.quantity.unit)
        for other in before
    )


_NEVER = re.compile(r"(?!)")


@lru_cache
def cue_pattern(cues: tuple[str, ...]) -> re.Pattern[str]:
    """Matches any of the cue words in lower-case text. One letter alone is no word."""
    words = any_of(cue for cue in cues if len(cue) > 1)
    return re.compile(rf"(?<![a-z])(?:{words})(?![a-z])") if words else _NEVER
