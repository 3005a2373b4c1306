"""How probable it is that the product is round as it stands: its left-right extent is then its front-back extent.

A number drawn across a body of revolution that stands on its axis is a diameter and answers depth, one drawn across a
box or a flat thing does not. A small network (entx/models/shape-witness; its README tells how it was made) looks at the
whole picture, shrunk, and weighs what it sees with the silhouette's arcs: each is surer with the other. Cutting the
product out, or painting its texts and lines over, made it no surer. It is asked only where a product stands on a plain
ground: in a photograph of a room it cannot know which thing the numbers are about.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from entx.core.images import Image

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # ONNX Runtime reports to Microsoft from native code, and keeps a device id

FOLDER = Path(__file__).parent.parent / "models" / "shape-witness"
MODEL = "model.onnx"
SIDE = 192  # pixels; at 160 it is a little less sure, at 224 no surer


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


@cache
def _network() -> Any:
    """The network, loaded once in a process; it stays on one thread (the pool gives each core its own process)."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(str(FOLDER / MODEL), options, providers=["CPUExecutionProvider"])
