"""The script, and the set that ships with the package."""

import csv
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import entx
from entx.core.entities import CHALLENGE
from entx.core.types import parse_written
from lab.drawings.canvas import LayoutError
from lab.drawings.draw import KINDS, SHIPPED_COUNT, SHIPPED_SEED, draw_scene, main, scenes, write_set

SHIPPED = Path(entx.__file__).parent / "demo"


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


QUESTIONS, TRUTH = table(SHIPPED / "questions.csv"), table(SHIPPED / "truth.csv")


def test_the_seed_redraws_the_shipped_set(tmp_path: Path) -> None:
    write_set(tmp_path, seed=SHIPPED_SEED, count=SHIPPED_COUNT)
    for name in ("questions.csv", "truth.csv"):
        assert (tmp_path / name).read_bytes() == (SHIPPED / name).read_bytes()
    shipped = sorted(path.name for path in (SHIPPED / "pictures").iterdir())
    assert shipped == sorted(path.name for path in (tmp_path / "pictures").iterdir())
    for name in shipped:
        with Image.open(SHIPPED / "pictures" / name) as ours, Image.open(tmp_path / "pictures" / name) as theirs:
            assert ours.size == theirs.size
            difference = np.asarray(ours, dtype=np.int16) - np.asarray(theirs, dtype=np.int16)
        assert np.abs(difference).mean() < 1.5, name  # another FreeType or JPEG library may differ in a few pixels


def test_the_shipped_pictures_are_small_open_and_have_questions_of_their_slice() -> None:
    slices = {row["image_link"]: row["slice"] for row in TRUTH}
    names = {path.name for path in (SHIPPED / "pictures").iterdir()}
    assert {row["image"] for row in QUESTIONS} == names == set(slices)
    assert len(names) == SHIPPED_COUNT
    assert sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file()) < 2_000_000
    for name in names:
        with Image.open(SHIPPED / "pictures" / name) as image:
            image.load()
            assert (image.format, image.mode) == ("JPEG", "RGB")
            assert min(image.size) >= 480
            assert (slices[name] == "large") == (min(image.size) >= 1000)


def test_every_question_has_its_truth_and_truths_are_legal() -> None:
    assert list(QUESTIONS[0]) == ["index", "image_link", "group_id", "entity_name", "image"]
    assert list(TRUTH[0]) == ["index", "image_link", "entity_name", "value", "also", "slice"]
    questions, truths = ([[row[key] for key in list(TRUTH[0])[:3]] for row in rows] for rows in (QUESTIONS, TRUTH))
    assert questions == truths
    assert [row["index"] for row in QUESTIONS] == [str(i) for i in range(len(QUESTIONS))]
    assert all(row["image_link"] == row["image"] for row in QUESTIONS)
    for row in TRUTH:
        also = row["also"].split(" | ") if row["also"] else []
        for text in [*([row["value"]] if row["value"] else []), *also]:
            quantity = parse_written(text)
            assert quantity is not None, row
            assert quantity.unit in CHALLENGE[row["entity_name"]].units
            assert not text.split()[0].endswith(".0")
        assert row["value"] or not also


def test_the_shipped_set_covers_entities_empties_slices_and_kinds() -> None:
    answered = Counter(row["entity_name"] for row in TRUTH if row["value"])
    assert set(answered) == set(CHALLENGE.entities)
    assert min(answered.values()) >= 2
    assert 45 <= len(TRUTH) <= 65
    assert 0.2 <= sum(not row["value"] for row in TRUTH) / len(TRUTH) <= 0.33
    assert {row["slice"] for row in TRUTH} == {"small", "large"}
    assert {row["image_link"].split(".")[0].split("_", 1)[1] for row in TRUTH} == set(KINDS)
    groups = {(row["image"].split("_", 1)[1], row["group_id"]) for row in QUESTIONS}
    assert len(groups) == len(KINDS)  # one product group for each kind


def test_the_command_draws_what_it_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "set"), "--seed", "3", "--count", "5"]) == 0
    rows = table(tmp_path / "set" / "questions.csv")
    assert len(list((tmp_path / "set" / "pictures").iterdir())) == 5
    empty = sum(not row["value"] for row in table(tmp_path / "set" / "truth.csv"))
    assert capsys.readouterr().out.startswith(f"5 pictures, {len(rows)} questions ({empty} without an answer) in ")


def test_a_shorter_set_is_the_beginning_of_a_longer_one_and_another_seed_draws_another() -> None:
    short, longer, other = (
        [(number, scene.kind, scene.texts) for number, scene in scenes(seed, count)]
        for seed, count in ((5, 2), (5, 4), (6, 2))
    )
    assert longer[:2] == short != other


def test_later_rounds_hold_every_kind_again(monkeypatch: pytest.MonkeyPatch) -> None:
    one = draw_scene("no_label", "x", size=480)
    monkeypatch.setattr("lab.drawings.draw.draw_scene", lambda kind, seed: replace(one, kind=kind))
    order = [scene.kind for _, scene in scenes(9, 2 * len(KINDS))]
    first, second = order[: len(KINDS)], order[len(KINDS) :]
    assert first == list(KINDS) != second
    assert sorted(second) == sorted(KINDS)


def test_a_wrong_count_is_refused_and_a_folder_that_cannot_be_written_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for count in ("0", "-3", "many"):
        with pytest.raises(SystemExit) as stop:
            main([str(tmp_path), "--count", count])
        assert stop.value.code == 2
        assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("in the way")
    assert main([str(tmp_path / "file"), "--count", "1"]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_a_scene_that_never_fits_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def crowded(rng: object, size: int) -> None:
        raise LayoutError("text over text")

    monkeypatch.setattr("lab.drawings.draw.KINDS", {"pouch": crowded})
    with pytest.raises(LayoutError, match="text over text"):
        draw_scene("pouch", "x")


def test_the_tables_are_plain_text() -> None:
    for text in ((SHIPPED / name).read_bytes().decode() for name in ("questions.csv", "truth.csv")):
        assert text.isascii()
        assert "\r" not in text
        assert not any(cell.startswith(("=", "+", "@")) for line in text.splitlines() for cell in line.split(","))
