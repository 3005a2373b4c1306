"""Which answers a constraint lets through, by the real library on a real tokenizer."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entx.core.entities import CHALLENGE, Entity
from entx.core.errors import InputError
from entx.core.postprocess import postprocess
from entx.llm_stage.prompt import answer_text
from entx.neural.decoding import Constrainer, answer_pattern, value_pattern
from tests.llm_stage.tiny_models import tiny_tokenizer

TOKENIZER = tiny_tokenizer()
CONSTRAINER = Constrainer(TOKENIZER, 300, [TOKENIZER.eos_token_id])


def accepted(text: str, pattern: str) -> bool:
    """Whether every token of the text is allowed in turn, and the end after them."""
    matcher = CONSTRAINER.matcher(pattern)
    for token in TOKENIZER(text)["input_ids"]:
        if not CONSTRAINER.allowed(matcher)[token]:
            return False
        matcher.consume_token(token)
    return bool(CONSTRAINER.allowed(matcher)[TOKENIZER.eos_token_id])


@pytest.mark.parametrize("entity", CHALLENGE.entities.values(), ids=lambda entity: entity.name)
def test_every_unit_of_the_entity_and_none_pass(entity: Entity) -> None:
    pattern = answer_pattern(entity, "none")
    assert accepted("none", pattern)
    for unit in entity.units:
        assert accepted(f"12.5 {unit}", pattern)
        assert accepted(f"7 {unit}", pattern)


@pytest.mark.parametrize(
    "text",
    ["", "5", "5 ", "5 gram", "5  inch", "5.inch", ".5 inch", "5. inch", "-5 inch", "1,000 inch", "5 inches", "5 Inch",
     "1234567 inch", "1.2345 inch", "５ inch", "none ", "nonet", "5 inch or none", "5inch", "5\ninch"],
)  # fmt: skip
def test_anything_else_does_not(text: str) -> None:
    assert not accepted(text, answer_pattern(CHALLENGE["height"], "none"))


@settings(max_examples=200, deadline=None)
@given(st.from_regex(re.compile(answer_pattern(CHALLENGE["item_volume"], "none")), fullmatch=True))
def test_what_the_pattern_allows_is_accepted_and_legal(text: str) -> None:
    assert accepted(text, answer_pattern(CHALLENGE["item_volume"], "none"))
    quantity = postprocess(text, CHALLENGE["item_volume"]).quantity
    if text != "none" and float(text.split()[0]) > 0:
        assert quantity is not None
        assert quantity.unit == text.split(" ", 1)[1]
        assert accepted(answer_text(quantity), answer_pattern(CHALLENGE["item_volume"], "none"))


def test_a_units_own_signs_are_not_read_as_a_pattern() -> None:
    entity = Entity("speed", "speed", ("m/s", "km/h (max.)"))
    assert accepted("3 km/h (max.)", answer_pattern(entity, "none"))
    assert not accepted("3 km/h (maxi)", answer_pattern(entity, "none"))


def test_matchers_do_not_share_their_state() -> None:
    pattern = answer_pattern(CHALLENGE["height"], "none")
    one, other = CONSTRAINER.matcher(pattern), CONSTRAINER.matcher(pattern)
    (five,) = TOKENIZER("5")["input_ids"]
    (n,) = TOKENIZER("n")["input_ids"]
    one.consume_token(five)
    assert CONSTRAINER.allowed(other)[n]
    assert not CONSTRAINER.allowed(one)[n]


def test_tokens_beyond_the_tokenizer_are_never_allowed() -> None:
    matcher = CONSTRAINER.matcher(answer_pattern(CHALLENGE["height"], "none"))
    allowed = CONSTRAINER.allowed(matcher)
    assert allowed.shape == (300,)
    assert not allowed[len(TOKENIZER) :].any()


def test_a_pattern_that_cannot_be_compiled_is_an_error() -> None:
    with pytest.raises(InputError, match="cannot constrain an answer"):
        CONSTRAINER.matcher("(unclosed")


@pytest.mark.parametrize("empty", ["none", ""])
def test_a_value_alone_is_an_answer_without_the_word_for_none(empty: str) -> None:
    entity = CHALLENGE["voltage"]
    assert accepted("5 volt", value_pattern(entity))
    assert accepted(empty, answer_pattern(entity, empty))
    assert not accepted(empty, value_pattern(entity))
    assert not accepted("none" if not empty else "", answer_pattern(entity, empty))
