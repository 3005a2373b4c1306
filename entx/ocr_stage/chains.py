"""Whole lines from the detector's fragments: both edges of a thin line, dashes, and the halves that a text parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from entx.ocr_stage.segments import Array, Indices, Mask, lengths, ways

MAX_DASH_GAP = 9.0
"""Pixels between two fragments of one line, in an image of at most 1000 pixels."""

_ASIDE = 3.2  # pixels by which fragments of one line lie beside each other: its two edges
_TURN = np.sin(np.radians(4.0))
_SHORT, _SHORT_TURN = 16.0, np.sin(np.radians(20.0))  # the way of a fragment of a few pixels is rough
_BRIDGE = 1.2  # text heights of empty room between a text and the two halves that it parts

_WIDE_BRIDGE = 8.0  # the same where both halves are alike and equally far from the text

Span = tuple[float, float, int]
"""From, to in pixels along a line, and which segment it is."""


@dataclass(slots=True)
class Bridge:
    """Where a line runs through texts, in pixels along it.

    Args:
        low, high: of the texts themselves.
        height: of the text, the unit of the room around it.
        texts: which; several where one stands above the other.
        central: whether the line runs through their middle.
    """

    low: float
    high: float
    height: float
    texts: tuple[int, ...]
    central: bool


@dataclass(frozen=True, slots=True)
class Boxes:
    """n texts as rectangles that stand turned.

    Args:
        centre: (n, 2).
        way: (n, 2), unit vectors along the text.
        half: (n, 2), half its length along `way` and half its height across.
    """

    centre: Array
    way: Array
    half: Array

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
    """n whole lines.

    Args:
        ends: (n, 4), x1 y1 x2 y2.
        drawn: (n, 4), the longest piece of each that is surely drawn.
        ink: (n,), share of the length that is drawn.
        parted: for each, the texts that stand between two halves of it.
    """

    ends: Array
    drawn: Array
    ink: Array
    parted: Sequence[frozenset[int]]


def join(segments: Array, seeds: Indices, boxes: Boxes) -> Chains:
    """The whole lines that the seeds are part of, each once.

    Args:
        segments: (n, 4), all there are.
        seeds: which of them to start from.
        boxes: of the texts.
    """
    if not len(seeds):
        return Chains(np.zeros((0, 4), np.float32), np.zeros((0, 4), np.float32), np.zeros(0, np.float32), ())
    long = lengths(segments)
    longest = np.where(_fellows(segments, seeds), long[None], 0.0).argmax(axis=1)
    seeds = np.union1d(seeds, longest)  # the way of a short fragment is not exact: longer ones come first
    seeds = seeds[np.argsort(-long[seeds], kind="stable")]
    fellows = _fellows(segments, seeds)
    bridges = _bridges(boxes, segments[seeds])
    way = ways(segments)
    used = np.zeros(len(segments), bool)
    ends, drawn, ink, parted = [], [], [], []
    for row, seed in enumerate(seeds.tolist()):
        if used[seed]:
            continue
        origin, along = segments[seed, :2], way[seed]
        others = np.flatnonzero(fellows[row])
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


def _fellows(segments: Array, seeds: Indices) -> Mask:
    """(seeds, n): whether a segment lies on the line of a seed, however far along; of two, the longer's line counts."""
    way, long = ways(segments), lengths(segments)
    turn = np.abs(way[:, 1] * way[seeds, 0][:, None] - way[:, 0] * way[seeds, 1][:, None])
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
    x, y = way[..., 0], way[..., 1]
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
    beside = np.abs(moved[..., 1] * along[:, None, 0] - moved[..., 0] * along[:, None, 1])
    cos = np.abs(along @ boxes.way.T)
    sin = np.abs(along[:, :1] * boxes.way[:, 1] - along[:, 1:] * boxes.way[:, 0])
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
