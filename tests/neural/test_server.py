"""What both model stages share of a server: when its constraint is given up, and what is told of a refusal."""

from __future__ import annotations

from typing import Any

import pytest
from entx.neural.server import RefusedError, Server

from entx.core.errors import InputError
from tests.neural.played_server import playing

PATTERN = "[0-9]{1,6} (inch)|none"


def said(text: str) -> dict[str, Any]:
    return {"choices": [{"message": {"content": text}, "logprobs": {"content": [{"logprob": -0.5}, {"logprob": -1}]}}]}


def server(url: str) -> Server:
    return Server(url, None, chat=True, concurrency=2, timeout=10.0)


@pytest.mark.parametrize(
    ("owner", "field"), [("vllm", "structured_outputs"), ("llamacpp", "grammar"), ("somebody", None)]
)
def test_each_kind_of_server_is_told_the_constraint_in_its_own_field(owner: str, field: str | None) -> None:
    with playing(lambda _: (200, said("5 inch")), owner) as (handler, url):
        found = server(url).write("How high?", PATTERN, 9)
        assert (found.text, found.log_prob) == ("5 inch", -1.5)
        (request,) = handler.seen
        assert request["messages"] == [{"role": "user", "content": "How high?"}]
        assert {"structured_outputs", "grammar"} & set(request) == ({field} if field else set())


def test_a_server_that_takes_no_extras_is_asked_plainly_from_then_on() -> None:
    def plain_only(request: dict[str, Any]) -> tuple[int, Any]:
        return (422, {"detail": "extra"}) if "logprobs" in request else (200, said("5 inch"))

    with playing(plain_only) as (handler, url):
        one = server(url)
        for _ in range(3):
            assert one.write("?", PATTERN, 9).text == "5 inch"
        assert ["logprobs" in request for request in handler.seen] == [True, False, False, False]


def test_a_refused_prompt_does_not_cost_the_others_their_constraint() -> None:
    """A picture that is too large is refused with and without extras: then the extras were not the reason."""

    def some(request: dict[str, Any]) -> tuple[int, Any]:
        return (400, {"error": "too long"}) if "long" in request["messages"][0]["content"] else (200, said("5 inch"))

    with playing(some) as (handler, url):
        one = server(url)
        with pytest.raises(RefusedError, match=r"refuses the request.*too long"):
            one.write("a long prompt", PATTERN, 9)
        one.write("a short one", PATTERN, 9)
        assert "structured_outputs" in handler.seen[-1]


@pytest.mark.parametrize("status", [401, 404])
def test_other_errors_end_the_run_with_one_line(status: int) -> None:
    with playing(lambda _: (status, {"error": "no"})) as (_, url), pytest.raises(InputError) as caught:
        server(url).write("?", "", 9)
    assert f"answered {status}" in str(caught.value)
    assert not isinstance(caught.value, RefusedError)
