from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError, PictureError
from entx.core.types import NO_EVIDENCE, Answer, OcrPage, PageKey, PageStatus, Question
from entx.ocr_stage.engines.base import EngineSpec
from entx.report.page_view import question_view, read_picture_view, show_page
from entx.storage.pages import add_pages
from entx.storage.questions import LinkedFile, add_files, add_questions
from entx.storage.runs import add_answers, begin_run
from entx.storage.store import Store
from tests.report.views import HEIGHT, HEIGHT_ANSWER, WIDTH, page, picture_bytes

OLD, NEW = PageKey("rapidocr", "m", "old"), PageKey("rapidocr", "m", "new")
OTHER = PageKey("paddleocr", "m", "p")
LINK = "https://example.com/shop/a.png"


def settings(key: PageKey) -> dict[str, str]:
    return {"engine": key.engine, "model_hash": key.model_hash, "params_hash": key.params_hash}


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    """Question 7 with a page of three keys and three runs; 8 without a file; 9 without a page; 10 unreadable."""
    path = tmp_path / "s.duckdb"
    rows, files = [], []
    for index, name in [(7, "a"), (9, "b"), (10, "c")]:
        data = picture_bytes(colour=(index, 0, 0))
        (tmp_path / f"{name}.png").write_bytes(data)
        link = LINK.replace("a.png", f"{name}.png")
        rows.append(Question(index, link, "g9", "height", None, "24.0 centimetre" if index == 7 else None))
        files.append(LinkedFile(link, hashlib.sha256(data).hexdigest(), str(tmp_path / f"{name}.png"), len(data), 1))
    rows.append(Question(8, "https://example.com/none.png", "g9", "height"))
    with Store(path, write=True) as store:
        add_questions(store, rows, "t.csv")
        add_files(store, files)
        seven = replace(page(), picture=files[0].picture)
        add_pages(store, OTHER, "o", [replace(seven, lines=seven.lines[:1], geometry=None)])
        add_pages(store, OLD, "o", [replace(seven, lines=seven.lines[:2], geometry=None)])
        add_pages(store, NEW, "o", [seven, OcrPage(files[2].picture, PageStatus.QUARANTINED, "killed its worker")])
        begin_run(store, "rules", "rules", settings(NEW))
        begin_run(store, "before", "rules", settings(OLD))
        begin_run(store, "vlm", "vlm", {"file": "v.csv"})
        begin_run(store, "later", "vlm", {"file": "w.csv"})
        add_answers(store, "rules", [(7, HEIGHT_ANSWER)])
        add_answers(store, "before", [(7, HEIGHT_ANSWER)])
        add_answers(store, "vlm", [(7, replace(HEIGHT_ANSWER, evidence=NO_EVIDENCE))])
    return path


def test_a_question_is_shown_with_its_newest_page_and_all_runs(store_path: Path) -> None:
    with Store(store_path) as store:
        view = question_view(store, 7, CHALLENGE, engine=None, runs=())
    assert view.title == "Question 7: height"
    assert [line.text for line in view.page.lines] == ["Nordhaven", "24 cm", "30 cm / 11.8 in"]
    assert view.page.geometry is not None
    assert [shown.run for shown in view.answers] == ["rules", "before", "vlm"]
    assert {shown.truth for shown in view.answers} == {"24.0 centimetre"}
    assert {name for shown in view.candidates for name, _ in shown.judged} == {"height"}
    facts = dict(view.facts)
    assert facts["picture"] == "example.com/shop/a.png"
    assert (facts["read by"], facts["group"], facts["truth"]) == ("rapidocr", "g9", "24.0 centimetre")
    assert (facts["white"], facts["parts"], facts["roundness"]) == ("62%", "1", "0.25")


def test_lines_of_another_reading_are_not_taken_for_those_shown(store_path: Path) -> None:
    with Store(store_path) as store:
        view = question_view(store, 7, CHALLENGE, engine=None, runs=())
    evidence = {shown.run: shown.answer.evidence for shown in view.answers}
    assert evidence["rules"].line_ids == (1,)
    assert evidence["before"].line_ids == ()
    assert evidence["before"].polygon == evidence["rules"].polygon  # the place in the picture is the same


def test_an_engine_and_runs_can_be_chosen(store_path: Path) -> None:
    with Store(store_path) as store:
        view = question_view(store, 7, CHALLENGE, engine="paddleocr", runs=["vlm", "later"])
        assert len(view.page.lines) == 1
        assert [(shown.run, shown.answer.reason) for shown in view.answers] == [
            ("vlm", ""), ("later", "not asked in this run"),
        ]  # fmt: skip
        with pytest.raises(InputError, match=r"no run 'vlmm' in .*rules, before, vlm"):
            question_view(store, 7, CHALLENGE, engine=None, runs=["vlmm"])
        with pytest.raises(InputError, match="holds no pages of nothing"):
            question_view(store, 7, CHALLENGE, engine="nothing", runs=())


