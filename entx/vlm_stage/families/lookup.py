"""Which family a model belongs to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

from entx.core.errors import InputError
from entx.core.settings import load_plugin, plugin_names
from entx.vlm_stage.families.base import Family

GROUP = "entx.families"
BUILT_IN = {
    "idefics3": "entx.vlm_stage.families.idefics3:Idefics3",
    "moondream": "entx.vlm_stage.families.moondream:Moondream",
    "paligemma": "entx.vlm_stage.families.paligemma:PaliGemma",
    "qwen-vl": "entx.vlm_stage.families.qwen_vl:QwenVl",
}


def family_by_name(name: str) -> Family:
    """The family of that name.

    Raises:
        InputError: there is none.
    """
    return cast("Family", load_plugin("family", name, GROUP, BUILT_IN, InputError)())


def family_of(folder: Path) -> Family:
    """The family of a model folder, by the `model_type` of its config.json.

    Raises:
        InputError: no readable configuration, or of no known family.
    """
    path = folder / "config.json"
    try:
        model_type = json.loads(path.read_text(encoding="utf-8"))["model_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: says no model_type ({type(error).__name__} {error})") from None
    families = [family_by_name(name) for name in plugin_names(GROUP, BUILT_IN)]
    for family in families:
        if model_type in family.model_types:
            return family
    known = ", ".join(sorted(kind for family in families for kind in family.model_types))
    raise InputError(f"{folder}: no vision-language model that entx knows: its model_type is {model_type!r}; {known}")
