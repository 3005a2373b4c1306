"""Labelled questions with picture files as rows: what is used, what falls away and by which reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from entx.core.entities import CHALLENGE
from entx.core.types import OcrLine, OcrPage, PageKey, PageStatus, Question
from entx.storage.pages import add_pages
from entx.storage.questions import LinkedFile, add_files, add_questions
from entx.storage.store import Store
from entx.vlm_stage import rows as module
from entx.vlm_stage.dataset import Dataset
from entx.vlm_stage.recipe import DataSettings
from entx.vlm_stage.rows import RowSettings, absent_rows, read_rows, upright_size

KEY = PageKey("made", "1", "a")


def picture(folder: Path, name: str, size: tuple[int, int] = (60, 40), **options: object) -> Path:
    path = folder / name
    Image.new("RGB", size, "white").save(path, **options)
    return path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Pictures a and b with questions; c is broken, d has no file."""
    opened = Store(tmp_path / "s.duckdb", write=True)
    asked = [
        (0, "a", "item_weight", "5.0 gram"), (1, "a", "height", ""), (2, "b", "voltage", "12.0 volt"),
        (3, "b", "width", "3.0 volt"), (4, "c", "width", "3.0 inch"), (5, "d", "width", "3.0 inch"),
        (6, "a", "depth", None),
    ]  # fmt: skip
    add_questions(
        opened, [Question(index, link, "g", name, None, label) for index, link, name, label in asked], "own.csv"
    )
    broken = tmp_path / "c.png"
    broken.write_bytes(b"no picture")
    files = [("a", picture(tmp_path, "a.png")), ("b", picture(tmp_path, "b.png", (30, 90))), ("c", broken)]
    add_files(opened, [LinkedFile(name, f"sha-{name}", str(path), 1, 1) for name, path in files])
    return opened


def test_usable_labels_become_rows_with_their_picture_and_size(store: Store) -> None:
    tally: Counter[str] = Counter()
    rows = read_rows(store, CHALLENGE, RowSettings(), tally)
    assert [(row.index, row.picture, row.size) for row in rows] == [
        (0, "sha-a", (60, 40)), (1, "sha-a", (60, 40)), (2, "sha-b", (30, 90)),
    ]  # fmt: skip
    assert [row.truth.text if row.truth else None for row in rows] == ["5.0 gram", None, "12.0 volt"]
    assert not any(row.generated or row.weak for row in rows)
    assert Path(rows[0].path).name == "a.png"


def test_whatever_falls_away_is_counted_by_its_reason(store: Store) -> None:
    tally: Counter[str] = Counter()
    read_rows(store, CHALLENGE, RowSettings(), tally)
    assert tally == {
        "used: a value": 2, "used: empty": 1, "dropped: unit not allowed": 1, "dropped: picture cannot be opened": 1,
        "dropped: no picture": 1,
    }  # fmt: skip
    assert sum(tally.values()) == 6  # every labelled question


def test_weights_and_held_out_pictures(store: Store) -> None:
    tally: Counter[str] = Counter()
    settings = RowSettings({"own*/voltage": 0.25, "own*/item_weight": 0.0}, held_out=frozenset({"sha-c"}))
    rows = read_rows(store, CHALLENGE, settings, tally)
    assert [(row.index, row.weight, row.weak) for row in rows] == [(1, 1.0, False), (2, 0.25, True)]
    assert tally["dropped: picture is held out"] == 1
    assert tally["dropped: weight 0"] == 1
    assert read_rows(store, CHALLENGE, RowSettings({"own*": 0.0}), tally) == []


def test_sizes_are_of_the_upright_picture_and_need_no_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    assert upright_size(str(picture(tmp_path, "t.jpg", (60, 40), exif=turned))) == (40, 60)
    assert upright_size(str(tmp_path / "gone.png")) == "is gone"
    path = picture(tmp_path, "cut.png", (600, 400))
    path.write_bytes(path.read_bytes()[:60])  # the header alone
    assert upright_size(str(path)) == (600, 400)
    monkeypatch.setattr(module, "MAX_PIXELS", 1000)
    assert upright_size(str(path)) == "has more than 1,000 pixels"


def page(name: str, *lines: str, status: PageStatus = PageStatus.OK) -> OcrPage:
    read = tuple(
        OcrLine(text, 0.9, (5.0, 10.0 * n, 55.0, 10.0 * n, 55.0, 10.0 * n + 8, 5.0, 10.0 * n + 8))
        for n, text in enumerate(lines)
    )
    return OcrPage(name, status, "" if status is PageStatus.OK else "broken", 60, 40, read)


def test_generated_negatives_ask_what_no_line_states(store: Store) -> None:
    add_pages(store, KEY, "made", [page("sha-a", "5 g", "10 inch"), page("sha-b", status=PageStatus.FAILED)])
    rows = read_rows(store, CHALLENGE, RowSettings(), Counter())
    made = absent_rows(store, KEY, CHALLENGE, rows)
    assert all(row.generated and row.truth is None and row.picture == "sha-a" for row in made)
    # weight and inches stand there; height, depth and item_weight are asked by the table
    assert {row.entity_name for row in made} == {"voltage", "wattage", "item_volume"}
    assert {row.source for row in made} == {"negative:absent"}
    assert made[0].size == (60, 40)
    assert absent_rows(store, replace(KEY, engine="other"), CHALLENGE, rows) == []


def test_an_epoch_is_filled_up_with_them(store: Store) -> None:
    add_pages(store, KEY, "made", [page("sha-a", "5 g"), page("sha-b", "12 V")])
    plain = Dataset.load(store, CHALLENGE, DataSettings(negatives=0.5))
    assert not any(row.generated for row in plain.rows)
    filled = Dataset.load(store, CHALLENGE, DataSettings(negatives=0.5), key=KEY)
    assert sum(row.generated for row in filled.rows) > 3
    drawn = filled.epoch()
    assert {row.index for row in drawn if not row.generated} == {0, 1, 2}
    made = [row for row in drawn if row.generated]
    # one a labelled entity that has no empty row of its own, where a picture allows it
    assert Counter(row.entity_name for row in made) == {"item_weight": 1, "voltage": 1}
    assert all(row.truth is None for row in made)
