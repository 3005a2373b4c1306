"""The readers behind the front door, on pages made by hand."""

from __future__ import annotations

import pytest

from entx.core.entities import CHALLENGE
from entx.core.types import OcrPage, PageStatus
from entx.extractor import LLM, RULES, Readers, default_stage
from entx.rules.reader import RulesReader
from tests.rules.pages import Text, page

LABEL = page(Text("NET WT 500 g", 0, 0), Text("Max load 12 kg", 0, 100))
ASKED = ["item_weight", "maximum_weight_recommendation", "height"]
BLANK = OcrPage("p", PageStatus.OK, "", 100, 100)
BROKEN = OcrPage("p", PageStatus.UNREADABLE, "truncated")


def test_the_rules_alone_say_what_the_rules_reader_says() -> None:
    readers = Readers(CHALLENGE, (RULES,))
    assert readers.stages == ("rules",)
    said = readers.read([(LABEL, ASKED)])[0]
    assert said == [(answer,) for answer in RulesReader(CHALLENGE).read(LABEL, ASKED)]
    assert [one.quantity.text if one.quantity else "" for (one,) in said] == ["500.0 gram", "12.0 kilogram", ""]


def test_their_version_changes_with_the_weights() -> None:
    readers = Readers(CHALLENGE, (RULES,))
    reader, weights = readers.versions["rules"].split()
    assert reader.isdigit()
    assert weights == readers.rules.weights.digest


@pytest.mark.parametrize("what", [BLANK, BROKEN], ids=["blank", "broken"])
def test_a_page_without_text_has_an_answer_with_a_reason_for_each_question(what: OcrPage) -> None:
    said = Readers(CHALLENGE, (RULES,)).read([(what, ASKED)])[0]
    assert len(said) == len(ASKED)
    assert all(answer.quantity is None and answer.reason for (answer,) in said)


@pytest.mark.skipif(default_stage() == RULES, reason="torch and transformers are not installed")
def test_both_answer_each_question_and_the_model_hears_nothing_of_the_rules() -> None:
    readers = Readers(CHALLENGE, (RULES, LLM))
    assert readers.stages == ("rules", "llm")
    said = readers.read([(LABEL, ASKED)])[0]
    assert [len(answers) for answers in said] == [2, 2, 2]
    assert [answers[1].quantity.text if answers[1].quantity else "" for answers in said] == [
        "500.0 gram", "12.0 kilogram", "",
    ]  # fmt: skip
    assert all(answers[1].p_correct is None for answers in said)  # its own calibration is not used
    deaf = Readers(CHALLENGE, (RULES,))
    assert [answers[0] for answers in said] == [answers[0] for answers in deaf.read([(LABEL, ASKED)])[0]]
    readers.rules.read = lambda *_: deaf.rules.read(LABEL, ["height"] * 3)  # type: ignore[method-assign]
    other = readers.read([(LABEL, ASKED)])[0]  # the rules now say nothing to any question
    assert [answers[1] for answers in other] == [answers[1] for answers in said]
    assert all(answer.quantity is None for answers in readers.read([(BLANK, ASKED)])[0] for answer in answers)
