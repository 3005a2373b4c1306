"""Dimension lines: which drawn line of a picture belongs to which of its numbers.

Three steps: straight segments, with what the pixels across them say (a thin line, or the edge of something); whole
lines from these fragments (both edges of a thin line, dashes, the halves that a text parts); and a score for each
number and line. Where the product stands, and what becomes of a page's geometry, is `geometry`'s work.

All coordinates are x and y in pixels of the grey image given; segments are arrays of shape (n, 4): x1 y1 x2 y2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

import cv2
import numpy as np

from entx.core.types import Direction

Array = np.ndarray[Any, Any]
"""Of floats."""
Indices = np.ndarray[Any, np.dtype[np.intp]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
Grey = np.ndarray[Any, np.dtype[np.uint8]]

MIN_LENGTH = 7.0  # pixels; shorter segments are noise and letters
REACH = 8  # pixels to either side of a segment that its profile covers: wider than a dimension line with its soft edges
_MAX_WIDTH = 12.0  # an edge is 3 to 6 pixels wide for the detector; soft shading makes "segments" of 40
_POINTS = 24
_RIDGE = 4  # the ink lies within this many pixels of the segment: the detector finds a line's edges, not its middle
_VISIBLE = 10.0  # grey levels by which a line must stand out from both its sides

MAX_DASH_GAP = 9.0  # pixels between two fragments of one line, in an image of at most 1000 pixels
_ASIDE = 3.2  # pixels by which fragments of one line lie beside each other: its two edges
_TURN = np.sin(np.radians(4.0))
_SHORT, _SHORT_TURN = 16.0, np.sin(np.radians(20.0))  # the way of a fragment of a few pixels is rough
_BRIDGE = 1.2  # text heights of empty room between a text and the two halves that it parts
_WIDE_BRIDGE = 8.0  # the same where both halves are alike and equally far from the text

STEEP, FLAT = 78.0, 12.0  # degrees to the horizontal from which a line is vertical, and below which horizontal
NEAR = 1.2  # text heights of distance at which a line's score has fallen to 1/e
FAR = 3.5  # text heights beyond which a line is not looked at
IN_LINE = 8.0  # the same for a line that points at the middle of the text
_SHARED = 3  # numbers that one line may have: a size in two units, on two or three lines of text
_TOGETHER = 1.2  # text heights between two numbers that may share a line: a size in two units

DIRECTIONS = (Direction.VERTICAL, Direction.HORIZONTAL, Direction.OBLIQUE)

Span = tuple[float, float, int]  # from, to in pixels along a line, and which segment it is


@dataclass(frozen=True, slots=True)
class Profiles:
    """The mean grey levels across each of n lines."""

    # (n,), 0 to 1: 1 where both sides of a line are equal and its middle differs, 0 at the edge of an area
    thinness: Array
    contrast: Array  # (n,), grey levels from its sides to its ink; negative for ink darker than both sides
    middle: Array  # (n,), pixels from the line as given to the middle of its ink, along (-dy, dx)
    sides: Array  # (n, 2), grey levels beside it


def find_segments(grey: Grey) -> Array:
    """The straight segments of at least MIN_LENGTH, by the line segment detector of von Gioi et al. (2010)."""
    found, widths = cv2.createLineSegmentDetector(cv2.LSD_REFINE_NONE).detect(grey)[:2]
    if found is None:
        return np.zeros((0, 4), np.float32)
    segments: Array = found.reshape(-1, 4).astype(np.float32)
    kept: Array = segments[(lengths(segments) >= MIN_LENGTH) & (widths.reshape(-1) <= _MAX_WIDTH)]
    return kept


def lengths(segments: Array) -> Array:
    """(n,): in pixels."""
    long: Array = np.hypot(segments[:, 2] - segments[:, 0], segments[:, 3] - segments[:, 1])
    return long


def ways(segments: Array) -> Array:
    """(n, 2): unit vectors from start to end."""
    way: Array = segments[:, 2:] - segments[:, :2]
    way /= np.maximum(np.hypot(way[:, 0], way[:, 1]), 1e-6)[:, None]
    return way


def points_along(segments: Array, shares: Array) -> Array:
    """(n, k, 2): the points of each segment at these shares of its length."""
    points: Array = segments[:, None, :2] + shares[None, :, None] * (segments[:, None, 2:] - segments[:, None, :2])
    return points


def normals(way: Array) -> Array:
    """(n, 2): unit vectors across, turned by 90 degrees."""
    return np.stack([-way[:, 1], way[:, 0]], axis=1)


def cross(one: Array, other: Array) -> Array:
    """Magnitude of the cross product of vectors (..., 2); of a vector and a unit vector the distance from its line."""
    size: Array = np.abs(one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0])
    return size


def sample(grey: Grey, points: Array) -> Array:
    """Grey levels at points of any shape (..., 2), the nearest pixel's; beyond the image those of its border."""
    x = np.clip(np.rint(points[..., 0]).astype(np.intp), 0, grey.shape[1] - 1)
    y = np.clip(np.rint(points[..., 1]).astype(np.intp), 0, grey.shape[0] - 1)
    levels: Array = grey[y, x].astype(np.float32)
    return levels


