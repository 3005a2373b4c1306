"""Which library trains and loads: PEFT and bitsandbytes everywhere, Unsloth where it can."""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Callable


def choose_backend(wanted: str, notice: Callable[[str], None]) -> str:
    """The backend that a recipe or an option wants, or "transformers" where Unsloth cannot be used.

    To be called before torch is imported.

    Args:
        notice: told in one line why the backend is another than the recipe's.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"  # PEFT looks its base model up on the hub whenever it saves
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it tells every user of an optional CPU kernel
    if wanted != "unsloth":
        return wanted
    try:
        importlib.import_module("unsloth")
    except (ImportError, NotImplementedError) as error:  # the second: no GPU that it knows
        why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        notice(f"unsloth cannot be used here ({why}); PEFT and bitsandbytes are used instead")
        return "transformers"
    return "unsloth"
