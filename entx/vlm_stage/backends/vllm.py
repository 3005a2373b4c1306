"""vLLM in this process, on a GPU: the pictures of a batch at once, constrained, each encoded once for its questions.

vLLM knows each model's own prompt form and image tokens, so it is given messages. A given answer is scored by having it
written: a constraint that allows nothing else, and the log-probabilities of the model alone. That reads no picture
again, as prompt log-probabilities would.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from entx.core.errors import InputError
from entx.neural.vllm_engine import VllmEngine
from entx.vlm_stage.backends.base import PictureAsk, Said
from entx.vlm_stage.views import reduced_size, rough_tokens

MOST_VIEWS = 8
"""Views of one picture that vLLM reserves memory for: the whole picture and the crops."""

_VISION = re.compile(r"\.(visual|vision_tower|vision_model|multi_modal_projector|connector)\.")


class VllmPictureModel:
    """A vision-language model that vLLM runs.

    Args:
        engine: with the model.
        name: for messages and the run's record.
    """

    def __init__(self, engine: VllmEngine, name: str):
        self.name = name
        self._vllm = engine
        self._ends: tuple[int, ...] = (engine.engine.get_tokenizer().eos_token_id,)

    @classmethod
    def load(
        cls, folder: Path, *, adapter: Path | None = None, four_bit: bool = False, dtype: str | None = None
    ) -> VllmPictureModel:
        """Loads a model from a local folder.

        Raises:
            InputError: vLLM is not installed here, or cannot load the model; the adapter changes the vision tower.
        """
        if adapter is not None and (layer := _vision_layer(adapter)):
            raise InputError(
                f"{adapter}: changes the vision tower ({layer}), which vLLM leaves as it is; merge the adapter "
                "(entx merge-adapter), or use --backend transformers"
            )
        engine = VllmEngine.load(
            folder, adapter=adapter, four_bit=four_bit, dtype=dtype, limit_mm_per_prompt={"image": MOST_VIEWS}
        )
        return cls(engine, folder.name)

    def image_tokens(self, size: tuple[int, int]) -> int:
        """A guess: vLLM has the model's processor."""
        return rough_tokens(size)

    def view_size(self, size: tuple[int, int], pixels: int) -> tuple[int, int]:
        """The picture's own size, or less for the budget; the processor rounds it as the model needs."""
        return reduced_size(size, pixels)

    def read(self, batch: Sequence[PictureAsk], *, max_tokens: int = 32) -> list[list[Said]]:
        """All answers and scores of all pictures in one call; prefix and encoder caches share each picture."""
        messages, parameters = [], []
        for asked in batch:
            images = [{"type": "image_pil", "image_pil": view} for view in asked.views]
            for ask in asked.asks:
                message = [{"role": "user", "content": [*images, {"type": "text", "text": ask.question}]}]
                for wanted in (
                    self._vllm.sampling(max_tokens, self._ends, pattern=ask.pattern),
                    *(self._forced(text, max_tokens) for text in ask.completions),
                ):
                    messages.append(message)
                    parameters.append(wanted)
        if not messages:
            return []
        outputs = iter(
            self._vllm.engine.chat(messages, parameters, use_tqdm=False, lora_request=self._vllm.adapter)
        )  # fmt: skip
        return [[_said(outputs, len(ask.completions)) for ask in asked.asks] for asked in batch]

    def _forced(self, text: str, max_tokens: int) -> Any:
        """That nothing but this answer is written, and its end."""
        if not text:
            return self._vllm.sampling(1, self._ends, only=self._ends[:1])
        return self._vllm.sampling(max_tokens, self._ends, pattern=re.escape(text).replace("\\ ", " "))


def _vision_layer(adapter: Path) -> str | None:
    """The first layer outside of the language part that an adapter changes."""
    from safetensors import safe_open

    with safe_open(adapter / "adapter_model.safetensors", "np") as weights:
        names = sorted(weights.keys())
    return next((name for name in names if _VISION.search(name)), None)


def _said(outputs: Iterator[Any], completions: int) -> Said:
    written = next(outputs).outputs[0]
    scores = tuple(next(outputs).outputs[0].cumulative_logprob for _ in range(completions))
    return Said(written.text, written.cumulative_logprob, scores)
