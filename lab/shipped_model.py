"""The shipped text model from nothing: tokenizer, pre-training on invented and real pages.

    python -m lab.shipped_model --out DIR [--shards 21] [--real STORE] [--texts EASYOCR.parquet --left-out GOLD.csv]

Every shard is made anew, while the one before is trained on: invented pages with known truths (`lab.pages`); with
--real the pages of a store with their labels, numbers re-drawn; with --texts the lines of other people's OCR. The rules
reader's answers stand beside some of the questions as hints. Interrupted, it goes on where it was. The model folder is
DIR/model; then calibrate it:

    entx calibrate --stage llm --store S --gold LABELLED.csv --model DIR/model
"""

from __future__ import annotations

import argparse
import json
import pickle
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import pandas
from transformers import AutoTokenizer

from entx.core.entities import CHALLENGE
from entx.core.files import atomic_path, atomic_text
from entx.llm_stage.data import TokenRow, rough_tokens
from entx.llm_stage.prompt import PROMPT_VERSION, Hint, Style, answer_text, page_prompt, question_prompt
from entx.neural.model_folder import check_model_folder
from entx.neural.predict import SERVING
from entx.rules.reader import RulesReader
from lab.augment import augmented_pages
from lab.corpora import easyocr_pages, real_pages
from lab.injections import INJECTED, with_injection
from lab.pages import LayoutPage, generate_pages
from lab.pretrain import ModelShape, PretrainSettings, build_model, pretrain, train_tokenizer

INVENTED = 5000  # invented pages a shard
ALONE = 4  # shards of invented pages only, at the start
COPIES = 2  # changed copies of every real page a shard
TEXTS = 1500  # pages from other people's OCR a shard
BUDGET = 448  # tokens of a page
HINTED = 0.4  # share of the questions that carry the rules reader's answer
VOCABULARY = 2048


@dataclass(frozen=True)
class Plan:
    """Where the pages come from, and where everything goes."""

    out: Path
    shards: int
    seed: int
    real: Path | None
    texts: Path | None
    left_out: Path | None


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
def text_pages(path: Path, left_out: Path | None, kept: Path) -> list[LayoutPage]:
    """Pages from other people's OCR; of those that ask for a weight only, four fifths of the table, one in four.

    They take minutes to lay out and are kept in a file for the next call.
    """
    if kept.is_file():
        return list(pickle.loads(kept.read_bytes()))
    names = set() if left_out is None else set(pandas.read_csv(left_out, dtype=str)["image"])
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
) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Each page as text with its questions and answers; some questions carry a hint of the rules."""
    reader = RulesReader(CHALLENGE)
    rng = random.Random(seed)
    for made in pages:
        layout = with_injection(rng, made) if rng.random() < INJECTED else made
        answers = reader.read(layout.page, [name for name, _ in layout.truths], [None] * len(layout.truths))
        asks = []
        for (name, truth), answer in zip(layout.truths, answers, strict=True):
            hint = Hint(answer.quantity, answer.score) if rng.random() < HINTED else None
            asks.append((question_prompt(CHALLENGE[name], Style.COMPACT, hint), answer_text(truth)))
        text = page_prompt(layout.page, CHALLENGE, Style.COMPACT, count_tokens=count_tokens, budget=BUDGET).text
        yield text, asks


def make_tokenizer(plan: Plan) -> None:
    """Trains the tokenizer on shards that the model never sees."""
    texts = []
    for text, asks in prompts(generate_pages(INVENTED, plan.seed * 1000 + 999), rough_tokens, 0):
        texts += [text, *(question + answer for question, answer in asks)]
    if plan.texts is not None:
        lines = pandas.read_parquet(plan.texts, columns=["text"])["text"].dropna()
        texts += lines.sample(min(len(lines), INVENTED), random_state=plan.seed).str[:300].tolist()
    train_tokenizer(texts, VOCABULARY).save_pretrained(plan.out)


def encode_shard(plan: Plan, number: int) -> list[TokenRow]:
    """One shard as token ids; runs in its own process."""
    tokenizer = AutoTokenizer.from_pretrained(plan.out)

    def count_tokens(texts: list[str]) -> list[int]:
        return [len(ids) for ids in tokenizer(texts).input_ids]

    encoded = []
    for text, asks in prompts(asked_pages(plan, number), count_tokens, number):
        if asks:
            questions, answers = zip(*asks, strict=True)
            page, *ids = tokenizer([text, *questions, *answers]).input_ids
            ended = [[*answer, tokenizer.eos_token_id] for answer in ids[len(asks) :]]
            pairs = zip(map(tuple, ids[: len(asks)]), map(tuple, ended), strict=True)
            encoded.append(TokenRow(tuple(page), tuple(pairs)))
    return encoded


def main(arguments: Sequence[str] | None = None) -> None:
    """Tokenizer, then pre-training with the next shard made ahead; leaves a model folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--shards", type=int, default=21)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--real", type=Path)
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--left-out", type=Path, help="CSV with an image column: pictures whose texts are left out")
    plan = Plan(**vars(parser.parse_args(arguments)))
    plan.out.mkdir(parents=True, exist_ok=True)
    if not (plan.out / "tokenizer.json").is_file():
        make_tokenizer(plan)
    tokenizer = AutoTokenizer.from_pretrained(plan.out)
    model = build_model(tokenizer, ModelShape(), plan.seed)
    settings = PretrainSettings(shards=plan.shards, seed=plan.seed, save_minutes=5.0)
    started = time.monotonic()
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        ahead: dict[int, Future[list[TokenRow]]] = {}

        def shard(number: int) -> list[TokenRow]:
            for wanted in (number, number + 1):
                if wanted < settings.shards and wanted not in ahead:
                    ahead[wanted] = pool.submit(encode_shard, plan, wanted)
            return ahead.pop(number).result()

        def report(row: dict[str, float]) -> None:
            print(json.dumps({"minutes": round((time.monotonic() - started) / 60, 2), **row}), flush=True)

        pretrain(model, shard, settings, plan.out, report=report)
    folder = plan.out / "model"
    model.bfloat16().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    with atomic_text(folder / SERVING) as stream:
        json.dump({"style": Style.COMPACT.value, "budget": BUDGET, "prompt_version": PROMPT_VERSION}, stream, indent=1)
    for file in folder.iterdir():
        file.chmod(0o644)  # the library makes the weights readable to their owner only
    check_model_folder(folder)


if __name__ == "__main__":
    main()
