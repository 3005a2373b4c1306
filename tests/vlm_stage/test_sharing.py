"""Three questions about each picture cost one decoding and one vision encoding of it, counted in the real model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import entx.vlm_stage.views as views
from entx.core.entities import CHALLENGE
from entx.neural.predict import answer_questions
from entx.storage.store import Store
from entx.vlm_stage.model import PictureModel
from entx.vlm_stage.prompt import Serving
from entx.vlm_stage.reader import Mode, VisionReader
from entx.vlm_stage.views import Look
from tests.vlm_stage.stores import Pictured, fill, label
from tests.vlm_stage.tiny_vlms import tiny_vlm

PICTURES = 20
NAMES = ("item_weight", "height", "width")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labels")
    made = [label(folder / f"{n}.png", f"{n} g", (60 + 8 * (n % 5), 60 + 8 * (n % 3))) for n in range(PICTURES)]
    return fill(folder, [Pictured(file.name, NAMES) for file in made])


def encoded(model: PictureModel, kind: str) -> list[int]:
    """Pictures of each call of the vision tower from now on."""
    calls: list[int] = []

    def count(_: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        first = given[0] if given else named["pixel_values"]
        calls.append(len(named["grid_thw"]) if kind == "qwen2_vl" else len(first))

    model.family.vision_tower(model.model).register_forward_pre_hook(count, with_kwargs=True)
    return calls


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("kind", ["qwen2_vl", "paligemma"])
def test_one_decoding_and_one_encoding_a_picture(
    kind: str, mode: Mode, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = 0
    decode = views.decode_rgb

    def counting(data: bytes, most: int) -> Any:
        nonlocal decoded
        decoded += 1
        return decode(data, most)

    monkeypatch.setattr(views, "decode_rgb", counting)
    model = PictureModel.load(tiny_vlm(kind, tmp_path / kind))
    model.tokens_per_pass = 8192  # the tiny tokenizers need a token a letter
    calls = encoded(model, kind)
    reader = VisionReader(model, Serving(), CHALLENGE, mode)
    with Store(store, write=True) as opened:
        report = answer_questions(opened, None, CHALLENGE, reader, Look(60 * 60), f"{kind} {mode}", {})
    assert report.answered == 3 * PICTURES
    assert decoded == PICTURES
    assert sum(calls) == PICTURES
    assert len(calls) < PICTURES  # and several of them side by side
