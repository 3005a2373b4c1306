"""Rows per second of the llm arm, against plain `generate` row by row on the same rows.

Plain is what one writes first: for each row the prompt, tokenized, `model.generate` greedily, the answer parsed; no
batches, nothing shared between the questions of a picture, no constraint. The arm reads the same rows from the store in
both modes, all steps included (candidates, prompts, tokens, model, grounding). All run interleaved in one process, so
that a busy machine slows each; CPU time is told beside the clock. Also told: how often the answers agree. Plain
generation may write an illegal answer, which the arm cannot. `--row-by-row` also generates under the arm's constraint
one row at a time: that must agree with its free mode on every row.

    python benchmarks/llm_speed.py --store s.duckdb [--model DIR] [--rows 200] [--threads 2] [--dtype bfloat16]
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.shared import NO_RUN, Constrained, arguments, take_turns, write_json
from entx.core.candidates import find_candidates
from entx.core.entities import CHALLENGE
from entx.core.postprocess import postprocess
from entx.core.types import OcrPage, PageStatus
from entx.llm_stage.prompt import page_prompt, question_prompt
from entx.llm_stage.reader import PageQuestions, TextReader, open_reader
from entx.neural.backends.transformers import TransformersModel
from entx.neural.decoding import Constrainer, answer_pattern
from entx.neural.predict import Mode, ModelOptions
from entx.storage.pages import choose_pages, unanswered_pages
from entx.storage.store import Store

CHUNK = 64  # pages that each way reads in turn


class Plain:
    """`model.generate` on one row after the other."""

    def __init__(self, reader: TextReader, *, constrained: bool):
        model = reader.model
        assert isinstance(model, TransformersModel)
        self.model, self.tokenizer, self.serving = model.model, model.tokenizer, reader.serving
        self.count = model.count_tokens
        self.constrainer = Constrainer(self.tokenizer, self.model.config.vocab_size, [self.tokenizer.eos_token_id])
        self.constrained = constrained

    def read(self, pages: Sequence[tuple[OcrPage, Sequence[str]]]) -> list[str]:
        return [self.row(page, name) for page, names in pages for name in names]

    def row(self, page: OcrPage, name: str) -> str:
        entity = CHALLENGE[name]
        style, budget = self.serving.style, self.serving.budget
        prompt = page_prompt(page, CHALLENGE, style, count_tokens=self.count, budget=budget).text
        given = self.tokenizer(prompt + question_prompt(entity, style), return_tensors="pt")
        ids = given["input_ids"]
        extra: dict[str, Any] = {}
        if self.constrained:
            extra["logits_processor"] = [Constrained(self.constrainer, answer_pattern(entity, "none"), ids.shape[1])]
        with torch.inference_mode():
            out = self.model.generate(
                ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=32,
                pad_token_id=self.tokenizer.pad_token_id, **extra,
            )  # fmt: skip
        written = self.tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)
        quantity = postprocess(written, entity).quantity
        return quantity.text if quantity else ""


def read_by(reader: TextReader, pages: Sequence[tuple[OcrPage, Sequence[str]]]) -> list[str]:
    """The arm's reader, page by page of a chunk."""
    batch = [PageQuestions(page, tuple(names)) for page, names in pages]
    return [answer.quantity.text if answer.quantity else "" for found in reader.read(batch) for answer in found]


def main() -> None:
    parser = arguments(__doc__, "--store")
    parser.add_argument("--model", help="default: the model that ships")
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", help="of the arm; plain generation always computes in float32")
    parser.add_argument("--row-by-row", action="store_true", help="also constrained generation one row at a time")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()

    exact, _ = open_reader(ModelOptions(given.model, threads=given.threads, dtype="float32"), CHALLENGE)
    reader, _ = open_reader(ModelOptions(given.model, threads=given.threads, dtype=given.dtype), CHALLENGE)
    ways = {
        "candidates": partial(read_by, reader),
        "free": partial(read_by, TextReader(reader.model, reader.serving, CHALLENGE, Mode.FREE)),
        "plain": Plain(exact, constrained=False).read,
    }
    if given.row_by_row:
        ways["row by row"] = Plain(exact, constrained=True).read

    pages: list[tuple[OcrPage, list[str]]] = []
    with Store(given.store) as store:
        for page, questions in unanswered_pages(store, choose_pages(store, None), NO_RUN):
            if page.status is PageStatus.OK and page.lines and sum(len(names) for _, names in pages) < given.rows:
                pages.append((page, [question.entity_name for question in questions]))
    answers, ran = take_turns(ways, pages, CHUNK, seconds=time.perf_counter, cpu=time.process_time)
    rows = len(answers["plain"])
    empty = sum(not find_candidates(page, CHALLENGE[name]) for page, names in pages for name in names)
    print(f"{rows} rows of {len(pages)} pictures, {empty} without any candidate, {given.threads} threads")
    found: dict[str, Any] = {"rows": rows, "pictures": len(pages), "without_candidate": empty}
    for name in ways:
        same = sum(a == b for a, b in zip(answers[name], answers["plain"], strict=True))
        rates = {meter: rows / ran[name][meter] for meter in ("seconds", "cpu")}
        times = {meter: ran["plain"][meter] / ran[name][meter] for meter in rates}
        found[name] = {
            "rows_per_second": rates["seconds"], "times_plain": times["seconds"], "cpu_times_plain": times["cpu"],
            "same_as_plain": same,
        }  # fmt: skip
        print(
            f"{name:11} {rates['seconds']:8.1f} rows/s, {times['seconds']:5.1f} x plain; by CPU time "
            f"{rates['cpu']:8.1f} rows/s, {times['cpu']:5.1f} x; same as plain on {same} of {rows}"
        )
    if given.row_by_row:
        same = sum(a == b for a, b in zip(answers["free"], answers["row by row"], strict=True))
        found["free_same_as_row_by_row"] = same
        print(f"free gives the same answer as one row at a time under its constraint on {same} of {rows}")
    write_json(given.json, found)


if __name__ == "__main__":
    main()
