"""A small text model from nothing: its tokenizer, and a Llama trained on pages with several questions each.

The tokenizer is a byte-level BPE on lower-case text, digits one by one, each layout tag one token. Each page is one row
of a batch: its tokens once, and hanging on them every question with its answer (`TokenRow`), so that an answer costs
its own few tokens and not the page again. The loss is the answers' log-likelihood, plus a small share of the page's
own, which teaches copying early.
"""

from __future__ import annotations

import math
import random
import re
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from entx.core.files import atomic_path
from entx.llm_stage.data import TokenRow
from entx.llm_stage.prompt import TAGS
from entx.neural.decoding import TreeBatch
from entx.neural.training.rows import IGNORED

END = "<end>"
PAD = "<pad>"
_TAG = re.compile(r"<\w+>")


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """A tokenizer of so many tokens, tags included, trained on prompts and answers without their tags."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Lowercase()
    digits, by_bytes = pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, by_bytes])
    tokenizer.decoder = decoders.ByteLevel()
    tags = [AddedToken(f"<{tag}>", normalized=False) for tag in TAGS]
    special = [AddedToken(name, normalized=False, special=True) for name in (END, PAD)]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - len(tags) - len(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((_TAG.sub("", text) for text in texts), trainer)
    tokenizer.add_special_tokens(special)
    tokenizer.add_tokens(tags)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=END, pad_token=PAD, clean_up_tokenization_spaces=False
    )


@dataclass(frozen=True, slots=True)
class ModelShape:
    """Size of a model; the default has about 5 M parameters with 2,048 tokens."""

    hidden: int = 256
    layers: int = 6
    heads: int = 4
    inner: int = 704
    positions: int = 4096


@dataclass(frozen=True, slots=True)
class PretrainSettings:
    """How a model is pre-trained."""

    shards: int = 1  # parts of the data; the learning rate is planned over all of them
    tokens_per_batch: int = 8192  # padded tokens of a step
    learning_rate: float = 1.5e-3  # its peak, after `warmup` steps
    warmup: int = 100
    weight_decay: float = 0.05
    page_share: float = 0.05  # weight of the page's own tokens in the loss, against the answers' tokens at 1
    seed: int = 0
    save_minutes: float = 10.0  # time between checkpoints


def build_model(tokenizer: PreTrainedTokenizerFast, shape: ModelShape, seed: int = 0) -> LlamaForCausalLM:
    """A model of random weights for that tokenizer."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=shape.hidden, intermediate_size=shape.inner,
        num_hidden_layers=shape.layers, num_attention_heads=shape.heads, num_key_value_heads=shape.heads,
        max_position_embeddings=shape.positions, tie_word_embeddings=True, bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    return LlamaForCausalLM(config)


def pretrain(
    model: LlamaForCausalLM,
    shard: Callable[[int], Sequence[TokenRow]],
    settings: PretrainSettings,
    out: Path,
    *,
    report: Callable[[dict[str, float]], None] = lambda _: None,
) -> None:
    """Trains in place, on the device where the model is; goes on from the checkpoint in `out` if there is one.

    Args:
        shard: the pages of one of the `settings.shards` parts of the data, asked for in order; the same for the same
            number, so that an interrupted training goes on to the same weights.
        report: called every 20 steps with the progress (0 to 1), step, loss of the answers, share of their tokens
            that are the likeliest, learning rate and tokens a second.
    """
    device = next(model.parameters()).device
    matrices, others = [p for p in model.parameters() if p.ndim >= 2], [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.95))
    checkpoint = out / "pretrain.pt"
    first_shard, first_batch, step = 0, 0, 0
    if checkpoint.is_file():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        first_shard, first_batch, step = state["shard"], state["batch"], state["step"]
    model.train()
    saved = started = time.monotonic()
    seen, loss_sum, right_sum, count = 0, 0.0, 0.0, 0
    for number in range(first_shard, settings.shards):
        pages = shard(number)
        batches = plan_batches(pages, settings, number)
        for position in range(first_batch, len(batches)):
            progress = (number + position / len(batches)) / settings.shards
            rate = learning_rate(step, progress, settings)
            for group in optimizer.param_groups:
                group["lr"] = rate
            chosen = [pages[page] for page in batches[position]]
            loss, answer_loss, right, tokens = batch_loss(model, chosen, settings)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            step += 1
            seen, loss_sum, right_sum, count = seen + tokens, loss_sum + answer_loss, right_sum + right, count + 1
            if step % 20 == 0:
                report({
                    "progress": progress, "step": step, "loss": loss_sum / count, "right": right_sum / count,
                    "rate": rate, "tokens_per_second": seen / (time.monotonic() - started),
                })  # fmt: skip
                loss_sum, right_sum, count = 0.0, 0.0, 0
            if time.monotonic() - saved > settings.save_minutes * 60:
                _save(checkpoint, model, optimizer, {"shard": number, "batch": position + 1, "step": step})
                saved = time.monotonic()
        first_batch = 0
    _save(checkpoint, model, optimizer, {"shard": settings.shards, "batch": 0, "step": step})


