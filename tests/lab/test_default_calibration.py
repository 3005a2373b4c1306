"""lab/default_calibration.py on a small store: what it writes is read again, and its figures are out of fold."""

import hashlib
from pathlib import Path

import pytest

from entx.core.entities import CHALLENGE
from entx.core.types import OcrPage, PageKey, PageStatus, Question
from entx.ensemble.job import load_default
from entx.extractor import RULES, Readers
from entx.storage.pages import add_pages
from entx.storage.questions import LinkedFile, add_files, add_questions
from entx.storage.store import Store
from lab.default_calibration import fit, read_all, save_defaults
from lab.polygons import line_in

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
    readers = Readers(CHALLENGE, (RULES,))
    for name in ("again.json", "d.json"):
        save_defaults(tmp_path / name, [fit(read_all(*labelled, readers), readers, 1)])
    found = load_default(["rules"], tmp_path / "d.json")
    assert (found.rows, found.entities, found.versions) == (ROWS, ("item_weight",), readers.versions)
    assert found.measured["all"]["n"] == ROWS
    assert {part for part in found.measured if part != "reliability"} == {"all", "small", "large"}
    assert 0.7 < found.measured["all"]["f1"] < 1.0
    assert found.measured["reliability"]["q"]["rows"] == ROWS
    said = capsys.readouterr().out
    assert f"{ROWS} of {ROWS} labelled rows have a page of rapidocr" in said
    assert "ensemble less rules:" in said
    text = (tmp_path / "d.json").read_text(encoding="utf-8")
    assert text == (tmp_path / "again.json").read_text(encoding="utf-8")
    assert "NET WT" not in text
    assert all(picture not in text for picture in (f"{7}.jpg", hashlib.sha256(b"7").hexdigest()))


def test_an_example_holds_only_what_extract_would_see(labelled: tuple[Path, Path]) -> None:
    read = read_all(*labelled, Readers(CHALLENGE, (RULES,)))
    assert list(read.examples) == [1]
    for row, example, answers in zip(read.gold.rows, read.examples[1], read.answers, strict=True):
        ballot = example.ballot
        assert (ballot.index, ballot.answers, ballot.fold) == (row.index, answers, row.fold)
        assert example.present == bool(row.truth)
        assert example.ballot.candidates is not None


def test_the_shipped_figures_are_told_for_every_slice() -> None:
    for stages in (["rules"], ["rules", "llm"]):
        measured = load_default(stages).measured
        for part, rows in (("all", 868), ("small", 622), ("large", 246)):
            assert measured[part]["n"] == rows
            assert measured[part]["low"] <= measured[part]["f1"] <= measured[part]["high"]
