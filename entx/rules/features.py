"""Features of a quantity that is no height, width or depth: words at it, its print, and its rivals on the page.

Every feature has a name and a value around 0 to 1; what they are worth stands in the weights table. Lengths have
features of their own (`lengths`).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from entx.core.candidates import Candidate
from entx.core.entities import Entity
from entx.core.types import Quantity
from entx.core.units import same_size
from entx.rules.words import CAPACITY, LOOKALIKES, PERSON, Layout

_SMALL_UNITS = frozenset({"milligram", "microgram", "millivolt", "microlitre"})
_TOTAL = re.compile(
    r"\btotal|\bnet\b|netto|\bn\.? ?w(?:t|eight)|gewicht|poids|peso|inhalt|contenu|contenido", re.IGNORECASE
)
_OUTPUT = re.compile(r"\boutput|\bout\b|sortie|ausgang|salida", re.IGNORECASE)
_INPUT = re.compile(r"\binput|\bin\b|entr[ée]e|eingang|entrada", re.IGNORECASE)
_DIRECT = re.compile(r"[0-9] ?V ?(?:DC|⎓)|\bDC ?[0-9]|\bDC\b", re.IGNORECASE)
_ADAPTER = re.compile(r"adapt[eo]r|charger|power supply|netzteil|ladeger|chargeur|cargador", re.IGNORECASE)
_MOST_PIECES = 60
_COUNT = re.compile(r"(?<![0-9.,])[0-9]{1,2}(?![0-9.,])", re.ASCII)
_TIMES = re.compile(r"[0-9] ?[xX×*] ?$|(?:pack|set|pcs|count) of|/ ?(?:pc|pack|bag)\b", re.IGNORECASE)
_LONG = 40


@dataclass(frozen=True)
class Rivals:
    """What the legal candidates of one question say together: computed once, for all of them."""

    primary: tuple[Candidate, ...]  # those that say no size again (`is_second`), in reading order
    orders: tuple[int, ...]  # of the primary ones
    seconds: frozenset[int]  # reading order of all others
    repeats: Counter[Quantity]  # how often each quantity is printed
    values: int  # number of different primary quantities
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
            Counter(one.quantity for one in candidates), len({one.quantity for one in primary}),
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
        "lookalike_beside": float(any(alike.search(text) for text in captions)),
        "person": float(any(PERSON.search(text) for text in (*own_lines, *captions))),
        "input": float(any(_INPUT.search(text) for text in own_lines)),
        "output": float(any(_OUTPUT.search(text) for text in own_lines)),
        "adapter_output": float(rivals.adapter and _is_output(printed)),
        "total": float(_is_total(one, rivals)),
        "low_end": float(one.role == "low"),
        "high_end": float(one.role == "high"),
        "second": float(one.order in rivals.seconds),
        "per_piece": float(
            _TIMES.search(printed[: printed.find(one.text)]) is not None if one.text in printed else False
        ),
        "repeated": min(rivals.repeats[one.quantity] - 1, 2) / 2.0,
        "small_unit": float(one.quantity.unit in _SMALL_UNITS),
        "small_value": float(one.quantity.value < 1),
        "fuzzy": float(one.alignment.value == "fuzzy"),
        "font": layout.heights[one.line_ids[0]] / layout.tallest,
        "later": min(bisect_left(rivals.orders, one.order), 5) / 5.0,
        "largest": float(bool(rivals.primary) and one.quantity.value == rivals.largest),
        "lone": float(rivals.values == 1 and alike.search(printed) is None),
        "several": min(rivals.values - 1, 4) / 4.0 if rivals.values else 0.0,
        "long_text": float(len(own_lines[0]) > _LONG),
        "few_lines": float(len(layout.page.lines) <= 6),
    }
    return {name: value for name, value in features.items() if value}


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
    words = "|".join(re.escape(cue) for cue in sorted(cues, key=len, reverse=True) if len(cue) > 1)
    return re.compile(rf"(?<![a-z])(?:{words})(?![a-z])") if words else _NEVER
