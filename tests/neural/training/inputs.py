"""What the tests of training share: stores with questions, recipes, tiny bases, and runs of the command."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image, ImageDraw, ImageFont
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from entx.cli.app import main
from entx.core.entities import CHALLENGE
from entx.llm_stage.prompt import Style, page_prompt, question_prompt
from entx.storage.store import Store
from entx.storage.transfer import ingest
from lab.pretrain import train_tokenizer
from tests.cli.runner import Ended, run_entx
from tests.llm_stage.stores import Asked, Shown, fill, page_of
from tests.llm_stage.tiny_models import tiny_model
from tests.vlm_stage.tiny_vlms import tiny_vlm

ROOT = Path(__file__).parents[3]
TEXT_RECIPE = """
stage = "llm"
title = "A tiny model for tests"

[model]
style = "compact"
budget = 96
max_length = 128
load = "fp32"

[train]
method = "full"
lr = 5e-3
epochs = 6
batch = 4
evaluate_every = 10
dev_rows = 20
warmup = 0.1

[data]
dev_share = 0.2
negatives = 0.2
"""
PICTURE_RECIPE = """
stage = "vlm"
title = "A tiny vision-language model for tests"

[model]
pixels = 12544
max_length = 200
load = "fp32"

[prompt]
question = "{entity_name}?"
empty = ""

[train]
method = "full"
lr = 2e-3
epochs = 2
batch = 8
evaluate_every = 4
dev_rows = 8
warmup = 0.1

[data]
dev_share = 0.2
"""
CHAT = (
    "{% for message in messages %}<s>{{ message['role'] }}\n{{ message['content'] }}<end>\n{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant\n{% endif %}"
)
SIZE = (112, 56)
PRINTED = {"gram": "g", "watt": "W", "volt": "V"}


@dataclass(frozen=True)
class Inputs:
    """A folder with a stage's store, recipe and base model."""

    stage: str
    folder: Path

    @property
    def store(self) -> Path:
        return self.folder / "s.duckdb"

    @property
    def base(self) -> Path:
        return self.folder / "base"

    @property
    def arguments(self) -> list[object]:
        recipe = self.folder / "tiny.toml"
        return ["train", "--stage", self.stage, "--recipe", recipe, "--store", self.store, "--model", self.base]

    def train(self, capsys: pytest.CaptureFixture[str], out: Path, *more: object) -> Ended:
        name, *usual = self.arguments
        return run_entx(capsys, name, *_instead([*usual, "--out", out], more))


def text_inputs(folder: Path) -> Inputs:
    text_store(folder / "s.duckdb")
    make_recipe(folder / "tiny.toml", TEXT_RECIPE)
    text_base(folder / "base")
    return Inputs("llm", folder)


def picture_inputs(folder: Path) -> Inputs:
    drawn = valued(24) + [Drawn(f"empty{n}.png", f"X{n}", "voltage", "") for n in range(6)]
    picture_store(folder / "s.duckdb", drawn)
    make_recipe(folder / "tiny.toml", PICTURE_RECIPE)
    tiny_vlm("qwen2_vl", folder / "base")
    return Inputs("vlm", folder)


def make_recipe(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def sets(*assignments: str) -> list[str]:
    """As options."""
    return [part for one in assignments for part in ("--set", one)]


def record_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "training.json").read_text())
    return found


def entx(*arguments: object) -> str:
    """Runs a command that must end well, outside of a test's capture; what it said on stderr."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stderr(said):
        patch.setattr(sys, "argv", ["entx", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code == 0, said.getvalue()
    return said.getvalue()


def merge(capsys: pytest.CaptureFixture[str], folder: Path, out: Path, *more: object) -> Ended:
    """Merges the adapter of a folder with base, adapter and store."""
    usual = [
        "--model", folder / "base", "--adapter", folder / "adapter", "--store", folder / "s.duckdb", "--out", out,
    ]  # fmt: skip
    return run_entx(capsys, "merge-adapter", *_instead(usual, more), "--json")


def _instead(usual: Sequence[object], given: Sequence[object]) -> list[object]:
    """The usual options, each with its value, less those that are given otherwise; then the given ones."""
    pairs = zip(usual[::2], usual[1::2], strict=True)
    return [*(part for pair in pairs if pair[0] not in given for part in pair), *given]


def merge_unchanged(
    capsys: pytest.CaptureFixture[str], folder: Path, out: Path, rows: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Merges in 32 bits, which must change no answer; the weights of the merged model and of its base."""
    ended = merge(capsys, folder, out, "--dtype", "float32", "--rows", rows)
    assert ended.code == 0, ended.err
    said = json.loads(ended.out)
    assert (said["questions"], said["chosen"], said["written"]) == (rows, 0, 0)
    assert said["against_4bit"] is not None
    assert "## Merge" in (out / "README.md").read_text()
    merged, base = (load_file(path / "model.safetensors") for path in (out, folder / "base"))
    assert merged.keys() == base.keys()
    return merged, base


