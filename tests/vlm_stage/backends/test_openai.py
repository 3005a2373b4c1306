"""Pictures to OpenAI-compatible servers: against a small one that plays vLLM, and against `transformers serve`."""

from __future__ import annotations

import base64
import io
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import urllib3
from entx.vlm_stage.backends.openai import ServedModel, data_url
from PIL import Image

from entx.core.entities import CHALLENGE
from entx.core.errors import PictureError
from entx.neural.backends.base import Query, Request
from entx.neural.decoding import answer_pattern
from entx.storage.runs import load_answers
from entx.storage.store import Store
from entx.vlm_stage.model import PictureModel
from tests.cli.runner import run_entx
from tests.neural.played_server import playing
from tests.vlm_stage.stores import Pictured, fill, label
from tests.vlm_stage.tiny_vlms import tiny_paligemma

TEMPLATE = (
    "{% for message in messages %}{% for part in message.content %}"
    "{% if part.type == 'image' %}<image>{% else %}{{ part.text }}{% endif %}{% endfor %}{% endfor %}"
)
PATTERN = answer_pattern(CHALLENGE["height"], "none")


def noise(seed: int, width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def seen_by(request: dict[str, Any]) -> list[Image.Image]:
    """The pictures that a request carries."""
    parts = request["messages"][0]["content"]
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    return [Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) for url in urls]


def by_width(request: dict[str, Any]) -> tuple[int, Any]:
    """Reads the width of the first picture; refuses pictures of 13 pixels."""
    width = seen_by(request)[0].width
    if width == 13:
        return 400, {"error": {"message": "this picture is not taken"}}
    logprobs = {"content": [{"logprob": -0.25}, {"logprob": -0.5}]}
    return 200, {"choices": [{"message": {"content": f"{width} inch"}, "logprobs": logprobs}]}


BATCH = (
    Request((noise(0, 60, 40), noise(1, 30, 20)), (Query("Height?", ("none",), PATTERN), Query("Width?", (), PATTERN))),
    Request((noise(2, 80, 50),), (Query("Depth?", ("none", "5 inch"), PATTERN),)),
)


def test_views_come_before_the_question_without_loss() -> None:
    with playing(by_width) as (handler, url):
        found = ServedModel(url, concurrency=1).read(BATCH)
    assert [[said.text for said in of_picture] for of_picture in found] == [["60 inch", "60 inch"], ["80 inch"]]
    assert found[0][0].log_prob == -0.75
    assert [said.scores for of_picture in found for said in of_picture] == [(None,), (), (None, None)]
    request = handler.seen[0]
    assert request["path"] == "/v1/chat/completions"
    assert [part["type"] for part in request["messages"][0]["content"]] == ["image_url", "image_url", "text"]
    assert request["messages"][0]["content"][-1]["text"] == "Height?"
    assert request["structured_outputs"] == {"regex": PATTERN}
    for sent, view in zip(seen_by(request), BATCH[0].views, strict=True):
        assert (np.asarray(sent) == np.asarray(view)).all()


def test_a_picture_that_the_server_refuses_is_the_pictures_fault() -> None:
    with playing(by_width) as (_, url):
        model = ServedModel(url)
        with pytest.raises(PictureError, match="this picture is not taken"):
            model.read([Request((noise(0, 13, 13),), (Query("Height?"),))])


def test_pictures_travel_as_data_and_never_as_links() -> None:
    url = data_url(noise(0, 9, 9))
    assert url.startswith("data:image/png;base64,")
    assert "http" not in url


def test_sizes_are_the_servers_business_within_the_budget() -> None:
    with playing(by_width) as (_, url):
        model = ServedModel(url)
    assert model.view_size((3000, 1500), 20_000) == (200, 100)
    assert model.image_tokens((56, 56)) == 4
    assert model.name == "played"


def test_the_command_asks_a_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
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
    assert found[0].log_prob == -0.75
    assert found[0].score is None  # the server scores nothing beside what it writes
    assert len(seen_by(handler.seen[0])) == 1


@pytest.mark.engine
def test_against_transformers_serve(tmp_path: Path) -> None:
    """A real server with a real tiny model: the texts are those that the model writes here without a constraint.

    A PaliGemma: it is the one family whose processor transformers itself loads without torchvision.
    """
    for library in ("fastapi", "uvicorn", "openai"):
        pytest.importorskip(library)
    folder = tiny_paligemma(tmp_path / "tiny", seed=4)
    (folder / "chat_template.jinja").write_text(TEMPLATE)
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
    here = PictureModel.load(folder)
    asked = [
        Request((noise(n, 112, 84).resize(here.view_size((112, 84), 10_000)),), (Query("Height?"), Query("Width?")))
        for n in range(2)
    ]  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, server, tmp_path / "log")
        found = ServedModel(f"{url}/v1", str(folder)).read(asked, max_tokens=6)
    finally:
        server.terminate()
        server.wait(30)
    expected = here.read(asked, max_tokens=6)
    assert [[said.text for said in of_picture] for of_picture in found] == [
        [said.text for said in of_picture] for of_picture in expected
    ]


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
