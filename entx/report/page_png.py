"""A page view as one PNG: the picture with its marks, and beside it what was read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from entx.core.files import atomic_path
from entx.report.page_marks import ANSWERS, CANDIDATES, GEOMETRY, LINES, Layer, Mark, Side, page_layers
from entx.report.page_view import PageView

LONGER_SIDE = (900, 1800)
"""Pixels: smaller pictures are enlarged to the first, so that tags can be read on them, larger ones reduced."""

PANEL_WIDTH, PANEL_HEIGHT = 640, 1400
"""Pixels; the panel grows to that height where the picture is lower, and as far as the picture where it is higher."""

PANEL_GROUND = (255, 255, 255)
_INK, _SOFT = (25, 30, 40), (105, 112, 125)
_TEXT, _HEADING = 14, 19  # heights of type in pixels
_ROW = 21
_MARGIN = 18
_HALO = (255, 255, 255)
_STROKE_WIDTHS = {LINES: 1, GEOMETRY: 3, CANDIDATES: 2, ANSWERS: 4}
_ANCHORS = {  # Pillow's name, and pixels to keep off the shape
    Side.ABOVE: ("lb", (0, -2)),
    Side.BELOW: ("rt", (0, 4)),
    Side.RIGHT: ("lm", (6, 0)),
    Side.LEFT: ("rm", (-6, 0)),
    Side.CENTRE: ("mm", (0, 0)),
}


def write_page_png(view: PageView, out: Path) -> None:
    """Draws the view and writes it, whole or not at all.

    Text that Pillow's built-in face does not have (all but ASCII) is shown as question marks; the HTML page has it.

    Raises:
        InputError: `out` cannot be written.
    """
    image = draw_page(view)
    with atomic_path(out) as part:
        image.save(part, format="PNG")


def draw_page(view: PageView) -> Image.Image:
    """The picture at `picture_scale` at the top left, with all marks on it, and the panel at its right."""
    layers = page_layers(view)
    picture = Image.fromarray(view.image[..., ::-1])
    scale = picture_scale(*picture.size)
    size = round(picture.width * scale), round(picture.height * scale)
    picture = picture.resize(size, Image.Resampling.LANCZOS)
    pen = ImageDraw.Draw(picture)
    for layer in layers:
        for mark in filter(_is_placed, layer.marks):
            _draw(pen, layer, mark, scale)
    for layer in layers:  # labels last: no shape crosses them
        for mark in filter(_is_placed, layer.marks):
            _label(pen, layer, mark, scale, view.image.shape[1])
    rows = list(_rows(view, layers))
    frame = 2 * _MARGIN + 5 * (_HEADING - _TEXT)
    room = max(picture.height, min(frame + _ROW * len(rows), PANEL_HEIGHT))
    fitting = (room - frame) // _ROW
    if len(rows) > fitting:
        rows = [*rows[: fitting - 1], (f"... {len(rows) - fitting + 1} rows more: the HTML page has all", _SOFT, _TEXT)]
    whole = Image.new("RGB", (picture.width + PANEL_WIDTH, room), PANEL_GROUND)
    whole.paste(picture, (0, 0))
    _write(ImageDraw.Draw(whole), rows, picture.width + _MARGIN)
    return whole


def picture_scale(width: int, height: int) -> float:
    """How much the picture is enlarged or reduced for drawing."""
    smallest, largest = LONGER_SIDE
    return min(max(smallest / max(width, height), 1.0), largest / max(width, height))


def _is_placed(mark: Mark) -> bool:
    return bool(mark.points)


def _draw(pen: ImageDraw.ImageDraw, layer: Layer, mark: Mark, scale: float) -> None:
    points = [(x * scale, y * scale) for x, y in mark.points]
    width = 1 if mark.faint else _STROKE_WIDTHS[layer.name]
    paths = [[*points, points[0], points[1]]] if mark.closed else [points[i : i + 2] for i in range(0, len(points), 2)]
    for colour, thickness in ((_HALO, width + 2), (layer.colour, width)):  # the halo shows it on dark ground
        for path in paths:
            pen.line(path, fill=colour, width=thickness, joint="curve")


def _label(pen: ImageDraw.ImageDraw, layer: Layer, mark: Mark, scale: float, width: float) -> None:
    (x, y), side = layer.label_place(mark, width)
    anchor, (right, down) = _ANCHORS[side]
    pen.text(
        (x * scale + right, y * scale + down), _ascii(mark.label), font=ImageFont.load_default(_TEXT - 2),
        fill=layer.colour, anchor=anchor, stroke_width=2, stroke_fill=_HALO,
    )  # fmt: skip


def _rows(view: PageView, layers: tuple[Layer, ...]) -> Iterator[tuple[str, tuple[int, int, int], int]]:
    """Text, ink and size of each row of the panel: the answers first, the lines last."""
    yield view.title, _INK, _HEADING
    for facts in (view.facts[:1], view.facts[1:]):  # the name may be long
        yield "   ".join(f"{name} {value}" for name, value in facts), _SOFT, _TEXT
    for layer in sorted(layers, key=lambda layer: (layer.name != ANSWERS, layer.name == LINES)):
        if not layer.marks:
            continue
        yield "", _INK, _TEXT
        yield layer.title, layer.colour, _HEADING
        for mark in layer.marks:
            if layer.name == ANSWERS:
                yield f"{mark.cells[0]}: {mark.tag}", _INK, _TEXT
                yield "    " + "   ".join([*filter(None, mark.cells[1:4]), *_named(layer, mark, 4)]), _SOFT, _TEXT
            else:
                yield f"{mark.tag}   {mark.cells[0]}   {', '.join(_named(layer, mark, 1))}", _INK, _TEXT


def _named(layer: Layer, mark: Mark, first: int) -> list[str]:
    named = zip(layer.columns[first:], mark.cells[first:], strict=True)
    return [f"{name} {cell}" for name, cell in named if cell]


def _write(pen: ImageDraw.ImageDraw, rows: list[tuple[str, tuple[int, int, int], int]], left: int) -> None:
    top = _MARGIN
    for text, ink, size in rows:
        font = ImageFont.load_default(size)
        pen.text((left, top), _shortened(_ascii(text), font, PANEL_WIDTH - 2 * _MARGIN), font=font, fill=ink)
        top += _ROW + (size - _TEXT)


def _ascii(text: str) -> str:
    return text.replace("°", " deg").replace("\N{NO-BREAK SPACE}", " ").encode("ascii", "replace").decode("ascii")


def _shortened(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, room: float) -> str:
    if font.getlength(text) <= room:
        return text
    while text and font.getlength(text + "...") > room:
        text = text[:-1]
    return text + "..."
