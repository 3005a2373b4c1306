"""Token trees whose prompts hold pictures: their embeddings, their positions, and one cache for all that is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch

from entx.neural.tree import AttentionMasks, PromptTokens, TreeBatch
from entx.vlm_stage.families.base import Codec, Family, Pixels, Seen

STATES_PER_PASS = 512
"""Tokens whose logits are held at once: 0.3 GB of float32 where the vocabulary has 152,000."""


@dataclass(frozen=True)
class SeenTree:
    """One tree and its picture; the picture's tokens stand in the prompt's shared beginning."""

    prompt: PromptTokens
    pixels: Pixels
    seen: Seen


class SeenTrees:
    """Trees side by side in one model, first as a whole and then grown by a token a question.

    Args:
        masks: of the model.
        trees: at least one.
    """

    def __init__(
        self, family: Family, model: Any, codec: Codec, masks: AttentionMasks, trees: Sequence[SeenTree]
    ):  # fmt: skip
        from transformers import DynamicCache

        self._reader = family.language_model(model)
        self._embedding = self._reader.get_input_embeddings()
        self._head = family.head(model)
        self._image_token = codec.image_token
        self._masks = masks
        self._trees = trees
        self._device = self._embedding.weight.device
        self._cache = DynamicCache()  # not by its config: that drops what a sliding window leaves by slot, not by depth
        grown = [tree.prompt.tree() for tree in trees]
        self._tips = [tips for _, tips in grown]
        self._answers = [
            [
                [(tip, made.add(tip, tokens), tokens) for tokens in given]
                for tip, given in zip(tips, tree.prompt.completions, strict=True)
            ]
            for (made, tips), tree in zip(grown, trees, strict=True)
        ]
        self._batch = TreeBatch.of([made for made, _ in grown])
        heads = [codec.positions(tree.pixels, tree.prompt.page) for tree in trees]
        self._shifts = torch.tensor([int(head.max()) + 1 - head.shape[1] for head in heads])
        positions = (self._batch.depths + self._shifts[:, None]).expand(heads[0].shape[0], -1, -1).clone()
        for row, (head, offset) in enumerate(zip(heads, self._batch.offsets, strict=True)):
            positions[:, row, offset : offset + head.shape[1]] = head
            positions[:, row, :offset] = 0
        self._positions = positions
        self._ends = codec.ends

    def prefill(self) -> tuple[torch.Tensor, list[list[tuple[float, ...]]]]:
        """Reads the trees.

        Returns:
            Logits behind each question, shape (trees, most questions, vocabulary); log-probability of each
            of its completions and the first end token, a tuple a question.
        """
        batch = self._batch
        there = self._device
        depths = batch.depths.to(there)
        masks = self._masks.of(batch.visible.to(there), depths, depths, batch.together.to(there))
        states = self._read(self._inputs(), self._positions, masks)
        rows, columns, targets = [], [], []
        for row, (asked, offset) in enumerate(zip(self._answers, batch.offsets, strict=True)):
            for given in asked:
                for tip, last, tokens in given:
                    nodes = [tip, *range(last - len(tokens) + 1, last + 1)]
                    rows += [row] * len(nodes)
                    columns += [offset + node for node in nodes]
                    targets += [*tokens, self._ends[0]]
        left = iter(self._log_probs(states[rows, columns], targets) if targets else [])
        scores = [
            [tuple(sum(islice(left, len(tokens) + 1)) for _, _, tokens in given) for given in asked]
            for asked in self._answers
        ]
        most = max(map(len, self._tips))
        self._columns = torch.zeros(len(self._trees), most, dtype=torch.long)
        for row, (offset, tips) in enumerate(zip(batch.offsets, self._tips, strict=True)):
            self._columns[row, : len(tips)] = torch.tensor([offset + tip for tip in tips])
        every = torch.arange(len(self._trees))[:, None]
        self._visible = batch.visible[every, self._columns]
        self._depths, self._key_depths = batch.depths[every, self._columns], batch.depths
        return self._head(states[every, self._columns]), scores

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Appends a token to each question's answer; logits behind it.

        Args:
            tokens: shape (trees, most questions); what stands where an answer has ended does not matter.
        """
        trees, most = tokens.shape
        self._depths = self._depths + 1
        self._key_depths = torch.cat([self._key_depths, self._depths], dim=1)
        itself = torch.eye(most, dtype=torch.bool).expand(trees, -1, -1)
        self._visible = torch.cat([self._visible, itself], dim=2)
        positions = (self._depths + self._shifts[:, None]).expand(self._positions.shape[0], -1, -1)
        there = self._device
        masks = self._masks.of(self._visible.to(there), self._depths.to(there), self._key_depths.to(there))
        states = self._read({"inputs_embeds": self._embedding(tokens.to(there))}, positions, masks)
        logits: torch.Tensor = self._head(states)
        return logits

    def _log_probs(self, states: torch.Tensor, targets: list[int]) -> list[float]:
        """Log-probability of each target behind its state, some of them at a time."""
        found: list[float] = []
        wanted = torch.tensor(targets, device=states.device)
        for some, tokens in zip(states.split(STATES_PER_PASS), wanted.split(STATES_PER_PASS), strict=True):
            logits = self._head(some).float()
            found += (logits.gather(-1, tokens[:, None])[:, 0] - logits.logsumexp(-1)).double().tolist()
        return found

    def _inputs(self) -> dict[str, Any]:
        """The trees' embeddings, the pictures in place of their placeholders."""
        tokens = self._batch.tokens.to(self._device)
        places = tokens == self._image_token
        embeddings = self._embedding(tokens.masked_fill(places, 0))  # some families' placeholder is in no vocabulary
        embeddings[places] = torch.cat([tree.seen.embeddings for tree in self._trees]).to(embeddings)
        if not self._trees[0].seen.deeper:
            return {"inputs_embeds": embeddings}
        deeper = zip(*(tree.seen.deeper for tree in self._trees), strict=True)
        layers = [torch.cat(layer).to(embeddings) for layer in deeper]
        return {"inputs_embeds": embeddings, "visual_pos_masks": places, "deepstack_visual_embeds": layers}

    def _read(
        self, inputs: dict[str, Any], positions: torch.Tensor, masks: torch.Tensor | dict[str, torch.Tensor]
    ) -> torch.Tensor:
        """States of the last layer, shape (trees, tokens, width)."""
        found = self._reader(
            attention_mask=masks, position_ids=(positions[0] if len(positions) == 1 else positions).to(self._device),
            past_key_values=self._cache, use_cache=True, **inputs,
        )  # fmt: skip
        states: torch.Tensor = found.last_hidden_state
        return states
