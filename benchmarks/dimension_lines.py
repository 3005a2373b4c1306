"""How often the best dimension line of a printed size has the direction in which it was drawn.

    python benchmarks/dimension_lines.py [--count 150] [--seed 1] [--ocr] [--failures DIR]

Draws scenes with known truth (rotated texts, lines broken by their text, ticks, bars and arrow heads, inner and outer
sizes, oblique depth lines, coloured and dark grounds, worn pictures). The texts' own polygons stand for OCR lines, so
that reading errors do not count; --ocr takes real OCR lines instead and matches them to the printed texts by place.
--failures writes the pictures with a wrong direction, with the best line of each direction drawn in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.shared import Tally, arguments
from entx.core.images import Image
from entx.core.types import Direction, LineGeometry, OcrLine
from entx.ocr_stage.geometry import common_area, page_geometry
from lab.drawings.canvas import PrintedText
from lab.drawings.draw import draw_scene

DRAWN = ("cabinet", "round_body", "furniture", "corner", "unit_note", "panel", "one_axis", "no_unit")
"""The kinds of scene that have dimension lines."""

_COLOURS = {Direction.VERTICAL: (0, 160, 0), Direction.HORIZONTAL: (230, 60, 0), Direction.OBLIQUE: (200, 0, 200)}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--count", type=int, default=150, help="pictures to draw")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ocr", action="store_true", help="real OCR lines instead of the printed texts' polygons")
    parser.add_argument("--failures", type=Path, metavar="DIR")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    read = _engine() if options.ocr else None
    tally, unread, seconds = Tally(), 0, 0.0
    for number in range(options.count):
        kind = DRAWN[number % len(DRAWN)]
        scene = draw_scene(kind, f"dimension/{options.seed}/{number}")
        image = np.ascontiguousarray(np.asarray(scene.image)[..., ::-1])
        printed = [OcrLine(text.text, 1.0, text.polygon, text.rotation) for text in scene.texts]
        lines = printed if read is None else read(image)
        start = time.perf_counter()
        geometry = page_geometry(image, lines)
        seconds += time.perf_counter() - start
        for text in scene.texts:
            if text.line < 0:
                continue
            place = _position(text, lines)
            if place is None:
                unread += 1
                continue
            truth = scene.lines[text.line].direction
            found = geometry.of(place)
            best = found.best if found is not None else None
            right = best is not None and best.direction is truth
            tally.add(
                right, ("all", "all"), ("direction", truth.value), ("kind", kind),
                ("set", "upright" if text.rotation == 0 else "turned"),
                ("side", "large" if min(image.shape[:2]) >= 1000 else "small"),
            )  # fmt: skip
            if not right and options.failures is not None:
                _show(image, lines, place, found, truth, options.failures / f"{number:03d}_{kind}_{place}.png")
    milliseconds = 1000 * seconds / options.count
    print(f"{options.count} pictures, {milliseconds:.0f} ms of geometry each; {unread} texts not read")
    tally.print()


def _engine() -> Callable[[Image], list[OcrLine]]:
    from entx.ocr_stage.engines.base import EngineSpec, build_engine
    from entx.ocr_stage.page_reader import read_scales, to_lines

    spec = EngineSpec()
    engine, settings = build_engine(spec), spec.reader_settings()
    return lambda image: list(to_lines(read_scales(engine, image, settings)))


def _position(text: PrintedText, lines: Sequence[OcrLine]) -> int | None:
    """Which line stands where the text was printed and holds a digit; None where none does."""
    areas = [common_area(text.polygon, line.polygon) for line in lines]
    best = int(np.argmax(areas)) if areas else -1
    if best < 0 or areas[best] <= 0 or not any(c.isdigit() for c in lines[best].text):
        return None
    return best


def _show(
    image: Image, lines: Sequence[OcrLine], place: int, found: LineGeometry | None, truth: Direction, path: Path
) -> None:
    drawn: Any = image.copy()
    polygon = np.rint(np.array(lines[place].polygon).reshape(4, 2)).astype(np.int32)
    cv2.polylines(drawn, [polygon], True, (0, 0, 255), 2)
    strokes = (found.vertical, found.horizontal, found.oblique) if found is not None else ()
    for row, stroke in enumerate(stroke for stroke in strokes if stroke is not None):
        colour = _COLOURS[stroke.direction]
        start, end = (tuple(int(v) for v in point) for point in (stroke.start, stroke.end))
        cv2.line(drawn, start, end, colour, 3)
        said = f"{stroke.direction} {stroke.score:.2f} gap {stroke.gap:.0f} ticks {stroke.ticks} broken {stroke.broken}"
        cv2.putText(drawn, said, (8, 22 + 22 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.6, colour, 2)
    cv2.putText(drawn, f"truth {truth}", (8, drawn.shape[0] - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 255), 2)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), drawn)


if __name__ == "__main__":
    main()
