"""A causal language model of the transformers library: exact scores of many answers, and constrained generation.

Both read a page once for all its questions and all their completions (see `tree`). A model comes from a local folder
only; an adapter by PEFT, four bits by bitsandbytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import torch

from entx.core.errors import InputError
from entx.llm_stage.backends.base import PageAsk
from entx.llm_stage.backends.prompts import PromptTokenizer
from entx.neural.asking import Generated
from entx.neural.constrain import Constrainer
from entx.neural.greedy import Writing, write_tokens
from entx.neural.loading import LOCAL, load_weights
from entx.neural.passes import TOKENS_PER_PASS, passes
from entx.neural.training.adapters import nf4_config
from entx.neural.tree import AttentionMasks, PromptTokens, TreeBatch

T = TypeVar("T")


class TransformersModel:
    """A model and its tokenizer.

    Args:
        model: a causal language model, or a PEFT model around one; put into evaluation mode by each call.
        tokenizer: its fast tokenizer.
        chat: put page and question into the tokenizer's chat template as one user message.
        name: for messages and the run's record.
        tokens_per_pass: padded tokens of one forward pass; None for `TOKENS_PER_PASS`.

    Raises:
        InputError: `chat` without a chat template, no end-of-text token, layers that no token tree can be read by.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        chat: bool = False,
        name: str = "model",
        tokens_per_pass: int | None = None,
    ):
        self.model = model
        self.tokenizer = tokenizer
        self.name = name
        self.tokens_per_pass = tokens_per_pass or TOKENS_PER_PASS.get(model.device.type, TOKENS_PER_PASS["cpu"])
        self._prompts = PromptTokenizer(tokenizer, chat=chat, name=name)
        self._masks = AttentionMasks(model.config, model.dtype)
        self._constrainer: Constrainer | None = None

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        adapter: Path | None = None,
        four_bit: bool = False,
        chat: bool = False,
        dtype: str | None = None,
        device: str | None = None,
    ) -> TransformersModel:
        """Loads a model from a local folder.

        Args:
            folder: config, safetensors and tokenizer files.
            adapter: folder of a PEFT adapter on top.
            four_bit: nf4 weights by bitsandbytes.
            dtype: "float32" or "bfloat16"; default: the first on a CPU, the second on a GPU.
            device: of torch; default: cuda where there is one, else cpu.

        Raises:
            InputError: the library cannot load what the folder holds.
        """
        try:
            return cls._loaded(folder, adapter, nf4=four_bit, chat=chat, dtype=dtype, device=device)
        except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
            why = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise InputError(f"{folder}: the model cannot be loaded: {why}") from error

    @classmethod
    def _loaded(
        cls, folder: Path, adapter: Path | None, *, nf4: bool, chat: bool, dtype: str | None, device: str | None
    ) -> TransformersModel:
        from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        config = AutoConfig.from_pretrained(folder, **LOCAL)
        numbers = {"float32": torch.float32, "bfloat16": torch.bfloat16}
        options: dict[str, Any] = {"dtype": numbers[dtype or ("float32" if device == "cpu" else "bfloat16")]}
        if getattr(config.get_text_config(), "attn_logit_softcapping", None):
            options["attn_implementation"] = "eager"  # the fused kernel of torch leaves the cap out without a word
        if nf4:
            options["quantization_config"] = nf4_config(options["dtype"])
        model = load_weights(AutoModelForCausalLM, folder, config=config, device_map={"": device}, **options)
        if adapter is not None:
            from peft import PeftModel

            model = PeftModel.from_pretrained(model, adapter, use_safetensors=True)
        tokenizer = AutoTokenizer.from_pretrained(folder, **LOCAL)
        return cls(model, tokenizer, chat=chat, name=folder.name)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text, special tokens not counted."""
        return self._prompts.count(texts)

    def score(self, batch: Sequence[PageAsk]) -> list[list[tuple[float, ...]]]:
        """Log-probability of each completion followed by the end token; the same whatever else the batch holds."""
        return self._in_passes(batch, self._score_pass, lambda prompt: prompt.width)

    def generate(self, batch: Sequence[PageAsk], *, max_tokens: int = 32) -> list[list[Generated]]:
        """Greedy answers within each ask's pattern; the same whatever else the batch holds."""
        return self._in_passes(
            batch,
            lambda prompts: self._generate_pass(prompts, max_tokens),
            lambda prompt: prompt.width + max_tokens * len(prompt.questions),
        )

    def _in_passes(
        self,
        batch: Sequence[PageAsk],
        run: Callable[[list[PromptTokens]], list[T]],
        width: Callable[[PromptTokens], int],
    ) -> list[T]:
        """Runs prompts of like width together, as many as a pass holds; the results are in the batch's order."""
        self.model.eval()
        prompts = self._prompts.prepare(batch)
        results: dict[int, T] = {}
        with torch.inference_mode():
            for numbers in passes([width(prompt) for prompt in prompts], self.tokens_per_pass):
                results.update(zip(numbers, run([prompts[number] for number in numbers]), strict=True))
        return [results[number] for number in range(len(prompts))]

    def _score_pass(self, prompts: list[PromptTokens]) -> list[list[tuple[float, ...]]]:
        """One forward pass: logits of the last tokens of the questions and of the completions' tokens."""
        trees, places = [], []
        for prompt in prompts:
            tree, tips = prompt.tree()
            places.append([
                (tip, tree.add(tip, completion), completion)
                for tip, completions in zip(tips, prompt.completions, strict=True)
                for completion in completions
            ])  # fmt: skip
            trees.append(tree)
        batch = TreeBatch.of(trees)
        rows, columns, targets = [], [], []
        for row, (ends, offset) in enumerate(zip(places, batch.offsets, strict=True)):
            for tip, last, completion in ends:
                nodes = [tip, *range(last - len(completion) + 1, last + 1)]
                rows += [row] * len(nodes)
                columns += [offset + node for node in nodes]
                targets += [*completion, self._prompts.ends[0]]
        if not targets:
            return [[() for _ in prompt.questions] for prompt in prompts]
        keep = batch.tokens.shape[1] - min(columns)
        logits = self.forward(batch.tokens, batch.depths, batch.visible, batch.depths, keep=keep)
        first = batch.tokens.shape[1] - keep
        chosen = logits[rows, [column - first for column in columns]].float()
        wanted = chosen[range(len(targets)), targets] - chosen.logsumexp(-1)
        scores = iter(wanted.double().tolist())
        return [
            [
                tuple(sum(islice(scores, len(completion) + 1)) for completion in completions)
                for completions in prompt.completions
            ]
            for prompt in prompts
        ]

    def _generate_pass(self, prompts: list[PromptTokens], max_tokens: int) -> list[list[Generated]]:
        """Prefix and questions in one pass; then one token of every unfinished answer a pass, all from one cache."""
        from transformers import DynamicCache

        grown = [prompt.tree() for prompt in prompts]
        batch = TreeBatch.of([tree for tree, _ in grown])
        widest = max(len(tips) for _, tips in grown)
        cache = DynamicCache()  # not by its config: that drops what a sliding window leaves by slot, not by depth
        keep = batch.tokens.shape[1] - min(
            offset + tip for offset, (_, tips) in zip(batch.offsets, grown, strict=True) for tip in tips
        )
        logits = self.forward(batch.tokens, batch.depths, batch.visible, batch.depths, keep=keep, cache=cache)
        first = batch.tokens.shape[1] - keep
        constrainer = self._constrained_to(logits.shape[-1])
        answers = [
            [Writing(constrainer.matcher(pattern) if pattern else None) for pattern in prompt.patterns]
            for prompt in prompts
        ]
        columns = torch.zeros(len(prompts), widest, dtype=torch.long)
        for row, (offset, (_, tips)) in enumerate(zip(batch.offsets, grown, strict=True)):
            columns[row, : len(tips)] = torch.tensor([offset + tip for tip in tips])
        rows = torch.arange(len(prompts))[:, None]
        seen, depths, key_depths = batch.visible[rows, columns], batch.depths[rows, columns], batch.depths
        logits = logits[rows.to(logits.device), (columns - first).clamp_(min=0).to(logits.device)]
        for _ in range(max_tokens):
            tokens = write_tokens(answers, logits, constrainer, self._prompts.ends)
            if all(writing.ended for asked in answers for writing in asked):
                break
            depths = depths + 1
            key_depths = torch.cat([key_depths, depths], dim=1)
            seen = torch.cat([seen, torch.eye(widest, dtype=torch.bool).expand(len(prompts), -1, -1)], dim=2)
            logits = self.forward(tokens, depths, seen, key_depths, keep=widest, cache=cache)
        return [
            [
                Generated(self.tokenizer.decode(writing.tokens, skip_special_tokens=True), writing.log_prob)
                for writing in asked
            ]
            for asked in answers
        ]

    def forward(
        self,
        tokens: torch.Tensor,
        depths: torch.Tensor,
        visible: torch.Tensor,
        key_depths: torch.Tensor,
        *,
        keep: int,
        cache: Any = None,
    ) -> torch.Tensor:
        """Logits of the last `keep` columns, shape (rows, keep, vocabulary); see `AttentionMasks.of`."""
        device = self.model.device
        masks = self._masks.of(visible.to(device), depths.to(device), key_depths.to(device))
        logits: torch.Tensor = self.model(
            input_ids=tokens.to(device), attention_mask=masks, position_ids=depths.to(device), logits_to_keep=keep,
            past_key_values=cache, use_cache=cache is not None,
        ).logits  # fmt: skip
        return logits

    def _constrained_to(self, vocabulary: int) -> Constrainer:
        if self._constrainer is None:
            self._constrainer = Constrainer(self.tokenizer, vocabulary, self._prompts.ends)
        return self._constrainer
