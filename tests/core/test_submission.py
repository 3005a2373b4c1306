"""Which prediction files may be handed in."""

from decimal import Decimal
from pathlib import Path

import pytest

from entx.core.entities import CHALLENGE, load_schema
from entx.core.errors import TableError
from entx.core.submission import Fault, check_file, check_prediction
from entx.core.types import Quantity
from tests.core.official_rule import officially_accepted, random_predictions

TEST = "index,image_link,group_id,entity_name\n0,a.jpg,1,width\n3,a.jpg,1,item_weight\n7,b.jpg,2,voltage\n"


@pytest.mark.parametrize("text", ["", "5 metre", "5.0 inch", "0.25 foot", "0 yard", "123456.789 millimetre"])
def test_legal_answers(text: str) -> None:
    assert check_prediction(text, CHALLENGE["width"]) is None
    assert officially_accepted(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("10 volt", "not allowed for width"), ("10 meter", "not allowed"), ("10 feet", "not allowed"),
        ("10 Metre", "not allowed"), ("10  metre", "not allowed"), ("10 metre ", "not allowed"),
        (" 10 metre", "plain number"), (" ", "plain number"), ("-10 metre", "plain number"),
        ("+10 metre", "plain number"), ("=10 metre", "plain number"), ("@10 metre", "plain number"),
        ("010 metre", "plain number"), (".5 metre", "plain number"), ("5. metre", "plain number"),
        ("1,000 metre", "plain number"), ("1e3 metre", "plain number"), ("nan metre", "plain number"),
        ("inf metre", "plain number"), ("5", "plain number"), ("5metre", "plain number"),
        ("5 to 6 metre", "not allowed"), ("[5, 6] metre", "plain number"), ("None", "plain number"),
        ("NA", "plain number"), ("5\tmetre", "printable ASCII"), ("5\u00a0metre", "printable ASCII"),
        ("5 metre\n", "printable ASCII"), ("５ metre", "printable ASCII"), ("٣ metre", "printable ASCII"),
        ("9" * 41 + " metre", "too long"),
    ],
)  # fmt: skip
def test_faulty_answers_are_explained(text: str, problem: str) -> None:
    said = check_prediction(text, CHALLENGE["width"])
    assert problem in said
    assert said.isprintable()
    assert len(said) < 250


def test_every_unit_is_legal_for_its_entity_and_no_other_is() -> None:
    for entity in CHALLENGE.entities.values():
        for unit in CHALLENGE.units:
            text = Quantity(Decimal("1.5"), unit).text
            assert (check_prediction(text, entity) is None) == (unit in entity.units)


def test_ours_accepts_implies_the_official_rule_accepts() -> None:
    verdicts = {(ours, theirs): 0 for ours in (True, False) for theirs in (True, False)}
    for text, name in random_predictions(20_000, seed=11):
        verdicts[check_prediction(text, CHALLENGE[name]) is None, officially_accepted(text)] += 1
    assert verdicts[True, False] == 0
    assert min(verdicts[True, True], verdicts[False, True], verdicts[False, False]) > 2_000  # the fuzz sees all three


def test_the_official_rule_is_as_soft_as_described() -> None:
    accepted = [
        "10 volt", "-5 gram", "007 gram", "٣ gram", "9" * 400 + " gram", "5 meter", "5 feet", " 5 gram ", "5\ngram",
    ]  # fmt: skip
    refused = [
        "5 grams", "5 Gram", ".5 gram", "5. gram", "1,000 gram", "1e3 gram", "5 gram to 6 gram", "5 fluid  ounce",
    ]  # fmt: skip
    assert all(map(officially_accepted, accepted))
    assert not any(map(officially_accepted, refused))


def check(tmp_path: Path, predictions: str, test: str = TEST) -> list[Fault]:
    (tmp_path / "pred.csv").write_text(predictions, encoding="utf-8")
    (tmp_path / "test.csv").write_text(test, encoding="utf-8")
    return check_file(tmp_path / "pred.csv", tmp_path / "test.csv", CHALLENGE)


def test_a_good_file_has_no_fault(tmp_path: Path) -> None:
    assert check(tmp_path, "index,prediction\n0,5.0 metre\n3,\n7,12.0 volt\n") == []
    assert check(tmp_path, "index,prediction\r\n0,5.0 metre\r\n3,\r\n7,12.0 volt") == []
    assert check(tmp_path, "index,prediction\n", "index,entity_name\n") == []


