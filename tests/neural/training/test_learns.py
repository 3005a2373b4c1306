"""Pictures reach the model: QLoRA until the training answers are reproduced, killed on its way, read back, merged.

The 200 pictures of the whole proof, and other families, are in benchmarks/vlm_learns.py.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from entx.core.evaluation import Counts, outcomes
from entx.core.tables import read_table
from tests.neural.training.inputs import (
    PICTURE_RECIPE,
    Drawn,
    break_off,
    draw,
    entx,
    make_recipe,
    merge_unchanged,
    picture_store,
    record_of,
    refuse_merges,
    sets,
    valued,
)
from tests.vlm_stage.tiny_vlms import tiny_vlm

COUNT = 16
SHORT = (
    "{% for part in messages[0].content %}{% if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ part.text }}{% endif %}{% endfor %}\n"
)
"""A chat form of few tokens: the tokenizer has hardly more than one a letter."""
FULL = ("data.dev_share=0", "train.epochs=44", "train.lr=3e-3", "train.evaluate_every=1000")
QLORA = (
    "train.method=lora", "model.load=nf4", "lora.r=32", "lora.alpha=64", "data.dev_share=0", "train.epochs=36",
    "train.evaluate_every=8", "train.lr=4e-3",
)  # fmt: skip
"""2 steps an epoch; a checkpoint every 8 steps."""


@dataclass(frozen=True)
class Learnt:
    """A base, an adapter that was killed while it was trained, and what they were trained on."""

    folder: Path
    asked: list[Drawn]
    arguments: list[Any]

    @property
    def record(self) -> dict[str, Any]:
        return record_of(self.folder / "adapter")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Like the process that is killed: sums in 16 bits depend on their order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Learnt:
    """By the command: the whole of a tiny model on another entity of the same pictures, so that there is something to
    adapt, then an adapter on 4-bit weights."""
    folder = tmp_path_factory.mktemp("learnt")
    tiny_vlm("qwen2_vl", folder / "random", hidden=64, layers=2)
    (folder / "random" / "chat_template.jinja").write_text(SHORT)
    asked = valued(COUNT, seed=3)
    drawn = draw(folder / "pictures", asked)
    others = [replace(one, entity_name="wattage", label=one.label.replace("gram", "watt")) for one in asked]
    recipe = make_recipe(folder / "tiny.toml", PICTURE_RECIPE)
    common = ["train", "--stage", "vlm", "--recipe", recipe, "--quiet"]
    store = picture_store(folder / "others.duckdb", others, drawn)
    entx(*common, "--store", store, "--model", folder / "random", "--out", folder / "base", *sets(*FULL))
    store = picture_store(folder / "s.duckdb", asked, drawn)
    arguments = [*common, "--store", store, "--model", folder / "base", *sets(*QLORA)]
    process, _ = break_off(arguments, folder / "adapter", signal.SIGKILL)
    assert process.wait(timeout=60) == -signal.SIGKILL
    entx(*arguments, "--out", folder / "adapter")
    return Learnt(folder, asked, arguments)


def predict(learnt: Learnt, store: Path, name: str, *more: object) -> float:
    """F1 of `entx predict` on the training questions."""
    out = learnt.folder / f"{name}.csv"
    entx("predict", "--stage", "vlm", "--store", store, "--run", name, "--out", out, "--quiet", *more)
    by_quantity, _ = outcomes(list(read_table(out, ("prediction",))["prediction"]), [one.label for one in learnt.asked])
    return Counts.of(by_quantity).f1


def test_the_killed_training_went_on_from_its_checkpoint(learnt: Learnt) -> None:
    training = learnt.record["training"]
    assert training["resumed at step"] >= 8
    assert training["steps"] == training["steps planned"] == 72
    assert not (learnt.folder / "adapter.part").exists()
    steps = [entry["step"] for entry in learnt.record["history"] if "loss" in entry]
    assert steps == sorted(set(steps))


def test_it_ended_as_one_that_was_never_broken(learnt: Learnt) -> None:
    """An adapter in 16 bits is resumed in 16 bits: PEFT would widen it when it is loaded."""
    entx(*learnt.arguments, "--out", learnt.folder / "whole")
    whole = record_of(learnt.folder / "whole")
    assert whole["training"]["resumed at step"] == 0
    assert learnt.record["training"]["last loss"] == pytest.approx(whole["training"]["last loss"], rel=1e-3)
    left, right = (load_file(learnt.folder / name / "adapter_model.safetensors") for name in ("adapter", "whole"))
    assert left.keys() == right.keys()
    assert max(abs(left[name] - right[name]).max() for name in left) < 1e-3


def test_the_adapter_reproduces_its_pictures_and_only_them(learnt: Learnt) -> None:
    trained = ("--model", learnt.folder / "base", "--adapter", learnt.folder / "adapter", "--four-bit")
    store = learnt.folder / "s.duckdb"
    assert predict(learnt, store, "before", "--model", learnt.folder / "base", "--four-bit") < 0.3
    assert predict(learnt, store, "after", *trained) > 0.9
    around = [*learnt.asked[1:], learnt.asked[0]]
    swapped = [replace(one, printed=other.printed) for one, other in zip(learnt.asked, around, strict=True)]
    shuffled = picture_store(learnt.folder / "w.duckdb", learnt.asked, draw(learnt.folder / "swapped", swapped))
    assert predict(learnt, shuffled, "shuffled", *trained) < 0.3


def test_every_layer_of_the_scope_has_moved(learnt: Learnt) -> None:
    weights = load_file(learnt.folder / "adapter" / "adapter_model.safetensors")
    second = {name: value for name, value in weights.items() if "lora_B" in name}
    assert len(second) * 2 == len(weights)
    assert all(abs(value).max() > 0 for value in second.values())  # they start at exactly 0
    for part in ("visual.blocks", "visual.merger", "self_attn.q_proj", "mlp.down_proj"):
        assert any(part in name for name in second), part
    config = json.loads((learnt.folder / "adapter" / "adapter_config.json").read_text())
    assert str(learnt.folder) not in json.dumps(config)
    assert learnt.record["recipe"]["settings"]["model"]["load"] == "nf4"


def test_the_merge_keeps_the_answers(learnt: Learnt, capsys: pytest.CaptureFixture[str]) -> None:
    merged, base = merge_unchanged(capsys, learnt.folder, learnt.folder / "merged", 8)
    assert any(abs(merged[name] - base[name]).max() > 0 for name in base if "visual" in name)
    assert (learnt.folder / "merged" / "entx.json").read_text() == (learnt.folder / "adapter" / "entx.json").read_text()
    assert predict(learnt, learnt.folder / "s.duckdb", "merged", "--model", learnt.folder / "merged") > 0.5


def test_spoilt_weights_another_base_and_what_is_no_adapter_are_not_merged(
    learnt: Learnt, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tiny_vlm("qwen2_vl", tmp_path / "other", hidden=64, layers=2, seed=1)
    refuse_merges(capsys, learnt.folder, tmp_path / "merged", other, monkeypatch, 2)
