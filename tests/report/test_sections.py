"""Every figure of the page is the one that the JSON file holds, read back from the tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from entx.report.figures import Cause
from entx.report.page import html_text
from entx.report.summary import diff
from tests.report.ablations import GOLD, RIGHT, make_store, of, report
from tests.report.tables import Tables, figures, macros, written

SECTIONS = macros("sections.html")
Found = dict[str, Any]


@pytest.fixture(scope="module")
def both(many: tuple[Path, Path]) -> tuple[Found, Tables]:
    """The figures of the chance store as JSON, and the page's tables."""
    found, gallery = report(*many, ",".join(RIGHT), strategies=("vote", "stack"), price=7.2, most=10, picture_bytes=0)
    return found, Tables(html_text(found, gallery))


def test_scores(both: tuple[Found, Tables]) -> None:
    found, page = both
    assert len(page.rows["scores"]) == 1 + len(found["columns"])
    for column in found["columns"]:
        name, score = column["name"], column["scores"]["all"][""]
        for title, key in (("F1", "f1"), ("recall", "recall"), ("coverage", "coverage"), ("F1 as text", "f1_string")):
            assert figures(page.under("scores", title)[name]) == written(score[key])
        assert figures(page.under("scores", "95 % interval")[name]) == written(score["f1_low"], score["f1_high"])
        assert page.under("scores", "n asked")[name] == f"{column['asked']} of 120"
        for part in ("small", "large"):
            own = column["scores"]["slice"][part]
            cell = page.under("scores", f"F1 {part}")[name]
            assert figures(cell) == written(own["f1"], own["f1_low"], own["f1_high"])
            assert cell.endswith(f" n {own['n']}")


def test_entities_stand_turned_round(both: tuple[Found, Tables]) -> None:
    found, page = both
    for column in found["columns"]:
        for entity, cell in page.under("entities", column["name"]).items():
            own = column["scores"]["entity_name"][entity]
            assert figures(cell) == written(own["f1"], own["f1_low"], own["f1_high"])
    assert {entity: int(n) for entity, n in page.under("entities", "n").items()} == {
        entity: own["n"] for entity, own in found["columns"][0]["scores"]["entity_name"].items()
    }


def test_a_pair_is_told_from_the_later_columns_side(both: tuple[Found, Tables]) -> None:
    found, page = both
    names = [column["name"] for column in found["columns"]]
    matrix = page.rows["pairs"][: len(names)]  # all rows; the slices come after
    assert matrix[0] == ["", *names[:-1]]
    assert [row[0] for row in matrix[1:]] == names[1:]
    for test in found["pairs"]:
        if test["part"]:
            continue
        cell = matrix[names.index(test["second"])][1 + names.index(test["first"])]
        assert figures(cell) == written(-test["difference"], -test["high"], -test["low"])
        assert ("not separable" in cell) == (not test["separable"])
    assert matrix[1][2:] == [""] * (len(names) - 2)  # the upper half is empty: each pair once


def test_variants(both: tuple[Found, Tables]) -> None:
    found, page = both
    ways = {"without postprocessor": "strict", "without geometry": "flat", "always answering": "always"}
    for one in found["variants"]:
        assert figures(page.under("variants", "as it is")[one["name"]]) == written(one["f1"])
        assert figures(page.under("variants", "perfect abstention")[one["name"]]) == written(one["perfect"])
        for title, key in ways.items():
            cell, told = page.under("variants", title)[one["name"]], one[key]
            if told is None:
                assert cell == "–"
            else:
                assert figures(cell) == written(told["f1"], told["difference"], told["low"], told["high"])
                assert ("not separable" in cell) == (not told["separable"])


def test_the_oracle_names_its_best_arm_and_what_each_hybrid_closes(both: tuple[Found, Tables]) -> None:
    found, page = both
    for part, told in found["oracle"]["parts"].items():
        cells = page.under("oracle", f"{part or 'all rows'} (n {told['n']})")
        assert figures(cells["perfect pick among the arms"]) == written(told["f1"], told["low"], told["high"])
        assert cells["best single arm"] == f"{told['best_f1']:.3f} {told['best']}".removeprefix("0")
        hybrids = {name.removesuffix(" closes"): cell for name, cell in cells.items() if name.endswith(" closes")}
        assert set(hybrids) == {column["name"] for column in found["columns"] if column["kind"] == "hybrid"}
        for name, cell in hybrids.items():
            assert int(cell.replace("−", "-").removesuffix("%")) == round(100 * told["closed"][name])


