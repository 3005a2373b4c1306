"""What the tests of training on pictures share: drawn pictures with one large value, a store of them, a recipe."""

from __future__ import annotations

import csv
import io
import random
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from entx.cli.main import main
from entx.core.entities import CHALLENGE
from entx.storage.store import Store
from entx.storage.transfer import ingest

RECIPE = """
stage = "vlm"
title = "A tiny vision-language model for tests"

[model]
pixels = 12544
max_length = 200
load = "fp32"

[prompt]
question = "{entity_name}?"
empty = ""

[train]
method = "full"
lr = 2e-3
epochs = 2
batch = 8
evaluate_every = 4
dev_rows = 8
warmup = 0.1

[data]
dev_share = 0.2
"""
SIZE = (112, 56)
PRINTED = {"gram": "g", "watt": "W", "volt": "V"}


@dataclass(frozen=True)
class Drawn:
    """A picture with one number in large print, and what is asked of it.

    Args:
        printed: "" for an empty picture.
        label: of the table.
    """

    name: str
    printed: str
    entity_name: str
    label: str
    group_id: str = ""
    size: tuple[int, int] = SIZE


def valued(count: int, unit: str = "gram", entity_name: str = "item_weight", *, seed: int = 0) -> list[Drawn]:
    """Pictures of distinct values of one unit."""
    values = random.Random(seed).sample(range(10, 1000), count)
    return [
        Drawn(f"{entity_name}{value}.png", f"{value}{PRINTED[unit]}", entity_name, f"{value}.0 {unit}")
        for value in values
    ]


def draw(folder: Path, pictures: Sequence[Drawn]) -> Path:
    """Writes the pictures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    font = ImageFont.load_default(size=48)
    for one in pictures:
        picture = Image.new("RGB", one.size, "white")
        place = (one.size[0] // 2, one.size[1] // 2)
        ImageDraw.Draw(picture).text(place, one.printed, font=font, fill="black", anchor="mm")
        picture.save(folder / one.name)
    return folder


def make_store(path: Path, pictures: Sequence[Drawn], folder: Path | None = None) -> Path:
    """A store of labelled questions about drawn pictures.

    Args:
        folder: of the pictures; by default they are drawn beside the store.
    """
    folder = folder or draw(path.with_suffix(""), pictures)
    table = path.with_suffix(".csv")
    with table.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("index", "image_link", "group_id", "entity_name", "entity_value"))
        writer.writerows(
            (number, one.name, one.group_id, one.entity_name, one.label) for number, one in enumerate(pictures)
        )
    with Store(path, write=True) as store:
        ingest(store, table, [folder], CHALLENGE)
    return path


def make_recipe(path: Path, text: str = RECIPE) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def entx(*arguments: object) -> str:
    """Runs a command that must end well, outside of a test's capture; what it said on stderr."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stderr(said):
        patch.setattr(sys, "argv", ["entx", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code == 0, said.getvalue()
    return said.getvalue()
