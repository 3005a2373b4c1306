"""Made-up answers through the postprocessor: it never raises, what it reads is legal, and it reads that again the same.

Three quarters are the texts of the tests, changed: cut, spliced, wrapped, with other numbers, units, marks and letters;
the rest is noise. Prints the strings of each fault (exit status 1) and the slowest one in processor time.

    python benchmarks/postprocess_fuzz.py -n 1000000
"""

from __future__ import annotations

import csv
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from benchmarks.shared import ROOT, arguments
from entx.core.entities import CHALLENGE, Entity
from entx.core.postprocess import postprocess

MOST_SECONDS = 0.05
SIGNS = "\"'`:=,;|<>(){}[]\\/*-_.#&\n\t ’“”×±~…°%½@$"
NAMES = "cm in \" ' kg lb oz V W ml floz KGM none null"
UNITS = [*sorted(CHALLENGE.units), *NAMES.split()]
NUMBERS = ["0", "1", "12", "6.68", "1,500", "0,5", "1/2", "5 1/4", "100-240", "[100, 240]", "-5", "1e9", "٣", "9" * 30]
WORDS = ["Value", "unit", "min", "max", "height", "item_weight", "net", "not visible", "is", "{", '"unit": ', "<b>"]


def texts(folder: Path) -> list[str]:
    with (folder / "sentence_cases.csv").open(encoding="utf-8", newline="") as stream:
        return [row["text"] for row in csv.DictReader(stream)]


def cut(rng: random.Random, text: str, _: str) -> str:
    start, end = sorted((rng.randint(0, len(text)), rng.randint(0, len(text))))
    return rng.choice((text[:end], text[start:], text[:start] + text[end:]))


def splice(rng: random.Random, text: str, other: str) -> str:
    return text[: rng.randint(0, len(text))] + rng.choice(("", " ", "\n", ", ")) + other[rng.randint(0, len(other)) :]


def insert(rng: random.Random, text: str, _: str) -> str:
    at = rng.randint(0, len(text))
    return text[:at] + rng.choice(rng.choice((list(SIGNS), WORDS, UNITS, NUMBERS))) + text[at:]


def number(rng: random.Random, text: str, _: str) -> str:
    return re.sub(r"[0-9][0-9.,]*", lambda _: rng.choice(NUMBERS), text, count=rng.randint(1, 3))


def unit(rng: random.Random, text: str, _: str) -> str:
    return re.sub(r"\b(?:cm|kg|inch|in|lbs?|oz|ml|V|W|g)\b", lambda _: rng.choice(UNITS), text)


def sign(rng: random.Random, text: str, _: str) -> str:
    old, new = rng.choice(SIGNS), rng.choice(SIGNS)
    return text.replace(old, new)


def letters(rng: random.Random, text: str, _: str) -> str:
    return rng.choice((text.upper, text.lower, text.title, text.swapcase))()


def wrap(rng: random.Random, text: str, other: str) -> str:
    ways = '"{0}"', "```json\n{0}\n```", '{{"answer": "{0}"}}', "{1}\n{0}", "[{0}]", "<a>{0}</a>"
    return rng.choice(ways).format(text, other)


CHANGES: list[Callable[[random.Random, str, str], str]] = [cut, splice, insert, number, unit, sign, letters, wrap]


def made_up(rng: random.Random, seeds: list[str]) -> str:
    if rng.random() < 0.25:
        pieces = rng.choices((*SIGNS, *UNITS, *NUMBERS, *WORDS, chr(rng.randint(32, 0x2FFF))), k=rng.randint(1, 12))
        return rng.choice(("", " ")).join(pieces)
    text = rng.choice(seeds)
    for change in rng.choices(CHANGES, k=rng.randint(1, 4)):
        text = change(rng, text, rng.choice(seeds))
    return text * 40 if rng.random() < 0.01 else text  # a runaway generation


def fault(text: str, entity: Entity) -> str:
    """What is wrong with the reading; "" for a sound one."""
    reading = postprocess(text, entity)
    if reading.quantity is None:
        return "" if reading.reason else "no quantity and no reason"
    if reading.reason or reading.quantity.unit not in entity.units or reading.quantity.value <= 0:
        return f"illegal: {reading}"
    twice = postprocess(reading.quantity.text, entity)
    return "" if twice.quantity == reading.quantity else f"not the same again: {reading.quantity}, {twice}"


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("-n", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=13)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    seeds = texts(ROOT / "tests" / "core")
    entities = list(CHALLENGE.entities.values())
    found: Counter[str] = Counter()
    slowest, slowest_text = 0.0, ""
    for place in range(options.n):
        text, entity = made_up(rng, seeds), entities[place % len(entities)]
        began = time.process_time()
        try:
            wrong = fault(text, entity)
        except Exception as error:  # that is what is looked for
            wrong = f"raised {error!r}"
        seconds = time.process_time() - began
        if seconds > slowest:
            slowest, slowest_text = seconds, text
        if wrong or seconds > MOST_SECONDS:
            found[wrong.partition(":")[0] or "slow"] += 1
            print(f"{entity.name} {text[:300]!r} {wrong} {seconds:.3f} s")
    print(f"{options.n} strings, faults: {dict(found)}; slowest {slowest * 1000:.1f} ms: {slowest_text[:100]!r}")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
