"""Straight segments of a picture, and what the pixels across them say: a thin line, or the edge of something.

All coordinates are x and y in pixels of the grey image given; segments are arrays of shape (n, 4): x1 y1 x2 y2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

Array = np.ndarray[Any, Any]
"""Of floats."""
Indices = np.ndarray[Any, np.dtype[np.intp]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
Grey = np.ndarray[Any, np.dtype[np.uint8]]

MIN_LENGTH = 7.0
"""Pixels; shorter segments are noise and letters."""

REACH = 8
"""Pixels to either side of a segment that its profile covers: wider than a dimension line with its soft edges."""

_MAX_WIDTH = 12.0  # an edge is 3 to 6 pixels wide for the detector; soft shading makes "segments" of 40
_POINTS = 24
_RIDGE = 4  # the ink lies within this many pixels of the segment: the detector finds a line's edges, not its middle
_VISIBLE = 10.0  # grey levels by which a line must stand out from both its sides


@dataclass(frozen=True, slots=True)
class Profiles:
    """The mean grey levels across each of n lines.

    Args:
        thinness: (n,), 0 to 1: 1 where both sides of a line are equal and its middle differs, 0 at the edge of an area.
        contrast: (n,), grey levels from its sides to its ink; negative for ink darker than both sides.
        middle: (n,), pixels from the line as given to the middle of its ink, along (-dy, dx).
        sides: (n, 2), grey levels beside it.
    """

    thinness: Array
    contrast: Array
    middle: Array
    sides: Array


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


def sample(grey: Grey, points: Array) -> Array:
    """Grey levels at points of any shape (..., 2), the nearest pixel's; beyond the image those of its border."""
    x = np.clip(np.rint(points[..., 0]).astype(np.intp), 0, grey.shape[1] - 1)
    y = np.clip(np.rint(points[..., 1]).astype(np.intp), 0, grey.shape[0] - 1)
    levels: Array = grey[y, x].astype(np.float32)
    return levels


def profiles(grey: Grey, segments: Array, hidden: Grey) -> Profiles:
    """What the pixels across each segment say.

    Args:
        grey: the image.
        segments: (n, 4).
        hidden: nonzero where text stands, which says nothing about a line.
    """
    along = np.linspace(0.06, 0.94, _POINTS, dtype=np.float32)
    offsets = np.arange(-REACH, REACH + 1, dtype=np.float32)
    way = ways(segments)
    across = np.stack([-way[:, 1], way[:, 0]], axis=1)
    centres = segments[:, None, :2] + along[None, :, None] * (segments[:, None, 2:] - segments[:, None, :2])
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
    across = np.stack([-way[:, 1], way[:, 0]], axis=1)
    shift = across * across_lines.middle[:, None]
    back = np.arange(-5.0, 13.0, 1.0, dtype=np.float32)
    asides = np.array([3.0, 4.0, 5.5, 7.0], np.float32)
    found = np.zeros((len(lines), 2), np.float32)
    needed = np.maximum(np.abs(across_lines.contrast) * 0.45, _VISIBLE)
    for end, sign in ((0, 1.0), (1, -1.0)):
        tips = lines[:, 2 * end : 2 * end + 2] + shift
        inward = tips[:, None, :] + sign * back[None, :, None] * way[:, None, :]
        ink = np.ones((len(lines), len(back), len(asides)), bool)
        for side, aside in ((0, -asides), (1, asides)):
            points = inward[:, :, None, :] + aside[None, None, :, None] * across[:, None, None, :]
            differs = (sample(grey, points) - across_lines.sides[:, side, None, None]) * np.sign(across_lines.contrast)[
                :, None, None
            ]
            ink &= differs >= needed[:, None, None]
        found[:, end] = ink.any(axis=(1, 2))
    return found * (across_lines.thinness >= 0.3)[:, None]
