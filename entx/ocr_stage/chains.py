"""Whole lines from the detector's fragments: both edges of a thin line, dashes, and the halves that a text parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from entx.ocr_stage.segments import Array, Indices, Mask, lengths, ways

MAX_DASH_GAP = 9.0
"""Pixels between two fragments of one line, in an image of at most 1000 pixels."""

_ASIDE = 2.6  # pixels by which fragments of one line lie beside each other: its two edges
_TURN = np.sin(np.radians(4.0))
_SHORT, _SHORT_TURN = 16.0, np.sin(np.radians(20.0))  # the way of a fragment of a few pixels is rough
_BRIDGE = 1.2  # text heights of empty room between a text and the two halves that it parts

Bridge = tuple[float, float, tuple[int, ...]]


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
        ink: (n,), share of the length that is drawn.
        parted: for each, the texts that stand between two halves of it.
    """

    ends: Array
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
        return Chains(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), ())
    long = lengths(segments)
    for _ in range(2):  # from short fragments, whose way is not exact, to the longest that lie on one line with them
        fellows = _fellows(segments, seeds)
        longest = np.where(fellows, long[None], 0.0).argmax(axis=1)
        seeds = np.unique(np.where(long[longest] > 1.5 * long[seeds], longest, seeds))
    seeds = seeds[np.argsort(-long[seeds], kind="stable")]
    fellows = _fellows(segments, seeds)
    bridges = _bridges(boxes, segments[seeds])
    way = ways(segments)
    used = np.zeros(len(segments), bool)
    ends, ink, parted = [], [], []
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
        ends.append(np.concatenate([base + along * low, base + along * high]))
        ink.append(covered / max(high - low, 1e-6))
        parted.append(frozenset(texts))
    return Chains(np.array(ends, np.float32), np.array(ink, np.float32), tuple(parted))


def _fellows(segments: Array, seeds: Indices) -> Mask:
    """(seeds, n): whether a segment lies on the line of a seed, however far along; of two, the longer's line counts."""
    way, long = ways(segments), lengths(segments)
    x, y = way[seeds, 0][:, None], way[seeds, 1][:, None]
    start_x, start_y = segments[:, 0] - segments[seeds, 0][:, None], segments[:, 1] - segments[seeds, 1][:, None]
    stop_x, stop_y = segments[:, 2] - segments[seeds, 0][:, None], segments[:, 3] - segments[seeds, 1][:, None]
    aside = np.maximum(np.abs(start_y * x - start_x * y), np.abs(stop_y * x - stop_x * y))
    reach = _ASIDE + 0.004 * np.minimum(np.abs(start_x * x + start_y * y), 500.0)
    turn = np.abs(way[:, 1] * x - way[:, 0] * y)
    on_line: Mask = (aside <= reach) & ((turn <= _TURN) | ((long < _SHORT) & (turn < _SHORT_TURN)))
    rows, columns = np.nonzero(on_line & (long[None] > long[seeds][:, None]))
    ends = segments[seeds[rows]].reshape(-1, 2, 2) - segments[columns, None, :2]
    back = np.abs(ends[..., 1] * way[columns, 0, None] - ends[..., 0] * way[columns, 1, None]).max(axis=1)
    on_line[rows, columns] = back <= reach[rows, columns]
    on_line[np.arange(len(seeds)), seeds] = True
    return on_line


def _bridges(boxes: Boxes, seeds: Array) -> list[list[Bridge]]:
    """Where the line of each seed runs through texts: from, to (with the room that a text is given), which texts."""
    if not len(boxes):
        return [[] for _ in seeds]
    along = ways(seeds)
    moved = boxes.centre[None] - seeds[:, None, :2]
    place = moved[..., 0] * along[:, None, 0] + moved[..., 1] * along[:, None, 1]
    beside = np.abs(moved[..., 1] * along[:, None, 0] - moved[..., 0] * along[:, None, 1])
    cos = np.abs(along @ boxes.way.T)
    sin = np.abs(along[:, :1] * boxes.way[:, 1] - along[:, 1:] * boxes.way[:, 0])
    room = boxes.half[:, 0] * cos + boxes.half[:, 1] * (sin + 2 * _BRIDGE)
    hits = beside <= boxes.half[:, 0] * sin + boxes.half[:, 1] * cos
    bridges: list[list[Bridge]] = [[] for _ in seeds]
    for row, text in sorted(np.argwhere(hits).tolist(), key=lambda hit: (hit[0], (place - room)[hit[0], hit[1]])):
        low, high = float(place[row, text] - room[row, text]), float(place[row, text] + room[row, text])
        before = bridges[row]
        if before and low <= before[-1][1]:  # one text above the other, both in the gap
            before[-1] = (before[-1][0], max(high, before[-1][1]), (*before[-1][2], text))
        else:
            before.append((low, high, (text,)))
    return bridges


def _grow(
    spans: list[tuple[float, float, int]], bridges: list[Bridge], seed: int
) -> tuple[float, float, list[int], list[int]]:
    """From the seed's span outward over what touches it: (from, to, segments in it, texts between two halves)."""
    low, high = next((lo, hi) for lo, hi, i in spans if i == seed)
    members, open_spans = [seed], [span for span in spans if span[2] != seed]
    crossed: set[int] = set()
    while True:
        grown = False
        rest = []
        for lo, hi, i in open_spans:
            if lo <= high + MAX_DASH_GAP and hi >= low - MAX_DASH_GAP:
                low, high, grown = min(low, lo), max(high, hi), True
                members.append(i)
            else:
                rest.append((lo, hi, i))
        open_spans = rest
        if grown:
            continue
        for lo, hi, texts in bridges:
            if crossed.issuperset(texts) or lo > high or hi < low:
                continue
            beyond = [s for s in open_spans if (s[0] <= hi and s[1] > high) or (s[1] >= lo and s[0] < low)]
            if beyond:
                crossed.update(texts)
                for span in beyond:
                    low, high = min(low, span[0]), max(high, span[1])
                    members.append(span[2])
                open_spans = [s for s in open_spans if s not in beyond]
                grown = True
        if not grown:
            return low, high, members, sorted(crossed)


def _union_length(spans: list[tuple[float, float]]) -> float:
    total, reach = 0.0, float("-inf")
    for lo, hi in sorted(spans):
        total += max(0.0, hi - max(lo, reach))
        reach = max(reach, hi)
    return total
