"""Axis labels written at numbers: H10, 10"(W), "Height: 10 cm", "10 cm wide", and headings such as "L x W x H"."""

from __future__ import annotations

import re

_WORDS = (
    "height", "width", "depth", "length", "diameter", "thickness", "high", "tall", "wide", "deep", "long", "thick",
    "dia", "diam", "hauteur", "largeur", "profondeur", "longueur", "höhe", "breite", "tiefe", "länge", "altura", "alto",
    "ancho", "fondo", "largo", "profundidad", "altezza", "larghezza", "profondità", "lunghezza",
)  # fmt: skip
_WORD = "|".join(sorted(_WORDS, key=len, reverse=True))
_ANY = rf"(?:{_WORD}|[HWDLT]|Ø|ø)"
_BEFORE = re.compile(
    rf"(?:(?<![^\W\d_])(?P<word>{_WORD})|(?<![^\W_])(?P<letter>[HWDLTØø]|[hwdl](?=[ ]?[:=.])|[hwdl]$))"
    r"(?:[ ]?[)\]])?[ ]?(?:is|[:=.-]{0,2})[ ]?(?:approx\.?|about|[~≈])?[ ]?$",
    re.IGNORECASE,
)
_BEHIND = re.compile(
    rf"[ ]?[)\]]?[ ]?[(\[-]?[ ]?(?:in[ ]|of[ ])?(?P<label>{_WORD}|[HWDLT]|[hwdl](?=[ ]?[)\]x/]|$))(?![^\W_])",
    re.IGNORECASE,
)
_HEADING = re.compile(
    rf"({_ANY})[ ]*[x*/-][ ]*({_ANY})(?:[ ]*[x*/-][ ]*({_ANY}))?(?![^\W\d_])", re.IGNORECASE
)  # fmt: skip
_TEXT_WINDOW = 24
_HEADING_WINDOW = 48


def label_at(text: str, floor: int, start: int, end: int, ceiling: int) -> tuple[str, int]:
    """The label of the number at [start, end), lower case, and the place up to which the text is used up.

    Args:
        floor: what stands before it belongs to the number before.
        ceiling: the start of the next number.
    """
    before = text[max(floor, start - _TEXT_WINDOW) : start]
    if before and (match := _BEFORE.search(before)) is not None:
        word = match["word"] or match["letter"]
        if match["word"] or word.isupper() or not match.start() or before[match.end("letter") :].strip(" "):
            return word.lower(), end
        if not before[match.end("letter") :]:
            return word.lower(), end
    behind = text[end : min(ceiling, end + _TEXT_WINDOW)]
    if behind and (match := _BEHIND.match(behind)) is not None:
        label = match["label"]
        if len(label) > 1 or label.isupper() or match.start("label") == 0 or behind[match.start("label") - 1] == "(":
            return label.lower(), end + match.end()
    return "", end


def labels_of_list(text: str, start: int, end: int, count: int) -> list[str]:
    """The labels of `count` numbers listed at [start, end), from a heading just before or behind; [] without one."""
    before = text[max(0, start - _HEADING_WINDOW) : start]
    matches = list(_HEADING.finditer(before))
    if matches and len(before) - matches[-1].end() <= 14 and not any(map(str.isdigit, before[matches[-1].end() :])):
        found = matches[-1]
    else:
        behind = text[end : end + _HEADING_WINDOW]
        after = _HEADING.search(behind)
        if after is None or after.start() > 4:
            return []
        found = after
    labels = [label.lower() for label in found.groups() if label]
    return labels if len(labels) == count else []
