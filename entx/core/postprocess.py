"""The one postprocessor: any model's free text -> a legal quantity, or nothing with the reason.

Every arm, and everybody's imported predictions, go through `postprocess`, so that a comparison of arms compares models
and not clean-ups. The wrapping goes first (chat markers, code fences, JSON, LaTeX, thoughts: `unwrap`); then it reads
as a careful person would: the value said of the entity that was asked, the first of two spellings of one size, the
upper end of a range (the labelling guide's rule 6), nothing where the text says that the picture does not state it.
It does not convert units.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Any

from entx.core.entities import CHALLENGE, Entity
from entx.core.parser import QuantityMatch, find_own_quantities, find_quantities
from entx.core.types import Alignment, Quantity, least_sure, parse_written

MAX_LENGTH = 8_000
"""Characters; longer answers are cut: real ones stay under 5,000, and the end of a runaway generation is repetition."""

_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_TURN = re.compile(r"(?:^|\n)\s*(?:<\|im_start\|>)?(?:assistant|ASSISTANT|Assistant)\s*:?\s*\n|<\|assistant\|>")
_SPECIAL = re.compile(r"<\|[a-z_]{1,20}\|>|</?s>|<eos>|<pad>")
_FENCE = re.compile(r"```[a-zA-Z]{0,10}")
_LATEX_WORD = re.compile(r"\\(?:text|mathrm|textbf|mathbf|boxed)\s*\{([^{}]{0,200})\}")
_LATEX_FRACTION = re.compile(r"\\d?frac\{([0-9]{1,2})\}\{([0-9]{1,2})\}")
_LATEX_SIGN = re.compile(r"\\(?:times|cdot)|\\[,;:! ]|\\[()\[\]]|\\(?:approx|sim)")
_SPACES = re.compile(r"  +")
_VALUE_KEYS = ("value", "number", "amount", "quantity")
_ANSWER_KEYS = ("answer", "result", "prediction", "output", "entity_value", "text")


def unwrap(text: str) -> str:
    """The answer inside the wrapping, stripped; "" when nothing is left. Never raises."""
    text = text[:MAX_LENGTH]
    if "<" in text or "ssistant" in text or "SSISTANT" in text:
        text = _SPECIAL.sub("\n", _THOUGHT.sub(" ", _TURN.split(text)[-1]))
    if "```" in text:
        text = _FENCE.sub(" ", text)
    if "\\" in text:
        text = _LATEX_FRACTION.sub(r" \1/\2", text)
        text = _LATEX_WORD.sub(r"\1", _LATEX_WORD.sub(r"\1", text))
        text = _LATEX_SIGN.sub(lambda sign: " x " if sign[0] in ("\\times", "\\cdot") else " ", text)
    if "*" in text:
        text = text.replace("**", "")
    if "  " in text:
        text = _SPACES.sub(" ", text)
    text = text.strip()
    if text and text[0] in "{[" and text[-1] in "}]":
        with suppress(ValueError, RecursionError):  # it only looks like JSON
            return "; ".join(_strings(json.loads(text, parse_float=str, parse_int=str))).strip()
    return text


def _strings(content: Any) -> list[str]:
    """The strings of a JSON value in order; an object with value and unit gives "value unit"."""
    if isinstance(content, str):
        return [content]
    if isinstance(content, list):
        return [string for item in content for string in _strings(item)]
    if not isinstance(content, dict):
        return []
    plain = {str(key).lower(): item for key, item in content.items()}
    unit = plain.get("unit") or plain.get("units")
    for key in _VALUE_KEYS:
        value = plain.get(key)
        if isinstance(value, str) and value:
            return [f"{value} {unit}" if isinstance(unit, str) and unit not in value else value]
        if isinstance(value, list | dict):
            return _strings(value)
    for key in _ANSWER_KEYS:
        if key in plain:
            return _strings(plain[key])
    return [f"{key}: {string}" for key, item in plain.items() for string in _strings(item)]


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
    stops = list(_SENTENCE_END.finditer(text))
    start = max((stop.end() for stop in stops if stop.start() < match.start), default=0)
    end = min((stop.start() for stop in stops if stop.start() >= match.end - 1), default=len(text))  # a unit's own dot
    return _HEDGE.search(text[start:end]) is not None or _NOTHING.search(text[start:end]) is not None


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
    values: dict[str, set[Decimal]] = {}
    floor = 0
    for match in legal:
        before = text[floor : match.start]
        if match.role in ("", "low") and not before.endswith("(") and _clause_score(before, own, others) >= 0:
            values.setdefault(match.quantity.unit, set()).add(match.quantity.value)
        floor = match.end
    return any(len(several) >= 3 for several in values.values())


def choose(text: str, legal: Sequence[QuantityMatch], entity: Entity) -> QuantityMatch | None:
    """Of the text's legal quantities (at least one) that which it says of the entity; None where it says none of it."""
    leaders = [match for match in legal if match.role not in ("same", "high")] or list(legal)
    chosen = _of_entity(text, leaders, entity) if entity.kind == "length" else leaders[0]
    if chosen is None or (entity.name == "item_weight" and _LOAD.search(text[: chosen.start]) is not None):
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
        # packs print width x height, or length x width x height
        place = {"height": len(axes) - 1, "width": int(len(axes) >= 3)}.get(entity.name, 0)
        return axes[place]
    return best


