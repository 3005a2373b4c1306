"""Idefics3's and SmolVLM's tiles and prompts against the family's own processor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import Idefics3Processor

from entx.core.errors import InputError
from entx.neural.decoding import PromptTokens
from entx.vlm_stage.families.base import Loaded
from entx.vlm_stage.families.idefics3 import CHAT, Idefics3
from tests.vlm_stage.pictures import noise, tiny_loaded
from tests.vlm_stage.tiny_vlms import tiny_vlm

FAMILY = Idefics3()
TILE = 56


@pytest.fixture(scope="module", params=["idefics3", "smolvlm"])
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return tiny_loaded(request.param, tmp_path_factory.mktemp("models") / request.param)


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tiny_loaded("idefics3", tmp_path_factory.mktemp("models") / "codec").codec


@pytest.mark.parametrize("sizes", [[(224, 168)], [(168, 224), (56, 224)]])
def test_prompts_and_tiles_are_those_of_the_familys_processor(codec: Any, sizes: list[tuple[int, int]]) -> None:
    """At the finest grid, which is the only one that the processor makes of a picture."""
    pictures = [noise(number, *size) for number, size in enumerate(sizes)]
    assert [codec.view_size(size, 10**7) for size in sizes] == sizes
    pixels = codec.pixels(pictures)
    prompt = codec.prompt(pixels, "What is the height?\nReply.")
    content = [*({"type": "image"} for _ in pictures), {"type": "text", "text": "What is the height?\nReply."}]
    text = codec.tokenizer.apply_chat_template(
        [{"role": "user", "content": content}], chat_template=CHAT, tokenize=False, add_generation_prompt=True
    )
    processor = Idefics3Processor(codec.images, codec.tokenizer, image_seq_len=4)
    expected = processor(images=[pictures], text=[text], return_tensors="pt")
    made = codec.batch([pixels], [prompt], prompts=[len(prompt)], left=True)
    for name in ("input_ids", "attention_mask", "pixel_values"):
        assert torch.equal(made[name], expected[name]), name
    assert (expected["pixel_attention_mask"] == 1).all()  # which is why none is made here


def test_a_view_of_one_tile_is_not_cut(codec: Any) -> None:
    picture = noise(0, TILE, TILE)
    pixels = codec.pixels([picture])
    assert pixels.tensors["pixel_values"].shape == (1, 3, TILE, TILE)
    text = codec.tokenizer.decode(codec.prompt(pixels, "What?"))
    mark = "<fake_token_around_image>"
    assert text.startswith(f"<|im_start|>User:{mark}<global-img>{'<image>' * 4}{mark}What?<end_of_utterance>\n")
    assert text.endswith("Assistant:")


def test_image_tokens_are_what_the_prompt_holds(loaded: Loaded) -> None:
    views = [noise(0, TILE, TILE), noise(1, 3 * TILE, 2 * TILE), noise(2, TILE, 4 * TILE)]
    codec = loaded.codec
    pixels = codec.pixels(views)
    assert pixels.views == tuple(codec.image_tokens(view.size) for view in views)
    bare = codec.tokenizer(codec._chat.text(3, "What?"), add_special_tokens=False)["input_ids"]
    prompt = codec.prompt(pixels, "What?")
    assert len(prompt) == len(bare) - 3 + pixels.tokens
    tiles = 1 + (6 + 1) + (4 + 1)
    assert prompt.count(codec.image_token) == 4 * tiles
    with torch.inference_mode():
        (seen,) = FAMILY.encode(loaded.model, [pixels])
    assert seen.tokens.shape == (4 * tiles, 32)


def test_pictures_of_many_and_few_tiles_share_a_batch(loaded: Loaded) -> None:
    pixels = [loaded.codec.pixels([noise(0, TILE, TILE)]), loaded.codec.pixels([noise(1, 2 * TILE, TILE)])]
    rows = [loaded.codec.prompt(one, "What?") for one in pixels]
    made = loaded.codec.batch(pixels, rows, prompts=[len(row) for row in rows], left=False)
    assert made["pixel_values"].shape == (2, 3, 3, TILE, TILE)
    with torch.inference_mode():
        together = loaded.model(**made).logits
        for number, (one, row) in enumerate(zip(pixels, rows, strict=True)):
            alone = loaded.model(**loaded.codec.batch([one], [row], prompts=[len(row)], left=False)).logits[0]
            torch.testing.assert_close(together[number, : len(row)], alone, atol=1e-4, rtol=1e-4)
        for one, seen in zip(pixels, FAMILY.encode(loaded.model, pixels), strict=True):
            (alone_seen,) = FAMILY.encode(loaded.model, [one])
            torch.testing.assert_close(seen.tokens, alone_seen.tokens, atol=1e-5, rtol=1e-5)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 10**6))
def test_a_view_is_a_grid_within_the_budget(codec: Any, width: int, height: int, pixels: int) -> None:
    wide, high = codec.view_size((width, height), pixels)
    across, down = wide // TILE, high // TILE
    assert (wide, high) == (across * TILE, down * TILE)
    assert 1 <= max(across, down) <= 4
    assert max(across, down) <= -(-max(width, height) // TILE)
    assert across * down == 1 or (across * down + 1) * TILE**2 <= pixels


def test_a_larger_budget_never_makes_a_coarser_grid(codec: Any) -> None:
    areas = [
        wide * high for wide, high in (codec.view_size((2000, 1100), TILE**2 * tiles) for tiles in range(1, 20))
    ]  # fmt: skip
    assert areas == sorted(areas)
    assert (areas[0], areas[-1]) == (TILE**2, 4 * 3 * TILE**2)


def test_the_shared_part_ends_behind_the_last_picture(codec: Any) -> None:
    pixels = codec.pixels([noise(0, TILE, TILE), noise(1, 2 * TILE, TILE)])
    prompts = [list(codec.prompt(pixels, question)) for question in ("Height?", "A width?")]
    tokens = PromptTokens.of(prompts, [[], []], ["", ""])
    assert codec.tokenizer.decode(tokens.questions[0]).startswith("Height?")


def test_answers_are_led_by_a_space_unless_they_are_empty(codec: Any) -> None:
    assert codec.lead == " "
    assert codec.tokenizer.decode(codec.completion("5 gram")) == " 5 gram"
    assert codec.completion("") == ()
    assert codec.tokenizer.decode([codec.ends[0]]) == "<end_of_utterance>"


def test_a_question_with_a_placeholder_is_refused(codec: Any) -> None:
    with pytest.raises(InputError, match="holds the model's placeholder"):
        codec.prompt(codec.pixels([noise(0, TILE, TILE)]), "What is <image>?")


@pytest.mark.parametrize("kind", ["idefics3", "smolvlm"])
def test_what_is_saved_is_loaded_again(kind: str, tmp_path: Path) -> None:
    loaded = FAMILY.load(tiny_vlm(kind, tmp_path / "model"), device="cpu")
    loaded.model.save_pretrained(tmp_path / "again")
    loaded.codec.save(tmp_path / "again")
    other = FAMILY.load(tmp_path / "again", device="cpu")
    picture = noise(0, 2 * TILE, TILE)
    pixels = loaded.codec.pixels([picture])
    assert other.codec.prompt(pixels, "What?") == loaded.codec.prompt(pixels, "What?")
    assert torch.equal(other.codec.pixels([picture]).tensors["pixel_values"], pixels.tensors["pixel_values"])
    assert f'"image_processor_type": "{"SmolVLM" if kind == "smolvlm" else "Idefics3"}ImageProcessor"' in (
        tmp_path / "again" / "preprocessor_config.json"
    ).read_text()  # fmt: skip


def test_scopes_are_parts_of_the_model(loaded: Loaded) -> None:
    language, vision = (set(FAMILY.lora_targets(loaded.model, scope)) for scope in ("language", "vision"))
    assert set(FAMILY.lora_targets(loaded.model, "all")) == language | vision
    assert all(".text_model." in name for name in language)
    assert "model.connector.modality_projection.proj" in vision
    assert (len(language), len(vision)) == (3 * 7, 2 * 6 + 1)
