"""The local backend against the plain way: one question at a time, picture and all, through the model's own forward."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from entx.vlm_stage.backends import seen_trees
from transformers import LogitsProcessor, LogitsProcessorList

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError
from entx.core.postprocess import postprocess
from entx.neural.backends.base import Completion, Query, Request
from entx.neural.decoding import Constrainer, answer_pattern
from entx.vlm_stage.model import PIXEL_THREADS, PictureModel
from tests.vlm_stage.pictures import HEIGHT, KINDS, asks, noise, views
from tests.vlm_stage.tiny_vlms import tiny_vlm

TOLERANCE = 1e-4
"""Sums of up to 16 float32 log-probabilities, each near -6; the order of additions differs."""

MODELS: dict[str, PictureModel] = {}


@pytest.fixture(params=KINDS)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> PictureModel:
    kind = request.param
    if kind not in MODELS:
        MODELS[kind] = PictureModel.load(tiny_vlm(kind, tmp_path_factory.mktemp("models") / kind))
    return MODELS[kind]


@pytest.fixture
def qwen(tmp_path_factory: pytest.TempPathFactory) -> PictureModel:
    return PictureModel.load(tiny_vlm("qwen2_vl", tmp_path_factory.mktemp("models") / "qwen"))


def plain_score(model: PictureModel, asked: Request, question: str, completion: str) -> float:
    """Log-probability of completion and end by one forward pass over one row."""
    codec = model.codec
    pixels = codec.pixels(asked.views)
    prompt = codec.prompt(pixels, question)
    answer = [*codec.completion(completion), codec.ends[0]]
    inputs = codec.batch([pixels], [[*prompt, *answer]], prompts=[len(prompt)], left=False)
    with torch.inference_mode():
        logits = model.model(**inputs).logits[0].double().log_softmax(-1)
    return sum(float(logits[len(prompt) + place - 1, token]) for place, token in enumerate(answer))


class Within(LogitsProcessor):
    """llguidance in `model.generate`, for one row."""

    def __init__(self, constrainer: Constrainer, pattern: str, prompt: int):
        self.constrainer, self.matcher, self.prompt = constrainer, constrainer.matcher(pattern), prompt

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if input_ids.shape[1] > self.prompt:
            self.matcher.consume_token(int(input_ids[0, -1]))
        return scores.masked_fill(~torch.from_numpy(self.constrainer.allowed(self.matcher)), -torch.inf)


def plain_generate(model: PictureModel, asked: Request, ask: Ask, max_tokens: int) -> Completion:
    """`model.generate` on one row under the same constraint; its log-probability under the model alone."""
    codec = model.codec
    pixels = codec.pixels(asked.views)
    prompt = codec.prompt(pixels, ask.question)
    inputs = codec.batch([pixels], [prompt], prompts=[len(prompt)], left=True)
    vocabulary = model.model.get_output_embeddings().out_features
    extra: dict[str, Any] = {}
    if ask.pattern:
        constrainer = Constrainer(codec.tokenizer, vocabulary, codec.ends)
        led = f"{codec.lead}({ask.pattern})" if codec.lead else ask.pattern
        led = f"({led})?" if codec.lead and re.fullmatch(ask.pattern, "") else led  # the empty answer has no lead
        extra["logits_processor"] = LogitsProcessorList([Within(constrainer, led, len(prompt))])
    out = model.model.generate(
        **inputs, do_sample=False, max_new_tokens=max_tokens, output_logits=True, return_dict_in_generate=True,
        eos_token_id=list(codec.ends), pad_token_id=codec.tokenizer.pad_token_id, **extra,
    )  # fmt: skip
    tokens = out.sequences[0, len(prompt) :].tolist()
    log_prob = sum(
        float(step[0].double().log_softmax(-1)[token]) for step, token in zip(out.logits, tokens, strict=True)
    )
    return Completion(codec.tokenizer.decode(tokens, skip_special_tokens=True).removeprefix(codec.lead), log_prob)


@contextmanager
def counted(model: PictureModel) -> Iterator[list[int]]:
    """Pictures that pass the vision tower, call by call."""
    calls: list[int] = []

    def count(_: Any, args: tuple[Any, ...], given: dict[str, Any]) -> None:
        grids = given.get("grid_thw")
        values = args[0] if args else given["pixel_values"]
        calls.append(len(grids) if grids is not None else len(values))

    hook = model.family.vision_tower(model.model).register_forward_pre_hook(count, with_kwargs=True)
    try:
        yield calls
    finally:
        hook.remove()


@pytest.mark.parametrize("tokens_per_pass", [1, 4096])
def test_scores_equal_one_row_at_a_time(model: PictureModel, tokens_per_pass: int) -> None:
    model.tokens_per_pass = tokens_per_pass
    batch = asks(model)
    checked = 0
    for asked, of_picture in zip(batch, model.read(batch, max_tokens=1), strict=True):
        for ask, said in zip(asked.asks, of_picture, strict=True):
            assert len(said.scores) == len(ask.completions)
            for completion, score in zip(ask.completions, said.scores, strict=True):
                assert score == pytest.approx(plain_score(model, asked, ask.question, completion), abs=TOLERANCE)
                checked += 1
    assert checked == 10


def test_answers_equal_generate_row_by_row(model: PictureModel) -> None:
    model.tokens_per_pass = 4096
    batch = asks(model)
    for asked, of_picture in zip(batch, model.read(batch, max_tokens=16), strict=True):
        for ask, said in zip(asked.asks, of_picture, strict=True):
            expected = plain_generate(model, asked, ask, 16)
            assert said.text == expected.text
            assert said.log_prob == pytest.approx(expected.log_prob, abs=TOLERANCE)


def test_free_answers_equal_generate_and_are_bounded(model: PictureModel) -> None:
    asked = Request(views(model, noise(4, 100, 80)), (Query("Read it."), Query("And the other side?")))
    for ask, said in zip(asked.asks, model.read([asked], max_tokens=6)[0], strict=True):
        assert said.text == plain_generate(model, asked, ask, 6).text


def test_what_a_model_sees_decides_what_it_says(model: PictureModel) -> None:
    ask = Query("What is the height?", ("5 inch",), HEIGHT)
    pictures = [Request(views(model, noise(seed, 112, 112)), (ask,)) for seed in (5, 6)]
    (one,), (other,) = model.read(pictures)
    assert one.scores[0] != pytest.approx(other.scores[0], abs=1e-3)


def test_each_picture_passes_the_vision_tower_once(model: PictureModel) -> None:
    batch = asks(model)
    encoded = [model.codec.pixels(asked.views) for asked in batch]
    for tokens_per_pass in (1, 4096):
        model.tokens_per_pass = tokens_per_pass
        with counted(model) as calls:
            model.read(batch, max_tokens=3)
        frames = sum(len(one.tensors.get("image_grid_thw", one.tensors["pixel_values"])) for one in encoded)
        assert sum(calls) == frames
        assert len(calls) == (len(batch) if tokens_per_pass == 1 else 1)


def test_results_do_not_depend_on_what_else_is_asked(model: PictureModel) -> None:
    model.tokens_per_pass = 4096
    batch = asks(model)
    together = model.read(batch)
    backward = model.read(batch[::-1])[::-1]
    for asked, expected, again in zip(batch, together, backward, strict=True):
        for ask, said, once_more in zip(asked.asks, expected, again, strict=True):
            ((alone,),) = model.read([Request(asked.views, (ask,))])
            for other in (alone, once_more):
                assert other.text == said.text
                assert other.log_prob == pytest.approx(said.log_prob, abs=TOLERANCE)
                assert other.scores == pytest.approx(said.scores, abs=TOLERANCE)


def test_empty_batches_and_pictures_without_questions(model: PictureModel) -> None:
    assert model.read([]) == []
    with counted(model) as calls:
        assert model.read([Request(views(model, noise(0, 60, 60)), ())]) == [[]]
    assert calls == []


def test_a_picture_one_pixel_wide_is_read(model: PictureModel) -> None:
    thin = [noise(7, 1, 1), noise(8, 1, 2000), noise(9, 3000, 1)]
    found = model.read([Request(views(model, picture), (Query("Height?", (), HEIGHT),)) for picture in thin])
    assert all(answer.text for ((answer),) in found)


def test_pixels_made_by_several_threads_are_the_same(
    qwen: PictureModel, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    batch = [Request(views(qwen, noise(seed, 90, 70)), asks(qwen)[0].asks) for seed in range(8)]
    alone = qwen.read(batch)
    monkeypatch.setitem(PIXEL_THREADS, "cpu", 4)
    assert qwen.read(batch) == alone


def test_scores_computed_in_parts_are_the_same(
    qwen: PictureModel, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    expected = [said.scores for of_picture in qwen.read(asks(qwen), max_tokens=1) for said in of_picture]
    monkeypatch.setattr(seen_trees, "STATES_PER_PASS", 3)
    found = [said.scores for of_picture in qwen.read(asks(qwen), max_tokens=1) for said in of_picture]
    assert [pytest.approx(scores, abs=TOLERANCE) for scores in expected] == found


@pytest.mark.parametrize("seed", range(3))
def test_written_answers_are_legal(seed: int, tmp_path: Path) -> None:
    model = PictureModel.load(tiny_vlm("qwen2_vl", tmp_path / "model", seed=seed))
    entities = list(CHALLENGE.entities.values())
    asked = tuple(Query(f"What is the {entity.words}?", (), answer_pattern(entity, "none")) for entity in entities)
    (answers,) = model.read([Request(views(model, noise(seed, 100, 100)), asked)], max_tokens=64)
    for entity, answer in zip(entities, answers, strict=True):
        reading = postprocess(answer.text, entity)
        assert answer.text == "none" or reading.quantity is not None or float(answer.text.split()[0]) == 0.0


def test_an_adapter_is_applied(qwen: PictureModel, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    folder = tiny_vlm("qwen2_vl", tmp_path / "model")
    base = PictureModel.load(folder)
    targets = list(base.family.lora_targets(base.model, "all"))
    adapted = get_peft_model(
        PictureModel.load(folder).model,
        LoraConfig(r=2, target_modules=targets, init_lora_weights=False),
    )  # fmt: skip
    adapted.save_pretrained(tmp_path / "adapter")
    loaded = PictureModel.load(folder, adapter=tmp_path / "adapter")
    batch = asks(base)
    plain, changed = base.read(batch), loaded.read(batch)
    assert plain[0][0].scores != pytest.approx(changed[0][0].scores, abs=1e-2)
    merged = PictureModel(base.family, adapted.merge_and_unload(), base.codec)
    for one, other in zip(changed, merged.read(batch), strict=True):
        for said, expected in zip(one, other, strict=True):
            assert said.scores == pytest.approx(expected.scores, abs=1e-3)


def test_an_adapter_of_another_model_is_refused(tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    small = tiny_vlm("qwen2_vl", tmp_path / "small")
    large = tiny_vlm("qwen2_vl", tmp_path / "large", hidden=64)
    model = PictureModel.load(large)
    targets = list(model.family.lora_targets(model.model, "language"))
    get_peft_model(model.model, LoraConfig(r=2, target_modules=targets)).save_pretrained(tmp_path / "adapter")
    with pytest.raises(InputError, match="adapter cannot be loaded on small"):
        PictureModel.load(small, adapter=tmp_path / "adapter")


@pytest.mark.parametrize("kind", ["qwen2_vl", "paligemma", "idefics3"])
def test_four_bits_and_bfloat16_read(kind: str, tmp_path: Path) -> None:
    folder = tiny_vlm(kind, tmp_path / "model", hidden=128)  # the CPU kernel wants layers of 32 outputs
    whole = PictureModel.load(folder)
    for other in (
        PictureModel.load(folder, four_bit=True),
        PictureModel.load(folder, dtype="bfloat16"),
    ):
        asked = Request(views(whole, noise(0, 100, 100)), (Query("What is the height?", ("5 inch",), HEIGHT),))
        ((exact,),), ((coarse,),) = whole.read([asked]), other.read([asked])
        assert postprocess(coarse.text, CHALLENGE["height"]).quantity is not None or coarse.text == "none"
        assert coarse.scores[0] == pytest.approx(exact.scores[0], rel=0.5)
        assert coarse.scores[0] != exact.scores[0]


def test_only_linear_layers_inside_are_four_bit(tmp_path: Path) -> None:
    import bitsandbytes

    model = PictureModel.load(tiny_vlm("qwen2_vl", tmp_path / "m", hidden=64), four_bit=True).model
    kinds = {name: type(module) for name, module in model.named_modules()}
    assert kinds["model.language_model.layers.0.mlp.up_proj"] is bitsandbytes.nn.Linear4bit
    assert kinds["lm_head"] is torch.nn.Linear
