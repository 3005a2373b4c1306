"""Which drawn line belongs to which number: the best of each direction, with a score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from entx.core.types import Direction
from entx.ocr_stage.chains import Boxes, Chains, join
from entx.ocr_stage.segments import Array, Grey, Indices, Mask, end_ticks, find_segments, lengths, profiles, ways

STEEP, FLAT = 78.0, 12.0
"""Degrees to the horizontal: above the first a line is vertical, below the second horizontal, between them oblique."""

NEAR = 1.2
"""Text heights of distance at which a line's score has fallen to 1/e."""

FAR = 3.5
"""Text heights beyond which a line is not looked at."""

_SHARED = 3  # numbers that one line may have: a size in two units, on two or three lines of text

DIRECTIONS = (Direction.VERTICAL, Direction.HORIZONTAL, Direction.OBLIQUE)


@dataclass(frozen=True, slots=True)
class Strokes:
    """The m lines near n numbers, with their scores.

    Args:
        ends: (m, 4).
        direction: (m,), position in DIRECTIONS.
        ticks: (m,), 0 to 2.
        gap: (n, m), pixels from text to line.
        score: (n, m), 0 to 1.
        broken: (n, m), whether the text stands between two halves of the line.
    """

    ends: Array
    direction: Indices
    ticks: Indices
    gap: Array
    score: Array
    broken: Mask


def find_strokes(grey: Grey, boxes: Boxes, numbers: Indices, hidden: Grey) -> Strokes:
    """The lines near the numbers.

    Args:
        grey: the image.
        boxes: of all texts.
        numbers: which of them hold a digit (or may be an arrow read as a letter).
        hidden: nonzero where text stands.
    """
    segments = np.zeros((0, 4), np.float32) if not len(numbers) else _outside(find_segments(grey), boxes, hidden)
    gaps = (
        np.stack([distances(boxes, text, segments) for text in numbers])
        if len(numbers)
        else np.zeros((0, len(segments)), np.float32)
    )
    heights = 2 * boxes.half[numbers, 1]
    seeds = np.flatnonzero((gaps <= FAR * heights[:, None]).any(axis=0))
    chains = join(segments, seeds, boxes)
    kept = (lengths(chains.ends) >= 12.0) & ~_is_frame(chains.ends, grey.shape)
    chains = Chains(chains.ends[kept], chains.ink[kept], [t for t, k in zip(chains.parted, kept, strict=True) if k])
    return _scored(grey, boxes, numbers, chains, hidden)


def distances(boxes: Boxes, text: int, segments: Array) -> Array:
    """(m,): pixels from one text's rectangle to each segment, 0 where they meet."""
    ends = boxes.local(text, segments.reshape(-1, 2, 2))
    half = boxes.half[text]
    start, step = ends[:, 0], ends[:, 1] - ends[:, 0]
    # the part of the segment inside the rectangle (Liang and Barsky, 1984)
    with np.errstate(divide="ignore", invalid="ignore"):
        enter, leave = (-half - start) / step, (half - start) / step
    flat = np.abs(step) < 1e-6
    outside = flat & (np.abs(start) > half)
    first = np.where(flat, 0.0, np.minimum(enter, leave)).max(axis=1)
    last = np.where(flat, 1.0, np.maximum(enter, leave)).min(axis=1)
    meets = (np.maximum(first, 0.0) <= np.minimum(last, 1.0)) & ~outside.any(axis=1)
    to_box = np.hypot(*np.moveaxis(np.maximum(np.abs(ends) - half, 0.0), -1, 0)).min(axis=1)
    corners = half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float32)
    moved = corners[None] - start[:, None]
    share = np.clip((moved * step[:, None]).sum(-1) / np.maximum((step**2).sum(-1), 1e-6)[:, None], 0.0, 1.0)
    to_corner = np.hypot(*np.moveaxis(moved - share[..., None] * step[:, None], -1, 0)).min(axis=1)
    gap: Array = np.where(meets, 0.0, np.minimum(to_box, to_corner))
    return gap


def _outside(segments: Array, boxes: Boxes, hidden: Grey) -> Array:
    """Without the strokes of letters: what lies in a text and is no longer than its height."""
    if not len(segments) or not len(boxes):
        return segments
    shares = np.linspace(0.1, 0.9, 5, dtype=np.float32)
    points = segments[:, None, :2] + shares[None, :, None] * (segments[:, None, 2:] - segments[:, None, :2])
    x = np.clip(np.rint(points[..., 0]).astype(np.intp), 0, hidden.shape[1] - 1)
    y = np.clip(np.rint(points[..., 1]).astype(np.intp), 0, hidden.shape[0] - 1)
    inside = (hidden[y, x] > 0).mean(axis=1) > 0.5
    if not inside.any():
        return segments
    middles = (segments[:, :2] + segments[:, 2:]) / 2
    nearest = np.argmin(((middles[:, None] - boxes.centre[None]) ** 2).sum(-1), axis=1)
    kept: Array = segments[~inside | (lengths(segments) > 2.6 * boxes.half[nearest, 1])]
    return kept


def _is_frame(ends: Array, shape: tuple[int, ...]) -> Mask:
    """Lines that are the picture's own border."""
    height, width = shape[:2]
    margin = 0.012 * max(height, width)
    left, right = np.maximum(ends[:, 0], ends[:, 2]) < margin, np.minimum(ends[:, 0], ends[:, 2]) > width - margin
    top, bottom = np.maximum(ends[:, 1], ends[:, 3]) < margin, np.minimum(ends[:, 1], ends[:, 3]) > height - margin
    return left | right | top | bottom


