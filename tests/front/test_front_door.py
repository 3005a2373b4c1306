"""What `import entx` offers, what it costs, and that README's Python runs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import entx
from entx.core.errors import EntxError
from tests.cli.runner import run_entx

ROOT = Path(entx.__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
NAMES = {
    "Answer", "EntxError", "Evaluation", "Evidence", "Extractor", "OcrLine", "Quantity", "QuantityMatch", "Store",
    "__version__", "evaluate", "extract", "find_quantities", "postprocess",
}  # fmt: skip
HEAVY = ["torch", "transformers", "cv2", "duckdb", "pandas", "openvino", "onnxruntime", "rapidocr", "sklearn", "numpy"]


def test_the_names_of_the_front_door_are_these() -> None:
    assert set(entx.__all__) == NAMES == set(dir(entx))
    assert all(getattr(entx, name) is not None for name in NAMES)
    with pytest.raises(AttributeError, match="no attribute 'Extracter'"):
        entx.Extracter  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("statement", ["import entx", "import entx; entx.find_quantities('10 cm')"])
def test_importing_it_loads_nothing_heavy(statement: str) -> None:
    code = f"import sys, json; {statement}; print(json.dumps([m for m in {HEAVY} if m in sys.modules]))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert json.loads(ended.stdout) == []


def test_quantities_are_found_with_exact_decimals() -> None:
    found = entx.find_quantities("10 x 5.50 x 3 cm")
    assert [str(one.quantity) for one in found] == ["10.0 centimetre", "5.5 centimetre", "3.0 centimetre"]


@pytest.mark.parametrize(
    ("text", "quantity"), [("about 2,5 kg", "2.5 kilogram"), ("not visible", None), ("5 metre", None)]
)
def test_postprocess_gives_a_legal_quantity_or_none(text: str, quantity: str | None) -> None:
    found = entx.postprocess(text, "item_weight")
    assert (str(found) if found else None) == quantity


def test_an_unknown_entity_is_an_error_of_entx() -> None:
    with pytest.raises(EntxError, match="colour"):
        entx.postprocess("5 g", "colour")


class TestEvaluate:
    GOLD = pd.DataFrame({"index": [1, 2, 3], "value": ["5 gram", "", "7 gram"], "image_link": ["a", "b", "c"]})
    GIVEN = pd.DataFrame({"index": [1, 2, 3], "prediction": ["5.0 gram", "", "8 gram"]})

    def test_frames_score_as_their_files_do(self, tmp_path: Path) -> None:
        self.GOLD.to_csv(tmp_path / "gold.csv", index=False)
        self.GIVEN.to_csv(tmp_path / "given.csv", index=False)
        of_files = entx.evaluate(tmp_path / "given.csv", str(tmp_path / "gold.csv"))
        of_frames = entx.evaluate(self.GIVEN, self.GOLD)
        assert of_frames == of_files
        assert of_frames.overall.counts.f1 == pytest.approx(2 / 3)

        of_one = entx.evaluate(self.GIVEN, self.GOLD, where=[("image_link", "a")])  # options reach the metric
        assert (of_one.overall.counts.rows, of_one.overall.counts.f1) == (1, 1.0)

    def test_a_missing_column_names_table_and_column(self) -> None:
        with pytest.raises(EntxError, match=r"predictions\.csv.*prediction"):
            entx.evaluate(self.GIVEN[["index"]], self.GOLD)


def test_a_store_gives_its_tables_as_frames(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, table = tmp_path / "s.duckdb", tmp_path / "q.csv"
    table.write_text("index,image_link,entity_name\n4,a.jpg,height\n9,b.jpg,width\n", encoding="utf-8")
    (tmp_path / "said.csv").write_text("index,prediction\n4,about 5 cm\n9,none\n", encoding="utf-8")
    assert run_entx(capsys, "ingest", table, "--store", path).code == 0
    given = ("--stage", "vlm", "--run", "mine", "--store", path)
    assert run_entx(capsys, "import-predictions", tmp_path / "said.csv", *given).code == 0
    with entx.Store(str(path)) as store:
        assert list(store.questions()["index"]) == [4, 9]
        assert list(store.runs()["run"]) == ["mine"]
        assert store.pages().empty
        answers = store.answers("mine")
        assert list(answers["unit"].fillna("")) == ["centimetre", ""]
        assert len(store.answers()) == 2
        assert store.answers("other").empty
    with pytest.raises(EntxError, match="no such store"):
        entx.Store(tmp_path / "none.duckdb")


@pytest.mark.engine
def test_the_python_of_the_readme_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each block as it stands, one after the other in one namespace, on pictures and a store of the demo."""
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) >= 2
    demo = ROOT / "entx" / "demo"
    shutil.copytree(demo / "pictures", tmp_path / "pictures")
    for name, source in (("bag.jpg", "06_flask.jpg"), ("drawing.jpg", "02_cabinet.jpg")):
        shutil.copy(demo / "pictures" / source, tmp_path / name)
    (tmp_path / "questions.csv").write_text(
        "index,image_link,entity_name\n1,bag.jpg,item_volume\n2,drawing.jpg,height\n", encoding="utf-8"
    )
    (tmp_path / "gold.csv").write_text("index,value\n1,1 litre\n2,54.3 centimetre\n", encoding="utf-8")
    store = tmp_path / "run.duckdb"
    for command in (("ingest", tmp_path / "questions.csv", "--images", tmp_path), ("ocr-cache",)):
        assert run_entx(capsys, *command, "--store", store, "--quiet").code == 0
    assert run_entx(capsys, "predict", "--stage", "rules", "--store", store, "--quiet").code == 0
    program = tmp_path / "program.py"
    program.write_text("\n".join(blocks), encoding="utf-8")
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", str(program)], capture_output=True, text=True, cwd=tmp_path, env=environment
    )
    assert ended.returncode == 0, ended.stderr
