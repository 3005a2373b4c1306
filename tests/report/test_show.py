"""One page shown: from a store or a file, as an HTML page and as a PNG."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError, PictureError
from entx.core.types import NO_EVIDENCE, Alignment, Answer, Evidence, OcrLine, OcrPage, PageKey, PageStatus, Question
from entx.ocr_stage.engines.base import EngineSpec
from entx.report import show
from entx.report.marks import PageView, ShownAnswer
from entx.storage.pages import add_pages
from entx.storage.questions import LinkedFile, add_files, add_questions
from entx.storage.runs import add_answers, begin_run
from entx.storage.store import Store
from tests.report.tables import Parsed, assert_nothing_runs_or_loads_but_its_own, embedded
from tests.report.views import BRAND, HEIGHT, HEIGHT_ANSWER, TALL, WIDTH, page, picture_bytes, view

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


def shown(path: Path, index: int = 7, *, engine: str | None = None, runs: Sequence[str] = ()) -> PageView:
    with Store(path) as store:
        return show.question_view(store, index, CHALLENGE, engine=engine, runs=runs)


def test_a_question_is_shown_with_its_newest_page_and_all_runs(store_path: Path) -> None:
    view = shown(store_path)
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
    view = shown(store_path)
    evidence = {shown.run: shown.answer.evidence for shown in view.answers}
    assert evidence["rules"].line_ids == (1,)
    assert evidence["before"].line_ids == ()
    assert evidence["before"].polygon == evidence["rules"].polygon  # the place in the picture is the same


def test_an_engine_and_runs_can_be_chosen(store_path: Path) -> None:
    view = shown(store_path, engine="paddleocr", runs=["vlm", "later"])
    assert len(view.page.lines) == 1
    assert [(one.run, one.answer.reason) for one in view.answers] == [("vlm", ""), ("later", "not asked in this run")]


@pytest.mark.parametrize(
    ("index", "chosen", "error", "message"),
    [
        (99, {}, InputError, r"no question 99 in .*; it holds questions 7 to 10"),
        (8, {}, InputError, r"question 8: https://example.com/none.png has no picture file"),
        (9, {}, InputError, r"question 9: .*b\.png has not been read .*entx ocr-cache"),
        (10, {}, PictureError, r"c\.png: quarantined: killed its worker"),
        (7, {"runs": ["vlmm"]}, InputError, r"no run 'vlmm' in .*rules, before, vlm"),
        (7, {"engine": "nothing"}, InputError, "holds no pages of nothing"),
    ],
)
def test_what_cannot_be_shown_is_told_in_one_line(
    store_path: Path, index: int, chosen: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as raised:
        shown(store_path, index, **chosen)
    assert "\n" not in str(raised.value)


def test_a_picture_that_is_gone_or_another_one_now_is_not_drawn_upon(store_path: Path) -> None:
    picture = store_path.with_name("a.png")
    picture.write_bytes(picture_bytes(colour=(1, 2, 3)))
    with pytest.raises(InputError, match=r"a\.png: cannot be read: the file changed since ingest"):
        shown(store_path)
    picture.unlink()
    with pytest.raises(InputError, match=r"a\.png: cannot be read: No such file"):
        shown(store_path)


def test_a_store_without_pages_says_what_to_run(tmp_path: Path) -> None:
    with Store(tmp_path / "s.duckdb", write=True) as store:
        add_questions(store, [Question(1, "a.jpg", "", "height")], "t.csv")
    for index, says in ((1, "holds no pages; run: entx ocr-cache"), (2, "it holds questions 1 to 1")):
        with pytest.raises(InputError, match=says):
            shown(tmp_path / "s.duckdb", index)


def test_the_picture_is_turned_upright_like_the_reader_does_and_a_broken_one_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held sideways
    picture = Image.new("RGB", (HEIGHT, WIDTH), (255, 255, 255))
    picture.paste((0, 0, 255), (0, 0, 50, WIDTH))
    picture.save(path, exif=exif)
    view = show.show_page("t", path.read_bytes(), page(), CHALLENGE, [])
    assert view.image.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(view.image[:40].astype(int) - [255, 0, 0]).max() < 30  # blue, as BGR, and now on top
    with pytest.raises(PictureError, match="not a picture"):
        show.show_page("t", b"no picture", page(), CHALLENGE, [])


def test_an_unknown_entity_is_told_before_any_model_is_loaded(tmp_path: Path) -> None:
    for name, says in (("hight", "unknown entity 'hight'"), ("height", r"gone\.jpg: cannot be read: No such file")):
        with pytest.raises(InputError, match=says):
            show.read_picture_view(tmp_path / "gone.jpg", EngineSpec.of("no engine"), CHALLENGE, [name])


def test_candidates_without_answers_are_those_of_the_entities_asked() -> None:
    view = show.show_page("t", picture_bytes(), page(), CHALLENGE, [], entity_names=["width", "item_weight"])
    assert [[name for name, _ in shown.judged] for shown in view.candidates] == [["width"]] * 3
    orders = [shown.candidate.order for shown in view.candidates]
    assert orders == sorted(orders)
    assert Answer(None) not in view.answers


def test_depth_is_judged_with_the_prior_of_the_questions_group(store_path: Path) -> None:
    labels = {"round": ("9.0 inch", "9.0 inch"), "long": ("4.0 inch", "5.0 inch")}
    rows = [
        Question(100 * g + 2 * i + j, f"{group}{i}.jpg", group, entity, None, labels[group][j])
        for g, group in enumerate(labels, 1)
        for i in range(40)
        for j, entity in enumerate(("width", "depth"))
    ]
    with Store(store_path, write=True) as store:
        add_questions(store, [Question(11, LINK, "round", "depth"), Question(12, LINK, "long", "depth"), *rows], "t")
    scores = [
        one.judged[0][1].score
        for index in (11, 12)
        for one in shown(store_path, index).candidates
        if one.candidate.quantity.text == "30.0 centimetre"
    ]
    assert len(scores) == 2
    assert scores[0] > scores[1]  # the depth of what is round repeats its width


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "]]></script></style></svg></title><h1>",
    "<!-- --!> <svg/onload=alert(1)> <![CDATA[",
    "&lt;b&gt; &amp;lt; &#x3c;script&#x3e;",
    "\u202etxet desrever\u2066 \u200f 500 g",
    "$title ${policy} $$ {{7*7}} %s {0}",
    "javascript:alert(1) https://example.com/a.png //example.com",
    "=cmd|' /C calc'!A0",
)


def hostile_view(text: str) -> str:
    shown = replace(page(geometry=None), lines=(OcrLine(text, 0.9, BRAND), OcrLine("5 cm", 1.0, BRAND)))
    answers = [
        ShownAnswer(text, "height", replace(HEIGHT_ANSWER, text=text, evidence=NO_EVIDENCE), text),
        ShownAnswer("rules", "width", Answer(None, text, text)),
    ]
    return show.page_html(replace(view(*answers, shown=shown, title=text), facts=((text, text),)))


def skeleton(html: str) -> list[tuple[str, list[str]]]:
    """Elements and names of attributes: what a text must not be able to change."""
    return [(tag, sorted(attributes)) for tag, attributes in Parsed(html).elements]


@pytest.mark.parametrize("text", HOSTILE)
def test_foreign_text_stays_text_wherever_it_stands(text: str) -> None:
    html = hostile_view(text)
    assert skeleton(html) == skeleton(hostile_view("harmless"))
    parsed = Parsed(html)
    assert parsed.balanced
    assert not parsed.open
    assert parsed.texts["bdi"].count(text) >= 5  # fact, line, run, raw text and truth, reason
    assert parsed.texts["h1"] == [text]
    assert text in parsed.texts["text"]
    assert not any(name.startswith("on") or name == "style" for _, found in parsed.elements for name in found)


def test_no_text_reaches_script_or_style() -> None:
    ours, theirs = Parsed(show.page_html(view())), Parsed(hostile_view(HOSTILE[0]))
    for tag in ("script", "style"):
        assert ours.texts[tag] == theirs.texts[tag]
        assert len(ours.texts[tag]) == 1


def test_what_html_cannot_hold_is_replaced() -> None:
    html = hostile_view("a\x00b\x1b[31m\ud800\uffff\x85c")
    assert "a\ufffdb\ufffd[31m\ufffd\ufffd\ufffdc" in html
    html.encode("utf-8")


def test_the_page_loads_nothing_but_the_picture_inside() -> None:
    html = show.page_html(view())
    assert_nothing_runs_or_loads_but_its_own(html)
    sources = [found[name] for _, found in Parsed(html).elements for name in ("src", "href") if name in found]
    assert len(sources) == 2  # the picture, and an empty icon
    assert all(source.startswith("data:") for source in sources)


def test_the_picture_inside_is_upright_and_whole() -> None:
    data = picture_bytes(colour=(10, 200, 30))
    parsed = Parsed(show.page_html(view(data=data)))
    (image,) = parsed.all("image")
    inside = embedded(image)
    assert inside.size == (WIDTH, HEIGHT)
    assert np.abs(np.asarray(inside).astype(int).mean(axis=(0, 1)) - [10, 200, 30]).max() < 3
    (svg,) = parsed.all("svg")
    assert svg["viewbox"] == f"0 0 {WIDTH} {HEIGHT}"


def test_a_large_picture_is_reduced_and_its_marks_keep_their_pixels() -> None:
    width, height = 2 * show.HTML_SIDE, 300
    line = OcrLine("12 cm", 1.0, (3900, 10, 3990, 10, 3990, 30, 3900, 30))
    shown = OcrPage("0" * 64, PageStatus.OK, "", width, height, (line,))
    answer = ShownAnswer("rules", "height", Answer(None))
    parsed = Parsed(show.page_html(view(answer, shown=shown, data=picture_bytes(width, height))))
    (image,) = parsed.all("image")
    assert embedded(image).size == (show.HTML_SIDE, 150)
    assert (image["width"], parsed.all("svg")[0]["viewbox"]) == (str(width), f"0 0 {width} {height}")
    assert parsed.all("polygon")[0]["points"] == "3900.0,10.0 3990.0,10.0 3990.0,30.0 3900.0,30.0"


def test_each_layer_the_labels_and_the_text_as_read_have_a_switch_that_the_style_knows() -> None:
    parsed = Parsed(show.page_html(view()))
    for name in ("lines", "geometry", "candidates", "answers"):
        assert len(parsed.all("g", class_=f"layer {name}")) == len(parsed.all("section", class_=name)) == 1
        (switch,) = parsed.all("input", id=f"show-{name}")
        assert (switch["type"], "checked" in switch) == ("checkbox", True)
        assert f"#show-{name}:not(:checked)) .layer.{name}" in parsed.texts["style"][0]
    assert "checked" in parsed.all("input", id="show-tags")[0]
    assert "checked" not in parsed.all("input", id="show-read")[0]
    assert all(f"#show-{name}" in parsed.texts["style"][0] for name in ("tags", "read"))


def test_every_shape_has_a_row_and_related_keys_exist() -> None:
    parsed = Parsed(show.page_html(view()))
    rows = {found["data-key"] for found in parsed.all("tr") if "data-key" in found}
    shapes = {found["data-key"] for found in parsed.all("g") if "data-key" in found}
    assert shapes == rows - {"answer-1"}  # which has no place
    related = {key for name, found in parsed.elements if name == "tr" for key in found.get("data-related", "").split()}
    assert related <= rows
    assert all(re.fullmatch(r"[a-z0-9-]+", key) for key in rows)


def test_turned_text_is_written_along_its_own_baseline() -> None:
    parsed = Parsed(show.page_html(view()))
    read = parsed.all("text", class_="read")
    assert [found["transform"] for found in read] == [
        "translate(40.0 80.0) rotate(0.0)", "translate(40.0 200.0) rotate(-90.0)", "translate(150.0 270.0) rotate(0.0)",
    ]  # fmt: skip
    assert [found["textlength"] for found in read] == ["200.0", "80.0", "110.0"]


def test_tables_leave_out_columns_that_are_empty() -> None:
    titles = Parsed(show.page_html(view(shown=page(geometry=None)))).texts["th"]
    assert ("stands" in titles, "score" in titles, "probability" in titles) == (False, True, True)


def test_a_page_without_text_says_so_and_is_drawn() -> None:
    empty = OcrPage("0" * 64, PageStatus.OK, "", WIDTH, HEIGHT)
    blank = view(ShownAnswer("rules", "height", Answer(None, reason="no text")), shown=empty)
    parsed = Parsed(show.page_html(blank))
    assert parsed.texts["p"].count("None.") == 2
    assert not parsed.all("polygon")
    assert (np.asarray(show.draw_page(blank))[:, : round(WIDTH * SCALE)] == 255).all()


@pytest.mark.parametrize("write", [show.write_page_html, show.write_page_png])
def test_the_file_is_written_whole_or_not_at_all(write: Callable[[PageView, Path], None], tmp_path: Path) -> None:
    out = tmp_path / "deep" / "page"
    write(view(), out)
    if write is show.write_page_html:
        assert out.read_text(encoding="utf-8") == show.page_html(view())
    else:
        with Image.open(out) as image:
            assert image.format == "PNG"
            write(view(), tmp_path / "again")
            assert out.read_bytes() == (tmp_path / "again").read_bytes()  # the same every time
            assert not (np.asarray(image)[:, : round(WIDTH * SCALE)] == 255).all()
    assert [path.name for path in out.parent.iterdir()] == ["page"]
    with pytest.raises(InputError, match="cannot be written"):
        write(view(), out / "page")


RED, BLUE, GREEN = (205, 25, 45), (40, 110, 200), (20, 140, 60)
SCALE = show.PNG_SIDES[0] / WIDTH


def coloured(image: Image.Image, colour: tuple[int, int, int]) -> np.ndarray[Any, Any]:
    """Where the picture's part of the drawing has the colour."""
    found: np.ndarray[Any, Any] = (np.asarray(image)[:, : round(WIDTH * SCALE)] == colour).all(axis=2)
    return found


