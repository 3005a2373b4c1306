"""Which character stands in which patch of a picture: what a small vision tower is told while it learns to read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

PATCH, MERGE = 14, 2
"""Pixels of a patch of the vision tower, and patches along the side of an image token."""

ALPHABET = "0123456789.,/:()\"'-%&ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""Characters that `glyph_map` tells apart; class 0 is no character and class 1 any other."""

ACROSS = 3
"""Places across a patch of which each has a character of its own."""


UNKNOWN = -1
"""Class of a place that holds print of which nobody says what it is: nothing is learnt there."""


def glyph_map(glyphs: Iterable[Any], width: int, height: int) -> Any:
    """Which character stands where in a picture.

    Args:
        glyphs: with character ("" for an unknown one), x0, y0, x1, y1.
        width, height: of the picture; multiples of 28.

    Returns:
        classes of shape (patches, ACROSS), patches in the order in which the vision tower takes them.
    """
    rows, columns = height // PATCH, width // PATCH
    found = np.zeros((rows, columns * ACROSS), dtype=np.int64)
    for glyph in glyphs:
        if glyph.character != " " and glyph.x1 > 0 and glyph.y1 > 0:
            left, right = (round(side * ACROSS / PATCH) for side in (glyph.x0, glyph.x1))
            top, bottom = round(glyph.y0 / PATCH), round(glyph.y1 / PATCH)
            place = slice(max(0, top), max(top + 1, bottom)), slice(max(0, left), max(left + 1, right))
            found[place] = ALPHABET.find(glyph.character) + 2 if glyph.character else UNKNOWN
    cut = found.reshape(rows // MERGE, MERGE, columns // MERGE, MERGE, ACROSS)
    return cut.transpose(0, 2, 1, 3, 4).reshape(-1, ACROSS)


class GlyphHead(nn.Module):  # type: ignore[misc]  # torch is untyped here
    """Reads the characters off the patches of the vision tower: only the training has it.

    From nothing, a tower learns nothing from answers alone for a long time: the loss stays where guessing takes it.
    Told what is printed where, it learns to read within minutes, and the answers follow.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.read = nn.Linear(width, ACROSS * (len(ALPHABET) + 2))

    def forward(self, patches: torch.Tensor, characters: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(loss, share of the printed places that are read rightly)."""
        logits = self.read(self.norm(patches)).float().view(-1, len(ALPHABET) + 2)
        wanted = characters.reshape(-1)
        printed = wanted > 0
        losses = functional.cross_entropy(logits, wanted, reduction="none", ignore_index=UNKNOWN)
        weights = printed + 0.2 * (wanted == 0)
        right = (logits.argmax(-1) == wanted)[printed].float().sum() / printed.sum().clamp(min=1)
        return (losses * weights).sum() / weights.sum().clamp(min=1), right