def test_causes(both: tuple[Found, Tables]) -> None:
    found, page = both
    for one in found["causes"]:
        assert int(page.under("causes", "wrong rows")[one["name"]]) == one["wrong"]
        shares = 0
        for cause in Cause:
            count, share = page.under("causes", cause.value)[one["name"]].removesuffix(" %)").split(" (")
            assert int(count) == one[cause.value]
            shares += int(share)
        assert shares == pytest.approx(100, abs=2)  # four roundings


def test_cost(both: tuple[Found, Tables]) -> None:
    found, page = both
    for column in found["columns"]:
        own = column["cost"]
        assert float(page.under("cost", "together")[column["name"]].replace(",", "")) == pytest.approx(
            own["seconds"], rel=0.05, abs=0.5
        )
        money = float(page.under("cost", "cost at 7.2 an hour")[column["name"]])
        assert money == pytest.approx(own["seconds"] * 7.2 / 3600, rel=0.01)
        assert figures(page.under("cost", "F1")[column["name"]]) == written(column["scores"]["all"][""]["f1"])
    assert page.under("cost", "asks")["vote"] == "good 100%, fair 100%, poor 100%, rare 33%"
    assert page.under("cost", "asks")["good"] == ""


def test_units(small: Found) -> None:
    qwen = of(small["units"], "qwen")  # rows 0 and 1
    assert (qwen["wrong"], qwen["converted"], qwen["rounded"]) == (2, 1, 0)
    assert qwen["examples"] == ["0: 0.5 kilogram = 500 gram"]
    assert qwen["f1_converted"] == pytest.approx(6 / 10)  # TP 3, FP 2, FN 2
    page = Tables(SECTIONS.units(small))
    for one in small["units"]:
        cells = {title: page.under("units", title)[one["name"]] for title in page.head["units"][1:]}
        assert cells == {
            "wrong values": f"{one['wrong']}",
            "equal after exact conversion": f"{one['converted']}",
            "after a rounded one": f"{one['rounded']}",
            "F1 if exact ones counted": f"{one['f1_converted']:.3f}".removeprefix("0"),
            "rows": "; ".join(one["examples"]),
        }


LABELS = {"equal": 6, "converted": 2, "other": 1, "empty": 1, "blank": 0, "agree_empty": 0}


def test_labels_show_the_kinds_that_there_are() -> None:
    told = {"source": "t<b>.csv", "n": 10, **LABELS, "entity_name": {"a&b": {"n": 10, **LABELS}}}
    html = SECTIONS.labels({"labels": told})
    page = Tables(html)
    assert page.head["labels"] == ["", "n", "equal", "another unit", "another value", "picture states none"]
    for row in page.rows["labels"][1:]:
        assert row[1:] == ["10", "6 (60 %)", "2 (20 %)", "1 (10 %)", "1 (10 %)"]
    assert [row[0] for row in page.rows["labels"][1:]] == ["all", "a&b"]
    assert "t&lt;b&gt;.csv" in html
    assert SECTIONS.labels({"labels": None}).strip() == ""


def test_a_report_without_a_price_tells_time_only(small: Found) -> None:
    page = Tables(SECTIONS.cost({**small, "price": None}))
    assert page.head["cost"] == ["seconds for 1,000 rows", "answering", "reading pages", "together", "F1", "asks"]
    assert page.rows["cost"][1:] == [["rules", "500", "250", "750", ".600", ""], ["qwen", "–", "0", "–", ".444", ""]]


@pytest.mark.parametrize(
    ("cost", "shown"),
    [(0.75, "0.75"), (0.01234, "0.0123"), (12.345, "12.3"), (1250.4, "1,250"), (999.7, "1,000"), (1e6, "1,000,000")],
)
def test_money_is_never_told_by_an_exponent(small: Found, cost: float, shown: str) -> None:
    columns = [{**column, "cost": {**column["cost"], "cost": cost}} for column in small["columns"]]
    page = Tables(SECTIONS.cost({**small, "columns": columns}))
    assert set(page.under("cost", "cost at 3.6 an hour").values()) == {shown}


