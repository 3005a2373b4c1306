"""A family is found by model_type, or the refusal names what there is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from entx.core.errors import InputError
from entx.vlm_stage.families.base import family_by_name, family_of


def folder_of(path: Path, config: object) -> Path:
    path.mkdir()
    (path / "config.json").write_text(json.dumps(config))
    return path


@pytest.mark.parametrize(
    ("model_type", "name"),
    [
        ("qwen2_vl", "qwen-vl"), ("qwen2_5_vl", "qwen-vl"), ("qwen3_vl", "qwen-vl"), ("paligemma", "paligemma"),
        ("idefics3", "idefics3"), ("smolvlm", "idefics3"), ("moondream1", "moondream"),
    ],
)  # fmt: skip
def test_the_model_type_tells_the_family(tmp_path: Path, model_type: str, name: str) -> None:
    family = family_of(folder_of(tmp_path / "model", {"model_type": model_type}))
    assert family.name == name
    assert type(family_by_name(name)) is type(family)


def test_another_model_is_refused_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"model_type is 'llama'; .*paligemma.*qwen2_vl"):
        family_of(folder_of(tmp_path / "model", {"model_type": "llama"}))


@pytest.mark.parametrize("config", [{}, [], "qwen2_vl"])
def test_a_configuration_without_a_type_is_refused(tmp_path: Path, config: object) -> None:
    with pytest.raises(InputError, match="says no model_type"):
        family_of(folder_of(tmp_path / "model", config))


def test_a_missing_or_broken_configuration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"config\.json"):
        family_of(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(InputError, match=r"config\.json"):
        family_of(tmp_path)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(InputError, match="unknown family 'llava'; there are: idefics3"):
        family_by_name("llava")
