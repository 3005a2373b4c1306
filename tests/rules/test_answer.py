"""The `predict --stage rules` job over a store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError
from entx.core.types import Answer, PageKey, Question
from entx.rules.reader import answer_questions
from entx.storage.pages import add_pages, choose_pages
from entx.storage.questions import LinkedFile, add_files, add_questions
from entx.storage.runs import load_answers, run_settings
from entx.storage.store import Store
from tests.rules.pages import Text, page

KEY = PageKey("rapidocr", "m", "p")
TALL, WIDE = (100.0, 100.0, 100.0, 700.0), (100.0, 900.0, 700.0, 900.0)
DRAWING = replace(page(Text("30 cm", 0, 0, WIDE), Text("40 cm", 0, 300, TALL), roundness=0.5), picture="s1")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with one drawing and three questions about it."""
    path = tmp_path / "s.duckdb"
    with Store(path, write=True) as store:
        asked = [Question(n, "a.jpg", "g", name) for n, name in enumerate(("height", "width", "depth"))]
        add_questions(store, asked, "test.csv")
        add_files(store, [LinkedFile("a.jpg", "s1", "a.jpg", 1, 1)])
        add_pages(store, KEY, "r", [DRAWING])
    return path


def _label(path: Path, width: str, depth: str) -> None:
    """Adds a labelled table about the same group, of other pictures."""
    labels = {"g": (width, depth), "h": ("50.0 centimetre", "5.0 centimetre")}
    rows = [
        (f"{group}{n}.jpg", group, name, label)
        for group, pair in labels.items()
        for n in range(40)
        for name, label in zip(("width", "depth"), pair, strict=True)
    ]
    with Store(path, write=True) as store:
        questions = [Question(100 + n, *row[:3], None, row[3]) for n, row in enumerate(rows)]
        add_questions(store, questions, "train.csv")


def _answers(path: Path, run: str) -> list[Answer]:
    with Store(path, write=True) as store:
        answer_questions(store, choose_pages(store, None), CHALLENGE, run)
        return [answer for _, answer in load_answers(store, run)]


def _texts(answers: list[Answer]) -> list[str]:
    return [answer.quantity.text if answer.quantity else "" for answer in answers]


def test_the_geometry_of_the_store_is_used_and_the_score_is_kept(path: Path) -> None:
    answers = _answers(path, "rules")
    assert _texts(answers)[:2] == ["40.0 centimetre", "30.0 centimetre"]
    assert all(answer.score is not None and 0.0 < answer.score < 1.0 for answer in answers)


@pytest.mark.parametrize(("label", "answer"), [("8.0 centimetre", "30.0 centimetre"), ("1.0 centimetre", "")])
def test_labels_in_the_store_are_a_prior_for_depth(path: Path, label: str, answer: str) -> None:
    """Where they say that depth repeats the width it does; where the group is flat the depth stays empty."""
    _label(path, "8.0 centimetre", label)
    assert _texts(_answers(path, "with"))[2] == answer


def test_a_run_is_not_continued_with_other_labels(path: Path) -> None:
    _answers(path, "rules")
    assert _texts(_answers(path, "rules"))[0] == "40.0 centimetre"
    with Store(path) as store:
        settings = run_settings(store, "rules")
    assert settings["habits"] == ""
    assert len(settings["weights"]) == 16
    _label(path, "8.0 centimetre", "8.0 centimetre")
    with pytest.raises(InputError, match="habits was '', is "):
        _answers(path, "rules")
