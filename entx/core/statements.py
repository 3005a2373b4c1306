"""Reading a sentence: does it deny, does it guess, and which of its quantities does it say of the entity?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from entx.core.entities import CHALLENGE, Entity
from entx.core.quantities import QuantityMatch

_NOTHING = re.compile(
    r"\bnot (?:\w+ly )?(?:visible|indicated|stated|mentioned|specified|given|provided|shown|available|present|known|"
    r"clear|labell?ed|listed|possible|marked|displayed|include|included|have a label|found|determinable)\b"
    r"|(?:does|do|is|are|did|was|ca|could|would)(?:n't| not) (?:\w+ly )?(?:provide|show|state|mention|specify|contain|"
    r"indicate|display|give|include|have|list|directly|possible|enough|determine|reveal|depict|feature)"
    r"|\bcannot\b|\bcan't\b|\bunable to\b|\bno (?:\w+ ){0,4}(?:information|indication|mention|label|visible|weight|"
    r"value|measurement|voltage|wattage|recommendation|volume|dimensions?|height|width|depth)\b"
    r"|\bI'?m sorry\b|\bunknown\b|\bN/?A\b|\bnone\b|\bnull\b|\bnot applicable\b",
    re.IGNORECASE,
)
_HINTS = ("no", "n't", "n/a", "na", "unable", "sorry", "unknown", "null")
_HEDGE = re.compile(
    r"\b(?:typical(?:ly)?|usual(?:ly)?|likely|probab(?:le|ly)|assum\w+|estimat\w+|infer\w*|might|may|could|would|suggest\w*|"
    r"common(?:ly)?|standard|generally|average|if|suppose|example|imply|implies|guess|appears?|based on)\b",
    re.IGNORECASE,
)
_FORMULA = re.compile(r"formula|calculat|multipl|\bVolume *=|\bx\b.{1,40}=", re.IGNORECASE)
_RESULT = re.compile(r"(?:[x×*+/][ ]?\(?[0-9.,]+ ?[a-zA-Z. ]{0,16}\)?\s*|[=≈]\s*[^=\n]{0,20})[=≈]\s*$")
_LOAD = re.compile(
    r"weight capacity|load capacity|maximum weight|max(?:imum)? load|weight limit|can (?:hold|support)", re.IGNORECASE
)
_WORD = re.compile(r"[a-z]{2,}")
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|\n")


def says_nothing(text: str) -> bool:
    """Whether the text says somewhere that the value is not to be had."""
    lowered = text.lower()
    if not any(hint in lowered for hint in _HINTS):  # the pattern is slow, and most answers hold none of these
        return False
    return _NOTHING.search(text) is not None


def is_hedged(text: str, match: QuantityMatch) -> bool:
    """Whether the sentence around a quantity guesses, or is itself the denial."""
    start = 0
    end = len(text)
    for stop in _SENTENCE_END.finditer(text):
        if stop.start() < match.start:
            start = stop.end()
        elif stop.start() >= match.end - 1:  # the unit's span may hold the sentence's dot
            end = stop.start()
            break
    sentence = text[start:end]
    return _HEDGE.search(sentence) is not None or _NOTHING.search(sentence) is not None


def is_computed(text: str, match: QuantityMatch) -> bool:
    """Whether the model multiplied a number out instead of reading it: no product prints that number."""
    if match.quantity.unit.startswith("cubic") and _FORMULA.search(text) is not None:
        return True
    before = text[max(0, match.start - 60) : match.start]
    return _RESULT.search(before) is not None


def says_several(text: str, legal: Sequence[QuantityMatch], entity: Entity) -> bool:
    """Whether a list gives three or more different values in one unit: then none is the product's."""
    own, others = _cues(entity)
    if any(match.label in own for match in legal) or (entity.kind == "volume" and _FORMULA.search(text) is not None):
        return False
    plain = []
    floor = 0
    for match in legal:
        before = text[floor : match.start]
        if match.role in ("", "low") and not before.endswith("(") and _clause_score(before, own, others) >= 0:
            plain.append(match)
        floor = match.end
    values: dict[str, set[object]] = {}
    for match in plain:
        values.setdefault(match.quantity.unit, set()).add(match.quantity.value)
    return any(len(several) >= 3 for several in values.values())


def choose(text: str, legal: Sequence[QuantityMatch], entity: Entity) -> QuantityMatch | None:
    """The quantity that the text says of the entity; None where it says every one of something else.

    Args:
        legal: all quantities of the text with a unit that the entity allows, in order; at least one.
    """
    leaders = [match for match in legal if match.role not in ("same", "high")] or list(legal)
    chosen = leaders[0]
    if entity.kind == "length":
        found = _of_entity(text, leaders, entity)
        if found is None:
            return None
        chosen = found
    elif entity.name == "item_weight" and _LOAD.search(text[: chosen.start]) is not None:
        return None
    if chosen.role == "low":
        return next((match for match in legal if match.group == chosen.group and match.role == "high"), chosen)
    return chosen


def _of_entity(text: str, leaders: Sequence[QuantityMatch], entity: Entity) -> QuantityMatch | None:
    """Of several sizes: the one labelled as the entity, then the one whose clause names it, then the first."""
    own, others = _cues(entity)
    for match in leaders:
        if match.label in own:
            return match
    best, best_score = leaders[0], -9
    floor = 0
    for match in leaders:
        score = -1 if match.label in others else _clause_score(text[floor : match.start], own, others)
        if score > best_score:
            best, best_score = match, score
        floor = match.end
    if best_score < 0:
        return None
    if best.role == "axis" and not best.label:
        axes = [match for match in leaders if match.group == best.group and match.role == "axis"]
        return axes[_place(entity.name, len(axes))]
    return best


def _clause_score(before: str, own: frozenset[str], others: frozenset[str]) -> int:
    """1 when the last axis word before a quantity is the entity's, -1 when it is another's, 0 without one."""
    for word in reversed(_WORD.findall(before[-80:].lower())):
        if word in own:
            return 1
        if word in others:
            return -1
    return 0


def _place(entity: str, count: int) -> int:
    """Which of `count` sizes without labels is the entity's: packs print width x height, or length x width x height."""
    if entity == "height":
        return count - 1
    if entity == "width":
        return 0 if count < 3 else 1
    return 0


@lru_cache(maxsize=256)
def _cues(entity: Entity) -> tuple[frozenset[str], frozenset[str]]:
    """Words of this entity's axis, and words of the others' ("diameter" is both width and depth of a round thing)."""
    own = frozenset(entity.cues)
    others = {cue for other in CHALLENGE.entities.values() if other.kind == entity.kind for cue in other.cues}
    if entity.name == "height":
        others |= {"diameter", "dia"}
    return own, frozenset(others) - own
