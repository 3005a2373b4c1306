"""The shipped model's tokenizer: byte-level BPE on lower-case text, digits one by one, each layout tag one token."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from entx.llm_stage.prompt import TAGS

END = "<end>"
PAD = "<pad>"
_TAG = re.compile(r"<\w+>")


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """A tokenizer trained on prompts and answers.

    Args:
        texts: prompts and answers; tags are left out of the training.
        vocabulary: number of tokens, tags included.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
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
