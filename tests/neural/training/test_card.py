"""The model card says what the record says, and nothing else."""

from __future__ import annotations

import tomllib
from typing import Any

from entx.neural.training.card import model_card

RECORD: dict[str, Any] = {
    "title": "A model",
    "stage": "vlm",
    "method": "lora",
    "recipe": {
        "name": "own",
        "digest": "abc",
        "settings": {
            "title": 'a "quoted" one',
            "train": {"lr": 1e-4, "optimizer": None},
            "lora": {"targets": ["q", "v"], "r": 8},
            "deepspeed": {"zero": {"stage": 3, "offload": {"device": "cpu"}}, "steps": "auto"},
            "model": {"pixels": 1000},
            "prompt": {"question": "one\ntwo", "empty": ""},
            "pretrain": {},
        },
    },
    "base": {"name": "house/model", "fingerprint": "f"},
    "data": {"questions": {"used": 1200, "dropped": 3}, "note": "a|b"},
    "rows": {"visits": 2400},
    "dev": {"questions": 100, "f1": 0.71234, "step": 30, "measurements": 4},
    "by entity": {
        "height": {"questions": 60, "f1": 0.5, "precision": 0.25, "recall": 1.0, "tp": 3, "fp": 9, "fn": 0, "tn": 48}
    },
    "training": {"steps": 50, "last loss": 0.123456},
    "versions": {"torch": "2", "peft": "1"},
}


def test_an_adapter_with_its_table() -> None:
    card = model_card(RECORD)
    assert card.startswith("---\nlibrary_name: peft\npipeline_tag: image-text-to-text\nbase_model: house/model\n")
    assert "tags: [entx, quantity-extraction, vision]" in card
    assert "A LoRA adapter for `house/model` that answers questions about quantities" in card
    assert "from a product picture." in card
    assert "entx predict --stage vlm --store s.duckdb --model BASE_FOLDER --adapter THIS_FOLDER" in card
    assert (
        "F1 on 100 dev questions by free reading within the legal answers: **0.712** at step 30 (4 measurements" in card
    )
    assert "| height | 60 | 0.500 | 0.250 | 1.000 | 3 | 9 | 0 | 48 |" in card
    assert "| questions | used 1,200, dropped 3 |\n| note | a\\|b |" in card
    assert "It is asked, with pictures of at most 1,000 pixels: one / two" in card
    assert "Versions: peft 1, torch 2." in card


def test_the_settings_in_it_are_toml_again() -> None:
    card = model_card(RECORD)
    settings = RECORD["recipe"]["settings"]
    found = tomllib.loads(card.split("```toml\n")[1].split("```")[0])
    assert found["deepspeed"] == settings["deepspeed"]
    assert found["prompt"] == settings["prompt"]
    assert found["title"] == settings["title"]
    assert found["train"] == {"lr": 1e-4}
    assert found["lora"] == settings["lora"]
    assert "pretrain" not in found


def test_a_whole_model_without_dev_rows() -> None:
    record = {**RECORD, "method": "full", "dev": None, "base": {"name": "folder", "fingerprint": "f"}}
    record.pop("by entity")
    card = model_card(record)
    assert "library_name: transformers" in card
    assert "base_model" not in card
    assert "A vision-language model fine-tuned from `folder`" in card
    assert "--model THIS_FOLDER" in card
    assert "nothing is known of their F1" in card
    assert "| entity |" not in card


def test_a_merged_adapter_is_a_whole_model_and_tells_of_the_guard() -> None:
    guard = {"questions": 64, "chosen": 0, "written": 1}
    merged = {"dtype": "bfloat16", "guard": guard, "against 4-bit weights": {**guard, "chosen": 5}}
    card = model_card({**RECORD, "merge": merged})
    assert "library_name: transformers" in card
    assert "chose differently in 0 and wrote differently in 1" in card
    assert "on the 4-bit weights that it was trained on: 5 and 1." in card
    assert "curve.png" not in card


def test_a_text_model_is_described_by_its_prompts() -> None:
    settings = {"model": {"style": "compact"}}
    record = {**RECORD, "stage": "llm", "prompt_version": 3, "recipe": {**RECORD["recipe"], "settings": settings}}
    del record["by entity"]
    card = model_card(record)
    assert "pipeline_tag: text-generation" in card
    assert "It reads prompts of version 3 in the compact style only" in card
    assert "by candidate scoring" in card
    assert model_card({key: value for key, value in record.items() if key != "stage"}) == card  # as older folders say
