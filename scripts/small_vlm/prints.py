"""Small pictures with large print, made by the thousand: single lines of text, and sheets with several.

They teach a model that was trained on nothing to read, before it sees whole scenes (`entx.demo.draw`).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from entx.core.entities import CHALLENGE
from entx.core.quantity import Quantity
from entx.demo.backdrop import DARK, PALE, VIVID, gradient, paper
from entx.demo.canvas import Colour
from entx.demo.fonts import BOLD, PLAIN, load_face
from scripts.small_vlm.values import line, plain_line
from scripts.small_vlm.wear import worn

FACES = tuple(dict.fromkeys((*PLAIN, *BOLD)))
NAMES = tuple(CHALLENGE.entities)
SHARES = (20, 20, 22, 18, 6, 5, 5, 4)
"""How often a line is of each entity, in the order of the schema: near to the challenge's test table."""

_OVERSIZE = 2


@dataclass(frozen=True, slots=True)
class Glyph:
    """One printed character and the box around it, in pixels; the line's height, not the character's own.

    Args:
        character: "" where it is not known which one stands there.
    """

    character: str
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture with questions.

    Args:
        views: RGB; the whole picture, or it and then parts of it.
        asks: entity names with the value that the picture states, or None.
        every: all stated values in reading order.
        print_height: pixels of a capital letter in the smallest print that answers.
        glyphs: of each view, where its characters stand (before any slant of the picture); () where that is not known.
    """

    views: tuple[Image.Image, ...]
    asks: tuple[tuple[str, Quantity | None], ...]
    every: tuple[Quantity, ...]
    print_height: float
    glyphs: tuple[tuple[Glyph, ...], ...] = ()


@lru_cache(maxsize=4096)
def face_at(face: str, pixels: int) -> ImageFont.FreeTypeFont:
    """A face of the demo's packages, or a font file, at a size in pixels."""
    if "/" in face:
        return ImageFont.truetype(face, pixels, layout_engine=ImageFont.Layout.BASIC)
    return load_face(face, pixels)


def crop(
    rng: random.Random, size: tuple[int, int], *, plain: bool = False, faces: Sequence[str] = FACES, asks: int = 1
) -> Sample:
    """One line of text that fills its picture.

    Args:
        rng: decides everything else.
        size: (width, height) of the picture in pixels.
        plain: a bare quantity in a clean picture.
        faces: of the demo's packages, or font files.
        asks: questions; about one in six is of an entity that the line does not answer.
    """
    width, height = size
    while True:
        entity = CHALLENGE[rng.choices(NAMES, SHARES)[0]]
        said = plain_line(rng, entity) if plain else line(rng, entity, cued=rng.random() < 0.35)
        face = rng.choice(faces)
        reference = face_at(face, 40)
        wide = reference.getlength(said.text) / 40
        largest = min((width - 4) / wide, height * (0.95 if height < 40 else 0.7))
        if largest >= 13:
            break
    pixels = largest * rng.uniform(max(0.6, 12 / largest), 1.0)
    ground, ink = colours(rng)
    image = backdrop(rng, width * _OVERSIZE, height * _OVERSIZE, ground, plain=plain)
    pen = ImageDraw.Draw(image)
    spare = width - wide * pixels
    x = rng.uniform(1, max(1.5, spare - 1))
    slack = max(0.0, height - pixels * 0.95)
    y = height / 2 + rng.uniform(-0.5, 0.5) * slack
    if not plain:
        _clutter(rng, pen, (width, height), (x, y, pixels), ink, face)
    font = face_at(face, max(8, round(pixels * _OVERSIZE)))
    pen.text((x * _OVERSIZE, y * _OVERSIZE), said.text, ink, font, anchor="lm")
    edges = [x + font.getlength(said.text[:end]) / _OVERSIZE for end in range(len(said.text) + 1)]
    glyphs = tuple(
        Glyph(character, edges[place], y - pixels * 0.45, edges[place + 1], y + pixels * 0.45)
        for place, character in enumerate(said.text)
    )
    image = image.resize(size, rng.choice((Image.Resampling.BOX, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)))
    if not plain:
        image = worn(image, rng)
    questions = []
    for _ in range(asks):
        right = sorted(said.answers)
        wrong = [name for name in NAMES if name not in said.answers]
        name = rng.choice(wrong) if rng.random() < 1 / 6 else (entity.name if rng.random() < 0.7 else rng.choice(right))
        questions.append((name, said.value if name in said.answers else None))
    return Sample((image,), tuple(questions), (said.value,), pixels * 0.7, (glyphs,))


def colours(rng: random.Random) -> tuple[Colour, Colour]:
    """Ground and ink that can be told apart; dark on white in half of the cases."""
    if rng.random() < 0.5:
        grey = rng.randint(0, 110)
        return (255, 255, 255), (grey, grey, grey)
    while True:
        ground = rng.choice((*PALE, *DARK, *VIVID)) if rng.random() < 0.7 else any_colour(rng)
        ink = rng.choice(((255, 255, 255), (20, 20, 22), any_colour(rng), rng.choice(VIVID)))
        if abs(_light(ground) - _light(ink)) > 75:
            return ground, ink


def backdrop(rng: random.Random, width: int, height: int, ground: Colour, *, plain: bool = False) -> Image.Image:
    """One colour, a gradient, paper or a soft picture of blots."""
    choice = rng.random()
    if plain or choice < 0.6:
        return Image.new("RGB", (width, height), ground)
    if choice < 0.75:
        shift = rng.randint(-40, 40)
        other = tuple(min(255, max(0, part + shift)) for part in ground)
        return gradient(width, height, ground, (other[0], other[1], other[2]))
    if choice < 0.88:
        return paper(rng, width, height, ground)
    seed = np.random.default_rng(rng.getrandbits(32))
    blots = seed.normal(0, 22, (max(2, height // 24), max(2, width // 24), 3)) + np.array(ground)
    return Image.fromarray(blots.clip(0, 255).astype(np.uint8)).resize((width, height), Image.Resampling.BICUBIC)


def any_colour(rng: random.Random) -> Colour:
    """Any colour."""
    return rng.randint(0, 255), rng.randint(0, 255), rng.randint(0, 255)


def _light(colour: Colour) -> float:
    return 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]


def _clutter(
    rng: random.Random,
    pen: ImageDraw.ImageDraw,
    size: tuple[int, int],
    text: tuple[float, float, float],
    ink: Colour,
    face: str,
) -> None:
    """What stands beside a line when it is cut from a picture: strokes, arrows, parts of other lines."""
    width, height = (side * _OVERSIZE for side in size)
    _, y, pixels = (part * _OVERSIZE for part in text)
    choice = rng.random()
    if choice < 0.15:  # a stroke above or below
        place = y + rng.choice((-1, 1)) * pixels * rng.uniform(0.6, 0.8)
        pen.line((rng.uniform(0, width / 3), place, width - rng.uniform(0, width / 3), place), ink, rng.randint(1, 4))
    elif choice < 0.25:  # the edge of a thing
        place = rng.uniform(0, width)
        pen.rectangle((place, 0, place + rng.uniform(2, 12), height), any_colour(rng))
    elif choice < 0.45 and height > 80:  # words above and below
        font = face_at(face, max(8, round(pixels * rng.uniform(0.5, 0.8))))
        words = "".join(rng.choices("abcdefghijklmnoprstuvwy ", k=rng.randint(4, 16)))
        place = y + rng.choice((-1, 1)) * pixels * rng.uniform(0.95, 1.1)
        pen.text((rng.uniform(-20, width / 3), place), words.title(), ink, font, anchor="lm")