def profiles(grey: Grey, segments: Array, hidden: Grey) -> Profiles:
    """What the pixels across each segment say; `hidden` is nonzero where text stands, which says nothing of a line."""
    along = np.linspace(0.06, 0.94, _POINTS, dtype=np.float32)
    offsets = np.arange(-REACH, REACH + 1, dtype=np.float32)
    way = ways(segments)
    across = normals(way)
    centres = points_along(segments, along)
    points = centres[:, :, None, :] + offsets[None, None, :, None] * across[:, None, None, :]
    values = sample(grey, points)
    seen = sample(hidden, centres) == 0
    seen |= ~seen.any(axis=1, keepdims=True)
    # the median along the line passes over what crosses it
    levels = np.nanmedian(np.where(seen[:, :, None], values, np.nan), axis=1).astype(np.float32)
    left, right = np.median(levels[:, :3], axis=1), np.median(levels[:, -3:], axis=1)
    core = levels[:, REACH - _RIDGE : REACH + _RIDGE + 1]
    dark = np.minimum(left[:, None] - core, right[:, None] - core)
    light = np.minimum(core - left[:, None], core - right[:, None])
    is_dark = dark.max(axis=1) >= light.max(axis=1)
    ridge = np.where(is_dark[:, None], dark, light)
    strength = np.maximum(ridge.max(axis=1), 0.0)
    thinness = strength / np.maximum(strength + np.abs(left - right), 1.0)
    thinness *= np.clip((strength - _VISIBLE / 2) / _VISIBLE, 0.0, 1.0)
    ink = ridge >= 0.6 * strength[:, None]
    middle = (ink * offsets[REACH - _RIDGE : REACH + _RIDGE + 1]).sum(axis=1) / np.maximum(ink.sum(axis=1), 1)
    contrast = np.where(is_dark, -strength, strength)
    return Profiles(
        thinness.astype(np.float32), contrast.astype(np.float32), middle.astype(np.float32), np.stack([left, right], 1)
    )


