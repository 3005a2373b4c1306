"""Qwen's pictures, prompts and positions against those of its own processor and model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from transformers import Qwen2VLProcessor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

from entx.core.errors import InputError
from entx.neural.decoding import PromptTokens
from entx.vlm_stage.families.base import Loaded
from entx.vlm_stage.families.qwen_vl import CHAT, QwenVl
from tests.vlm_stage.pictures import noise, tiny_loaded
from tests.vlm_stage.tiny_vlms import tiny_vlm

KINDS = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl")
FAMILY = QwenVl()


@pytest.fixture(scope="module", params=KINDS)
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return tiny_loaded(request.param, tmp_path_factory.mktemp("models") / request.param)


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tiny_loaded("qwen2_vl", tmp_path_factory.mktemp("models") / "codec").codec


class PictureProcessor(Qwen2VLProcessor):
    """The family's own processor without its video part, which asks for torchvision."""

    def __init__(self, image_processor: Any, tokenizer: Any):
        self.image_processor, self.tokenizer, self.chat_template = image_processor, tokenizer, CHAT
        self.image_token, self.video_token = "<|image_pad|>", "<|video_pad|>"
        self.image_token_id = tokenizer.convert_tokens_to_ids(self.image_token)
        self.video_token_id = tokenizer.convert_tokens_to_ids(self.video_token)

    def get_attributes(self) -> list[str]:
        return ["image_processor", "tokenizer"]


@pytest.mark.parametrize("sizes", [[(84, 140)], [(56, 56), (280, 28)]])
def test_prompts_and_pixels_are_those_of_the_familys_processor(codec: Any, sizes: list[tuple[int, int]]) -> None:
    pictures = [noise(number, *size) for number, size in enumerate(sizes)]
    pixels = codec.pixels(pictures)
    prompt = codec.prompt(pixels, "What is the height?\nReply.")
    content = [*({"type": "image"} for _ in pictures), {"type": "text", "text": "What is the height?\nReply."}]
    text = codec.tokenizer.apply_chat_template(
        [{"role": "user", "content": content}], chat_template=CHAT, tokenize=False, add_generation_prompt=True
    )
    given = PictureProcessor(codec.images, codec.tokenizer)(images=pictures, text=[text], return_tensors="pt")
    made = codec.batch([pixels], [prompt], prompts=[len(prompt)], left=True)
    for name, tensor in made.items():
        assert torch.equal(tensor, given[name]), name
    assert set(made) == set(given)


def test_image_tokens_are_what_the_tower_returns(loaded: Loaded) -> None:
    views = [noise(0, 84, 140), noise(1, 56, 56), noise(2, 28, 812)]
    pixels = loaded.codec.pixels(views)
    assert pixels.views == tuple(loaded.codec.image_tokens(view.size) for view in views) == (15, 4, 29)
    with torch.inference_mode():
        (seen,) = FAMILY.encode(loaded.model, [pixels])
    assert seen.tokens.shape == (pixels.tokens, 32)
    prompt = loaded.codec.prompt(pixels, "What?")
    assert prompt.count(loaded.codec.image_token) == pixels.tokens == 48


def test_pictures_encoded_together_are_as_encoded_alone(loaded: Loaded) -> None:
    pixels = [loaded.codec.pixels([noise(0, 84, 140)]), loaded.codec.pixels([noise(1, 56, 56), noise(2, 112, 84)])]
    with torch.inference_mode():
        together = FAMILY.encode(loaded.model, pixels)
        for one, seen in zip(pixels, together, strict=True):
            (alone,) = FAMILY.encode(loaded.model, [one])
            torch.testing.assert_close(seen.tokens, alone.tokens, atol=1e-5, rtol=1e-5)
            assert len(seen.layers) == len(alone.layers) == (2 if loaded.model.config.model_type == "qwen3_vl" else 0)
            for layer, other in zip(seen.layers, alone.layers, strict=True):
                torch.testing.assert_close(layer, other, atol=1e-5, rtol=1e-5)


def test_positions_are_those_that_the_model_computes(loaded: Loaded) -> None:
    for views in ([noise(0, 84, 140)], [noise(0, 280, 28), noise(1, 56, 56), noise(2, 56, 112)]):
        pixels = loaded.codec.pixels(views)
        tokens = loaded.codec.prompt(pixels, "What is the height?")
        inputs = loaded.codec.batch([pixels], [tokens], prompts=[len(tokens)], left=False)
        expected, delta = loaded.model.model.get_rope_index(
            inputs["input_ids"], inputs["mm_token_type_ids"], image_grid_thw=inputs["image_grid_thw"]
        )
        found = loaded.codec.positions(pixels, tokens)
        assert torch.equal(found, expected[:, 0])
        assert int(found.max()) + 1 - len(tokens) == int(delta)


