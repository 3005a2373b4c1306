"""Every figure of the page is the one that the JSON file holds, read back from the tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from entx.core.entities import CHALLENGE
from entx.report.ablation import more_sections, sections
from entx.report.ablation.causes import Cause
from entx.report.ablation.diff import diff
from entx.report.ablation.document import html_text
from entx.report.ablation.gallery import make_gallery
from entx.report.ablation.measure import Options, measure
from entx.report.ablation.summary import summarise
from entx.storage.store import Store
from tests.report.ablations import default_arms, make_store, measured, of, summary
from tests.report.chance import RIGHT, make_chance_store
from tests.report.tables import Tables, figures, written

Found = dict[str, Any]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Found, Tables]:
    """The figures of the chance store as JSON, and the page's tables."""
    path, table = make_chance_store(tmp_path_factory.mktemp("many"))
    with Store(path) as store:
        chosen = Options(strategies=("vote", "stack"), price=7.2)
        gathered = measure(store, table, list(RIGHT), CHALLENGE, chosen)
        found = json.loads(json.dumps(summarise(store, gathered, CHALLENGE, chosen)))
        gallery = make_gallery(gathered, most=10, picture_bytes=0)
    return found, Tables(html_text(found, gallery))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return summary(*make_store(tmp_path_factory.mktemp("tiny")), price=3.6)


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


def test_units(tiny: Found) -> None:
    page = Tables(more_sections.units(tiny))
    for one in tiny["units"]:
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
    html = more_sections.labels({"labels": told})
    page = Tables(html)
    assert page.head["labels"] == ["", "n", "equal", "another unit", "another value", "picture states none"]
    for row in page.rows["labels"][1:]:
        assert row[1:] == ["10", "6 (60 %)", "2 (20 %)", "1 (10 %)", "1 (10 %)"]
    assert [row[0] for row in page.rows["labels"][1:]] == ["all", "a&b"]
    assert "t&lt;b&gt;.csv" in html
    assert more_sections.labels({"labels": None}) == ""


def test_a_report_without_a_price_tells_time_only(tiny: Found) -> None:
    page = Tables(more_sections.cost({**tiny, "price": None}))
    assert page.head["cost"] == ["seconds for 1,000 rows", "answering", "reading pages", "together", "F1", "asks"]
    assert page.rows["cost"][1:] == [["rules", "500", "250", "750", ".600", ""], ["qwen", "–", "0", "–", ".444", ""]]


@pytest.mark.parametrize(
    ("cost", "shown"),
    [(0.75, "0.75"), (0.01234, "0.0123"), (12.345, "12.3"), (1250.4, "1,250"), (999.7, "1,000"), (1e6, "1,000,000")],
)
def test_money_is_never_told_by_an_exponent(tiny: Found, cost: float, shown: str) -> None:
    columns = [{**column, "cost": {**column["cost"], "cost": cost}} for column in tiny["columns"]]
    page = Tables(more_sections.cost({**tiny, "columns": columns}))
    assert set(page.under("cost", "cost at 3.6 an hour").values()) == {shown}


def _changed(tiny: Found, count: int) -> tuple[Found, Found]:
    """An old report and a new one of many rows, which rules answer differently in the first so many."""
    row = next(row for row in tiny["rows"] if row["outcomes"]["rules"] == "TP")
    new = {**tiny, "rows": [{**row, "index": index} for index in range(300)]}
    before = {"answers": {**row["answers"], "rules": ""}, "outcomes": {**row["outcomes"], "rules": "FN"}}
    return {**new, "rows": [{**row, "index": i, **(before if i < count else {})} for i in range(300)]}, new


@pytest.mark.parametrize(("count", "shown"), [(0, 0), (1, 1), (200, 200), (201, 200), (300, 200)])
def test_a_long_list_of_changes_is_cut_and_the_rest_counted(tiny: Found, count: int, shown: int) -> None:
    old, new = _changed(tiny, count)
    html = more_sections.changes(diff(old, new), "old.json")
    page = Tables(html)
    changed = [row for row in page.rows["changes"] if row[-1] == "FN → TP"]
    assert [int(row[0]) for row in changed] == list(range(shown))
    assert all(row[3:5] == ["–", "500.0 gram"] for row in changed)
    assert page.under("changes", "rows changed") == {"rules": f"{count}", "qwen": "0"}
    now, then = (figures(page.under("changes", title)["rules"])[0] for title in ("F1 now", "F1 then"))
    assert (now, then) == (1.0, written(2 * (300 - count) / (2 * (300 - count) + count))[0])
    assert (f"{count - shown} more rows" in html) == (count > shown)


