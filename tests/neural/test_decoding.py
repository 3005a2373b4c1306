"""Token trees: who sees whom, how deep, what becomes of padding and windows; what a constraint lets through."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import LlamaConfig, MistralConfig, Qwen3Config

from entx.core.entities import CHALLENGE, Entity
from entx.core.errors import InputError
from entx.core.postprocess import postprocess
from entx.core.types import parse_written
from entx.core.units import implausible
from entx.llm_stage.prompt import answer_text
from entx.neural.decoding import (
    TOKENS_PER_PASS,
    AttentionMasks,
    Constrainer,
    PromptTokens,
    TokenTree,
    TreeBatch,
    Writing,
    answer_pattern,
    side_by_side,
    value_pattern,
    write_tokens,
)
from tests.llm_stage.tiny_models import tiny_tokenizer


def ancestors(tree: TokenTree) -> list[set[int]]:
    """Each node's ancestors and itself, by following parents one by one."""
    parents = list(range(-1, len(tree.tokens) - 1))
    for parent, first, _ in tree.segments:
        parents[first] = parent
    found = []
    for node in range(len(tree.tokens)):
        path, at = set(), node
        while at >= 0:
            path.add(at)
            at = parents[at]
        found.append(path)
    return found


@st.composite
def trees(draw: st.DrawFn) -> TokenTree:
    tree = TokenTree()
    tree.add(-1, list(range(draw(st.integers(1, 6)))))
    for _ in range(draw(st.integers(0, 6))):
        tree.add(draw(st.integers(-1, len(tree.tokens) - 1)), list(range(draw(st.integers(0, 4)))))
    return tree


@settings(max_examples=100, deadline=None)
@given(trees())
def test_a_node_sees_its_ancestors_only_and_stands_at_their_number(tree: TokenTree) -> None:
    seen = tree.visible()
    for node, path in enumerate(ancestors(tree)):
        assert set(np.flatnonzero(seen[node])) == path
        assert tree.depths[node] == len(path) - 1


def test_adding_nothing_gives_the_parent() -> None:
    tree = TokenTree()
    assert tree.add(-1, [5, 6]) == 1
    assert tree.add(1, []) == 1
    assert tree.add(0, [7]) == 2


@settings(max_examples=50, deadline=None)
@given(st.lists(trees(), min_size=1, max_size=4))
def test_padding_stands_at_the_left_and_sees_only_itself(many: list[TokenTree]) -> None:
    batch = TreeBatch.of(many)
    width = batch.tokens.shape[1]
    assert width == max(len(tree.tokens) for tree in many)
    for row, (tree, offset) in enumerate(zip(many, batch.offsets, strict=True)):
        assert batch.tokens[row, offset:].tolist() == tree.tokens
        assert batch.depths[row, offset:].tolist() == tree.depths
        assert torch.equal(batch.visible[row, offset:, offset:], torch.from_numpy(tree.visible()))
        assert torch.equal(batch.visible[row, :offset], torch.eye(width, dtype=torch.bool)[:offset])
        assert not batch.visible[row, offset:, :offset].any()


def test_prompts_are_split_where_they_begin_to_differ() -> None:
    prompt = PromptTokens.of([[1, 2, 3, 4], [1, 2, 9]], [[[7]], [[8], [8, 8]]], ["", ""])
    assert (prompt.prefix, prompt.questions) == ([1, 2], [[3, 4], [9]])
    assert prompt.width == 2 + 3 + 4


def test_a_question_keeps_at_least_one_token_of_its_own() -> None:
    assert PromptTokens.of([[1, 2, 3]], [[]], [""]).questions == [[3]]
    same = PromptTokens.of([[1, 2], [1, 2]], [[], []], ["", ""])
    assert (same.prefix, same.questions) == ([1], [[2], [2]])
    longer = PromptTokens.of([[1, 2], [1, 2, 3]], [[], []], ["", ""])
    assert (longer.prefix, longer.questions) == ([1], [[2], [2, 3]])


def test_the_last_tokens_of_the_questions_come_last() -> None:
    tree, tips = PromptTokens.of([[1, 2, 3, 4], [1, 5, 6]], [[], []], ["", ""]).tree()
    assert tips == [len(tree.tokens) - 2, len(tree.tokens) - 1]
    assert [tree.tokens[tip] for tip in tips] == [4, 6]
    assert [tree.depths[tip] for tip in tips] == [3, 2]


