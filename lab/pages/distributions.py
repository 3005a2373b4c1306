"""How real pages look, in numbers: what the generator of layouts draws its sizes, scores and shares from.

Measured on the pages of the pictures of the 868 labelled development rows (622 small pictures, 208 large ones; read by
the default engine, geometry included), by plain percentiles; lines that hold a length are told from other lines with a
digit by `core.candidates.page_quantities`, and the strokes of a height, width or depth by the row's label. Nothing of
the rows themselves is here.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from typing import TypeVar

T = TypeVar("T")

PERCENTS = (0.0, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 1.0)  # where the quantiles below stand
Quantiles = tuple[float, ...]  # a distribution by its values at PERCENTS
# longer side of the picture in pixels, with shares
SMALL_SIDES = ((500, 0.40), (1000, 0.28), (1024, 0.10), (1200, 0.08), (800, 0.06), (1500, 0.05), (1600, 0.03))
LARGE_SIDES = ((1000, 0.16), (1500, 0.28), (1600, 0.18), (2000, 0.16), (1200, 0.10), (2560, 0.08), (500, 0.04))
# height of a text over the picture's longer side
SMALL_THICK: Quantiles = (0.010, 0.017, 0.020, 0.024, 0.034, 0.043, 0.056, 0.068, 0.110)
LARGE_THICK: Quantiles = (0.008, 0.012, 0.014, 0.019, 0.026, 0.036, 0.052, 0.068, 0.110)
# width of a character over the height of its text, mean of a line
CHAR_WIDTH: Quantiles = (0.22, 0.287, 0.314, 0.360, 0.420, 0.506, 0.604, 0.669, 0.80)
# recogniser's score of a line that was read right
SCORE: Quantiles = (0.62, 0.87, 0.91, 0.965, 0.995, 1.0, 1.0, 1.0, 1.0)
# recogniser's score of a misread line, or of garbage
NOISY_SCORE: Quantiles = (0.30, 0.45, 0.52, 0.64, 0.82, 0.92, 0.97, 0.99, 1.0)
# share of nearly white pixels, with and without a plain background
WHITE_STUDIO: Quantiles = (0.20, 0.36, 0.45, 0.62, 0.76, 0.88, 0.94, 0.97, 0.99)
WHITE_ROOM: Quantiles = (0.0, 0.003, 0.01, 0.03, 0.10, 0.25, 0.42, 0.55, 0.80)
# the longer side of the product's box over the picture's side
PRODUCT_SIDE: Quantiles = (0.12, 0.22, 0.30, 0.44, 0.62, 0.78, 0.90, 0.95, 1.0)
# held-out roundness of products on a plain ground, by `lab.shape_witness`: of round ones, of others, of any
ROUND: Quantiles = (0.006, 0.11, 0.26, 0.51, 0.88, 0.97, 0.993, 0.997, 1.0)
NOT_ROUND: Quantiles = (0.0, 0.001, 0.001, 0.004, 0.018, 0.08, 0.29, 0.51, 0.98)
ANY_ROUND: Quantiles = (0.0, 0.001, 0.002, 0.008, 0.043, 0.45, 0.92, 0.98, 1.0)
# score of the drawn dimension line of a number in its own direction
OWN_STROKE: dict[str, Quantiles] = {
    "vertical": (0.03, 0.10, 0.19, 0.33, 0.465, 0.61, 0.70, 0.77, 0.90),
    "horizontal": (0.03, 0.11, 0.24, 0.375, 0.48, 0.59, 0.69, 0.76, 0.90),
    "oblique": (0.03, 0.09, 0.13, 0.24, 0.40, 0.52, 0.60, 0.66, 0.80),
}
# share of drawn dimension lines that were not found at all
OWN_MISSING = {"vertical": 0.05, "horizontal": 0.12, "oblique": 0.16}
OWN_TICKS = (0.37, 0.08, 0.55)  # of those with a tick at none, one and both of their ends
OWN_BROKEN = {"vertical": 0.16, "horizontal": 0.14, "oblique": 0.06}  # of those with the number in a gap
# pixels from the text to its own line over the height of the text
OWN_GAP: Quantiles = (0.0, 0.0, 0.0, 0.04, 0.22, 0.48, 0.95, 1.20, 2.20)
# share of lines of text with a digit that have a stray stroke (a product's edge, a frame) in a direction
STRAY_AT_LENGTH = {"vertical": 0.13, "horizontal": 0.13, "oblique": 0.27}
STRAY_AT_OTHER = {"vertical": 0.56, "horizontal": 0.72, "oblique": 0.33}
STRAY_SCORE: Quantiles = (0.02, 0.025, 0.03, 0.045, 0.085, 0.16, 0.29, 0.37, 0.60)
STRAY_LENGTH: Quantiles = (0.012, 0.024, 0.036, 0.07, 0.19, 0.45, 0.70, 0.88, 1.0)
STRAY_GAP: Quantiles = (0.0, 0.0, 0.0, 0.03, 0.30, 0.90, 1.65, 2.2, 3.4)
STRAY_TICKS = (0.47, 0.22, 0.31)
# how the text of a height stands, with shares; -1 is any slant
TURNED = ((0.0, 0.76), (90.0, 0.11), (270.0, 0.11), (-1.0, 0.02))
MARKS = 0.022  # share of pages with an arrow that was read as a letter
ENLARGED = 0.07  # share of the lines of small pictures that only the enlarged reading found


def draw(rng: random.Random, quantiles: Quantiles) -> float:
    """A value of the distribution, linear between the quantiles."""
    share = rng.random()
    right = min(bisect_right(PERCENTS, share), len(PERCENTS) - 1)
    low, high = PERCENTS[right - 1], PERCENTS[right]
    step = (share - low) / (high - low)
    return quantiles[right - 1] + step * (quantiles[right] - quantiles[right - 1])


def pick(rng: random.Random, shares: tuple[tuple[T, float], ...]) -> T:
    """One of the values, by its share; the last one takes what is left."""
    left = rng.random()
    for value, share in shares:
        left -= share
        if left < 0:
            return value
    return shares[-1][0]
