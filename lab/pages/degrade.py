"""What an OCR engine makes of a sheet: lines misread, lost, joined and parted."""

from __future__ import annotations

import math
import re
from itertools import pairwise

from lab.ocr_noise import confuse, misread
from lab.pages import distributions
from lab.pages.distributions import draw
from lab.pages.sheet import Piece, Sheet

# share of a page's lines that are misread, and how many pages have it
LEVELS = ((0.0, 0.50), (0.03, 0.28), (0.10, 0.15), (0.32, 0.07))
_NUMBER_AND_UNIT = re.compile(r"([0-9][0-9.,/ ]*) ?([A-Za-z\"].*)")


def degrade(sheet: Sheet, strength: float = 1.0) -> None:
    """Misreads lines of the sheet; strength 0 leaves every line as it was printed, 1 is that of the default engine."""
    rng = sheet.rng
    level = distributions.pick(rng, LEVELS) * strength
    if level <= 0:
        return
    kept: list[Piece] = []
    for piece in sheet.pieces:
        kind = rng.random() if rng.random() < level else 1.0
        if kind < 0.06:
            continue  # the engine saw no text there
        if kind < 0.12 and _split(sheet, piece, kept):
            continue
        if kind < 0.18:  # read twice, upside down or by the enlarged pass
            if rng.random() < 0.5:
                piece.text = misread(rng, piece.text)
            else:
                sheet.pieces.append(_second_reading(sheet, piece))  # degraded in its turn, as any line
            kept.append(piece)
        elif kind < 0.26:  # tiny print: half of it wrong
            piece.text = confuse(rng, piece.text, rng.uniform(0.15, 0.4)) or piece.text
            piece.score = draw(rng, distributions.NOISY_SCORE)
        elif kind < 1.0:
            piece.text = misread(rng, piece.text)
            piece.score = max(draw(rng, distributions.NOISY_SCORE), draw(rng, distributions.NOISY_SCORE))
        kept.append(piece)
    sheet.pieces = _joined(sheet, kept, level)
    if not sheet.large:
        for piece in sheet.pieces:
            if rng.random() < distributions.ENLARGED:
                piece.scale = 2.0


def _split(sheet: Sheet, piece: Piece, kept: list[Piece]) -> bool:
    """Number and unit in two boxes: the unit behind, or on the next line."""
    found = _NUMBER_AND_UNIT.fullmatch(piece.text)
    if found is None or piece.rotation != 0.0:
        return False
    number, unit = found[1].strip(), found[2].strip()
    share = len(number) / (len(number) + len(unit))
    left = piece.x - piece.wide / 2
    first = Piece(
        number, left + piece.wide * share / 2, piece.y, piece.wide * share, piece.thick, strokes=piece.strokes
    )
    wide = piece.wide * (1 - share)
    if sheet.rng.random() < 0.6:
        second = Piece(unit, left + first.wide + wide / 2, piece.y, wide * 0.95, piece.thick)
    else:
        second = Piece(unit, first.x, piece.y + 1.25 * piece.thick, wide, piece.thick)
    sheet.settle(second)
    kept += [first, second]
    return True


def _second_reading(sheet: Sheet, piece: Piece) -> Piece:
    """The second half of a line, read once more in the enlarged picture."""
    half = piece.text[len(piece.text) // 2 :].strip() or piece.text
    angle, quarter = math.radians(piece.rotation), piece.wide / 4
    x, y = piece.x + math.cos(angle) * quarter, piece.y - math.sin(angle) * quarter
    score = draw(sheet.rng, distributions.NOISY_SCORE)
    second = Piece(half, x, y, 2 * quarter, piece.thick * 0.95, piece.rotation, piece.strokes, score, 2.0)
    sheet.settle(second)
    return second


def _joined(sheet: Sheet, pieces: list[Piece], level: float) -> list[Piece]:
    """Neighbours on one row that were read as one line."""
    if sheet.rng.random() > level or len(pieces) < 2:
        return pieces
    flat = sorted((piece for piece in pieces if piece.rotation == 0.0), key=lambda piece: piece.x)
    for one, other in pairwise(flat):
        left, right = one.x - one.wide / 2, other.x + other.wide / 2
        gap = (other.x - other.wide / 2) - (one.x + one.wide / 2)
        if abs(one.y - other.y) < 0.4 * one.thick and -0.2 * one.thick < gap < 2.5 * one.thick:
            thick = max(one.thick, other.thick)
            text, strokes = f"{one.text} {other.text}", one.strokes or other.strokes
            whole = Piece(text, (left + right) / 2, one.y, right - left, thick, 0.0, strokes)
            return [whole if piece is one else piece for piece in pieces if piece is not other]
    return pieces
