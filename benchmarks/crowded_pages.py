"""How the rules reader's time grows with the numbers on a page: milliseconds for made-up pages of 50 to 800 numbers.

Three kinds of page: a drawing (lengths with dimension lines), a table (weights with a word before each), and a drawing
whose units stand in boxes of their own. Four questions each; the smallest of three processor times.

    python benchmarks/crowded_pages.py [--numbers 50 100 200 400]
"""

from __future__ import annotations

import random
import time

from benchmarks.shared import arguments
from entx.core.entities import CHALLENGE
from entx.core.types import Direction, LineGeometry, OcrLine, OcrPage, PageGeometry, PageStatus, Stroke
from entx.rules.reader import RulesReader
from lab.polygons import line_in

COLUMNS, ACROSS, DOWN, WIDTH, HEIGHT = 12, 160.0, 48.0, 60.0, 18.0
ASKED = ("height", "width", "depth", "item_weight")


def line(text: str, x: float, y: float, width: float = WIDTH) -> OcrLine:
    return line_in((x, y, x + width, y + HEIGHT), text, 0.9)


def crowded(kind: str, numbers: int) -> OcrPage:
    drawn = random.Random(0)
    lines: list[OcrLine] = []
    found: list[LineGeometry] = []
    for place in range(numbers):
        x = place % COLUMNS * ACROSS + drawn.uniform(0, 8)
        y = place // COLUMNS * DOWN + drawn.uniform(0, 4)
        value = drawn.randint(1, 900) / 10
        if kind == "table":
            lines += [line("Protein", x, y), line(f"{value} {drawn.choice(['g', 'oz', 'mg'])}", x + WIDTH + 6, y)]
            continue
        direction = drawn.choice(list(Direction))
        end = (x + 40, y + (0 if direction is Direction.HORIZONTAL else 60))
        stroke = {direction.value: Stroke(direction, (x, y), end, 70.0, 3.0, drawn.random())}
        found.append(LineGeometry(len(lines), across=drawn.random(), down=drawn.random(), **stroke))
        unit = drawn.choice(["cm", "in", "mm"])
        lines += [line(f"{value} {unit}", x, y)] if kind == "drawing" else [
            line(f"{value}", x, y), line(unit, x + WIDTH + 4, y, 20.0),
        ]  # fmt: skip
    return OcrPage("0" * 64, PageStatus.OK, "", 2000, 4000, tuple(lines), geometry=PageGeometry(lines=tuple(found)))


def milliseconds(page: OcrPage, reader: RulesReader) -> float:
    taken = []
    for _ in range(3):
        began = time.process_time()
        reader.read(page, ASKED)
        taken.append(time.process_time() - began)
    return 1000.0 * min(taken)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--numbers", type=int, nargs="+", default=[50, 100, 200, 400, 800])
    options = parser.parse_args()
    reader = RulesReader(CHALLENGE)
    reader.read(crowded("drawing", 20), ASKED)
    for kind in ("drawing", "table", "split"):
        taken = ", ".join(f"{n}: {milliseconds(crowded(kind, n), reader):.1f} ms" for n in options.numbers)
        print(f"{kind:8} {taken}")


if __name__ == "__main__":
    main()
