"""How often one small line in a large drawn picture is read, by the first look alone and by all looks.

Draws white, dark and grey-blue pictures, half of them with a product in the middle, and one line of text anywhere
outside it, in several fonts and colours; with --beside CAPITALS a second line of that height stands at the upper rim,
so that print covers more of the picture. A picture takes two to four seconds of a core.

    python benchmarks/small_print.py [-n 3] [--seed 0] [--beside 50]
"""

from __future__ import annotations

import io
import random
import time
from collections import Counter
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from benchmarks.shared import arguments
from entx.ocr_stage.engines.base import EngineSpec
from entx.ocr_stage.page_reader import PageReader

SIZES = (
    ((1500, 1500), 12), ((1500, 1500), 16), ((1500, 1500), 24), ((2000, 2000), 20), ((2000, 2000), 34),
    ((3000, 3000), 50), ((2000, 1200), 14), ((900, 2000), 14), ((1000, 1000), 10), ((4000, 3000), 60),
)  # fmt: skip
TEXTS = ("Net weight 500 g", "Height 12.5 cm", "220-240V~ 50Hz", "Capacity: 750 ml", "Max load 15 kg", "12 in x 8 in")
DEJAVU = sorted(Path("/usr/share/fonts/truetype/dejavu").glob("DejaVu*.ttf"))  # Pillow's own where there are none
INKS = {"white": ("black", "black", "#c00000", "#0040a0", "#888888"), "#101010": ("white",), "#a0b0c0": ("black",)}


def font(chance: random.Random, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.truetype(chance.choice(DEJAVU), size) if DEJAVU else ImageFont.load_default(size)


def drawn(chance: random.Random, size: tuple[int, int], height: int, beside: int) -> tuple[bytes, str]:
    """The file of a picture, and its line of that height."""
    ground, text, letters = chance.choice(list(INKS)), chance.choice(TEXTS), font(chance, height)
    picture = Image.new("RGB", size, ground)
    draw = ImageDraw.Draw(picture)
    body = [side * share for share in (0.25, 0.75) for side in size]
    if product := chance.random() < 0.5:
        shape = chance.choice((draw.rectangle, draw.ellipse))
        shape(body, fill=chance.choice(("#b08040", "#4060a0", "#d0d0d0", "#203040")))
    if beside:
        draw.text((size[0] * 0.1, size[1] * 0.02), "30.5 cm", INKS[ground][0], font(chance, beside))
    long, top = draw.textlength(text, letters), size[1] * 0.15
    while True:
        x, y = chance.uniform(10, size[0] - long - 10), chance.uniform(top, size[1] - 1.4 * height)
        if not product or x + long < body[0] or x > body[2] or y > body[3]:
            break
    draw.text((x, y), text, chance.choice(INKS[ground]), letters)
    stream = io.BytesIO()
    picture.save(stream, "PNG", compress_level=1)
    return stream.getvalue(), text


def bare(text: str) -> str:
    return "".join(text.split())


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("-n", type=int, default=3, help="pictures of each size")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--beside", type=int, default=0, metavar="PIXELS", help="height of a second line")
    given = parser.parse_args()
    chance = random.Random(given.seed)
    readers = {passes: PageReader(EngineSpec.of(passes=passes)) for passes in ("single", "auto")}
    found, spent = Counter[str](), Counter[str]()
    for size, height in SIZES:
        here = Counter[str]()
        for _ in range(given.n):
            data, text = drawn(chance, size, height, given.beside)
            for passes, reader in readers.items():
                began = time.process_time()
                lines = reader.read("", data).lines
                here[passes] += bare(text) in [bare(line.text) for line in lines]
                spent[passes] += time.process_time() - began
        found.update(here)
        print(f"{size[0]:4} x {size[1]:4}, {height:2} pixels: {dict(here)} of {given.n}", flush=True)
    for passes in readers:
        print(f"{passes}: {found[passes]} of {given.n * len(SIZES)} found, {spent[passes]:.1f} s of processor time")


if __name__ == "__main__":
    main()
