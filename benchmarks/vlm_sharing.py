"""What it saves to ask all questions of a picture at once: pictures per second against one call a row, files included.

Each picture file gets the same three questions. The same reader is given them together (decoded and encoded once,
pictures side by side), and one at a time, which is how an API is mostly used. Both take turns batch by batch in one
process, so that a busy machine slows both; vision encodings are counted, and the answers must agree. Against
`generate` of the library: vlm_speed.py.

    python benchmarks/vlm_sharing.py --model DIR --images PICTURES [--pictures 100] [--pixels 50176] [--threads 2]
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.shared import arguments, take_turns, write_json
from entx.core.entities import CHALLENGE
from entx.neural.predict import ModelOptions
from entx.vlm_stage.model import PictureModel
from entx.vlm_stage.reader import PictureQuestions, VisionReader, open_reader

NAMES = ("item_weight", "height", "width")


class Counted:
    """Pictures that pass the vision tower, counted by the family's own entrance."""

    def __init__(self, model: PictureModel):
        self.pictures = 0
        encode = model.family.encode

        def counting(of: Any, pixels: Sequence[Any]) -> Any:
            self.pictures += len(pixels)
            return encode(of, pixels)

        model.family.encode = counting  # type: ignore[method-assign]


def together(reader: VisionReader, files: Sequence[Path]) -> list[str]:
    asked = [PictureQuestions(reader.view(file), NAMES) for file in files]
    return [answer.text for answers in reader.read(asked) for answer in answers]


def one_by_one(reader: VisionReader, files: Sequence[Path]) -> list[str]:
    return [reader.read([PictureQuestions(reader.view(file), (name,))])[0][0].text for file in files for name in NAMES]


def main() -> None:
    parser = arguments(__doc__, "--images")
    parser.add_argument("--model", required=True)
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--pixels", type=int, default=224 * 224)
    parser.add_argument("--batch", type=int, default=32, help="pictures that each way reads in turn")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    files = sorted(given.images.iterdir())[: given.pictures]
    reader, _ = open_reader(ModelOptions(given.model, threads=given.threads, pixels=given.pixels), CHALLENGE)
    assert isinstance(reader.model, PictureModel)
    counted = Counted(reader.model)
    ways = {"together": partial(together, reader), "a call a row": partial(one_by_one, reader)}
    meters = {"seconds": time.perf_counter, "encodings": lambda: counted.pictures}
    texts, ran = take_turns(ways, files, given.batch, **meters)
    rows = len(files) * len(NAMES)
    found: dict[str, Any] = {"pictures": len(files), "rows": rows, "pixels": given.pixels}
    print(f"{len(files)} pictures, {rows} rows, {given.pixels} pixels, {given.threads} threads")
    for name in ways:
        seconds, encodings = ran[name]["seconds"], ran[name]["encodings"]
        found[name] = {"pictures_per_second": len(files) / seconds, "encodings": encodings}
        print(
            f"{name:13} {len(files) / seconds:7.2f} pictures/s, {rows / seconds:7.2f} rows/s, "
            f"{seconds / ran['together']['seconds']:5.2f} times the time of together, {encodings} vision encodings"
        )
    same = sum(a == b for a, b in zip(texts["together"], texts["a call a row"], strict=True))
    print(f"both ways agree on {same} of {rows} answers")
    write_json(given.json, {**found, "agree": same})


if __name__ == "__main__":
    main()
