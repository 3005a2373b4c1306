"""Pages of HTML: the templates and how they write figures, and the ablation's page with its gallery of errors.

All text of pictures, tables and models is foreign. The templates escape every expression (jinja2's autoescape), what
HTML cannot hold is shown as U+FFFD, and no foreign text stands in a style sheet or a script. A page's content security
policy lets nothing run or load but its own style and script, both by hash, and the pictures inside it.

A card of the gallery is a question that some column has wrong, with its picture, boxes, answers and truth; pictures
are reduced, without metadata, until all of them together fit one budget of bytes. What the page looks like stands in
the templates: `ablation.html` the whole, `sections.html` the tables, `charts.html`, `gallery.html` the cards. Equal
input gives equal bytes: there is no date in it.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2

from entx.core.boxes import corners
from entx.core.candidates import evidence_of
from entx.core.errors import PictureError
from entx.core.evaluation import Outcome
from entx.core.files import atomic_text, picture_bytes
from entx.core.images import Image, decode
from entx.core.types import Polygon
from entx.report.columns import Column
from entx.report.figures import CONVERTED, relation

if TYPE_CHECKING:  # `entx show` writes a page without either's modules
    from jinja2 import Environment

    from entx.report.summary import Ablation

MISSING = "–"

COLOURS = 12
"""Colours that the style sheets have for columns, named c0 to c11."""

_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def render(name: str, **values: Any) -> str:
    """The page of the template `name`.html, with the style sheet and the script of that name inside."""
    style, script = asset(f"{name}.css"), asset(f"{name}.js")
    template = environment().get_template(f"{name}.html")
    return template.render(policy=content_policy(style, script), style=style, script=script, **values)


@cache
def environment() -> Environment:
    """The templates, with figures as filters; a value that a template needs and does not get is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("entx.report"), autoescape=True, undefined=StrictUndefined, finalize=printable,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.filters |= {
        "share": share, "signed": signed, "seconds": seconds, "money": money, "colour": colour, "breakable": breakable,
        "f1_axis": f1_axis, "data_uri": data_uri, "corners": corners, "count": lambda number: f"{number:,}",
        "whole": lambda value: f"{value:.0%}",
    }  # fmt: skip
    return made


def printable(value: Any) -> Any:
    """A text with U+FFFD for what HTML cannot hold; markup and other values as they are."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", value)


def shortened(text: str, most: int) -> str:
    """The text with at most so many characters and a mark of what was cut."""
    return text if len(text) <= most else text[:most] + "…"


def content_policy(style: str, script: str) -> str:
    """A content security policy for a page with one style, one script (both by hash) and pictures inside."""
    digests = (hashlib.sha256(source.encode()).digest() for source in (style, script))
    own_style, own_script = (f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    allowed = f"img-src data:; style-src {own_style}; script-src {own_script}"
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"


def asset(name: str) -> str:
    """A text file that ships beside the templates."""
    return (files("entx.report") / "templates" / name).read_text(encoding="utf-8")


def data_uri(jpeg: bytes) -> str:
    """A JPEG inside the page."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


def share(value: float | None, digits: int = 3) -> str:
    """0.901 as ".901"; a dash for none."""
    if value is None:
        return MISSING
    text = f"{value:.{digits}f}"
    return text.removeprefix("0") if 0.0 <= value < 1.0 else text


def signed(value: float) -> str:
    """A difference with its sign: "+.012"."""
    return ("−" if value < 0 else "+") + share(abs(value))


def seconds(value: float | None) -> str:
    """Seconds with two or three digits that mean something."""
    return MISSING if value is None else f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def money(value: float | None) -> str:
    """A cost with three digits, of which none is lost above a hundred."""
    return MISSING if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def colour(number: int) -> str:
    """The class of a column's colour."""
    return f"c{number % COLOURS}"


def breakable(name: str) -> str:
    """A name as markup that may be broken before a plus sign."""
    from markupsafe import Markup

    return Markup("<wbr>+").join(printable(name).split("+"))


def f1_axis(points: Sequence[Mapping[str, float]]) -> tuple[float, float, list[tuple[float, str]]]:
    """The least and the greatest F1 of an axis that holds the points' intervals, and its marks: place and name."""
    low, high = min(one["low"] for one in points), max(one["high"] for one in points)
    step = 0.05 if high - low <= 0.25 else 0.2
    first, last = math.floor(low / step), max(math.ceil(high / step), math.floor(low / step) + 1)
    low, high = first * step, last * step
    steps = round((high - low) / step)
    return low, high, [(n / steps, f"{low + step * n:.2f}".removeprefix("0")) for n in range(steps + 1)]


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
    """The cards and the pictures that they share, as `gallery.html` takes them."""

    pictures: tuple[Mapping[str, Any], ...]
    cards: tuple[Mapping[str, Any], ...]
    wrong: int  # questions that some column has wrong, perhaps more than there are cards
    without_picture: int  # cards that have none


def write_html(summary: Mapping[str, Any], gallery: Gallery, out: Path, *, old: str = "") -> None:
    """Writes the page, whole or not at all; InputError where `out` cannot be written, arguments as `html_text`."""
    with atomic_text(out) as stream:
        stream.write(html_text(summary, gallery, old=old))


def html_text(summary: Mapping[str, Any], gallery: Gallery, *, old: str = "") -> str:
    """The whole page; `old` is the name of the older report whose changes stand in `summary["diff"]`."""
    return render("ablation", summary=summary, gallery=gallery, kinds=KINDS, old=old)


def make_gallery(ablation: Ablation, *, most: int, picture_bytes: int) -> Gallery:
    """Builds it of the first `most` wrong rows, all pictures within so many bytes; 0 shows boxes on empty ground."""
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
    if answer is None or not column.single:
        return ""
    words = answer.text if answer.quantity else answer.reason or answer.text
    return "" if answer.quantity and words == answer.quantity.text else shortened(words, _LONGEST)


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
        image, share = _image(picture, path), left // (len(files) - place)
        tried = () if image is None else (reduced(image, side, JPEG_QUALITY) for side in SIDES)
        small = next((one for one in tried if _encoded_size(one.jpeg) <= share), None)
        if small is not None:
            found[picture] = small
            left -= _encoded_size(small.jpeg)
    return found


def _image(picture: str, path: str | None) -> Image | None:
    if path is None:
        return None
    try:
        return decode(picture_bytes(Path(path), picture), at_least=SIDES[0] // 2)
    except PictureError:
        return None


def reduced(image: Image, side: int, quality: int) -> Thumbnail:
    """The picture as a JPEG without metadata, its longer side at most so many pixels."""
    height, width = image.shape[:2]
    factor = min(1.0, side / max(height, width))
    if factor < 1.0:
        size = max(1, round(width * factor)), max(1, round(height * factor))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return Thumbnail(encoded.tobytes(), image.shape[1], image.shape[0])


def _encoded_size(jpeg: bytes) -> int:
    return 4 * -(-len(jpeg) // 3)