def test_every_fault_is_named_with_its_line(tmp_path: Path) -> None:
    body = "index,prediction\n3,5 metre\n0,=1+1\nx,\n3,5 gram\n8,5 gram\n"
    faults = check(tmp_path, body)
    assert [(fault.line, fault.column) for fault in faults] == [
        (2, "index"), (2, "prediction"), (3, "prediction"), (4, "index"), (5, "index"), (6, "index"), (None, None),
    ]  # fmt: skip
    text = [str(fault) for fault in faults]
    assert text[0] == "line 2, column index: index 3 is not where the test table has it; keep its order"
    assert "not allowed for item_weight" in text[1]
    assert "'x' is no index" in text[3]
    assert "already used on line 2" in text[4]
    assert "index 8 is not in the test table" in text[5]
    assert text[6] == "index 7 (test.csv, line 4) has no row"


@pytest.mark.parametrize(
    ("header", "rows"),
    [("prediction,index", [",0", ",3", ",7"]), ("index,prediction,x", ["0,,", "3,,", "7,,"])],
)
def test_the_header_is_index_and_prediction(tmp_path: Path, header: str, rows: list[str]) -> None:
    faults = check(tmp_path, "\n".join([header, *rows]) + "\n")
    assert [(fault.line, fault.column) for fault in faults] == [(1, None)]
    assert "not 'index,prediction'" in str(faults[0])


def test_words_that_pandas_takes_for_empty_are_faults(tmp_path: Path) -> None:
    assert [fault.line for fault in check(tmp_path, "index,prediction\n0,NA\n3,null\n7,nan\n")] == [2, 3, 4]


def test_one_lost_row_is_one_fault(tmp_path: Path) -> None:
    test = "index,entity_name\n" + "".join(f"{i},width\n" for i in range(1_000))
    body = "index,prediction\n" + "".join(f"{i},\n" for i in range(1_000) if i != 500)
    assert [str(fault) for fault in check(tmp_path, body, test)] == ["index 500 (test.csv, line 502) has no row"]


@pytest.mark.parametrize(
    ("order", "lines"),
    [
        ([*range(50), *range(51, 100), 50], [101]), ([50, *range(50), *range(51, 100)], [2]),
        ([*range(10), 70, *range(10, 20), 5_000, 15, *range(20, 70), *range(71, 100)], [12, 23, 24]),
        ([*range(40), *range(60, 100), *range(40, 60)], list(range(82, 102))),
    ],
)  # fmt: skip
def test_the_fewest_rows_that_stand_wrongly_are_named(tmp_path: Path, order: list[int], lines: list[int]) -> None:
    test = "index,entity_name\n" + "".join(f"{i},width\n" for i in range(100))
    faults = check(tmp_path, "index,prediction\n" + "".join(f"{i},\n" for i in order), test)
    assert [(fault.line, fault.column) for fault in faults] == [(line, "index") for line in lines]


def test_an_index_used_three_times_names_the_first_line(tmp_path: Path) -> None:
    faults = check(tmp_path, "index,prediction\n0,\n0,\n0,\n3,\n7,\n")
    assert [str(fault) for fault in faults] == [
        f"line {line}, column index: index 0 was already used on line 2" for line in (3, 4)
    ]


def test_faults_of_the_tables_themselves_are_errors(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="unknown entity 'length'"):
        check(tmp_path, "index,prediction\n0,\n", "index,entity_name\n0,length\n")
    with pytest.raises(TableError, match=r"test\.csv, line 3, column index"):
        check(tmp_path, "index,prediction\n0,\n", "index,entity_name\n0,width\n0,width\n")
    with pytest.raises(TableError, match=r"pred\.csv, line 2, column prediction"):
        check(tmp_path, "index,prediction\n0\n")


def test_a_schema_of_ones_own_decides_its_units(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('[entity.cable]\nkind = "length"\nunits = ["metre"]\n', encoding="utf-8")
    (tmp_path / "pred.csv").write_text("index,prediction\n0,5.0 metre\n1,5.0 inch\n", encoding="utf-8")
    (tmp_path / "test.csv").write_text("index,entity_name\n0,cable\n1,cable\n", encoding="utf-8")
    faults = check_file(tmp_path / "pred.csv", tmp_path / "test.csv", load_schema(tmp_path / "s.toml"))
    assert [fault.line for fault in faults] == [3]
