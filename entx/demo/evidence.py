"""One picture with what was read on it and where the answer stands."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from entx.core.errors import PictureError
from entx.core.files import atomic_path
from entx.core.types import Alignment, Answer, OcrPage, Polygon, Question

LINE_COLOUR = (70, 130, 200)
EVIDENCE_COLOUR = (214, 40, 40)
CAPTION_GROUND = (28, 32, 40)
_CAPTION_INK = (255, 255, 255)
_SIDE_INK = (190, 200, 214)


def draw_evidence(picture: Path, out: Path, *, lines: OcrPage, answer: Answer, question: Question) -> None:
    """Draws every line's box thinly, the evidence boldly, and question and answer in a strip below; writes a PNG.

    An answer without evidence gets no bold box; the strip says that it was found nowhere.

    Args:
        picture: the file that `lines` was read from.
        out: written whole or not at all.

    Raises:
        PictureError: the picture cannot be decoded.
        InputError: `out` cannot be written.
    """
    image = _upright(picture)
    thin = max(1, round(min(image.size) / 500))
    pen = ImageDraw.Draw(image)
    for line in lines.lines:
        _outline(pen, line.polygon, LINE_COLOUR, thin)
    if answer.evidence.polygon is not None:
        _outline(pen, answer.evidence.polygon, EVIDENCE_COLOUR, 4 * thin)
    captioned = _with_strip(image, *caption(lines, answer, question))
    with atomic_path(out) as part:
        captioned.save(part, format="PNG")


def caption(lines: OcrPage, answer: Answer, question: Question) -> tuple[str, str]:
    """The strip's two rows: question and answer; where it was read, or why there is none."""
    value = answer.quantity.text if answer.quantity is not None else "no answer"
    first = f"{question.entity_name.replace('_', ' ')}: {value}"
    if answer.quantity is None:
        return first, answer.reason
    if answer.evidence.alignment is Alignment.NONE:
        return first, "found in no line of the picture"
    read = " / ".join(lines.lines[i].text for i in answer.evidence.line_ids)
    return first, f'read as "{read}" ({answer.evidence.alignment})'


def _upright(picture: Path) -> Image.Image:
    try:
        with Image.open(picture) as opened:
            return ImageOps.exif_transpose(opened).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise PictureError(f"{picture}: cannot be decoded: {error}") from None


def _outline(pen: ImageDraw.ImageDraw, polygon: Polygon, colour: tuple[int, int, int], width: int) -> None:
    corners = [(polygon[i], polygon[i + 1]) for i in range(0, 8, 2)]
    pen.line([*corners, corners[0], corners[1]], fill=colour, width=width, joint="curve")


def _with_strip(image: Image.Image, first: str, second: str) -> Image.Image:
    pixels = max(16, min(image.size) // 22)
    strip = round(pixels * 3.4)
    whole = Image.new("RGB", (image.width, image.height + strip), CAPTION_GROUND)
    whole.paste(image, (0, 0))
    pen = ImageDraw.Draw(whole)
    room = image.width - pixels
    for row, (text, size, ink) in enumerate([(first, pixels, _CAPTION_INK), (second, pixels * 0.75, _SIDE_INK)]):
        font = ImageFont.load_default(size)
        pen.text(
            (pixels / 2, image.height + pixels * (0.5 + 1.4 * row)), _shortened(_ascii(text), font, room),
            font=font, fill=ink,
        )  # fmt: skip
    return whole


def _ascii(text: str) -> str:
    """Pillow's built-in face knows ASCII only; the rest is shown as question marks."""
    return text.encode("ascii", "replace").decode("ascii")


def _shortened(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, room: float) -> str:
    if font.getlength(text) <= room:
        return text
    while text and font.getlength(text + "...") > room:
        text = text[:-1]
    return text + "..."
