"""Visits of a batch into a model's inputs: each picture is read, decoded and cut to size here, once a visit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entx.core.errors import InputError, PictureError
from entx.vlm_stage.encode import IGNORED, PictureRow
from entx.vlm_stage.families.base import Codec
from entx.vlm_stage.views import Look, see_file

if TYPE_CHECKING:
    import torch

_MOST_BROKEN = 20  # neighbours that are tried before the folder itself must be at fault


class Collator:
    """Rows by their number into inputs and labels; the loss is on the answer and its end.

    A picture whose header was sound may still be damaged. Its visit goes to the next row whose picture is sound, and
    its name into a file, so that a training of days does not end by it.

    Args:
        rows: of all visits.
        pixels: budget of a picture.
        broken: file that tells of damaged pictures, one a line.
    """

    def __init__(self, codec: Codec, rows: Sequence[PictureRow], pixels: int, broken: Path):
        self.codec = codec
        self.rows = rows
        self.look = Look(pixels)
        self.broken = broken

    def __call__(self, batch: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """Inputs of a forward pass with `labels`, of {"visit": number} each."""
        import torch

        pixels, rows, prompts = [], [], []
        for one in batch:
            row, views = self._sound(int(one["visit"]))
            seen = self.codec.pixels(views)
            prompt = self.codec.prompt(seen, row.question)
            pixels.append(seen)
            rows.append((*prompt, *self.codec.completion(row.answer), self.codec.ends[0]))
            prompts.append(len(prompt))
        made = self.codec.batch(pixels, rows, prompts=prompts, left=False)
        labels = torch.full_like(made["input_ids"], IGNORED)
        for number, (tokens, learnt_from) in enumerate(zip(rows, prompts, strict=True)):
            labels[number, learnt_from : len(tokens)] = torch.tensor(tokens[learnt_from:])
        made["labels"] = labels
        return made

    def _sound(self, visit: int) -> tuple[PictureRow, tuple[Any, ...]]:
        """The row of the visit, or of the next one with a sound picture, and the picture's views."""
        for step in range(_MOST_BROKEN):
            row = self.rows[(visit + step) % len(self.rows)]
            try:
                return row, see_file(Path(row.path), self.codec.view_size, self.look).images
            except PictureError as error:
                with self.broken.open("a", encoding="utf-8") as stream:
                    stream.write(f"{row.picture} {error}\n")
        raise InputError(
            f"{row.path} and {_MOST_BROKEN - 1} pictures before it cannot be read; are their files still there?"
        )


def broken_pictures(path: Path) -> int:
    """How many distinct pictures a training's file of damaged ones names."""
    if not path.exists():
        return 0
    return len({line.split(" ", 1)[0] for line in path.read_text(encoding="utf-8").splitlines()})
