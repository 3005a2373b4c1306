"""Answers take the most probable token that they may, each for itself, and know what it cost."""

from __future__ import annotations

import re

import pytest
import torch

from entx.neural.decoding import Constrainer, Writing, write_tokens
from tests.llm_stage.tiny_models import tiny_tokenizer

TOKENIZER = tiny_tokenizer()
VOCABULARY = len(TOKENIZER) + 4
END = TOKENIZER.eos_token_id


@pytest.fixture
def constrainer() -> Constrainer:
    return Constrainer(TOKENIZER, VOCABULARY, [END])


def logits_for(*wanted: str, rest: float = 0.0) -> torch.Tensor:
    """Logits of one place, highest for the first text, lower for each that follows."""
    found = torch.full((VOCABULARY,), rest)
    for rank, text in enumerate(wanted):
        (token,) = TOKENIZER(text)["input_ids"]
        found[token] = 10.0 - rank
    return found


def test_the_best_allowed_token_is_taken_and_counted_among_all(constrainer: Constrainer) -> None:
    writing = Writing(constrainer.matcher("[0-9]{1,3} inch"))
    logits = logits_for("a", "b", "7", "8")
    written = write_tokens([[writing]], logits[None, None], constrainer, [END])
    assert TOKENIZER.decode(written[0]) == "7"
    assert writing.tokens == written[0].tolist()
    assert writing.log_prob == pytest.approx(float(logits.log_softmax(-1)[written[0, 0]]), abs=1e-5)
    assert not writing.ended


def test_free_answers_take_the_best_of_all(constrainer: Constrainer) -> None:
    writing = Writing(None)
    write_tokens([[writing]], logits_for("a", "7")[None, None], constrainer, [END])
    assert TOKENIZER.decode(writing.tokens) == "a"


def test_an_end_is_counted_but_not_kept(constrainer: Constrainer) -> None:
    writing = Writing(constrainer.matcher("5|"))
    logits = torch.zeros(VOCABULARY)
    logits[END] = 3.0
    assert write_tokens([[writing]], logits[None, None], constrainer, [END]).tolist() == [[END]]
    assert writing.ended
    assert writing.tokens == []
    assert writing.log_prob == pytest.approx(float(logits.log_softmax(-1)[END]), abs=1e-6)


def test_what_has_ended_or_is_not_there_writes_nothing(constrainer: Constrainer) -> None:
    over, open_ = Writing(None, [3], -1.0, ended=True), Writing(None)
    answers = [[over, open_], [Writing(None)]]
    logits = torch.stack([torch.stack([logits_for("a"), logits_for("b")]), torch.stack([logits_for("c")] * 2)])
    written = write_tokens(answers, logits, constrainer, [END])
    assert written[0, 0] == written[1, 1] == 0
    assert (over.tokens, over.log_prob) == ([3], -1.0)
    assert [TOKENIZER.decode(one.tokens) for one in (open_, answers[1][0])] == ["b", "c"]
    assert write_tokens([[over]], logits[:1, :1], constrainer, [END]).tolist() == [[0]]


@pytest.mark.parametrize("seed", range(5))
def test_answers_side_by_side_are_as_alone_and_match_their_patterns(constrainer: Constrainer, seed: int) -> None:
    patterns = ["[0-9]{1,3} (inch|foot)|none", "(yes|no)", "[a-c]{4}"]
    generator = torch.Generator().manual_seed(seed)
    steps = torch.randn(12, 2, 2, VOCABULARY, generator=generator)
    rows = [[0, 1], [2]]
    together = [[Writing(constrainer.matcher(patterns[number])) for number in row] for row in rows]
    for logits in steps:
        write_tokens(together, logits, constrainer, [END])
    for row, numbers in enumerate(rows):
        for place, number in enumerate(numbers):
            alone = Writing(constrainer.matcher(patterns[number]))
            for logits in steps:
                write_tokens([[alone]], logits[row, place][None, None], constrainer, [END])
            assert alone.ended
            assert together[row][place].tokens == alone.tokens
            assert together[row][place].log_prob == pytest.approx(alone.log_prob, abs=1e-4)
            assert re.fullmatch(patterns[number], TOKENIZER.decode(alone.tokens))
