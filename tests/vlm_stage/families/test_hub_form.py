"""Folders as they are published: older names of weights, flat configurations, templates that do more than they need."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from entx.core.errors import InputError
from entx.neural.model_folder import check_model_folder
from entx.vlm_stage.families.base import family_of
from tests.vlm_stage.pictures import KINDS, noise
from tests.vlm_stage.tiny_vlms import tiny_vlm

QWEN_TEMPLATE = (
    "{% set image_count = namespace(value=0) %}{% set video_count = namespace(value=0) %}{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    "{% endif %}<|im_start|>{{ message['role'] }}\n{% if message['content'] is string %}{{ message['content'] }}"
    "<|im_end|>\n{% else %}{% for content in message['content'] %}{% if content['type'] == 'image' or 'image' in "
    "content %}{% set image_count.value = image_count.value + 1 %}{% if add_vision_id %}Picture {{ image_count.value "
    "}}: {% endif %}<|vision_start|><|image_pad|><|vision_end|>{% elif content['type'] == 'video' %}<|vision_start|>"
    "<|video_pad|><|vision_end|>{% elif 'text' in content %}{{ content['text'] }}{% endif %}{% endfor %}<|im_end|>\n"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""What the published Qwen2-VL-Instruct folders hold does the same."""

THINKING = QWEN_TEMPLATE.replace("<|im_start|>assistant\n{% endif %}", "<|im_start|>assistant\n<think>\n{% endif %}")


def config_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "config.json").read_text())
    return found


def parameters(folder: Path) -> list[torch.Tensor]:
    return list(family_of(folder).load(folder, device="cpu").model.parameters())


def same(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_flat_configuration_of_qwen_is_read(tmp_path: Path) -> None:
    folder = tiny_vlm("qwen2_vl", tmp_path / "model")
    expected = parameters(folder)
    config = config_of(folder)
    flat = {**config.pop("text_config"), **config, "model_type": "qwen2_vl"}
    rope = flat.pop("rope_parameters")
    flat |= {
        "rope_theta": rope["rope_theta"], "rope_scaling": {"type": "mrope", "mrope_section": rope["mrope_section"]},
    }  # fmt: skip
    flat.pop("layer_types")
    (folder / "config.json").write_text(json.dumps(flat))
    assert same(parameters(folder), expected)
    model = family_of(folder).load(folder, device="cpu").model
    assert model.config.text_config.rope_parameters["mrope_section"] == rope["mrope_section"]


def test_older_names_of_paligemmas_weights_are_read(tmp_path: Path) -> None:
    folder = tiny_vlm("paligemma", tmp_path / "model")
    expected = parameters(folder)
    weights = load_file(folder / "model.safetensors")
    renamed = {name.replace("vision_tower.", "vision_tower.vision_model."): one for name, one in weights.items()}
    assert any(name.startswith("language_model.model.layers.") for name in renamed)
    save_file(renamed, folder / "model.safetensors", metadata={"format": "pt"})
    assert same(parameters(folder), expected)


@pytest.mark.parametrize("kind", ["qwen2_vl", "paligemma", "smolvlm"])
def test_weights_that_are_missing_are_no_random_numbers(kind: str, tmp_path: Path) -> None:
    folder = tiny_vlm(kind, tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    (gone, *_) = (name for name in weights if name.endswith("layers.1.mlp.down_proj.weight"))
    del weights[gone]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"lack .*mlp\.down_proj\.weight \(1 in all\), which would be random numbers"):
        family_of(folder).load(folder, device="cpu")


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    folder = tiny_vlm("qwen2_vl", tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    weights["visual.merger.mlp.0.weight"] = torch.zeros(3, 5)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match="cannot be loaded"):
        family_of(folder).load(folder, device="cpu")


@pytest.mark.parametrize("place", ["chat_template.json", "chat_template.jinja", "tokenizer_config.json"])
def test_the_published_template_is_found_where_it_stands(place: str, tmp_path: Path) -> None:
    folder = tiny_vlm("qwen2_vl", tmp_path / "model")
    template = QWEN_TEMPLATE.replace("a helpful assistant", f"of {place}")
    if place.endswith(".jinja"):
        (folder / place).write_text(template)
    else:
        held = json.loads((folder / place).read_text()) if (folder / place).exists() else {}
        (folder / place).write_text(json.dumps({**held, "chat_template": template}))
    codec = family_of(folder).codec(folder)
    pixels = codec.pixels([noise(0, 56, 56), noise(1, 56, 84)])
    text = codec.tokenizer.decode(codec.prompt(pixels, "How high?"))
    view = "<|vision_start|>{}<|vision_end|>"
    assert text == (
        f"<|im_start|>system\nYou are of {place}.<|im_end|>\n<|im_start|>user\n{view.format('<|image_pad|>' * 4)}"
        f"{view.format('<|image_pad|>' * 6)}How high?<|im_end|>\n<|im_start|>assistant\n"
    )
    assert (codec.lead, codec.tokenizer.decode(codec.ends[:1])) == ("", "<|im_end|>")


def test_a_template_that_thinks_before_it_answers_is_refused(tmp_path: Path) -> None:
    folder = tiny_vlm("qwen3_vl", tmp_path / "model")
    (folder / "chat_template.jinja").write_text(THINKING)
    with pytest.raises(InputError, match="puts more than a question before an answer"):
        family_of(folder).codec(folder)


@pytest.mark.parametrize("kind", KINDS)
def test_saved_folders_pass_the_check_and_the_codec_needs_no_weights(kind: str, tmp_path: Path) -> None:
    folder = tiny_vlm(kind, tmp_path / "model")
    assert not check_model_folder(folder).is_adapter
    (folder / "model.safetensors").unlink()
    codec = family_of(folder).codec(folder)
    pixels = codec.pixels([noise(0, *codec.view_size((100, 80), 10**5))])
    assert pixels.tokens == codec.image_tokens(codec.view_size((100, 80), 10**5))
    assert codec.prompt(pixels, "What?").count(codec.image_token) > 0
