"""Token trees: who sees whom, how deep each token stands, and what becomes of padding and windows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import LlamaConfig, MistralConfig, Qwen3Config

from entx.core.errors import InputError
from entx.neural.token_tree import TOKENS_PER_PASS, AttentionMasks, PromptTokens, TokenTree, TreeBatch, side_by_side


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
