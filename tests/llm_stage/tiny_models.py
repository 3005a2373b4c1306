"""Tiny language models of random weights and a byte-level tokenizer, built in memory from configs."""

from __future__ import annotations

from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedTokenizerFast,
)

WINDOW = 24
"""Sliding window of the models that have one: shorter than the tests' pages."""


def tiny_tokenizer(chat_template: str | None = None) -> PreTrainedTokenizerFast:
    """One token a byte, two merges, and special tokens."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = ["<s>", "</s>", "<end>", *alphabet, "in", "ch", "inch"]
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.BPE(vocabulary, [("i", "n"), ("c", "h"), ("in", "ch")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<s>", "</s>", "<end>"])
    made = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<s>")
    made.chat_template = chat_template
    return made


def tiny_model(kind: str, vocabulary: int = 272, seed: int = 0, **changes: Any) -> Any:
    """A model of that kind, weights large enough that its answers differ from prompt to prompt."""
    torch.manual_seed(seed)
    shape: dict[str, Any] = {
        "vocab_size": vocabulary, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 4,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 1024, "bos_token_id": 0,
        "eos_token_id": 1, "pad_token_id": 0, "initializer_range": 0.2, **changes,
    }  # fmt: skip
    if kind == "llama":
        model: Any = LlamaForCausalLM(LlamaConfig(**shape))
    elif kind == "mistral":
        model = MistralForCausalLM(MistralConfig(**shape, sliding_window=WINDOW, head_dim=8))
    elif kind == "gemma2":
        config = Gemma2Config(
            **shape, sliding_window=WINDOW, head_dim=8, query_pre_attn_scalar=8, attn_logit_softcapping=2.0,
            final_logit_softcapping=5.0, attn_implementation="eager",
        )  # fmt: skip
        model = Gemma2ForCausalLM(config)
    else:
        raise ValueError(kind)
    return model.eval()
