"""`entx extract` on a drawing with known truth, with the real engine."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont

from entx.extractor import RULES, default_stage
from tests.cli.runner import Entx

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def drawing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A box, 30 cm wide and 40 cm high, by arrows without a word."""
    picture = Image.new("RGB", (800, 800), "white")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((300, 150, 600, 600), fill=(90, 120, 160))
    for start, end in (((220, 150), (220, 600)), ((300, 680), (600, 680))):
        draw.line((start, end), fill="black", width=3)
    for x in (300, 600):
        draw.line(((x, 668), (x, 692)), fill="black", width=3)
    for y in (150, 600):
        draw.line(((208, y), (232, y)), fill="black", width=3)
    font = ImageFont.load_default(36)
    draw.text((90, 355), "40 cm", fill="black", font=font)
    draw.text((400, 700), "30 cm", fill="black", font=font)
    path = tmp_path_factory.mktemp("drawing") / "box.png"
    picture.save(path)
    return path


def _extract(entx: Entx, *arguments: object) -> list[dict[str, Any]]:
    ended = entx("extract", *arguments, "--json")
    assert ended.code == 0
    found: list[dict[str, Any]] = ended.json["answers"]
    return found


def test_explain_shows_every_candidate_with_what_made_its_score(drawing: Path, entx: Entx) -> None:
    asked = ("--entity", "height", "--entity", "width", "--stage", "rules", "--explain")
    height, width = _extract(entx, drawing, *asked)
    assert (height["answer"], width["answer"]) == ("40.0 centimetre", "30.0 centimetre")
    for answer in (height, width):
        assert answer["candidates"][0]["answer"] == answer["answer"]
        assert len(answer["candidates"]) == 2
        assert answer["candidates"][0]["score"] == answer["arms"]["rules"]["score"] > answer["candidates"][1]["score"]
    assert height["candidates"][0]["reasons"]["line_own"] > 0
    assert height["candidates"][1]["reasons"]["line_rival"] < 0


def test_explain_in_words(drawing: Path, entx: Entx) -> None:
    ended = entx("extract", drawing, "--entity", "height", "--stage", "rules", "--explain")
    lines = ended.out.splitlines()
    assert re.search(r"height  40\.0 centimetre  p = \.[5-9][0-9]  \(", lines[0])
    assert lines[1].strip().startswith("0.")
    assert re.search(r"guess_own \+[1-9]\.[0-9]", lines[1])
    assert len(lines) == 3


def test_probabilities_of_an_answer_and_of_none(drawing: Path, entx: Entx) -> None:
    height, weight = _extract(entx, drawing, "--entity", "height", "--entity", "item_weight", "--stage", "rules")
    assert 0.5 < height["p_correct"] <= height["p_present"] < 1.0
    assert (weight["answer"], weight["p_correct"]) == ("", None)
    assert weight["p_present"] < 0.5  # no unit of weight stands there
    assert list(height["arms"]) == ["rules"]
    said = entx("extract", drawing, "--entity", "item_weight", "--stage", "rules").out
    assert f"p(not shown) = {1.0 - weight['p_present']:.2f}".replace("0.", ".") in said


@pytest.mark.skipif(default_stage() == RULES, reason="torch and transformers are not installed")
def test_both_readers_are_asked_where_torch_is_installed(drawing: Path, entx: Entx) -> None:
    height, width = _extract(entx, drawing, "--entity", "height", "--entity", "width")
    for answer, truth in ((height, "40.0 centimetre"), (width, "30.0 centimetre")):
        assert list(answer["arms"]) == ["rules", "llm"]
        assert answer["answer"] == answer["arms"]["rules"]["answer"] == answer["arms"]["llm"]["answer"] == truth
        assert answer["p_correct"] > 0.5
        assert len(answer["polygon"]) == 8


def test_an_entity_without_labelled_pictures_is_told(drawing: Path, tmp_path: Path, entx: Entx) -> None:
    schema = tmp_path / "s.toml"
    schema.write_text(
        '[entity.shelf_span]\nkind = "length"\nunits = ["centimetre"]\ncues = ["span"]\n', encoding="utf-8"
    )
    asked = ("--entity", "shelf_span", "--entity", "height", "--stage", "rules", "--schema", schema)
    ended = entx("extract", drawing, *asked)
    assert ended.code == 0, ended.err
    assert ended.err.count("no labelled pictures ask") == 1
    assert "shelf_span: its probabilities are those of an average entity" in ended.err


def test_the_rules_alone_import_no_torch(drawing: Path) -> None:
    program = (
        "import sys; sys.argv = ['entx', 'extract', sys.argv[1], '--entity', 'height', '--stage', 'rules', '--quiet']\n"
        "from entx.cli.app import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "print(sorted({'torch', 'transformers', 'sklearn'} & sys.modules.keys()))"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(drawing)], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


def test_an_unknown_stage_is_one_line(drawing: Path, entx: Entx) -> None:
    entx("extract", drawing, "--entity", "height", "--stage", "vlm").assert_refused(
        "--stage vlm: known are rules, both"
    )