def end_ticks(grey: Grey, lines: Array, across_lines: Profiles) -> Array:
    """(n, 2): whether each end carries an arrow head, tick, bar or dot: ink on both sides of the line near its end.

    The corner where two edges of a box meet has ink on one side only.
    """
    way = ways(lines)
    across = normals(way)
    shift = across * across_lines.middle[:, None]
    back = np.arange(-5.0, 13.0, 1.0, dtype=np.float32)
    asides = np.array([3.0, 4.0, 5.5, 7.0], np.float32)
    found = np.zeros((len(lines), 2), np.float32)
    needed, sign_of_ink = np.maximum(np.abs(across_lines.contrast) * 0.45, _VISIBLE), np.sign(across_lines.contrast)
    for end, sign in ((0, 1.0), (1, -1.0)):
        tips = lines[:, 2 * end : 2 * end + 2] + shift
        inward = tips[:, None, :] + sign * back[None, :, None] * way[:, None, :]
        ink = np.ones((len(lines), len(back), len(asides)), bool)
        for side, aside in ((0, -asides), (1, asides)):
            points = inward[:, :, None, :] + aside[None, None, :, None] * across[:, None, None, :]
            differs = (sample(grey, points) - across_lines.sides[:, side, None, None]) * sign_of_ink[:, None, None]
            ink &= differs >= needed[:, None, None]
        found[:, end] = ink.any(axis=(1, 2))
    return found * (across_lines.thinness >= 0.3)[:, None]


@dataclass(slots=True)
class Bridge:
    """Where a line runs through texts, in pixels along it."""

    low: float  # of the texts themselves
    high: float
    height: float  # of the text, the unit of the room around it
    texts: tuple[int, ...]  # which; several where one stands above the other
    central: bool  # whether the line runs through their middle


@dataclass(frozen=True, slots=True)
class Boxes:
    """n texts as rectangles that stand turned."""

    centre: Array  # (n, 2)
    way: Array  # (n, 2), unit vectors along the text
    half: Array  # (n, 2), half its length along `way` and half its height across

    @classmethod
    def of(cls, polygons: Array) -> Boxes:
        """From polygons (n, 8) that start at the text's own top left and go clockwise."""
        corners = polygons.reshape(-1, 4, 2)
        along = (corners[:, 1] - corners[:, 0] + corners[:, 2] - corners[:, 3]) / 2
        down = (corners[:, 3] - corners[:, 0] + corners[:, 2] - corners[:, 1]) / 2
        half = np.stack([np.hypot(*along.T), np.hypot(*down.T)], axis=1) / 2
        way = along / np.maximum(np.hypot(*along.T), 1e-6)[:, None]
        return cls(corners.mean(axis=1), way, np.maximum(half, 1.0))

    def local(self, text: int, points: Array) -> Array:
        """Points (..., 2) in the frame of one text: its centre the origin, x along it, y across."""
        moved = points - self.centre[text]
        x, y = self.way[text]
        return np.stack([moved[..., 0] * x + moved[..., 1] * y, moved[..., 1] * x - moved[..., 0] * y], axis=-1)

    def __len__(self) -> int:
        return len(self.centre)


@dataclass(frozen=True, slots=True)
class Chains:
    """n whole lines."""

    ends: Array  # (n, 4), x1 y1 x2 y2
    drawn: Array  # (n, 4), the longest piece of each that is surely drawn
    ink: Array  # (n,), share of the length that is drawn
    parted: Sequence[frozenset[int]]  # for each, the texts that stand between two halves of it


def join(segments: Array, seeds: Indices, boxes: Boxes) -> Chains:
    """The whole lines that the seeds (some of the segments) are part of, each once."""
    if not len(seeds):
        return Chains(np.zeros((0, 4), np.float32), np.zeros((0, 4), np.float32), np.zeros(0, np.float32), ())
    long = lengths(segments)
    longest = np.where(_collinear(segments, seeds), long[None], 0.0).argmax(axis=1)
    seeds = np.union1d(seeds, longest)  # the way of a short fragment is not exact: longer ones come first
    seeds = seeds[np.argsort(-long[seeds], kind="stable")]
    collinear = _collinear(segments, seeds)
    bridges = _bridges(boxes, segments[seeds])
    way = ways(segments)
    used = np.zeros(len(segments), bool)
    ends, drawn, ink, parted = [], [], [], []
    for row, seed in enumerate(seeds.tolist()):
        if used[seed]:
            continue
        origin, along = segments[seed, :2], way[seed]
        others = np.flatnonzero(collinear[row])
        reach = (segments[others].reshape(-1, 2, 2) - origin) @ along
        spans = list(zip(reach.min(axis=1).tolist(), reach.max(axis=1).tolist(), others.tolist(), strict=True))
        low, high, members, texts = _grow(spans, bridges[row], seed)
        used[members] = True
        kept = set(members)
        covered = _union_length([(lo, hi) for lo, hi, i in spans if i in kept])
        across = np.array([-along[1], along[0]], np.float32)
        asides = (segments[members].reshape(-1, 2, 2).mean(axis=1) - origin) @ across
        base = origin + across * ((asides * long[members]).sum() / long[members].sum())
        start, stop, _ = max((span for span in spans if span[2] in kept), key=lambda span: span[1] - span[0])
        ends.append(np.concatenate([base + along * low, base + along * high]))
        drawn.append(np.concatenate([base + along * start, base + along * stop]))
        ink.append(covered / max(high - low, 1e-6))
        parted.append(frozenset(texts))
    return Chains(np.array(ends, np.float32), np.array(drawn, np.float32), np.array(ink, np.float32), tuple(parted))


