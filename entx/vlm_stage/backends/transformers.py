"""A vision-language model of the transformers library: one vision encoding a picture, one pass for all its questions.

A picture's tokens and the questions about it form a token tree (`entx.neural.tree`): its keys and values are computed
once and seen by every question, by the completions that are scored, and by the answers that are written. Where a family
reads prompts in both directions, each question has a tree of its own, and the vision encoding alone is shared.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from entx.core.errors import InputError
from entx.neural.constrain import Constrainer
from entx.neural.greedy import Writing, write_tokens
from entx.neural.passes import TOKENS_PER_PASS, passes
from entx.neural.tree import AttentionMasks, PromptTokens
from entx.vlm_stage.backends.base import PictureAsk, Said
from entx.vlm_stage.backends.seen_trees import SeenTree, SeenTrees
from entx.vlm_stage.families.base import Codec, Family, LoadOptions, Pixels
from entx.vlm_stage.families.lookup import family_of

PIXEL_THREADS = {"cpu": 1, "cuda": 8}
"""Threads that prepare pixels, by device: some 10 ms a picture of 512 x 512, in which a GPU would have read it."""


@dataclass(frozen=True)
class _Picture:
    """One picture of a batch: its pixels, its trees, and which asks each tree holds."""

    pixels: Pixels
    trees: list[tuple[PromptTokens, list[int]]]

    @property
    def width(self) -> int:
        return sum(prompt.width for prompt, _ in self.trees)


class TransformersPictureModel:
    """A model, its codec and its family.

    Args:
        family: of the model.
        model: a model of the family, or a PEFT model around one; put into evaluation mode by each call.
        codec: its codec.
        name: for messages and the run's record.
        tokens_per_pass: padded tokens of one forward pass; None for `TOKENS_PER_PASS`.

    Raises:
        InputError: layers that no token tree can be read by.
    """

    def __init__(
        self, family: Family, model: Any, codec: Codec, *, name: str = "model", tokens_per_pass: int | None = None
    ):
        self.family = family
        self.model = model
        self.codec = codec
        self.name = name
        self.tokens_per_pass = tokens_per_pass or TOKENS_PER_PASS.get(model.device.type, TOKENS_PER_PASS["cpu"])
        reader = family.language_model(model)
        self._masks = AttentionMasks(reader.config, reader.get_input_embeddings().weight.dtype)
        self._constrainer: Constrainer | None = None

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        adapter: Path | None = None,
        four_bit: bool = False,
        dtype: str | None = None,
        device: str | None = None,
        remote_code: str = "",
    ) -> TransformersPictureModel:
        """Loads a model from a checked local folder.

        Args:
            folder: config, safetensors, tokenizer and processor files.
            adapter: folder of a PEFT adapter on top.
            four_bit: nf4 weights by bitsandbytes.
            dtype: "float32" or "bfloat16"; default: the first on a CPU, the second on a GPU.
            device: of torch; default: cuda where there is one, else cpu.
            remote_code: see `LoadOptions`.

        Raises:
            InputError: of no known family, or the library cannot load what the folder holds.
        """
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        dtype = dtype or ("float32" if device == "cpu" else "bfloat16")
        family = family_of(folder)
        loaded = family.load(
            folder, LoadOptions(dtype=dtype, four_bit=four_bit, device=device, remote_code=remote_code)
        )
        model = loaded.model
        if adapter is not None:
            from peft import PeftModel

            try:
                model = PeftModel.from_pretrained(model, adapter, use_safetensors=True)
            except (OSError, ValueError, KeyError, RuntimeError) as error:
                why = next(iter(str(error).strip().splitlines()), type(error).__name__)
                raise InputError(f"{adapter}: the adapter cannot be loaded on {folder.name}: {why}") from error
        return cls(family, model, loaded.codec, name=folder.name)

    def image_tokens(self, size: tuple[int, int]) -> int:
        """See `Codec.image_tokens`."""
        return self.codec.image_tokens(size)

    def view_size(self, size: tuple[int, int], pixels: int) -> tuple[int, int]:
        """See `Codec.view_size`."""
        return self.codec.view_size(size, pixels)

    def read(self, batch: Sequence[PictureAsk], *, max_tokens: int = 32) -> list[list[Said]]:
        """Greedy answers within each ask's pattern, and scores; the same whatever else the batch holds.

        The pixels of the whole batch are held at once: 6 MB for a picture of 512 x 512 in the largest form.
        """
        self.model.eval()
        with ThreadPoolExecutor(PIXEL_THREADS.get(self.model.device.type, 1)) as threads:
            pixels = list(threads.map(self.codec.pixels, [asked.views for asked in batch]))
        pictures = [self._picture(*one) for one in zip(batch, pixels, strict=True)]
        said: list[dict[int, Said]] = [{} for _ in batch]
        widths = [picture.width for picture in pictures]
        asked = [number for number, picture in enumerate(pictures) if picture.trees]
        with torch.inference_mode():
            for group in passes([widths[number] for number in asked], self.tokens_per_pass):
                numbers = [asked[place] for place in group]
                seen = self.family.encode(self.model, [pictures[number].pixels for number in numbers])
                trees = [
                    (number, asks, SeenTree(prompt, pictures[number].pixels, one))
                    for number, one in zip(numbers, seen, strict=True)
                    for prompt, asks in pictures[number].trees
                ]
                for some in passes([tree.prompt.width for _, _, tree in trees], self.tokens_per_pass):
                    answers = self._pass([trees[place][2] for place in some], max_tokens)
                    for place, of_tree in zip(some, answers, strict=True):
                        number, asks, _ = trees[place]
                        said[number].update(zip(asks, of_tree, strict=True))
        return [[of_picture[ask] for ask in range(len(of_picture))] for of_picture in said]

    def _picture(self, asked: PictureAsk, pixels: Pixels) -> _Picture:
        prompts = [list(self.codec.prompt(pixels, ask.question).tokens) for ask in asked.asks]
        completions = [[list(self.codec.completion(text)) for text in ask.completions] for ask in asked.asks]
        patterns = [self._pattern(ask.pattern) for ask in asked.asks]
        if not prompts:
            return _Picture(pixels, [])
        if self.family.shares_prefix:
            return _Picture(pixels, [(PromptTokens.of(prompts, completions, patterns), list(range(len(prompts))))])
        rows = enumerate(zip(prompts, completions, patterns, strict=True))
        return _Picture(
            pixels,
            [
                (PromptTokens(prompt, [[]], [given], [pattern], both=True), [ask])
                for ask, (prompt, given, pattern) in rows
            ],
        )

    def _pattern(self, pattern: str) -> str:
        """The pattern of the tokens: with what the family's form puts before an answer that is not empty."""
        if not pattern or not self.codec.lead:
            return pattern
        led = f"{re.escape(self.codec.lead)}({pattern})"
        return f"({led})?" if re.fullmatch(pattern, "") else led

    def _pass(self, trees: Sequence[SeenTree], max_tokens: int) -> list[list[Said]]:
        """One pass over pictures, questions and completions; then one token of every unfinished answer a pass."""
        run = SeenTrees(self.family, self.model, self.codec, self._masks, trees)
        logits, scores = run.prefill()
        constrainer = self._constrained_to(logits.shape[-1])
        answers = [
            [Writing(constrainer.matcher(pattern) if pattern else None) for pattern in tree.prompt.patterns]
            for tree in trees
        ]
        tokens = write_tokens(answers, logits, constrainer, self.codec.ends)
        for _ in range(max_tokens - 1):
            if all(writing.ended for asked in answers for writing in asked):
                break
            tokens = write_tokens(answers, run.step(tokens), constrainer, self.codec.ends)
        return [
            [Said(self._text(writing), writing.log_prob, given) for writing, given in zip(asked, of_tree, strict=True)]
            for asked, of_tree in zip(answers, scores, strict=True)
        ]

    def _text(self, writing: Writing) -> str:
        text: str = self.codec.tokenizer.decode(writing.tokens, skip_special_tokens=True)
        return text.removeprefix(self.codec.lead)

    def _constrained_to(self, vocabulary: int) -> Constrainer:
        if self._constrainer is None:
            self._constrainer = Constrainer(self.codec.tokenizer, vocabulary, self.codec.ends)
        return self._constrainer
