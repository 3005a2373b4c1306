"""The layers of a page view: what is drawn where, and what is told of it. PNG and HTML draw the same layers."""

from __future__ import annotations

from dataclasses import dataclass

from entx.core.types import Alignment, LineGeometry, OcrPage, PageGeometry, Polygon, Stroke
from entx.report.page_view import PageView, ShownAnswer

Point = tuple[float, float]

LINES, GEOMETRY, CANDIDATES, ANSWERS = "lines", "geometry", "candidates", "answers"


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing on a page: a shape in the picture and a row in a table.

    Args:
        key: unique in the view, letters, digits and hyphens only.
        tag: short name written at the shape.
        cells: one text for each of the layer's columns; the first says what it is.
        points: corners in pixels of the upright picture; empty where there is no place to show.
        closed: a polygon; otherwise a line.
        faint: less sure, or of less weight than others of its layer.
        related: keys of marks of other layers that belong to it.
    """

    key: str
    tag: str
    cells: tuple[str, ...]
    points: tuple[Point, ...] = ()
    closed: bool = True
    faint: bool = False
    related: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Layer:
    """Marks of one sort.

    Args:
        name: one of the constants of this module.
        colour: red, green, blue, 0 to 255.
        columns: headings of `Mark.cells`.
    """

    name: str
    title: str
    colour: tuple[int, int, int]
    columns: tuple[str, ...]
    marks: tuple[Mark, ...]


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
        marks.append(Mark(_line_key(index), str(index), cells, _corners(line.polygon), faint=line.scale != 1.0))
    return Layer(LINES, "Lines", (40, 110, 200), ("text", "score", "turned", "pass", "stands"), tuple(marks))


def _geometry(page: OcrPage, geometry: PageGeometry) -> Layer:
    marks = []
    if geometry.product is not None:
        left, top, right, bottom = geometry.product
        box = ((left, top), (right, top), (right, bottom), (left, bottom))
        size = f"{right - left:.0f} x {bottom - top:.0f} px"
        marks.append(Mark("product", "product", ("product", "", size, "", "", ""), box, faint=True))
    for line in geometry.lines:
        marks += [_stroke(page, line, stroke) for stroke in (line.vertical, line.horizontal, line.oblique) if stroke]
    columns = ("dimension line of", "direction", "length", "gap", "ends", "score")
    return Layer(GEOMETRY, "Geometry", (20, 140, 60), columns, tuple(marks))


def _stroke(page: OcrPage, line: LineGeometry, stroke: Stroke) -> Mark:
    ends = f"{stroke.ticks} marked" + (", broken by the text" if stroke.broken else "")
    cells = (
        page.lines[line.line].text, stroke.direction.value, f"{stroke.length:.0f} px", f"{stroke.gap:.0f} px", ends,
        f"{stroke.score:.2f}",
    )  # fmt: skip
    return Mark(
        f"stroke-{line.line}-{stroke.direction.value}", f"{stroke.direction.value[0]}{line.line}", cells,
        (stroke.start, stroke.end), closed=False, faint=stroke is not line.best, related=(_line_key(line.line),),
    )  # fmt: skip


def _candidates(view: PageView) -> Layer:
    marks = []
    for number, shown in enumerate(view.candidates):
        one = shown.candidate
        role = f"{one.role} of {one.group}" if one.role else ""
        cells = (
            one.quantity.text, one.text, one.alignment.value, one.label, role, _words(shown.entity_names),
            ", ".join(map(str, one.line_ids)),
        )  # fmt: skip
        marks.append(
            Mark(f"candidate-{number}", f"c{number}", cells, _corners(one.polygon), related=_line_keys(one.line_ids))
        )
    columns = ("quantity", "printed", "found", "label", "role", "legal for", "lines")
    return Layer(CANDIDATES, "Candidates", (215, 125, 0), columns, tuple(marks))


def _answers(view: PageView) -> Layer:
    marks = [_answer(view.page, number, shown) for number, shown in enumerate(view.answers)]
    columns = ("answer", "entity", "run", "read as", "found", "why not", "truth", "probability")
    return Layer(ANSWERS, "Answers", (205, 25, 45), columns, tuple(marks))


def _answer(page: OcrPage, number: int, shown: ShownAnswer) -> Mark:
    answer = shown.answer
    read = " / ".join(page.lines[i].text for i in answer.evidence.line_ids) or answer.text
    nowhere = answer.quantity is not None and answer.evidence.alignment is Alignment.NONE
    cells = (
        answer.quantity.text if answer.quantity else "no answer", _words((shown.entity_name,)), shown.run, read,
        "in no line of the picture" if nowhere else answer.evidence.alignment.value if answer.quantity else "",
        answer.reason, shown.truth or "", "" if answer.p_correct is None else f"{answer.p_correct:.2f}",
    )  # fmt: skip
    polygon = answer.evidence.polygon
    return Mark(
        f"answer-{number}", f"{_words((shown.entity_name,))}: {cells[0]}", cells, _corners(polygon) if polygon else (),
        related=_line_keys(answer.evidence.line_ids),
    )  # fmt: skip


def _corners(polygon: Polygon) -> tuple[Point, ...]:
    return tuple(zip(polygon[0::2], polygon[1::2], strict=True))


def _line_key(index: int) -> str:
    return f"line-{index}"


def _line_keys(indices: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(map(_line_key, indices))


def _words(entity_names: tuple[str, ...]) -> str:
    return ", ".join(name.replace("_", " ") for name in entity_names)
