"""`entx show`, with the real engine where a picture is read on the spot."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from entx.core.types import Question
from entx.storage.questions import add_questions
from entx.storage.store import Store
from tests.cli.runner import Entx

PICTURES = Path(str(files("entx") / "demo")) / "pictures"
CABINET = PICTURES / "02_cabinet.jpg"


@pytest.mark.engine
def test_a_picture_is_read_and_shown_as_page_and_picture(tmp_path: Path, entx: Entx) -> None:
    html, png = tmp_path / "a.html", tmp_path / "a.png"
    ended = entx("show", CABINET, "--entity", "height", "--entity", "voltage", "--out", html, "--out", png, "--json")
    assert ended.code == 0, ended.err
    found = ended.json
    assert found["files"] == [str(html), str(png)]
    assert [(said["run"], said["entity"], said["answer"]) for said in found["answers"]] == [
        ("rules", "height", "54.3 centimetre"), ("rules", "voltage", ""),
    ]  # fmt: skip
    assert found["answers"][1]["reason"]
    page = html.read_text(encoding="utf-8")
    assert "54.3 centimetre" in page
    assert "data:image/jpeg;base64," in page
    with Image.open(png) as drawn, Image.open(CABINET) as original:
        assert drawn.format == "PNG"
        assert drawn.width > original.width
        shrunk = drawn.crop((0, 0, 900, 900)).resize(original.size)
        assert np.abs(np.asarray(shrunk).astype(int) - np.asarray(original).astype(int)).max() > 100


@pytest.mark.engine
def test_a_question_of_a_store_is_shown_with_its_runs(
    tmp_path: Path, entx: Entx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = tmp_path / "s.duckdb"
    (tmp_path / "t.csv").write_text(f"index,image_link,entity_name\n7,{CABINET.name},height\n")
    (tmp_path / "v.csv").write_text("index,prediction\n7,about 54.3 cm\n")
    for command in (
        ["ingest", "t.csv", "--images", PICTURES, "--store", store],
        ["ocr-cache", "--store", store, "--workers", "1"],
        ["predict", "--stage", "rules", "--store", store],
        ["import-predictions", "v.csv", "--stage", "vlm", "--run", "vlm", "--store", store],
    ):
        assert entx(*command).code == 0
    ended = entx("show", "7", "--store", store)
    assert ended.code == 0, ended.err
    assert ended.out.splitlines()[:2] == ["rules  height  54.3 centimetre", "vlm  height  54.3 centimetre"]
    assert "Question 7: height" in (tmp_path / "7.entx.html").read_text(encoding="utf-8")
    one = entx("show", "7", "--store", store, "--run", "vlm", "--out", "v.png", "--json")
    assert [said["run"] for said in one.json["answers"]] == ["vlm"]
    assert sorted(path.name for path in tmp_path.glob("*.entx.*")) == ["7.entx.html"]


def test_what_is_no_picture_is_one_line_and_no_file(tmp_path: Path, entx: Entx) -> None:
    (tmp_path / "x.jpg").write_text("<html>not found</html>")
    ended = entx("show", tmp_path / "x.jpg", "--entity", "height", "--out", tmp_path / "x.html")
    assert ended.code == 2
    assert ended.err.splitlines() == [f"entx: {tmp_path}/x.jpg: unreadable: not a picture: an HTML page"]
    assert not (tmp_path / "x.html").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.jpg"], "gone.jpg: cannot be read: No such file"),
        (["12"], "12: no such file; for a question's index name its store with --store"),
        (["a.jpg", "--store", "s.duckdb"], "a.jpg: with --store give a question's index"),
        (["12", "--store", "s.duckdb", "--entity", "height"], "--entity is for a picture file"),
        (["a.jpg", "--run", "rules"], "--run needs --store"),
        (["a.jpg", "--out", "a.pdf"], "--out a.pdf: write .html or .png"),
        (["a.jpg", "--entity", "hight"], "unknown entity 'hight'"),
        (["12", "--store", "none.duckdb"], "none.duckdb: no such store"),
        (["9" * 60, "--store", "s.duckdb"], f"no question {'9' * 60} in s.duckdb"),
        (["12", "--store", "s.duckdb"], "no question 12 in s.duckdb; it holds questions 3 to 5"),
    ],
)
def test_wrong_use_is_one_line(
    tmp_path: Path,
    entx: Entx,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    with Store(tmp_path / "s.duckdb", write=True) as store:
        add_questions(store, [Question(i, "a.jpg", "", "height") for i in (3, 5)], "t.csv")
    ended = entx("show", *arguments)
    assert ended.code == 2
    (line,) = ended.err.splitlines()
    assert message in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.duckdb"]