def _clause_score(before: str, own: frozenset[str], others: frozenset[str]) -> int:
    """1 when the last axis word before a quantity is the entity's, -1 when it is another's, 0 without one."""
    for word in reversed(_WORD.findall(before[-80:].lower())):
        if word in own:
            return 1
        if word in others:
            return -1
    return 0


@lru_cache(maxsize=256)
def _cues(entity: Entity) -> tuple[frozenset[str], frozenset[str]]:
    """Words of this entity's axis, and words of the others' ("diameter" is both width and depth of a round thing)."""
    own = frozenset(entity.cues)
    others = {cue for other in CHALLENGE.entities.values() if other.kind == entity.kind for cue in other.cues}
    if entity.name == "height":
        others |= {"diameter", "dia"}
    return own, frozenset(others) - own


POSTPROCESS_VERSION = 2
"""Raised with every change that can change a reading: an import is continued only by the version that began it."""

_LIST = re.compile(r"\[([0-9.]{1,24}), ?([0-9.]{1,24})\] ([a-zA-Z ]{1,40})")
_BARE = re.compile(r"(?:^| is | of |: )[0-9]{1,4}(?:\.[0-9]{1,2})?\.?$")
_BASE_UNIT = {"voltage": "volt", "power": "watt"}  # kinds that products are rated in by one unit
_MAX_WHOLE_DIGITS = 13
_MAX_DECIMALS = 20  # the train tables hold thirds: "0.3333333333333333 kilogram"


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer says."""

    quantity: Quantity | None  # legal for the entity; None where the answer says nothing usable
    reason: str = ""  # why there is no quantity; "" when there is one
    alignment: Alignment = Alignment.NONE  # how the quantity stood in the text; NONE without one


def postprocess(text: str, entity: Entity) -> Reading:
    """Reads a model's answer to a question about `entity`. Never raises; idempotent on the text of its quantity.

    Args:
        text: anything: "8.2 cm (3.23 inches)", a sentence, JSON, a refusal, "".
        entity: what was asked; the quantity's unit is one of its units.
    """
    written = parse_written(text)
    if written is None and text[:1] == "[":
        written = _upper_of_list(text)
    if written is not None and (unit := _legal_unit(written.unit, entity)) is not None:
        return _checked(
            Quantity(written.value, unit), Alignment.EXACT if unit == written.unit else Alignment.NORMALISED
        )
    text = unwrap(text)
    if not text:
        return Reading(None, "the answer is empty")
    if "[" in text:
        text = _LIST.sub(r"\1-\2 \3", text)
    matches = [*find_quantities(text), *find_own_quantities(text, entity.units)]
    if not matches and (unit := _BASE_UNIT.get(entity.kind)) in entity.units and _BARE.search(text):
        matches = find_quantities(text, unit)  # "The wattage is 100."
    legal = [legalised for match in matches if (legalised := legalise(match, entity)) is not None]
    if says_nothing(text):
        legal = [match for match in legal if not is_hedged(text, match)]
        if not legal:
            return Reading(None, "the answer says that there is none")
    if not legal:
        units = sorted({match.quantity.unit for match in matches})
        return Reading(None, f"unit not allowed: {', '.join(units)}" if units else "no quantity in the answer")
    legal = [match for match in legal if not is_computed(text, match)]
    if not legal:
        return Reading(None, "computed by the model, not read")
    if len(legal) > 2 and says_several(text, legal, entity):
        return Reading(None, "several things with different values")
    chosen = choose(text, legal, entity)
    if chosen is None:
        return Reading(None, f"said of something else than the {entity.words}")
    return _checked(chosen.quantity, chosen.alignment)


def legalise(match: QuantityMatch, entity: Entity) -> QuantityMatch | None:
    """The match as an answer to a question about `entity`; None where its unit is not allowed."""
    unit = _legal_unit(match.quantity.unit, entity)
    if unit is None or unit == match.quantity.unit:
        return match if unit else None
    alignment = least_sure(Alignment.NORMALISED, match.alignment)
    return replace(match, quantity=Quantity(match.quantity.value, unit), alignment=alignment)


def _legal_unit(unit: str, entity: Entity) -> str | None:
    """The unit as the entity allows it: itself, a fluid ounce for a bare ounce said of a volume, or None."""
    if unit in entity.units:
        return unit
    return "fluid ounce" if unit == "ounce" and "fluid ounce" in entity.units else None


def _upper_of_list(text: str) -> Quantity | None:
    """The train tables' "[220.0, 240.0] volt": its upper number; None for anything else."""
    match = _LIST.fullmatch(text.strip())
    if match is None:
        return None
    low, high = parse_written(f"{match[1]} {match[3]}"), parse_written(f"{match[2]} {match[3]}")
    return None if low is None or high is None else max(low, high, key=lambda quantity: quantity.value)


def _checked(quantity: Quantity, alignment: Alignment) -> Reading:
    """The reading, unless no product has that number: zero, negative, or longer than any real size."""
    exponent = quantity.value.as_tuple().exponent
    if quantity.value <= 0:
        return Reading(None, "the number is not positive")
    if quantity.value >= 10**_MAX_WHOLE_DIGITS or not isinstance(exponent, int) or exponent < -_MAX_DECIMALS:
        return Reading(None, "the number is absurd")
    return Reading(quantity, "", alignment)