SIDES = st.one_of(st.integers(1, 40), st.integers(1, 9000))


@settings(max_examples=300, deadline=None)
@given(SIDES, SIDES, st.integers(1, 2000 * 2000))
def test_a_view_is_whole_patches_within_the_budget(codec: Any, width: int, height: int, pixels: int) -> None:
    wide, high = codec.view_size((width, height), pixels)
    assert wide % 28 == 0
    assert high % 28 == 0
    assert min(wide, high) >= 28
    assert wide * high <= max(pixels, 28 * 28)
    small = 56 * 56
    long, short = max(width, height), max(min(width, height), -(-max(width, height) // 200))
    assert wide * high <= max((long + 28) * (short + 28), small * 30)


@settings(max_examples=200, deadline=None)
@given(st.integers(56, 4000), st.integers(56, 4000), st.integers(200 * 200, 1280 * 28 * 28))
def test_a_usual_picture_is_seen_at_the_size_of_the_familys_rule(
    codec: Any, width: int, height: int, pixels: int
) -> None:  # fmt: skip
    if max(width, height) / min(width, height) > 5:
        return
    expected = smart_resize(height, width, 28, min_pixels=56 * 56, max_pixels=pixels)
    assert codec.view_size((width, height), pixels) == expected[::-1]


def test_a_larger_budget_than_the_processors_is_not_used(codec: Any) -> None:
    most = codec.images.size["longest_edge"]
    wide, high = codec.view_size((9000, 6000), 10**9)
    assert most * 0.9 < wide * high <= most


def test_thin_pictures_pass_the_processor(codec: Any) -> None:
    for size in ((1, 1), (1, 5000), (5000, 1), (3, 17)):
        view = codec.view_size(size, 512 * 512)
        assert codec.pixels([Image.new("RGB", size).resize(view)]).tokens == codec.image_tokens(view)


def test_the_shared_part_ends_behind_the_last_picture(codec: Any) -> None:
    pixels = codec.pixels([noise(0, 56, 56), noise(1, 84, 56)])
    prompts = [list(codec.prompt(pixels, question)) for question in ("Height?", "A width?")]
    tokens = PromptTokens.of(prompts, [[], []], ["", ""])
    assert codec.tokenizer.decode(tokens.questions[0]).startswith("Height?")
    assert codec.tokenizer.decode(tokens.prefix[-1:]) == "<|vision_end|>"


def test_a_question_with_a_placeholder_is_refused(codec: Any) -> None:
    with pytest.raises(InputError, match="holds the model's placeholder"):
        codec.prompt(codec.pixels([noise(0, 56, 56)]), "What is <|image_pad|>?")


def test_an_answer_ends_as_the_template_ends_it(codec: Any) -> None:
    assert codec.tokenizer.decode([codec.ends[0]]) == "<|im_end|>"
    assert codec.completion("") == ()
    assert codec.tokenizer.decode(codec.completion("5.0 gram")) == "5.0 gram"


def test_rows_are_padded_on_the_side_asked_for(codec: Any) -> None:
    pixels = [codec.pixels([noise(0, 56, 56)]), codec.pixels([noise(1, 84, 56)])]
    rows = [codec.prompt(one, question) for one, question in zip(pixels, ("A?", "A longer one?"), strict=True)]
    widths = [len(row) for row in rows]
    for left in (True, False):
        made = codec.batch(pixels, rows, prompts=widths, left=left)
        assert made["attention_mask"].sum(1).tolist() == widths
        assert made["attention_mask"][0, 0] == (0 if left else 1)
        assert made["input_ids"][0][made["attention_mask"][0] == 0].unique().tolist() == [codec.tokenizer.pad_token_id]
        assert made["mm_token_type_ids"].sum(1).tolist() == [4, 6]
        assert made["image_grid_thw"].tolist() == [[1, 4, 4], [1, 4, 6]]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_saved_is_loaded_again(kind: str, tmp_path: Path) -> None:
    loaded = tiny_loaded(kind, tmp_path / "model")
    again = tmp_path / "again"
    loaded.model.save_pretrained(again)
    loaded.codec.save(again)
    other = FAMILY.load(again, device="cpu")
    pixels = loaded.codec.pixels([noise(0, 56, 84)])
    assert other.codec.prompt(pixels, "What?") == loaded.codec.prompt(pixels, "What?")
    assert torch.equal(
        other.codec.pixels([noise(0, 56, 84)]).tensors["pixel_values"], pixels.tensors["pixel_values"]
    )  # fmt: skip
    for (name, one), (_, same) in zip(loaded.model.named_parameters(), other.model.named_parameters(), strict=True):
        assert torch.equal(one, same), name


def test_the_folders_own_template_is_used(tmp_path: Path) -> None:
    folder = tiny_vlm("qwen2_vl", tmp_path / "model")
    own = CHAT.replace("You are a helpful assistant.", "Answer in short.")
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": own}))
    codec = FAMILY.load(folder, device="cpu").codec
    text = codec.tokenizer.decode(codec.prompt(codec.pixels([noise(0, 56, 56)]), "What?"))
    assert text.startswith("<|im_start|>system\nAnswer in short.<|im_end|>")
    codec.save(tmp_path / "saved")
    assert (tmp_path / "saved" / "chat_template.jinja").read_text() == own


@pytest.mark.parametrize(
    "template",
    [
        "{% for m in messages %}{{ m.role }}{% endfor %}",
        "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}",
        "{{ raise_exception('text only') }}",
        "{% for m in messages %}",
    ],
)
def test_a_template_without_pictures_is_not_used(template: str, tmp_path: Path) -> None:
    folder = tiny_vlm("qwen2_vl", tmp_path / "model")
    (folder / "chat_template.jinja").write_text(template)
    codec = FAMILY.codec(folder)
    text = codec.tokenizer.decode(codec.prompt(codec.pixels([noise(0, 56, 56)]), "What?"))
    assert text.startswith("<|im_start|>system\nYou are a helpful assistant.")


def test_limits_in_the_older_form_are_read(tmp_path: Path) -> None:
    folder = tiny_vlm("qwen2_vl", tmp_path / "model")
    path = folder / "preprocessor_config.json"
    config = json.loads(path.read_text())
    del config["size"]
    path.write_text(json.dumps({**config, "min_pixels": 112 * 112, "max_pixels": 224 * 224}))
    codec = FAMILY.load(folder, device="cpu").codec
    assert codec.view_size((20, 20), 10**6) == (112, 112)
    assert codec.view_size((3000, 3000), 10**6) == (224, 224)


@pytest.mark.parametrize("scope", ["all", "language", "vision"])
def test_an_adapter_changes_the_layers_of_its_scope(loaded: Loaded, scope: str, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    folder = tiny_vlm(loaded.model.config.model_type, tmp_path / "model")
    fresh = FAMILY.load(folder, device="cpu").model
    targets = FAMILY.lora_targets(fresh, scope)
    model = get_peft_model(fresh, LoraConfig(r=2, target_modules=list(targets)))
    changed = {name.split(".lora_A")[0].split("base_model.model.")[1] for name, _ in model.named_parameters()
               if ".lora_A" in name}  # fmt: skip
    assert changed == set(targets)
    assert any("language_model.layers.0.mlp.gate_proj" in name for name in changed) == (scope != "vision")
    assert any("visual.blocks.0.attn.qkv" in name for name in changed) == (scope != "language")
    assert not any("lm_head" in name or "embed" in name for name in changed)


def test_a_folder_that_cannot_be_loaded_is_told_in_one_line(tmp_path: Path) -> None:
    folder = tiny_vlm("qwen2_vl", tmp_path / "model")
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(InputError, match="cannot be loaded") as caught:
        FAMILY.load(folder, device="cpu")
    assert "\n" not in str(caught.value)
    (folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match="cannot be loaded"):
        FAMILY.load(folder, device="cpu")


def test_a_tokenizer_without_the_familys_tokens_is_refused(tmp_path: Path) -> None:
    from transformers import Qwen2Tokenizer

    folder = tiny_vlm("qwen2_vl", tmp_path / "model")
    Qwen2Tokenizer(vocab={"a": 0, "<|endoftext|>": 1}, merges=[]).save_pretrained(folder)
    with pytest.raises(InputError, match=r"the tokenizer has no <\|image_pad\|>"):
        FAMILY.load(folder, device="cpu")
