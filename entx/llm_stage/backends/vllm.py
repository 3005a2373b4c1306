"""vLLM in this process, on a GPU: many pages at once, constrained, their shared beginnings computed once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from entx.llm_stage.backends.base import PageAsk
from entx.llm_stage.backends.prompts import PromptTokenizer
from entx.neural.asking import Generated
from entx.neural.vllm_engine import VllmEngine


class VllmModel:
    """A model that vLLM runs.

    Args:
        engine: with the model.
        chat: put page and question into the tokenizer's chat template as one user message.
        name: for messages and the run's record.
    """

    def __init__(self, engine: VllmEngine, *, chat: bool, name: str):
        self.name = name
        self._vllm = engine
        self._prompts = PromptTokenizer(engine.engine.get_tokenizer(), chat=chat, name=name)

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        adapter: Path | None = None,
        four_bit: bool = False,
        chat: bool = False,
        dtype: str | None = None,
    ) -> VllmModel:
        """Loads a model from a local folder.

        Raises:
            InputError: vLLM is not installed here, or cannot load the model.
        """
        engine = VllmEngine.load(folder, adapter=adapter, four_bit=four_bit, dtype=dtype)
        return cls(engine, chat=chat, name=folder.name)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text, special tokens not counted."""
        return self._prompts.count(texts)

    def score(self, batch: Sequence[PageAsk]) -> list[list[tuple[float, ...]]]:
        """Log-probability of each completion followed by the end token."""
        prepared = self._prompts.prepare(batch)
        answers = [
            (prompt.page + question, [*completion, self._prompts.ends[0]])
            for prompt in prepared
            for question, completions in zip(prompt.questions, prompt.completions, strict=True)
            for completion in completions
        ]
        only_score = self._vllm.library.SamplingParams(max_tokens=1, temperature=0.0, prompt_logprobs=0)
        outputs = self._run([prompt + answer for prompt, answer in answers], [only_score] * len(answers))
        found = iter([
            sum(step[token].logprob for step, token in zip(output.prompt_logprobs[-len(answer) :], answer, strict=True))
            for output, (_, answer) in zip(outputs, answers, strict=True)
        ])  # fmt: skip
        return [[tuple(next(found) for _ in ask.completions) for ask in asked.asks] for asked in batch]

    def generate(self, batch: Sequence[PageAsk], *, max_tokens: int = 32) -> list[list[Generated]]:
        """Greedy answers within each ask's pattern."""
        prompts, parameters = [], []
        for prompt in self._prompts.prepare(batch):
            for question, pattern in zip(prompt.questions, prompt.patterns, strict=True):
                prompts.append(prompt.page + question)
                parameters.append(self._vllm.sampling(max_tokens, self._prompts.ends, pattern=pattern))
        answers = iter([
            Generated(output.outputs[0].text, output.outputs[0].cumulative_logprob)
            for output in self._run(prompts, parameters)
        ])  # fmt: skip
        return [[next(answers) for _ in asked.asks] for asked in batch]

    def _run(self, prompts: Iterable[list[int]], parameters: Sequence[Any]) -> list[Any]:
        given = [{"prompt_token_ids": prompt} for prompt in prompts]
        if not given:
            return []
        engine = self._vllm.engine
        return list(engine.generate(given, list(parameters), use_tqdm=False, lora_request=self._vllm.adapter))
