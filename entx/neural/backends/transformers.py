"""A causal language model of the transformers library: exact scores of many answers, and constrained writing.

Both read a page once for all its questions and all their choices, as a token tree (`entx.neural.decoding`). The
vision stage's model is a subclass that differs in what it reads: embeddings of pictures, and their positions. A model
comes from a local folder only; an adapter by PEFT, four bits by bitsandbytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from itertools import islice
from math import isnan
from pathlib import Path
from typing import Any

import torch

from entx.neural.backends.base import MAX_TOKENS, Completion, Model, PromptTokenizer, Request
from entx.neural.decoding import (
    TOKENS_PER_PASS,
    AttentionMasks,
    Constrainer,
    PromptTokens,
    TreeBatch,
    Writing,
    side_by_side,
    write_tokens,
)
from entx.neural.model_folder import add_adapter, load_model, load_tokenizer, named_fault

ROWS_PER_HEAD = 512
"""Tokens whose logits are scored at once: 0.3 GB of float32 where the vocabulary has 152,000."""


class TransformersModel(Model):
    """A causal language model and its tokenizer; it reads trees in one forward pass, then one a written token.

    Args:
        model: a causal language model, or a PEFT model around one; put into evaluation mode by each call.
        chat: put page and question into the tokenizer's chat template as one user message.
        tokens_per_pass: padded tokens of one forward pass; None for `TOKENS_PER_PASS`.
        layers: the part of a subclass's model that reads embeddings, whose attention a tree's masks are for.
        ends: of a subclass, tokens that end an answer; the first is the one that a trainer puts there.
        lead: of a subclass, what its prompt form puts before an answer (" "); no part of the answer's text.

    Raises:
        InputError: `chat` without a chat template, no end-of-text token, layers that no token tree can be read by.
    """

    def __init__(
        self, model: Any, tokenizer: Any, *, chat: bool = False, name: str = "model",
        tokens_per_pass: int | None = None, layers: Any = None, ends: tuple[int, ...] = (), lead: str = "",
    ):  # fmt: skip
        self.model = model
        self.tokenizer = tokenizer
        self.name = name
        self.lead = lead
        self.tokens_per_pass = tokens_per_pass or TOKENS_PER_PASS.get(model.device.type, TOKENS_PER_PASS["cpu"])
        if not ends:
            self._prompts = PromptTokenizer(tokenizer, chat=chat, name=name)
        self.ends = ends or self._prompts.ends
        layers = layers or model
        self._masks = AttentionMasks(layers.config, layers.get_input_embeddings().weight.dtype, model.device)
        self._constrainer: Constrainer | None = None

    @classmethod
    def load(
        cls, folder: Path, *, adapter: Path | None = None, four_bit: bool = False, chat: bool = False,
        dtype: str | None = None, device: str | None = None,
    ) -> TransformersModel:  # fmt: skip
        """Loads a model, perhaps with a PEFT adapter on top; options as of `entx.neural.model_folder.load_model`.

        Raises:
            InputError: the library cannot load what the folder holds.
        """
        with named_fault(folder):
            model = load_model("AutoModelForCausalLM", folder, dtype=dtype, four_bit=four_bit, device=device)
            tokenizer = load_tokenizer(folder)
            return cls(add_adapter(model, adapter, folder), tokenizer, chat=chat, name=folder.name)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text, special tokens not counted."""
        return self._prompts.count(texts)

    def complete(self, batch: Sequence[Request], *, max_tokens: int = MAX_TOKENS) -> list[list[Completion]]:
        """See `Model`; the same whatever else the batch holds."""
        self.model.eval()
        found: dict[int, list[Completion]] = {}
        with self.at_work(), torch.inference_mode():
            prompts = self._prompts.prepare(batch)
            widths = [prompt.width + max_tokens * len(prompt.questions) for prompt in prompts]
            for numbers in side_by_side(widths, self.tokens_per_pass):
                found.update(
                    zip(numbers, self.complete_trees([prompts[number] for number in numbers], max_tokens), strict=True)
                )
        return [found[number] for number in range(len(batch))]

    def at_work(self) -> AbstractContextManager[None]:
        """Where the model or its tokenizer may fail on what its folder holds: an unknown function, a wrong shape."""
        return named_fault(Path(getattr(self.model, "name_or_path", "") or self.name), "the model cannot answer")

    def complete_trees(
        self, prompts: Sequence[PromptTokens], max_tokens: int, pictures: Sequence[Any] = ()
    ) -> list[list[Completion]]:
        """Prefixes, questions and choices in one pass; then one token of every unfinished answer a pass.

        Args:
            pictures: of each prompt what `inputs` takes beside it.
        """
        grown = [prompt.tree() for prompt in prompts]
        tips = [tips for _, tips in grown]
        ends = [
            [[tree.add(tip, tokens) for tokens in choices] for tip, choices in zip(tips, prompt.choices, strict=True)]
            for (tree, tips), prompt in zip(grown, prompts, strict=True)
        ]
        batch = TreeBatch.of([tree for tree, _ in grown])
        if not (max_tokens and any(tips)) and not any(choice for of_tree in ends for choice in of_tree):
            return [[Completion() for _ in of_tree] for of_tree in tips]
        first = min(offset + tip for offset, of_tree in zip(batch.offsets, tips, strict=True) for tip in of_tree)
        inputs, positions, shifts = self.inputs(batch, prompts, pictures)
        together = batch.together if batch.together.any() else None
        cache = None
        if max_tokens:
            from transformers import DynamicCache

            cache = DynamicCache()  # not by its config: that drops what a sliding window leaves by slot, not by depth
        masks = self._masks.of(batch.visible, batch.depths, batch.depths, together)
        states = self.read(inputs, positions, masks, batch.tokens.shape[1] - first, cache)
        scores = self._scores(states, first, batch.offsets, tips, ends, prompts)
        written = self._write(states, first, batch, tips, prompts, shifts, max_tokens, cache) if max_tokens else None
        made = [
            [
                Completion(self._text(written[row][place]), written[row][place].log_prob, of_query)
                if written else Completion(scores=of_query)
                for place, of_query in enumerate(of_tree)
            ]
            for row, of_tree in enumerate(scores)
        ]  # fmt: skip
        if any(isnan(score or 0.0) for of_tree in made for one in of_tree for score in (one.log_prob, *one.scores)):
            raise ValueError("its scores are no numbers, as of weights that hold NaN or infinities; get them anew")
        return made

    def inputs(
        self, batch: TreeBatch, prompts: Sequence[PromptTokens], pictures: Sequence[Any]  # noqa: ARG002
    ) -> tuple[dict[str, Any], torch.Tensor, torch.Tensor]:  # fmt: skip
        """What `read` takes of whole trees; here the tokens, and their depths as positions.

        Returns:
            The inputs; positions, shape (axes, trees, width); what to add to the depth of a token that is written to
            have its position, shape (axes, trees).
        """
        return self.token_inputs(batch.tokens), batch.depths[None], torch.zeros(1, len(prompts), dtype=torch.long)

    def token_inputs(self, tokens: torch.Tensor) -> dict[str, Any]:
        """What `read` takes of tokens that were written, shape (trees, most questions)."""
        return {"input_ids": tokens.to(self.model.device)}

    def read(self, inputs: dict[str, Any], positions: torch.Tensor, masks: Any, keep: int, cache: Any) -> torch.Tensor:
        """One forward pass: of the last `keep` columns what `head` makes logits of, shape (trees, keep, width).

        Logits already, here: some models (Gemma 2) cap them in their own forward pass only.
        """
        logits: torch.Tensor = self.model(
            attention_mask=masks, position_ids=positions[0].to(self.model.device), logits_to_keep=keep,
            past_key_values=cache, use_cache=cache is not None, **inputs,
        ).logits  # fmt: skip
        return logits

    def head(self, states: torch.Tensor) -> torch.Tensor:
        """Logits of what `read` returns."""
        return states

    def _scores(
        self, states: torch.Tensor, first: int, offsets: Sequence[int], tips: Sequence[list[int]],
        ends: Sequence[list[list[int]]], prompts: Sequence[PromptTokens],
    ) -> list[list[tuple[float, ...]]]:  # fmt: skip
        """Log-probability of each choice and the first end token; a tuple a query."""
        rows, columns, targets = [], [], []
        for row, (offset, prompt) in enumerate(zip(offsets, prompts, strict=True)):
            for tip, last, choices in zip(tips[row], ends[row], prompt.choices, strict=True):
                for end, tokens in zip(last, choices, strict=True):
                    nodes = [tip, *range(end - len(tokens) + 1, end + 1)]
                    rows += [row] * len(nodes)
                    columns += [offset + node - first for node in nodes]
                    targets += [*tokens, self.ends[0]]
        found: list[float] = []
        for start in range(0, len(targets), ROWS_PER_HEAD):
            part = slice(start, start + ROWS_PER_HEAD)
            logits = self.head(states[rows[part], columns[part]]).float()
            wanted = torch.tensor(targets[part], device=logits.device)
            found += (logits.gather(-1, wanted[:, None])[:, 0] - logits.logsumexp(-1)).double().tolist()
        left = iter(found)
        return [
            [tuple(sum(islice(left, len(tokens) + 1)) for tokens in choices) for choices in prompt.choices]
            for prompt in prompts
        ]

    def _write(
        self, states: torch.Tensor, first: int, batch: TreeBatch, tips: Sequence[list[int]],
        prompts: Sequence[PromptTokens], shifts: torch.Tensor, max_tokens: int, cache: Any,
    ) -> list[list[Writing]]:  # fmt: skip
        """The answers, each grown token by token from its question's last node; all share one cache."""
        widest = max(map(len, tips))
        columns = torch.full((len(tips), widest), first)
        for row, (offset, of_tree) in enumerate(zip(batch.offsets, tips, strict=True)):
            columns[row, : len(of_tree)] = torch.tensor([offset + tip for tip in of_tree])
        rows = torch.arange(len(tips))[:, None]
        seen, depths, key_depths = batch.visible[rows, columns], batch.depths[rows, columns], batch.depths
        logits = self.head(states[rows.to(states.device), (columns - first).to(states.device)])
        if self._constrainer is None:
            self._constrainer = Constrainer(self.tokenizer, logits.shape[-1], self.ends)
        answers = [
            [Writing(self._constrainer.matcher(pattern) if pattern else None) for pattern in prompt.patterns]
            for prompt in prompts
        ]
        tokens = write_tokens(answers, logits, self._constrainer, self.ends)
        itself = torch.eye(widest, dtype=torch.bool).expand(len(tips), -1, -1)
        for _ in range(max_tokens - 1):
            if all(writing.ended for of_tree in answers for writing in of_tree):
                break
            depths = depths + 1
            key_depths = torch.cat([key_depths, depths], dim=1)
            seen = torch.cat([seen, itself], dim=2)
            masks = self._masks.of(seen, depths, key_depths)
            states = self.read(self.token_inputs(tokens), depths + shifts[:, :, None], masks, widest, cache)
            tokens = write_tokens(answers, self.head(states), self._constrainer, self.ends)
        return answers

    def _text(self, writing: Writing) -> str:
        text: str = self.tokenizer.decode(writing.tokens, skip_special_tokens=True)
        return text.removeprefix(self.lead)
