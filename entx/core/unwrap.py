"""Takes the wrapping off a model's answer: chat markers, code fences, JSON, LaTeX, thoughts.

What is left is plain prose or "number unit". Nothing here knows about units.
"""

from __future__ import annotations

import json
import re
from typing import Any

MAX_LENGTH = 8_000
"""Characters; longer answers are cut: real ones stay under 5,000, and the end of a runaway generation is repetition."""

_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_TURN = re.compile(r"(?:^|\n)\s*(?:<\|im_start\|>)?(?:assistant|ASSISTANT|Assistant)\s*:?\s*\n|<\|assistant\|>")
_SPECIAL = re.compile(r"<\|[a-z_]{1,20}\|>|</?s>|<eos>|<pad>")
_FENCE = re.compile(r"```[a-zA-Z]{0,10}")
_LATEX_WORD = re.compile(r"\\(?:text|mathrm|textbf|mathbf|boxed)\s*\{([^{}]{0,200})\}")
_LATEX_FRACTION = re.compile(r"\\d?frac\{([0-9]{1,2})\}\{([0-9]{1,2})\}")
_LATEX_SIGN = re.compile(r"\\(?:times|cdot)|\\[,;:! ]|\\[()\[\]]|\\(?:approx|sim)")
_SPACES = re.compile(r"  +")
_VALUE_KEYS = ("value", "number", "amount", "quantity")
_ANSWER_KEYS = ("answer", "result", "prediction", "output", "entity_value", "text")


def unwrap(text: str) -> str:
    """The answer inside the wrapping, stripped; "" when nothing is left. Never raises."""
    text = text[:MAX_LENGTH]
    if "<" in text:
        text = _SPECIAL.sub("\n", _THOUGHT.sub(" ", _last_turn(text)))
    elif "ssistant" in text or "SSISTANT" in text:
        text = _last_turn(text)
    if "```" in text:
        text = _FENCE.sub(" ", text)
    if "\\" in text:
        text = _LATEX_FRACTION.sub(r" \1/\2", text)
        text = _LATEX_SIGN.sub(_plain_sign, _LATEX_WORD.sub(r"\1", _LATEX_WORD.sub(r"\1", text)))
    if "*" in text:
        text = text.replace("**", "")
    if "  " in text:
        text = _SPACES.sub(" ", text)
    text = text.strip()
    if text[:1] in "{[" and text[-1:] in "}]" and text:
        return _from_json(text)
    return text


def _last_turn(text: str) -> str:
    return _TURN.split(text)[-1]


def _plain_sign(match: re.Match[str]) -> str:
    return " x " if match[0] in ("\\times", "\\cdot") else " "


def _from_json(text: str) -> str:
    try:
        content = json.loads(text, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return text
    try:
        return "; ".join(_strings(content)).strip()
    except RecursionError:
        return text


def _strings(content: Any) -> list[str]:
    """The strings of a JSON value in order; an object with value and unit gives "value unit"."""
    if isinstance(content, str):
        return [content]
    if isinstance(content, list):
        return [string for item in content for string in _strings(item)]
    if not isinstance(content, dict):
        return []
    plain = {str(key).lower(): item for key, item in content.items()}
    unit = plain.get("unit") or plain.get("units")
    for key in _VALUE_KEYS:
        value = plain.get(key)
        if isinstance(value, str) and value:
            return [f"{value} {unit}" if isinstance(unit, str) and unit not in value else value]
        if isinstance(value, list | dict):
            return _strings(value)
    for key in _ANSWER_KEYS:
        if key in plain:
            return _strings(plain[key])
    return [f"{key}: {string}" for key, item in plain.items() for string in _strings(item)]
