"""The backend openai against llama.cpp's own server: what it scores and writes is a real tiny model's own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gguf", reason="the llm extra is not installed")
pytest.importorskip("xllamacpp", reason="the dev extra is not installed, or there is no wheel of it")

import urllib3

from entx.neural import predict
from entx.neural.backends.server import ServedModel
from entx.neural.backends.transformers import TransformersModel
from entx.storage.runs import load_answers, run_totals
from entx.storage.store import Store
from tests.cli.runner import run_entx
from tests.llm_stage.stores import Asked, Shown
from tests.llm_stage.tiny_models import tiny_model, tiny_tokenizer
from tests.neural.backends.test_server import PAGES, free_port
from tests.neural.test_gguf import write_gguf
from tests.neural.training.inputs import text_store

SERVE = """
import sys, time, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.hostnames, params.port = sys.argv[1], ["127.0.0.1"], int(sys.argv[2])
params.n_ctx = params.n_batch = 1024
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TransformersModel]:
    model, path = tiny_model("llama", len(tiny_tokenizer())), tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    write_gguf(path, model)
    return path, TransformersModel(model, tiny_tokenizer())


@contextmanager
def serving(path: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """The server's process, once it listens."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(path), str(port)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        assert process.stdout.readline().startswith("http://")
        yield process
    finally:
        process.kill()
        process.wait(30)
        process.stdout.close()


def test_scores_and_answers_are_the_models_own(tiny: tuple[Path, TransformersModel]) -> None:
    path, here = tiny
    with serving(path, port := free_port()):
        served = ServedModel(f"http://127.0.0.1:{port}/v1", chat=False, concurrency=2)
        assert served.kind == "llamacpp"
        scored, written = served.complete(PAGES, max_tokens=0), served.complete(PAGES)
        assert served.usage["requests"] == 5 + 3
        assert served.usage["prompt_tokens"] > served.usage["completion_tokens"] > 3
        chat = ServedModel(f"http://127.0.0.1:{port}/v1", chat=True)
        of_chat = chat.complete(PAGES, max_tokens=0)
    for page, own in zip(scored, here.complete(PAGES, max_tokens=0), strict=True):
        for one, other in zip(page, own, strict=True):
            assert one.scores == pytest.approx(other.scores, abs=2e-2)  # with the end of the answer
    for page, own in zip(of_chat, scored, strict=True):  # the tiny model's template writes the message as it is
        assert [one.scores for one in page] == [pytest.approx(other.scores, abs=2e-2) for other in own]
    free = here.complete([replace(one, queries=one.queries[:1]) for one in PAGES])
    for page, own, asked in zip(written, free, PAGES, strict=True):
        assert re.fullmatch(asked.queries[0].pattern, page[0].text)
        assert page[0].text == own[0].text
        assert page[0].log_prob == pytest.approx(own[0].log_prob, abs=2e-2)


def test_a_server_that_dies_in_the_middle_costs_nothing_that_was_answered(
    tiny: tuple[Path, TransformersModel], tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "entx.neural.backends.server._RETRIES", urllib3.Retry(1, backoff_factor=0, allowed_methods=None)
    )
    shown = [Shown([f"Height {n} inch"], [Asked("height", f"{n} inch", group_id="")]) for n in range(3, 9)]
    store, port = text_store(tmp_path / "s.duckdb", shown), free_port()
    command = (
        "predict", "--stage", "llm", "--store", store, "--backend", "openai", "--batch", "2", "--json", "--base-url",
        f"http://127.0.0.1:{port}/v1",
    )  # fmt: skip
    add = predict.add_answers
    with serving(tiny[0], port) as server:

        def add_and_kill(*arguments: Any) -> None:
            add(*arguments)
            server.kill()

        monkeypatch.setattr(predict, "add_answers", add_and_kill)
        ended = run_entx(capsys, *command)
    assert (ended.code, ended.err.count("\n")) == (2, 1), ended.err
    assert "cannot be reached" in ended.err
    with Store(store) as opened:
        assert len(list(load_answers(opened, "llm"))) == 2
        paid = run_totals(opened, "llm").counts
    assert (paid["answered"], paid["requests"]) == (2, 4)
    monkeypatch.setattr(predict, "add_answers", add)
    with serving(tiny[0], port):
        ended = run_entx(capsys, *command)
        assert ended.code == 0, ended.err
        assert json.loads(ended.out)["counts"]["requests"] == 8
        assert run_entx(capsys, *command, "--run", "whole").code == 0
    with Store(store) as opened:
        broken, whole = (dict(load_answers(opened, run)) for run in ("llm", "whole"))
        assert run_totals(opened, "llm").counts["requests"] == 12
    assert {index: one.quantity for index, one in broken.items()} == {
        index: one.quantity for index, one in whole.items()
    }
