from __future__ import annotations

import base64
import hashlib
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from entx.core.errors import InputError
from entx.core.types import NO_EVIDENCE, Answer, OcrLine, OcrPage, PageStatus
from entx.report.page_html import LONGER_SIDE, page_html, write_page_html
from entx.report.page_view import ShownAnswer
from tests.report.views import BRAND, HEIGHT, HEIGHT_ANSWER, WIDTH, page, picture_bytes, view

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
VOID = {"meta", "link", "input", "image", "polygon", "path", "br"}


class Parsed(HTMLParser):
    """Elements with attributes, the text of each kind of element, and whether all that opens is closed."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.balanced = True
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        self.balanced &= bool(self.open) and self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts[self.open[-1]][-1] += data

    def all(self, tag: str, **attributes: str) -> list[dict[str, str]]:
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [found for name, found in self.elements if name == tag and wanted.items() <= found.items()]


def hostile_view(text: str) -> str:
    shown = OcrPage(
        "0" * 64, PageStatus.OK, "", WIDTH, HEIGHT, (OcrLine(text, 0.9, BRAND), OcrLine("5 cm", 1.0, BRAND))
    )
    answers = [
        ShownAnswer(text, "height", replace(HEIGHT_ANSWER, text=text, evidence=NO_EVIDENCE), text),
        ShownAnswer("rules", "width", Answer(None, text, text)),
    ]
    return page_html(replace(view(*answers, shown=shown, title=text), facts=((text, text),)))


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
    ours, theirs = Parsed(page_html(view())), Parsed(hostile_view(HOSTILE[0]))
    for tag in ("script", "style"):
        assert ours.texts[tag] == theirs.texts[tag]
        assert len(ours.texts[tag]) == 1


def test_what_html_cannot_hold_is_replaced() -> None:
    html = hostile_view("a\x00b\x1b[31m\ud800\uffff\x85c")
    assert "a\ufffdb\ufffd[31m\ufffd\ufffd\ufffdc" in html
    html.encode("utf-8")


def test_the_policy_lets_only_its_own_style_and_script_run() -> None:
    parsed = Parsed(page_html(view()))
    (policy,) = parsed.all("meta", http_equiv="Content-Security-Policy")
    rules = dict(rule.strip().split(" ", 1) for rule in policy["content"].split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    for tag in ("script", "style"):
        digest = base64.b64encode(hashlib.sha256(parsed.texts[tag][0].encode()).digest()).decode()
        assert rules[f"{tag}-src"] == f"'sha256-{digest}'"
    names = [name for name, _ in parsed.elements]
    assert names.index("style") > next(i for i, (_, found) in enumerate(parsed.elements) if "http-equiv" in found)


def test_nothing_is_requested_from_anywhere() -> None:
    html = page_html(view())
    assert not re.search(r"https?://|@import|url\(|fetch\(|XMLHttpRequest|WebSocket", html)
    loading = ("src", "href", "srcset", "data", "action", "poster", "xlink:href")
    sources = [found[name] for _, found in Parsed(html).elements for name in loading if name in found]
    assert len(sources) == 2  # the picture, and an empty icon
    assert all(source.startswith("data:") for source in sources)


def test_the_picture_inside_is_upright_and_whole() -> None:
    data = picture_bytes(colour=(10, 200, 30))
    parsed = Parsed(page_html(view(data=data)))
    (image,) = parsed.all("image")
    with Image.open(io.BytesIO(base64.b64decode(image["href"].partition("base64,")[2]))) as inside:
        assert inside.size == (WIDTH, HEIGHT)
        assert np.abs(np.asarray(inside).astype(int).mean(axis=(0, 1)) - [10, 200, 30]).max() < 3
    (svg,) = parsed.all("svg")
    assert svg["viewbox"] == f"0 0 {WIDTH} {HEIGHT}"


def test_a_large_picture_is_reduced_and_its_marks_keep_their_pixels() -> None:
    width, height = 2 * LONGER_SIDE, 300
    line = OcrLine("12 cm", 1.0, (3900, 10, 3990, 10, 3990, 30, 3900, 30))
    shown = OcrPage("0" * 64, PageStatus.OK, "", width, height, (line,))
    answer = ShownAnswer("rules", "height", Answer(None))
    parsed = Parsed(page_html(view(answer, shown=shown, data=picture_bytes(width, height))))
    (image,) = parsed.all("image")
    with Image.open(io.BytesIO(base64.b64decode(image["href"].partition("base64,")[2]))) as inside:
        assert inside.size == (LONGER_SIDE, 150)
    assert (image["width"], parsed.all("svg")[0]["viewbox"]) == (str(width), f"0 0 {width} {height}")
    assert parsed.all("polygon")[0]["points"] == "3900.0,10.0 3990.0,10.0 3990.0,30.0 3900.0,30.0"


@pytest.mark.parametrize("name", ["lines", "geometry", "candidates", "answers"])
def test_each_layer_has_shapes_rows_and_a_switch_that_the_style_knows(name: str) -> None:
    parsed = Parsed(page_html(view()))
    assert len(parsed.all("g", class_=f"layer {name}")) == 1
    assert len(parsed.all("section", class_=name)) == 1
    (switch,) = parsed.all("input", id=f"show-{name}")
    assert (switch["type"], "checked" in switch) == ("checkbox", True)
    assert f"#show-{name}:not(:checked)) .layer.{name}" in parsed.texts["style"][0]


def test_switches_for_labels_and_for_the_text_as_read() -> None:
    parsed = Parsed(page_html(view()))
    assert "checked" in parsed.all("input", id="show-tags")[0]
    assert "checked" not in parsed.all("input", id="show-read")[0]
    assert all(f"#show-{name}" in parsed.texts["style"][0] for name in ("tags", "read"))


def test_every_shape_has_a_row_and_related_keys_exist() -> None:
    parsed = Parsed(page_html(view()))
    rows = {found["data-key"] for found in parsed.all("tr") if "data-key" in found}
    shapes = {found["data-key"] for found in parsed.all("g") if "data-key" in found}
    assert shapes == rows - {"answer-1"}  # which has no place
    related = {key for name, found in parsed.elements if name == "tr" for key in found.get("data-related", "").split()}
    assert related <= rows
    assert all(re.fullmatch(r"[a-z0-9-]+", key) for key in rows)


def test_turned_text_is_written_along_its_own_baseline() -> None:
    parsed = Parsed(page_html(view()))
    read = parsed.all("text", class_="read")
    assert [found["transform"] for found in read] == [
        "translate(40.0 80.0) rotate(0.0)", "translate(40.0 200.0) rotate(-90.0)", "translate(150.0 270.0) rotate(0.0)",
    ]  # fmt: skip
    assert [found["textlength"] for found in read] == ["200.0", "80.0", "110.0"]


def test_tables_leave_out_columns_that_are_empty() -> None:
    parsed = Parsed(page_html(view(shown=page(geometry=None))))
    assert "stands" not in parsed.texts["th"]
    assert "score" in parsed.texts["th"]
    assert "probability" in parsed.texts["th"]


def test_a_page_without_text_says_so() -> None:
    empty = OcrPage("0" * 64, PageStatus.OK, "", WIDTH, HEIGHT)
    parsed = Parsed(page_html(view(ShownAnswer("rules", "height", Answer(None, reason="no text")), shown=empty)))
    assert parsed.texts["p"].count("None.") == 2
    assert not parsed.all("polygon")


def test_the_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    write_page_html(view(), out)
    assert out.read_text(encoding="utf-8") == page_html(view())
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    with pytest.raises(InputError, match="cannot be written"):
        write_page_html(view(), out / "page.html")
