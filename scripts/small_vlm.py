"""A small vision-language model from nothing: the Qwen2-VL architecture, taught to read on rendered pictures.

    nice python scripts/small_vlm.py --out DIR [--minutes 90] [--fonts FOLDER]

First single printed lines, then sheets with several, then the demo's scenes. Pictures are drawn in a process of their
own while the model learns. How far the course goes is a matter of time, not of steps: `--minutes` of training on this
machine, interruptions not counted; called again, it goes on where it was. The model folder is DIR/model, the record of
losses and of exact answers on held-out pictures DIR/log.jsonl. With --measure it only measures DIR/model, by size of
print.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from multiprocessing.queues import Queue
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import numpy as np

from entx.core.entities import CHALLENGE
from entx.demo import sheets
from entx.demo.draw import KINDS as SCENES
from entx.demo.draw import draw_scene
from entx.demo.prints import FACES, Sample, crop
from entx.demo.scene import Scene
from entx.vlm_stage.prompt import PromptForm

FORM = PromptForm("{entity}", "none")
"""Few tokens: a small model has no use for instructions."""

EVERY = "every value"
"""A question that only the training asks: all values in reading order, which teaches to read more at once."""

RATE = 1e-3
WARMUP = 300
SAVE_MINUTES = 5.0
MEASURE_MINUTES = 5.0


Layout = tuple[tuple[int, int], ...]
"""(width, height) of each view."""

LINES: tuple[Layout, ...] = tuple(
    (size,)
    for size in ((56, 28), (84, 28), (112, 28), (140, 28), (168, 28), (224, 28), (112, 56), (168, 56), (224, 56))
)
SHEETS: tuple[Layout, ...] = tuple((size,) for size in ((168, 168), (196, 196), (224, 224), (252, 196), (196, 252)))
TALL: tuple[Layout, ...] = tuple((size,) for size in ((28, 84), (28, 112), (28, 168), (56, 112), (56, 168)))
LARGE: tuple[Layout, ...] = tuple((size,) for size in ((280, 280), (336, 336), (336, 252), (252, 336), (448, 448)))


def _close_ups() -> tuple[Layout, ...]:
    """A small whole picture with one to five crops of all shapes; a tall one in every second layout."""
    rng = random.Random("close-ups")
    wide, tall = ((112, 56), (140, 56), (168, 56), (224, 56), (168, 84), (112, 28)), ((56, 112), (56, 168))
    found = []
    for whole in ((168, 168), (196, 196), (224, 224), (196, 140), (140, 196)):
        for count in (1, 2, 2, 3, 3, 4, 5):
            crops = rng.choices(wide, k=count)
            if rng.random() < 0.5:
                crops[rng.randrange(count)] = rng.choice(tall)
            found.append((whole, *crops))
    return tuple(found)


CLOSE_UPS = _close_ups()


@dataclass(frozen=True, slots=True)
class Kind:
    """Samples that share a batch, all of one layout.

    Args:
        name: for the record.
        layouts: one is chosen for each batch.
        tokens: image tokens of a batch, at most.
        draw: (seed, layout, faces) -> sample.
        asks: questions about each picture, `EVERY` not counted.
        every: whether that is asked too.
    """

    name: str
    layouts: tuple[Layout, ...]
    tokens: int
    draw: Callable[[str, Layout, Sequence[str]], Sample]
    asks: int
    every: bool = False


def _plain(seed: str, layout: Layout, faces: Sequence[str]) -> Sample:
    return crop(random.Random(seed), layout[0], plain=True, faces=faces)


def _line(seed: str, layout: Layout, faces: Sequence[str]) -> Sample:
    return crop(random.Random(seed), layout[0], faces=faces)


def _tall(seed: str, layout: Layout, faces: Sequence[str]) -> Sample:
    (wide, high), *_ = layout
    made = crop(random.Random(seed), (high, wide), faces=faces)
    return replace(made, views=(made.views[0].rotate(90, expand=True),), glyphs=())


def _sheet(seed: str, layout: Layout, _: Sequence[str]) -> Sample:
    return sheets.sheet_sample(random.Random(seed), layout[0])


def _close_up(seed: str, layout: Layout, _: Sequence[str]) -> Sample:
    """Two samples are made of each sheet."""
    batch, _, number = seed.rpartition("/")
    size = layout[0][0] * 9 // 4, layout[0][1] * 9 // 4
    return sheets.close_up_sample(random.Random(seed), layout, _sheet_of(f"{batch}/{int(number) // 2}", size))


@lru_cache(maxsize=4)
def _sheet_of(seed: str, size: tuple[int, int]) -> Scene:
    return sheets.sheet(random.Random(seed), size, (0.035, 0.085))


def _scene(seed: str, layout: Layout, _: Sequence[str]) -> Sample:
    """One of the demo's scenes, whole or with crops; they take long to draw, so that four samples are made of each."""
    batch, _, number = seed.rpartition("/")
    scene = _drawn(f"{batch}/{int(number) // 4}")
    return sheets.close_up_sample(random.Random(seed), layout, scene)


