"""The shipped text model from nothing: tokenizer, pre-training on invented and real pages.

    python -m lab.shipped_model --out DIR [--shards 21] [--real STORE] [--texts EASYOCR.parquet --left-out GOLD.csv]

Every shard is made anew: invented layouts with known truths (`lab.pages`); with --real the pages of a
store with their labels, numbers re-drawn; with --texts the lines of other people's OCR. The rules reader's answers
stand beside some of the questions as hints. A shard is made while the one before is trained on. Interrupted, it goes on
where it was. The model folder is DIR/model; then calibrate it:

    entx calibrate --stage llm --store S --gold LABELLED.csv --model DIR/model
"""

from __future__ import annotations

import argparse
import csv
import json
import pickle
import random
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path

from entx.core.candidates import find_candidates, page_quantities
from entx.core.entities import CHALLENGE
from entx.core.files import atomic_path, atomic_text
from entx.core.types import Quantity
from entx.llm_stage.prompt import PROMPT_VERSION, Hint, Style, answer_text, page_prompt, question_prompt
from entx.neural.model_folder import check_model_folder
from entx.neural.predict import SERVING
from entx.neural.training.labels import clean_label
from entx.rules.reader import RulesReader
from entx.storage.labels import labelled_questions, labelled_sources, pages_with_questions
from entx.storage.pages import page_keys
from entx.storage.store import Store
from lab.augment import augmented_pages
from lab.corpora import easyocr_pages
from lab.injections import with_order
from lab.pages import LayoutPage, generate_pages

INVENTED = 5000
"""Invented pages a shard."""

ALONE = 4
"""Shards of invented pages only, at the start."""

COPIES = 2
"""Changed copies of every real page a shard."""

TEXTS = 1500
"""Pages from other people's OCR a shard."""

TRUSTED = ("curated", "confirmed", "supported", "abstained")
"""Tables of the --real store whose labels are used, the most trusted first (`lab/confirmed_labels.py`)."""

BUDGET = 448
HINTED = 0.4
"""Share of the questions that carry the rules reader's answer."""

ORDERED = 0.15
"""Share of the pages with a line that gives orders."""

VOCABULARY = 2048


@dataclass(frozen=True)
class Plan:
    """Where the pages come from, and where everything goes."""

    out: Path
    real: Path | None
    texts: Path | None
    left_out: Path | None
    seed: int


def asked_pages(plan: Plan, number: int) -> Iterator[LayoutPage]:
    """The pages of one shard with their true answers; the first shards hold invented pages only."""
    yield from generate_pages(INVENTED, plan.seed * 1000 + number)
    if number < ALONE:
        return
    if plan.real is not None:
        real = real_pages(plan.real)
        for copy in range(COPIES):
            yield from augmented_pages(real, number * COPIES + copy)
        if number % 4 == 0:
            yield from real
    if plan.texts is not None:
        texts = text_pages(plan.texts, plan.left_out, plan.out / "texts.pickle")
        yield from random.Random(number).sample(texts, min(TEXTS, len(texts)))


@cache
def real_pages(path: Path) -> list[LayoutPage]:
    """The labelled pages of a store; a label that the lines do not hold becomes an empty truth."""
    found = []
    with Store(path) as store:
        key = page_keys(store)[0][0]
        sources = [one.source for one in labelled_sources(store, key) if Path(one.source).stem in TRUSTED]
        for page, questions in pages_with_questions(store, key, labelled_questions(store, key, sources)):
            quantities = page_quantities(page)
            truths: dict[str, Quantity | None] = {}
            for question in sorted(questions, key=lambda one: TRUSTED.index(Path(one.source).stem)):
                entity = CHALLENGE[question.entity_name]
                said = clean_label(question.label, entity).quantity
                there = any(one.quantity == said for one in find_candidates(page, entity, quantities))
                truths.setdefault(entity.name, said if there else None)
            absent = [name for name, one in CHALLENGE.entities.items() if not find_candidates(page, one, quantities)]
            for name in random.Random(page.picture).sample(absent, min(1, len(absent))):
                truths.setdefault(name, None)
            found.append(LayoutPage(page, tuple(truths.items())))
    return found


@cache
def text_pages(path: Path, left_out: Path | None, kept: Path) -> list[LayoutPage]:
    """Pages from other people's OCR; of those that ask for a weight only, four fifths of the table, one in four.

    They take minutes to lay out and are kept in a file for the next call.
    """
    if kept.is_file():
        return list(pickle.loads(kept.read_bytes()))
    names: set[str] = set()
    if left_out is not None:
        with left_out.open(encoding="utf-8", newline="") as file:
            names = {row["image"] for row in csv.DictReader(file)}
    pages = [
        page
        for number, page in enumerate(easyocr_pages(path, names))
        if number % 4 == 0 or any(name != "item_weight" for name, value in page.truths if value is not None)
    ]
    with atomic_path(kept) as part:
        part.write_bytes(pickle.dumps(pages))
    return pages


