"""One page with everything that was read on it: read from a file or a store, written as an HTML page or drawn as a PNG.

The HTML page is one file that needs nothing else: the picture inside, the marks as SVG, the tables beside it (the
templates `show.html`, `.css` and `.js`). The PNG is the picture with the same marks, and a panel of the same tables.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from entx.core.candidates import Candidate
from entx.core.entities import Schema
from entx.core.errors import InputError, PictureError
from entx.core.files import atomic_path, atomic_text, picture_bytes
from entx.core.images import decode
from entx.core.types import Answer, OcrPage, PageKey, PageStatus
from entx.ocr_stage.engines.base import EngineSpec
from entx.ocr_stage.page_reader import PageReader
from entx.report.marks import (
    ANSWERS,
    CANDIDATES,
    GEOMETRY,
    LINES,
    Layer,
    Mark,
    PageView,
    ShownAnswer,
    ShownCandidate,
    Side,
    page_layers,
)
from entx.report.page import reduced, render
from entx.rules.reader import RulesReader, Scored
from entx.storage.pages import choose_pages, load_pages
from entx.storage.questions import GroupPrior, group_priors, load_question
from entx.storage.runs import load_answers_to, run_settings
from entx.storage.store import Store


def read_picture_view(path: Path, spec: EngineSpec, schema: Schema, entity_names: Sequence[str]) -> PageView:
    """Reads a picture now, answers by the rules reader, and shows it.

    Raises:
        InputError: no such file, or an unknown entity.
        PictureError: the picture cannot be read; status and reason are in the message.
        EngineError: the engine cannot be loaded.
    """
    for name in entity_names:
        schema[name]  # an unknown name is told before any model is loaded
    data = _bytes(path)
    page = PageReader(spec).read(hashlib.sha256(data).hexdigest(), data)
    _require_read(page, path)
    found = RulesReader(schema).read(page, entity_names)
    answers = [ShownAnswer("rules", name, answer) for name, answer in zip(entity_names, found, strict=True)]
    facts = (("picture", path.name), ("read by", spec.engine))
    return show_page(path.name, data, page, schema, answers, facts=facts)


def question_view(store: Store, index: int, schema: Schema, *, engine: str | None, runs: Sequence[str]) -> PageView:
    """Shows a question of the store: its page and what the runs answered.

    Args:
        engine: whose page; None for the key that was written last.
        runs: names of runs; empty for all that were asked this question.

    Raises:
        InputError: no such question, run or page, or the picture's file is gone or another one now.
        PictureError: the picture could not be read; status and reason are in the message.
    """
    question = load_question(store, index)
    key = choose_pages(store, engine)
    if question.picture is None or question.path is None:
        raise InputError(f"question {index}: {question.image_link} has no picture file; run entx download and ingest")
    page = next(load_pages(store, key, [question.picture]), None)
    if page is None:
        raise InputError(
            f"question {index}: {question.path} has not been read by {key.engine} with the settings of the newest "
            f"pages; run: entx ocr-cache --store {store.path}"
        )
    _require_read(page, question.path)
    data = _bytes(Path(question.path), question.picture)
    for run in runs:
        run_settings(store, run)  # an unknown run is an error
    given = {
        run: _of_page(answer, run_settings(store, run), key, page)
        for run, answer in load_answers_to(store, index)
        if not runs or run in runs
    }
    silent = dict.fromkeys((run for run in runs if run not in given), Answer(None, reason="not asked in this run"))
    answers = [ShownAnswer(run, question.entity_name, one, question.label) for run, one in (given | silent).items()]
    facts = [("picture", question.image_link.split("://")[-1]), ("read by", key.engine)]
    if question.group_id:
        facts.append(("group", question.group_id))
    if question.label is not None:
        facts.append(("truth", question.label or "no value"))
    title = f"Question {index}: {schema[question.entity_name].words}"
    names = [question.entity_name]
    habit = group_priors(store).get((question.group_id, question.fold)) if question.entity_name == "depth" else None
    return show_page(title, data, page, schema, answers, facts=facts, entity_names=names, habit=habit)


def show_page(
    title: str, data: bytes, page: OcrPage, schema: Schema, answers: Sequence[ShownAnswer], *,
    facts: Sequence[tuple[str, str]] = (), entity_names: Sequence[str] = (), habit: GroupPrior | None = None,
) -> PageView:  # fmt: skip
    """Puts a page, its picture and its answers together, with the candidates for the entities asked.

    Args:
        data: the picture file that the page was read from.
        entity_names: whose candidates; empty for those of the answers.
        habit: of the question's product group, where one is known.

    Raises:
        PictureError: the picture cannot be decoded.
    """
    reader, judged = RulesReader(schema), dict[Candidate, list[tuple[str, Scored]]]()
    for name in dict.fromkeys(entity_names or [shown.entity_name for shown in answers]):
        for scored in reader.explain(page, name, habit):
            judged.setdefault(scored.candidate, []).append((name, scored))
    candidates = tuple(
        ShownCandidate(candidate, tuple(sorted(found, key=lambda item: -item[1].score)))
        for candidate, found in sorted(judged.items(), key=lambda item: item[0].order)
    )
    size = (("size", f"{page.width} x {page.height} px"), ("lines", str(len(page.lines))))
    facts = (*facts, *size, *_geometry_facts(page))
    return PageView(title, decode(data), page, facts, tuple(answers), candidates)


def _geometry_facts(page: OcrPage) -> list[tuple[str, str]]:
    if page.geometry is None:
        return []
    facts = [("white", f"{page.geometry.white:.0%}")]
    if page.geometry.parts:
        facts.append(("parts", str(page.geometry.parts)))
    if page.geometry.roundness is not None:
        facts.append(("roundness", f"{page.geometry.roundness:.2f}"))
    return facts


def _of_page(answer: Answer, settings: dict[str, object], key: PageKey, page: OcrPage) -> Answer:
    """The answer without line ids where its run read another page of the picture."""
    same = PageKey.from_dict(settings) in (key, None) and all(i < len(page.lines) for i in answer.evidence.line_ids)
    return answer if same else replace(answer, evidence=replace(answer.evidence, line_ids=()))


def _require_read(page: OcrPage, path: Path | str) -> None:
    if page.status is not PageStatus.OK:
        raise PictureError(f"{path}: {page.status}: {page.reason}")


def _bytes(path: Path, sha256: str = "") -> bytes:
    try:
        return picture_bytes(path, sha256)
    except PictureError as error:
        raise InputError(f"{path}: cannot be read: {error}") from None


HTML_SIDE = 2000
"""Pixels of the picture inside the page; larger ones are reduced, the marks stay in the original's pixels."""

