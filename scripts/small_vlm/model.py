"""A small vision-language model of the Qwen2-VL architecture from nothing, and a fast way to train it.

All pictures of a batch have the same sizes, so that the vision tower takes them as one dense batch; the library's own
forward pass goes through them one by one. Both give the same numbers (a test says so).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch.nn import functional
from transformers import PreTrainedTokenizerBase, Qwen2VLConfig, Qwen2VLForConditionalGeneration
from transformers.models.qwen2_vl.modeling_qwen2_vl import apply_rotary_pos_emb_vision, get_vision_position_ids

from scripts.small_vlm.glyphs import MERGE, PATCH, GlyphHead
from scripts.small_vlm.tokenizer import ASK, END, IMAGE, PAD, VIDEO, VISION_END, VISION_START

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
"""CLIP's, which Qwen2-VL's image processor takes."""


@dataclass(frozen=True, slots=True)
class SmallShape:
    """Size of a model; the default has about 7 M parameters."""

    vision_width: int = 192
    vision_layers: int = 6
    vision_heads: int = 4
    hidden: int = 256
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2
    inner: int = 704


@dataclass(frozen=True, slots=True)
class SmallBatch:
    """Pictures of equal sizes with equally many questions each.

    Args:
        views: for every view one array of (pictures, height, width, 3), 8 bits; sides are multiples of 28.
        asks: for every picture its questions and answers.
        characters: for every view what is printed in its patches, `glyph_map` of each picture; () where that is not
            known.
    """

    views: tuple[Any, ...]
    asks: tuple[tuple[tuple[str, str], ...], ...]
    characters: tuple[Any, ...] = ()


def build_model(
    tokenizer: PreTrainedTokenizerBase, shape: SmallShape, seed: int = 0
) -> Qwen2VLForConditionalGeneration:
    """A model of random weights for that tokenizer."""
    torch.manual_seed(seed)
    number = {name: int(tokenizer.convert_tokens_to_ids(name)) for name in (PAD, ASK, END, IMAGE, VIDEO)}
    half = shape.hidden // shape.heads // 2
    time = half // 4
    config = Qwen2VLConfig(
        text_config={
            "vocab_size": -(-len(tokenizer) // 8) * 8, "hidden_size": shape.hidden, "intermediate_size": shape.inner,
            "num_hidden_layers": shape.layers, "num_attention_heads": shape.heads,
            "num_key_value_heads": shape.kv_heads, "max_position_embeddings": 4096, "tie_word_embeddings": True,
            "rope_parameters": {
                "rope_type": "default", "rope_theta": 10000.0,
                "mrope_section": [time, (half - time) // 2, half - time - (half - time) // 2],
            },
            "bos_token_id": None, "eos_token_id": number[END], "pad_token_id": number[PAD],
        },
        vision_config={
            "depth": shape.vision_layers, "embed_dim": shape.vision_width, "hidden_size": shape.hidden,
            "num_heads": shape.vision_heads, "mlp_ratio": 4, "patch_size": PATCH, "spatial_merge_size": MERGE,
            "temporal_patch_size": 2, "in_channels": 3,
        },
        image_token_id=number[IMAGE], video_token_id=number[VIDEO],
        vision_start_token_id=tokenizer.convert_tokens_to_ids(VISION_START),
        vision_end_token_id=tokenizer.convert_tokens_to_ids(VISION_END),
        tie_word_embeddings=True,
    )  # fmt: skip
    config._attn_implementation = "sdpa"
    model = Qwen2VLForConditionalGeneration(config)
    model.generation_config.eos_token_id = number[END]
    model.generation_config.pad_token_id = number[PAD]
    return model


def encode_views(model: Qwen2VLForConditionalGeneration, pictures: torch.Tensor) -> torch.Tensor:
    """Image tokens of pictures of one size.

    Args:
        model: of the Qwen2-VL architecture.
        pictures: 8 bits, shape (pictures, height, width, 3).

    Returns:
        shape (pictures, height * width / 784, hidden).
    """
    return _merged(model, _patches(model, pictures))


def _merged(model: Qwen2VLForConditionalGeneration, hidden: torch.Tensor) -> torch.Tensor:
    merged: torch.Tensor = model.model.visual.merger(hidden)
    return merged.view(len(hidden), -1, merged.shape[-1])


def _patches(model: Qwen2VLForConditionalGeneration, pictures: torch.Tensor) -> torch.Tensor:
    """The vision tower up to its merger, shape (pictures, patches, width of the tower)."""
    tower = model.model.visual
    count, height, width = pictures.shape[:3]
    rows, columns = height // PATCH, width // PATCH
    scaled = (pictures.float() / 255 - torch.tensor(MEAN)) / torch.tensor(STD)
    cut = scaled.view(count, rows // MERGE, MERGE, PATCH, columns // MERGE, MERGE, PATCH, 3)
    patches = cut.permute(0, 1, 4, 2, 5, 7, 3, 6).reshape(count, rows * columns, 3 * PATCH * PATCH)
    kernel = tower.patch_embed.proj.weight.sum(2).flatten(1)  # a still picture is the same in both frames
    hidden = functional.linear(patches, kernel)
    position = get_vision_position_ids(torch.tensor([[1, rows, columns]]), MERGE, kwargs={})
    cos, sin = tower.rotary_pos_emb(hidden, position)
    for block in tower.blocks:
        hidden = hidden + _attend(block.attn, block.norm1(hidden), cos, sin)
        hidden = hidden + block.mlp(block.norm2(hidden))
    return hidden


def _attend(layer: Any, hidden: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    count, length, width = hidden.shape
    query, key, value = layer.qkv(hidden).view(count, length, 3, layer.num_heads, -1).unbind(2)
    flat = (count * length, layer.num_heads, -1)
    query, key = apply_rotary_pos_emb_vision(
        query.reshape(flat), key.reshape(flat), cos.repeat(count, 1), sin.repeat(count, 1)
    )
    parts = [
        one.reshape(count, length, layer.num_heads, -1).transpose(1, 2).to(value.dtype) for one in (query, key, value)
    ]
    scores = torch.matmul(parts[0] * layer.scaling, parts[1].transpose(-1, -2))
    seen = torch.matmul(scores.float().softmax(-1).to(value.dtype), parts[2])  # on a CPU thrice as fast as its kernel
    done: torch.Tensor = layer.proj(seen.transpose(1, 2).reshape(count, length, width))
    return done


class SmallReader:
    """Asks a small model about batches of pictures, for training and for measuring.

    Args:
        model: of `build_model`, or loaded.
        tokenizer: its own.
    """

    def __init__(self, model: Qwen2VLForConditionalGeneration, tokenizer: PreTrainedTokenizerBase) -> None:
        self.model = model
        self._tokenizer = tokenizer
        self._start, self._end, self._image, self._ask, self._stop, self._pad = (
            int(tokenizer.convert_tokens_to_ids(name)) for name in (VISION_START, VISION_END, IMAGE, ASK, END, PAD)
        )
        self._ids = lru_cache(maxsize=100_000)(self._encode)

    def _encode(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer(text, add_special_tokens=False).input_ids)

    def losses(
        self, batch: SmallBatch, glyphs: GlyphHead | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, tuple[torch.Tensor, torch.Tensor] | None]:
        """(loss of each answer token, whether it is the likeliest), one row after another; what `glyphs` says."""
        rows = [
            ([*self._ids(question), self._ask], [*self._ids(answer), self._stop])
            for asks in batch.asks
            for question, answer in asks
        ]
        longest = max(len(question) + len(answer) for question, answer in rows)
        tokens = torch.full((len(rows), longest), self._pad)
        targets = torch.full((len(rows), longest), -1)
        for number, (question, answer) in enumerate(rows):
            size = len(question) + len(answer)
            tokens[number, :size] = torch.tensor(question + answer)
            targets[number, len(question) - 1 : size - 1] = torch.tensor(answer)
        patches = [_patches(self.model, torch.from_numpy(view)) for view in batch.views]
        read = None
        if glyphs is not None and batch.characters:
            flat = torch.cat([one.reshape(-1, one.shape[-1]) for one in patches])
            read = glyphs(flat, torch.cat([torch.from_numpy(one).flatten() for one in batch.characters]))
        hidden = self._forward(batch, tokens, [_merged(self.model, one) for one in patches])
        chosen = targets >= 0
        logits = self.model.lm_head(hidden[chosen]).float()
        wanted = targets[chosen]
        return functional.cross_entropy(logits, wanted, reduction="none"), logits.argmax(-1) == wanted, read

    def answers(self, batch: SmallBatch, most: int = 12) -> list[str]:
        """The likeliest answer to every question, token by token; questions of all pictures in order.

        Without a cache of keys: answers are short, and this is for measuring.
        """
        questions = [[*self._ids(question), self._ask] for asks in batch.asks for question, _ in asks]
        longest = max(len(question) for question in questions)
        tokens = torch.full((len(questions), longest + most), self._pad)
        ends = torch.tensor([len(question) for question in questions])
        for number, question in enumerate(questions):
            tokens[number, : len(question)] = torch.tensor(question)
        with torch.no_grad():
            self._write(batch, tokens, ends, most)
        return [
            self._tokenizer.decode(tokens[number, len(question) : int(ends[number])], skip_special_tokens=True)
            for number, question in enumerate(questions)
        ]

    def _write(self, batch: SmallBatch, tokens: torch.Tensor, ends: torch.Tensor, most: int) -> None:
        """Puts up to `most` tokens into each row behind `ends`, and moves those."""
        every = torch.arange(len(tokens))
        open_rows = torch.ones(len(tokens), dtype=torch.bool)
        seen = [encode_views(self.model, torch.from_numpy(view)) for view in batch.views]
        for _ in range(most):
            hidden = self._forward(batch, tokens[:, : int(ends.max())], seen)
            token = self.model.lm_head(hidden[every, ends - 1]).argmax(-1)
            open_rows &= token != self._stop
            if not bool(open_rows.any()):
                break
            tokens[every[open_rows], ends[open_rows]] = token[open_rows]
            ends[open_rows] += 1

    def _forward(self, batch: SmallBatch, tokens: torch.Tensor, seen: Sequence[torch.Tensor]) -> torch.Tensor:
        """Hidden states at the tokens behind the pictures, shape (questions, tokens, hidden)."""
        embed = self.model.get_input_embeddings()
        edges = embed(torch.tensor([self._start, self._end]))
        count = len(batch.asks)
        before = []
        for one in seen:
            before += [edges[:1].expand(count, 1, -1), one, edges[1:].expand(count, 1, -1)]
        prefix = torch.cat([part.to(edges.dtype) for part in before], 1)
        decoder, length, several = self.model.model.language_model, prefix.shape[1], len(batch.asks[0])
        position = self._positions(tuple(view.shape[1:3] for view in batch.views), tokens.shape[1])
        if several == 1:
            hidden: torch.Tensor = decoder(
                inputs_embeds=torch.cat([prefix, embed(tokens)], 1), position_ids=position.expand(3, count, -1),
                use_cache=False,
            ).last_hidden_state  # fmt: skip
            return hidden[:, length:]
        seen_keys = decoder(
            inputs_embeds=prefix, position_ids=position[..., :length].expand(3, count, -1), use_cache=True
        ).past_key_values  # pictures pass once for all of their questions
        seen_keys.batch_repeat_interleave(several)
        behind: torch.Tensor = decoder(
            inputs_embeds=embed(tokens), position_ids=position[..., length:].expand(3, len(tokens), -1),
            past_key_values=seen_keys, use_cache=True,
        ).last_hidden_state  # fmt: skip
        return behind

    def _positions(self, sizes: Sequence[tuple[int, int]], behind: int) -> torch.Tensor:
        """Positions in time, height and width of all tokens of a row, shape (3, 1, tokens)."""
        kinds: list[int] = []
        for height, width in sizes:
            kinds += [0, *[1] * (height * width // (PATCH * MERGE) ** 2), 0]
        kinds += [0] * behind
        grid = torch.tensor([[1, height // PATCH, width // PATCH] for height, width in sizes])
        of_kinds = torch.tensor([kinds])
        return self.model.model.get_rope_index(torch.zeros_like(of_kinds), of_kinds, grid)[0]
