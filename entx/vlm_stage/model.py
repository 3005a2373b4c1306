"""A vision-language model of the transformers library: one vision encoding a picture, one pass for all its questions.

A picture's tokens and the questions about it form a token tree, read as text is (`entx.neural.backends.transformers`);
only embeddings stand in place of its image tokens, and positions are the family's. Where a family reads prompts in both
directions, each question has a tree of its own, and the vision encoding alone is shared.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from entx.neural.backends.base import MAX_TOKENS, Completion, Request, Size
from entx.neural.backends.transformers import TransformersModel
from entx.neural.decoding import PromptTokens, TreeBatch, side_by_side
from entx.neural.model_folder import add_adapter, named_fault
from entx.vlm_stage.families.base import Codec, Family, ImageEmbeddings, Pixels, family_of

PIXEL_THREADS = {"cpu": 1, "cuda": 8}
"""Threads that prepare pixels, by device: some 10 ms a picture of 512 x 512, in which a GPU would have read it."""


@dataclass(frozen=True)
class _Tree:
    """A tree of a picture, and which of the picture's queries it holds."""

    prompt: PromptTokens
    queries: range


class PictureModel(TransformersModel):
    """A model, or a PEFT model around one, with its family and its codec."""

    def __init__(
        self, family: Family, model: Any, codec: Codec, *, name: str = "model", tokens_per_pass: int | None = None
    ):
        self.family = family
        self.codec = codec
        super().__init__(
            model, codec.tokenizer, name=name, tokens_per_pass=tokens_per_pass, layers=family.language_model(model),
            ends=codec.ends, lead=codec.lead,
        )  # fmt: skip

    @classmethod
    def load(  # type: ignore[override] # no chat: the family knows its form
        cls, folder: Path, *, adapter: Path | None = None, four_bit: bool = False, dtype: str | None = None,
        device: str | None = None,
    ) -> PictureModel:  # fmt: skip
        """Loads a model from a checked folder, perhaps with a PEFT adapter on top; options as of `Family.load`.

        Raises:
            InputError: of no known family, or the library cannot load what the folder holds.
        """
        with named_fault(folder):
            family = family_of(folder)
            loaded = family.load(folder, dtype=dtype, four_bit=four_bit, device=device)
            return cls(family, add_adapter(loaded.model, adapter, folder), loaded.codec, name=folder.name)

    def image_tokens(self, size: Size) -> int:
        """See `Codec.image_tokens`."""
        with self.at_work():
            return self.codec.image_tokens(size)

    def view_size(self, size: Size, pixels: int) -> Size:
        """See `Codec.view_size`."""
        with self.at_work():
            return self.codec.view_size(size, pixels)

    def complete(self, batch: Sequence[Request], *, max_tokens: int = MAX_TOKENS) -> list[list[Completion]]:
        """See `Model`; the same whatever else the batch holds.

        The pixels of the whole batch are held at once: 6 MB for a picture of 512 x 512 in the largest form.
        """
        self.model.eval()
        with self.at_work(), ThreadPoolExecutor(PIXEL_THREADS.get(self.model.device.type, 1)) as threads:
            pixels = list(threads.map(self.codec.pixels, [request.shown for request in batch]))
            trees = [self._trees(request, one) for request, one in zip(batch, pixels, strict=True)]
        found: list[dict[int, Completion]] = [{} for _ in batch]
        asked = [number for number, of_picture in enumerate(trees) if of_picture]
        widths = [sum(tree.prompt.width for tree in trees[number]) for number in asked]
        with self.at_work(), torch.inference_mode():
            for group in side_by_side(widths, self.tokens_per_pass):
                numbers = [asked[place] for place in group]
                embedded = self.family.encode(self.model, [pixels[number] for number in numbers])
                made = [
                    (number, tree, (pixels[number], embeddings))
                    for number, embeddings in zip(numbers, embedded, strict=True)
                    for tree in trees[number]
                ]
                for places in side_by_side([tree.prompt.width for _, tree, _ in made], self.tokens_per_pass):
                    some = [made[place] for place in places]
                    completed = self.complete_trees(
                        [tree.prompt for _, tree, _ in some], max_tokens, [picture for _, _, picture in some]
                    )
                    for (number, tree, _), of_tree in zip(some, completed, strict=True):
                        found[number].update(zip(tree.queries, of_tree, strict=True))
        return [[of_picture[number] for number in range(len(of_picture))] for of_picture in found]

    def _trees(self, request: Request, pixels: Pixels) -> list[_Tree]:
        queries = request.queries
        prompts = [list(self.codec.prompt(pixels, query.question)) for query in queries]
        choices = [[list(self.codec.completion(text)) for text in query.choices] for query in queries]
        patterns = [self._pattern(query.pattern) for query in queries]
        if not prompts:
            return []
        if self.family.shares_prefix:
            return [_Tree(PromptTokens.of(prompts, choices, patterns), range(len(prompts)))]
        return [
            _Tree(PromptTokens(prompt, [[]], [given], [pattern], both=True), range(number, number + 1))
            for number, (prompt, given, pattern) in enumerate(zip(prompts, choices, patterns, strict=True))
        ]

    def _pattern(self, pattern: str) -> str:
        """The pattern of the tokens: with what the family's form puts before an answer that is not empty."""
        if not pattern or not self.lead:
            return pattern
        led = f"{re.escape(self.lead)}({pattern})"
        return f"({led})?" if re.fullmatch(pattern, "") else led

    def inputs(
        self, batch: TreeBatch, prompts: Sequence[PromptTokens], pictures: Sequence[tuple[Pixels, ImageEmbeddings]]
    ) -> tuple[dict[str, Any], torch.Tensor, torch.Tensor]:
        """Embeddings, the pictures in place of their placeholders, and the positions that the family's own code has."""
        heads = [self.codec.positions(one, prompt.prefix) for (one, _), prompt in zip(pictures, prompts, strict=True)]
        shifts = torch.tensor([int(head.max()) + 1 - head.shape[1] for head in heads]).expand(len(heads[0]), -1)
        positions = batch.depths + shifts[:, :, None]
        for row, (head, offset) in enumerate(zip(heads, batch.offsets, strict=True)):
            positions[:, row, offset : offset + head.shape[1]] = head
            positions[:, row, :offset] = 0
        tokens = batch.tokens.to(self.model.device)
        places = tokens == self.codec.image_token
        inputs = self.token_inputs(tokens.masked_fill(places, 0))  # some families' placeholder is in no vocabulary
        embeddings = inputs["inputs_embeds"]
        embeddings[places] = torch.cat([one.tokens for _, one in pictures]).to(embeddings)
        if pictures[0][1].layers:
            layers = zip(*(one.layers for _, one in pictures), strict=True)
            inputs["visual_pos_masks"] = places
            inputs["deepstack_visual_embeds"] = [torch.cat(layer).to(embeddings) for layer in layers]
        return inputs, positions, shifts

    def token_inputs(self, tokens: torch.Tensor) -> dict[str, Any]:
        """Their embeddings."""
        embedding = self.family.language_model(self.model).get_input_embeddings()
        return {"inputs_embeds": embedding(tokens.to(self.model.device))}

    def read(self, inputs: dict[str, Any], positions: torch.Tensor, masks: Any, keep: int, cache: Any) -> torch.Tensor:
        """States of the last layer: the head is asked about those that are wanted alone."""
        positions = positions[0] if len(positions) == 1 else positions
        states: torch.Tensor = self.family.language_model(self.model)(
            attention_mask=masks, position_ids=positions.to(self.model.device), past_key_values=cache,
            use_cache=cache is not None, **inputs,
        ).last_hidden_state  # fmt: skip
        return states[:, -keep:]

    def head(self, states: torch.Tensor) -> torch.Tensor:
        """Logits of states."""
        logits: torch.Tensor = self.family.head(self.model)(states)
        return logits
