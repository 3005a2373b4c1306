"""Moondream2 of August 2024: what its original code computes, by an independent reference on the published names.

The reference is written from the form of the published weights with plain tensors; only the Phi layers are the
library's. Where ../shared/data is at hand, what the original code computed is compared too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.nn import functional
from transformers import GPT2Tokenizer, PhiConfig, PhiForCausalLM

from entx.core.errors import InputError
from entx.neural.backends.base import Query, Request
from entx.neural.model_folder import check_model_folder
from entx.vlm_stage.data import Collator, PictureRow
from entx.vlm_stage.families.base import Loaded, family_of
from entx.vlm_stage.families.moondream import UNCUT, Moondream, MoondreamCodec
from entx.vlm_stage.model import PictureModel
from tests.vlm_stage.pictures import HEIGHT, noise
from tests.vlm_stage.tiny_vlms import tiny_moondream

SHARED = Path(os.environ.get("ENTX_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data")) / "moondream"
FAMILY = Moondream()
SIDE, HEADS = 56, 2  # of the tiny tower
SIZES = [(60, 40), (600, 580), (590, 300), (300, 590)]  # uncut, four tiles, two side by side, two one above the other
TEXT_NAMES = {"ln", "mixer.Wqkv", "mixer.out_proj", "mlp.fc1", "mlp.fc2"}
VISION_NAMES = {"norm1", "norm2", "attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_moondream(tmp_path_factory.mktemp("models") / "moondream", layers=2)


@pytest.fixture(scope="module")
def loaded(folder: Path) -> Loaded:
    return FAMILY.load(folder, device="cpu")


Weights = dict[str, torch.Tensor]


def linear(weights: Weights, name: str, states: torch.Tensor) -> torch.Tensor:
    return functional.linear(states, weights[f"{name}.weight"], weights[f"{name}.bias"])


def normal(weights: Weights, name: str, states: torch.Tensor) -> torch.Tensor:
    return functional.layer_norm(states, states.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"], 1e-5)


def mlp(weights: Weights, name: str, states: torch.Tensor) -> torch.Tensor:
    inner = functional.gelu(linear(weights, f"{name}.fc1", states), approximate="tanh")
    return linear(weights, f"{name}.fc2", inner)


def tower(weights: Weights, square: torch.Tensor) -> torch.Tensor:
    """Features of one square, shape (positions, width)."""
    visual = "vision_encoder.encoder.model.visual"
    patches = functional.unfold(square[None], 14, stride=14)[0].T  # (positions, channel x row x column)
    states = linear(weights, f"{visual}.patch_embed.linear", patches) + weights[f"{visual}.pos_embed"][0]
    for block in (f"{visual}.blocks.0", f"{visual}.blocks.1"):
        inner = linear(weights, f"{block}.attn.qkv", normal(weights, f"{block}.norm1", states))
        query, key, value = inner.unflatten(1, (3, HEADS, -1)).permute(1, 2, 0, 3)
        seen = functional.scaled_dot_product_attention(query, key, value).transpose(0, 1).flatten(1)
        states = states + linear(weights, f"{block}.attn.proj", seen)
        states = states + mlp(weights, f"{block}.mlp", normal(weights, f"{block}.norm2", states))
    return normal(weights, f"{visual}.norm", states)


def embedded(weights: Weights, picture: Image.Image) -> torch.Tensor:
    """Embeddings of a picture that has one of the four sizes."""
    pixels = torch.tensor(list(picture.convert("RGB").tobytes()), dtype=torch.float32)
    values = (pixels.view(picture.height, picture.width, 3).permute(2, 0, 1) / 255 - 0.5) / 0.5
    whole = tower(weights, functional.interpolate(values[None], (SIDE, SIDE), mode="bilinear")[0])
    grid = SIDE // 14
    rows = [
        torch.cat([
            tower(weights, values[:, top : top + SIDE, left : left + SIDE]).view(grid, grid, -1)
            for left in range(0, picture.width, SIDE)
        ], dim=1)
        for top in range(0, picture.height, SIDE)
    ]  # fmt: skip
    plane = torch.cat(rows).permute(2, 0, 1)
    joined = functional.interpolate(plane[None], (grid, grid), mode="bilinear")[0].flatten(1).T
    if picture.size == (SIDE, SIDE):
        joined = whole
    return mlp(weights, "vision_encoder.projection.mlp", torch.cat([whole, joined], dim=1))


def phi(weights: Weights, config: dict[str, Any]) -> PhiForCausalLM:
    """The library's language model with the published weights, each put where it belongs."""
    state = {"model.embed_tokens.weight": weights["text_model.transformer.embd.wte.weight"]}
    for kind in ("weight", "bias"):
        state[f"model.final_layernorm.{kind}"] = weights[f"text_model.lm_head.ln.{kind}"]
        state[f"lm_head.{kind}"] = weights[f"text_model.lm_head.linear.{kind}"]
        for number in range(config["num_hidden_layers"]):
            here, there = f"model.layers.{number}", f"text_model.transformer.h.{number}"
            names = "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"
            stacked = weights[f"{there}.mixer.Wqkv.{kind}"].chunk(3)
            state |= {f"{here}.{name}.{kind}": one for name, one in zip(names, stacked, strict=True)}
            state[f"{here}.input_layernorm.{kind}"] = weights[f"{there}.ln.{kind}"]
            state[f"{here}.self_attn.dense.{kind}"] = weights[f"{there}.mixer.out_proj.{kind}"]
            state |= {f"{here}.{name}.{kind}": weights[f"{there}.{name}.{kind}"] for name in ("mlp.fc1", "mlp.fc2")}
    model = PhiForCausalLM(PhiConfig(**config)).eval()
    model.load_state_dict(state)
    return model


