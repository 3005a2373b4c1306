"""A page view as one HTML file that needs nothing else: the picture inside, the marks as SVG, the tables beside it.

All text of pictures, tables and models is foreign data. It is escaped, no part of it reaches the style sheet or the
script, and the page's content security policy lets nothing run or load but its own style, script (both by hash) and
picture.
"""

from __future__ import annotations

import math
from pathlib import Path
from string import Template

import cv2

from entx.core.files import atomic_text
from entx.core.images import Image
from entx.report.markup import asset, content_policy, data_uri, foreign, plain
from entx.report.page_marks import ANSWERS, LINES, Layer, Mark, page_layers
from entx.report.page_view import PageView

LONGER_SIDE = 2000
"""Pixels of the picture inside the page; larger ones are reduced, the marks stay in the original's pixels."""

JPEG_QUALITY = 92


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
    style, script = asset("entx.report", "page.css"), asset("entx.report", "page.js")
    answers = [layer for layer in layers if layer.name == ANSWERS]
    others = [layer for layer in reversed(layers) if layer.name != ANSWERS]
    return Template(asset("entx.report", "page.html")).substitute(
        policy=content_policy(style, script),
        title=plain(view.title),
        style=style,
        script=script,
        facts="".join(f"<div><dt>{plain(name)}</dt><dd>{foreign(value)}</dd></div>" for name, value in view.facts),
        switches="".join(_switch(layer) for layer in layers),
        picture=_svg(view, layers),
        answers="".join(_table(layer) for layer in answers),
        tables="".join(_table(layer) for layer in others),
    )


def _switch(layer: Layer) -> str:
    return (
        f'<label class="{layer.name}"><input type="checkbox" id="show-{layer.name}" checked> {plain(layer.title)} '
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
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{plain(view.title)}">'
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
        f'<g class="mark{" faint" if mark.faint else ""}" {_keys(mark)}><title>{plain(f"{mark.tag}. {told}")}</title>'
        f"{shape}{_read_text(mark) if layer.name == LINES else ''}"
        f'<text class="tag {side}" x="{x:.1f}" y="{y:.1f}">{plain(mark.label)}</text></g>'
    )


def _read_text(line: Mark) -> str:
    """The line's text in its place in the picture, along its own baseline and as wide as it stands there."""
    (x1, y1), (x2, y2), _, (x4, y4) = line.points
    length, height = math.hypot(x2 - x1, y2 - y1), math.hypot(x4 - x1, y4 - y1)
    turned = math.degrees(math.atan2(y2 - y1, x2 - x1))
    return (
        f'<text class="read" transform="translate({x4:.1f} {y4:.1f}) rotate({turned:.1f})" y="{-0.2 * height:.1f}" '
        f'font-size="{0.8 * height:.1f}" textLength="{length:.1f}" lengthAdjust="spacingAndGlyphs">'
        f"{plain(line.cells[0])}</text>"
    )


def _table(layer: Layer) -> str:
    if not layer.marks:
        return f'<section class="{layer.name}"><h2>{plain(layer.title)}</h2><p>None.</p></section>'
    used = [i for i in range(len(layer.columns)) if any(mark.cells[i] for mark in layer.marks)]
    head = "".join(f"<th>{plain(layer.columns[i])}</th>" for i in used)
    rows = "".join(
        f"<tr {_keys(mark)}>"
        + f'<th scope="row">{plain(mark.tag)}</th>'
        + "".join(f"<td>{foreign(mark.cells[i])}</td>" for i in used)
        + "</tr>"
        for mark in layer.marks
    )
    return (
        f'<section class="{layer.name}"><h2>{plain(layer.title)}</h2><div class="scroll"><table><thead><tr>'
        f"<th></th>{head}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def _keys(mark: Mark) -> str:
    return f'data-key="{mark.key}" data-related="{" ".join(mark.related)}"'


def _data_uri(image: Image) -> str:
    """The upright pixels, without the file's metadata, as a JPEG."""
    height, width = image.shape[:2]
    factor = min(1.0, LONGER_SIDE / max(height, width))
    if factor < 1.0:
        image = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return data_uri(encoded.tobytes())
