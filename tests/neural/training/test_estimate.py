"""Estimates of memory and time follow the sizes that they are made from, and published sizes those of the classes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
import transformers
from torch import nn

from entx.core.entities import CHALLENGE
from entx.llm_stage.data import TextRecipe, TokenRow
from entx.llm_stage.training import TextStage
from entx.neural.model_folder import ModelFolder, check_model_folder
from entx.neural.training import estimate
from entx.neural.training.estimate import (
    Base,
    Shape,
    activation_bytes,
    memory_bytes,
    operations,
    published,
    what_fits,
)
from entx.neural.training.recipe import load_recipe
from entx.vlm_stage.data import PictureRecipe, PictureRow
from tests.llm_stage.tiny_models import tiny_model

LORA = ("train.method=lora", "lora.r=8", "lora.alpha=1")
SHAPE = Shape(0, layers=10, width=100, mlp=300, heads=4)
ROWS = [TokenRow((0,) * (length - 6), (((0,), (0,) * 5),)) for length in (20, 500)]


def recipe(*settings: str) -> TextRecipe:
    return load_recipe(TextRecipe, "entx-small", ("train.batch=2", *settings))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    path = tmp_path_factory.mktemp("weights")
    tiny_model("llama").save_pretrained(path)
    return check_model_folder(path)


def base(folder: ModelFolder, *settings: str) -> Base:
    return Base.of_model(TextStage(recipe(*settings), "entx-small", folder, CHALLENGE))


def test_parameters_are_counted_without_weights(folder: ModelFolder) -> None:
    model = tiny_model("llama")
    names = {name: one.numel() for name, one in model.named_parameters()}
    whole = base(folder)
    assert whole.parameters == whole.trained == sum(names.values())
    assert whole.embedded == sum(size for name, size in names.items() if "embed" in name or "lm_head" in name)
    assert (whole.text.width, whole.text.layers) == (model.config.hidden_size, model.config.num_hidden_layers)
    assert whole.text.mlp == model.config.intermediate_size
    assert base(folder, *LORA, 'lora.targets=["q_proj"]').trained == 4 * 8 * (32 + 32)
    both = base(folder, *LORA, 'lora.targets=["k_proj", "q_proj"]')
    assert (both.parameters, both.trained) == (whole.parameters, 4 * 8 * (32 + 32 + 32 + 16))


def test_activations_by_hand() -> None:
    wide = 2 * 500 * 10 * (40 * 100 + 16 * 300)
    assert activation_bytes(recipe(), SHAPE, 500) == wide
    assert activation_bytes(recipe("model.attention=eager"), SHAPE, 500) == wide + 2 * 500 * 10 * 6 * 4 * 500
    assert activation_bytes(recipe("model.load=bf16"), SHAPE, 500) == 2 * 500 * 10 * (64 * 100 + 16 * 300)
    again = activation_bytes(recipe("train.checkpointing=true"), SHAPE, 500)
    assert again == 2 * 500 * (4 * 100 * 10 + 40 * 100 + 16 * 300)


def saved_bytes(model: Any, tokens: torch.Tensor) -> int:
    """What autograd keeps of a pass beside the model's own weights."""
    own = {one.untyped_storage().data_ptr() for one in model.parameters()}
    kept: list[torch.Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda one: kept.append(one) or one, lambda one: one):
        model(input_ids=tokens, logits_to_keep=1).logits.float().mean()
    storages = {one.untyped_storage().data_ptr(): one.untyped_storage().nbytes() for one in kept}
    return sum(size for pointer, size in storages.items() if pointer not in own)


def test_activations_are_those_that_autograd_keeps() -> None:
    model, tokens = tiny_model("llama"), torch.zeros((2, 64), dtype=torch.long)
    config = model.config.to_dict()
    told = activation_bytes(recipe(), Shape.of(config, 0), 64)
    assert 0.9 * told < saved_bytes(model.train(), tokens) < 1.2 * told


def test_four_bits_and_small_optimizers_save_memory() -> None:
    frozen = Base(Shape(10_000, 0, 100, 300, 4), trained=0, embedded=2_000, vocabulary=0)
    lora = (*LORA, "train.optimizer=adamw_torch")
    by_load = {
        load: memory_bytes(recipe(*lora, f"model.load={load}"), frozen, ROWS) for load in ("fp32", "bf16", "nf4")
    }
    assert by_load["fp32"] == 4 * frozen.parameters == 2 * by_load["bf16"]
    assert by_load["nf4"] == pytest.approx(0.52 * (frozen.parameters - frozen.embedded) + 2 * frozen.embedded)
    learnt, small = replace(frozen, trained=1000), recipe(*LORA, "model.load=bf16", "train.optimizer=adamw_8bit")
    assert memory_bytes(recipe(*lora, "model.load=bf16"), learnt, ROWS) - by_load["bf16"] == 12_000
    assert memory_bytes(small, learnt, ROWS) - by_load["bf16"] == 6_000
    spoken = replace(frozen, vocabulary=1000)
    assert memory_bytes(recipe(*lora, "model.load=bf16"), spoken, ROWS) - by_load["bf16"] == 256 * 1000 * 20
    seen = replace(frozen, vision=Shape(0, 10, 100, 300, 4), patches=4)
    row = PictureRow("p", "p.png", "?", "", image_tokens=125, length=500, learnt=1, weight=1.0)
    of_pictures = load_recipe(PictureRecipe, "entx-vlm-small", ("train.batch=2",))
    assert memory_bytes(of_pictures, seen, [row]) == 4 * 10_000 + 2 * 500 * 10 * (40 * 100 + 16 * 300)