def _collinear(segments: Array, seeds: Indices) -> Mask:
    """(seeds, n): whether a segment lies on the line of a seed, however far along; of two, the longer's line counts."""
    way, long = ways(segments), lengths(segments)
    turn = cross(way[None], way[seeds][:, None])
    of_seed = _beside(segments[seeds][:, None], way[seeds][:, None], segments[None])
    of_other = _beside(segments[None], way[None], segments[seeds][:, None])
    longer = long[None] > long[seeds][:, None]
    shortest = np.minimum(long[None], long[seeds][:, None])
    parallel = (turn <= _TURN) | ((shortest < _SHORT) & (turn < _SHORT_TURN))
    on_line: Mask = np.where(longer, of_other, of_seed) & parallel
    on_line[np.arange(len(seeds)), seeds] = True
    return on_line


def _beside(lines: Array, way: Array, segments: Array) -> Mask:
    """Whether both ends of segments (..., 4) lie within reach of lines (..., 4), which widens with the distance."""
    x, y = way[..., 0], way[..., 1]  # by coordinate, not by `cross`: this is where the time goes
    start_x, start_y = segments[..., 0] - lines[..., 0], segments[..., 1] - lines[..., 1]
    stop_x, stop_y = segments[..., 2] - lines[..., 0], segments[..., 3] - lines[..., 1]
    aside = np.maximum(np.abs(start_y * x - start_x * y), np.abs(stop_y * x - stop_x * y))
    within: Mask = aside <= _ASIDE + 0.004 * np.minimum(np.abs(start_x * x + start_y * y), 500.0)
    return within


def _bridges(boxes: Boxes, seeds: Array) -> list[list[Bridge]]:
    """Where the line of each seed runs through texts: in order along it."""
    if not len(boxes):
        return [[] for _ in seeds]
    along = ways(seeds)
    moved = boxes.centre[None] - seeds[:, None, :2]
    place = moved[..., 0] * along[:, None, 0] + moved[..., 1] * along[:, None, 1]
    beside = cross(moved, along[:, None])
    cos = np.abs(along @ boxes.way.T)
    sin = cross(along[:, None], boxes.way[None])
    reach = boxes.half[:, 0] * cos + boxes.half[:, 1] * sin
    hits = beside <= boxes.half[:, 0] * sin + boxes.half[:, 1] * cos
    heights = 2 * boxes.half[:, 1]
    bridges: list[list[Bridge]] = [[] for _ in seeds]
    for row, text in sorted(np.argwhere(hits).tolist(), key=lambda hit: (hit[0], (place - reach)[hit[0], hit[1]])):
        low, high = float(place[row, text] - reach[row, text]), float(place[row, text] + reach[row, text])
        height = float(heights[text])
        central = bool(beside[row, text] <= 0.35 * height)
        before = bridges[row]
        if before and low - before[-1].high <= height:  # one text above the other, both in the gap
            last = before[-1]
            last.high, last.texts, last.central = max(high, last.high), (*last.texts, text), last.central and central
        else:
            before.append(Bridge(low, high, height, (text,), central))
    return bridges


