"""What the tests of training share: a store with questions, a tiny base model in a folder, a recipe."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable
from contextlib import redirect_stderr
from pathlib import Path

import pytest

from entx.cli.main import main
from entx.core.entities import CHALLENGE
from entx.llm_stage.prompt import Style, page_prompt, question_prompt
from lab.pretrain import train_tokenizer
from tests.llm_stage.stores import Asked, Shown, fill, page_of
from tests.llm_stage.tiny_models import tiny_model

RECIPE = """
stage = "llm"
title = "A tiny model for tests"

[model]
style = "compact"
budget = 96
max_length = 128
load = "fp32"

[train]
method = "full"
lr = 5e-3
epochs = 6
batch = 4
evaluate_every = 10
dev_rows = 20
warmup = 0.1

[data]
dev_share = 0.2
negatives = 0.2
"""
CHAT = (
    "{% for message in messages %}<s>{{ message['role'] }}\n{{ message['content'] }}<end>\n{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant\n{% endif %}"
)


def pictures(count: int = 60) -> list[Shown]:
    """Labels with a weight and a voltage each, in changing order."""
    shown = []
    for n in range(count):
        lines = [f"NET WEIGHT {3 + n} g", f"INPUT {n % 7 + 1}2 V", "made with care"]
        if n % 2:
            lines.reverse()
        asked = [
            Asked("item_weight", f"{3 + n} gram", group_id=""),
            Asked("voltage", f"{n % 7 + 1}2 volt", group_id=""),
        ]
        shown.append(Shown(lines, asked))
    return shown


def make_store(path: Path, shown: Iterable[Shown] | None = None) -> Path:
    fill(path, list(shown) if shown is not None else pictures()).close()
    return path


def make_recipe(path: Path, text: str = RECIPE) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def make_base(folder: Path, kind: str = "llama", *, chat: bool = False, **changes: int) -> Path:
    """A folder with a model of random weights and a tokenizer of its own, made for prompts like the store's."""
    texts = []
    for style in Style:
        for shown in pictures(20):
            page = page_of("p", shown.lines)
            prompt = page_prompt(page, CHALLENGE, style, count_tokens=lambda texts: [1] * len(texts), budget=99)
            texts += [prompt.text, *(question_prompt(CHALLENGE[one.entity_name], style) for one in shown.questions)]
    tokenizer = train_tokenizer(texts, 700)
    tokenizer.add_special_tokens({"bos_token": "<s>"})
    if chat:
        tokenizer.chat_template = CHAT
    model = tiny_model(kind, len(tokenizer), initializer_range=0.05, bos_token_id=tokenizer.bos_token_id,
                       eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, **changes)  # fmt: skip
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def entx(*arguments: object) -> str:
    """Runs a command that must end well, outside of a test's capture; what it said on stderr."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stderr(said):
        patch.setattr(sys, "argv", ["entx", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code == 0, said.getvalue()
    return said.getvalue()
