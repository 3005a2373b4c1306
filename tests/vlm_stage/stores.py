"""A store of real picture files with questions, and OCR pages of some of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from entx.core.types import OcrPage, PageKey, Question
from entx.storage.pages import add_pages
from entx.storage.questions import LinkedFile, add_files, add_questions
from entx.storage.store import Store

KEY = PageKey("rapidocr", "m", "p")


@dataclass(frozen=True)
class Pictured:
    """A file and what is asked of it."""

    name: str
    entities: Sequence[str]


def label(path: Path, text: str, size: tuple[int, int] = (120, 90), **options: object) -> Path:
    """A picture with one line of print."""
    picture = Image.new("RGB", size, "white")
    ImageDraw.Draw(picture).text((8, 30), text, font=ImageFont.load_default(size=16), fill="black")
    picture.save(path, **options)
    return path


def hash_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def fill(folder: Path, pictures: Sequence[Pictured], pages: dict[str, OcrPage] | None = None) -> Path:
    """A store of the files of a folder; questions are numbered from 0 in their order."""
    path = folder / "s.duckdb"
    with Store(path, write=True) as store:
        asked = [(one.name, entity) for one in pictures for entity in one.entities]
        add_questions(
            store, [Question(index, name, "g", entity) for index, (name, entity) in enumerate(asked)], "test.csv"
        )
        files = [folder / one.name for one in pictures]
        add_files(
            store, [LinkedFile(file.name, hash_of(file), str(file), 1, 1) for file in files if file.exists()]
        )  # fmt: skip
        if pages:
            add_pages(store, KEY, "ocr", list(pages.values()))
    return path


BAD = ("gone.jpg", "truncated.jpg", "huge.png", "line.png", "page.jpg", "empty.jpg")
ODD = ("cmyk.jpg", "moving.gif", "grey.png", "seethrough.png")


def bad_and_odd(folder: Path) -> list[Pictured]:
    """Files that show nothing (`BAD`), and files that are unusual but sound (`ODD`), two questions each."""
    label(folder / "gone.jpg", "gone")
    data = label(folder / "truncated.jpg", "5 cm", (600, 600)).read_bytes()
    (folder / "truncated.jpg").write_bytes(data[: len(data) // 2])
    Image.new("1", (9900, 7000)).save(folder / "huge.png")
    Image.new("RGB", (1, 700)).save(folder / "line.png")
    (folder / "page.jpg").write_text("<html>not here</html>")
    (folder / "empty.jpg").write_bytes(b"")
    random = np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    Image.fromarray(random).convert("CMYK").save(folder / "cmyk.jpg")
    frames = [Image.new("RGB", (60, 60), colour) for colour in ("red", "blue")]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    Image.new("I;16", (60, 60), 20_000).save(folder / "grey.png")
    Image.new("RGBA", (60, 60), (9, 9, 9, 90)).save(folder / "seethrough.png")
    return [Pictured(name, ("height", "item_weight")) for name in (*BAD, *ODD)]
