"""vLLM in this process, on a GPU: many prompts at once, constrained, their shared beginnings computed once.

vLLM pins its own torch and lives in an environment of its own (README), so nothing of it is imported until a model is
loaded. Signatures as of vLLM 0.33.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from entx.core.errors import InputError
from entx.llm_stage.backends.base import PageAsk
from entx.llm_stage.backends.prompts import PromptTokenizer
from entx.neural.asking import Generated

_LORA_RANK = 64  # the largest adapter that is taken; vLLM reserves memory by it


class VllmModel:
    """A model that vLLM runs.

    Args:
        engine: a `vllm.LLM`.
        library: the module `vllm`.
        chat: put page and question into the tokenizer's chat template as one user message.
        name: for messages and the run's record.
        adapter: a `LoRARequest` that goes with every prompt; None for the bare model.
    """

    def __init__(self, engine: Any, library: Any, *, chat: bool, name: str, adapter: Any = None):
        self.name = name
        self._engine = engine
        self._library = library
        self._adapter = adapter
        self._prompts = PromptTokenizer(engine.get_tokenizer(), chat=chat, name=name)

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
        try:
            vllm = import_module("vllm")
        except ImportError as error:
            raise InputError(
                f"--backend vllm needs vLLM, in an environment of its own on a machine with a GPU ({error}); "
                "or use --backend transformers"
            ) from None
        options: dict[str, Any] = {"quantization": "bitsandbytes"} if four_bit else {}
        request = None
        if adapter is not None:
            options |= {"enable_lora": True, "max_lora_rank": _LORA_RANK}
            request = import_module("vllm.lora.request").LoRARequest("adapter", 1, str(adapter))
        try:
            engine = vllm.LLM(
                model=str(folder), dtype=dtype or "auto", trust_remote_code=False, enable_prefix_caching=True,
                load_format="bitsandbytes" if four_bit else "safetensors", seed=0, **options,
            )  # fmt: skip
        except (OSError, ValueError, RuntimeError) as error:
            why = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise InputError(f"{folder}: vLLM cannot load the model: {why}") from error
        return cls(engine, vllm, chat=chat, name=folder.name, adapter=request)

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
        only_score = self._library.SamplingParams(max_tokens=1, temperature=0.0, prompt_logprobs=0)
        outputs = self._run([prompt + answer for prompt, answer in answers], [only_score] * len(answers))
        found = iter([
            sum(step[token].logprob for step, token in zip(output.prompt_logprobs[-len(answer) :], answer, strict=True))
            for output, (_, answer) in zip(outputs, answers, strict=True)
        ])  # fmt: skip
        return [[tuple(next(found) for _ in ask.completions) for ask in asked.asks] for asked in batch]

    def generate(self, batch: Sequence[PageAsk], *, max_tokens: int = 32) -> list[list[Generated]]:
        """Greedy answers within each ask's pattern."""
        structured = import_module("vllm.sampling_params").StructuredOutputsParams
        prompts, parameters = [], []
        for prompt in self._prompts.prepare(batch):
            for question, pattern in zip(prompt.questions, prompt.patterns, strict=True):
                prompts.append(prompt.page + question)
                parameters.append(
                    self._library.SamplingParams(
                        max_tokens=max_tokens, temperature=0.0, logprobs=0, stop_token_ids=list(self._prompts.ends),
                        structured_outputs=structured(regex=pattern) if pattern else None,
                    )
                )  # fmt: skip
        answers = iter([
            Generated(output.outputs[0].text, output.outputs[0].cumulative_logprob)
            for output in self._run(prompts, parameters)
        ])  # fmt: skip
        return [[next(answers) for _ in asked.asks] for asked in batch]

    def _run(self, prompts: Iterable[list[int]], parameters: Sequence[Any]) -> list[Any]:
        given = [{"prompt_token_ids": prompt} for prompt in prompts]
        if not given:
            return []
        return list(self._engine.generate(given, list(parameters), use_tqdm=False, lora_request=self._adapter))
