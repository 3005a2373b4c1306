"""Whole lines from the detector's fragments: both edges of a thin line, dashes, and the halves that a text parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from entx.ocr_stage.segments import Array, Indices, lengths, ways

MAX_DASH_GAP = 9.0
"""Pixels between two fragments of one line, in an image of at most 1000 pixels."""

_ASIDE = 2.6  # pixels by which fragments of one line lie beside each other: its two edges
_TURN = np.sin(np.radians(4.0))
_BRIDGE = 0.9  # text heights of empty room between a text and the two halves that it parts


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
    order: list[int] = seeds[np.argsort(-lengths(segments[seeds]), kind="stable")].tolist()
    way, long = ways(segments), lengths(segments)
    starts, stops = segments[:, :2], segments[:, 2:]
    used = np.zeros(len(segments), bool)
    ends, ink, parted = [], [], []
    for seed in order:
        if used[seed]:
            continue
        fellows = _fellows(starts, stops, way, long, seed)
        longest = int(fellows[np.argmax(long[fellows])])
        if long[longest] > 1.5 * long[seed] and not used[longest]:  # the way of a short fragment is not exact
            around = _fellows(starts, stops, way, long, longest)
            if seed in around:
                seed, fellows = longest, around
        origin, along = starts[seed], way[seed]
        across = np.array([-along[1], along[0]], np.float32)
        a, b = (starts[fellows] - origin) @ along, (stops[fellows] - origin) @ along
        spans = [
            (float(lo), float(hi), int(i))
            for lo, hi, i in zip(np.minimum(a, b), np.maximum(a, b), fellows, strict=True)
        ]
        low, high, members, texts = _grow(spans, _bridges(boxes, origin, along, across), seed)
        used[members] = True
        covered = _union_length([(lo, hi) for lo, hi, i in spans if i in set(members)])
        middle = float(np.average(((starts[members] + stops[members]) / 2 - origin) @ across, weights=long[members]))
        base = origin + across * np.float32(middle)
        ends.append(np.concatenate([base + along * np.float32(low), base + along * np.float32(high)]))
        ink.append(covered / max(high - low, 1e-6))
        parted.append(frozenset(texts))
    if not ends:
        return Chains(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), ())
    return Chains(np.array(ends, np.float32), np.array(ink, np.float32), tuple(parted))


def _fellows(starts: Array, stops: Array, way: Array, long: Array, seed: int) -> Indices:
    """The segments that lie on the line of one of them, however far along it."""
    origin, along = starts[seed], way[seed]
    across = np.array([-along[1], along[0]], np.float32)
    aside = np.maximum(np.abs((starts - origin) @ across), np.abs((stops - origin) @ across))
    turn = np.abs(way @ across)
    reach = _ASIDE + 0.004 * np.minimum(np.abs((starts - origin) @ along), 500.0)
    found: Indices = np.flatnonzero((aside <= reach) & ((turn <= _TURN) | (long < 16)) & (turn < 0.35))
    return found


def _bridges(boxes: Boxes, origin: Array, along: Array, across: Array) -> list[tuple[float, float, tuple[int, ...]]]:
    """Where the line runs through texts: from, to (with the room that a text is given) and which texts."""
    if not len(boxes):
        return []
    moved = boxes.centre - origin
    to_text, beside = moved @ along, moved @ across
    cos = np.abs(boxes.way @ along)
    sin = np.abs(boxes.way @ across)
    reach = boxes.half[:, 0] * cos + boxes.half[:, 1] * sin
    width = boxes.half[:, 0] * sin + boxes.half[:, 1] * cos
    room = reach + _BRIDGE * 2 * boxes.half[:, 1]
    merged: list[tuple[float, float, tuple[int, ...]]] = []
    for i in sorted(np.flatnonzero(np.abs(beside) <= width), key=lambda i: to_text[i] - room[i]):
        low, high = float(to_text[i] - room[i]), float(to_text[i] + room[i])
        if merged and low <= merged[-1][1]:  # one text above the other, both in the gap
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]), (*merged[-1][2], int(i)))
        else:
            merged.append((low, high, (int(i),)))
    return merged


def _grow(
    spans: list[tuple[float, float, int]], bridges: list[tuple[float, float, tuple[int, ...]]], seed: int
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
