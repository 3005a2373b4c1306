"""A page view as one HTML file that needs nothing else: the picture inside, the marks as SVG, the tables beside it.

All text of pictures, tables and models is foreign data. It is escaped, no part of it reaches the style sheet or the
script, and the page's content security policy lets nothing run or load but its own style, script (both by hash) and
picture.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import cv2

from entx.core.files import atomic_text
from entx.ocr_stage.engines.base import Image
from entx.report.page_marks import ANSWERS, LINES, Layer, Mark, page_layers
from entx.report.page_view import PageView

LONGER_SIDE = 2000
"""Pixels of the picture inside the page; larger ones are reduced, the marks stay in the original's pixels."""

JPEG_QUALITY = 92

_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def write_page_html(view: PageView, out: Path) -> None:
    """Writes the page, whole or not at all.

    Raises:
        InputError: `out` cannot be written.
    """
    with atomic_text(out) as stream:
        stream.write(page_html(view))


def page_html(view: PageView) -> str:
    """The whole page."""
    layers = page_layers(view)
    style, script = _asset("page.css"), _asset("page.js")
    answers = [layer for layer in layers if layer.name == ANSWERS]
    others = [layer for layer in reversed(layers) if layer.name != ANSWERS]
    return Template(_asset("page.html")).substitute(
        policy=f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'",
        title=_text(view.title),
        style=style,
        script=script,
        facts="".join(f"<div><dt>{_text(name)}</dt><dd>{_foreign(value)}</dd></div>" for name, value in view.facts),
        switches="".join(_switch(layer) for layer in layers),
        picture=_svg(view, layers),
        answers="".join(_table(layer) for layer in answers),
        tables="".join(_table(layer) for layer in others),
    )


def _switch(layer: Layer) -> str:
    return (
        f'<label class="{layer.name}"><input type="checkbox" id="show-{layer.name}" checked> {_text(layer.title)} '
        f"<small>{len(layer.marks)}</small></label>"
    )


def _svg(view: PageView, layers: tuple[Layer, ...]) -> str:
    height, width = view.image.shape[:2]
    groups = "".join(
        f'<g class="layer {layer.name}">'
        + "".join(_shape(layer, mark, width) for mark in layer.marks if mark.points)
        + "</g>"
        for layer in layers
    )
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{_text(view.title)}">'
        f'<image href="{_data_uri(view.image)}" width="{width}" height="{height}"/>'
        f'<g font-size="{max(width, height) / 55:.1f}">{groups}</g></svg>'
    )


def _shape(layer: Layer, mark: Mark, width: float) -> str:
    corners = [f"{x:.1f},{y:.1f}" for x, y in mark.points]
    if mark.closed:
        shape = f'<polygon points="{" ".join(corners)}"/>'
    else:
        shape = f'<path d="{" ".join(f"M{a} L{b}" for a, b in zip(corners[0::2], corners[1::2], strict=True))}"/>'
    (x, y), side = layer.label_place(mark, width)
    told = "; ".join(f"{name}: {cell}" for name, cell in zip(layer.columns, mark.cells, strict=True) if cell)
    return (
        f'<g class="mark{" faint" if mark.faint else ""}" {_keys(mark)}><title>{_text(f"{mark.tag}. {told}")}</title>'
        f"{shape}{_read_text(mark) if layer.name == LINES else ''}"
        f'<text class="tag {side}" x="{x:.1f}" y="{y:.1f}">{_text(mark.label)}</text></g>'
    )


def _read_text(line: Mark) -> str:
    """The line's text in its place in the picture, along its own baseline and as wide as it stands there."""
    (x1, y1), (x2, y2), _, (x4, y4) = line.points
    length, height = math.hypot(x2 - x1, y2 - y1), math.hypot(x4 - x1, y4 - y1)
    turned = math.degrees(math.atan2(y2 - y1, x2 - x1))
    return (
        f'<text class="read" transform="translate({x4:.1f} {y4:.1f}) rotate({turned:.1f})" y="{-0.2 * height:.1f}" '
        f'font-size="{0.8 * height:.1f}" textLength="{length:.1f}" lengthAdjust="spacingAndGlyphs">'
        f"{_text(line.cells[0])}</text>"
    )


def _table(layer: Layer) -> str:
    if not layer.marks:
        return f'<section class="{layer.name}"><h2>{_text(layer.title)}</h2><p>None.</p></section>'
    used = [i for i in range(len(layer.columns)) if any(mark.cells[i] for mark in layer.marks)]
    head = "".join(f"<th>{_text(layer.columns[i])}</th>" for i in used)
    rows = "".join(
        f"<tr {_keys(mark)}>"
        + f'<th scope="row">{_text(mark.tag)}</th>'
        + "".join(f"<td>{_foreign(mark.cells[i])}</td>" for i in used)
        + "</tr>"
        for mark in layer.marks
    )
    return (
        f'<section class="{layer.name}"><h2>{_text(layer.title)}</h2><div class="scroll"><table><thead><tr>'
        f"<th></th>{head}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def _keys(mark: Mark) -> str:
    return f'data-key="{mark.key}" data-related="{" ".join(mark.related)}"'


def _text(text: str) -> str:
    """Foreign text as HTML text or attribute value; what HTML cannot hold is shown as U+FFFD."""
    return escape(_UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text), quote=True)


def _foreign(text: str) -> str:
    """Foreign text in a box of its own, so that its direction marks turn nothing around it."""
    return f"<bdi>{_text(text)}</bdi>"


def _data_uri(image: Image) -> str:
    """The upright pixels, without the file's metadata, as a JPEG."""
    height, width = image.shape[:2]
    factor = min(1.0, LONGER_SIDE / max(height, width))
    if factor < 1.0:
        image = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode()


def _asset(name: str) -> str:
    return files("entx.report").joinpath(name).read_text(encoding="utf-8")


def _hash(source: str) -> str:
    """As a content security policy names what it allows."""
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