JPEG_QUALITY = 92


def write_page_html(view: PageView, out: Path) -> None:
    """Writes the page, whole or not at all; InputError where `out` cannot be written."""
    with atomic_text(out) as stream:
        stream.write(page_html(view))


def page_html(view: PageView) -> str:
    """The whole page, with the upright pixels as a JPEG without the file's metadata."""
    height, width = view.image.shape[:2]
    jpeg = reduced(view.image, HTML_SIDE, JPEG_QUALITY).jpeg
    return render("show", view=view, layers=page_layers(view), width=width, height=height, jpeg=jpeg)


PNG_SIDES = (900, 1800)
"""Pixels: smaller pictures are enlarged to the first, so that tags can be read on them, larger ones reduced."""

PANEL_WIDTH, PANEL_HEIGHT = 640, 1400
"""Pixels; the panel grows to that height where the picture is lower, and as far as the picture where it is higher."""

PANEL_GROUND = (255, 255, 255)
_INK, _SOFT = (25, 30, 40), (105, 112, 125)
_TYPE, _HEADING = 14, 19  # heights of type in pixels
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
    """Draws the view and writes it, whole or not at all; InputError where `out` cannot be written.

    Text that Pillow's built-in face does not have (all but ASCII) is shown as question marks; the HTML page has it.
    """
    image, made_here = draw_page(view), PngInfo()
    made_here.add_text("Software", "entx")  # so that `atomic_path` replaces it, and no photograph
    with atomic_path(out) as part:
        image.save(part, format="PNG", pnginfo=made_here)


