"""How probable it is that the product is round as it stands: its left-right extent is then its front-back extent.

A number drawn across a body of revolution that stands on its axis is a diameter and answers depth, one drawn across a
box or a flat thing does not. A small network (entx/models/shape-witness; its README tells how it was made) looks at the
whole picture, shrunk, and weighs what it sees with the silhouette's arcs: each is surer with the other. Cutting the
product out, or painting its texts and lines over, made it no surer. It is asked only where a product stands on a plain
ground: in a photograph of a room it cannot know which thing the numbers are about.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from entx.core.images import Image
from entx.ocr_stage.dimension_lines import Array, Grey
from entx.ocr_stage.engines.base import onnx_session

FOLDER = Path(__file__).parent.parent / "models" / "shape-witness"
MODEL = "model.onnx"
SIDE = 192  # pixels; at 160 it is a little less sure, at 224 no surer

_MIN_BODY = 16  # pixels; smaller things have no shape
_FULL_BULGE = 0.12  # of its width: a round body seen from some 14 degrees above


def roundness(image: Image, silhouette: float) -> float:
    """The probability, 0 to 1, that the product of a picture (BGR) is round as it stands.

    Calibrated where a quarter of the products are round.

    Args:
        silhouette: how much its rim and foot are the arcs of a round body, 0 to 1 (`Product.silhouette`).
    """
    seen = {"picture": squared(image)[None], "silhouette": np.array([[silhouette]], np.float32)}
    return float(_network().run(None, seen)[0][0, 0])


def squared(image: Image) -> Image:
    """A picture shrunk or enlarged to SIDE x SIDE pixels on white, its proportions kept."""
    height, width = image.shape[:2]
    scale = SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    left, top = (SIDE - size[0]) // 2, (SIDE - size[1]) // 2
    square = np.full((SIDE, SIDE, 3), 255, np.uint8)
    square[top : top + size[1], left : left + size[0]] = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return square


def silhouette(solid: Grey, contour: np.ndarray[Any, np.dtype[np.int32]]) -> float | None:
    """How much the rim and the foot of an outline are the elliptic arcs of a body of revolution seen from above.

    The mean of both: each is how far the profile's middle bulges, against its width, times how well half an ellipse
    fits it. (Mirrored sides tell nothing more: cupboards have them as well.)
    """
    x, y, w, h = cv2.boundingRect(contour)
    if min(w, h) < _MIN_BODY:
        return None
    part = solid[y : y + h, x : x + w] > 0
    columns = np.flatnonzero(part.any(axis=0))
    place = 2.0 * columns / (w - 1) - 1.0
    inner = np.abs(place) <= 0.9
    if inner.sum() < _MIN_BODY / 2:
        return None
    arc = np.sqrt(1.0 - place[inner] ** 2)
    rim = -part[:, columns].argmax(axis=0)[inner].astype(float)
    foot = -part[::-1, columns].argmax(axis=0)[inner].astype(float)
    return (_bulge(arc, rim, w) + _bulge(arc, foot, w)) / 2


def _bulge(arc: Array, profile: Array, width: int) -> float:
    """0 to 1: how much a profile of heights is that arc, stretched outward by up to _FULL_BULGE of the width."""
    centred = arc - arc.mean()
    stretch = float((centred * profile).sum() / (centred**2).sum())
    rest = profile - profile.mean() - stretch * centred
    fit = 1.0 - min(1.0, float(rest.std()) / max(float(profile.std()), 1.0))
    return float(np.clip(stretch / width / _FULL_BULGE, 0.0, 1.0)) * fit


@cache
def _network() -> Any:
    """The network, loaded once in a process; it stays on one thread (the pool gives each core its own process)."""
    return onnx_session(FOLDER / MODEL, 1)
