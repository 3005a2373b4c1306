"""The gallery of errors: each question that some column has wrong, with its picture, boxes, answers and truth.

Texts of pictures, tables and models are foreign: all of it is escaped, none reaches a script or a style.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from entx.core.candidates import evidence_of
from entx.core.evaluation import Outcome
from entx.core.types import Answer, OcrPage, Polygon
from entx.report.ablation.audit import CONVERTED, relation
from entx.report.ablation.cells import COLOURS, MISSING, name_of, share
from entx.report.ablation.columns import ARM, ENSEMBLE_STAGE, Column
from entx.report.ablation.measure import Measured
from entx.report.ablation.pictures import Thumbnail, thumbnails
from entx.report.markup import data_uri, foreign, plain

KINDS = {
    "value": "wrong value",
    "unit": "right but for the unit",
    "empty": "answered on an empty row",
    "missed": "no answer though there is one",
}
"""Kinds of error, as the filter names them."""

_LONGEST = 160  # characters of a raw text or a reason


@dataclass(frozen=True, slots=True)
class Gallery:
    """The gallery's HTML.

    Args:
        pictures: shared by cards, each with its OCR boxes.
        cards: one a question.
        shown, wrong: number of cards, and of questions that some column has wrong.
        without_picture: cards whose picture is not shown.
    """

    pictures: str
    cards: str
    shown: int
    wrong: int
    without_picture: int


def make_gallery(measured: Measured, *, most: int, picture_bytes: int) -> Gallery:
    """Builds it.

    Args:
        most: at most so many cards, the first of the gold table.
        picture_bytes: budget of all pictures together; 0 shows boxes on empty ground.
    """
    wrong = [
        place for place in range(len(measured.gold.rows)) if not all(column.right[place] for column in measured.columns)
    ]
    shown = wrong[:most]
    rows = measured.gold.rows
    files = {row.picture: row.path for row in (rows[place] for place in shown) if row.picture is not None}
    small = thumbnails(list(files.items()), picture_bytes) if picture_bytes else {}
    keys = {picture: f"picture-{number}" for number, picture in enumerate(files)}
    pictures = "".join(
        _picture(keys[picture], small.get(picture), measured.pages.get(picture))
        for picture in files
        if picture in small or picture in measured.pages
    )
    cards = "".join(_card(measured, place, keys, small) for place in shown)
    return Gallery(pictures, cards, len(shown), len(wrong), sum(rows[place].picture not in small for place in shown))


def error_kind(column: Column, place: int) -> str | None:
    """A key of `KINDS`; None where the row is right."""
    outcome, row, answer = column.outcomes[place], column.gold.rows[place], column.answers[place]
    if outcome == Outcome.FN:
        return "missed"
    if outcome != Outcome.FP:
        return None
    if not row.truth:
        return "empty"
    exact = answer is not None and answer.quantity is not None and relation(answer.quantity, row.rights) == CONVERTED
    return "unit" if exact else "value"


def _picture(key: str, small: Thumbnail | None, page: OcrPage | None) -> str:
    width, height = _size(small, page)
    image = f'<image href="{data_uri(small.jpeg)}" width="{width}" height="{height}"/>' if small else ""
    lines = "".join(
        f'<polygon points="{_points(line.polygon)}"><title>{plain(line.text)}</title></polygon>'
        for line in (page.lines if page else ())
    )
    return (
        f'<g id="{key}"><rect class="ground" width="{width}" height="{height}"/>{image}<g class="lines">{lines}</g></g>'
    )


def _size(small: Thumbnail | None, page: OcrPage | None) -> tuple[int, int]:
    """Of the upright picture where it was read: the boxes are measured in it."""
    if page is not None and page.width and page.height:
        return page.width, page.height
    return (small.width, small.height) if small else (4, 3)


def _card(measured: Measured, place: int, keys: Mapping[str, str], small: Mapping[str, Thumbnail]) -> str:
    row = measured.gold.rows[place]
    kinds = {number: error_kind(column, place) for number, column in enumerate(measured.columns)}
    wrong = " ".join(f"{number}:{kind}" for number, kind in kinds.items() if kind)
    page = measured.pages.get(row.picture or "")
    picture = ""
    if row.picture is not None and (row.picture in small or page is not None):
        width, height = _size(small.get(row.picture), page)
        picture = (
            f'<svg class="shot" viewBox="0 0 {width} {height}" role="img" aria-label="Picture of question {row.index}">'
            f'<use href="#{keys[row.picture]}"/>{_boxes(measured, place)}</svg>'
        )
    lines = "".join(f"<li>{foreign(line.text)}</li>" for line in (page.lines if page else ()))
    text = f"<details><summary>OCR text, {len(page.lines)} lines</summary><ol>{lines}</ol></details>" if page else ""
    truth = foreign(" or ".join([row.truth, *row.also])) if row.truth else "the picture states none"
    return (
        f'<article class="card" tabindex="-1" data-entity="{plain(row.entity_name)}" data-slice="{plain(row.slice)}" '
        f'data-wrong="{wrong}"><h3>{row.index} {foreign(row.entity_name.replace("_", " "))} '
        f"<small>{foreign(row.slice)}</small></h3>{picture}"
        f'<dl><div class="truth"><dt>truth</dt><dd>{truth}</dd></div>{_answers(measured.columns, place)}</dl>{text}'
        "</article>"
    )


def _answers(columns: Sequence[Column], place: int) -> str:
    """What was said, the columns that said the same together."""
    groups: dict[str, list[int]] = {}
    for number, column in enumerate(columns):
        answer = column.answers[place]
        said = "not asked" if answer is None else answer.quantity.text if answer.quantity else MISSING
        groups.setdefault(said, []).append(number)
    parts = []
    for said, members in groups.items():
        right = bool(columns[members[0]].right[place])
        names = ", ".join(_name(columns[number], number, place) for number in members)
        told = "".join(_told(columns[number], number, place) for number in members)
        verdict = (
            '<span class="right" title="right">✓</span>' if right else '<span class="wrong" title="wrong">✗</span>'
        )
        parts.append(f"<div><dt>{verdict} {foreign(said)}</dt><dd>{names}{told}</dd></div>")
    return "".join(parts)


def _name(column: Column, number: int, place: int) -> str:
    answer = column.answers[place]
    sure = answer.p_correct if answer is not None and answer.quantity is not None else None
    return name_of(column.name, number) + (f" <small>p {share(sure, 2)}</small>" if sure is not None else "")


def _told(column: Column, number: int, place: int) -> str:
    """What a single arm said in its own words, or why it gave nothing."""
    answer = column.answers[place]
    if answer is None or column.kind != ARM or column.stage == ENSEMBLE_STAGE:
        return ""
    words = answer.text if answer.quantity else answer.reason or answer.text
    if not words or (answer.quantity and words == answer.quantity.text):
        return ""
    short = words if len(words) <= _LONGEST else words[:_LONGEST] + "…"
    return f'<p class="words"><i class="dot c{number % COLOURS}"></i>{foreign(short)}</p>'


def _boxes(measured: Measured, place: int) -> str:
    """Where the truth stands, and the evidence of each column's answer; equal boxes in each other."""
    row, found = measured.gold.rows[place], measured.candidates[place]
    boxes = [
        f'<polygon class="truth" points="{_points(one.polygon)}"><title>truth: {plain(one.text)}</title></polygon>'
        for one in found or ()
        if one.quantity in row.rights and one.polygon is not None
    ]
    drawn: dict[Polygon, list[int]] = {}
    for number, column in enumerate(measured.columns):
        polygon = _evidence(measured, number, column.answers[place], place)
        if polygon is not None:
            drawn.setdefault(polygon, []).append(number)
    for polygon, numbers in drawn.items():
        names = ", ".join(measured.columns[number].name for number in numbers)
        boxes.append(
            f'<polygon class="box c{numbers[0] % COLOURS}" points="{_points(polygon)}"><title>{plain(names)}</title>'
            "</polygon>"
        )
    return "".join(boxes)


def _evidence(measured: Measured, number: int, answer: Answer | None, place: int) -> Polygon | None:
    """The answer's own evidence where it read these pages, else where its value stands in them."""
    if answer is None or answer.quantity is None:
        return None
    same_pages = number >= len(measured.arms) or measured.arms[number].pages in (None, measured.key)
    if same_pages and answer.evidence.polygon is not None:
        return answer.evidence.polygon
    return evidence_of(answer.quantity, measured.candidates[place] or ()).polygon


def _points(polygon: Polygon) -> str:
    return " ".join(f"{x:.0f},{y:.0f}" for x, y in zip(polygon[0::2], polygon[1::2], strict=True))