def draw_page(view: PageView) -> Image.Image:
    """The picture at `picture_scale` at the top left, with all marks on it, and the panel at its right."""
    layers = page_layers(view)
    picture = Image.fromarray(view.image[..., ::-1])
    scale = picture_scale(*picture.size)
    size = round(picture.width * scale), round(picture.height * scale)
    picture = picture.resize(size, Image.Resampling.LANCZOS)
    pen = ImageDraw.Draw(picture)
    for layer in layers:
        for mark in layer.placed:
            _draw(pen, layer, mark, scale)
    for layer in layers:  # labels last: no shape crosses them
        for mark in layer.placed:
            _label(pen, layer, mark, scale, view.image.shape[1])
    rows = list(_rows(view, layers))
    frame = 2 * _MARGIN + 5 * (_HEADING - _TYPE)
    room = max(picture.height, min(frame + _ROW * len(rows), PANEL_HEIGHT))
    fitting = (room - frame) // _ROW
    if len(rows) > fitting:
        rows = [*rows[: fitting - 1], (f"... {len(rows) - fitting + 1} rows more: the HTML page has all", _SOFT, _TYPE)]
    whole = Image.new("RGB", (picture.width + PANEL_WIDTH, room), PANEL_GROUND)
    whole.paste(picture, (0, 0))
    _write(ImageDraw.Draw(whole), rows, picture.width + _MARGIN)
    return whole


def picture_scale(width: int, height: int) -> float:
    """How much the picture is enlarged or reduced for drawing."""
    smallest, largest = PNG_SIDES
    return min(max(smallest / max(width, height), 1.0), largest / max(width, height))


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
        (x * scale + right, y * scale + down), _ascii(mark.label), font=ImageFont.load_default(_TYPE - 2),
        fill=layer.colour, anchor=anchor, stroke_width=2, stroke_fill=_HALO,
    )  # fmt: skip


def _rows(view: PageView, layers: tuple[Layer, ...]) -> Iterator[tuple[str, tuple[int, int, int], int]]:
    """Text, ink and size of each row of the panel: the answers first, the lines last."""
    yield view.title, _INK, _HEADING
    for facts in (view.facts[:1], view.facts[1:]):  # the name may be long
        yield "   ".join(f"{name} {value}" for name, value in facts), _SOFT, _TYPE
    for layer in sorted(layers, key=lambda layer: (layer.name != ANSWERS, layer.name == LINES)):
        if not layer.marks:
            continue
        yield "", _INK, _TYPE
        yield layer.title, layer.colour, _HEADING
        for mark in layer.marks:
            titled = [f"{title} {cell}" for title, cell in layer.titled(mark, 4 if layer.name == ANSWERS else 1)]
            if layer.name == ANSWERS:
                yield f"{mark.cells[0]}: {mark.tag}", _INK, _TYPE
                yield "    " + "   ".join([*filter(None, mark.cells[1:4]), *titled]), _SOFT, _TYPE
            else:
                yield f"{mark.tag}   {mark.cells[0]}   {', '.join(titled)}", _INK, _TYPE


def _write(pen: ImageDraw.ImageDraw, rows: list[tuple[str, tuple[int, int, int], int]], left: int) -> None:
    top = _MARGIN
    for text, ink, size in rows:
        font = ImageFont.load_default(size)
        pen.text((left, top), _shortened(_ascii(text), font, PANEL_WIDTH - 2 * _MARGIN), font=font, fill=ink)
        top += _ROW + (size - _TYPE)


def _ascii(text: str) -> str:
    return text.replace("°", " deg").replace("\N{NO-BREAK SPACE}", " ").encode("ascii", "replace").decode("ascii")


def _shortened(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, room: float) -> str:
    if font.getlength(text) <= room:
        return text
    ends = range(len(text), 0, -1)
    return text[: next((end for end in ends if font.getlength(text[:end] + "...") <= room), 0)] + "..."