@lru_cache(maxsize=4)
def _drawn(seed: str) -> Scene:
    rng = random.Random(seed)
    return draw_scene(rng.choice(list(SCENES)), seed, size=rng.randint(480, 640))


KINDS = {
    kind.name: kind
    for kind in (
        Kind("plain", LINES[:4], 288, _plain, 1),
        Kind("line", LINES, 320, _line, 1),
        Kind("sheet", SHEETS, 512, _sheet, 2, every=True),
        Kind("tall", TALL, 320, _tall, 1),
        Kind("large sheet", LARGE, 576, _sheet, 2, every=True),
        Kind("close-up", CLOSE_UPS, 640, _close_up, 2, every=True),
        Kind("scene", CLOSE_UPS, 640, _scene, 2),
        Kind("large scene", LARGE, 576, _scene, 2),
    )
}

COURSE: tuple[tuple[float, dict[str, float]], ...] = (
    (0.0, {"plain": 1.0}),
    (0.05, {"plain": 0.3, "line": 0.7}),
    (0.10, {"line": 1.0}),
    (0.25, {"line": 0.55, "tall": 0.05, "sheet": 0.4}),
    (0.38, {"line": 0.3, "tall": 0.05, "sheet": 0.25, "close-up": 0.4}),
    (
        0.70,
        {
            "line": 0.2,
            "tall": 0.05,
            "sheet": 0.15,
            "large sheet": 0.1,
            "close-up": 0.3,
            "scene": 0.15,
            "large scene": 0.05,
        },
    ),
)
"""From which share of the time on, which kinds with which shares of the batches."""


def shares_at(progress: float) -> dict[str, float]:
    """What is drawn at that share of the time."""
    return [shares for start, shares in COURSE if start <= progress][-1]


