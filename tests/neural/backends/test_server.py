"""Models behind OpenAI-compatible servers: against small ones that play vLLM, and against `transformers serve`."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import urllib3
from PIL import Image

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError, PictureError
from entx.neural.backends.base import Completion, Query, Request
from entx.neural.backends.server import KEY_VARIABLE, RefusedError, ServedModel, gbnf
from entx.neural.backends.transformers import TransformersModel
from entx.neural.decoding import answer_pattern
from entx.storage.runs import load_answers
from entx.storage.store import Store
from entx.vlm_stage.model import PictureModel
from tests.cli.runner import run_entx
from tests.llm_stage.tiny_models import tiny_model, tiny_tokenizer
from tests.neural.backends.played_server import playing
from tests.vlm_stage.pictures import noise
from tests.vlm_stage.stores import Pictured, fill, label
from tests.vlm_stage.tiny_vlms import tiny_paligemma

Answer = Callable[[dict[str, Any]], tuple[int, Any]]

PATTERN = answer_pattern(CHALLENGE["height"], "none")
PAGES = (
    Request(
        "<page>\n[5 inch]\n", (Query("<q> height<a>", ("5 inch", "none"), PATTERN), Query("<q> width<a>", ("none",)))
    ),
    Request("<page>\n[7 metre]\n", (Query("<q> depth<a>", ("7 metre", "none"), PATTERN),)),
)
PICTURES = (
    Request((noise(0, 60, 40), noise(1, 30, 20)), (Query("Height?", ("none",), PATTERN), Query("Width?", (), PATTERN))),
    Request((noise(2, 80, 50),), (Query("Depth?", ("none", "5 inch"), PATTERN),)),
)


@pytest.fixture(scope="module")
def tiny() -> TransformersModel:
    return TransformersModel(tiny_model("llama"), tiny_tokenizer())


def answering(model: TransformersModel) -> Answer:
    """Plays a vLLM server around a real tiny model."""

    def answer(request: dict[str, Any]) -> tuple[int, Any]:
        if request.get("echo"):
            return 200, {"choices": [{"logprobs": echo(model, request["prompt"])}]}
        pattern = request.get("structured_outputs", {}).get("regex", "")
        ((found,),) = model.complete([Request(request["prompt"], (Query("", pattern=pattern),))])
        return 200, {"choices": [{"text": found.text, "logprobs": {"token_logprobs": [found.log_prob]}}]}

    return answer


def echo(model: TransformersModel, prompt: str) -> dict[str, Any]:
    encoded = tiny_tokenizer()(prompt, return_offsets_mapping=True)
    ids, spans = encoded["input_ids"], encoded["offset_mapping"]
    with torch.inference_mode():
        logits = model.model(torch.tensor([ids])).logits[0].log_softmax(-1)
    values = [None, *(float(logits[place, token]) for place, token in enumerate(ids[1:]))]
    return {
        "tokens": [*(prompt[start:end] for start, end in spans), "x"],
        "text_offset": [*(start for start, _ in spans), len(prompt)],
        "token_logprobs": [*values, -1.0],
    }


def said(text: str) -> dict[str, Any]:
    """A reply of /chat/completions."""
    return {"choices": [{"message": {"content": text}, "logprobs": {"content": [{"logprob": -0.5}, {"logprob": -1}]}}]}


def failing(faults: list[int], answer: Answer) -> Answer:
    """Answers with these statuses before anything else."""
    return lambda request: (faults.pop(0), {"error": {"message": "try again"}}) if faults else answer(request)


def ask(url: str, question: str, pattern: str = PATTERN, served: ServedModel | None = None) -> Completion:
    """One question to a chat model."""
    served = served or ServedModel(url, chat=True, concurrency=2, timeout=10.0)
    ((found,),) = served.complete([Request("", (Query(question, pattern=pattern),))], max_tokens=9)
    return found


def test_what_is_written_is_the_models_own_and_constrained(tiny: TransformersModel) -> None:
    with playing(answering(tiny)) as (handler, url):
        served = ServedModel(url, chat=False, concurrency=3)
        assert served.name == "played"
        found = served.complete(PAGES)
    for one, other in zip(found, tiny.complete(PAGES), strict=True):
        for answer, own in zip(one, other, strict=True):
            assert answer.text == own.text
            assert answer.log_prob == pytest.approx(own.log_prob, abs=1e-3)
            assert answer.scores == (None,) * len(own.scores)  # no server scores beside what it writes
    assert sorted(request.get("structured_outputs", {}).get("regex", "") for request in handler.seen) == sorted(
        query.pattern for request in PAGES for query in request.queries
    )


def test_scores_are_those_of_the_choices_own_tokens(tiny: TransformersModel) -> None:
    with playing(answering(tiny)) as (_, url):
        found = ServedModel(url, chat=False).complete(PAGES, max_tokens=0)
    assert [[len(one.scores) for one in page] for page in found] == [[2, 1], [2]]
    for one, other in zip(found, tiny.complete(PAGES, max_tokens=0), strict=True):
        for scored, ended in zip(one, other, strict=True):
            pairs = zip(scored.scores, ended.scores, strict=True)
            assert all(score > end - 1e-4 for score, end in pairs)  # type: ignore[operator]  # the end is not counted


@pytest.mark.parametrize("batch", [PAGES, PICTURES], ids=["pages", "pictures"])
@pytest.mark.parametrize(("owner", "chat"), [("somebody", False), ("vllm", True)])
def test_other_servers_and_chat_models_do_not_score(owner: str, chat: bool, batch: tuple[Request, ...]) -> None:
    with playing(lambda _: (200, said("5 inch")), owner) as (_, url), pytest.raises(InputError, match="--mode free"):
        ServedModel(url, chat=chat).complete(batch, max_tokens=0)


@pytest.mark.parametrize(
    ("owner", "field"), [("vllm", "structured_outputs"), ("llamacpp", "grammar"), ("somebody", None)]
)
def test_each_kind_of_server_is_told_the_constraint_in_its_own_field(owner: str, field: str | None) -> None:
    with playing(lambda _: (200, said("5 inch")), owner) as (handler, url):
        found = ask(url, "How high?")
    assert (found.text, found.log_prob) == ("5 inch", -1.5)
    (request,) = handler.seen
    assert request["path"] == "/v1/chat/completions"
    assert request["messages"] == [{"role": "user", "content": "How high?"}]
    assert {"structured_outputs", "grammar"} & set(request) == ({field} if field else set())


def test_llama_cpp_is_made_to_write_each_choice_and_says_how_probable_that_was() -> None:
    def forced(request: dict[str, Any]) -> tuple[int, Any]:
        text = json.loads(request["grammar"].removeprefix("root ::= "))
        usage = {"prompt_tokens": 50, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 40}}
        return 200, {**said(text if text != "7 metre" else "8 metre"), "usage": usage}

    with playing(forced, "llamacpp") as (handler, url):
        served = ServedModel(url, "its-own-name", chat=True)
        found = served.complete(PAGES[:1], max_tokens=0)
        with pytest.raises(InputError, match="writes '8 metre' where only '7 metre' is allowed"):
            served.complete(PAGES[1:], max_tokens=0)
    assert [one.scores for one in found[0]] == [(-1.5, -1.5), (-1.5,)]
    assert {"5 inch", "none"} <= {json.loads(one["grammar"].removeprefix("root ::= ")) for one in handler.seen}
    assert served.usage["prompt_tokens"] == 50 * served.usage["requests"]
    assert served.usage["cached_tokens"] == 40 * served.usage["requests"] > 100


def test_a_server_that_takes_no_extras_is_asked_plainly_from_then_on(tiny: TransformersModel) -> None:
    def plain_only(request: dict[str, Any]) -> tuple[int, Any]:
        extras = "logprobs" in request or "structured_outputs" in request
        return (422, {"detail": "Unexpected fields in the request"}) if extras else answering(tiny)(request)

    with playing(plain_only) as (handler, url):
        served = ServedModel(url, chat=False, concurrency=1)
        served.complete(PAGES)
        served.complete(PAGES)
    assert ["logprobs" in request for request in handler.seen] == [True] + [False] * 6


def test_a_refused_prompt_does_not_cost_the_others_their_constraint() -> None:
    """A prompt that is too long is refused with and without extras: then the extras were not the reason."""

    def some(request: dict[str, Any]) -> tuple[int, Any]:
        return (400, {"error": "too long"}) if "long" in request["messages"][0]["content"] else (200, said("5 inch"))

    with playing(some) as (handler, url):
        served = ServedModel(url, chat=True)
        with pytest.raises(RefusedError, match=r"refuses the request.*too long"):
            ask(url, "a long prompt", served=served)
        ask(url, "a short one", served=served)
        assert "structured_outputs" in handler.seen[-1]


@pytest.mark.parametrize("status", [401, 404])
def test_other_errors_end_the_run_with_one_line(status: int) -> None:
    with playing(lambda _: (status, {"error": "no"})) as (_, url), pytest.raises(InputError) as caught:
        ask(url, "?", "")
    assert f"answered {status}" in str(caught.value)
    assert not isinstance(caught.value, RefusedError)


def test_a_busy_server_is_asked_again_but_not_for_ever(tiny: TransformersModel) -> None:
    faults: list[int] = []
    with playing(failing(faults, answering(tiny))) as (_, url):
        served = ServedModel(url, chat=False, concurrency=1)
        faults += [503, 429]
        assert len(served.complete(PAGES[1:])) == 1
        faults += [400, 400]
        with pytest.raises(InputError, match="refuses the request"):
            served.complete(PAGES[1:])


def test_the_key_comes_from_its_variable_only(monkeypatch: pytest.MonkeyPatch) -> None:
    with playing(lambda _: (200, said(""))) as (handler, url):
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
    monkeypatch.setattr("entx.neural.backends.server._RETRIES", urllib3.Retry(1, backoff_factor=0))
    with pytest.raises(InputError, match="cannot be reached") as caught:
        ServedModel(f"http://127.0.0.1:{free_port()}/v1", chat=False)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "words"), [("<html>", "is no JSON"), ("[]", "no JSON object"), ('{"choices": []}', "without choices")]
)
def test_replies_of_something_else_are_told(reply: str, words: str) -> None:
    with playing(lambda _: (200, reply)) as (_, url), pytest.raises(InputError, match=words):
        ask(url, "?")


def test_a_server_without_a_list_of_models_needs_a_name(
    tiny: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    with playing(answering(tiny)) as (handler, url):
        monkeypatch.setattr(handler, "do_GET", lambda self: self.reply(404, "no"))
        assert len(ServedModel(url, "tiny", chat=False).complete(PAGES)) == 2
        with pytest.raises(InputError, match="answered 404"):
            ServedModel(url, chat=False)


def test_the_grammar_of_llama_cpp_says_the_same() -> None:
    assert gbnf(r"[0-9]{1,6}(\.[0-9]{1,3})? (fluid ounce|litre)|none") == (
        'root ::= [0-9]{1,6}( "." [0-9]{1,3})? " " ( "fluid ounce" | "litre" )| "none"'
    )
    for entity in CHALLENGE.entities.values():
        literals = re.findall(r'"([^"]+)"', gbnf(answer_pattern(entity, "none")))
        assert set(literals) == {*entity.units, "none", ".", " "}


def seen_by(request: dict[str, Any]) -> list[Image.Image]:
    """The pictures that a request carries, as data and never as links."""
    parts = request["messages"][0]["content"]
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    assert all(url.startswith("data:image/png;base64,") and "http" not in url for url in urls)
    return [Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) for url in urls]


def by_width(request: dict[str, Any]) -> tuple[int, Any]:
    """Reads the width of the first picture; refuses pictures of 13 pixels."""
    width = seen_by(request)[0].width
    if width == 13:
        return 400, {"error": {"message": "this picture is not taken"}}
    return 200, said(f"{width} inch")


def test_views_come_before_the_question_without_loss() -> None:
    with playing(by_width) as (handler, url):
        found = ServedModel(url, chat=True, concurrency=1).complete(PICTURES)
    assert [[one.text for one in of_picture] for of_picture in found] == [["60 inch", "60 inch"], ["80 inch"]]
    assert found[0][0].log_prob == -1.5
    assert [one.scores for of_picture in found for one in of_picture] == [(None,), (), (None, None)]
    request = handler.seen[0]
    assert request["path"] == "/v1/chat/completions"
    assert [part["type"] for part in request["messages"][0]["content"]] == ["image_url", "image_url", "text"]
    assert request["messages"][0]["content"][-1]["text"] == "Height?"
    assert request["structured_outputs"] == {"regex": PATTERN}
    for sent, view in zip(seen_by(request), PICTURES[0].shown, strict=True):
        assert (np.asarray(sent) == np.asarray(view)).all()


def test_a_picture_that_the_server_refuses_is_the_pictures_fault() -> None:
    request = Request((noise(0, 13, 13),), (Query("Height?"),))
    with playing(by_width) as (_, url), pytest.raises(PictureError, match="this picture is not taken"):
        ServedModel(url, chat=True).complete([request])


def test_sizes_are_the_servers_business_within_the_budget() -> None:
    with playing(by_width) as (_, url):
        model = ServedModel(url, chat=True)
    assert model.view_size((3000, 1500), 20_000) == (200, 100)
    assert model.image_tokens((56, 56)) == 4


def test_the_command_asks_a_server_about_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for n, width in enumerate((40, 60, 13)):
        label(tmp_path / f"{n}.png", "5 cm", (width, 30))
    store = fill(tmp_path, [Pictured(f"{n}.png", ("height", "width")) for n in range(3)])
    with playing(by_width) as (handler, url):
        arguments = ("--backend", "openai", "--base-url", url, "--json")
        ended = run_entx(capsys, "predict", "--stage", "vlm", "--store", store, *arguments)
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["counts"]["without_picture"] == 2
    with Store(store) as opened:
        found = dict(load_answers(opened, "vlm"))
    assert [answer.text for answer in found.values()] == ["40 inch"] * 2 + ["60 inch"] * 2 + [""] * 2
    assert found[4].reason.startswith("picture: http://127.0.0.1")
    assert found[4].reason.endswith('this picture is not taken"}}')
    assert found[0].log_prob == -1.5
    assert found[0].score is None  # the server scores nothing beside what it writes
    assert len(seen_by(handler.seen[0])) == 1


TEMPLATE = (
    "{% for message in messages %}{% for part in message.content %}"
    "{% if part.type == 'image' %}<image>{% else %}{{ part.text }}{% endif %}{% endfor %}{% endfor %}"
)


@pytest.mark.engine
@pytest.mark.parametrize("stage", ["llm", "vlm"])
def test_against_transformers_serve(stage: str, tmp_path: Path) -> None:
    """A real server with a real tiny model: the texts are those that the model writes here without a constraint.

    Of pictures a PaliGemma: it is the one family whose processor transformers itself loads without torchvision.
    """
    here: TransformersModel | PictureModel
    if stage == "llm":
        folder = tmp_path / "tiny"
        here = TransformersModel(tiny_model("llama"), tiny_tokenizer())
        here.model.save_pretrained(folder)
        here.tokenizer.save_pretrained(folder)
        asked = [Request(one.shown, tuple(Query(query.question) for query in one.queries)) for one in PAGES]
    else:
        folder = tiny_paligemma(tmp_path / "tiny", seed=4)
        (folder / "chat_template.jinja").write_text(TEMPLATE)
        here = PictureModel.load(folder)
        size = here.view_size((112, 84), 10_000)
        queries = (Query("Height?"), Query("Width?"))
        asked = [Request((noise(n, 112, 84).resize(size),), queries) for n in range(2)]
    with serving(folder, tmp_path) as url:
        found = ServedModel(f"{url}/v1", str(folder), chat=stage == "vlm", timeout=300.0).complete(asked, max_tokens=6)
    expected = here.complete(asked, max_tokens=6)
    assert [[one.text for one in of_one] for of_one in found] == [[one.text for one in of_one] for of_one in expected]
    assert stage == "vlm" or all(one.log_prob is None for of_one in found for one in of_one)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def serving(folder: Path, scratch: Path) -> Iterator[str]:
    """The URL of a `transformers serve` with the model of that folder."""
    for library in ("fastapi", "uvicorn", "openai"):
        pytest.importorskip(library)
    port = free_port()
    command = [
        sys.executable, "-c", "from transformers.cli.transformers import app; app()", "serve", str(folder),
        "--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32",
    ]  # fmt: skip
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(scratch / "cache")}
    log = scratch / "log"
    with log.open("w") as stream:
        server = subprocess.Popen(command, env=environment, stdout=stream, stderr=stream)
    try:
        _wait(f"http://127.0.0.1:{port}", server, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


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
