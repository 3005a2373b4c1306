"""An ablation as one HTML file that loads nothing: its figures, and a gallery of errors.

A card of the gallery is a question that some column has wrong, with its picture, boxes, answers and truth; pictures
are reduced, without metadata, until all of them together fit one budget of bytes. What the page looks like stands in
`entx/report/templates`: `ablation.html` the whole, `sections.html` the tables, `charts.html`, `gallery.html` the cards.
Equal input gives equal bytes: there is no date in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from entx.core.candidates import evidence_of
from entx.core.errors import PictureError
from entx.core.evaluation import Outcome
from entx.core.files import atomic_text
from entx.core.images import Image, decode
from entx.core.types import Polygon
from entx.report.ablation.columns import ARM, ENSEMBLE_STAGE, Column
from entx.report.ablation.figures import CONVERTED, relation
from entx.report.ablation.summary import Ablation
from entx.report.html import MISSING, page

SIDES = (720, 560, 440, 340, 260, 200)
"""Pixels of the longer side that are tried, the largest that fits its share of the budget being taken."""

JPEG_QUALITY = 60

KINDS = {
    "value": "wrong value",
    "unit": "right but for the unit",
    "empty": "answered on an empty row",
    "missed": "no answer though there is one",
}
"""Kinds of error, as the filter names them."""

_LONGEST = 160  # characters of a raw text or a reason


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A reduced picture: the file's bytes, and its size in pixels."""

    jpeg: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Gallery:
    """The cards and the pictures that they share, as `gallery.html` takes them.

    `wrong` questions are wrong by some column, perhaps more than there are cards; `without_picture` cards have none.
    """

    pictures: tuple[Mapping[str, Any], ...]
    cards: tuple[Mapping[str, Any], ...]
    wrong: int
    without_picture: int


def write_html(summary: Mapping[str, Any], gallery: Gallery, out: Path, *, old: str = "") -> None:
    """Writes the page, whole or not at all; InputError where `out` cannot be written, arguments as `html_text`."""
    with atomic_text(out) as stream:
        stream.write(html_text(summary, gallery, old=old))


def html_text(summary: Mapping[str, Any], gallery: Gallery, *, old: str = "") -> str:
    """The whole page; `old` is the name of the older report whose changes stand in `summary["diff"]`."""
    return page("ablation", summary=summary, gallery=gallery, kinds=KINDS, old=old)


def make_gallery(ablation: Ablation, *, most: int, picture_bytes: int) -> Gallery:
    """Builds it.

    Args:
        most: at most so many cards, the first of the gold table.
        picture_bytes: budget of all pictures together; 0 shows boxes on empty ground.
    """
    rows = ablation.gold.rows
    wrong = [place for place in range(len(rows)) if not all(column.right[place] for column in ablation.columns)]
    shown = [rows[place] for place in wrong[:most]]
    files = {row.picture: row.path for row in shown if row.picture is not None}
    small = thumbnails(list(files.items()), picture_bytes) if picture_bytes else {}
    pictures = {
        picture: _picture(f"picture-{number}", ablation, picture, small.get(picture))
        for number, picture in enumerate(files)
        if picture in small or picture in ablation.pages
    }
    cards = tuple(_card(ablation, place, pictures.get(rows[place].picture or "")) for place in wrong[:most])
    without = sum(row.picture not in small for row in shown)
    return Gallery(tuple(pictures.values()), cards, len(wrong), without)


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


def _picture(key: str, ablation: Ablation, picture: str, small: Thumbnail | None) -> dict[str, Any]:
    """A picture that cards share, with its OCR lines; its size is that in which the boxes were measured."""
    read = ablation.pages.get(picture)
    width, height = (small.width, small.height) if small else (4, 3)
    if read is not None and read.width and read.height:
        width, height = read.width, read.height
    return {"key": key, "small": small, "width": width, "height": height, "lines": None if read is None else read.lines}


