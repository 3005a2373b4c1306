"""Which answers a constraint lets through, by the real library on a real tokenizer; and how answers are written."""

from __future__ import annotations

import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from entx.core.entities import CHALLENGE, Entity
from entx.core.errors import InputError
from entx.core.postprocess import postprocess
from entx.llm_stage.prompt import answer_text
from entx.neural.decoding import Constrainer, Writing, answer_pattern, value_pattern, write_tokens
from tests.llm_stage.tiny_models import tiny_tokenizer

TOKENIZER = tiny_tokenizer()
END = TOKENIZER.eos_token_id
VOCABULARY = 300
CONSTRAINER = Constrainer(TOKENIZER, VOCABULARY, [END])


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


def logits_for(*wanted: str, rest: float = 0.0) -> torch.Tensor:
    """Logits of one place, highest for the first text, lower for each that follows."""
    found = torch.full((VOCABULARY,), rest)
    for rank, text in enumerate(wanted):
        (token,) = TOKENIZER(text)["input_ids"]
        found[token] = 10.0 - rank
    return found


def test_the_best_allowed_token_is_taken_and_counted_among_all() -> None:
    writing = Writing(CONSTRAINER.matcher("[0-9]{1,3} inch"))
    logits = logits_for("a", "b", "7", "8")
    written = write_tokens([[writing]], logits[None, None], CONSTRAINER, [END])
    assert TOKENIZER.decode(written[0]) == "7"
    assert writing.tokens == written[0].tolist()
    assert writing.log_prob == pytest.approx(float(logits.log_softmax(-1)[written[0, 0]]), abs=1e-5)
    assert not writing.ended


def test_free_answers_take_the_best_of_all() -> None:
    writing = Writing(None)
    write_tokens([[writing]], logits_for("a", "7")[None, None], CONSTRAINER, [END])
    assert TOKENIZER.decode(writing.tokens) == "a"


def test_an_end_is_counted_but_not_kept() -> None:
    writing = Writing(CONSTRAINER.matcher("5|"))
    logits = torch.zeros(VOCABULARY)
    logits[END] = 3.0
    assert write_tokens([[writing]], logits[None, None], CONSTRAINER, [END]).tolist() == [[END]]
    assert writing.ended
    assert writing.tokens == []
    assert writing.log_prob == pytest.approx(float(logits.log_softmax(-1)[END]), abs=1e-6)


def test_what_has_ended_or_is_not_there_writes_nothing() -> None:
    over, open_ = Writing(None, [3], -1.0, ended=True), Writing(None)
    answers = [[over, open_], [Writing(None)]]
    logits = torch.stack([torch.stack([logits_for("a"), logits_for("b")]), torch.stack([logits_for("c")] * 2)])
    written = write_tokens(answers, logits, CONSTRAINER, [END])
    assert written[0, 0] == written[1, 1] == 0
    assert (over.tokens, over.log_prob) == ([3], -1.0)
    assert [TOKENIZER.decode(one.tokens) for one in (open_, answers[1][0])] == ["b", "c"]
    assert write_tokens([[over]], logits[:1, :1], CONSTRAINER, [END]).tolist() == [[0]]


@pytest.mark.parametrize("seed", range(5))
def test_answers_side_by_side_are_as_alone_and_match_their_patterns(seed: int) -> None:
    patterns = ["[0-9]{1,3} (inch|foot)|none", "(yes|no)", "[a-c]{4}"]
    generator = torch.Generator().manual_seed(seed)
    steps = torch.randn(12, 2, 2, VOCABULARY, generator=generator)
    rows = [[0, 1], [2]]
    together = [[Writing(CONSTRAINER.matcher(patterns[number])) for number in row] for row in rows]
    for logits in steps:
        write_tokens(together, logits, CONSTRAINER, [END])
    for row, numbers in enumerate(rows):
        for place, number in enumerate(numbers):
            alone = Writing(CONSTRAINER.matcher(patterns[number]))
            for logits in steps:
                write_tokens([[alone]], logits[row, place][None, None], CONSTRAINER, [END])
            assert alone.ended
            assert together[row][place].tokens == alone.tokens
            assert together[row][place].log_prob == pytest.approx(alone.log_prob, abs=1e-4)
            assert re.fullmatch(patterns[number], TOKENIZER.decode(alone.tokens))
