"""Do pictures reach the model? `entx train --stage vlm` on tiny models until the training answers are reproduced.

For each family a tiny model is built from its configuration. All weights of it are first trained on pictures of other
values of another entity (a QLoRA adapter on random weights has nothing to adapt), by the CLI. Then comes the proof, by
the CLI alone: QLoRA (nf4 base) on rendered pictures of one weight each, killed by SIGKILL after its first checkpoint
and resumed; `entx predict` with base and adapter on the training pictures; the same with the pictures shuffled among
the questions; and `entx merge-adapter` with its guard, and the merged answers. Moondream2 learns by its language
part alone, as published system 2 trained it: first by whole weights, killed and resumed too, then by QLoRA.

    python -m benchmarks.vlm_learns [--families qwen2_vl paligemma smolvlm moondream1] [--pictures 200]

Prints f1 on the training pictures before and after, shuffled, and merged, with the seconds of each part.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors.numpy import load_file

from benchmarks.shared import ROOT, arguments
from entx.core.evaluation import Counts, outcomes
from entx.core.tables import read_table
from entx.neural.training.trainer import last_whole
from tests.neural.training.inputs import Drawn, draw, entx, make_recipe, picture_store, sets, valued
from tests.vlm_stage.tiny_vlms import tiny_vlm

RECIPE = """
stage = "vlm"
title = "A tiny model that reads large print"

[model]
pixels = 12544
max_length = 256
load = "fp32"

[prompt]
question = "{entity_name}?"
empty = ""

[train]
method = "full"
lr = 2e-3
epochs = 12
batch = 16
evaluate_every = 50
patience = 0
warmup = 0.05

[data]
dev_share = 0
"""
QLORA = ("train.method=lora", "model.load=nf4", "lora.r=32", "lora.alpha=64", "train.evaluate_every=20")
SHAPES: dict[str, dict[str, Any]] = {"paligemma": {"side": 112, "hidden": 128}, "moondream1": {"side": 112}}
"""PaliGemma's one head for keys must have whole blocks of weights for bitsandbytes on a CPU."""
LANGUAGE = ("model.scope=language", "train.evaluate_every=20")


def predict(folder: Path, store: Path, pictures: list[Drawn], name: str, *more: object) -> tuple[float, float]:
    """F1 of `entx predict`, and its seconds."""
    began = time.monotonic()
    out = folder / f"{name}.csv"
    entx("predict", "--stage", "vlm", "--store", store, "--run", name, "--out", out, "--quiet", *more)
    seconds = time.monotonic() - began
    truths = [one.label.replace(".0 ", " ") for one in pictures]
    by_quantity, _ = outcomes(list(read_table(out, ("index", "prediction"))["prediction"]), truths)
    return Counts.of(by_quantity).f1, seconds


def train_killed(arguments: list[str], out: Path) -> tuple[float, int]:
    """Trains in another process, kills it after its first checkpoint, and goes on; seconds, and the step resumed at."""
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "entx", *arguments, "--out", str(out), "--quiet"],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=ROOT, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    checkpoints = out.with_name(out.name + ".part") / "checkpoints"
    while not list(checkpoints.glob("checkpoint-*/complete.json")):
        if process.poll() is not None:
            raise SystemExit(process.stderr and process.stderr.read())
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert last_whole(checkpoints) is not None
    entx(*arguments, "--out", out, "--quiet")
    record = json.loads((out / "training.json").read_text(encoding="utf-8"))
    return time.monotonic() - began, record["training"]["resumed at step"]


def prove(kind: str, count: int, hidden: int, epochs: float, folder: Path) -> dict[str, Any]:
    """One family's figures."""
    tiny_vlm(kind, folder / "random", **{"hidden": hidden, **SHAPES.get(kind, {})})
    recipe = make_recipe(folder / "tiny.toml", RECIPE)
    both = valued(count + 600, seed=1)
    asked = both[:count]
    others = [
        replace(one, name=f"other{one.name}", printed=one.printed.replace("g", "W"), entity_name="wattage",
                label=one.label.replace("gram", "watt"))
        for one in both[count:]
    ]  # fmt: skip
    common = ["train", "--stage", "vlm", "--recipe", str(recipe)]
    began = time.monotonic()
    entx(*common, "--store", picture_store(folder / "others.duckdb", others), "--model", folder / "random", "--out",
         folder / "base", "--quiet")  # fmt: skip
    base_seconds = time.monotonic() - began
    store = picture_store(folder / "asked.duckdb", asked)
    before, _ = predict(folder, store, asked, "before", "--model", folder / "base", "--four-bit")
    arguments = [*common, "--store", str(store), "--model", str(folder / "base"), *sets(f"train.epochs={epochs}")]
    shuffled = shuffled_store(folder, asked)
    language: tuple[str, ...] = ()
    of_part: dict[str, Any] = {}
    if kind == "moondream1":
        language = LANGUAGE
        seconds, resumed = train_killed([*arguments, *sets(*LANGUAGE)], folder / "part")
        base, part = (load_file(folder / name / "model.safetensors") for name in ("base", "part"))
        names = {name for name in base if not (base[name] == part[name]).all()}
        assert not any(name.startswith("vision_encoder") for name in names)
        of_part = {
            "f1": predict(folder, store, asked, "part", "--model", folder / "part")[0],
            "f1 shuffled": predict(folder, shuffled, asked, "part", "--model", folder / "part")[0],
            "resumed at step": resumed, "seconds": round(seconds), "tensors changed": len(names),
        }  # fmt: skip
    seconds, resumed = train_killed([*arguments, *sets(*QLORA, *language)], folder / "adapter")
    trained = ("--model", folder / "base", "--adapter", folder / "adapter", "--four-bit")
    after, read_seconds = predict(folder, store, asked, "after", *trained)
    destroyed, _ = predict(folder, shuffled, asked, "shuffled", *trained)
    entx("merge-adapter", "--model", folder / "base", "--adapter", folder / "adapter", "--store", store, "--out",
         folder / "merged", "--dtype", "float32", "--quiet")  # fmt: skip
    merged, _ = predict(folder, store, asked, "merged", "--model", folder / "merged")
    guard = json.loads((folder / "merged" / "training.json").read_text(encoding="utf-8"))["merge"]
    return {
        "family": kind, "pictures": count, "f1 before": before, "f1": after, "f1 shuffled": destroyed,
        "f1 merged": merged, "resumed at step": resumed, "base seconds": round(base_seconds),
        "qlora seconds": round(seconds), "predict seconds": round(read_seconds, 1), "guard": guard["guard"],
        "against 4-bit": guard["against 4-bit weights"], **({"whole language part": of_part} if of_part else {}),
    }  # fmt: skip


def shuffled_store(folder: Path, asked: list[Drawn]) -> Path:
    """The same questions, each about the picture of another."""
    names = [one.name for one in asked]
    order = names[1:] + names[:1]
    random.Random(0).shuffle(order)
    swapped = [replace(one, printed=other.removeprefix(one.entity_name).removesuffix(".png") + "g")
               for one, other in zip(asked, order, strict=True)]  # fmt: skip
    draw(folder / "swapped", swapped)
    return picture_store(folder / "shuffled.duckdb", asked, folder / "swapped")


def run() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--families", nargs="+", default=["qwen2_vl", "paligemma", "smolvlm", "moondream1"])
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--epochs", type=float, default=20)
    options = parser.parse_args()
    for kind in options.families:
        with tempfile.TemporaryDirectory() as name:
            print(json.dumps(prove(kind, options.pictures, options.hidden, options.epochs, Path(name))), flush=True)


if __name__ == "__main__":
    run()