def test_a_window_is_cut_by_depth_not_by_column() -> None:
    tree = TokenTree()
    tree.add(-1, [0, 1, 2, 3])
    left, right = tree.add(3, [4]), tree.add(3, [5])
    batch = TreeBatch.of([tree])
    masks = AttentionMasks(MistralConfig(sliding_window=3), torch.float32)
    mask = masks.of(batch.visible, batch.depths, batch.depths)
    assert isinstance(mask, torch.Tensor)
    for tip in (left, right):  # both at depth 4: three tokens back to depth 2, however many columns lie between
        assert torch.nonzero(mask[0, 0, tip] == 0).flatten().tolist() == [2, 3, tip]


def test_each_kind_of_layer_gets_its_mask() -> None:
    config = Qwen3Config(num_hidden_layers=2, layer_types=["full_attention", "sliding_attention"], sliding_window=2)
    config.sliding_window = 2
    tree = TokenTree()
    tree.add(-1, [0, 1, 2])
    batch = TreeBatch.of([tree])
    masks = AttentionMasks(config, torch.float32).of(batch.visible, batch.depths, batch.depths)
    assert isinstance(masks, dict)
    assert int((masks["full_attention"] == 0).sum()) == 6
    assert int((masks["sliding_attention"] == 0).sum()) == 5


def test_models_that_read_tokens_by_their_order_are_refused() -> None:
    config = LlamaConfig()
    config.layer_types = ["full_attention", "linear_attention"]
    with pytest.raises(InputError, match="linear_attention layers"):
        AttentionMasks(config, torch.float32)


def test_a_chain_read_in_both_directions_sees_all_of_itself() -> None:
    tree = TokenTree()
    prompt = tree.add(-1, [0, 1, 2], both=True)
    answer = tree.add(prompt, [3, 4])
    seen = tree.visible()
    assert seen[:3, :3].all()
    assert not seen[:3, 3:].any()
    assert [set(np.flatnonzero(seen[node])) for node in (3, answer)] == [{0, 1, 2, 3}, {0, 1, 2, 3, 4}]
    assert tree.depths == [0, 1, 2, 3, 4]


def test_a_whole_prompt_ends_where_its_answer_begins() -> None:
    prompt = PromptTokens([1, 2, 3], [[]], [[[7, 8]]], [""], both=True)
    tree, tips = prompt.tree()
    assert tips == [2]
    assert tree.blocks == [(0, 3)]
    assert prompt.width == 5


def test_a_window_does_not_cut_what_is_read_in_both_directions() -> None:
    tree = TokenTree()
    prompt = tree.add(-1, [0, 1, 2, 3], both=True)
    answer = tree.add(prompt, [4])
    longer = TokenTree()
    longer.add(-1, [0, 1, 2, 3, 4, 5])
    batch = TreeBatch.of([tree, longer])
    assert not batch.together[1].any()
    masks = AttentionMasks(MistralConfig(sliding_window=2), torch.float32)
    mask = masks.of(batch.visible, batch.depths, batch.depths, batch.together)
    assert isinstance(mask, torch.Tensor)
    for token in range(4):
        assert torch.nonzero(mask[0, 0, 1 + token] == 0).flatten().tolist() == [1, 2, 3, 4]
    assert torch.nonzero(mask[0, 0, 1 + answer] == 0).flatten().tolist() == [4, 5]
    assert torch.nonzero(mask[1, 0, 3] == 0).flatten().tolist() == [2, 3]


def test_layers_of_one_kind_get_one_mask() -> None:
    config = Qwen3Config(num_hidden_layers=2, layer_types=["full_attention"] * 2, sliding_window=2)
    assert AttentionMasks(config, torch.float32).windows is None


@given(st.lists(st.integers(0, 500), max_size=40), st.integers(1, 1000))
def test_every_row_is_in_one_pass_that_fits(widths: list[int], most: int) -> None:
    found = list(side_by_side(widths, most))
    assert sorted(number for some in found for number in some) == list(range(len(widths)))
    for some in found:
        assert len(some) == 1 or len(some) * max(widths[number] for number in some) <= most


def test_the_widest_come_first() -> None:
    assert list(side_by_side([3, 9, 1, 8], 18)) == [[1, 3], [0, 2]]
    assert list(side_by_side([3, 9], 1)) == [[1], [0]]


def test_a_row_is_not_put_off_where_it_fits() -> None:
    assert len(list(side_by_side([10] * 7, 20))) == 4


def test_a_graphics_card_takes_more() -> None:
    assert TOKENS_PER_PASS["cuda"] > TOKENS_PER_PASS["cpu"]


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
    written = parse_written(text)
    if written is not None and not implausible(written):  # none, zero, and what no product has are no answers
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