def _scored(grey: Grey, boxes: Boxes, numbers: Indices, chains: Chains, hidden: Grey) -> Strokes:
    ends = chains.ends
    across = profiles(grey, ends, hidden)
    ticks = end_ticks(grey, ends, across).sum(axis=1)
    way, long = ways(ends), lengths(ends)
    degrees = np.degrees(np.arctan2(np.abs(way[:, 1]), np.abs(way[:, 0])))
    direction = np.where(degrees > STEEP, 0, np.where(degrees < FLAT, 1, 2))
    gap = np.zeros((len(numbers), len(ends)), np.float32)
    score = np.zeros_like(gap)
    broken = np.zeros(gap.shape, bool)
    itself = (0.3 + 0.7 * across.thinness) * (0.7 + 0.15 * ticks) * np.minimum(1.0, 0.3 + chains.ink)
    itself *= np.where(_rules(ends, long), 0.5, 1.0)
    for row, text in enumerate(numbers):
        gap[row] = distances(boxes, int(text), ends)
        broken[row] = [int(text) in texts for texts in chains.parted]
        score[row] = itself * _belonging(boxes, int(text), ends, way, long, gap[row], broken[row], ticks)
    if score.size:  # a line that suits many numbers belongs to none of them: a column of a table, a ruler
        rivals = (score >= 0.5 * score.max(axis=0)).sum(axis=0)
        score *= np.minimum(1.0, _SHARED / np.maximum(rivals, 1))
    return Strokes(ends, direction, ticks.astype(np.intp), gap, score, broken)


def _belonging(
    boxes: Boxes, text: int, ends: Array, way: Array, long: Array, gap: Array, broken: Array, ticks: Array
) -> Array:
    """(m,), 0 to 1: how well the text's place and turn suit each line."""
    height = 2 * boxes.half[text, 1]
    to_centre = boxes.centre[text] - ends[:, :2]
    along, across = (
        np.abs(way @ boxes.way[text]),
        np.abs(way[:, 0] * boxes.way[text, 1] - way[:, 1] * boxes.way[text, 0]),
    )
    reach = boxes.half[text, 0] * along + boxes.half[text, 1] * across
    place = (to_centre * way).sum(axis=1)
    aside = np.abs(to_centre[:, 0] * way[:, 1] - to_centre[:, 1] * way[:, 0])
    over = np.maximum(np.maximum(-place, place - long), 0.0)
    half = (aside < 0.4 * height) & (over > 0) & (over < reach + height)  # the other half is not to be seen
    over = np.where(half, np.maximum(over - reach, 0.0), over)
    share = np.clip(2 * place / np.maximum(long, 1e-6) - 1, -1.0, 1.0)
    beside = np.exp(-over / (0.8 * height)) * np.where(half, 0.5, 1.0 - 0.3 * share**2)
    near = np.exp(-gap / (NEAR * height))
    size = long / (long + 2.5 * height)
    turned = abs(boxes.way[text, 1]) > 0.2  # text that is set along something is set along its line
    fits = np.where(turned, np.clip((along - 0.5) * 2.5, 0.35, 1.0), 1.0)
    underline = (along > 0.98) & (long < 2.3 * boxes.half[text, 0]) & (ticks == 0) & ~broken
    framed = _framing(boxes.local(text, ends.reshape(-1, 2, 2)), boxes.half[text], gap) & ~broken
    belonging: Array = (
        beside * near * size * fits * np.where(underline | framed, 0.5, 1.0) * np.where(broken, 1.0, 0.85)
    )
    return belonging


def _framing(local: Array, half: Array, gap: Array) -> Array:
    """Which lines are one of two equal ones above and below a text: a badge, a cell of a table, a label."""
    low, high = local[..., 0].min(axis=1), local[..., 0].max(axis=1)
    y = local[..., 1].mean(axis=1)
    level = np.abs(local[:, 1, 1] - local[:, 0, 1]) < 0.1 * np.maximum(high - low, 1e-6)
    near = np.flatnonzero(level & (low < 0) & (high > 0) & (gap < 3 * half[1]) & (np.abs(y) > 0.6 * half[1]))
    framing = np.zeros(len(local), bool)
    if len(near):
        opposite = y[near][:, None] * y[near][None] < 0
        slack = 0.15 * (high - low)[near][:, None]
        same = (np.abs(low[near][:, None] - low[near]) < slack) & (np.abs(high[near][:, None] - high[near]) < slack)
        framing[near] = (opposite & same).any(axis=1)
    return framing


def _rules(ends: Array, long: Array) -> Array:
    """Which lines are rules of a table: at least three more like them run beside them from end to end."""
    lower = np.minimum(ends[:, :2], ends[:, 2:])
    upper = np.maximum(ends[:, :2], ends[:, 2:])
    slack = np.maximum(0.02 * long, 3.0)[:, None]
    rules = np.zeros(len(ends), bool)
    for axis in (0, 1):
        flat = (upper - lower)[:, 1 - axis] < 0.05 * long
        alike = (np.abs(lower[:, None, axis] - lower[None, :, axis]) < slack) & (
            np.abs(upper[:, None, axis] - upper[None, :, axis]) < slack
        )
        apart = np.abs(lower[:, None, 1 - axis] - lower[None, :, 1 - axis]) > 6.0
        rules |= flat & ((alike & apart & flat[None]).sum(axis=1) >= 3)
    return rules