def drawn_box(mask: np.ndarray[Any, Any]) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(mask)
    return columns.min(), rows.min(), columns.max(), rows.max()


def test_a_small_picture_is_enlarged_and_a_large_one_reduced() -> None:
    assert [show.picture_scale(*size) for size in ((450, 300), (1000, 1200), (3600, 10))] == [2.0, 1.0, 0.5]


def test_the_evidence_stands_where_it_was_read_at_the_pictures_scale() -> None:
    shown = replace(page(geometry=None), lines=page().lines[1:2])
    answer = replace(HEIGHT_ANSWER, evidence=Evidence(Alignment.EXACT, (0,), TALL))
    image = show.draw_page(view(ShownAnswer("", "height", answer), shown=shown))
    assert image.size == (round(WIDTH * SCALE) + show.PANEL_WIDTH, round(HEIGHT * SCALE))
    left, top, right, bottom = drawn_box(coloured(image, RED))
    expected = np.array([min(TALL[0::2]), min(TALL[1::2]), max(TALL[0::2]), max(TALL[1::2])]) * SCALE
    assert np.abs(np.array([left, top, right, bottom]) - expected).max() <= 3


def test_lines_are_thin_and_the_answer_bold() -> None:
    image = show.draw_page(view())
    red, blue = coloured(image, RED), coloured(image, BLUE)
    across = slice(round(100 * SCALE), round(200 * SCALE))  # along the upper edge of the brand's box
    assert blue[round(30 * SCALE) - 2 : round(30 * SCALE) + 3, across].sum(axis=0).max() == 1
    middle = round(180 * SCALE)  # across the left edge of the answer's box
    assert red[middle, round(20 * SCALE) - 5 : round(20 * SCALE) + 6].sum() >= 4
    inside = blue[round(40 * SCALE) : round(70 * SCALE), round(60 * SCALE) : round(220 * SCALE)]
    assert not inside.any()  # a box, not a filled area


