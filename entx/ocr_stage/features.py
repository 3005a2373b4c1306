"""Features of a quantity that is no height, width or depth: words at it, its print, and its rivals on the page.

Every feature has a name and a value around 0 to 1; what they are worth stands in the weights table.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from entx.core.candidates import Candidate
from entx.core.entities import Entity
from entx.core.units import same_size
from entx.ocr_stage.cues import CAPACITY, LOOKALIKES, PERSON
from entx.ocr_stage.layout import Layout

_SMALL_UNITS = frozenset({"milligram", "microgram", "millivolt", "microlitre"})
_TOTAL = re.compile(
    r"\btotal|\bnet\b|netto|\bn\.? ?w(?:t|eight)|gewicht|poids|peso|inhalt|contenu|contenido", re.IGNORECASE
)
_OUTPUT = re.compile(r"\boutput|\bout\b|sortie|ausgang|salida", re.IGNORECASE)
_INPUT = re.compile(r"\binput|\bin\b|entr[ée]e|eingang|entrada", re.IGNORECASE)
_DIRECT = re.compile(r"[0-9] ?V ?(?:DC|⎓)|\bDC ?[0-9]|\bDC\b", re.IGNORECASE)
_ADAPTER = re.compile(r"adapt[eo]r|charger|power supply|netzteil|ladeger|chargeur|cargador", re.IGNORECASE)
_MOST_PIECES = 60
_TIMES = re.compile(r"[0-9] ?[xX×*] ?$|(?:pack|set|pcs|count) of|/ ?(?:pc|pack|bag)\b", re.IGNORECASE)
_LONG = 40


def quantity_features(
    one: Candidate, candidates: Sequence[Candidate], layout: Layout, entity: Entity, rivals: frozenset[str]
) -> dict[str, float]:
    """The features of one candidate for one entity; zeros are left out.

    Args:
        candidates: all that are legal for the entity, in reading order; `one` is among them.
        rivals: cue words that point to other entities of the same kind and not to this one.
    """
    own_lines = [layout.page.lines[line].text for line in one.line_ids]
    captions = layout.around(one)
    own, rival = cue_pattern(entity.cues), cue_pattern(tuple(sorted(rivals)))
    alike = LOOKALIKES.get(entity.kind, _NEVER)
    said = " ".join(own_lines)
    capacity = any(CAPACITY.search(text) for text in (*own_lines, *captions)) if entity.kind == "weight" else False
    primary = [other for other in candidates if not is_second(other, candidates)]
    values = {other.quantity for other in primary}
    features = {
        "label_own": float(one.label in entity.cues),
        "label_rival": float(one.label in rivals),
        "cue_on_line": float(any(own.search(text.lower()) for text in own_lines)),
        "cue_beside": float(any(own.search(text.lower()) for text in captions)),
        "rival_on_line": float(any(rival.search(text.lower()) for text in own_lines)),
        "rival_beside": float(any(rival.search(text.lower()) for text in captions)),
        "rival_alone": float(
            any(rival.search(text.lower()) for text in (*own_lines, *captions))
            and not capacity
            and not any(own.search(text.lower()) for text in (*own_lines, *captions))
        ),
        "capacity": float(capacity),
        "net": float(any(_TOTAL.search(text) for text in (*own_lines, *captions))),
        "lookalike_on_line": float(alike.search(said) is not None),
        "lookalike_beside": float(any(alike.search(text) for text in captions)),
        "person": float(any(PERSON.search(text) for text in (*own_lines, *captions))),
        "input": float(any(_INPUT.search(text) for text in own_lines)),
        "output": float(any(_OUTPUT.search(text) for text in own_lines)),
        "adapter_output": float(_is_output(said) and any(_ADAPTER.search(line.text) for line in layout.page.lines)),
        "total": float(_is_total(one, primary, layout)),
        "low_end": float(one.role == "low"),
        "high_end": float(one.role == "high"),
        "second": float(is_second(one, candidates)),
        "per_piece": float(_TIMES.search(said[: said.find(one.text)]) is not None if one.text in said else False),
        "repeated": min(sum(1 for other in candidates if other.quantity == one.quantity) - 1, 2) / 2.0,
        "small_unit": float(one.quantity.unit in _SMALL_UNITS),
        "small_value": float(one.quantity.value < 1),
        "fuzzy": float(one.alignment.value == "fuzzy"),
        "font": layout.heights[one.line_ids[0]] / layout.tallest,
        "later": min(sum(1 for other in primary if other.order < one.order), 5) / 5.0,
        "largest": float(bool(primary) and one.quantity.value == max(other.quantity.value for other in primary)),
        "lone": float(len(values) == 1 and alike.search(said) is None),
        "several": min(len(values) - 1, 4) / 4.0 if values else 0.0,
        "long_text": float(len(own_lines[0]) > _LONG),
        "few_lines": float(len(layout.page.lines) <= 6),
    }
    return {name: value for name, value in features.items() if value}


def _is_output(text: str) -> bool:
    return _OUTPUT.search(text) is not None or (_DIRECT.search(text) is not None and _INPUT.search(text) is None)


def _is_total(one: Candidate, primary: Sequence[Candidate], layout: Layout) -> bool:
    """Whether it is the printed total of a pack: a whole multiple of another value, by a count printed on the page."""
    for other in primary:
        if other.quantity.unit != one.quantity.unit or not 0 < other.quantity.value < one.quantity.value:
            continue
        times = float(one.quantity.value / other.quantity.value)
        count = round(times)
        if 2 <= count <= _MOST_PIECES and abs(times - count) <= 0.015 * count:
            printed = re.compile(rf"(?<![0-9.,]){count}(?![0-9.,]|{re.escape(one.text[-3:])})")
            if any(printed.search(line.text.replace(one.text, " ")) for line in layout.page.lines):
                return True
    return False


def is_second(one: Candidate, candidates: Sequence[Candidate]) -> bool:
    """Whether a candidate says in another unit what one before it in its expression or the line above says."""
    if one.role == "same":
        return True
    return any(
        other.order < one.order
        and other.role != "same"
        and other.quantity.unit != one.quantity.unit
        and one.order - other.order <= 2
        and same_size(float(other.quantity.value), other.quantity.unit, float(one.quantity.value), one.quantity.unit)
        for other in candidates
    )


_NEVER = re.compile(r"(?!)")


@lru_cache
def cue_pattern(cues: tuple[str, ...]) -> re.Pattern[str]:
    """Matches any of the cue words in lower-case text. One letter alone is no word."""
    words = "|".join(re.escape(cue) for cue in sorted(cues, key=len, reverse=True) if len(cue) > 1)
    return re.compile(rf"(?<![a-z])(?:{words})(?![a-z])") if words else _NEVER