def refuse_merges(
    capsys: pytest.CaptureFixture[str], folder: Path, out: Path, other: Path, monkeypatch: pytest.MonkeyPatch,
    steps: int,
) -> None:  # fmt: skip
    """Another base, a whole model as the adapter, and weights spoilt by `steps` are not merged; nothing is written."""
    for given, said in (("--model", "with other weights than those of"), ("--adapter", "nothing to merge")):
        ended = merge(capsys, folder, out, given, other)
        assert (ended.code, said in ended.err) == (2, True)
    spoil_saved_weights(monkeypatch, steps)
    ended = merge(capsys, folder, out, "--dtype", "float32", "--rows", 8)
    assert (ended.code, "refused: merging changes" in ended.err) == (2, True)
    assert not list(out.parent.glob(f"{out.name}*"))


def spoil_saved_weights(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Weights that are rounded on their way to the disk stand for a merge gone wrong."""
    save = PreTrainedModel.save_pretrained

    def spoil(model: PreTrainedModel, path: Path, **options: object) -> None:
        save(model, path, **options)
        weights = load_file(path / "model.safetensors")
        worn = {name: value if value.dim() < 2 else (value * steps).round() / steps for name, value in weights.items()}
        save_file(worn, path / "model.safetensors", metadata={"format": "pt"})

    monkeypatch.setattr(PreTrainedModel, "save_pretrained", spoil)


def break_off(
    arguments: Sequence[object], out: Path, number: signal.Signals, launcher: Sequence[str] = (sys.executable,)
) -> tuple[subprocess.Popen[str], float]:
    """Starts a training, perhaps by torchrun, and sends the signal once a checkpoint is whole.

    Returns the process, and the processor's seconds that it had used by then.
    """
    process = subprocess.Popen(
        [*launcher, "-m", "entx", *map(str, arguments), "--out", str(out)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 240
    checkpoints = out.with_name(out.name + ".part") / "checkpoints"
    while not list(checkpoints.glob("checkpoint-*/complete.json")):
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.002)
    used = psutil.Process(process.pid).cpu_times()
    process.send_signal(number)
    return process, used.user + used.system


def labels(count: int = 60) -> list[Shown]:
    """Labels with a weight and a voltage each, in changing order."""
    shown = []
    for n in range(count):
        lines = [f"NET WEIGHT {3 + n} g", f"INPUT {n % 7 + 1}2 V", "made with care"]
        if n % 2:
            lines.reverse()
        asked = [
            Asked("item_weight", f"{3 + n} gram", group_id=""),
            Asked("voltage", f"{n % 7 + 1}2 volt", group_id=""),
        ]
        shown.append(Shown(lines, asked))
    return shown


def text_store(path: Path, shown: Iterable[Shown] | None = None) -> Path:
    fill(path, list(shown) if shown is not None else labels()).close()
    return path


def text_base(folder: Path, kind: str = "llama", *, chat: bool = False, **changes: int) -> Path:
    """A folder with a model of random weights and a tokenizer of its own, made for prompts like the store's."""
    texts = []
    for style in Style:
        for shown in labels(20):
            page = page_of("p", shown.lines)
            prompt = page_prompt(page, CHALLENGE, style, count_tokens=lambda texts: [1] * len(texts), budget=99)
            texts += [prompt.text, *(question_prompt(CHALLENGE[one.entity_name], style) for one in shown.questions)]
    tokenizer = train_tokenizer(texts, 700)
    tokenizer.add_special_tokens({"bos_token": "<s>"})
    if chat:
        tokenizer.chat_template = CHAT
    model = tiny_model(kind, len(tokenizer), initializer_range=0.05, bos_token_id=tokenizer.bos_token_id,
                       eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, **changes)  # fmt: skip
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@dataclass(frozen=True)
class Drawn:
    """A picture with one number in large print, and what is asked of it.

    Args:
        printed: "" for an empty picture.
        label: of the table.
    """

    name: str
    printed: str
    entity_name: str
    label: str
    group_id: str = ""
    size: tuple[int, int] = SIZE


def valued(count: int, unit: str = "gram", entity_name: str = "item_weight", *, seed: int = 0) -> list[Drawn]:
    """Pictures of distinct values of one unit."""
    values = random.Random(seed).sample(range(10, 1000), count)
    return [
        Drawn(f"{entity_name}{value}.png", f"{value}{PRINTED[unit]}", entity_name, f"{value}.0 {unit}")
        for value in values
    ]


def draw(folder: Path, pictures: Sequence[Drawn]) -> Path:
    """Writes the pictures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    font = ImageFont.load_default(size=48)
    for one in pictures:
        picture = Image.new("RGB", one.size, "white")
        place = (one.size[0] // 2, one.size[1] // 2)
        ImageDraw.Draw(picture).text(place, one.printed, font=font, fill="black", anchor="mm")
        picture.save(folder / one.name)
    return folder


def picture_store(path: Path, pictures: Sequence[Drawn], folder: Path | None = None) -> Path:
    """A store of labelled questions about drawn pictures.

    Args:
        folder: of the pictures; by default they are drawn beside the store.
    """
    folder = folder or draw(path.with_suffix(""), pictures)
    table = path.with_suffix(".csv")
    with table.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("index", "image_link", "group_id", "entity_name", "entity_value"))
        writer.writerows(
            (number, one.name, one.group_id, one.entity_name, one.label) for number, one in enumerate(pictures)
        )
    with Store(path, write=True) as store:
        ingest(store, table, [folder], CHALLENGE)
    return path
