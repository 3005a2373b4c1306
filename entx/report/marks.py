"""What is shown of one page: its view, and the layers of marks that are drawn of it, with what each mark says.

The HTML page and the PNG draw the same layers.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

from entx.core.boxes import Point, corners
from entx.core.candidates import Candidate
from entx.core.images import Image
from entx.core.types import Alignment, Answer, LineGeometry, OcrPage, PageGeometry, Polygon, Stroke
from entx.rules.reader import Scored

_REASONS = 5  # features named of each candidate: those with the largest effect

LINES, GEOMETRY, CANDIDATES, ANSWERS = "lines", "geometry", "candidates", "answers"


@dataclass(frozen=True, slots=True)
class ShownAnswer:
    """One answer, and the run that gave it."""

    run: str  # "rules" for a picture that was read on the spot
    entity_name: str
    answer: Answer  # `evidence.line_ids` are lines of the page that is shown; empty where the run read another page
    truth: str | None = None  # the table's own value


@dataclass(frozen=True, slots=True)
class ShownCandidate:
    """A candidate, and how the rules reader judged it for each entity that it is legal for, the best score first."""

    candidate: Candidate
    judged: tuple[tuple[str, Scored], ...]


@dataclass(frozen=True, slots=True)
class PageView:
    """Everything that is shown of one page; polygons are measured in `image`, the upright picture in 8-bit BGR."""

    title: str
    image: Image
    page: OcrPage
    facts: tuple[tuple[str, str], ...]
    answers: tuple[ShownAnswer, ...]
    candidates: tuple[ShownCandidate, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing on a page: a shape in the picture and a row in a table."""

    key: str  # unique in the view, letters, digits and hyphens only
    tag: str  # short name in the table
    cells: tuple[str, ...]  # one text for each of the layer's columns; the first says what it is
    points: tuple[Point, ...] = ()  # corners in pixels of the upright picture; empty where there is no place to show
    closed: bool = True  # a polygon; otherwise one or two straight lines of two points each
    faint: bool = False  # less sure, or of less weight than others of its layer
    related: tuple[str, ...] = ()  # keys of marks of other layers that belong to it
    label: str = ""  # what is written at the shape

    @property
    def baseline(self) -> tuple[Point, float, float, float]:
        """Of the text that stands in the polygon: its start, degrees it is turned, length and height in pixels."""
        (x1, y1), (x2, y2), _, (x4, y4) = self.points
        length, height = math.hypot(x2 - x1, y2 - y1), math.hypot(x4 - x1, y4 - y1)
        return (x4, y4), math.degrees(math.atan2(y2 - y1, x2 - x1)), length, height


class Side(StrEnum):
    """Where a label stands to its point."""

    ABOVE = "above"  # and to the right of it
    BELOW = "below"  # and to the left of it
    RIGHT = "right"
    LEFT = "left"
    CENTRE = "centre"


@dataclass(frozen=True, slots=True)
class Layer:
    """Marks of one sort: `name` is one of the constants of this module, `columns` the headings of `Mark.cells`."""

    name: str
    title: str
    colour: tuple[int, int, int]
    columns: tuple[str, ...]
    marks: tuple[Mark, ...]

    @property
    def placed(self) -> list[Mark]:
        """The marks that have a place in the picture."""
        return [mark for mark in self.marks if mark.points]

    @property
    def used(self) -> list[int]:
        """Numbers of the columns that some mark has a cell in."""
        return [i for i in range(len(self.columns)) if any(mark.cells[i] for mark in self.marks)]

    def titled(self, mark: Mark, first: int = 0) -> list[tuple[str, str]]:
        """Heading and text of the mark's cells from that column on, those that have one."""
        return [pair for pair in zip(self.columns[first:], mark.cells[first:], strict=True) if pair[1]]

    def label_place(self, mark: Mark, width: float) -> tuple[Point, Side]:
        """Where the mark's label is written in a picture of that width, so that labels of several layers stay apart."""
        if not mark.closed:
            return _between(mark.points[0], mark.points[-1], 0.12), Side.CENTRE  # in the middle stands the number
        if self.name == CANDIDATES:
            return max(mark.points, key=sum), Side.BELOW
        if self.name != ANSWERS:
            return min(mark.points, key=sum), Side.ABOVE
        middle = sum(y for _, y in mark.points) / len(mark.points)
        right = max(x for x, _ in mark.points)
        return ((right, middle), Side.RIGHT) if right < 0.8 * width else ((min(mark.points)[0], middle), Side.LEFT)


def page_layers(view: PageView) -> tuple[Layer, ...]:
    """The layers from the lowest to the topmost; that of geometry only where the page has one."""
    page = view.page
    layers = [_lines(page)]
    if page.geometry is not None:
        layers.append(_geometry(page, page.geometry))
    return (*layers, _candidates(view), _answers(view))


def _lines(page: OcrPage) -> Layer:
    marks = []
    for index, line in enumerate(page.lines):
        around = page.geometry.of(index) if page.geometry else None
        cells = (
            line.text, f"{line.score:.2f}", f"{line.rotation:g}°", f"{line.scale:g}x",
            around.place or "" if around else "",
        )  # fmt: skip
        marks.append(Mark(_line_key(index), str(index), cells, corners(line.polygon), faint=line.scale != 1.0))
    columns = ("text", "score", "turned", "pass", "stands")
    return Layer(LINES, "Lines", (40, 110, 200), columns, _labelled(marks, [mark.tag for mark in marks]))


