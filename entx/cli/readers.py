"""The readers of a single picture: the rules, and where torch is installed the text model that ships.

What they say here is what the default ensemble was fitted on (`lab/default_calibration.py`): no habits of product
groups, which only a store knows; no hint, so that the two share nothing but the OCR lines; the model's own shares,
which the ensemble calibrates.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from entx.rules.reader import READER_VERSION, RulesReader

if TYPE_CHECKING:
    from entx.core.entities import Schema
    from entx.core.types import Answer, OcrPage
    from entx.llm_stage.reader import TextReader

RULES, LLM = "rules", "llm"


def has_torch() -> bool:
    """Whether the text model can be run; nothing is imported to find out."""
    return find_spec("torch") is not None and find_spec("transformers") is not None


class Readers:
    """Asks one or two readers about a page.

    Args:
        schema: entities, their units and cue words.
        model: ask the text model too; it is loaded here.

    Raises:
        InputError: the model cannot be loaded.
    """

    def __init__(self, schema: Schema, *, model: bool) -> None:
        self.rules = RulesReader(schema)
        self.versions = {RULES: f"{READER_VERSION} {self.rules.weights.digest}"}
        self._model: TextReader | None = None
        if model:
            self._model, self.versions[LLM] = _shipped(schema)

    @property
    def stages(self) -> tuple[str, ...]:
        """Of the arms, in the order of their answers."""
        return tuple(self.versions)

    def read(self, page: OcrPage, names: Sequence[str]) -> list[tuple[Answer, ...]]:
        """For each entity that is asked of the page, what each arm says."""
        answers = [self.rules.read(page, names)]
        if self._model is not None:
            from entx.llm_stage.reader import Asked

            answers += self._model.read([Asked(page, tuple(names), (None,) * len(names))])
        return list(zip(*answers, strict=True))


def _shipped(schema: Schema) -> tuple[TextReader, str]:
    """The shipped model without its own calibration, and what its answers depend on."""
    from dataclasses import replace

    from entx.llm_stage.loading import ModelOptions, open_reader
    from entx.llm_stage.prompt import PROMPT_VERSION
    from entx.llm_stage.reader import READER_VERSION, TextReader

    reader, settings = open_reader(ModelOptions(), schema)
    plain = TextReader(reader.model, replace(reader.serving, calibration=None), schema, reader.mode)
    return plain, f"{READER_VERSION} {PROMPT_VERSION} {settings['weights']}"
