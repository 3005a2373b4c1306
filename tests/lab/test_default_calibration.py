"""lab/default_calibration.py on a small store: what it writes is read again, and its figures are out of fold."""

import hashlib
import tomllib
from pathlib import Path

import pytest

from entx.core.entities import CHALLENGE
from entx.core.types import OcrPage, PageKey, PageStatus, Question
from entx.ensemble.job import load_default
from entx.extractor import LLM, RULES, Readers
from entx.storage.pages import add_pages
from entx.storage.questions import FOLDS, LinkedFile, add_files, add_questions
from entx.storage.store import Store
from lab.default_calibration import main, read_all
from lab.polygons import line_in
from lab.rules_weights import BELIEFS, PENALTY, Tables, learn_all

ROWS = 80
KEY = PageKey("rapidocr", "m", "p")


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Weights that are printed, weights whose print belongs to something else, and pictures without one."""
    folder = tmp_path_factory.mktemp("labelled")
    kinds = (
        ("NET WT {0} g", "{0} gram"), ("serving size {0} g", ""), ("new and improved", ""),
        ("net weight {0} g", "{1} gram"),  # misread: no reader can be right
    )  # fmt: skip
    gold = "index,value,slice\n"
    with Store(folder / "s.duckdb", write=True) as store:
        add_questions(store, [Question(n, f"{n}.jpg", "g", "item_weight") for n in range(ROWS)], "t.csv")
        for number in range(ROWS):
            weight, slice_ = 100 + 3 * number, "small" if number % 2 else "large"
            text, truth = (one.format(weight, weight + 1) for one in kinds[(0, 0, 1, 2, 0, 3, 0, 2)[number % 8]])
            gold += f"{number},{truth},{slice_}\n"
            picture = hashlib.sha256(f"{number}".encode()).hexdigest()
            add_files(store, [LinkedFile(f"{number}.jpg", picture, f"{number}.jpg", 1, 1)])
            printed = (("A THING", 10), (text, 60))
            lines = tuple(line_in((10, y, 10 + 9 * len(one), y + 20), one, 0.9) for one, y in printed)
            add_pages(store, KEY, "ocr", [OcrPage(picture, PageStatus.OK, "", 400, 200, lines, 0.1)])
    (folder / "gold.csv").write_text(gold, encoding="utf-8")
    return folder / "s.duckdb", folder / "gold.csv"


def test_what_is_written_is_read_measured_out_of_fold_and_the_same_every_time(
    labelled: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, gold = map(str, labelled)
    for name in ("again.json", "d.json"):
        main(["--store", store, "--gold", gold, "--gold", gold, "--out", str(tmp_path / name)])
    found = load_default(tmp_path / "d.json")
    assert (found.rows, found.entities) == (2 * ROWS, ("item_weight",))
    assert found.versions.keys() == {"rules", "llm"}
    for measured in found.measured.values():
        assert measured["all"]["n"] == ROWS
        assert {part for part in measured if part != "reliability"} == {"all", "small", "large"}
        assert 0.7 < measured["all"]["f1"] < 1.0
        assert measured["reliability"]["q"]["rows"] == ROWS
    assert "ensemble less rules:" in capsys.readouterr().out
    text = (tmp_path / "d.json").read_text(encoding="utf-8")
    assert text == (tmp_path / "again.json").read_text(encoding="utf-8")
    assert "NET WT" not in text
    assert all(picture not in text for picture in (f"{7}.jpg", hashlib.sha256(b"7").hexdigest()))


def test_an_example_holds_only_what_extract_would_see(labelled: tuple[Path, Path]) -> None:
    tables = Tables(labelled[0], [labelled[1], labelled[1]])
    readers = Readers(CHALLENGE, (RULES, LLM))
    for gold, examples in zip(tables.golds, read_all(tables, readers), strict=True):
        assert len(examples) == len(gold.rows)
        for row, example in zip(gold.rows, examples, strict=True):
            assert (example.ballot.index, example.ballot.fold) == (row.index, row.fold)
            assert example.present == bool(row.truth)
            assert example.ballot.candidates is not None


def test_weights_are_learned_from_what_the_features_say(labelled: tuple[Path, Path]) -> None:
    tables = Tables(labelled[0], [labelled[1], labelled[1]])
    weight = learn_all(tables, range(FOLDS), PENALTY)["weight"]
    assert weight.weights["lookalike_on_line"] < -0.5  # "serving size" is none
    assert weight.weights["net"] > 0 > weight.weights["lookalike_on_line"]
    believed = tomllib.loads(BELIEFS.read_text(encoding="utf-8"))["weight"]
    held = learn_all(tables, range(FOLDS), 1000.0)["weight"]
    assert held.weights == {name: pytest.approx(believed.get(name, 0.0), abs=0.05) for name in held.weights}
