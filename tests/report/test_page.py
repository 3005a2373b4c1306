"""The ablation as a page: a card for every error, foreign text stays text, equal input gives equal bytes."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.evaluation import Outcome
from entx.core.types import Answer
from entx.report.page import JPEG_QUALITY, KINDS, SIDES, error_kind, html_text, make_gallery, thumbnails, write_html
from entx.report.summary import diff, write_json
from tests.report.ablations import (
    GOLD,
    TABLE,
    ablation_of,
    cards_of,
    default_arms,
    gram,
    make_store,
    measured,
    report,
    said,
)
from tests.report.tables import Parsed, assert_nothing_runs_or_loads_but_its_own, embedded
from tests.report.views import picture_bytes

HOSTILE = '</script><script>alert(1)</script><img src=x onerror="alert(2)">&\'"\u202e${x}'


@pytest.fixture(scope="module")
def text(tiny: tuple[Path, Path]) -> str:
    """The page of the tiny store."""
    return html_text(*report(*tiny))


def test_one_card_for_each_question_that_somebody_has_wrong_and_a_filter_for_what_there_is(text: str) -> None:
    page = Parsed(text)
    assert page.balanced
    cards = page.all("article")
    assert [card["data-wrong"] for card in cards] == [
        "1:unit", "1:value", "0:empty", "0:value", "1:empty", "0:missed 1:missed", "0:missed 1:missed",
    ]  # fmt: skip
    assert {card["data-entity"] for card in cards} == {"item_weight", "voltage"}
    assert {card["tabindex"] for card in cards} == {"-1"}  # j and k focus them
    assert [one["name"] for one in page.all("select")] == ["wrong", "right", "kind", "entity", "slice"]
    values = [one["value"] for one in page.all("option")]
    assert {"0", "1", "unit", "missed", "voltage", "large"} <= set(values)


def test_answers_that_are_equal_stand_together(tiny: tuple[Path, Path]) -> None:
    card = cards_of(make_gallery(measured(*tiny, strategies=("vote",)), most=1, picture_bytes=0))  # row 0
    assert card.count("500.0 gram") == 1
    assert re.search(r"✓</span> <bdi>500.0 gram</bdi></dt><dd>.*rules.*vote", card)
    assert "✗</span> <bdi>0.5 kilogram</bdi></dt><dd>" in card


def test_boxes_of_truth_and_of_evidence(tiny: tuple[Path, Path]) -> None:
    cards = cards_of(make_gallery(measured(*tiny), most=100, picture_bytes=0)).split("<article")[1:]
    assert 'class="box c0"' in cards[0]  # the rules' own evidence
    assert 'class="truth" points="10,10 110,10 110,30 10,30"' in cards[5]  # row 6: 7 oz is the truth and stands there
    assert 'class="box' not in cards[5]  # nobody answered


def test_pictures_stand_in_the_page_once_and_boxes_in_their_pixels(text: str) -> None:
    page = Parsed(text)
    images = page.all("image")
    assert len(images) == 7
    assert embedded(images[0]).size == (200, 100)
    assert {shot["viewbox"] for shot in page.all("svg", class_="shot")} == {"0 0 200 100"}
    ids = {f"#{one['id']}" for one in page.all("g") if one.get("id", "").startswith("picture-")}
    assert {one["href"] for one in page.all("use")} == ids


def test_without_pictures_the_boxes_stay_and_the_number_of_cards_is_bounded_and_told(tiny: tuple[Path, Path]) -> None:
    text = html_text(*report(*tiny, picture_bytes=0, most=2))
    page = Parsed(text)
    assert [len(page.all(tag)) for tag in ("image", "article")] == [0, 2]
    assert len(page.all("svg", class_="shot")) == 2
    told = "7 questions that some column has wrong, the first 2 of them here; 2 without their picture."
    assert told in text


def test_a_changed_a_missing_and_a_broken_file_have_no_picture(tmp_path: Path) -> None:
    path, table = make_store(tmp_path)
    (tmp_path / "0.jpg").write_bytes(picture_bytes(200, 100, (99, 99, 99)))
    (tmp_path / "1.jpg").unlink()
    _, gallery = report(path, table)
    assert gallery.without_picture == 2
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8 no picture")
    digest = "0" * 64
    assert thumbnails([(digest, str(broken)), (digest, None)], 10_000) == {}


def test_foreign_text_stays_text_wherever_it_stands(tmp_path: Path) -> None:
    arms = default_arms()
    arms[HOSTILE] = [said("1 gram")] * 8
    arms["rules"][0], arms["qwen"][1] = Answer(None, HOSTILE, HOSTILE), Answer(None, HOSTILE, "<b>bold</b>")
    gold = GOLD.replace("small", '"' + HOSTILE.replace('"', '""') + '"')
    path, table = make_store(tmp_path, arms, gold=gold, line=HOSTILE)
    found, gallery = report(path, table, f"rules,qwen,{HOSTILE}")
    old = json.loads(json.dumps(found))
    old["rows"][0]["answers"]["rules"] = HOSTILE
    found["diff"] = diff(old, found)
    text = html_text(found, gallery, old=HOSTILE)
    page = Parsed(text)
    assert len(page.all("script")) == 1
    assert page.all("img") == []
    assert not any(page.all("b"))  # ours have no attributes
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert "alert(1)" not in text.split("<script>")[1].split("</script>")[0]
    assert not re.search(r"<(script|img|b>bold)", text.split('<section id="gallery">')[1].split("<script>")[0])
    words = "".join(text for texts in page.texts.values() for text in texts)
    assert "<script>alert(1)</script>" in words
    assert "${x}" in words


def test_same_input_same_bytes(tiny: tuple[Path, Path], tmp_path: Path) -> None:
    for name in ("a", "b"):
        found, gallery = report(*tiny, strategies=("vote",))
        write_html(found, gallery, tmp_path / f"{name}.html")
        write_json(found, tmp_path / f"{name}.json")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["format"] == 1


def test_what_is_not_separable_is_called_so(text: str) -> None:
    matrix = text.split('id="pairs"')[1].split("</details>")[0]
    assert '<span class="same">not separable</span> <small>−.167</small>' in matrix  # qwen less rules: 4/8 - 6/9


def test_sections_without_anything_to_say_are_left_out(tiny: tuple[Path, Path]) -> None:
    found, gallery = report(*tiny, runs="rules")
    text = html_text(found, gallery)
    assert [f'id="{name}"' in text for name in ("pairs", "labels", "changes", "scores")] == [False, False, False, True]


def test_changes_since_an_older_report(tiny: tuple[Path, Path]) -> None:
    found, gallery = report(*tiny)
    old = json.loads(json.dumps(found))
    old["rows"][3]["answers"]["rules"], old["rows"][3]["outcomes"]["rules"] = "3.0 pound", "TP"
    found["diff"] = diff(old, found)
    text = html_text(found, gallery, old="old.json")
    changes = text.split('id="changes"')[1].split("</section>")[0]
    for told in ("Changes since old.json", "TP → FP", "−.127", "8 rows are in both reports."):  # 8/11 then, 6/10 now
        assert told in changes


def test_kinds_of_error(tiny: tuple[Path, Path]) -> None:
    rules = measured(*tiny).columns[0]
    kinds = [error_kind(rules, place) for place in range(8)]
    assert kinds == [None, None, "empty", "value", None, None, "missed", "missed"]


def test_charts_of_a_column_with_probabilities(tmp_path: Path) -> None:
    sure = [said(text, sure=0.75) for text in ("500 gram", "2 kilogram", "1 gram", "3 pound", "12 volt")]
    text = html_text(*report(*make_store(tmp_path, {"rules": default_arms()["rules"], "p": sure}), "rules,p"))
    part = text.split('id="probabilities"')[1].split("</section>")[0]
    assert part.count('<svg class="chart"') == 3  # the curves, p, q
    assert "<title>said 0.75, came true 0.80, 5 rows</title>" in part
    assert "expected calibration error .050" in part
    assert "by score" in part


def test_the_page_loads_nothing(text: str) -> None:
    assert_nothing_runs_or_loads_but_its_own(text)


@given(TABLE, st.integers(0, 4))
def test_a_card_for_each_row_that_somebody_has_wrong_and_every_wrong_column_on_it(
    table: list[tuple[Any, ...]], most: int
) -> None:
    measured = ablation_of(table)
    some, gallery = (make_gallery(measured, most=number, picture_bytes=0) for number in (most, 100))
    assert gallery.cards[:most] == some.cards  # a bound keeps the first
    assert cards_of(some).count("<article") == len(some.cards) == min(most, gallery.wrong)
    wrong = [place for place in range(len(table)) if not all(bool(column.right[place]) for column in measured.columns)]
    assert (gallery.wrong, len(gallery.cards), gallery.without_picture) == (len(wrong), len(wrong), len(wrong))
    cards = re.findall(r'data-wrong="([^"]*)"><h3>(\d+) ', cards_of(gallery))
    assert [int(index) for _, index in cards] == wrong
    for told, index in cards:
        kinds = {number: error_kind(column, int(index)) for number, column in enumerate(measured.columns)}
        assert told.split() == [f"{number}:{kind}" for number, kind in kinds.items() if kind]
        assert set(kinds.values()) - {None} <= KINDS.keys()


@given(TABLE)
def test_the_kind_of_an_error_is_its_outcome_told_finer(table: list[tuple[Any, ...]]) -> None:
    measured = ablation_of(table)
    for column in measured.columns:
        for place, row in enumerate(measured.gold.rows):
            kind = error_kind(column, place)
            assert (kind is None) == bool(column.right[place])
            assert (kind == "missed") == (column.outcomes[place] == Outcome.FN)
            assert (kind == "empty") == (column.outcomes[place] == Outcome.FP and not row.truth)
            assert (kind == "unit") == (column.texts[place] == "0.001 kilogram" and row.truth == "1 gram")


def test_boxes_are_the_answers_own_evidence_and_equal_ones_are_one() -> None:
    measured = ablation_of([("7 gram", "2 gram", "2 gram", "2 gram"), ("7 gram", "1 gram", "2 gram", "")])
    cards = cards_of(make_gallery(measured, most=9, picture_bytes=0)).split("<article")[1:]
    assert [card.count('class="box') for card in cards] == [1, 1]
    assert "<title>a, b, c</title>" in cards[0]
    assert "<title>b</title>" in cards[1]
    assert "10,40 60,40 60,60 10,60" in cards[1]


def test_what_an_arm_wrote_is_cut_and_a_hybrids_words_are_not_repeated() -> None:
    measured = ablation_of([("7 gram", "1 gram", "", "1 gram")])
    long = replace(measured.columns[0], answers=(Answer(gram(1), "x" * 500),))
    measured = replace(measured, columns=(long, *measured.columns[1:]))
    card = cards_of(make_gallery(measured, most=9, picture_bytes=0))
    assert "x" * 160 + "…" in card
    assert "x" * 161 not in card
    assert card.count('class="words"') == 2  # the arms; "nothing seen" is the second's
    assert "nothing seen" in card


def _picture(path: Path, width: int, height: int, seed: int = 0) -> tuple[str, str]:
    noise = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    cv2.imwrite(str(path), noise)
    return hashlib.sha256(path.read_bytes()).hexdigest(), str(path)


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [(1440, 720, (720, 360)), (100, 50, (100, 50)), (720, 1440, (360, 720)), (2000, 1, (720, 1)), (1, 1, (1, 1))],
)
def test_a_picture_is_made_smaller_and_never_larger(
    width: int, height: int, size: tuple[int, int], tmp_path: Path
) -> None:
    file = _picture(tmp_path / "a.png", width, height)
    (small,) = thumbnails([file], 10**8).values()
    assert (small.width, small.height) == size
    decoded = cv2.imdecode(np.frombuffer(small.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape[:2] == (small.height, small.width)  # as it says itself


def test_the_budget_is_shared_and_what_one_leaves_the_next_may_use(tmp_path: Path) -> None:
    tiny_one, large = _picture(tmp_path / "t.png", 8, 8), _picture(tmp_path / "l.png", 900, 900, 1)
    (alone,) = thumbnails([large], 300_000).values()
    found = thumbnails([tiny_one, large], 302_000)
    assert found[large[0]] == alone  # the small one took next to nothing
    first = thumbnails([large, tiny_one], 302_000)
    assert first[large[0]].width < alone.width  # half is kept for the one to come
    assert tiny_one[0] in first
    assert alone.width in SIDES
    assert 0 < JPEG_QUALITY <= 100


def test_a_smaller_budget_never_gives_a_larger_picture(tmp_path: Path) -> None:
    files = [_picture(tmp_path / f"{i}.png", 300 + 100 * i, 400, i) for i in range(3)]
    sides = []
    for budget in (0, 1000, 20_000, 60_000, 200_000, 10**7):
        found = thumbnails(files, budget)
        assert sum(4 * -(-len(one.jpeg) // 3) for one in found.values()) <= budget
        sides.append(sum(one.width for one in found.values()))
    assert sides == sorted(sides)
    assert (sides[0], sides[-1]) == (0, 300 + 400 + 500)
    assert thumbnails([], 10**6) == {}
