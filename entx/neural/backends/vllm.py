"""vLLM in this process, on a GPU: many prompts at once, constrained, their shared beginnings computed once.

vLLM pins its own torch and lives in an environment of its own (docs/use.md), so nothing of it is imported until a model
is loaded. Signatures as of vLLM 0.33. A text's choices are scored by the log-probabilities of its prompt. Of pictures
vLLM knows each model's own prompt form, so it is given messages, and a choice is scored by having it written: a
constraint that allows nothing else, under the model's own log-probabilities. That reads no picture again, as prompt
log-probabilities would.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from entx.core.errors import InputError
from entx.neural.backends.base import MAX_TOKENS, Completion, Model, PromptTokenizer, Request
from entx.neural.model_folder import named_fault

LORA_RANK = 64
"""The largest adapter that is taken; vLLM reserves memory by it."""

MOST_VIEWS = 8
"""Views of one picture that vLLM reserves memory for: the whole picture and the crops."""

Score = Callable[[Any], float]
"""What an output says of the choice that it was asked for."""

_Work = tuple[list[Any], list[Any], list[list[Score]]]
_VISION = re.compile(r"\.(visual|vision_tower|vision_model|multi_modal_projector|connector)\.")


class VllmModel(Model):
    """A model that vLLM runs.

    Args:
        engine: a `vllm.LLM`.
        library: the module `vllm`.
        adapter: a `LoRARequest` that goes with every prompt; None for the bare model.
        chat: put page and question into the tokenizer's chat template as one user message.
    """

    def __init__(self, engine: Any, library: Any, adapter: Any = None, *, chat: bool = False, name: str = "model"):
        self.engine = engine
        self.library = library
        self.adapter = adapter
        self.name = name
        self._prompts = PromptTokenizer(engine.get_tokenizer(), chat=chat, name=name)

    @classmethod
    def load(
        cls, folder: Path, *, adapter: Path | None = None, four_bit: bool = False, chat: bool = False,
        dtype: str | None = None, pictures: bool = False,
    ) -> VllmModel:  # fmt: skip
        """Loads a model from a local folder, to be asked about texts or `pictures`.

        Raises:
            InputError: vLLM is not installed here, or cannot load the model; the adapter changes the vision tower.
        """
        if pictures and adapter is not None and (layer := _vision_layer(adapter)):
            raise InputError(
                f"{adapter}: changes the vision tower ({layer}), which vLLM leaves as it is; merge the adapter "
                "(entx merge-adapter), or use --backend transformers"
            )
        try:
            vllm = import_module("vllm")
        except ImportError as error:
            raise InputError(
                f"--backend vllm needs vLLM, in an environment of its own on a machine with a GPU ({error}); "
                "or use --backend transformers"
            ) from None
        request = None
        if adapter is not None:
            request = import_module("vllm.lora.request").LoRARequest("adapter", 1, str(adapter))
        arguments = engine_arguments(folder, adapter=adapter, four_bit=four_bit, dtype=dtype)
        if pictures:
            arguments["limit_mm_per_prompt"] = {"image": MOST_VIEWS}
        with named_fault(folder, "vLLM cannot load the model"):
            engine = vllm.LLM(**arguments)
        return cls(engine, vllm, request, chat=chat, name=folder.name)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text, special tokens not counted."""
        return self._prompts.count(texts)

    def complete(self, batch: Sequence[Request], *, max_tokens: int = MAX_TOKENS) -> list[list[Completion]]:
        """All answers and scores of a batch in one call; prefix and encoder caches share each page and picture."""
        pictures = bool(batch) and not isinstance(batch[0].shown, str)
        prompts, parameters, scores = self._messages(batch, max_tokens) if pictures else self._texts(batch, max_tokens)
        if not prompts:
            return [[Completion() for _ in request.queries] for request in batch]
        call = self.engine.chat if pictures else self.engine.generate
        outputs = iter(call(prompts, parameters, use_tqdm=False, lora_request=self.adapter))
        of_query = iter(scores)
        return [[_completion(outputs, max_tokens, next(of_query)) for _ in request.queries] for request in batch]

    def _texts(self, batch: Sequence[Request], max_tokens: int) -> _Work:
        """Token prompts, their parameters, and how each query's choices are scored by what comes back."""
        prompts: list[Any] = []
        parameters: list[Any] = []
        scores: list[list[Score]] = []
        ends = self._prompts.ends
        only_score = self.library.SamplingParams(max_tokens=1, temperature=0.0, prompt_logprobs=0)
        for prompt in self._prompts.prepare(batch):
            for question, choices, pattern in zip(prompt.questions, prompt.choices, prompt.patterns, strict=True):
                endings = [[*choice, ends[0]] for choice in choices]
                if max_tokens:
                    prompts.append(prompt.prefix + question)
                    parameters.append(self.sampling(max_tokens, ends, pattern=pattern))
                prompts += [prompt.prefix + question + ending for ending in endings]
                parameters += [only_score] * len(endings)
                scores.append([partial(_of_prompt, ending) for ending in endings])
        return [{"prompt_token_ids": prompt} for prompt in prompts], parameters, scores

    def _messages(self, batch: Sequence[Request], max_tokens: int) -> _Work:
        """The same with messages."""
        messages: list[Any] = []
        parameters: list[Any] = []
        scores: list[list[Score]] = []
        for request in batch:
            images = [{"type": "image_pil", "image_pil": view} for view in request.shown]
            for query in request.queries:
                wanted = [self._forced(choice) for choice in query.choices]
                if max_tokens:
                    wanted.insert(0, self.sampling(max_tokens, self._prompts.ends, pattern=query.pattern))
                content = [*images, {"type": "text", "text": query.question}]
                messages += [[{"role": "user", "content": content}]] * len(wanted)
                parameters += wanted
                scores.append([_of_writing] * len(query.choices))
        return messages, parameters, scores

    def _forced(self, text: str) -> Any:
        """That nothing but this answer is written, and its end."""
        if not text:
            return self.sampling(1, self._prompts.ends, only=self._prompts.ends)
        return self.sampling(MAX_TOKENS, self._prompts.ends, pattern=re.escape(text).replace("\\ ", " "))

    def sampling(
        self, max_tokens: int, ends: Sequence[int], *, pattern: str = "", only: Sequence[int] | None = None
    ) -> Any:
        """Greedy `SamplingParams` that tell the log-probability of what was written, the end token included.

        Args:
            ends: tokens that end an answer.
            pattern: that the answer must match as a whole; "" for none.
            only: the tokens that may be written at all; None for all.
        """
        structured = import_module("vllm.sampling_params").StructuredOutputsParams
        return self.library.SamplingParams(
            max_tokens=max_tokens, temperature=0.0, logprobs=0, stop_token_ids=list(ends),
            structured_outputs=structured(regex=pattern) if pattern else None,
            allowed_token_ids=None if only is None else list(only),
        )  # fmt: skip