def _card(ablation: Ablation, place: int, picture: Mapping[str, Any] | None) -> dict[str, Any]:
    """One question: who has it wrong and how, as the page's script reads it; by place, the columns whose answer was
    read there; by text, the columns that gave it."""
    row, candidates = ablation.gold.rows[place], ablation.candidates[place] or ()
    truths = [one for one in candidates if one.quantity in row.rights and one.polygon is not None]
    kinds = [error_kind(column, place) for column in ablation.columns]
    boxes: dict[Polygon, list[dict[str, Any]]] = {}
    answers: dict[str, list[dict[str, Any]]] = {}
    for number, column in enumerate(ablation.columns):
        answer = column.answers[place]
        given = answer is not None and answer.quantity is not None
        said = {
            "number": number, "name": column.name, "right": bool(column.right[place]),
            "p": answer.p_correct if answer is not None and given else None, "words": _words(column, place),
        }  # fmt: skip
        answers.setdefault(column.texts[place] or ("not asked" if answer is None else MISSING), []).append(said)
        if (polygon := _evidence(ablation, number, place)) is not None:
            boxes.setdefault(polygon, []).append(said)
    wrong = " ".join(f"{number}:{kind}" for number, kind in enumerate(kinds) if kind)
    return {"row": row, "wrong": wrong, "picture": picture, "truths": truths, "boxes": boxes, "answers": answers}


def _words(column: Column, place: int) -> str:
    """What a single arm said in its own words, or why it gave nothing; "" where that adds nothing."""
    answer = column.answers[place]
    if answer is None or column.kind != ARM or column.stage == ENSEMBLE_STAGE:
        return ""
    words = answer.text if answer.quantity else answer.reason or answer.text
    if answer.quantity and words == answer.quantity.text:
        return ""
    return words if len(words) <= _LONGEST else words[:_LONGEST] + "…"


def _evidence(ablation: Ablation, number: int, place: int) -> Polygon | None:
    """The answer's own evidence where it read these pages, else where its value stands in them."""
    answer = ablation.columns[number].answers[place]
    if answer is None or answer.quantity is None:
        return None
    same_pages = number >= len(ablation.arms) or ablation.arms[number].pages in (None, ablation.key)
    if same_pages and answer.evidence.polygon is not None:
        return answer.evidence.polygon
    return evidence_of(answer.quantity, ablation.candidates[place] or ()).polygon


def thumbnails(files: Sequence[tuple[str, str | None]], budget: int) -> dict[str, Thumbnail]:
    """Reduced pictures by sha256; each gets an equal share of what is left, so that early ones do not take it all.

    A file that is gone, has changed since ingest, cannot be decoded or does not fit is left out.

    Args:
        files: (sha256, path) of each distinct picture; None where no file is known.
        budget: bytes of all of them as they stand in the page (base64: four for three).
    """
    found: dict[str, Thumbnail] = {}
    left = budget
    for place, (picture, path) in enumerate(files):
        image = _image(picture, path)
        small = None if image is None else _fitting(image, left // (len(files) - place))
        if small is not None:
            found[picture] = small
            left -= _encoded_size(small.jpeg)
    return found


def _image(picture: str, path: str | None) -> Image | None:
    if path is None:
        return None
    try:
        data = Path(path).read_bytes()
        if hashlib.sha256(data).hexdigest() != picture:
            return None
        return decode(data, at_least=SIDES[0] // 2)
    except (OSError, PictureError):
        return None


def _fitting(image: Image, most: int) -> Thumbnail | None:
    height, width = image.shape[:2]
    for side in SIDES:
        factor = min(1.0, side / max(height, width))
        small = image
        if factor < 1.0:
            size = max(1, round(width * factor)), max(1, round(height * factor))
            small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        _, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        jpeg = encoded.tobytes()
        if _encoded_size(jpeg) <= most:
            return Thumbnail(jpeg, small.shape[1], small.shape[0])
    return None


def _encoded_size(jpeg: bytes) -> int:
    return 4 * -(-len(jpeg) // 3)