def view(codec: Any, seed: int, size: tuple[int, int]) -> Image.Image:
    """A picture at the size at which the model sees it."""
    return noise(seed, *size).resize(codec.view_size(size, 1), Image.Resampling.BICUBIC)


def test_weights_have_the_published_names(folder: Path) -> None:
    assert check_model_folder(folder).path == folder.resolve()
    assert family_of(folder).name == "moondream"
    visual, text = "vision_encoder.encoder.model.visual", "text_model.transformer"
    pairs = {f"{visual}.patch_embed.linear", f"{visual}.norm", "text_model.lm_head.ln", "text_model.lm_head.linear"}
    pairs |= {f"vision_encoder.projection.mlp.fc{number}" for number in (1, 2)}
    for number in range(2):
        pairs |= {f"{text}.h.{number}.{name}" for name in TEXT_NAMES}
        pairs |= {f"{visual}.blocks.{number}.{name}" for name in VISION_NAMES}
    names = {f"{name}.{kind}" for name in pairs for kind in ("weight", "bias")}
    assert load_file(folder / "model.safetensors").keys() == names | {f"{text}.embd.wte.weight", f"{visual}.pos_embed"}


@pytest.mark.parametrize("size", SIZES)
def test_pictures_are_seen_as_by_the_reference(size: tuple[int, int], folder: Path, loaded: Loaded) -> None:
    picture = view(loaded.codec, 0, size)
    assert (picture.width > SIDE, picture.height > SIDE) == (size[0] > 500, size[1] > 500)
    with torch.inference_mode():
        (seen,) = FAMILY.encode(loaded.model, [loaded.codec.pixels([picture])])
        expected = embedded(load_file(folder / "model.safetensors"), picture)
    torch.testing.assert_close(seen.tokens, expected, atol=1e-5, rtol=1e-4)


def test_sizes_and_tiles() -> None:
    codec = MoondreamCodec(GPT2Tokenizer(vocab={"<|endoftext|>": 0}, merges=[]), 378, 729)
    one, wide, tall, four = (378, 378), (756, 378), (378, 756), (756, 756)
    for size, seen in [
        ((UNCUT - 1, 100), one), ((1000, 480), wide), ((480, 1000), tall), ((800, 780), four),
        ((520, 510), one),  # as near in aspect, and nearer in size
        # 3:4, as near to one as to the other: the published rule compares heights with the width there
        ((450, 600), one), ((1500, 2000), four),
    ]:  # fmt: skip
        assert codec.view_size(size, 10**6) == codec.view_size(size, 1) == seen
    assert codec.image_tokens(four) == codec.image_tokens(one) == 729
    pixels = codec.pixels([noise(0, *wide)])
    assert (pixels.tensors["pixel_values"].shape, pixels.tokens) == ((3, 3, 378, 378), 729)
    assert pixels.tensors["grids"].tolist() == [[1, 2]]
    assert codec.pixels([noise(0, *one)]).tensors["pixel_values"].shape == (1, 3, 378, 378)


