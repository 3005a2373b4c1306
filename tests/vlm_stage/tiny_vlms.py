"""Tiny vision-language models of random weights with byte-level tokenizers, each saved as a whole model folder."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import torch
from tokenizers import pre_tokenizers

HIDDEN = 32
SPREAD = 0.2
"""Of random weights: large, so that answers differ from prompt to prompt; 0.02 is what one trains from."""

MERGES = [("i", "n"), ("c", "h"), ("in", "ch"), ("r", "a"), ("ra", "m"), ("g", "ram")]
MERGED = ["in", "ch", "inch", "ra", "ram", "gram"]
QWEN_WORDS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>",
    "<|video_pad|>",
)  # fmt: skip


def qwen_tokenizer() -> Any:
    """One token a byte and a few merges, by Qwen's own class, so that a saved one is read back as it was."""
    from transformers import Qwen2Tokenizer

    words = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *MERGED]
    tokenizer = Qwen2Tokenizer(
        vocab={word: number for number, word in enumerate(words)}, merges=MERGES, eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
    )  # fmt: skip
    tokenizer.add_special_tokens({"additional_special_tokens": list(QWEN_WORDS)})
    return tokenizer


def tiny_qwen(
    kind: str, folder: Path, *, seed: int = 0, hidden: int = HIDDEN, layers: int = 3, spread: float = SPREAD
) -> Path:
    """A Qwen2-VL, Qwen2.5-VL or Qwen3-VL ("qwen2_vl", "qwen2_5_vl", "qwen3_vl").

    Args:
        hidden: width of the language part, a multiple of 32; the vision tower has as much.
    """
    import transformers
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    tokenizer = qwen_tokenizer()
    number = tokenizer.convert_tokens_to_ids
    half = hidden // 8  # two numbers a pair, four heads
    text: dict[str, Any] = {
        "vocab_size": len(tokenizer) + 5,  # more than the tokenizer has, as in the published ones
        "hidden_size": hidden, "intermediate_size": 2 * hidden, "num_hidden_layers": layers, "num_attention_heads": 4,
        "num_key_value_heads": 2, "max_position_embeddings": 8192, "initializer_range": spread,
        "bos_token_id": None, "eos_token_id": number("<|im_end|>"), "pad_token_id": number("<|endoftext|>"),
        "rope_parameters": {
            "rope_type": "default", "rope_theta": 1e4,
            "mrope_section": [half - 2 * (half // 3), half // 3, half // 3],
        },
    }  # fmt: skip
    vision: dict[str, Any] = {
        "depth": 2, "num_heads": 2, "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2,
        "initializer_range": 0.1,
    }  # fmt: skip
    sizes = {"shortest_edge": 56 * 56, "longest_edge": 28 * 28 * 1280}
    if kind == "qwen2_vl":
        vision |= {"embed_dim": hidden, "hidden_size": hidden, "mlp_ratio": 2}
        names = "Qwen2VLConfig", "Qwen2VLForConditionalGeneration"
    elif kind == "qwen2_5_vl":
        vision |= {
            "hidden_size": hidden, "out_hidden_size": hidden, "intermediate_size": 2 * hidden, "window_size": 56,
            "fullatt_block_indexes": [1],
        }  # fmt: skip
        names = "Qwen2_5_VLConfig", "Qwen2_5_VLForConditionalGeneration"
    elif kind == "qwen3_vl":
        vision |= {
            "hidden_size": hidden, "out_hidden_size": hidden, "intermediate_size": 2 * hidden,
            "num_position_embeddings": 64, "deepstack_visual_indexes": [0, 1],
        }  # fmt: skip
        text |= {"head_dim": hidden // 4}
        text["rope_parameters"]["mrope_interleaved"] = True
        names = "Qwen3VLConfig", "Qwen3VLForConditionalGeneration"
    else:
        raise ValueError(kind)
    torch.manual_seed(seed)
    config = getattr(transformers, names[0])(
        text_config=text, vision_config=vision, tie_word_embeddings=False,
        image_token_id=number("<|image_pad|>"), video_token_id=number("<|video_pad|>"),
        vision_start_token_id=number("<|vision_start|>"), vision_end_token_id=number("<|vision_end|>"),
    )  # fmt: skip
    model = getattr(transformers, names[1])(config)
    _save(folder, model, tokenizer, Qwen2VLImageProcessorPil(size=sizes))
    return folder


def tiny_paligemma(
    folder: Path,
    *,
    seed: int = 0,
    hidden: int = HIDDEN,
    layers: int = 3,
    spread: float = SPREAD,
    side: int = 56,
    language: str = "gemma",
) -> Path:
    """A PaliGemma that sees squares of `side` pixels; with "gemma2" as its language part a PaliGemma 2."""
    from transformers import GemmaTokenizer, PaliGemmaConfig, PaliGemmaForConditionalGeneration
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    words = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *(f"<0x{byte:02X}>" for byte in range(256))]
    words += ["\n", "▁", *string.ascii_letters, *string.digits, *string.punctuation, *MERGED]
    tokenizer = GemmaTokenizer(vocab={word: number for number, word in enumerate(words)}, merges=MERGES)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    image = tokenizer.convert_tokens_to_ids("<image>")
    text: dict[str, Any] = {
        "model_type": language,
        "vocab_size": len(tokenizer) + 3,  # more than the tokenizer has, as in the published ones
        "hidden_size": hidden, "intermediate_size": 2 * hidden, "num_hidden_layers": layers, "num_attention_heads": 4,
        "num_key_value_heads": 1, "head_dim": hidden // 4, "initializer_range": spread, "pad_token_id": 0,
        "bos_token_id": 2, "eos_token_id": 1,
    }  # fmt: skip
    if language == "gemma2":
        text |= {"sliding_window": 24, "query_pre_attn_scalar": hidden // 4, "attn_logit_softcapping": 3.0}
    vision: dict[str, Any] = {
        "hidden_size": hidden, "intermediate_size": 2 * hidden, "num_hidden_layers": 2, "num_attention_heads": 2,
        "image_size": side, "patch_size": 14, "vision_use_head": False,
    }  # fmt: skip
    torch.manual_seed(seed)
    config = PaliGemmaConfig(
        text_config=text, vision_config=vision, image_token_index=image, vocab_size=text["vocab_size"],
        projection_dim=hidden, hidden_size=hidden, tie_word_embeddings=True,
        **({"attn_implementation": "eager"} if language == "gemma2" else {}),
    )  # fmt: skip
    model = PaliGemmaForConditionalGeneration(config)
    images = SiglipImageProcessorPil(size={"height": side, "width": side})
    images.image_seq_length = (side // 14) ** 2
    _save(folder, model, tokenizer, images)
    return folder


def tiny_idefics(
    kind: str, folder: Path, *, seed: int = 0, hidden: int = HIDDEN, layers: int = 3, spread: float = SPREAD
) -> Path:
    """An Idefics3 or a SmolVLM ("idefics3", "smolvlm") with tiles of 56 pixels, four at most along a side."""
    import transformers
    from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
    from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

    words = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *MERGED]
    tokenizer = transformers.GPT2Tokenizer(
        vocab={word: number for number, word in enumerate(words)}, merges=MERGES, unk_token="<|endoftext|>",
        bos_token="<|im_start|>", eos_token="<end_of_utterance>", pad_token="<|endoftext|>",
    )  # fmt: skip
    marks = ["<image>", "<fake_token_around_image>", "<global-img>"]
    marks += [f"<row_{row + 1}_col_{column + 1}>" for row in range(4) for column in range(4)]
    tokenizer.add_special_tokens({"additional_special_tokens": marks})
    text: dict[str, Any] = {
        "model_type": "llama", "vocab_size": len(tokenizer), "hidden_size": hidden, "intermediate_size": 2 * hidden,
        "num_hidden_layers": layers, "num_attention_heads": 4, "num_key_value_heads": 2, "initializer_range": spread,
        "pad_token_id": tokenizer.pad_token_id, "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id, "max_position_embeddings": 8192,
    }  # fmt: skip
    vision: dict[str, Any] = {
        "hidden_size": hidden, "intermediate_size": 2 * hidden, "num_hidden_layers": 2, "num_attention_heads": 2,
        "image_size": 56, "patch_size": 14, "initializer_range": 0.1,
    }  # fmt: skip
    names = {
        "idefics3": ("Idefics3Config", "Idefics3ForConditionalGeneration", Idefics3ImageProcessorPil),
        "smolvlm": ("SmolVLMConfig", "SmolVLMForConditionalGeneration", SmolVLMImageProcessorPil),
    }
    config_name, model_name, processor = names[kind]
    torch.manual_seed(seed)
    config = getattr(transformers, config_name)(
        text_config=text, vision_config=vision, image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    model = getattr(transformers, model_name)(config)
    images: Any = processor(size={"longest_edge": 4 * 56}, max_image_size={"longest_edge": 56})
    _save(folder, model, tokenizer, images)
    return folder


def tiny_moondream(
    folder: Path, *, seed: int = 0, hidden: int = HIDDEN, layers: int = 3, spread: float = SPREAD, side: int = 56
) -> Path:
    """A Moondream2 of August 2024 whose tower sees squares of `side` pixels; `hidden` is a multiple of 16."""
    from transformers import GPT2Tokenizer

    from entx.vlm_stage.families.moondream_model import MoondreamConfig, MoondreamForConditionalGeneration

    words = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *MERGED]
    tokenizer = GPT2Tokenizer(vocab={word: number for number, word in enumerate(words)}, merges=MERGES)
    text: dict[str, Any] = {
        "vocab_size": len(tokenizer) + 3,  # more than the tokenizer has, as in the published one
        "hidden_size": hidden, "intermediate_size": 2 * hidden, "num_hidden_layers": layers, "num_attention_heads": 4,
        "initializer_range": spread, "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
    }  # fmt: skip
    vision: dict[str, Any] = {
        "hidden_size": hidden, "intermediate_size": 2 * hidden, "num_hidden_layers": 2, "num_attention_heads": 2,
        "image_size": side,
    }  # fmt: skip
    torch.manual_seed(seed)
    config = MoondreamConfig(text_config=text, vision_config=vision, projection_dim=2 * hidden)
    _save(folder, MoondreamForConditionalGeneration(config), tokenizer)
    return folder


def tiny_vlm(kind: str, folder: Path, **changes: Any) -> Path:
    """A model folder of that kind: "paligemma", "paligemma2", "idefics3", "smolvlm", "moondream1" or one of Qwen's."""
    if kind == "moondream1":
        return tiny_moondream(folder, **changes)
    if kind.startswith("paligemma"):
        return tiny_paligemma(folder, language="gemma2" if kind == "paligemma2" else "gemma", **changes)
    return (
        tiny_idefics(kind, folder, **changes) if kind in ("idefics3", "smolvlm") else tiny_qwen(kind, folder, **changes)
    )


def _save(folder: Path, model: Any, *parts: Any) -> None:
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    folder.mkdir(parents=True, exist_ok=True)
    model.generation_config.eos_token_id = parts[0].eos_token_id
    for part in (model, *parts):
        part.save_pretrained(folder)
