"""The client of OpenAI-compatible servers: against `transformers serve`, and against a small server that plays vLLM."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import urllib3
from entx.llm_stage.backends.openai import ServedModel
from entx.neural.server import KEY_VARIABLE, gbnf

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError
from entx.neural.backends.base import Query, Request
from entx.neural.backends.transformers import TransformersModel
from entx.neural.decoding import answer_pattern
from tests.llm_stage.tiny_models import tiny_model, tiny_tokenizer

PATTERN = answer_pattern(CHALLENGE["height"], "none")
BATCH = (
    Request("<page>\n[5 inch]\n", (Query("<q> height<a>", ("5 inch", "none"), PATTERN), Query("<q> width<a>", ("none",)))),
    Request("<page>\n[7 metre]\n", (Query("<q> depth<a>", ("7 metre", "none"), PATTERN),)),
)


class Played(BaseHTTPRequestHandler):
    """Plays a vLLM server around a real tiny model; `faults` are statuses to answer with before anything else."""

    model: TransformersModel
    owner = "vllm"
    faults: list[int]
    strict = False
    seen: list[dict[str, Any]]
    keys: list[str | None]
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def reply(self, status: int, content: object) -> None:
        body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.keys.append(self.headers.get("Authorization"))
        self.reply(200, {"data": [{"id": "tiny", "owned_by": self.owner}]})

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.faults:
            self.reply(self.faults.pop(0), {"error": {"message": "try again"}})
            return
        self.seen.append({"path": self.path, **request})
        if self.strict and ("logprobs" in request or "structured_outputs" in request):
            self.reply(422, {"detail": "Unexpected fields in the request"})
        elif request.get("echo"):
            self.reply(200, {"choices": [{"logprobs": self.echo(request["prompt"])}]})
        else:
            pattern = request.get("structured_outputs", {}).get("regex", "")
            ((answer,),) = self.model.generate([Request(request["prompt"], (Query("", pattern=pattern),))])
            self.reply(200, {"choices": [{"text": answer.text, "logprobs": {"token_logprobs": [answer.log_prob]}}]})

    def echo(self, prompt: str) -> dict[str, Any]:
        import torch

        encoded = tiny_tokenizer()(prompt, return_offsets_mapping=True)
        ids, spans = encoded["input_ids"], encoded["offset_mapping"]
        with torch.inference_mode():
            logits = self.model.model(torch.tensor([ids])).logits[0].log_softmax(-1)
        values = [None, *(float(logits[place, token]) for place, token in enumerate(ids[1:]))]
        return {
            "tokens": [*(prompt[start:end] for start, end in spans), "x"],
            "text_offset": [*(start for start, _ in spans), len(prompt)],
            "token_logprobs": [*values, -1.0],
        }


@pytest.fixture
def played() -> Iterator[tuple[type[Played], str]]:
    handler = type("Handler", (Played,), {"seen": [], "keys": [], "faults": []})
    handler.model = TransformersModel(tiny_model("llama"), tiny_tokenizer())
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield handler, f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()
    thread.join()


def test_generation_is_the_models_own_and_constrained(played: tuple[type[Played], str]) -> None:
    handler, url = played
    served = ServedModel(url, chat=False, concurrency=3)
    assert served.name == "tiny"
    found, expected = served.generate(BATCH), handler.model.generate(BATCH)
    for one, other in zip(found, expected, strict=True):
        for answer, own in zip(one, other, strict=True):
            assert answer.text == own.text
            assert answer.log_prob == pytest.approx(own.log_prob, abs=1e-3)
    assert sorted(request.get("structured_outputs", {}).get("regex", "") for request in handler.seen) == sorted(
        ask.pattern for asked in BATCH for ask in asked.asks
    )


def test_scores_are_those_of_the_completions_own_tokens(played: tuple[type[Played], str]) -> None:
    handler, url = played
    found = ServedModel(url, chat=False).score(BATCH)
    with_end = handler.model.score(BATCH)
    assert [[len(scores) for scores in page] for page in found] == [[2, 1], [2]]
    for one, other in zip(found, with_end, strict=True):
        for scores, ended in zip(one, other, strict=True):
            assert all(score > end - 1e-4 for score, end in zip(scores, ended, strict=True))  # the end is not counted


def test_a_server_that_refuses_extra_fields_is_asked_plainly_from_then_on(played: tuple[type[Played], str]) -> None:
    handler, url = played
    handler.strict = True
    served = ServedModel(url, chat=False, concurrency=1)
    served.generate(BATCH)
    served.generate(BATCH)
    plain = [request for request in handler.seen if "logprobs" not in request]
    assert len(plain) == 6
    assert len(handler.seen) == 7


def test_a_busy_server_is_asked_again_but_not_for_ever(played: tuple[type[Played], str]) -> None:
    handler, url = played
    served = ServedModel(url, chat=False, concurrency=1)
    handler.faults = [503, 429]
    assert len(served.generate(BATCH[1:])) == 1
    handler.faults = [400, 400]
    with pytest.raises(InputError, match="refuses the request"):
        served.generate(BATCH[1:])
    handler.faults = [401]
    with pytest.raises(InputError, match="the server answered 401"):
        served.generate(BATCH[1:])


def test_other_servers_do_not_score(played: tuple[type[Played], str]) -> None:
    handler, url = played
    handler.owner = "somebody"
    with pytest.raises(InputError, match="use --mode free"):
        ServedModel(url, chat=False).score(BATCH)


def test_the_key_comes_from_its_variable_only(
    played: tuple[type[Played], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    handler, url = played
    monkeypatch.setenv("OPENAI_API_KEY", "other")
    ServedModel(url, chat=False)
    monkeypatch.setenv(KEY_VARIABLE, "ours")
    ServedModel(url, chat=False)
    assert handler.keys == [None, "Bearer ours"]


@pytest.mark.parametrize(
    "url", ["", "localhost:8000", "file:///etc/passwd", "ftp://host/v1", "http://user:word@host/v1", "http:///v1"]
)
def test_only_plain_web_addresses_are_taken(url: str) -> None:
    with pytest.raises(InputError, match="--base-url"):
        ServedModel(url, chat=False)


def test_a_server_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("entx.neural.server._RETRIES", urllib3.Retry(1, backoff_factor=0))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(InputError, match="cannot be reached") as caught:
        ServedModel(f"http://127.0.0.1:{port}/v1", chat=False)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "said"), [("<html>", "is no JSON"), ("[]", "no JSON object"), ('{"choices": []}', "without choices")]
)
def test_replies_of_something_else_are_told(
    played: tuple[type[Played], str], reply: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler, url = played
    served = ServedModel(url, chat=False)
    monkeypatch.setattr(handler, "do_POST", lambda self: (self.rfile.read1(), self.reply(200, reply)))
    with pytest.raises(InputError, match=said):
        served.generate(BATCH[1:])


def test_a_server_without_a_list_of_models_needs_a_name(
    played: tuple[type[Played], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    handler, url = played
    monkeypatch.setattr(handler, "do_GET", lambda self: self.reply(404, "no"))
    assert len(ServedModel(url, "tiny", chat=False).generate(BATCH)) == 2
    with pytest.raises(InputError, match="answered 404"):
        ServedModel(url, chat=False)


def test_the_grammar_of_llama_cpp_says_the_same() -> None:
    assert gbnf(r"[0-9]{1,6}(\.[0-9]{1,3})? (fluid ounce|litre)|none") == (
        'root ::= [0-9]{1,6}( "." [0-9]{1,3})? " " ( "fluid ounce" | "litre" )| "none"'
    )
    for entity in CHALLENGE.entities.values():
        literals = re.findall(r'"([^"]+)"', gbnf(answer_pattern(entity, "none")))
        assert set(literals) == {*entity.units, "none", ".", " "}


@pytest.mark.engine
def test_against_transformers_serve(tmp_path: Path) -> None:
    """A real server with a real model: the texts are those that the same model writes here without a constraint."""
    for library in ("fastapi", "uvicorn", "openai"):
        pytest.importorskip(library)
    folder = tmp_path / "tiny"
    model, tokenizer = tiny_model("llama"), tiny_tokenizer()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve = "from transformers.cli.transformers import app; app()"
    command = [
        sys.executable, "-c", serve, "serve", str(folder), "--host", "127.0.0.1", "--port", str(port),
        "--device", "cpu", "--dtype", "float32",
    ]  # fmt: skip
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "cache")}
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, server, tmp_path / "log")
        served = ServedModel(f"{url}/v1", str(folder), chat=False)
        found = served.generate(BATCH, max_tokens=6)
    finally:
        server.terminate()
        server.wait(30)
    free_asks = [Request(asked.page, tuple(Query(ask.question) for ask in asked.asks)) for asked in BATCH]
    expected = TransformersModel(model, tokenizer).generate(free_asks, max_tokens=6)
    assert [[answer.text for answer in page] for page in found] == [
        [answer.text for answer in page] for page in expected
    ]
    assert all(answer.log_prob is None for page in found for answer in page)


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            if urllib3.request("GET", f"{url}/health", retries=False, timeout=2.0).status == 200:
                return
        except urllib3.exceptions.HTTPError:
            assert server.poll() is None, log.read_text()[-2000:]
            time.sleep(0.3)
    raise AssertionError(f"the server did not come up: {log.read_text()[-2000:]}")