def test_answers_are_what_the_parts_compute(folder: Path, loaded: Loaded) -> None:
    """Start of text, picture, question, answer; many questions of one picture, in a batch and alone."""
    model = PictureModel(FAMILY, loaded.model, loaded.codec)
    asks = (Query("What is the height?", ("5 inch", "none"), HEIGHT), Query("Width?", ("", "1 foot"), HEIGHT))
    batch = [Request((view(loaded.codec, seed, size),), asks) for seed, size in enumerate(SIZES)]
    weights, config = load_file(folder / "model.safetensors"), json.loads((folder / "config.json").read_text())
    tokenizer, language = loaded.codec.tokenizer, phi(weights, config["text_config"])
    embed = language.get_input_embeddings()
    together = model.complete(batch, max_tokens=12)
    for asked, of_picture in zip(batch, together, strict=True):
        (alone,) = model.complete([asked], max_tokens=12)
        seen = embedded(weights, asked.shown[0])
        for ask, said, lone in zip(asks, of_picture, alone, strict=True):
            assert said.text == lone.text
            question = tokenizer(f"\n\nQuestion: {ask.question}\n\nAnswer:")["input_ids"]
            for completion, score in zip(ask.choices, said.scores, strict=True):
                answer = [*(tokenizer(f" {completion}")["input_ids"] if completion else ()), tokenizer.eos_token_id]
                with torch.inference_mode():
                    tokens = embed(torch.tensor([*question, *answer]))
                    rows = torch.cat([embed(torch.tensor([tokenizer.bos_token_id])), seen, tokens])
                    logits = language(inputs_embeds=rows[None]).logits[0].double().log_softmax(-1)
                first = len(rows) - len(answer) - 1
                expected = sum(float(logits[first + place, token]) for place, token in enumerate(answer))
                assert score == pytest.approx(expected, abs=1e-4)


def test_gradients_reach_the_scope_alone(loaded: Loaded, tmp_path: Path) -> None:
    noise(0, 600, 300).save(tmp_path / "a.png")
    row = PictureRow("a", str(tmp_path / "a.png"), "height?", "5 inch", 16, 0, 0, 1.0)
    inputs = Collator(loaded.codec, [row], 10**6, tmp_path / "broken")([{"visit": 0}])
    assert inputs["pixel_values"].shape[0] == 3
    FAMILY.vision_tower(loaded.model).requires_grad_(False)
    try:
        loaded.model(**inputs).loss.backward()
        learnt = {name: one.grad is not None and bool(one.grad.any()) for name, one in loaded.model.named_parameters()}
    finally:
        loaded.model.requires_grad_(True).zero_grad()
    assert not any(moved for name, moved in learnt.items() if ".vision_encoder." in name)
    still = {name for name, moved in learnt.items() if not moved and ".vision_encoder." not in name}
    assert all(name.endswith("k_proj.bias") for name in still)  # the softmax takes what is added to all scores away


def test_scopes_are_parts_of_the_model(loaded: Loaded) -> None:
    language, vision = (set(FAMILY.lora_targets(loaded.model, scope)) for scope in ("language", "vision"))
    assert set(FAMILY.lora_targets(loaded.model, "all")) == language | vision
    assert (len(language), len(vision)) == (2 * 6, 2 * 6 + 2)
    assert all(".language_model." in name for name in language)