def test_changes_say_what_came_and_went(tiny: Found) -> None:
    fewer = {**tiny, "rows": tiny["rows"][2:], "columns": tiny["columns"][:1]}
    changed = [{**tiny["rows"][0], "truth": "501 gram"}, *tiny["rows"][1:-1]]
    html = more_sections.changes(diff({**fewer, "columns": [{"name": "a<b"}]}, {**tiny, "rows": changed}), "x")
    assert "5 rows are in both reports; 1 only in the old one; 2 only in this one" in html
    assert "added: rules, qwen; removed: a&lt;b." in html
    other = more_sections.changes(diff(tiny, {**tiny, "rows": changed}), "x")
    assert "7 rows are in both reports; 1 only in the old one; 1 with another truth." in other


def _empty_slices(folder: Path) -> Found:
    """Rows 0 to 3 belong to a slice, 4 to 7 to none."""
    path, table = make_store(folder)
    table.write_text(table.read_text(encoding="utf-8").replace(",large,", ",,"), encoding="utf-8")
    return summary(path, table)


def test_rows_without_a_slice_do_not_stand_for_all_rows(tmp_path: Path) -> None:
    found = _empty_slices(tmp_path)
    assert {name: own["n"] for name, own in found["columns"][0]["scores"]["slice"].items()} == {"small": 4, "": 4}
    assert [(test["part"], test["n"]) for test in found["pairs"]] == [("", 7), ("small", 4)]
    assert {name: part["n"] for name, part in found["oracle"]["parts"].items()} == {"": 8, "small": 4}
    assert found["oracle"]["parts"][""]["best_f1"] == of(found["columns"], "rules")["scores"]["all"][""]["f1"]


def test_rows_without_a_slice_have_a_column_that_says_so_and_no_choice_of_their_own(tmp_path: Path) -> None:
    found = _empty_slices(tmp_path)
    page = Tables(sections.scores(found))
    own = of(found["columns"], "rules")["scores"]["slice"][""]
    assert figures(page.under("scores", "F1 without a slice")["rules"]) == written(
        own["f1"], own["f1_low"], own["f1_high"]
    )
    html = html_text(
        found, make_gallery(measured(tmp_path / "s.duckdb", tmp_path / "gold.csv"), most=9, picture_bytes=0)
    )
    choices = html.split('<select name="slice">')[1].split("</select>")[0]
    assert choices == '<option value="">all</option><option value="small">small</option>'
    assert Tables(html).head["oracle"] == ["", "all rows (n 8)", "small (n 4)"]


def test_every_note_is_a_line_and_is_escaped() -> None:
    html = sections.notes(["one <i>", "two & three"])
    assert html.count("<li>") == 2
    assert "one &lt;i&gt;" in html
    assert "two &amp; three" in html
    assert sections.notes([]) == ""


def _facts(folder: Path, **options: Any) -> str:
    path, table = make_store(folder, default_arms())
    with Store(path) as store:
        chosen = Options(**options)
        gathered = measure(store, table, ["rules", "qwen"], CHALLENGE, chosen)
        found: Mapping[str, Any] = summarise(store, gathered, CHALLENGE, chosen)
        return html_text(found, make_gallery(gathered, most=0, picture_bytes=0))


def test_the_head_says_which_rows_were_measured(tmp_path: Path) -> None:
    html = _facts(tmp_path, where=(("slice", "small"), ("entity_name", "item_weight")), common=True)
    facts = html.split("<dl")[1].split("</dl>")[0]
    assert "<bdi>4 of gold.csv</bdi>" in facts
    assert "<dt>with a value</dt><dd><bdi>3</bdi>" in facts
    assert "<bdi>slice = small</bdi>" in facts
    assert "<bdi>entity_name = item_weight</bdi>" in facts
    assert "<bdi>rows that every run was asked</bdi>" in facts
    assert "7 questions" not in html
    assert "4 questions that some column has wrong, the first 0 of them here" in html