@pytest.mark.parametrize(
    ("index", "error", "message"),
    [
        (99, InputError, r"no question 99 in .*; it holds questions 7 to 10"),
        (8, InputError, r"question 8: https://example.com/none.png has no picture file"),
        (9, InputError, r"question 9: .*b\.png has not been read .*entx ocr-cache"),
        (10, PictureError, r"c\.png: quarantined: killed its worker"),
    ],
)
def test_what_cannot_be_shown_is_told_in_one_line(
    store_path: Path, index: int, error: type[Exception], message: str
) -> None:
    with Store(store_path) as store, pytest.raises(error, match=message) as raised:
        question_view(store, index, CHALLENGE, engine=None, runs=())
    assert "\n" not in str(raised.value)


def test_a_picture_that_is_gone_or_another_one_now_is_not_drawn_upon(store_path: Path) -> None:
    picture = store_path.with_name("a.png")
    picture.write_bytes(picture_bytes(colour=(1, 2, 3)))
    with Store(store_path) as store:
        with pytest.raises(InputError, match=r"a\.png: has changed since it was read"):
            question_view(store, 7, CHALLENGE, engine=None, runs=())
        picture.unlink()
        with pytest.raises(InputError, match=r"a\.png: cannot be read: No such file"):
            question_view(store, 7, CHALLENGE, engine=None, runs=())


def test_a_store_without_pages_says_what_to_run(tmp_path: Path) -> None:
    with Store(tmp_path / "s.duckdb", write=True) as store:
        add_questions(store, [Question(1, "a.jpg", "", "height")], "t.csv")
        with pytest.raises(InputError, match="holds no pages; run: entx ocr-cache"):
            question_view(store, 1, CHALLENGE, engine=None, runs=())
        with pytest.raises(InputError, match="it holds questions 1 to 1"):
            question_view(store, 2, CHALLENGE, engine=None, runs=())


def test_the_picture_is_turned_upright_like_the_reader_does(tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held sideways
    picture = Image.new("RGB", (HEIGHT, WIDTH), (255, 255, 255))
    picture.paste((0, 0, 255), (0, 0, 50, WIDTH))
    picture.save(path, exif=exif)
    view = show_page("t", path.read_bytes(), page(), CHALLENGE, [])
    assert view.image.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(view.image[:40].astype(int) - [255, 0, 0]).max() < 30  # blue, as BGR, and now on top


def test_a_broken_picture_is_an_error() -> None:
    with pytest.raises(PictureError, match="not a picture"):
        show_page("t", b"no picture", page(), CHALLENGE, [])


def test_an_unknown_entity_is_told_before_any_model_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown entity 'hight'"):
        read_picture_view(tmp_path / "gone.jpg", EngineSpec.of("no engine"), CHALLENGE, ["hight"])
    with pytest.raises(InputError, match=r"gone\.jpg: cannot be read: No such file"):
        read_picture_view(tmp_path / "gone.jpg", EngineSpec.of("no engine"), CHALLENGE, ["height"])


def test_candidates_without_answers_are_those_of_the_entities_asked() -> None:
    view = show_page("t", picture_bytes(), page(), CHALLENGE, [], entity_names=["width", "item_weight"])
    assert [[name for name, _ in shown.judged] for shown in view.candidates] == [["width"]] * 3
    orders = [shown.candidate.order for shown in view.candidates]
    assert orders == sorted(orders)
    assert Answer(None) not in view.answers


def test_depth_is_judged_with_the_habit_of_the_questions_group(store_path: Path) -> None:
    labels = {"round": ("9.0 inch", "9.0 inch"), "long": ("4.0 inch", "5.0 inch")}
    rows = [
        Question(100 * g + 2 * i + j, f"{group}{i}.jpg", group, entity, None, labels[group][j])
        for g, group in enumerate(labels, 1)
        for i in range(40)
        for j, entity in enumerate(("width", "depth"))
    ]
    with Store(store_path, write=True) as store:
        add_questions(store, [Question(11, LINK, "round", "depth"), Question(12, LINK, "long", "depth"), *rows], "t")
        scores = []
        for index in (11, 12):
            view = question_view(store, index, CHALLENGE, engine=None, runs=())
            (wide,) = (one for one in view.candidates if one.candidate.quantity.text == "30.0 centimetre")
            scores.append(wide.judged[0][1].score)
    assert scores[0] > scores[1]  # the depth of what is round repeats its width
