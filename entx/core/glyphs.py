"""Characters made plain: NFKC and one sign for each of the many quotes, dashes and multiplication marks.

Spans found in the plain text can be carried back to the text as it was given.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

_PLAIN = {
    **dict.fromkeys("″”“„‟＂〃", '"'),
    **dict.fromkeys("′’‘‛`´＇", "'"),
    **dict.fromkeys("‐‑‒–—―−－﹣", "-"),
    **dict.fromkeys("~～〜∼˜", "~"),
    **dict.fromkeys("×✕✖⨯╳хХ", "x"),
    **dict.fromkeys("µμ", "u"),
    **dict.fromkeys("⁄∕／", "/"),
    **dict.fromkeys("（【", "("),
    **dict.fromkeys("）】", ")"),
    **dict.fromkeys("，、", ","),
    "：": ":",
    "℃": "°",
    "℉": "°",
}
VULGAR = {char: unicodedata.numeric(char) for char in "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"}
"""One-character fractions, kept as they are: NFKC would turn 8½ into 81/2."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A text in plain characters.

    Args:
        text: the plain text.
        offsets: for each position of `text` and one past its end, the position in the given text; None when they are
            the same.
    """

    text: str
    offsets: tuple[int, ...] | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """A span of the plain text as a span of the given text."""
        if self.offsets is None:
            return start, end
        return self.offsets[start], self.offsets[end - 1] + 1 if end > start else self.offsets[start]


def plain(text: str) -> Plain:
    """The text in plain characters."""
    if text.isascii() and "`" not in text:
        return Plain(text)
    parts: list[str] = []
    offsets: list[int] = []
    for position, char in enumerate(text):
        part = (
            char
            if (char < "\x80" and char != "`") or char in VULGAR
            else _PLAIN.get(char) or unicodedata.normalize("NFKC", char)
        )
        parts.append(part)
        offsets.extend([position] * len(part))
    offsets.append(len(text))
    return Plain("".join(parts), tuple(offsets))