def batch_loss(
    model: LlamaForCausalLM, pages: Sequence[TokenRow], settings: PretrainSettings
) -> tuple[torch.Tensor, float, float, int]:
    """(loss to minimise, the answers' loss per token, share of their tokens that are the likeliest, padded tokens)."""
    device = next(model.parameters()).device
    pad = model.config.pad_token_id
    assert pad is not None  # build_model sets it
    batch = TreeBatch.of([page.tree() for page in pages])
    weights = torch.zeros(batch.tokens.shape)
    for row, (page, offset) in enumerate(zip(pages, batch.offsets, strict=True)):
        weights[row, offset:-1] = (torch.tensor(page.labels[1:]) != IGNORED).float()  # the token before tells it
        weights[row, offset : offset + len(page.page) - 1] = -settings.page_share  # negative marks the page's own
    targets = torch.roll(batch.tokens, -1, 1)
    chosen = (weights != 0).nonzero(as_tuple=True)
    attention = sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()  # its flash kernel is slower
    with attention, torch.autocast(device.type, torch.bfloat16):
        hidden = model.model(
            input_ids=batch.tokens.to(device),
            position_ids=batch.depths.to(device),
            attention_mask=batch.visible[:, None].to(device),
            use_cache=False,
        ).last_hidden_state
        logits = model.lm_head(hidden[chosen[0].to(device), chosen[1].to(device)])
    losses = functional.cross_entropy(logits.float(), targets[chosen].to(device), reduction="none")
    shares = weights[chosen].to(device)
    answers = shares > 0
    total = losses @ shares.abs() / shares[answers].sum()
    right = (logits[answers].argmax(-1) == targets[chosen].to(device)[answers]).float().mean()
    return total, float(losses[answers].detach().mean()), float(right), batch.tokens.numel()


def plan_batches(pages: Sequence[TokenRow], settings: PretrainSettings, shard: int) -> list[list[int]]:
    """Batches of a shard, in order: pages of like length together, batches shuffled; the same for the same numbers."""
    generator = random.Random(f"{settings.seed} {shard}")
    order = sorted(range(len(pages)), key=lambda number: pages[number].length + generator.random() * 24)
    batches: list[list[int]] = []
    longest = 0
    for number in order:
        longest = max(longest, pages[number].length)
        if not batches or longest * (len(batches[-1]) + 1) > settings.tokens_per_batch:
            batches.append([])
            longest = pages[number].length
        batches[-1].append(number)
    generator.shuffle(batches)
    return batches


def learning_rate(step: int, progress: float, settings: PretrainSettings) -> float:
    """Linear warm-up over the first steps, a cosine over the whole progress (0 to 1), down to a twentieth."""
    share = 0.525 + 0.475 * math.cos(math.pi * progress)
    return settings.learning_rate * min((step + 1) / settings.warmup, 1.0) * share


def _save(path: Path, model: LlamaForCausalLM, optimizer: torch.optim.Optimizer, place: dict[str, int]) -> None:
    with atomic_path(path) as part:
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), **place}, part)