@pytest.mark.parametrize(("count", "shown"), [(0, 0), (1, 1), (200, 200), (201, 200), (300, 200)])
def test_a_long_list_of_changes_is_cut_and_the_rest_counted(small: Found, count: int, shown: int) -> None:
    row = next(row for row in small["rows"] if row["outcomes"]["rules"] == "TP")
    before = {"answers": {**row["answers"], "rules": ""}, "outcomes": {**row["outcomes"], "rules": "FN"}}
    new = {**small, "rows": [{**row, "index": index} for index in range(300)]}
    old = {**small, "rows": [{**one, **before} if one["index"] < count else one for one in new["rows"]]}
    html = SECTIONS.changes(diff(old, new), "old.json")
    page = Tables(html)
    changed = [row for row in page.rows["changes"] if row[-1] == "FN → TP"]
    assert [int(row[0]) for row in changed] == list(range(shown))
    assert all(row[3:5] == ["–", "500.0 gram"] for row in changed)
    assert page.under("changes", "rows changed") == {"rules": f"{count}", "qwen": "0"}
    now, then = (figures(page.under("changes", title)["rules"])[0] for title in ("F1 now", "F1 then"))
    assert (now, then) == (1.0, written(2 * (300 - count) / (2 * (300 - count) + count))[0])
    assert (f"{count - shown} more rows" in html) == (count > shown)


def test_changes_say_what_came_and_went(small: Found) -> None:
    fewer = {**small, "rows": small["rows"][2:], "columns": small["columns"][:1]}
    changed = [{**small["rows"][0], "truth": "501 gram"}, *small["rows"][1:-1]]
    html = SECTIONS.changes(diff({**fewer, "columns": [{"name": "a<b"}]}, {**small, "rows": changed}), "x")
    assert "5 rows are in both reports; 1 only in the old one; 2 only in this one" in html
    assert "added: rules, qwen; removed: a&lt;b." in html
    other = SECTIONS.changes(diff(small, {**small, "rows": changed}), "x")
    assert "7 rows are in both reports; 1 only in the old one; 1 with another truth." in other


def test_rows_without_a_slice_do_not_stand_for_all_rows_and_are_no_choice_of_their_own(tmp_path: Path) -> None:
    """Rows 0 to 3 belong to a slice, 4 to 7 to none."""
    found, gallery = report(*make_store(tmp_path, gold=GOLD.replace(",large,", ",,")), most=9, picture_bytes=0)
    assert {name: own["n"] for name, own in found["columns"][0]["scores"]["slice"].items()} == {"small": 4, "": 4}
    assert [(test["part"], test["n"]) for test in found["pairs"]] == [("", 7), ("small", 4)]
    assert {name: part["n"] for name, part in found["oracle"]["parts"].items()} == {"": 8, "small": 4}
    assert found["oracle"]["parts"][""]["best_f1"] == of(found["columns"], "rules")["scores"]["all"][""]["f1"]
    page = Tables(SECTIONS.scores(found))
    own = of(found["columns"], "rules")["scores"]["slice"][""]
    assert figures(page.under("scores", "F1 without a slice")["rules"]) == written(
        own["f1"], own["f1_low"], own["f1_high"]
    )
    html = html_text(found, gallery)
    choices = html.split('<select name="slice">')[1].split("</select>")[0]
    assert choices == '<option value="">all</option><option value="small">small</option>'
    assert Tables(html).head["oracle"] == ["", "all rows (n 8)", "small (n 4)"]


def test_every_note_is_a_line_and_is_escaped() -> None:
    html = SECTIONS.notes(["one <i>", "two & three"])
    assert html.count("<li>") == 2
    assert "one &lt;i&gt;" in html
    assert "two &amp; three" in html
    assert SECTIONS.notes([]) == ""


def test_the_head_says_which_rows_were_measured(tiny: tuple[Path, Path]) -> None:
    where = (("slice", "small"), ("entity_name", "item_weight"))
    html = html_text(*report(*tiny, most=0, picture_bytes=0, where=where, common=True))
    facts = html.split("<dl")[1].split("</dl>")[0]
    assert "<bdi>4 of gold.csv</bdi>" in facts
    assert "<dt>with a value</dt><dd><bdi>3</bdi>" in facts
    assert "<bdi>slice = small</bdi>" in facts
    assert "<bdi>entity_name = item_weight</bdi>" in facts
    assert "<bdi>rows that every run was asked</bdi>" in facts
    assert "7 questions" not in html
    assert "4 questions that some column has wrong, the first 0 of them here" in html
