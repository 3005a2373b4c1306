"""The small model's tokenizer counts alike after a reload beside a Qwen2 configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("transformers")

from transformers import AutoTokenizer, Qwen2Tokenizer

from entx.core.entities import CHALLENGE
from scripts.small_vlm.model import SmallShape, build_model
from scripts.small_vlm.tokenizer import ASK, END, IMAGE, PAD, VISION_END, VISION_START, build_tokenizer

TEXTS = (
    "12.5 fluid ounce", "500 gram", "0.75 centimetre", "maximum weight recommendation", "none", "220-240 V~ 50Hz",
    'Größe: 7½" × 3 cm', "NET WT. 1,500 g", "  two  spaces", "line\nbreak", "①②", "don't", f"height{ASK}none{END}",
)  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer() -> Qwen2Tokenizer:
    return build_tokenizer(CHALLENGE, ["none none"])


@pytest.fixture(scope="module")
def reloaded(tokenizer: Qwen2Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Qwen2Tokenizer:
    folder = tmp_path_factory.mktemp("model")
    shape = SmallShape(vision_width=32, vision_layers=1, vision_heads=2, hidden=32, layers=1, heads=2, kv_heads=1)
    build_model(tokenizer, shape).config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    found = AutoTokenizer.from_pretrained(Path(folder))
    assert isinstance(found, Qwen2Tokenizer)
    return found


@pytest.mark.parametrize("text", TEXTS)
def test_a_reloaded_tokenizer_gives_equal_tokens(
    text: str, tokenizer: Qwen2Tokenizer, reloaded: Qwen2Tokenizer
) -> None:
    assert reloaded(text).input_ids == tokenizer(text).input_ids


@pytest.mark.parametrize("text", TEXTS)
def test_texts_come_back(text: str, tokenizer: Qwen2Tokenizer) -> None:
    assert tokenizer.decode(tokenizer(text).input_ids) == text


def test_units_are_one_token_a_word_and_digits_one_each(tokenizer: Qwen2Tokenizer) -> None:
    for unit in CHALLENGE.units:
        assert len(tokenizer(f"7 {unit}").input_ids) == 1 + len(unit.split(" "))
    assert len(tokenizer("12345.678").input_ids) == 9


def test_entities_are_one_token_a_word(tokenizer: Qwen2Tokenizer) -> None:
    for entity in CHALLENGE.entities.values():
        assert len(tokenizer(entity.words).input_ids) == len(entity.words.split(" "))


def test_special_tokens_are_one_token_each(tokenizer: Qwen2Tokenizer, reloaded: Qwen2Tokenizer) -> None:
    for one in (tokenizer, reloaded):
        for name in (PAD, ASK, END, VISION_START, VISION_END, IMAGE):
            assert len(one(name).input_ids) == 1
        assert one.eos_token == END
        assert one.pad_token == PAD


def test_the_vocabulary_is_small(tokenizer: Qwen2Tokenizer) -> None:
    assert 256 < len(tokenizer) < 600


def test_chat_form_is_picture_question_answer(reloaded: Qwen2Tokenizer) -> None:
    user = {"role": "user", "content": [{"type": "image"}, {"type": "image"}, {"type": "text", "text": "height"}]}
    view = VISION_START + IMAGE + VISION_END
    asked = reloaded.apply_chat_template([user], tokenize=False, add_generation_prompt=True)
    assert asked == f"{view}{view}height{ASK}"
    whole = [user, {"role": "assistant", "content": "12 inch"}]
    assert reloaded.apply_chat_template(whole, tokenize=False) == f"{view}{view}height{ASK}12 inch{END}"
