"""Features of a depth that no other axis has: the third size of a drawing, and the diameter of a round thing.

Across an evidently round product a plain horizontal arrow is its diameter, so the width's number answers depth too.
How round the product is, is told by what the picture shows (`PageGeometry.roundness`), by words, and by the habit of
the product group in a labelled table.
"""

from __future__ import annotations

from collections.abc import Sequence

from entx.ocr_stage.axis_features import round_words
from entx.ocr_stage.extents import Extent
from entx.ocr_stage.layout import Layout
from entx.storage.habits import Habit

_UNKNOWN_ROUNDNESS = 0.4
"""What a product whose shape cannot be told counts as: the share of round ones among drawings with one width."""
_USUAL_DEPTH_SHARE = 0.4
"""Up to this share of depths among a group's sizes nothing follows; above it depth is a size of its own there."""


def depth_features(
    extents: Sequence[Extent],
    layout: Layout,
    as_height: Sequence[float],
    as_width: Sequence[float],
    habit: Habit | None,
) -> list[dict[str, float]]:
    """For each length what it adds to its axis features when depth is asked; zeros are left out.

    Args:
        as_height, as_width: the score of each length as an answer to height and width.
        habit: of the question's product group, None where nothing is known.
    """
    if not extents:
        return []
    height, width = _best(as_height), _best(as_width)
    upright = {extents[height].candidate.quantity, extents[width].candidate.quantity}
    both = as_height[height] >= 0.5 and as_width[width] >= 0.5 and height != width
    found: list[dict[str, float]] = [
        {"third": 1.0} if both and one.candidate.quantity not in upright and not one.second else {} for one in extents
    ]
    score = as_width[width]
    roundness = layout.page.geometry.roundness if layout.page.geometry is not None else None
    features = {
        "as_width": score,
        "as_width_round": score * ((_UNKNOWN_ROUNDNESS if roundness is None else roundness) - _UNKNOWN_ROUNDNESS),
        "as_width_habit": score * (habit.depth_is_width if habit is not None else 0.0),
        "as_width_alone": score * max(habit.depth_share - _USUAL_DEPTH_SHARE, 0.0) if habit is not None else 0.0,
        "as_width_round_word": score * round_words(layout),
        "as_height_too": float(height == width),
    }
    found[width] |= {name: value for name, value in features.items() if value}
    return found


def _best(scores: Sequence[float]) -> int:
    """Position of the highest score, the first of equals."""
    return max(range(len(scores)), key=lambda position: (scores[position], -position))
