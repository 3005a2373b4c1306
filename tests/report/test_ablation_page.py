"""The ablation as a page: foreign text stays text, nothing is loaded, equal input gives equal bytes."""

from __future__ import annotations

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from entx.core.entities import CHALLENGE
from entx.report.ablation.cells import percent, seconds, share, signed
from entx.report.ablation.diff import diff
from entx.report.ablation.document import html_text, json_text, write_html, write_json
from entx.report.ablation.gallery import Gallery, error_kind, make_gallery
from entx.report.ablation.measure import Options, measure
from entx.report.ablation.pictures import thumbnails
from entx.report.ablation.summary import summarise
from entx.storage.store import Store
from tests.report.ablations import GOLD, default_arms, make_store, measured, said
from tests.report.views import picture_bytes

HOSTILE = '</script><script>alert(1)</script><img src=x onerror="alert(2)">&\'"\u202e${x}'


class Page(HTMLParser):
    """The tags, the attributes and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def of(self, tag: str, name: str = "") -> list[dict[str, str | None]]:
        found = [attributes for own, attributes in self.tags if own == tag]
        return [one for one in found if not name or name in (one.get("class") or "").split()]


def report(path: Path, table: Path, runs: str = "rules,qwen", **options: Any) -> tuple[dict[str, Any], Gallery]:
    most, size = options.pop("most", 100), options.pop("picture_bytes", 1_000_000)
    with Store(path) as store:
        chosen = Options(**options)
        gathered = measure(store, table, runs.split(","), CHALLENGE, chosen)
        return summarise(store, gathered, CHALLENGE, chosen), make_gallery(gathered, most=most, picture_bytes=size)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_store(tmp_path_factory.mktemp("tiny"))


def test_one_card_for_each_question_that_somebody_has_wrong(tiny: tuple[Path, Path]) -> None:
    found, gallery = report(*tiny)
    page = Page(html_text(found, gallery))
    cards = page.of("article")
    assert [card["data-wrong"] for card in cards] == [
        "1:unit", "1:value", "0:empty", "0:value", "1:empty", "0:missed 1:missed", "0:missed 1:missed",
    ]  # fmt: skip
    assert {card["data-entity"] for card in cards} == {"item_weight", "voltage"}
    assert (gallery.shown, gallery.wrong, gallery.without_picture) == (7, 7, 0)


def test_each_filter_offers_what_there_is(tiny: tuple[Path, Path]) -> None:
    text = html_text(*report(*tiny))
    page = Page(text)
    assert [one["name"] for one in page.of("select")] == ["wrong", "right", "kind", "entity", "slice"]
    values = [one["value"] for one in page.of("option")]
    assert {"0", "1", "unit", "missed", "voltage", "large"} <= set(values)
    assert all(one.get("tabindex") == "-1" for one in page.of("article"))  # j and k focus them


def test_answers_that_are_equal_stand_together(tiny: tuple[Path, Path]) -> None:
    with Store(tiny[0]) as store:
        gathered = measure(store, tiny[1], ["rules", "qwen"], CHALLENGE, Options(strategies=("vote",)))
    card = make_gallery(gathered, most=1, picture_bytes=0).cards  # row 0
    assert card.count("500.0 gram") == 1
    assert re.search(r"✓</span> <bdi>500.0 gram</bdi></dt><dd>.*rules.*vote", card)
    assert "✗</span> <bdi>0.5 kilogram</bdi></dt><dd>" in card


def test_boxes_of_truth_and_of_evidence(tiny: tuple[Path, Path]) -> None:
    cards = make_gallery(measured(*tiny), most=100, picture_bytes=0).cards.split("<article")[1:]
    assert 'class="box c0"' in cards[0]  # the rules' own evidence
    assert 'class="truth" points="10,10 110,10 110,30 10,30"' in cards[5]  # row 6: 7 oz is the truth and stands there
    assert 'class="box' not in cards[5]  # nobody answered


def test_pictures_stand_in_the_page_once_and_boxes_in_their_pixels(tiny: tuple[Path, Path]) -> None:
    found, gallery = report(*tiny)
    page = Page(html_text(found, gallery))
    images = page.of("image")
    assert len(images) == 7
    data = str(images[0]["href"]).removeprefix("data:image/jpeg;base64,")
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (200, 100)
    assert {shot["viewbox"] for shot in page.of("svg", "shot")} == {"0 0 200 100"}
    used = [one["href"] for one in page.of("use")]
    ids = {f"#{one['id']}" for one in page.of("g") if str(one.get("id", "")).startswith("picture-")}
    assert set(used) == ids


def test_without_pictures_the_boxes_stay(tiny: tuple[Path, Path]) -> None:
    found, gallery = report(*tiny, picture_bytes=0)
    page = Page(html_text(found, gallery))
    assert page.of("image") == []
    assert len(page.of("svg", "shot")) == 7
    assert gallery.without_picture == 7
    assert "7 without their picture" in html_text(found, gallery)


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


def test_the_budget_of_pictures_is_kept(tmp_path: Path) -> None:
    import hashlib

    import numpy as np

    files = []
    for number in range(4):
        noise = np.random.default_rng(number).integers(0, 255, (900, 1200, 3), dtype=np.uint8)
        file = tmp_path / f"{number}.png"
        Image.fromarray(noise).save(file)
        files.append((hashlib.sha256(file.read_bytes()).hexdigest(), str(file)))
    whole = thumbnails(files, 100_000_000)
    assert {(one.width, one.height) for one in whole.values()} == {(720, 540)}
    small = thumbnails(files, 200_000)
    assert 0 < sum(4 * -(-len(one.jpeg) // 3) for one in small.values()) <= 200_000
    assert all(one.width < 720 for one in small.values())
    assert thumbnails(files, 400) == {}


def test_the_number_of_cards_is_bounded_and_told(tiny: tuple[Path, Path]) -> None:
    found, gallery = report(*tiny, most=2)
    text = html_text(found, gallery)
    assert len(Page(text).of("article")) == 2
    assert "7 questions that some column has wrong, the first 2 of them here" in text


def test_foreign_text_stays_text_wherever_it_stands(tmp_path: Path) -> None:
    arms = default_arms()
    arms[HOSTILE] = [said("1 gram")] * 8
    answer = said("")
    assert answer is not None
    arms["rules"][0] = type(answer)(None, HOSTILE, HOSTILE)
    arms["qwen"][1] = type(answer)(None, HOSTILE, "")
    gold = GOLD.replace("small", '"' + HOSTILE.replace('"', '""') + '"').replace("7 ounce,", '7 ounce,"<b>bold</b>"')
    path, table = make_store(tmp_path, arms, gold=gold, line=HOSTILE)
    found, gallery = report(path, table, f"rules,qwen,{HOSTILE}")
    old = json.loads(json.dumps(found))
    old["rows"][0]["answers"]["rules"] = HOSTILE
    found["diff"] = diff(old, found)
    text = html_text(found, gallery, old=HOSTILE)
    page = Page(text)
    assert len(page.of("script")) == 1
    assert page.of("img") == []
    assert page.of("b") == [one for one in page.of("b") if not one]
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert "alert(1)" not in text.split("<script>")[1].split("</script>")[0]
    assert not re.search(r"<(script|img|b>bold)", gallery.cards + gallery.pictures)
    words = "".join(page.words)
    assert "<script>alert(1)</script>" in words
    assert "${x}" in words


def test_the_policy_allows_its_own_style_and_script_and_no_network(tiny: tuple[Path, Path]) -> None:
    text = html_text(*report(*tiny))
    page = Page(text)
    policy = next(one["content"] for one in page.of("meta") if one.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy
    assert [one for _, one in page.tags if "style" in one] == []  # the policy would not allow them
    loads = [str(one.get(name)) for _, one in page.tags for name in ("src", "href") if one.get(name)]
    assert all(link.startswith(("data:", "#")) for link in loads)
    assert "http://" not in text
    assert "https://" not in text


def test_same_input_same_bytes(tiny: tuple[Path, Path], tmp_path: Path) -> None:
    for name in ("a", "b"):
        found, gallery = report(*tiny, strategies=("vote",))
        write_html(found, gallery, tmp_path / f"{name}.html")
        write_json(found, tmp_path / f"{name}.json")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["format"] == 1
    assert json_text(found).endswith("\n")


def test_what_is_not_separable_is_called_so(tiny: tuple[Path, Path]) -> None:
    text = html_text(*report(*tiny))
    matrix = text.split('id="pairs"')[1].split("</details>")[0]
    assert '<span class="same">not separable</span> <small>−.167</small>' in matrix  # qwen less rules: 4/8 - 6/9


def test_sections_without_anything_to_say_are_left_out(tiny: tuple[Path, Path]) -> None:
    found, gallery = report(*tiny, runs="rules")
    text = html_text(found, gallery)
    assert 'id="pairs"' not in text
    assert 'id="labels"' not in text
    assert 'id="changes"' not in text
    assert 'id="scores"' in text


def test_changes_since_an_older_report(tiny: tuple[Path, Path]) -> None:
    found, gallery = report(*tiny)
    old = json.loads(json.dumps(found))
    old["rows"][3]["answers"]["rules"], old["rows"][3]["outcomes"]["rules"] = "3.0 pound", "TP"
    found["diff"] = diff(old, found)
    text = html_text(found, gallery, old="old.json")
    changes = text.split('id="changes"')[1].split("</section>")[0]
    assert "Changes since old.json" in changes
    assert "TP → FP" in changes
    assert "−.127" in changes  # 8/11 then, 6/10 now
    assert "8 rows are in both reports." in changes


def test_kinds_of_error(tiny: tuple[Path, Path]) -> None:
    gathered = measured(*tiny)
    rules = gathered.columns[0]
    assert [error_kind(rules, place) for place in range(8)] == [
        None, None, "empty", "value", None, None, "missed", "missed",
    ]  # fmt: skip


def test_charts_of_a_column_with_probabilities(tmp_path: Path) -> None:
    sure = [said(text, sure=0.75) for text in ("500 gram", "2 kilogram", "1 gram", "3 pound", "12 volt")]
    path, table = make_store(tmp_path, {"rules": default_arms()["rules"], "p": sure})
    text = html_text(*report(path, table, "rules,p"))
    part = text.split('id="probabilities"')[1].split("</section>")[0]
    assert part.count('<svg class="chart"') == 3  # the curves, p, q
    assert "<title>said 0.75, came true 0.80, 5 rows</title>" in part
    assert "expected calibration error .050" in part
    assert "by score" in part


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (share(0.9014), ".901"),
        (share(1.0), "1.000"),
        (share(0.9999), "1.000"),
        (share(None), "–"),
        (signed(-0.0124), "−.012"),
        (signed(0.5), "+.500"),
        (percent(1, 4), "1 <small>(25 %)</small>"),
        (percent(0, 0), "0"),
        (seconds(1234.5), "1,234"),
        (seconds(0.1234), "0.12"),
        (seconds(None), "–"),
    ],
)
def test_figures_as_written(written: str, expected: str) -> None:
    assert written == expected
