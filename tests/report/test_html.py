"""Foreign text in HTML stays text, figures are readable, every point of a chart is where it belongs."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from html import unescape
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from entx.report.page import (
    COLOURS,
    MISSING,
    asset,
    data_uri,
    environment,
    money,
    seconds,
    share,
    signed,
)
from tests.report.tables import Tables, macros


def plain(text: str) -> str:
    return environment().from_string("{{ text }}").render(text=text)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a < b & c", "a &lt; b &amp; c"),
        ('"it\'s"', "&#34;it&#39;s&#34;"),
        ("</script>", "&lt;/script&gt;"),
        ("zero\0bell\a", "zero\N{REPLACEMENT CHARACTER}bell\N{REPLACEMENT CHARACTER}"),
        ("half \ud83d", "half \N{REPLACEMENT CHARACTER}"),
        ("tab\tline\n", "tab\tline\n"),
        ("", ""),
    ],
)
def test_plain(text: str, written: str) -> None:
    assert plain(text) == written


@given(st.text())
def test_no_text_opens_a_tag_or_ends_an_attribute(text: str) -> None:
    written = plain(text)
    assert not set(written) & set("<>\"'")
    written.encode("utf-8")
    assert len(unescape(written)) == len(text)


@pytest.mark.parametrize("name", ["show.html", "show.css", "show.js", "ablation.html", "ablation.css", "ablation.js"])
def test_assets_ship_with_the_package(name: str) -> None:
    text = asset(name)
    assert text.endswith("\n")
    assert "http://" not in text
    assert "https://" not in text
    if name.endswith(".js"):
        assert "innerHTML" not in text
        assert "eval(" not in text


CELLS, CHARTS = macros("figures.html"), macros("charts.html")
LEFT, RIGHT, TOP, BOTTOM = 40.0, 310.0, 10.0, 222.0
"""The frame of a chart in its own pixels."""
SHARE = st.floats(0.0, 1.0)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def _tree(chart: str) -> ET.Element:
    return ET.fromstring(chart)  # a mark that is not closed, or a text that is not escaped, does not parse


def _points(tree: ET.Element, tag: str = "circle") -> list[tuple[float, float]]:
    return [(float(one.attrib["cx"]), float(one.attrib["cy"])) for one in tree.iter(tag)]


def _corners(path: str) -> list[tuple[float, float]]:
    numbers = [float(text) for text in NUMBER.findall(path)]
    return list(zip(numbers[0::2], numbers[1::2], strict=True))


def _path(tree: ET.Element, kind: str) -> list[tuple[float, float]]:
    return _corners(next(one.attrib["d"] for one in tree.iter("path") if kind in one.attrib["class"].split()))


def _inside(x: float, y: float) -> bool:
    return LEFT <= x <= RIGHT and TOP <= y <= BOTTOM


def test_an_interval_bar_by_hand() -> None:
    tree = _tree(CHARTS.interval_bar(0.5, 0.25, 0.875, 13))
    assert [one.attrib["d"] for one in tree] == ["M0 6H100", "M25.0 6H87.5", "M50.0 1V11"]
    assert [one.attrib["class"] for one in tree] == ["axis", "c1 range", "c1 at"]  # the thirteenth has the second's


def test_the_corners_of_a_reliability_chart_are_the_corners_of_its_frame() -> None:
    bins = [{"said": 0.0, "true": 0.0, "rows": 1}, {"said": 1.0, "true": 1.0, "rows": 4}]
    tree = _tree(CHARTS.reliability("a", bins, 0))
    assert _points(tree) == [(LEFT, BOTTOM), (RIGHT, TOP)]
    assert _path(tree, "axis") == [(LEFT, BOTTOM), (RIGHT, TOP)]  # what comes true as said lies on it
    assert [float(one.attrib["r"]) for one in tree.iter("circle")] == [6.2, 10.0]
    titles = ["".join(one.itertext()) for one in tree.iter("circle")]
    assert titles == ["said 0.00, came true 0.00, 1 rows", "said 1.00, came true 1.00, 4 rows"]


BIN = st.fixed_dictionaries({"said": SHARE, "true": SHARE, "rows": st.integers(1, 10**6)})


@given(bins=st.lists(BIN, min_size=1, max_size=10), name=st.text(max_size=20), number=st.integers(0, 40))
def test_bins_lie_inside_and_are_larger_with_more_rows(bins: list[dict[str, Any]], name: str, number: int) -> None:
    tree = _tree(CHARTS.reliability(name, bins, number))
    assert all(_inside(*point) for point in _points(tree))
    radius = {one["rows"]: float(dot.attrib["r"]) for one, dot in zip(bins, tree.iter("circle"), strict=True)}
    assert [radius[rows] for rows in sorted(radius)] == sorted(radius.values())
    assert 2.5 <= min(radius.values()) <= max(radius.values()) == 10.0
    assert {dot.attrib["class"] for dot in tree.iter("circle")} == {f"c{number % COLOURS} point"}


CURVE = st.fixed_dictionaries({
    "name": st.text(max_size=8), "points": st.lists(st.tuples(SHARE, SHARE), min_size=1, max_size=9),
    "at": st.tuples(SHARE, SHARE),
})  # fmt: skip


@given(st.lists(CURVE, max_size=4))
def test_a_curve_goes_through_its_points_and_has_a_dot_where_it_stands(curves: list[dict[str, Any]]) -> None:
    tree = _tree(CHARTS.coverage(curves, [one["name"] for one in curves]))
    lines = [_corners(one.attrib["d"]) for one in tree.iter("path") if one.attrib["class"].endswith(" curve")]
    assert [len(line) for line in lines] == [len(one["points"]) for one in curves]
    for line, dot, one in zip(lines, _points(tree), curves, strict=True):
        for (x, y), (across, up) in zip([*line, dot], [*one["points"], one["at"]], strict=True):
            assert _inside(x, y)
            assert (x - LEFT) / (RIGHT - LEFT) == pytest.approx(across, abs=0.001)
            assert (BOTTOM - y) / (BOTTOM - TOP) == pytest.approx(up, abs=0.001)


def _scale(tree: ET.Element) -> list[tuple[float, float]]:
    """(height, value) of the marks up the side."""
    side = [one for one in tree.iter("text") if one.attrib.get("text-anchor") == "end"]
    return [(float(one.attrib["y"]) - 4.0, float(one.text or "")) for one in side]


POINT = st.tuples(SHARE, SHARE, SHARE, SHARE).map(
    lambda four: {"asked": four[0], **dict(zip(("low", "f1", "high"), sorted(four[1:]), strict=True))}
)


@given(st.lists(POINT, min_size=1, max_size=11))
@example([{"asked": asked, "low": 0.9, "f1": 0.9, "high": 0.9} for asked in (0.0, 0.5, 1.0)])  # a band without height
def test_the_frontiers_marks_tell_the_height_of_every_point(points: list[dict[str, float]]) -> None:
    tree = _tree(CHARTS.frontier(points))
    marks = _scale(tree)
    assert marks[0][0] == BOTTOM
    assert marks[-1][0] == TOP
    low, high = marks[0][1], marks[-1][1]
    assert low <= min(one["low"] for one in points) + 1e-9
    assert high >= max(one["high"] for one in points) - 1e-9
    for height, value in marks:
        assert (BOTTOM - height) / (BOTTOM - TOP) == pytest.approx((value - low) / (high - low), abs=0.002)
    for (x, y), one in zip(_points(tree), points, strict=True):
        assert _inside(x, y)
        assert (x - LEFT) / (RIGHT - LEFT) == pytest.approx(one["asked"], abs=0.001)
        assert low + (BOTTOM - y) / (BOTTOM - TOP) * (high - low) == pytest.approx(one["f1"], abs=0.001)
    edge = [(one["asked"], one["high"]) for one in points] + [(one["asked"], one["low"]) for one in points[::-1]]
    for (x, y), (asked, f1) in zip(_path(tree, "band"), edge, strict=True):
        assert (x - LEFT) / (RIGHT - LEFT) == pytest.approx(asked, abs=0.001)
        assert low + (BOTTOM - y) / (BOTTOM - TOP) * (high - low) == pytest.approx(f1, abs=0.001)
    assert _path(tree, "curve") == _points(tree)


def test_a_narrow_band_has_a_fine_scale_and_a_wide_one_a_coarse_one() -> None:
    one = {"asked": 0.0, "f1": 0.83, "low": 0.81, "high": 0.88}
    assert [value for _, value in _scale(_tree(CHARTS.frontier([one])))] == [0.8, 0.85, 0.9]
    assert [value for _, value in _scale(_tree(CHARTS.frontier([{**one, "low": 0.5}])))] == [0.4, 0.6, 0.8, 1.0]


@pytest.mark.parametrize("name", ['<script>"', "a & b", "\x00'", "\ud800"])
def test_names_in_charts_are_text(name: str) -> None:
    curve = {"name": name, "points": [(0.0, 0.0)], "at": (0.0, 0.0)}
    for chart in (CHARTS.coverage([curve], [name]), CHARTS.reliability(name, [{"said": 0, "true": 0, "rows": 1}], 0)):
        assert "<script" not in chart
        _tree(chart)


@given(st.floats(0.0, 1.0))
def test_a_share_is_read_back_to_half_a_thousandth(value: float) -> None:
    text = share(value)
    assert float(text) == pytest.approx(value, abs=0.0005 + 1e-12)
    assert text.startswith(".") or text == "1.000"


@given(st.floats(-1.0, 1.0))
def test_a_difference_has_its_sign_and_size(value: float) -> None:
    text = signed(value)
    assert text[0] == ("−" if value < 0 else "+")
    assert float(text[1:]) == pytest.approx(abs(value), abs=0.0005 + 1e-12)


@given(st.floats(0.0, 1e9))
def test_money_and_seconds_are_plain_figures_of_two_digits_or_more(value: float) -> None:
    for text, digits in ((money(value), 3), (seconds(value), 2)):
        if value >= 0.001:
            assert "e" not in text
        assert float(text.replace(",", "")) == pytest.approx(value, rel=0.5 * 10 ** (1 - digits), abs=1e-12)


@given(count=st.integers(0, 5000), more=st.integers(0, 5000))
def test_a_count_and_its_share(count: int, more: int) -> None:
    text = CELLS.percent(count, count + more)
    shown, _, rest = text.partition(" <small>(")
    assert int(shown.replace(",", "")) == count
    if count + more:
        assert int(rest.removesuffix(" %)</small>")) == pytest.approx(100 * count / (count + more), abs=0.5)
    else:
        assert rest == ""


TABLE = """{% from "figures.html" import name, note, section, table, th %}
{% call section("k", "<title>") %}{% call table(th(header)) %}{% for one in names %}
<tr><th>{{ name(one, loop.index0) }}</th>{% for _ in header[1:] %}<td><b>1</b></td>{% endfor %}</tr>
{% endfor %}{% endcall %}{{ note("a < b") }}{% endcall %}"""


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=12)


@given(header=st.lists(TEXT, min_size=1, max_size=5), names=st.lists(TEXT, max_size=4))
def test_a_table_holds_the_texts_it_was_given_whatever_they_are(header: list[str], names: list[str]) -> None:
    html = environment().from_string(TABLE).render(header=header, names=names)
    page = Tables(html)
    assert page.rows["k"][0] == header
    assert page.rows["k"][1:] == [[name, *(["1"] * (len(header) - 1))] for name in names]
    assert html.startswith('<section id="k"><h2>&lt;title&gt;</h2>')
    assert html.endswith('<p class="note">a &lt; b</p></section>')


def test_a_long_name_may_be_broken_before_its_plus_and_colours_come_round() -> None:
    assert CELLS.name("stack+challenge-f1", 12).endswith("<bdi>stack<wbr>+challenge-f1</bdi>")
    assert 'class="dot c0"' in CELLS.name("a", COLOURS)


SCORE = {"f1": 0.125, "f1_low": 0.0, "f1_high": 0.25, "n": 1234}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (share(0.9014), ".901"), (share(1.0), "1.000"), (share(0.9999), "1.000"), (share(None), "–"),
        (signed(-0.0124), "−.012"), (signed(0.5), "+.500"), (money(None), MISSING), (seconds(None), MISSING),
        (seconds(1234.5), "1,234"), (seconds(0.1234), "0.12"), (data_uri(b"\xff\xd8"), "data:image/jpeg;base64,/9g="),
        (CELLS.percent(1, 4), "1 <small>(25 %)</small>"), (CELLS.percent(0, 0), "0"),
        (CELLS.interval(0.5, 1.0), "<small>[.500, 1.000]</small>"),
        (CELLS.signed_interval(-0.25, 0.0), "<small>[−.250, +.000]</small>"),
        (CELLS.f1(SCORE), ".125 <small>[.000, .250]</small> <small>n 1,234</small>"),
        (CELLS.f1(SCORE, n=False), ".125 <small>[.000, .250]</small>"),
    ],
)  # fmt: skip
def test_figures_as_written(written: str, expected: str) -> None:
    assert written == expected
