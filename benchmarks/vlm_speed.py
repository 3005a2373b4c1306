"""Pictures per second of the vision arm, against one call a row and against `generate` row by row.

Each picture gets the same questions. Three ways, interleaved in one process so that a busy machine slows each:
`arm` is the real reader (a picture decoded and encoded once, pictures side by side, answers constrained and scored);
`a call a row` is the same reader given one question at a time, which is how an API is mostly used; `generate` is
`model.generate` of the library on one row, greedy, no constraint, at most as many tokens as the arm's longest answer.
Decodings, vision encodings and answers of the arm are counted; the first two ways must agree on every answer.

    python benchmarks/vlm_speed.py --model DIR --images PICTURES [--pictures 100] [--pixels 50176] [--threads 2]
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from entx.core.entities import CHALLENGE
from entx.core.types import Answer
from entx.vlm_stage.backends.transformers import TransformersPictureModel
from entx.vlm_stage.loading import ModelOptions, open_reader
from entx.vlm_stage.reader import Asked, VisionReader
from entx.vlm_stage.views import Look, see_file

NAMES = ("item_weight", "height", "width")


class Counted:
    """Pictures that pass the vision tower, counted by the family's own entrance."""

    def __init__(self, model: TransformersPictureModel):
        self.pictures = 0
        encode = model.family.encode

        def counting(of: Any, pixels: Sequence[Any]) -> Any:
            self.pictures += len(pixels)
            return encode(of, pixels)

        model.family.encode = counting  # type: ignore[method-assign]


def together(reader: VisionReader, look: Look, files: Sequence[Path]) -> list[str]:
    asked = [Asked(see_file(file, reader.model, look), NAMES) for file in files]
    return [_text(answer) for answers in reader.read(asked) for answer in answers]


def one_by_one(reader: VisionReader, look: Look, files: Sequence[Path]) -> list[str]:
    return [
        _text(reader.read([Asked(see_file(file, reader.model, look), (name,))])[0][0])
        for file in files
        for name in NAMES
    ]


def generated(reader: VisionReader, look: Look, files: Sequence[Path], tokens: int) -> list[str]:
    model = reader.model
    assert isinstance(model, TransformersPictureModel)
    codec, made = model.codec, []
    for file in files:
        for name in NAMES:
            pixels = codec.pixels(see_file(file, model, look).images)
            prompt = codec.prompt(pixels, reader.serving.form.ask(CHALLENGE[name])).tokens
            inputs = codec.batch([pixels], [prompt], prompts=[len(prompt)], left=True)
            with torch.inference_mode():
                out = model.model.generate(**inputs, do_sample=False, max_new_tokens=tokens)
            made.append(codec.tokenizer.decode(out[0, len(prompt) :], skip_special_tokens=True))
    return made


def _text(answer: Answer) -> str:
    return answer.text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--pixels", type=int, default=224 * 224)
    parser.add_argument("--batch", type=int, default=32, help="pictures that each way reads in turn")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    files = sorted(given.images.iterdir())[: given.pictures]
    reader, look, _ = open_reader(ModelOptions(given.model, threads=given.threads, pixels=given.pixels), CHALLENGE)
    assert isinstance(reader.model, TransformersPictureModel)
    counted = Counted(reader.model)
    tokens = max(len(reader.model.codec.completion("123456.123 centimetre")), 8)
    ways = {
        "arm": lambda some: together(reader, look, some),
        "a call a row": lambda some: one_by_one(reader, look, some),
        "generate": lambda some: generated(reader, look, some, tokens),
    }
    for way in ways.values():  # the first call of each pays for what is made once
        way(files[:1])
    seconds: dict[str, float] = defaultdict(float)
    encodings: dict[str, int] = defaultdict(int)
    texts: dict[str, list[str]] = defaultdict(list)
    for start in range(0, len(files), given.batch):
        for name, way in ways.items():
            began, before = time.perf_counter(), counted.pictures
            texts[name] += way(files[start : start + given.batch])
            seconds[name] += time.perf_counter() - began
            encodings[name] += counted.pictures - before
    rows = len(files) * len(NAMES)
    found: dict[str, Any] = {"pictures": len(files), "rows": rows, "pixels": given.pixels}
    print(f"{len(files)} pictures, {rows} rows, {given.pixels} pixels, {given.threads} threads")
    for name in ways:
        found[name] = {"pictures_per_second": len(files) / seconds[name], "encodings": encodings[name]}
        print(
            f"{name:13} {len(files) / seconds[name]:7.2f} pictures/s, {rows / seconds[name]:7.2f} rows/s, "
            f"{seconds[name] / seconds['arm']:5.2f} times the arm's time"
            + (f", {encodings[name]} vision encodings" if encodings[name] else "")
        )
    same = sum(a == b for a, b in zip(texts["arm"], texts["a call a row"], strict=True))
    print(f"the arm and a call a row agree on {same} of {rows} answers")
    if given.json is not None:
        given.json.write_text(json.dumps({**found, "agree": same}, indent=1))


if __name__ == "__main__":
    main()