def _grow(spans: list[Span], bridges: list[Bridge], seed: int) -> tuple[float, float, list[int], list[int]]:
    """From the seed's span outward over what touches it: (from, to, segments in it, texts between two halves)."""
    low, high, members, left = _touching(*next(span for span in spans if span[2] == seed), spans)
    crossed: set[int] = set()
    grown = True
    while grown and left:
        grown = False
        for bridge in bridges:
            if crossed.issuperset(bridge.texts) or (low < bridge.low and high > bridge.high):
                continue
            other = _other_half(low, high, left, bridge)
            if other is None:
                continue
            crossed.update(bridge.texts)
            start, stop, more, left = _touching(*other, left)
            low, high, grown = min(low, start), max(high, stop), True
            members += more
    return low, high, members, sorted(crossed)


def _touching(low: float, high: float, first: int, spans: list[Span]) -> tuple[float, float, list[int], list[Span]]:
    """The first span with all that continue it: (from, to, segments, the other spans)."""
    members, left = [first], [span for span in spans if span[2] != first]
    while True:
        near = [lo <= high + MAX_DASH_GAP and hi >= low - MAX_DASH_GAP for lo, hi, _ in left]
        if not any(near):
            return low, high, members, left
        for (lo, hi, i), touches in zip(left, near, strict=True):
            if touches:
                low, high = min(low, lo), max(high, hi)
                members.append(i)
        left = [span for span, touches in zip(left, near, strict=True) if not touches]


def _other_half(low: float, high: float, spans: list[Span], bridge: Bridge) -> Span | None:
    """The span that begins beyond a text before which [low, high] ends: near the text, or its mirror."""
    ahead = (low + high) / 2 < (bridge.low + bridge.high) / 2
    room = bridge.low - high if ahead else low - bridge.high
    beyond = [(lo - bridge.high, span) if ahead else (bridge.low - hi, span) for span in spans for lo, hi, _ in [span]]
    near = [(gap, span) for gap, span in beyond if -bridge.height <= gap <= _WIDE_BRIDGE * bridge.height]
    if not near or room < -bridge.height:
        return None
    gap, span = min(near)
    if max(gap, room) <= _BRIDGE * bridge.height:
        return span
    if not bridge.central or max(gap, room) > _WIDE_BRIDGE * bridge.height:
        return None
    start, stop, _, _ = _touching(*span, spans)
    alike = min(stop - start, high - low) >= 0.6 * max(stop - start, high - low)
    return span if alike and abs(gap - room) <= max(bridge.height, 0.3 * max(gap, room)) else None


def _union_length(spans: list[tuple[float, float]]) -> float:
    total, reach = 0.0, float("-inf")
    for lo, hi in sorted(spans):
        total += max(0.0, hi - max(lo, reach))
        reach = max(reach, hi)
    return total


@dataclass(frozen=True, slots=True)
class Strokes:
    """The m lines near n numbers, with their scores."""

    ends: Array  # (m, 4)
    direction: Indices  # (m,), position in DIRECTIONS
    ticks: Indices  # (m,), 0 to 2
    gap: Array  # (n, m), pixels from text to line
    score: Array  # (n, m), 0 to 1
    broken: Mask  # (n, m), whether the text stands between two halves of the line


