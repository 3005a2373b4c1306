"""vLLM in this process, on a GPU: many prompts at once, constrained, their shared beginnings computed once.

vLLM pins its own torch and lives in an environment of its own (docs/llm.md), so nothing of it is imported until a model
is loaded. Signatures as of vLLM 0.33.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from entx.core.errors import InputError

LORA_RANK = 64
"""The largest adapter that is taken; vLLM reserves memory by it."""


@dataclass(frozen=True, slots=True)
class VllmEngine:
    """A model that vLLM has loaded.

    Args:
        engine: a `vllm.LLM`.
        library: the module `vllm`.
        adapter: a `LoRARequest` that goes with every prompt; None for the bare model.
    """

    engine: Any
    library: Any
    adapter: Any = None

    @classmethod
    def load(
        cls, folder: Path, *, adapter: Path | None = None, four_bit: bool = False, dtype: str | None = None, **more: Any
    ) -> VllmEngine:
        """Loads a model from a local folder.

        Args:
            more: further arguments of `vllm.LLM`.

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
        request = None
        if adapter is not None:
            request = import_module("vllm.lora.request").LoRARequest("adapter", 1, str(adapter))
        try:
            engine = vllm.LLM(**engine_arguments(folder, adapter=adapter, four_bit=four_bit, dtype=dtype), **more)
        except (OSError, ValueError, RuntimeError) as error:
            why = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise InputError(f"{folder}: vLLM cannot load the model: {why}") from error
        return cls(engine, vllm, request)

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
