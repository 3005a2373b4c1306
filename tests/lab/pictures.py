"""Empty canvases, and where the ink of a picture is."""

import numpy as np
from PIL import Image

from lab.drawings.canvas import Canvas


def blank(width: int = 500, height: int = 500) -> Canvas:
    return Canvas(Image.new("RGB", (width, height), (255, 255, 255)))


def ink_box(image: Image.Image) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what is dark."""
    rows, columns = np.where(np.asarray(image.convert("L")) < 128)
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1
