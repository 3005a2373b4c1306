"""A small vision-language model from nothing: the Qwen2-VL architecture, taught to read on rendered pictures.

    nice python -m scripts.small_vlm --out DIR [--minutes 60] [--fonts FOLDER]
    nice python -m scripts.small_vlm --out REAL --start DIR/model --real STORE --minutes 10 --rate 4e-4

First single printed lines, then sheets with several and crops of them, then the demo's scenes; the second call goes on
with the labelled pictures of a store. Pictures are drawn in a process of their own while the model learns. How far the
course goes is a matter of time, not of steps: `--minutes` of training on this machine, interruptions not counted;
called again, it goes on where it was. The model folder is DIR/model, the record of losses and of exact answers on
held-out pictures DIR/log.jsonl. With --measure it only measures DIR/model on rendered pictures, by size of print.

    entx predict --stage vlm --crops --model DIR/model --store STORE
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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.queues import Queue
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

from entx.core.entities import CHALLENGE
from scripts.small_vlm.course import EVERY, FORM, KINDS, make_batch, shares_at
from scripts.small_vlm.prints import FACES

RATE = 1e-3
WARMUP, WARMUP_AGAIN = 300, 50
"""Steps, from nothing and from a trained model."""

SAVE_MINUTES = 5.0
MEASURE_MINUTES = 5.0


@dataclass(frozen=True)
class Lessons:
    """What is drawn; goes to the process that draws.

    Args:
        seed: of everything.
        faces: of the print.
        real: store with labelled pictures; None for rendered ones only.
        folder: of the model that learns on those.
    """

    seed: str
    faces: tuple[str, ...]
    real: Path | None
    folder: Path | None


def draw_batches(queue: Queue[Any], progress: Synchronized[float], lessons: Lessons, first: int) -> None:
    """Fills the queue with (kind, batches of a step) for ever; runs in its own process."""
    real = None
    if lessons.real is not None and lessons.folder is not None:
        from scripts.small_vlm.real import RealBatches

        real = RealBatches(lessons.real, lessons.folder)
    number = first
    while True:
        shares = shares_at(progress.value, real=real is not None)
        name = random.Random(f"{lessons.seed}/kind/{number}").choices(list(shares), list(shares.values()))[0]
        seed = f"{lessons.seed}/{name}/{number}"
        batches = real.draw(seed) if real and name == "real" else [make_batch(KINDS[name], seed, lessons.faces)[0]]
        queue.put((name, batches))
        number += 1


def held_out(faces: Sequence[str], batches: int = 2) -> Iterator[tuple[str, Any, list[float]]]:
    """Pictures that no training draws: (kind, batch, print heights)."""
    for kind in KINDS.values():
        for number in range(batches):
            yield kind.name, *make_batch(replace(kind, every=False), f"held out/{kind.name}/{number}", faces)


def measure(reader: Any, faces: Sequence[str], batches: int = 2) -> dict[str, dict[str, float]]:
    """F1 by the challenge's rule and share of exact answers of every kind, and by height of print."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for name, batch, heights in held_out(faces, batches):
        said = iter(reader.answers(batch))
        for asks, height in zip(batch.asks, heights, strict=True):
            edge = next(edge for edge in (8, 11, 14, 18, 10**6) if height < edge)
            for _, truth in asks:
                answer = next(said)
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
    parser.add_argument("--start", type=Path, help="model folder to start from")
    parser.add_argument("--rate", type=float, default=RATE, help="highest learning rate")
    parser.add_argument("--real", type=Path, help="store with labelled pictures and their OCR: learn on those instead")
    parser.add_argument("--measure", action="store_true", help="only measure DIR/model, on 8 batches a kind")
    options = parser.parse_args()
    files = sorted(str(file) for file in options.fonts.rglob("*.ttf")) if options.fonts else []
    faces = (*FACES, *(file for file in files if "Math" not in file))
    options.out.mkdir(parents=True, exist_ok=True)

    import torch
    from transformers import AutoTokenizer, Qwen2VLForConditionalGeneration

    from scripts.small_vlm.glyphs import GlyphHead
    from scripts.small_vlm.model import SmallReader, SmallShape, build_model
    from scripts.small_vlm.tokenizer import build_tokenizer

    torch.set_num_threads(1)
    folder, state_file = options.out / "model", options.out / "optimizer.pt"
    start = folder if (folder / "config.json").is_file() else options.start
    tokenizer = AutoTokenizer.from_pretrained(start) if start else build_tokenizer(CHALLENGE, [f"{FORM.empty} {EVERY}"])
    model = (
        Qwen2VLForConditionalGeneration.from_pretrained(start, dtype=torch.float32)
        if start
        else build_model(tokenizer, SmallShape())
    )
    model.set_attn_implementation("eager")  # in bf16 on a CPU, plain products are faster than the fused kernel
    reader, warmup = SmallReader(model, tokenizer), WARMUP_AGAIN if options.start else WARMUP
    if options.measure:
        with torch.autocast("cpu", torch.bfloat16):
            print(json.dumps(measure(reader, faces, 8), indent=1))
        return
    glyphs = GlyphHead(model.config.vision_config.embed_dim)
    weights = [*model.parameters(), *glyphs.parameters()]
    groups = [
        {"params": [p for p in weights if p.ndim >= 2], "weight_decay": 0.05},
        {"params": [p for p in weights if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=options.rate, betas=(0.9, 0.98), fused=True)
    done = {"seconds": 0.0, "step": 0, "pictures": 0, "questions": 0, "drawn": 0}
    if state_file.is_file():
        kept = torch.load(state_file, weights_only=True)
        optimizer.load_state_dict(kept["optimizer"])
        glyphs.load_state_dict(kept["glyphs"])
        done = kept["done"]

    context = multiprocessing.get_context("spawn")
    queue = context.Queue(12)
    progress = context.Value("d", done["seconds"] / options.minutes / 60)
    lessons = Lessons(options.seed, faces, options.real, start)
    drawer = context.Process(target=draw_batches, args=(queue, progress, lessons, done["drawn"]), daemon=True)
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
        name, batches = queue.get()
        rate = options.rate * min(1.0, (done["step"] + 1) / warmup) * (0.51 + 0.49 * math.cos(math.pi * progress.value))
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
        total = sums[name]
        for batch in batches:
            with torch.autocast("cpu", torch.bfloat16):
                losses, right, read = reader.losses(batch, None if options.real else glyphs)
            loss = losses.mean()
            total[0] += float(loss.detach())
            total[1] += float(right.float().mean())
            if read is not None:
                loss = loss + read[0]
                total[2] += float(read[1])
            total[3] += 1
            (loss / len(batches)).backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        now = time.monotonic()
        done["seconds"] += now - last
        last = now
        done["step"] += 1
        done["drawn"] += 1
        done["pictures"] += sum(len(batch.asks) for batch in batches)
        done["questions"] += sum(len(asks) for batch in batches for asks in batch.asks)
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