def find_strokes(grey: Grey, boxes: Boxes, numbers: Indices, hidden: Grey) -> Strokes:
    """The lines near the numbers: those texts that hold a digit, or may be an arrow read as a letter.

    `boxes` are of all texts, and `hidden` is nonzero where one stands.
    """
    segments = np.zeros((0, 4), np.float32) if not len(numbers) else _outside(find_segments(grey), boxes, hidden)
    seeds = np.zeros(len(segments), bool)
    middles, way = (segments[:, :2] + segments[:, 2:]) / 2, ways(segments)
    for text in numbers.tolist():
        gap, height = distances(boxes, text, segments), 2 * boxes.half[text, 1]
        aside = cross(boxes.centre[text] - middles, way)
        seeds |= (gap <= FAR * height) | ((gap <= IN_LINE * height) & (aside <= 0.35 * height))
    chains = join(segments, np.flatnonzero(seeds), boxes)
    kept = (lengths(chains.ends) >= 12.0) & ~_is_frame(chains.ends, grey.shape)
    parted = tuple(compress(chains.parted, kept))
    chains = Chains(chains.ends[kept], chains.drawn[kept], chains.ink[kept], parted)
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
    inside = (sample(hidden, points_along(segments, shares)) > 0).mean(axis=1) > 0.5
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
    across = profiles(grey, chains.drawn, hidden)
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
    if score.size:
        # a line that suits many numbers belongs to none of them: a column of a table, a ruler
        rivals = (score >= 0.5 * score.max(axis=0)).sum(axis=0)
        score *= np.minimum(1.0, _SHARED / np.maximum(rivals, 1))
        score *= np.where(_belongs_to_another(boxes, numbers, score), 0.6, 1.0)
    return Strokes(ends, direction, ticks.astype(np.intp), gap, score, broken)


def _belonging(
    boxes: Boxes, text: int, ends: Array, way: Array, long: Array, gap: Array, broken: Array, ticks: Array
) -> Array:
    """(m,), 0 to 1: how well the text's place and turn suit each line."""
    height = 2 * boxes.half[text, 1]
    to_centre = boxes.centre[text] - ends[:, :2]
    along, across = np.abs(way @ boxes.way[text]), cross(way, boxes.way[text])
    reach = boxes.half[text, 0] * along + boxes.half[text, 1] * across
    place = (to_centre * way).sum(axis=1)
    aside = cross(to_centre, way)
    over = np.maximum(np.maximum(-place, place - long), 0.0)
    half = (aside < 0.4 * height) & (over > 0) & (over < reach + height)  # the other half is not to be seen
    over = np.where(half, np.maximum(over - reach, 0.0), over)
    share = np.clip(2 * place / np.maximum(long, 1e-6) - 1, -1.0, 1.0)
    beside = np.exp(-over / (0.8 * height)) * np.where(half, 0.5, 1.0 - 0.3 * share**2)
    near = np.exp(-gap / (NEAR * height))
    size = long / (long + 2.5 * height)
    turned = abs(boxes.way[text, 1]) > 0.2  # text that is set along something is set along its line
    apart = np.degrees(np.arccos(np.minimum(along, 1.0)))
    fits = np.where(turned, np.clip(1.0 - (apart - 10.0) / 20.0, 0.3, 1.0), 1.0)
    underline = (along > 0.98) & (long < 2.3 * boxes.half[text, 0]) & (ticks == 0) & ~broken
    local = boxes.local(text, ends.reshape(-1, 2, 2))
    framed = _framing(local, boxes.half[text], gap) & ~broken
    letters = (np.abs(local) <= 1.1 * boxes.half[text]).all(axis=(1, 2)) & (ticks == 0)  # their feet in a row
    unlikely = np.where(underline | letters | framed, 0.5, 1.0)
    belonging: Array = beside * near * size * fits * unlikely * np.where(broken & ~letters, 1.0, 0.85)
    return belonging


def _belongs_to_another(boxes: Boxes, numbers: Indices, score: Array) -> Mask:
    """(n, m): whether a line suits another number better that does not stand together with this one."""
    axes = boxes.way[numbers] * boxes.half[numbers, :1]
    middles = np.concatenate([boxes.centre[numbers] - axes, boxes.centre[numbers] + axes], axis=1)
    room = _TOGETHER * 2 * boxes.half[:, 1]
    apart = np.stack([distances(boxes, text, middles) > room[text] for text in numbers.tolist()])
    best = score.argmax(axis=0)
    other: Mask = apart[best].T & (score < score.max(axis=0))
    return other


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
