"""PaliGemma's pictures and prompts against its own processor; who sees whom while an answer is learnt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import PaliGemmaProcessor

from entx.core.errors import InputError
from entx.vlm_stage.families.base import Loaded
from entx.vlm_stage.families.paligemma import PaliGemma
from tests.vlm_stage.pictures import noise, tiny_loaded
from tests.vlm_stage.tiny_vlms import tiny_vlm

FAMILY = PaliGemma()


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return tiny_loaded("paligemma", tmp_path_factory.mktemp("models") / "paligemma")


@pytest.fixture(scope="module")
def processor(loaded: Loaded, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tiny_vlm("paligemma", tmp_path_factory.mktemp("models") / "of_processor")
    fresh = FAMILY.load(folder, device="cpu").codec  # the processor adds tokens to the tokenizer that it is given
    return PaliGemmaProcessor(fresh.images, fresh.tokenizer)


@pytest.mark.parametrize("views", [1, 2])
def test_prompts_and_pixels_are_those_of_the_familys_processor(loaded: Loaded, processor: Any, views: int) -> None:
    question = "answer en What is the height?\nReply."
    pictures = [noise(number, 56, 56) for number in range(views)]
    pixels = loaded.codec.pixels(pictures)
    prompt = loaded.codec.prompt(pixels, question)
    given = processor(images=[pictures], text=["<image>" * views + question])
    made = loaded.codec.batch([pixels], [prompt], prompts=[len(prompt)], left=True)
    for name, tensor in made.items():
        assert torch.equal(tensor, torch.tensor(np.array(given[name]))), name
    assert pixels.views == (16,) * views


def test_prompts_with_answers_are_those_of_the_familys_processor(loaded: Loaded, processor: Any) -> None:
    picture = noise(0, 56, 56)
    pixels = loaded.codec.pixels([picture])
    prompt = loaded.codec.prompt(pixels, "height?")
    row = [*prompt, *loaded.codec.completion("5.0 inch"), loaded.codec.ends[0]]
    given = processor(images=[[picture]], text=["<image>height?"], suffix=["5.0 inch"])
    made = loaded.codec.batch([pixels], [row], prompts=[len(prompt)], left=False)
    for name in ("input_ids", "attention_mask", "token_type_ids"):
        assert torch.equal(made[name], torch.tensor(np.array(given[name]))), name


def test_an_answers_tokens_do_not_reach_those_before_them(loaded: Loaded) -> None:
    """The same prompt with two answers: states of the prompt and of what the answers share must not differ."""
    pixels = loaded.codec.pixels([noise(0, 56, 56)])
    prompt = loaded.codec.prompt(pixels, "height?")
    rows = [[*prompt, *loaded.codec.completion(answer)] for answer in ("5 inch", "5 gram")]
    same = next(place for place, (one, other) in enumerate(zip(*rows, strict=True)) if one != other)
    with torch.inference_mode():
        inputs = loaded.codec.batch([pixels] * 2, rows, prompts=[len(prompt)] * 2, left=False)
        one, other = loaded.model(**inputs).logits
        torch.testing.assert_close(one[:same], other[:same])
        inputs["token_type_ids"].zero_()  # as if all were prompt
        one, other = loaded.model(**inputs).logits
    assert (one[: len(prompt)] - other[: len(prompt)]).abs().max() > 1e-3


def test_the_question_reaches_the_pictures_tokens(loaded: Loaded) -> None:
    """Which is why nothing of a prompt can be shared between questions."""
    pixels = loaded.codec.pixels([noise(0, 56, 56)])
    rows = [loaded.codec.prompt(pixels, question) for question in ("height?", "weight?")]
    with torch.inference_mode():
        inputs = loaded.codec.batch([pixels] * 2, rows, prompts=[len(row) for row in rows], left=False)
        one, other = loaded.model(**inputs).logits
    assert (one[0] - other[0]).abs().max() > 1e-3
    assert not FAMILY.shares_prefix


def test_token_types_follow_the_padding(loaded: Loaded) -> None:
    pixels = [loaded.codec.pixels([noise(number, 56, 56)]) for number in range(2)]
    prompts = [loaded.codec.prompt(pixels[0], question) for question in ("a?", "a longer one?")]
    rows = [[*prompt, *loaded.codec.completion("5")] for prompt in prompts]
    for left in (True, False):
        made = loaded.codec.batch(pixels, rows, prompts=[len(prompt) for prompt in prompts], left=left)
        assert made["token_type_ids"].sum(1).tolist() == [1, 1]
        for number, ids in enumerate(made["input_ids"]):
            assert ids[made["token_type_ids"][number] == 1].tolist() == list(loaded.codec.completion("5"))
        assert made["attention_mask"].sum(1).tolist() == [len(row) for row in rows]


def test_every_view_is_the_towers_square(loaded: Loaded) -> None:
    for size in ((1, 1), (4000, 30), (448, 448)):
        for budget in (1, 10**7):
            assert loaded.codec.view_size(size, budget) == (56, 56)
    assert loaded.codec.image_tokens((56, 56)) == 16


def test_pictures_encoded_together_are_as_encoded_alone(loaded: Loaded) -> None:
    pixels = [loaded.codec.pixels([noise(0, 56, 56)]), loaded.codec.pixels([noise(1, 56, 56), noise(2, 56, 56)])]
    with torch.inference_mode():
        for one, seen in zip(pixels, FAMILY.encode(loaded.model, pixels), strict=True):
            (alone,) = FAMILY.encode(loaded.model, [one])
            assert seen.tokens.shape == (one.tokens, 32)
            torch.testing.assert_close(seen.tokens, alone.tokens, atol=1e-5, rtol=1e-5)


def test_a_question_with_a_placeholder_is_refused(loaded: Loaded) -> None:
    with pytest.raises(InputError, match="holds the model's placeholder"):
        loaded.codec.prompt(loaded.codec.pixels([noise(0, 56, 56)]), "What is <image>?")


def test_answers_end_with_the_end_of_text(loaded: Loaded) -> None:
    assert loaded.codec.ends == (1,)
    assert loaded.codec.completion("") == ()
    assert loaded.codec.tokenizer.decode(loaded.codec.completion("5.0 gram")) == "5.0 gram"


def test_what_is_saved_is_loaded_again(loaded: Loaded, tmp_path: Path) -> None:
    loaded.model.save_pretrained(tmp_path)
    loaded.codec.save(tmp_path)
    other = FAMILY.load(tmp_path, device="cpu")
    picture = noise(0, 56, 56)
    pixels = loaded.codec.pixels([picture])
    assert other.codec.prompt(pixels, "What?") == loaded.codec.prompt(pixels, "What?")
    assert torch.equal(other.codec.pixels([picture]).tensors["pixel_values"], pixels.tensors["pixel_values"])
    for (name, one), (_, same) in zip(loaded.model.named_parameters(), other.model.named_parameters(), strict=True):
        assert torch.equal(one, same), name


def test_scopes_are_parts_of_the_model(loaded: Loaded) -> None:
    language, vision = (set(FAMILY.lora_targets(loaded.model, scope)) for scope in ("language", "vision"))
    assert set(FAMILY.lora_targets(loaded.model, "all")) == language | vision
    assert not language & vision
    assert all(".language_model." in name for name in language)
    assert "model.multi_modal_projector.linear" in vision
    assert len(language) == 3 * 7
    assert len(vision) == 2 * 6 + 1


def test_a_capped_attention_is_computed_the_slow_exact_way(tmp_path: Path) -> None:
    """PaliGemma 2's language part caps its attention, which the fused kernel leaves out without a word."""
    model = tiny_loaded("paligemma2", tmp_path / "model").model
    assert model.config.text_config._attn_implementation == "eager"
    assert model.config.text_config.attn_logit_softcapping == 3.0
