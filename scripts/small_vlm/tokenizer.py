"""The small vision model's tokenizer: byte-level BPE over a few hundred tokens, cut as Qwen2 cuts texts.

A tokenizer that lies beside a Qwen2 configuration is reloaded with Qwen2's own pre-tokeniser, whatever it was trained
with; this one is trained with it, so that it counts tokens alike after a reload.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import Qwen2Tokenizer
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

from entx.core.entities import Schema

PAD = "<|endoftext|>"
ASK = "<|im_start|>"
"""Stands between the question and the answer."""
END = "<|im_end|>"
VISION_START, VISION_END, IMAGE, VIDEO = "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"
_SPECIAL = (PAD, ASK, END, VISION_START, VISION_END, IMAGE, VIDEO)

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message.role == 'assistant' %}" + ASK + "{% endif %}"
    "{% if message.content is string %}{{ message.content }}{% else %}"
    "{% for part in message.content %}"
    "{% if part.type == 'image' %}" + VISION_START + IMAGE + VISION_END + "{% else %}{{ part.text }}{% endif %}"
    "{% endfor %}{% endif %}"
    "{% if message.role == 'assistant' %}" + END + "{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}" + ASK + "{% endif %}"
)
"""Picture, question, `ASK`, answer, `END`: three tokens more than the picture and the words themselves."""


def build_tokenizer(schema: Schema, words: Iterable[str] = ()) -> Qwen2Tokenizer:
    """A tokenizer in which units and the words of entities are one token each, and everything else is bytes.

    Args:
        schema: whose units and entities.
        words: further texts whose words become tokens ("none").
    """
    texts = [f"1 {unit}" for unit in sorted(schema.units)]
    texts += [f"{part} {part}" for entity in schema.entities.values() for part in entity.words.split(" ")]
    texts += list(words)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    cut = pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated", invert=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [cut, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=4096,  # more than these words can fill: merging ends when every word is one token
        min_frequency=1,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    merges = [tuple(pair) for pair in model["merges"]]
    made = Qwen2Tokenizer(
        vocab=model["vocab"], merges=merges, unk_token=PAD, eos_token=END, pad_token=PAD,
        additional_special_tokens=[name for name in _SPECIAL if name not in (PAD, END)],
    )  # fmt: skip
    made.chat_template = CHAT_TEMPLATE
    return made
