"""What goes into an ablation: older reports, times, labels and pictures; what is wrong with them is told in a line."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError, TableError
from entx.ensemble.job import run_ensemble
from entx.report.ablation.audit import table_labels
from entx.report.ablation.cost import costs, hybrid_costs
from entx.report.ablation.diff import diff, load_summary
from entx.report.ablation.document import write_html, write_json
from entx.report.ablation.gallery import make_gallery
from entx.report.ablation.gold import read_gold
from entx.report.ablation.pictures import JPEG_QUALITY, SIDES, thumbnails
from entx.storage.runs import find_arms
from entx.storage.store import Store
from tests.report.ablations import GOLD, default_arms, make_store, measured, of, summary


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_store(tmp_path_factory.mktemp("tiny"))


def _without(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {**row, **{of: {k: v for k, v in row[of].items() if k != name} for of in ("answers", "outcomes")}}


@pytest.mark.parametrize("what", ["a name that no row has", "a row without a column", "a number as an answer"])
def test_an_older_report_that_could_not_be_compared_is_refused(
    tiny: tuple[Path, Path], what: str, tmp_path: Path
) -> None:
    good = summary(*tiny)
    rows, columns = good["rows"], good["columns"]
    changed = {
        "a name that no row has": {"columns": [*columns, {"name": "ghost"}]},
        "a row without a column": {"rows": [*rows[:-1], _without(rows[-1], "qwen")]},
        "a number as an answer": {"rows": [{**rows[0], "answers": {**rows[0]["answers"], "qwen": 5}}, *rows[1:]]},
    }[what]
    path = tmp_path / "old.json"
    path.write_text(json.dumps({**good, **changed}), encoding="utf-8")
    with pytest.raises(InputError, match=r"old\.json: a damaged ablation report: (ValueError|TypeError)") as caught:
        load_summary(path)
    assert "\n" not in str(caught.value)


KEYS = st.sampled_from(["rows", "columns"])
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)


@given(key=KEYS, value=JSON, inside=st.sampled_from(["", "index", "truth", "answers", "outcomes", "name"]))
def test_whatever_stands_in_an_older_report_it_is_read_or_refused(
    small: dict[str, Any], folder: Path, key: str, value: Any, inside: str
) -> None:
    wrong = [{**small[key][0], inside: value}, *small[key][1:]] if inside else value
    path = folder / "old.json"
    path.write_text(json.dumps({**small, key: wrong}), encoding="utf-8")
    told = ""
    try:
        assert {"rows", "columns"} <= diff(load_summary(path), small).keys()  # what is let in can be compared
    except InputError as error:
        told = str(error)
    assert not told or told.startswith(f"{path}: a damaged ablation report: ")


@pytest.fixture(scope="module")
def small(tiny: tuple[Path, Path]) -> dict[str, Any]:
    return summary(*tiny)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("old")


def test_what_was_written_is_read_as_it_was(tiny: tuple[Path, Path], small: dict[str, Any], tmp_path: Path) -> None:
    write_json(small, tmp_path / "r.json")
    assert load_summary(tmp_path / "r.json") == small
    write_html(small, make_gallery(measured(*tiny), most=1, picture_bytes=0), tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text(encoding="utf-8").startswith("<!")
    with pytest.raises(InputError, match=r"r\.html"):
        write_json(small, tmp_path / "r.html" / "r.json")  # a file is no folder
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.html", "r.json"]


def _costs(path: Path, runs: list[str], price: float | None = None, **told: float) -> dict[str, dict[str, Any]]:
    with Store(path) as store:
        return costs(store, find_arms(store, runs, CHALLENGE.digest), price, told)


def test_told_seconds_are_those_of_an_imported_run(tiny: tuple[Path, Path]) -> None:
    found = _costs(tiny[0], ["rules", "qwen"], 3600.0, qwen=1200.0)
    assert (found["qwen"]["answering_seconds"], found["qwen"]["seconds"]) == (1200.0, 1200.0)
    assert found["qwen"]["cost"] == pytest.approx(1200.0)  # 3600 an hour are 1 a second
    assert found["rules"] == _costs(tiny[0], ["rules"], 3600.0)["rules"]


@pytest.mark.parametrize(("run", "there"), [("rules", "qwen"), ("ghost", "qwen")])
def test_seconds_of_a_run_that_was_timed_are_refused(tiny: tuple[Path, Path], run: str, there: str) -> None:
    with pytest.raises(InputError, match=rf"--seconds {run}: only imported runs brought no times \({there}\)"):
        _costs(tiny[0], ["rules", "qwen"], **{run: 5.0})
    with pytest.raises(InputError, match=rf"--seconds {run}: .*\(none\)"):
        _costs(tiny[0], ["rules"], **{run: 5.0})


def test_a_stored_ensemble_costs_what_its_members_do_where_they_are_known(tmp_path: Path) -> None:
    path, _ = make_store(tmp_path)
    with Store(path, write=True) as store:
        run_ensemble(store, "vote", ["rules", "qwen"], CHALLENGE, "kept")
    assert _costs(path, ["rules", "qwen", "kept"])["kept"]["seconds"] is None  # qwen has no times
    found = _costs(path, ["rules", "qwen", "kept"], qwen=1000.0)
    assert found["kept"]["reading_seconds"] == found["rules"]["reading_seconds"] == 250.0
    own = found["kept"]["answering_seconds"] - found["rules"]["answering_seconds"] - 1000.0
    assert 0.0 <= own < 60_000.0  # its own time, which is real
    assert _costs(path, ["rules", "kept"])["kept"]["seconds"] is None  # a member is not in the report


RATE = st.fixed_dictionaries({
    "answering_seconds": st.one_of(st.none(), st.floats(0.0, 1e6)), "reading_seconds": st.floats(0.0, 1e4),
})  # fmt: skip


@given(runs=st.lists(RATE, min_size=1, max_size=4), share=st.floats(0.0, 1.0), price=st.floats(0.01, 100.0))
def test_looking_less_never_costs_more(runs: list[dict[str, Any]], share: float, price: float) -> None:
    of_runs = {f"{place}": own for place, own in enumerate(runs)}
    looked = {"some": {**dict.fromkeys(of_runs, share), "0": 1.0}, "all": dict.fromkeys(of_runs, 1.0)}
    looked["first"] = {**dict.fromkeys(of_runs, 0.0), "0": 1.0}
    found = hybrid_costs(looked, of_runs, price)
    first, some, whole = (found[name]["seconds"] for name in ("first", "some", "all"))
    assert (first is None) == (runs[0]["answering_seconds"] is None)
    if whole is not None:
        assert first - 1e-6 <= some <= whole + 1e-6
        assert whole <= sum(own["answering_seconds"] + own["reading_seconds"] for own in runs) + 1e-6
        assert found["all"]["cost"] == pytest.approx(whole * price / 3600.0)
    assert (some is None) == any(
        own["answering_seconds"] is None for place, own in enumerate(runs) if share or place == 0
    )
    assert found["some"]["looked"] == looked["some"]


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


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("image_link,entity_name\n0.jpg,voltage\n", "entity_value"),
        ("image_link,entity_name,entity_value\n0.jpg,colour,red\n", "unknown entity"),
        ("", "empty"),
        ('image_link,entity_name,entity_value\n"0.jpg,voltage,1 volt\n', "never closed"),
    ],
)
def test_a_training_table_that_is_none_is_told(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises((InputError, TableError), match=says) as caught:
        table_labels(path, CHALLENGE)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_gold_rows_are_those_of_the_table_in_its_order(tiny: tuple[Path, Path], tmp_path: Path) -> None:
    path = tmp_path / "gold.csv"
    path.write_text("value,also,index,image\n 9 volt ,,7,a\n,x,2,b\n1 gram,2 gram |  | 3 gram ,0,a\n", encoding="utf-8")
    with Store(tiny[0]) as store:
        gold = read_gold(path, store, CHALLENGE)
    assert [(row.index, row.entity_name, row.truth) for row in gold.rows] == [
        (7, "voltage", "9 volt"), (2, "item_weight", ""), (0, "item_weight", "1 gram"),
    ]  # fmt: skip
    assert gold.groups.tolist() == [0, 1, 0]  # the table's own pictures, not the store's links
    assert [row.also for row in gold.rows] == [(), ("x",), ("2 gram", "3 gram")]
    assert {quantity.text for quantity in gold.rows[2].rights} == {"1.0 gram", "2.0 gram", "3.0 gram"}
    assert gold.rows[1].rights == frozenset()
    assert list(gold.parts) == ["all", "entity_name"]
    assert {name: rows.tolist() for name, rows in gold.parts["entity_name"].items()} == {
        "item_weight": [1, 2], "voltage": [0],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ([("colour", "red")], "colour"),
        ([("slice", "none")], "it holds 'small', 'large'"),
        ([("slice", "small"), ("entity_name", "voltage")], "no row is left"),
    ],
)
def test_rows_that_nothing_is_left_of(tiny: tuple[Path, Path], where: list[tuple[str, str]], says: str) -> None:
    with Store(tiny[0]) as store, pytest.raises((InputError, TableError), match=says) as caught:
        read_gold(tiny[1], store, CHALLENGE, where)
    assert "\n" not in str(caught.value)


def test_every_row_was_labelled_twice_by_mistake(tmp_path: Path) -> None:
    path, table = make_store(tmp_path, gold=GOLD + GOLD.splitlines()[1] + "\n")
    with pytest.raises(TableError, match="0") as caught:
        measured(path, table)
    assert "gold.csv" in str(caught.value)


def test_a_run_of_the_store_is_the_same_column_alone_and_beside_others(tmp_path: Path) -> None:
    path, table = make_store(tmp_path, {**default_arms(), "again": default_arms()["qwen"]})
    alone, beside = summary(path, table, "qwen"), summary(path, table, "again,rules,qwen")
    for part in ("scores", "asked", "cost"):
        assert of(alone["columns"], "qwen")[part] == of(beside["columns"], "qwen")[part]
    assert of(beside["columns"], "again")["scores"] == of(beside["columns"], "qwen")["scores"]
    assert of(alone["units"], "qwen") == of(beside["units"], "qwen")
