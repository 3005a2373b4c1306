"""`entx extract` on a drawing with known truth, with the real engine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from tests.cli.runner import run_entx

pytestmark = pytest.mark.engine
Capsys = pytest.CaptureFixture[str]


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


def test_explain_shows_every_candidate_with_what_made_its_score(drawing: Path, capsys: Capsys) -> None:
    ended = run_entx(capsys, "extract", drawing, "--entity", "height", "--entity", "width", "--explain", "--json")
    assert ended.code == 0
    height, width = json.loads(ended.out)["answers"]
    assert (height["answer"], width["answer"]) == ("40.0 centimetre", "30.0 centimetre")
    for answer in (height, width):
        assert answer["candidates"][0]["answer"] == answer["answer"]
        assert len(answer["candidates"]) == 2
        assert answer["candidates"][0]["score"] == answer["score"] > answer["candidates"][1]["score"]
    assert height["candidates"][0]["reasons"]["line_own"] > 0
    assert height["candidates"][1]["reasons"]["line_rival"] < 0


def test_explain_in_words(drawing: Path, capsys: Capsys) -> None:
    lines = run_entx(capsys, "extract", drawing, "--entity", "height", "--explain").out.splitlines()
    assert "height  40.0 centimetre" in lines[0]
    assert lines[1].strip().startswith("0.")
    assert "guess_own +2.2" in lines[1]
    assert len(lines) == 3
