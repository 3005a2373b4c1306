"""What fine-tuning is for: a base model learns an entity and a unit that it has never seen, from a few hundred rows.

The entity is added by a schema file: `operating_noise` in decibel. The pages are spec sheets that state several sound
levels (in operation, in standby, peak, of an alarm) under changing words, and now and then not the one that is asked.
Training and held-out pages differ in numbers, order and surrounding text. F1 on the held-out pages is measured before
and after `entx train --stage llm`, by scoring candidates and by free writing, and on item_weight, which the pages state
too, to see what is forgotten.

    python benchmarks/lora_new_entity.py --model entx/models/entx-small [--method lora|full] [--pages 200] [--mixed]
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.shared import arguments, entx
from entx.core.entities import load_schema
from entx.core.evaluation import Counts, outcomes
from entx.core.types import OcrPage, PageKey, PageStatus, Question
from entx.neural.model_folder import check_model_folder
from entx.storage.pages import add_pages
from entx.storage.questions import LinkedFile, add_files, add_questions
from entx.storage.store import Store
from lab.polygons import line_in

SCHEMA = """
[entity.operating_noise]
kind = "sound level"
units = ["decibel"]
"""
ENTITY = "operating_noise"
KEY = PageKey("invented", "lora_new_entity", "1")
ASKED = ("Operating noise", "Noise in operation", "Working noise", "Noise while running", "Running noise level")
OTHERS = ("Standby noise", "Peak noise", "Alarm volume", "Noise at night", "Sound of beeper", "Ear protection")
FILLERS = ("Made in Germany", "Energy class A", "Two years warranty", "Low vibration", "Model KX-200", "Easy to clean")


def page(random_: random.Random, number: int) -> tuple[OcrPage, dict[str, str]]:
    """One spec sheet, and the truth of each entity."""
    levels = random_.sample(range(18, 120), 4)
    stated = random_.random() < 0.8
    lines = [f"{random_.choice(ASKED)}: {levels[0]} decibel"] if stated else []
    others = random_.sample(OTHERS, random_.randint(2, 3))
    lines += [f"{name}: {level} decibel" for name, level in zip(others, levels[1:], strict=False)]
    weight = random_.randint(2, 60) / 2
    lines += [f"Net weight {weight:g} kg", *random_.sample(FILLERS, random_.randint(1, 4))]
    random_.shuffle(lines)
    read = tuple(
        line_in((80, 90 * n + 60, 80 + 16 * len(text), 90 * n + 96), text, 0.97) for n, text in enumerate(lines)
    )
    truths = {ENTITY: f"{levels[0]} decibel" if stated else "", "item_weight": f"{weight:g} kilogram"}
    return OcrPage(f"{number:064x}", PageStatus.OK, "", 1000, 1000, read), truths


def write_store(path: Path, count: int, seed: int, entities: Sequence[str]) -> Path:
    """Pages with labelled questions about the entities."""
    random_ = random.Random(seed)
    with Store(path, write=True) as store:
        pages, questions = [], []
        for number in range(count):
            made, truths = page(random_, seed * 1_000_000 + number)
            pages.append(made)
            for place, name in enumerate(entities):
                index = number * len(entities) + place
                questions.append(Question(index, f"{made.picture}.jpg", "", name, None, truths[name]))
        add_questions(store, questions, "invented.csv")
        add_files(store, [LinkedFile(f"{one.picture}.jpg", one.picture, "", 1, 1) for one in pages])
        add_pages(store, KEY, "invented", pages)
    return path


def measure(model: Path, adapter: Path | None, store: Path, schema: Path) -> dict[str, dict[str, float]]:
    """F1 by entity and mode."""
    from entx.core.postprocess import postprocess
    from entx.llm_stage.data import TextRecipe
    from entx.llm_stage.training import TextStage, choose, dev_questions, measure_f1
    from entx.neural.backends.base import Query, Request
    from entx.neural.backends.transformers import TransformersModel
    from entx.neural.training.recipe import load_recipe

    entities = load_schema(schema)
    reader = TransformersModel.load(model, adapter=adapter)
    recipe = load_recipe(TextRecipe, "entx-small", ["data.unreadable=keep", "data.negatives=0"])
    stage = TextStage(recipe, "entx-small", check_model_folder(model), entities)
    with Store(store) as opened:
        examples = stage.load_dataset(opened, KEY.engine).examples(sampled=False)
    found: dict[str, dict[str, float]] = {}
    for name in sorted({one.entity_name for one in examples}):
        asked = dev_questions([one for one in examples if one.entity_name == name], len(examples))
        pages = [Request(one.page, (Query(one.question),)) for one in asked]
        texts = [completions[0].text for completions in reader.complete(pages, max_tokens=12)]
        answers = [postprocess(text, entities[name]).quantity for text in texts]
        free, _ = outcomes([one.text if one else "" for one in answers], [one.truth for one in asked])
        found[name] = {
            "questions": len(asked),
            "scored": round(measure_f1(asked, choose(reader, asked)).f1, 3),
            "free": round(Counts.of(free).f1, 3),
        }
    return found


def run() -> None:
    parser = arguments(__doc__, "--model")
    parser.add_argument("--method", choices=("lora", "full"), default="lora")
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--mixed", action="store_true", help="also train on item_weight, so that it is not forgotten")
    parser.add_argument("--held-out", type=int, default=80)
    parser.add_argument("--epochs", type=float, default=5)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--rank", type=int, default=16)
    options = parser.parse_args()
    check_model_folder(options.model)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        schema = folder / "noise.toml"
        schema.write_text(SCHEMA, encoding="utf-8")
        kinds = [ENTITY, "item_weight"] if options.mixed else [ENTITY]
        train = write_store(folder / "train.duckdb", options.pages, 1, kinds)
        held = write_store(folder / "held.duckdb", options.held_out, 2, [ENTITY, "item_weight"])
        before = measure(options.model, None, held, schema)
        settings = [f"train.method={options.method}", f"train.lr={options.lr}", f"train.epochs={options.epochs}",
                    "train.evaluate_every=25", "train.patience=4"]  # fmt: skip
        if options.method == "lora":
            settings += [f"lora.r={options.rank}", f"lora.alpha={2 * options.rank}"]
        made = folder / "made"
        given = [part for one in settings for part in ("--set", one)]
        seconds, _ = entx("train", "--stage", "llm", "--recipe", "entx-small", "--store", train, "--schema", schema,
                          "--model", options.model.resolve(), "--out", made, *given)  # fmt: skip
        model, adapter = (options.model, made) if options.method == "lora" else (made, None)
        after = measure(model, adapter, held, schema)
        record = json.loads((made / "training.json").read_text())
    print(f"{options.method}, {options.pages} pages, {record['training']['steps']} steps in {seconds:.0f} s")
    print(f"{'F1 on held-out pages':<22}{'n':>5}{'scored':>16}{'free':>16}")
    for entity in before:
        first, last = before[entity], after[entity]
        shown = [f"{first[mode]:.3f} -> {last[mode]:.3f}" for mode in ("scored", "free")]
        print(f"{entity:<22}{first['questions']:>5.0f}{shown[0]:>16}{shown[1]:>16}")


if __name__ == "__main__":
    run()
