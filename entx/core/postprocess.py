"""The one postprocessor: any model's free text -> a legal quantity, or nothing with the reason.

Every arm, and everybody's imported predictions, go through `postprocess`, so that a comparison of arms compares models
and not clean-ups. First the wrapping goes (chat markers, thoughts, code fences, LaTeX: `unwrap`). Then number, unit and
name that stand apart come together (`spell_out`): JSON, even cut off, Python, XML, "Value: 6.68 / Unit: cm", tables and
tuples are one grammar of keys and what follows them, and become lines such as "height: 6.68 cm". Lines and prose are
then read as a careful person would: the value said of the entity that was asked, the first of two spellings of one
size, the upper end of a range (the labelling guide's rule 6), nothing where the text says that the picture does not
state it. It converts no units and adds none: a number without a unit is an answer in volts and watts alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from itertools import chain, zip_longest

from entx.core.entities import CHALLENGE, Entity
from entx.core.expressions import AXIS_WORDS, any_of
from entx.core.parser import QuantityMatch, find_own_quantities, find_quantities
from entx.core.types import Alignment, Quantity, least_sure, parse_written
from entx.core.units import implausible, lookup, same_size

MAX_LENGTH = 8_000
"""Characters; longer answers are cut: real ones stay under 5,000, and the end of a runaway generation is repetition."""

POSTPROCESS_VERSION = 3
"""Raised with every change that can change a reading: an import is continued only by the version that began it."""

# The wrapping --------------------------------------------------------------------------------------------------------

_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_TURN = re.compile(r"(?:^|\n)\s*(?:<\|im_start\|>)?(?:assistant|ASSISTANT|Assistant)\s*:?\s*\n|<\|assistant\|>")
_SPECIAL = re.compile(r"<\|[a-z_]{1,20}\|>|</?s>|<eos>|<pad>")
_FENCE = re.compile(r"```[a-zA-Z]{0,10}")
_ESCAPED = re.compile(r"\\([\"'])|\\[nt](?![a-z])")
_LATEX_WORD = re.compile(r"\\(?:text|mathrm|textbf|mathbf|boxed)\s*\{([^{}]{0,200})\}")
_LATEX_FRACTION = re.compile(r"\\d?frac\{([0-9]{1,2})\}\{([0-9]{1,2})\}")
_LATEX_SIGN = re.compile(r"\\(?:times|cdot)|\\[,;:! ]|\\[()\[\]]|\\(?:approx|sim)")
_SPACES = re.compile(r"  +")
_QUOTED = re.compile(  # a mark behind a number is an inch or a foot, and nothing opens there
    r"""(?<![\w"'.)\]])(?:(?<![0-9][ ])|(?=["'][a-z.]{1,12}["'](?:\W|$)))
    (?:(["'`])(?![\s)\]{])(.{0,800}?)\1(?=[\s\]}),:;=.|<!?/]|$)|“([^“”]{0,800})”|«([^«»]{0,800})»|‘([^‘’]{0,800})’)""",
    re.VERBOSE | re.DOTALL,
)
_NUMBER_AND_WORD = re.compile(r"[0-9] ?[A-Za-z]+$")
_BETWEEN = re.compile(
    r"\b((?:between|zwischen|entre)\s[^\n.;]{0,20}?[0-9][^\n;]{0,20}?\s)(?:and|und|et|y|e)(?=\s[0-9])"
)
_SIGNS = ":=\n,|\t<>[]{};"
_MASK = {ord(sign): chr(0xE000 + number) for number, sign in enumerate(_SIGNS)}  # private characters, printed by nobody
_MASK_IN_PROSE = {ord(sign): _MASK[ord(sign)] for sign in _SIGNS[3:]}
_UNMASK = {ord(hidden): sign for sign, hidden in _MASK.items()}


def unwrap(text: str) -> str:
    """The answer inside the wrapping, stripped; "" when nothing is left. Never raises."""
    text = text[:MAX_LENGTH]
    if "<" in text or "ssistant" in text or "SSISTANT" in text:
        text = _SPECIAL.sub("\n", _THOUGHT.sub(" ", _TURN.split(text)[-1]))
    if "```" in text:
        text = _FENCE.sub(" ", text)
    if "\\" in text:
        text = _ESCAPED.sub(lambda escape: escape[1] or "\n", text)
        text = _LATEX_FRACTION.sub(r" \1/\2", text)
        text = _LATEX_WORD.sub(r"\1", _LATEX_WORD.sub(r"\1", text))
        text = _LATEX_SIGN.sub(lambda sign: " x " if sign[0] in ("\\times", "\\cdot") else " ", text)
    if "*" in text:
        text = text.replace("**", "")
    if "  " in text:
        text = _SPACES.sub(" ", text)
    return text.strip()


# Number, unit and name that stand apart ------------------------------------------------------------------------------

_ROLES = {word: role for role, words in {
    "value": "value values val number amount quantity magnitude numeric numerical measurement answer result prediction "
             "wert valeur valor valore 数值 值",
    "unit": "unit units uom unittext unitcode einheit unité unidad unidade unità 单位",
    "low": "min minimum", "high": "max maximum",
    "name": "entity attribute property parameter dimension feature field name metric key",
    "": "the a an final extracted predicted measured of",
}.items() for word in words.split()}  # fmt: skip
_ROLE_WORDS = any_of(word for word, role in _ROLES.items() if role)
_UNIT_WORDS = any_of(word for word, role in _ROLES.items() if role == "unit")
_WORDS = re.compile(r"[^\W\d_]?[^\W\d_A-Z]+|[A-Z]+")
_KEY = re.compile(
    rf"""(?: (?:^|(?<=[\n,;{{(\[|>]))[\s*_\#•>-]*@?(?P<key>[^\W\d_][\w ./()-]{{0,40}}?)
      | (?<![^\W\d_])(?<!-)(?:and[ ])?(?:the[ ])?(?P<word>(?:[a-z]{{3,9}}[_-])?(?:{_ROLE_WORDS})))
    (?:[ \t]*[*_]*[ \t]*(?:[:=：]|->)>?|[ ]-(?=[ ])|[ ]is(?=[ ]))[ \t*_]*""", re.VERBOSE | re.IGNORECASE,
)  # fmt: skip
_MARKS = frozenset('"“«`‘:：=|{<[,;\t\n')
_APART = re.compile(rf" '|tween|entre|zwisch|{_UNIT_WORDS}")  # in lower case, as the next
_MAY_HOLD_KEYS = re.compile(
    rf"\{{\s*@?[^\W\d_]|min[ iv:=]|[_(][a-z _]{{1,14}}\)? ?[:=]|(?:{_UNIT_WORDS})[\w ]{{0,20}}[*]?(?:[:=：>-]| is )"
)
_OBJECT = re.compile(r"\{\s*@?[^\W\d_][\w -]{0,40}[:=]")
_TAG = re.compile(r"<(/?)(?:[A-Za-z]+:)?([A-Za-z]\w{0,40})([^<>]{0,200})>")
_LIST = re.compile(r"\[\s*([0-9]{1,20}(?:\.[0-9]{1,20})?)\s*(?:,\s*([0-9]{1,20}(?:\.[0-9]{1,20})?)\s*)?\]")
_CELLS = re.compile(  # ue003: a hidden comma
    r"(?<![\w.-])(?<![0-9],)([0-9][0-9.,\ue003/ ]{0,20}?)\s*([|,;\t\n])\s*"
    r"([^\W\d_][\w .]{0,20}?(?:[ ]?\([\w .]{1,12}\))?|['\"]{1,2})(?=\s*(?:[|,;\t)\]}\n]|\.?(?:$|\s+[A-Z])))"
)
_UNIT_FIRST = re.compile(r"\W*([^\W\d_][\w .]{0,20}?)\W{0,4}[|,;\t\n:]\W{0,4}([0-9][0-9.,/ ]{0,20})\W*")
_KEY_WORDS = re.compile(r"[^\W\d_]{1,20}(?:[ _/-]{1,3}\(?[^\W\d_]{1,20}\)?){0,3}")
_RULE = re.compile(r"[\s|:+=-]*")
_BARE_VALUE = re.compile(
    r"[^\w\n]{0,3}(?:(?:about|approx\w*|around|ca|circa|up to|over)\.? )?(?!.*[0-9],\s)[0-9][^\n]{0,40}"
)
_END_OF_VALUE = re.compile(r"\s*[\n}]")
_END_OF_UNIT = re.compile(r"[\n,;{}|]")
_NO_UNIT = frozenset({"", "none", "null", "n/a", "na", "nan", "nil", "unknown", "unitless", "not visible"})
_CUES = {cue for entity in CHALLENGE.entities.values() for cue in (*entity.cues, entity.words) if len(cue) > 1}
_NAMES = re.compile(rf"\b(?:{any_of(_CUES)}|diameter|dimensions?|size)\b", re.IGNORECASE)
_TRIM = " \n\t\r,;|*#•{}[]"


@dataclass(slots=True)
class _Record:
    label: str = ""  # of what it is said
    value: str = ""
    unit: str | None = None  # None: nothing is said of it; "none": that there is none


def spell_out(text: str, entity: Entity) -> str:
    """The text with numbers, units and names that stand apart in one line; unchanged where they do not."""
    if _MARKS.isdisjoint(text) and text[:1] != "'" and _APART.search(text.lower()) is None:
        return text
    text = _QUOTED.sub(_unquoted, text)
    if "[" in text:
        text = _LIST.sub(lambda ends: max(ends[1], ends[2] or ends[1], key=Decimal), text)
    if "<" in text:
        text = _TAG.sub(_of_tag, text)
    if "|" in text or "\t" in text or ("\n" in text and "," in text):
        text = _of_tables(text)
    if _MAY_HOLD_KEYS.search(text.lower()):
        text = _of_keys(text, entity)
    text = _CELLS.sub(lambda cells: _of_cells(cells, entity), text)
    if (swapped := _UNIT_FIRST.fullmatch(text)) and _is_unit(swapped[1], entity):
        text = f"{swapped[2]} {swapped[1]}"
    text = text.replace("|", ";")  # which the parser may take for a one
    return _BETWEEN.sub(r"\1to", text).translate(_UNMASK).strip()


def _unquoted(quoted: re.Match[str]) -> str:
    """What stands between quotation marks, its own signs hidden from the steps to come unless there is nothing else."""
    inner = next(part for part in quoted.groups()[1:] if part is not None)
    if len(quoted[0]) == len(quoted.string):
        return inner
    # a comma keeps "1000W" in the text from being the width of 1000 inches
    comma = "," if quoted.string[quoted.end() :][:1] == " " and _NUMBER_AND_WORD.search(inner) else ""
    return inner.translate(_MASK if "{" in quoted.string else _MASK_IN_PROSE) + comma


def _of_tag(tag: re.Match[str]) -> str:
    """A tag as a key, its attributes before it or, when it is all there is, behind; others leave only attributes."""
    attributes = tag[3].strip(" /")
    if tag[3].endswith("/"):
        return f"\n{tag[2]}: {attributes}\n"
    if not _is_key(tag[2]):
        return f"\n{attributes}\n" if attributes else " "
    return "\n" if tag[1] else f"\n{attributes}\n{tag[2]}: "


def _of_tables(text: str) -> str:
    """Rows as lines "key: cell": by the names above the columns, or by the name in front."""
    lines: list[str] = []
    header: list[str] = []
    for line in text.split("\n"):
        sign = next((sign for sign in "|\t,;" if sign in line), "")
        cells = [cell.strip(" *_") for cell in line.strip(" |").split(sign)] if sign else []
        named = len(cells) > 1 and _is_key(cells[0])
        if sign == "|" and _RULE.fullmatch(line):
            continue
        if not header and named and all(map(_is_key, cells)):
            header = cells
        elif len(header) == len(cells) > 1 and not (named and _role(cells[0])[0] in ("value", "unit")):
            lines += [f"{key}: {cell}" for key, cell in zip(header, cells, strict=True)]
        elif named and sign in "|\t":
            lines.append(f"{cells[0]}: {sign.join(cells[1:])}")
        else:
            lines.append(line)
    return "\n".join(lines)


@lru_cache(maxsize=4096)
def _role(key: str) -> tuple[str, str, str | None]:
    """What a key announces (value, unit, low, high, name; else "label"), of what, and the unit it says ("width_cm")."""
    words = [word.lower() for word in _WORDS.findall(key)]
    roles = {_ROLES.get(word, "label") for word in words}
    label = [word for word in words if _ROLES.get(word, "label") in ("label", "low", "high")]
    if "label" not in roles:
        return next((role for role in ("unit", "high", "low", "value", "name") if role in roles), "label"), "", None
    found = lookup(label[-1]) if len(label[-1]) > 1 else None
    unit = label.pop() if found and found[0].kind != "other" else None
    role = next(role for role in ("unit", "value", "label") if role in roles)
    return role if label else "value", " ".join(label), unit


def _is_key(cell: str) -> bool:
    """Whether a cell or tag is a name: of a role or of an entity, and no size itself."""
    if _KEY_WORDS.fullmatch(cell) is None:
        return False
    role, label, unit = _role(cell)
    return (role != "label" and not unit) or _NAMES.search(label) is not None


def _of_keys(text: str, entity: Entity) -> str:
    """What keys and values say as lines "label: value unit": of the entity, else of no name, else all."""
    keys = [*_KEY.finditer(text)]
    records, roles = [_Record()], set[str]()
    for key, following in zip_longest(keys, keys[1:]):
        said = text[key.end() : following.start() if following else None].strip(_TRIM)
        said = _END_OF_VALUE.split(said, maxsplit=1)[0]
        said = (said.lstrip("\"'") or said).rstrip(". /&(" if "(" in said else ". /&()")
        role, label, unit = _role(key["key"] or key["word"])
        last = records[-1]
        roles.add(role)
        if role == "unit" and (unit := unit or _unit(said)):
            if last.unit is not None or label not in ("", last.label):
                records.append(last := _Record(label))
            last.unit = unit
        elif role == "name" and _NAMES.search(name := _role(said)[1]):
            if last.label or not last.value:
                records.append(last := _Record())
            last.label = name
        elif role == "high" and last.value and last.unit is None:
            last.value = said
        elif role in ("value", "high", "low") or not said or _NAMES.search(label):
            if last.value or (label and last.label not in ("", label)):
                records.append(last := _Record())
            last.label, last.value, last.unit = label or last.label, said, unit or last.unit
    told = _OBJECT.search(text) is not None or {"low", "high"} <= roles  # more than prose with colons
    lines: dict[int | None, list[str]] = {}
    for place, record in enumerate(records):
        bare = _BARE_VALUE.fullmatch(record.value) is not None and not _found(record.value, entity)
        told |= bare and record.unit is not None
        near = chain(records[place:], reversed(records[:place]))  # {"height": 10, "width": 5, "unit": "cm"}
        unit = next((other.unit for other in near if other.unit), "") if bare else ""
        if record.value:
            about = _subject(record.label, entity) or (-1 if record.label else None)
            lines.setdefault(about, []).append(f"{record.label}: {record.value} {unit}".strip(": "))
    return "\n".join(lines.get(1) or lines.get(None) or chain(*lines.values())) if told and lines else text


def _found(text: str, entity: Entity) -> list[QuantityMatch]:
    return [*find_quantities(text), *find_own_quantities(text, entity.units)]


def _unit(said: str) -> str:
    """The unit that a field holds, as it is written; "none" where it says that there is none, "" where it says more."""
    form = _END_OF_UNIT.split(said.lstrip("([") or said, maxsplit=1)[0].strip()
    return "none" if form.lower() in _NO_UNIT else "" if any(map(str.isdigit, form)) else form


def _is_unit(form: str, entity: Entity) -> bool:
    found = _found(f"1 {form}", entity)
    return bool(found) and found[0].start == 0 and found[0].quantity.value == 1


def _of_cells(cells: re.Match[str], entity: Entity) -> str:
    """A number and the unit in the next cell, `12, inch`; behind a comma one letter only where a line is no more."""
    number, sign, form = cells.groups()
    around = cells.string[: cells.start()].rpartition("\n")[2] + cells.string[cells.end() :].partition("\n")[0]
    if (len(form) == 1 and sign not in "|\t" and around.strip("()[] .")) or not _is_unit(form, entity):
        return cells[0]
    return f"{number} {form}"


# Prose ---------------------------------------------------------------------------------------------------------------

_NOTHING = re.compile(  # in lower case, as the next
    r"(?:n['’]t|not) (?:\w+ly )?(?:visib|indicat|stat(?:e|ing)|mention|specif|giv|provid|show|availab|present\b|know|"
    r"clear|label|list|possib|mark|display|includ|have\b|found|determin|legib|readab|discern|print|writ|seen|disclos|"
    r"declar|depict|contain|direct|enough|reveal|feature|bear|carry|applicab)|cannot|can['’]t|(?:unable|impossible) to"
    r"|no (?:\w+ ){0,4}(?:information|indication|mention|label|visible|weight|value|measurement|voltage|wattage|data|"
    r"recommendation|volume|dimensions?|height|width|depth|number|printed|stated|given|shown)\b|sorry|n/a\b|none\b|null\b"
    r"|(?:il+egible|unreadable|indiscernible|un(?:specified|stated|disclosed|available|clear|known))\b|\bna\b"
    r"| (?:is|are|was) (?:\w+ )?(?:obscured|hidden|covered|blurr(?:y|ed)|missing|absent|cut off)\b"
    r"|nicht (?:\w+ )?(?:sichtbar|angegeben|erkennbar|lesbar|ersichtlich|vorhanden|zu (?:sehen|erkennen))|keine? angabe"
    r"|(?:non|pas|no|não) (?:\w+ )?(?:vis[ií][bv]|indi(?:qu|c)[aéoe]|e?sp[eé]cifi|pr[eé]cis|lisible|leggib|leg[ií]v|"
    r"men[tc]ion|disponib|(?:ve|muestra|puede|aprecia)\b)|il+(?:isible|eggibile)\b|未[标注显提知]|没有[标显提]|无法|看不清|不明"
)
_MAY_DENY = re.compile(
    r"n[aoã'’/]|null|sorry|un[acdrs]|ind?[ils]c|il+[ei]g|ill?isi|impos|nich|obsc|hidd|cove|blur|miss|abs|cut|[未没无看不]"
)
_HEDGE = re.compile(
    r"\b(?:typical(?:ly)?|usual(?:ly)?|likely|probab(?:le|ly)|assum\w+|estimat\w+|infer\w*|might|may|could|would|suggest\w*|"
    r"common(?:ly)?|standard|generally|average|if|suppose|example|imply|implies|guess|appears?|based on)\b",
    re.IGNORECASE,
)
_FORMULA = re.compile(r"formula|calculat|multipl|\bVolume *=|\bx\b.{1,40}=", re.IGNORECASE)
_RESULT = re.compile(r"(?:[x×*+/][ ]?\(?[0-9.,]+ ?[a-zA-Z. ]{0,16}\)?\s*|[=≈]\s*[^=\n,;]{0,20})[=≈]\s*$")
_LOAD = (
    "capacity load loads loading limit maximum max recommended recommendation hold holds bear bears bearing support "
    "supports supported supporting carry carries withstand withstands tragkraft traglast belastbar 承重 载重"
)
_GROSS = "gross tare shipping package packaging brutto bruttogewicht bruto lordo brut gw 毛重"
_WEIGHT = "net weight weights weigh weighs weighing wt gewicht netto nettogewicht poids peso nw 净重 净含量"
_SUBJECTS = {  # of each entity: words of a clause, and what they make of a number there; the first that are met decide
    name: tuple((frozenset(words.split()), verdict) for words, verdict in told)
    for name, told in {
        "item_weight": (("net nw", 1), (_LOAD, -1), (_GROSS, 0), (_WEIGHT, 1)),
        "maximum_weight_recommendation": ((_LOAD, 1), (f"{_GROSS} item net nw weigh weighs", -1)),
        "item_volume": (("volume capacity content contents", 1), (f"{_WEIGHT} lb lbs pound", -1)),
    }.items()
}
_SAID_BEHIND = re.compile(
    r"(?:[ (]{0,2}(?!(?:and|or|but|with|while|for)\b)[a-z]+){1,4}(?=[ ]?(?:[),;./\n]|and\b|$))", re.IGNORECASE
)
_ADJECTIVES = frozenset({"wide", "deep", "long", "thick", "high", "tall", "breit", "tief", "hoch", "alto"})
_WORD = re.compile(r"max(?! ?(?!weight|user|load)[a-z])|(?!max\b)[^\W\d_]{2,}")  # a phone's "Pro Max" is no limit
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|\n")
_CLAUSE_END = re.compile(
    r"[.!?,;](?=\s)|\n| (?:but|however|although|though|while|whereas|aber|mais|pero)\b"
    r"| and(?= (?:the|its) [a-z ]{1,30} (?:is|was|cannot|could|does|has)\b)"
)
_PART_END = re.compile(rf"{_CLAUSE_END.pattern}|[0-9]| and\b")


def says_nothing(text: str) -> bool:
    """Whether the text says somewhere that the value is not to be had."""
    lowered = text.lower()
    return _MAY_DENY.search(lowered) is not None and _NOTHING.search(lowered) is not None  # the latter is slow


def is_hedged(text: str, match: QuantityMatch, entity: Entity) -> bool:
    """Whether the sentence around a quantity guesses, or denies the entity; one that denies another thing does not."""
    sentence, own = _around(match, text, _SENTENCE_END), _around(match, text, _CLAUSE_END)
    if _HEDGE.search(sentence) is not None:
        return True
    about = match.label in _cues(entity)[0] or _subject(own, entity) == 1
    return any(
        clause in own or _subject(clause, entity) == 1 or not (about or _NAMES.search(clause))
        for clause in _CLAUSE_END.split(sentence)
        if _NOTHING.search(clause.lower())
    )


def _around(match: QuantityMatch, text: str, end: re.Pattern[str]) -> str:
    """The sentence or clause that holds a quantity, as far as 240 characters away."""
    before = end.split(text[max(0, match.start - 240) : match.start])[-1]
    behind = end.split(text[match.end - 1 : match.end + 240], maxsplit=1)[0]  # a unit's own dot ends a sentence
    return before + text[match.start : match.end - 1] + behind


def is_computed(text: str, match: QuantityMatch) -> bool:
    """Whether the model multiplied a number out instead of reading it: no product prints that number."""
    if match.quantity.unit.startswith("cubic") and _FORMULA.search(text) is not None:
        return True
    before = text[max(0, match.start - 60) : match.start].rstrip()
    return before[-1:] in ("=", "≈") and not match.label and _RESULT.search(before) is not None


def says_several(text: str, legal: Sequence[QuantityMatch], entity: Entity) -> bool:
    """Whether a list gives three or more different values in one unit: then none is the product's."""
    own, others = _cues(entity)
    if any(match.label in own for match in legal) or (entity.kind == "volume" and _FORMULA.search(text) is not None):
        return False
    values: dict[str, set[Decimal]] = {}
    floor = 0
    for match in legal:
        before, floor = text[floor : match.start], match.end
        other = len(match.label) > 1 and match.label in others  # "L: 17 cm, M: 15 cm" are sizes
        if match.role in ("", "low") and before[-1:] != "(" and not other and _subject(before[-80:], entity) != -1:
            values.setdefault(match.quantity.unit, set()).add(match.quantity.value)
    return any(len(several) >= 3 for several in values.values())


def choose(text: str, legal: Sequence[QuantityMatch], entity: Entity) -> QuantityMatch | None:
    """Of the text's legal quantities (at least one) that which it says of the entity; None where it says none of it.

    The one labelled as the entity, then the first whose clause names it, then the first that names nothing.
    """
    leaders = [match for match in legal if match.role not in ("same", "high")] or list(legal)
    subjects = _subjects(text, leaders, entity)
    chosen = leaders[subjects.index(max(subjects))]
    if max(subjects) < 0:
        return None
    if chosen.role == "axis" and not chosen.label:
        axes = [match for match in leaders if match.group == chosen.group and match.role == "axis"]
        # packs print width x height, or length x width x height
        place = {"height": len(axes) - 1, "width": int(len(axes) >= 3)}.get(entity.name, 0)
        return axes[place]
    if chosen.role == "low":
        return next((match for match in legal if match.group == chosen.group and match.role == "high"), chosen)
    return chosen


def _subjects(text: str, matches: Sequence[QuantityMatch], entity: Entity) -> list[int]:
    """Of each quantity: 2 when labelled as the entity, 1 when its clause names it, -1 when another, 0 when none."""
    own, others = _cues(entity)
    length, subjects = entity.kind == "length", list[int]()
    last: QuantityMatch | None = None
    for match in matches:
        before = text[last.end if last else 0 : match.start]
        told: int | None
        if length:
            told = 2 if match.label in own else -1 if match.label in others else _subject(before[-80:], entity)
        else:
            parts = _PART_END.split(before[-200:])
            behind = _SAID_BEHIND.match(text, match.end) if text[match.end - 1] != "." else None
            parts[-1] += text[match.start : behind.end() if behind else match.end]
            told = next((said for part in reversed(parts) if (said := _subject(part, entity)) is not None), None)
            if told and entity.kind != "weight":
                told = min(told, 0)  # the first of several volumes, volts or watts is the product's
        if told is None and last and (not length or same_size(*_size(last), *_size(match))):
            told = min(subjects[-1], 0)  # "7 cm tall, which is roughly 2.75 inches"
        subjects.append(told or 0)
        last = match
    return subjects


def _size(match: QuantityMatch) -> tuple[float, str]:
    return float(match.quantity.value), match.quantity.unit


@lru_cache(maxsize=4096)  # answers repeat: "The height of the product is "
def _subject(words: str, entity: Entity) -> int | None:
    """1 when the words name the entity, -1 when another that could be mistaken for it, None when neither."""
    said = _WORD.findall(words.lower().replace(".", ""))
    if entity.kind == "length":
        own, others = _cues(entity)
        named = [word for word in said if word in own or word in others]
        nouns = [word for word in named if word not in _ADJECTIVES] or named  # "the width of the tall frame"
        return None if not nouns else 1 if nouns[-1] in own else -1
    told: Iterable[tuple[frozenset[str], int]] = _SUBJECTS.get(entity.name) or [(frozenset(entity.cues), 1)]
    return next((verdict for names, verdict in told if not names.isdisjoint(said)), None)


@lru_cache(maxsize=256)
def _cues(entity: Entity) -> tuple[frozenset[str], frozenset[str]]:
    """Words of this entity's axis, in all languages, and words of the others' ("diameter" is width and depth)."""
    own, *others = (
        {*one.cues, *(word for axis in one.cues for word in AXIS_WORDS.get(axis, ()))}
        for one in (entity, *(other for other in CHALLENGE.entities.values() if other.kind == entity.kind))
    )
    return frozenset(own), frozenset({"diameter", "dia"} if entity.name == "height" else ()).union(*others) - own


# The whole -----------------------------------------------------------------------------------------------------------

_BARE = re.compile(r"(?:^| is | of |: )[0-9]{1,4}(?:\.[0-9]{1,2})?\.?$")
_BASE_UNIT = {"voltage": "volt", "power": "watt"}  # kinds that products are rated in by one unit


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer says."""

    quantity: Quantity | None  # legal for the entity; None where the answer says nothing usable
    reason: str = ""  # why there is no quantity; "" when there is one
    alignment: Alignment = Alignment.NONE  # how the quantity stood in the text; NONE without one


@lru_cache(maxsize=65536)  # of 131,059 answers of a real model to the test set 52,319 are different
def postprocess(text: str, entity: Entity) -> Reading:
    """Reads a model's answer to a question about `entity`. Never raises; idempotent on the text of its quantity.

    Args:
        text: anything: "8.2 cm (3.23 inches)", a sentence, JSON, a table, a refusal, "".
        entity: what was asked; the quantity's unit is one of its units.
    """
    if (reading := _as_written(text, entity)) is not None:
        return reading
    given, text = text, spell_out(unwrap(text), entity)
    if not text:
        return Reading(None, "the answer is empty")
    if text != given and (reading := _as_written(text, entity)) is not None:
        return reading
    matches = _found(text, entity)
    if not matches and (unit := _BASE_UNIT.get(entity.kind)) in entity.units and _BARE.search(text):
        named = [name.lower() for name in _NAMES.findall(text)][-1:]
        if not named or named[0] in (*entity.cues, entity.words):
            matches = find_quantities(text, unit)  # "The wattage is 100."
    legal = [legalised for match in matches if (legalised := legalise(match, entity)) is not None]
    if says_nothing(text):
        legal = [match for match in legal if not is_hedged(text, match, entity)]
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
    return _checked(chosen) if chosen else Reading(None, f"said of something else than the {entity.words}")


def _as_written(text: str, entity: Entity) -> Reading | None:
    """The reading of the written form "number unit"; None for any other text."""
    written = parse_written(text)
    match = written and legalise(QuantityMatch(written, 0, len(text), Alignment.EXACT), entity)
    return _checked(match) if match else None


def legalise(match: QuantityMatch, entity: Entity) -> QuantityMatch | None:
    """The match as an answer to a question about `entity`; None where its unit is not allowed.

    A bare ounce said of a volume is a fluid ounce.
    """
    if match.quantity.unit in entity.units:
        return match
    if match.quantity.unit != "ounce" or "fluid ounce" not in entity.units:
        return None
    alignment = least_sure(Alignment.NORMALISED, match.alignment)
    return replace(match, quantity=Quantity(match.quantity.value, "fluid ounce"), alignment=alignment)


def _checked(match: QuantityMatch) -> Reading:
    """The reading, unless no product has that number."""
    absurd = implausible(match.quantity) if match.quantity.value > 0 else "the number is not positive"
    return Reading(None, absurd) if absurd else Reading(match.quantity, "", match.alignment)