def prompts(
    pages: Iterable[LayoutPage], count_tokens: Callable[[list[str]], list[int]], seed: int
) -> Iterator[tuple[str, list[tuple[str, str, float]]]]:
    """Each page as text with its questions, answers and weights; some questions carry a hint of the rules."""
    reader = RulesReader(CHALLENGE)
    rng = random.Random(seed)
    for made in pages:
        layout = with_order(rng, made) if rng.random() < ORDERED else made
        said = reader.read(layout.page, [name for name, _ in layout.truths], [None] * len(layout.truths))
        asks = []
        for (name, truth), answer in zip(layout.truths, said, strict=True):
            hint = Hint(answer.quantity, answer.score) if rng.random() < HINTED else None
            asks.append((question_prompt(CHALLENGE[name], Style.COMPACT, hint), answer_text(truth), 1.0))
        text = page_prompt(layout.page, CHALLENGE, Style.COMPACT, count_tokens=count_tokens, budget=BUDGET).text
        yield text, asks


def make_tokenizer(plan: Plan) -> None:
    """Trains the tokenizer on shards that the model never sees."""
    from entx.llm_stage.data import rough_tokens
    from lab.pretrain import train_tokenizer

    texts = []
    for text, asks in prompts(generate_pages(INVENTED, plan.seed * 1000 + 999), rough_tokens, 0):
        texts += [text, *(question + answer for question, answer, _ in asks)]
    if plan.texts is not None:
        import pandas

        lines = pandas.read_parquet(plan.texts, columns=["text"])["text"].dropna()
        texts += lines.sample(min(len(lines), INVENTED), random_state=plan.seed).str[:300].tolist()
    train_tokenizer(texts, VOCABULARY).save_pretrained(plan.out)


def encode_shard(plan: Plan, number: int) -> list[tuple[list[int], list[tuple[list[int], list[int], float]]]]:
    """One shard as token ids; runs in its own process."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(plan.out)
    end = tokenizer.eos_token_id

    def count_tokens(texts: list[str]) -> list[int]:
        return [len(ids) for ids in tokenizer(texts).input_ids]

    encoded = []
    for text, asks in prompts(asked_pages(plan, number), count_tokens, number):
        if asks:
            ids = tokenizer(
                [text, *(question for question, _, _ in asks), *(answer for _, answer, _ in asks)]
            ).input_ids
            questions, answers = ids[1 : 1 + len(asks)], ids[1 + len(asks) :]
            weights = [weight for _, _, weight in asks]
            encoded.append((ids[0], [(q, [*a, end], w) for q, a, w in zip(questions, answers, weights, strict=True)]))
    return encoded


def main() -> None:
    """Tokenizer, then pre-training with the next shard made ahead; leaves a model folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--shards", type=int, default=21)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--real", type=Path)
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--left-out", type=Path, help="CSV with an image column: pictures whose texts are left out")
    options = parser.parse_args()
    plan = Plan(options.out, options.real, options.texts, options.left_out, options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    if not (options.out / "tokenizer.json").is_file():
        make_tokenizer(plan)

    from transformers import AutoTokenizer

    from lab.pretrain import EncodedPage, ModelShape, PretrainSettings, build_model, pretrain

    model = build_model(AutoTokenizer.from_pretrained(options.out), ModelShape(), options.seed)
    settings = PretrainSettings(shards=options.shards, seed=options.seed, save_minutes=5.0)
    started = time.monotonic()
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        ahead: dict[int, Future[list[tuple[list[int], list[tuple[list[int], list[int], float]]]]]] = {}

        def shard(number: int) -> list[EncodedPage]:
            for wanted in (number, number + 1):
                if wanted < settings.shards and wanted not in ahead:
                    ahead[wanted] = pool.submit(encode_shard, plan, wanted)
            return [EncodedPage(page, asks) for page, asks in ahead.pop(number).result()]

        def report(row: dict[str, float]) -> None:
            print(json.dumps({"minutes": round((time.monotonic() - started) / 60, 2), **row}), flush=True)

        pretrain(model, shard, settings, options.out, report=report)
    folder = options.out / "model"
    model.bfloat16().save_pretrained(folder)
    AutoTokenizer.from_pretrained(options.out).save_pretrained(folder)
    with atomic_text(folder / SERVING) as stream:
        json.dump({"style": Style.COMPACT.value, "budget": BUDGET, "prompt_version": PROMPT_VERSION}, stream, indent=1)
    for file in folder.iterdir():
        file.chmod(0o644)  # the library makes the weights readable to their owner only
    check_model_folder(folder)


if __name__ == "__main__":
    main()