def test_what_is_saved_is_the_published_form_again(folder: Path, loaded: Loaded, tmp_path: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    map_ = {"AutoConfig": "configuration_moondream.MoondreamConfig"}
    published = rewritten(folder, tmp_path / "published", config={**config, "auto_map": map_})
    (published / "configuration_moondream.py").write_text("raise SystemExit('it ran')")
    weights = load_file(published / "model.safetensors")
    save_file(
        weights | {"region_model.size_decoder.bias": torch.zeros(2)}, published / "model.safetensors",
        metadata={"format": "pt"},
    )  # fmt: skip
    assert check_model_folder(published).path == published.resolve()
    found = family_of(published).load(published, device="cpu")
    found.model.save_pretrained(tmp_path / "saved")
    found.codec.save(tmp_path / "saved")
    saved = load_file(tmp_path / "saved" / "model.safetensors")
    assert saved.keys() == weights.keys()
    assert all(torch.equal(saved[name], weights[name]) for name in saved)
    kept = json.loads((tmp_path / "saved" / "config.json").read_text())
    assert (kept["model_type"], kept["auto_map"]) == ("moondream1", map_)
    again = FAMILY.load(tmp_path / "saved", device="cpu")
    pixels = loaded.codec.pixels([noise(0, SIDE, SIDE)])
    assert again.codec.prompt(pixels, "What?") == loaded.codec.prompt(pixels, "What?")


def rewritten(folder: Path, copy: Path, *, config: Any = None, rename: Callable[[str], str] | None = None) -> Path:
    """The folder with another configuration, or other names of weights."""
    copy.mkdir()
    for file in folder.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    if config is not None:
        (copy / "config.json").write_text(json.dumps(config))
    if rename is not None:
        weights = {rename(name): one for name, one in load_file(folder / "model.safetensors").items()}
        save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    return copy


def test_newer_revisions_are_refused_with_the_one_that_works(folder: Path, tmp_path: Path) -> None:
    newer = {"model_type": "moondream1", "architectures": ["HfMoondream"], "config": {}}
    configured = rewritten(folder, tmp_path / "configured", config=newer)
    named = rewritten(
        folder, tmp_path / "named", rename=lambda name: name.replace("text_model.transformer.h", "model.text.blocks")
    )
    for other in (configured, named):
        with pytest.raises(InputError, match=r"another revision; the one that works: hf download .*2024-08-26") as told:
            FAMILY.load(other, device="cpu")
        assert "\n" not in str(told.value)
    with pytest.raises(InputError, match="another revision"):
        FAMILY.codec(configured)  # before a training has read its rows


def test_several_views_are_refused(loaded: Loaded) -> None:
    with pytest.raises(InputError, match="sees one view of a picture"):
        loaded.codec.pixels([noise(0, SIDE, SIDE), noise(1, SIDE, SIDE)])


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Weights]:
    """The tiny model of which the original code's results are stored, and these."""
    if not SHARED.is_dir():
        pytest.skip(f"no stored results of the original code at {SHARED}")
    path = tmp_path_factory.mktemp("published")
    save_file(load_file(SHARED / "tiny_weights.safetensors"), path / "model.safetensors", metadata={"format": "pt"})
    text = {"vocab_size": 320, "hidden_size": 48, "intermediate_size": 96, "num_attention_heads": 4}
    vision = {"hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 16, "num_hidden_layers": 2}
    config = {"text_config": {**text, "num_hidden_layers": 2}, "vision_config": vision, "projection_dim": 192}
    (path / "config.json").write_text(json.dumps({"model_type": "moondream1", **config}))
    GPT2Tokenizer(vocab={"<|endoftext|>": 0}, merges=[]).save_pretrained(path)
    return FAMILY.load(path, device="cpu"), load_file(SHARED / "expected.safetensors")


@pytest.mark.parametrize("name", ["small", "square", "tall", "wide"])
def test_results_are_those_of_the_original_code(published: tuple[Loaded, Weights], name: str) -> None:
    (model, codec), expected = (published[0].model, published[0].codec), published[1]
    picture = Image.open(SHARED / f"{name}.png").convert("RGB")
    picture = picture.resize(codec.view_size(picture.size, 10**6), Image.Resampling.BICUBIC)
    pixels = codec.pixels([picture])
    tokens = torch.tensor([[2, *[codec.image_token] * 729, 5, 17, 33, 9, 250, 101, 7]])
    labels = torch.full_like(tokens, -100)
    labels[:, -3:] = tokens[:, -3:]
    with torch.inference_mode():
        (seen,) = FAMILY.encode(model, [pixels])
        found = model(input_ids=tokens, labels=labels, **pixels.tensors)
    assert (seen.tokens - expected[f"{name}.image_embeds"][0]).abs().max() < 1e-4
    assert (found.logits[:, -8:] - expected[f"{name}.logits_last8"]).abs().max() < 1e-4
    assert float(found.loss) == pytest.approx(float(expected[f"{name}.loss"]), abs=1e-4)
