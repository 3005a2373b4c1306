"""What printed words say about a number: axis words in several languages, and the look-alikes of each kind of quantity.

Pure vocabulary: regular expressions over one line of text. Where the words stand to a number is `captions`' business.
"""

from __future__ import annotations

import re

# What an axis word can name. Which entity a length, a thickness or a diameter answers depends on the whole page.
_AXIS_WORDS = {
    "height": (
        "height", "high", "tall", "hauteur", "höhe", "hoehe", "hoch", "altura", "alto", "altezza", "hoogte", "wysokość",
        "wysokosc", "höjd", "高", "高さ", "高度", "total height", "ht", "hgt",
    ),
    "width": (
        "width", "wide", "largeur", "breite", "breit", "ancho", "anchura", "larghezza", "breedte", "szerokość",
        "szerokosc", "bredd", "largura", "宽", "宽度", "幅",
    ),
    "depth": (
        "depth", "deep", "profondeur", "tiefe", "tief", "fondo", "profundidad", "profundidade", "profondità", "diepte",
        "głębokość", "djup", "深", "深度", "奥行",
    ),
    "length": (
        "length", "lenght", "lengh", "long", "longueur", "länge", "laenge", "largo", "longitud", "lunghezza", "lengte",
        "długość", "längd", "comprimento", "长", "长度", "長さ",
    ),
    "thickness": ("thickness", "thick", "épaisseur", "dicke", "stärke", "espesor", "grosor", "spessore", "dikte", "厚"),
    "diameter": (
        "diameter", "dia", "diam", "diamètre", "durchmesser", "diámetro", "diametro", "średnica", "ø", "φ", "⌀", "∅",
        "直径",
    ),
}  # fmt: skip
_LETTERS = {"h": "height", "w": "width", "d": "depth", "l": "length", "t": "thickness", "b": "width", "p": "depth"}
_AXIS_OF = {word: axis for axis, words in _AXIS_WORDS.items() for word in words} | _LETTERS


def _any(words: tuple[str, ...]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_AXIS_IN_TEXT = re.compile(
    "|".join(
        rf"(?P<{axis}>(?<![^\W\d_])(?:{_any(words)})(?![^\W\d_])|[øØφΦ⌀∅])"
        if axis == "diameter"
        else rf"(?P<{axis}>(?<![^\W\d_])(?:{_any(words)})(?![^\W\d_]))"
        for axis, words in _AXIS_WORDS.items()
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
        r"|adjust|packag|package|folded|box size|font|lens|focal|radius|mesh|pile|frame size|print size|photo|insert",
        re.IGNORECASE,
    ),
    "weight": re.compile(
        r"protein|carb|sugar|\bfats?\b|\bsat\b|fib(?:er|re)|sodium|calori|serving|portion|\bper\b|\bpro\b|vitamin|dose"
        r"|\beach\b|amount|daily|calcium|iron|potassium|caffeine|collagen|creatine|amino|bcaa|extract|omega|\bepa\b|\bdha\b"
        r"|\bmg\b|trans|cholest|kcal|energy|added|salt|capsule|tablet|scoop|\bof\b|gsm|/m2|g/m|denier|contains",
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
    r"|weight rec|accommodat|recommended|user weight|suspension|tragf|rated",
    re.IGNORECASE,
)
"""Words of a load or a capacity: what a weight is then a maximum of, not the item's own."""

PERSON = re.compile(r"\b(?:months?|years?|yrs?|age|child|baby|kids?|boy|girl|person|user|rider|model)\b", re.IGNORECASE)
"""Words of a chart about people: their heights and weights are nobody's product."""
