"""Draws product-like pictures with known truth: `python -m lab.drawings.draw OUT_DIR [--seed N] [--count N]`.

Writes OUT_DIR/pictures/*.jpg, OUT_DIR/questions.csv and OUT_DIR/truth.csv. The same seed gives the same pictures on the
same version of Pillow; the truth depends on the seed alone. The set that ships with the package is drawn by

    python -m lab.drawings.draw entx/demo
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import MappingProxyType

import pandas

from entx.core.errors import EntxError
from entx.core.files import atomic_path, atomic_text
from entx.core.types import Quantity
from lab.drawings import adverts, packs
from lab.drawings import dimension_drawings as drawings
from lab.drawings.canvas import LayoutError, Scene, Truth
from lab.drawings.shapes import degraded, turned
from lab.surface_forms import plain

SHIPPED_SEED = 36
SHIPPED_COUNT = 26
JPEG_QUALITY = 88

_LARGE = 1000  # pixels of the shorter side from which a picture counts as large
_ATTEMPTS = 40
_QUESTIONS = ["index", "image_link", "group_id", "entity_name", "image"]
_TRUTH = ["index", "image_link", "entity_name", "value", "also", "slice"]

_SCENES: tuple[Callable[[random.Random, int], Scene], ...] = (
    packs.pouch, drawings.cabinet, packs.plate, adverts.load_banner, drawings.round_body, packs.flask,
    drawings.furniture, packs.power_tool, drawings.size_table, drawings.corner, packs.pot, drawings.unit_note,
    packs.data_sheet, drawings.panel, packs.carton, adverts.feature_list, packs.nutrition, adverts.comparison,
    drawings.size_expression, drawings.one_axis, adverts.lifestyle, drawings.no_unit, adverts.no_label,
)  # fmt: skip
KINDS = MappingProxyType({scene.__name__: scene for scene in _SCENES})
"""Every scene by name. A scene function takes a random generator and the shorter side in pixels."""

_TURNABLE = ("pouch", "flask", "pot", "carton", "plate")


def draw_scene(kind: str, seed: str, *, size: int | None = None) -> Scene:
    """Draws one scene of a kind in `KINDS`; equal seeds, which may be any text, give equal scenes.

    The shorter side has `size` pixels, or by chance 480 to 1600, a third of them large.

    Raises:
        InputError: a font package is missing.
        LayoutError: chance found no good layout in many attempts, which is a fault of the scene function.
    """
    problem = LayoutError(f"{kind} {seed}")
    for attempt in range(_ATTEMPTS):
        rng = random.Random(f"{kind}/{seed}/{attempt}")
        side = size or (rng.randint(1200, 1600) if rng.random() < 1 / 3 else rng.randint(480, 760))
        try:
            scene = KINDS[kind](rng, side)
        except LayoutError as error:
            problem = error
            continue
        if kind in _TURNABLE and rng.random() < 0.3:
            scene = turned(scene, rng.choice([90.0, 180.0, 270.0, rng.uniform(-9, 9), rng.uniform(-9, 9)]))
        return degraded(scene, rng) if rng.random() < 0.3 else scene
    raise problem


def scenes(seed: int, count: int) -> Iterator[tuple[int, Scene]]:
    """The numbered scenes of a set: all kinds in turn, each round in another order after the first."""
    order = list(KINDS)
    for number in range(count):
        place = number % len(order)
        if number and place == 0:
            random.Random(f"order/{seed}/{number}").shuffle(order)
        yield number, draw_scene(order[place], f"{seed}/{number}")


def questions(scene: Scene, rng: random.Random, *, most: int = 3) -> list[tuple[str, Truth]]:
    """What to ask of a scene: up to `most` stated entities, and now and then a tempting one that is not.

    A scene that states nothing is asked for two of the tempting ones.
    """
    stated = [entity for entity, truth in scene.truth.items() if truth.value is not None]
    empty = [entity for entity, truth in scene.truth.items() if truth.value is None and truth.tempting]
    asked = rng.sample(stated, min(most, len(stated)))
    if not stated:
        asked = rng.sample(empty, min(2, len(empty)))
    elif empty and rng.random() < 0.4:
        asked.append(rng.choice(empty))
    return [(entity, scene.truth[entity]) for entity in asked]


def write_set(out: Path, *, seed: int, count: int) -> pandas.DataFrame:
    """Draws a set, writes its pictures and both tables, and returns the columns of both.

    Raises:
        InputError: a font package is missing, or a file cannot be written.
    """
    groups = {kind: str(900001 + i) for i, kind in enumerate(KINDS)}
    rows: list[dict[str, object]] = []
    for number, scene in scenes(seed, count):
        name = f"{number + 1:0{max(2, len(str(count)))}d}_{scene.kind}.jpg"
        with atomic_path(out / "pictures" / name) as file:
            scene.image.save(file, format="JPEG", quality=JPEG_QUALITY)
        part = "large" if min(scene.image.size) >= _LARGE else "small"
        for entity, truth in questions(scene, random.Random(f"questions/{seed}/{number}")):
            rows.append({
                "index": len(rows), "image_link": name, "group_id": groups[scene.kind], "entity_name": entity,
                "image": name, "value": _written(truth.value), "also": " | ".join(map(_written, truth.also)),
                "slice": part,
            })  # fmt: skip
    table = pandas.DataFrame(rows)
    for name, columns in (("questions.csv", _QUESTIONS), ("truth.csv", _TRUTH)):
        with atomic_text(out / name) as stream:
            table[columns].to_csv(stream, index=False, lineterminator="\n")
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of this script."""
    parser = argparse.ArgumentParser(prog="python -m lab.drawings.draw", description=__doc__.split("\n\n")[0])
    parser.add_argument("out", type=Path, metavar="OUT_DIR")
    parser.add_argument("--seed", type=int, default=SHIPPED_SEED)
    parser.add_argument("--count", type=int, default=SHIPPED_COUNT, help="pictures to draw")
    options = parser.parse_args(arguments)
    if options.count < 1:
        parser.error("--count must be at least 1")
    try:
        table = write_set(options.out, seed=options.seed, count=options.count)
    except EntxError as error:
        print(f"entx: {error}", file=sys.stderr)
        return int(error.exit_code)
    empty = sum(table["value"] == "")
    print(f"{options.count} pictures, {len(table)} questions ({empty} without an answer) in {options.out}")
    return 0


def _written(quantity: Quantity | None) -> str:
    return "" if quantity is None else f"{plain(quantity.value)} {quantity.unit}"


if __name__ == "__main__":
    sys.exit(main())