def test_dimension_lines_and_product_are_drawn_where_the_page_has_geometry() -> None:
    with_geometry = coloured(show.draw_page(view()), GREEN)
    assert with_geometry[round(175 * SCALE) : round(225 * SCALE), round(50 * SCALE)].all()
    assert with_geometry[round(150 * SCALE), round(320 * SCALE) - 1 : round(320 * SCALE) + 2].any()
    assert not coloured(show.draw_page(view(shown=page(geometry=None))), GREEN).any()


def test_an_answer_without_evidence_gets_no_box() -> None:
    image = show.draw_page(view(ShownAnswer("vlm", "height", replace(HEIGHT_ANSWER, evidence=NO_EVIDENCE))))
    assert not coloured(image, RED).any()
    assert coloured(image, BLUE).any()


def test_shapes_show_on_black() -> None:
    image = show.draw_page(view(data=picture_bytes(colour=(0, 0, 0))))
    white = coloured(image, (255, 255, 255))
    edge = white[round(30 * SCALE) - 3 : round(30 * SCALE) + 4, round(100 * SCALE) : round(200 * SCALE)]
    assert edge.any(axis=0).all()


def test_the_panel_beside_the_picture_is_written_on_and_long_and_foreign_text_stays_in_it() -> None:
    panel = np.asarray(show.draw_page(view()))[:, round(WIDTH * SCALE) :]
    assert (panel < 100).all(axis=2).sum() > 500
    assert (panel[:, -10:] == 255).all()
    texts = ["重量 " + "500 g " * 80, "\u202e\x00\ud800 <b>", ""] + [f"row {i}" for i in range(200)]
    image = np.asarray(show.draw_page(view(ShownAnswer("run " * 99, "height", Answer(None)), shown=page(*texts))))
    assert (image[:, -10:] == 255).all()
    assert image.shape[0] <= 1400
    assert (image[-4:, round(WIDTH * SCALE) :] == 255).all()


def test_polygons_that_leave_the_picture_are_drawn_as_far_as_it_goes() -> None:
    beyond = OcrLine("x", 1.0, (-50, -9, 900, -9, 900, 40, -50, 40))
    outside = replace(page(geometry=None), lines=(beyond,))
    assert coloured(show.draw_page(view(ShownAnswer("rules", "height", Answer(None)), shown=outside)), BLUE).any()
