"""The challenge's own acceptance rule for one prediction, and strings to try it on.

Written from the rule's description: strip; an optional minus, digits, optionally a point and digits; white space; then
letters and white space to the end. The unit counts as it is, or with every "ter" made "tre", or with "feet" made
"foot", and has to be a unit of any entity. The empty answer is accepted.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from entx.core.entities import CHALLENGE

_PATTERN = re.compile(r"-?\d+(\.\d+)?\s+[a-zA-Z\s]+")
_UNITS = sorted(CHALLENGE.units)
_NAMES = sorted(CHALLENGE.entities)
_ODD = [
    *list(" .,-+=@\t\r\n\x00'\"0159aest٣５é½\xa0\u2009\u200b\u202e%()[]"), "  ", "meter", "feet", "e3", "nan", "inf",
]  # fmt: skip
_NUMBERS = [
    "0", "5", "5.0", "12.50", "007", "-3", ".5", "5.", "1,000", "1e3", "٣", "５.0", "9" * 40, "9" * 41, "0" * 400,
]  # fmt: skip


def officially_accepted(text: str) -> bool:
    """Whether the challenge's script takes the text for any entity."""
    stripped = text.strip()
    if stripped == "":
        return True
    if not _PATTERN.fullmatch(stripped):
        return False
    number, unit = stripped.split(maxsplit=1)
    float(number)  # the script converts it; an exception would be a rejection, and none is possible here
    return bool({unit, unit.replace("ter", "tre"), unit.replace("feet", "foot")} & CHALLENGE.units)


def random_predictions(count: int, seed: int) -> Iterator[tuple[str, str]]:
    """(text, entity name) pairs: legal answers, near misses by up to three edits, and rubble."""
    draw = random.Random(seed)
    for _ in range(count):
        name = draw.choice(_NAMES)
        kind = draw.random()
        if kind < 0.1:
            yield "".join(draw.choices(_ODD + _UNITS, k=draw.randrange(8))), name
            continue
        units = CHALLENGE[name].units if draw.random() < 0.7 else _UNITS
        number = (
            draw.choice(_NUMBERS)
            if draw.random() < 0.3
            else f"{draw.uniform(0, 10 ** draw.randrange(1, 7)):.{draw.randrange(4)}f}"
        )
        text = f"{number} {draw.choice(units)}"
        for _ in range(draw.randrange(4) if kind < 0.8 else 0):
            at = draw.randrange(len(text) + 1)
            end = at + draw.randrange(2)
            text = text[:at] + (draw.choice(_ODD) if draw.random() < 0.7 else "") + text[end:]
        yield text, name