def test_the_mildest_settings_that_fit_are_named() -> None:
    def needed(one: TextRecipe) -> float:
        return one.train.batch * (10.0 if one.train.checkpointing else 100.0)

    wide = recipe("train.batch=16", "train.accumulation=1")
    assert what_fits(wide, needed, 500) == "--set train.batch=4 --set train.accumulation=4"
    assert (
        what_fits(wide, needed, 99) == "--set train.batch=8 --set train.accumulation=2 --set train.checkpointing=true"
    )
    assert what_fits(wide, needed, 9) == ""


def test_a_pass_is_timed_and_leaves_no_gradient() -> None:
    model = tiny_model("llama")
    tokens = torch.arange(12)[None]
    for settings in ((), ("train.checkpointing=true",)):
        train = recipe(*settings).train
        seconds = estimate.timed_pass(model, train, lambda: model(input_ids=tokens).logits.float().mean())
        assert 0 < seconds < 20
        assert all(one.grad is None for one in model.parameters())
    assert model.is_gradient_checkpointing


def test_operations_grow_with_parameters_and_tokens() -> None:
    text = Base(Shape(1_200, 1, 1, 1, 1), trained=0, embedded=200, vocabulary=9)
    assert operations(recipe(*LORA), text, ROWS) == 4 * 1000 * 520
    assert operations(recipe(), text, ROWS) == 6 * 1000 * 520
    assert operations(recipe("train.checkpointing=true"), text, ROWS) == 8 * 1000 * 520
    seen = replace(text, vision=Shape(100, 1, 1, 1, 1), patches=4)
    row = PictureRow("p", "p.png", "?", "", image_tokens=10, length=30, learnt=1, weight=1.0)
    for scope, times in (("all", 6), ("language", 2)):
        pictures = load_recipe(PictureRecipe, "entx-vlm-small", (f"model.scope={scope}",))
        assert operations(pictures, seen, [row]) == 6 * 1000 * 30 + times * 100 * 40


TEXTS: dict[str, tuple[str, dict[str, Any]]] = {
    "HuggingFaceTB/SmolLM2-135M-Instruct": ("Llama", {"num_key_value_heads": 3, "tie_word_embeddings": True}),
    "Qwen/Qwen3-1.7B": ("Qwen3", {"num_key_value_heads": 8, "head_dim": 128, "tie_word_embeddings": True}),
    "Qwen/Qwen3-4B-Instruct-2507": ("Qwen3", {"num_key_value_heads": 8, "head_dim": 128, "tie_word_embeddings": True}),
    "google/gemma-2-9b-it": ("Gemma2", {"num_key_value_heads": 8, "head_dim": 256, "tie_word_embeddings": True}),
    "mistralai/Mistral-Nemo-Instruct-2407": (
        "Mistral", {"num_key_value_heads": 8, "head_dim": 128, "tie_word_embeddings": False}
    ),
    "vikhyatk/moondream2": ("Phi", {"num_key_value_heads": 32, "tie_word_embeddings": False}),
    "Qwen/Qwen2-VL-2B-Instruct": ("Qwen2", {"num_key_value_heads": 2, "tie_word_embeddings": True}),
    "Qwen/Qwen2.5-VL-3B-Instruct": ("Qwen2", {"num_key_value_heads": 2, "tie_word_embeddings": True}),
    "google/paligemma-3b-ft-docvqa-448": (
        "Gemma", {"num_key_value_heads": 1, "head_dim": 256, "tie_word_embeddings": True}
    ),
}  # fmt: skip


@pytest.mark.parametrize("hub", published("base"))
def test_a_published_size_is_that_of_the_class_of_transformers(hub: str) -> None:
    """Of the language part; a count is of all its parameters, so a wrong width or depth shows."""
    known, (name, more) = published("base")[hub], TEXTS[hub]
    text = known["text"]
    config = getattr(transformers, f"{name}Config")(
        vocab_size=known["vocabulary"], hidden_size=text["width"], intermediate_size=text["mlp"],
        num_hidden_layers=text["layers"], num_attention_heads=text["heads"], **more,
    )  # fmt: skip
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)
    linear = [one for one in model.model.modules() if isinstance(one, nn.Linear)]
    assert sum(one.numel() for one in model.parameters()) == text["parameters"]
    assert sum(one.in_features + one.out_features for one in linear) == text["linear"]


def test_the_trained_share_of_published_system_1_is_what_its_team_says() -> None:
    found = Base.published(load_recipe(PictureRecipe, "qwen2-vl-2b"))
    assert (found.parameters, found.trained) == (2_208_985_600, 29_220_864)  # "about 1.2 %"; 1.3 % by count
    assert Base.published(load_recipe(PictureRecipe, "qwen2-vl-2b", ["model.scope=language"])).trained == 18_464_768
