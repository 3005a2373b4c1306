"""Wear on a sheet: what the engine misreads, loses, joins and parts."""

from __future__ import annotations

import math
import re
from itertools import pairwise

from lab.ocr_noise import confuse, slip
from lab.pages import measured
from lab.pages.measured import draw
from lab.pages.sheet import Piece, Sheet

LEVELS = ((0.0, 0.50), (0.03, 0.28), (0.10, 0.15), (0.32, 0.07))
"""Share of a page's lines with a slip, and how many pages have it."""

_NUMBER_AND_UNIT = re.compile(r"([0-9][0-9.,/ ]*) ?([A-Za-z\"].*)")


def wear(sheet: Sheet, strength: float = 1.0) -> None:
    """Misreads lines of the sheet.

    Args:
        strength: 0 leaves every line as it was printed; 1 wears like the default engine.
    """
    rng = sheet.rng
    level = measured.pick(rng, LEVELS) * strength
    if level <= 0:
        return
    kept: list[Piece] = []
    for piece in sheet.pieces:
        if rng.random() >= level:
            kept.append(piece)
            continue
        kind = rng.random()
        if kind < 0.06:
            continue  # the engine saw no text there
        if kind < 0.12 and _part(sheet, piece, kept):
            continue
        if kind < 0.18:
            kept.append(_read_twice(sheet, piece))
        elif kind < 0.26:
            piece.text = _many(sheet, piece.text)
            piece.score = draw(rng, measured.SLIP_SCORE)
        else:
            piece.text = slip(rng, piece.text)
            piece.score = max(draw(rng, measured.SLIP_SCORE), draw(rng, measured.SLIP_SCORE))
        kept.append(piece)
    sheet.pieces = _joined(sheet, kept, level)
    if not sheet.large:
        for piece in sheet.pieces:
            if rng.random() < measured.ENLARGED:
                piece.scale = 2.0


def _many(sheet: Sheet, text: str) -> str:
    """Tiny print: half of it wrong."""
    return confuse(sheet.rng, text, sheet.rng.uniform(0.15, 0.4)) or text


def _part(sheet: Sheet, piece: Piece, kept: list[Piece]) -> bool:
    """Number and unit in two boxes: the unit behind, or on the next line."""
    found = _NUMBER_AND_UNIT.fullmatch(piece.text)
    if found is None or piece.rotation != 0.0:
        return False
    number, unit = found[1].strip(), found[2].strip()
    share = len(number) / (len(number) + len(unit))
    left = piece.x - piece.wide / 2
    first = Piece(
        number,
        left + piece.wide * share / 2,
        piece.y,
        piece.wide * share,
        piece.thick,
        0.0,
        piece.strokes,
        piece.length,
    )
    wide = piece.wide * (1 - share)
    if sheet.rng.random() < 0.6:
        second = Piece(unit, left + piece.wide * share + wide / 2, piece.y, wide * 0.95, piece.thick)
    else:
        second = Piece(unit, first.x, piece.y + 1.25 * piece.thick, wide, piece.thick)
    sheet.settle(second)
    kept += [first, second]
    return True


def _read_twice(sheet: Sheet, piece: Piece) -> Piece:
    """A second reading of a line, by the enlarged pass or upside down, added to the sheet's lines by the caller."""
    rng = sheet.rng
    if rng.random() < 0.5:
        piece.text = slip(rng, piece.text)
        return piece
    half = piece.text[len(piece.text) // 2 :].strip() or piece.text
    wide = piece.wide / 2
    angle = math.radians(piece.rotation)
    second = Piece(half, piece.x + math.cos(angle) * wide / 2, piece.y - math.sin(angle) * wide / 2, wide,
        piece.thick * 0.95, piece.rotation,
                   piece.strokes, piece.length, draw(rng, measured.SLIP_SCORE), 2.0)  # fmt: skip
    sheet.settle(second)
    sheet.pieces.append(second)
    return piece


def _joined(sheet: Sheet, pieces: list[Piece], level: float) -> list[Piece]:
    """Neighbours on one row that were read as one line."""
    rng = sheet.rng
    if rng.random() > level or len(pieces) < 2:
        return pieces
    flat = sorted((piece for piece in pieces if piece.rotation == 0.0), key=lambda piece: piece.x)
    for one, other in pairwise(flat):
        gap = (other.x - other.wide / 2) - (one.x + one.wide / 2)
        if abs(one.y - other.y) < 0.4 * one.thick and -0.2 * one.thick < gap < 2.5 * one.thick:
            left, right = one.x - one.wide / 2, other.x + other.wide / 2
            whole = Piece(f"{one.text} {other.text}", (left + right) / 2, one.y, right - left, max(one.thick,
                other.thick), 0.0,
                          one.strokes or other.strokes, one.length or other.length)  # fmt: skip
            return [whole if piece is one else piece for piece in pieces if piece is not other]
    return pieces
