"""What an OCR engine misreads in a line of text: confused characters, lost spaces and points, arrow heads as letters.

Degrades invented pages (`lab.pages.degrade`), and measures how a model bears noise on real ones (benchmarks).
"""

from __future__ import annotations

import random
import re

CONFUSED: dict[str, str] = {
    "0": "Oo", "O": "0QD", "o": "0c", "1": "lI|i", "l": "1I|i", "I": "1l|", "5": "S6", "S": "5", "s": "5", "8": "B3",
    "B": "8",
    "6": "G8b", "G": "6C", "2": "Z7", "Z": "2", "z": "2", "9": "gq", "g": "9q", "3": "8", "7": "1T", "4": "A",
    "A": "4", "c": "e",
    "e": "c", "n": "r", "m": "rn", "r": "n", "t": "f", "f": "t", "i": "l1", "u": "v", "V": "U", "W": "VV", "D": "0O",
    "C": "G", "h": "b",
    "b": "h6", '"': "'", "'": "", ".": ",", ",": ".", "x": "*", "*": "x", "-": "~", "/": "I", "(": "C", ")": "",
    ":": ".", "%": "96",
}  # fmt: skip
"""What a character is read as; an empty reading loses it."""

_POINT = re.compile(r"(?<=[0-9])[.,](?=[0-9])")
_INCH = re.compile(r"(?<=[0-9])(?:\"|''|”|′′)")
_ARROWS_BEFORE = ("> ", ">", "←", "< ", "K ", "-", "→", "<", "|", "I")
_ARROWS_BEHIND = (" <", "<", "→", " >", " K", "-", "-", ">", "|", "·")


def confuse(rng: random.Random, text: str, rate: float) -> str:
    """The text with each character misread with this probability; a character without a look-alike is kept or lost."""
    if rate <= 0:
        return text
    read = []
    for char in text:
        if rng.random() >= rate:
            read.append(char)
            continue
        readings = CONFUSED.get(char)
        if readings is None:
            read.append("" if rng.random() < 0.3 else char)
        else:
            read.append(readings if readings in ("rn", "VV", "96") else rng.choice(readings) if readings else "")
    return " ".join("".join(read).split())


def misread(rng: random.Random, text: str) -> str:
    """The text with one error of the kinds that engines make; never empty."""
    kind = rng.random()
    read = text
    if kind < 0.24:
        read = text.replace(" ", "", 1) if rng.random() < 0.6 else text.replace(" ", "")
    elif kind < 0.31:
        read = _POINT.sub(lambda _: rng.choice(("", " ", ",", ". ")), text, count=1)
    elif kind < 0.39:
        read = _INCH.sub(lambda _: rng.choice(("", "'", "°", "*", "'")), text, count=1)
    elif kind < 0.53:
        read = rng.choice(_ARROWS_BEFORE) + text if rng.random() < 0.5 else text + rng.choice(_ARROWS_BEHIND)
    elif kind < 0.60:
        read = text[:-1] if rng.random() < 0.6 else text[1:]
    elif kind < 0.66:
        read = text[: max(1, len(text) // 2)] if len(text) > 6 else text
    else:
        read = confuse(rng, text, 1.6 / max(len(text), 4))
    read = " ".join(read.split())
    return read or text