def _geometry(page: OcrPage, geometry: PageGeometry) -> Layer:
    marks = []
    if geometry.product is not None:
        left, top, right, bottom = geometry.product
        box = ((left, top), (right, top), (right, bottom), (left, bottom))
        size = f"{right - left:.0f}\N{NO-BREAK SPACE}x\N{NO-BREAK SPACE}{bottom - top:.0f}\N{NO-BREAK SPACE}px"
        marks.append(Mark("product", "product", ("product box", "", "", size, "", "", ""), box, faint=True))
    for line in geometry.lines:
        marks += [_stroke(page, line, stroke) for stroke in (line.vertical, line.horizontal, line.oblique) if stroke]
    columns = ("number", "score", "direction", "size", "gap", "ticks", "broken")
    labels = [mark.tag if mark.closed or not mark.faint else "" for mark in marks]
    return Layer(GEOMETRY, "Geometry", (20, 140, 60), columns, _labelled(marks, labels))


def _stroke(page: OcrPage, line: LineGeometry, stroke: Stroke) -> Mark:
    cells = (
        page.lines[line.line].text, f"{stroke.score:.2f}", stroke.direction.value,
        f"{stroke.length:.0f}\N{NO-BREAK SPACE}px", f"{stroke.gap:.0f}\N{NO-BREAK SPACE}px", str(stroke.ticks),
        "yes" if stroke.broken else "",
    )  # fmt: skip
    return Mark(
        f"stroke-{line.line}-{stroke.direction.value}", f"{stroke.direction.value[0]}{line.line}", cells,
        _outside(stroke.start, stroke.end, page.lines[line.line].polygon), closed=False,
        faint=stroke is not line.best, related=(_line_key(line.line),),
    )  # fmt: skip


def _outside(start: Point, end: Point, polygon: Polygon) -> tuple[Point, ...]:
    """The parts of a straight line that do not cover the text it belongs to."""
    enter, leave = 0.0, 1.0
    first, *others = corners(polygon)
    for (x1, y1), (x2, y2) in pairwise((first, *others, first)):
        # > 0 inside: the corners run clockwise in a picture whose y grows downwards
        here = (x2 - x1) * (start[1] - y1) - (y2 - y1) * (start[0] - x1)
        there = (x2 - x1) * (end[1] - y1) - (y2 - y1) * (end[0] - x1)
        if here <= 0.0 and there <= 0.0:
            return start, end
        if here < 0.0:
            enter = max(enter, here / (here - there))
        elif there < 0.0:
            leave = min(leave, here / (here - there))
    if enter >= leave:
        return start, end
    before = (start, _between(start, end, enter)) if enter > 0.0 else ()
    behind = (_between(start, end, leave), end) if leave < 1.0 else ()
    return (*before, *behind) or (start, end)


def _between(start: Point, end: Point, share: float) -> Point:
    return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])


def _candidates(view: PageView) -> Layer:
    marks = []
    for number, shown in enumerate(view.candidates):
        one = shown.candidate
        role = f"{one.role} of {one.group}" if one.role else ""
        best, judged = shown.judged[0]
        effects = [f"{_words(name)} {added:+.1f}" for name, added in judged.reasons[:_REASONS] if abs(added) >= 0.05]
        reasons = ", ".join(effects) if len(shown.judged) == 1 else f"{_words(best)}: {', '.join(effects)}"
        scores = ", ".join(f"{_words(name)} {scored.score:.2f}" for name, scored in shown.judged)
        cells = (
            one.quantity.text, scores, reasons, one.text, one.alignment.value, one.label, role,
            ", ".join(map(str, one.line_ids)),
        )  # fmt: skip
        lines = tuple(map(_line_key, one.line_ids))
        marks.append(Mark(f"candidate-{number}", f"c{number}", cells, corners(one.polygon), related=lines))
    columns = ("quantity", "score", "because", "printed", "found", "label", "role", "lines")
    return Layer(CANDIDATES, "Candidates", (215, 125, 0), columns, _labelled(marks, [mark.tag for mark in marks]))


def _answers(view: PageView) -> Layer:
    marks = [_answer(view.page, number, shown) for number, shown in enumerate(view.answers)]
    by_entity = len({shown.entity_name for shown in view.answers}) > 1
    names = [_words(shown.entity_name) if by_entity else shown.run for shown in view.answers]
    columns = ("entity", "run", "text or reason", "found", "score", "probability", "truth")
    return Layer(ANSWERS, "Answers", (205, 25, 45), columns, _labelled(marks, names))


def _answer(page: OcrPage, number: int, shown: ShownAnswer) -> Mark:
    answer = shown.answer
    if answer.quantity is None:
        value, source, found = "no answer", answer.reason, ""
    else:
        value = answer.quantity.text
        source = " / ".join(page.lines[i].text for i in answer.evidence.line_ids) or answer.text
        found = answer.evidence.alignment.value
    cells = (
        _words(shown.entity_name), shown.run, source, "in no line" if found == Alignment.NONE else found,
        _share(answer.score), _share(answer.p_correct), shown.truth or "",
    )  # fmt: skip
    polygon = answer.evidence.polygon
    return Mark(
        f"answer-{number}", value, cells, corners(polygon) if polygon else (),
        related=tuple(map(_line_key, answer.evidence.line_ids)),
    )  # fmt: skip


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _labelled(marks: list[Mark], names: list[str]) -> tuple[Mark, ...]:
    """The marks labelled by these names; where several lie in one place, the first one's label has all of theirs."""
    together: dict[tuple[Point, ...], list[str]] = defaultdict(list)
    for mark, name in zip(marks, names, strict=True):
        together[mark.points].append(name)
    labels = {place: ", ".join(dict.fromkeys(own)) for place, own in together.items()}
    return tuple(replace(mark, label=labels.pop(mark.points, "")) for mark in marks)


def _line_key(index: int) -> str:
    return f"line-{index}"


def _words(name: str) -> str:
    return name.replace("_", " ")