def engine_arguments(
    folder: Path, *, adapter: Path | None = None, four_bit: bool = False, dtype: str | None = None
) -> dict[str, Any]:
    """Keyword arguments of `vllm.LLM` for a checked folder."""
    return {
        "model": str(folder), "dtype": dtype or "auto", "trust_remote_code": False, "enable_prefix_caching": True,
        "load_format": "bitsandbytes" if four_bit else "safetensors", "seed": 0,
        **({"quantization": "bitsandbytes"} if four_bit else {}),
        **({"enable_lora": True, "max_lora_rank": LORA_RANK} if adapter is not None else {}),
    }  # fmt: skip


def _vision_layer(adapter: Path) -> str | None:
    """The first layer outside of the language part that an adapter changes."""
    from safetensors import safe_open

    with safe_open(adapter / "adapter_model.safetensors", "np") as weights:
        names = sorted(weights.keys())
    return next((name for name in names if _VISION.search(name)), None)


def _completion(outputs: Iterator[Any], max_tokens: int, scores: Sequence[Score]) -> Completion:
    """One query's part of what came back: the answer that was written, if any, then one output a choice."""
    written = next(outputs).outputs[0] if max_tokens else None
    values = tuple(score(next(outputs)) for score in scores)
    return Completion(written.text, written.cumulative_logprob, values) if written else Completion(scores=values)


def _of_prompt(ending: Sequence[int], output: Any) -> float:
    steps = output.prompt_logprobs[-len(ending) :]
    return float(sum(step[token].logprob for step, token in zip(steps, ending, strict=True)))


def _of_writing(output: Any) -> float:
    return float(output.outputs[0].cumulative_logprob)