def make_batch(kind: Kind, seed: str, faces: Sequence[str], most: int | None = None) -> tuple[Any, list[float]]:
    """A batch of samples of one size with the height of their print; equal seeds give equal batches."""
    from entx.vlm_stage.small_model import SmallBatch, glyph_map

    rng = random.Random(seed)
    layout = rng.choice(kind.layouts)
    count = max(1, min(most or 10**6, kind.tokens * 784 // sum(width * height for width, height in layout)))
    samples = [kind.draw(f"{seed}/{number}", layout, faces) for number in range(count)]
    asks = []
    for sample in samples:
        asked = [(FORM.ask(CHALLENGE[name]), FORM.answer(value)) for name, value in sample.asks[: kind.asks]]
        if kind.every:
            asked.append((EVERY, ", ".join(FORM.answer(value) for value in sample.every) or FORM.empty))
        asks.append(tuple(asked))
    views = tuple(np.stack([np.asarray(sample.views[place]) for sample in samples]) for place in range(len(layout)))
    characters = None
    if all(sample.glyphs for sample in samples):
        characters = np.stack([glyph_map(sample.glyphs, *layout[0]) for sample in samples])
    return SmallBatch(views, tuple(asks), characters), [sample.print_height for sample in samples]


def draw_batches(queue: Queue[Any], progress: Synchronized[float], seed: str, faces: Sequence[str], first: int) -> None:
    """Fills the queue for ever; runs in its own process."""
    number = first
    while True:
        shares = shares_at(progress.value)
        rng = random.Random(f"{seed}/kind/{number}")
        kind = KINDS[rng.choices(list(shares), list(shares.values()))[0]]
        queue.put((kind.name, make_batch(kind, f"{seed}/{kind.name}/{number}", faces)[0]))
        number += 1


def held_out(faces: Sequence[str], batches: int = 2) -> Iterator[tuple[str, Any, list[float]]]:
    """Pictures that no training draws: (kind, batch, print heights)."""
    for kind in KINDS.values():
        for number in range(batches):
            yield kind.name, *make_batch(kind, f"held out/{kind.name}/{number}", faces)


def measure(reader: Any, faces: Sequence[str], batches: int = 2) -> dict[str, dict[str, float]]:
    """F1 by the challenge's rule and share of exact answers of every kind, and by height of print.

    `EVERY` is not counted.
    """
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for name, batch, heights in held_out(faces, batches):
        said = iter(reader.answers(batch, most=40 if KINDS[name].every else 12))
        for asks, height in zip(batch.asks, heights, strict=True):
            edge = next(edge for edge in (8, 11, 14, 18, 10**6) if height < edge)
            for question, truth in asks:
                answer = next(said)
                if question == EVERY:
                    continue
                for key in (name, f"{name} print < {edge} px"):
                    count = counts[key]
                    right = answer == truth
                    count[0] += right
                    count[1] += 1
                    count[2] += right and truth != FORM.empty
                    count[3] += (answer != FORM.empty and not right) + (answer == FORM.empty and not right)
    return {
        key: {"exact": round(right / n, 4), "f1": round(2 * tp / max(1, 2 * tp + wrong), 4), "n": n}
        for key, (right, n, tp, wrong) in sorted(counts.items())
    }


def save(reader: Any, tokenizer: Any, folder: Path) -> None:
    """A model folder that any loader of Qwen2-VL takes, with entx's own words about it."""
    from transformers import Qwen2VLImageProcessorPil

    from entx.vlm_stage.serving import Serving, write_serving

    folder.mkdir(parents=True, exist_ok=True)
    reader.model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    Qwen2VLImageProcessorPil(min_pixels=28 * 28, max_pixels=512 * 512).save_pretrained(folder)
    write_serving(folder, Serving(FORM, 336 * 336))
    for file in folder.iterdir():
        file.chmod(0o644)  # the library makes the weights readable to their owner only


def main() -> None:
    """Trains, or goes on, or measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=90.0)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--fonts", type=Path, help="folder with further .ttf files; pictures get these faces too")
    parser.add_argument("--measure", action="store_true", help="only measure DIR/model, on 16 batches a kind")
    options = parser.parse_args()
    files = sorted(str(file) for file in options.fonts.rglob("*.ttf")) if options.fonts else []
    faces = (*FACES, *(file for file in files if "Math" not in file))
    options.out.mkdir(parents=True, exist_ok=True)

    import torch
    from transformers import AutoTokenizer, Qwen2VLForConditionalGeneration

    from entx.vlm_stage.small_model import GlyphHead, SmallReader, SmallShape, build_model
    from entx.vlm_stage.small_tokenizer import build_tokenizer

    torch.set_num_threads(1)
    folder, state_file = options.out / "model", options.out / "optimizer.pt"
    fresh = not (folder / "config.json").is_file()
    tokenizer = (
        build_tokenizer(CHALLENGE, [f"{FORM.empty} {EVERY}"]) if fresh else AutoTokenizer.from_pretrained(folder)
    )
    model = (
        build_model(tokenizer, SmallShape())
        if fresh
        else Qwen2VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    )
    reader = SmallReader(model, tokenizer)
    if options.measure:
        with torch.autocast("cpu", torch.bfloat16):
            print(json.dumps(measure(reader, faces, 16), indent=1))
        return
    glyphs = GlyphHead(model.config.vision_config.embed_dim)
    weights = [*model.parameters(), *glyphs.parameters()]
    groups = [
        {"params": [p for p in weights if p.ndim >= 2], "weight_decay": 0.05},
        {"params": [p for p in weights if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.98), fused=True)
    done = {"seconds": 0.0, "step": 0, "pictures": 0, "questions": 0, "drawn": 0}
    if state_file.is_file():
        kept = torch.load(state_file, weights_only=True)
        optimizer.load_state_dict(kept["optimizer"])
        glyphs.load_state_dict(kept["glyphs"])
        done = kept["done"]

    context = multiprocessing.get_context("spawn")
    queue = context.Queue(12)
    progress = context.Value("d", done["seconds"] / options.minutes / 60)
    drawer = context.Process(
        target=draw_batches, args=(queue, progress, options.seed, faces, done["drawn"]), daemon=True
    )
    drawer.start()
    log = (options.out / "log.jsonl").open("a", encoding="utf-8")

    def record(**row: Any) -> None:
        line = json.dumps({"minutes": round(done["seconds"] / 60, 2), "step": done["step"], **row})
        print(line, flush=True)
        log.write(line + "\n")
        log.flush()

    def keep() -> None:
        save(reader, tokenizer, folder)
        torch.save({"optimizer": optimizer.state_dict(), "glyphs": glyphs.state_dict(), "done": done}, state_file)

    sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0, 0.0])
    saved = measured = done["seconds"]
    last = time.monotonic()
    model.train()
    while done["seconds"] < options.minutes * 60:
        progress.value = done["seconds"] / options.minutes / 60
        name, batch = queue.get()
        rate = RATE * min(1.0, (done["step"] + 1) / WARMUP) * (0.51 + 0.49 * math.cos(math.pi * progress.value))
        for group in optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast("cpu", torch.bfloat16):
            losses, right, read = reader.losses(batch, glyphs)
        loss = losses.mean()
        if read is not None:
            loss = loss + read[0]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        total = sums[name]
        total[0] += float(losses.detach().mean())
        total[1] += float(right.float().mean())
        total[2] += float(read[1]) if read is not None else 0.0
        total[3] += 1
        now = time.monotonic()
        done["seconds"] += now - last
        last = now
        done["step"] += 1
        done["drawn"] += 1
        done["pictures"] += len(batch.asks)
        done["questions"] += sum(len(asks) for asks in batch.asks)
        if done["step"] % 100 == 0:
            means = {
                key: {"loss": round(a / n, 4), "right": round(b / n, 4), "read": round(c / n, 4), "batches": n}
                for key, (a, b, c, n) in sorted(sums.items())
            }
            record(
                rate=round(rate, 6),
                pictures=done["pictures"],
                questions=done["questions"],
                waiting=queue.qsize(),
                **means,
            )
            sums.clear()
            others = os.getloadavg()[0] - torch.get_num_threads()
            torch.set_num_threads(2 if others < 0.6 else 1)
        if done["seconds"] - measured > MEASURE_MINUTES * 60:
            model.eval()
            with torch.autocast("cpu", torch.bfloat16):
                record(held_out=measure(reader, faces))
            model.train()
            measured, last = done["seconds"], time.monotonic()
        if done["seconds"] - saved > SAVE_MINUTES * 60:
            keep()
            saved, last = done["seconds"], time.monotonic()
    keep()
    drawer.terminate()


if __name__ == "__main__":
    main()
