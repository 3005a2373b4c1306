"""A tiny Llama of random weights in llama.cpp's format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from gguf import GGUFWriter

from tests.llm_stage.tiny_models import tiny_tokenizer

NAMES = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip
CHAT = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


def interleaved(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Rows of a query or key matrix in llama.cpp's order: the two halves of each head's rotation beside each other."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def write_gguf(path: Path, model: Any, architecture: str = "llama") -> None:
    """A Llama with its tokenizer in llama.cpp's format, in 32 bits."""
    config, tokenizer = model.config, tiny_tokenizer()
    writer = GGUFWriter(path, architecture)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(config.vocab_size)
    words = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().__getitem__)
    words += [f"[unused{number}]" for number in range(config.vocab_size - len(words))]
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(words)
    writer.add_token_types([3 if word in ("<s>", "</s>", "<end>") else 1 for word in words])
    writer.add_token_merges(["i n", "c h", "in ch"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_pad_token_id(0)
    writer.add_chat_template(CHAT)
    for name, weight in model.state_dict().items():
        name = name.removeprefix("model.")
        if name.startswith("layers."):
            _, block, rest = name.split(".", 2)
            if "q_proj" in rest or "k_proj" in rest:
                heads = config.num_attention_heads if "q_proj" in rest else config.num_key_value_heads
                weight = interleaved(weight, heads)
            name = f"blk.{block}.{NAMES[rest.removesuffix('.weight')]}.weight"
        else:
            known = {"embed_tokens.weight": "token_embd.weight", "norm.weight": "output_norm.weight"}
            name = known.get(name, "output.weight")
        writer.add_tensor(name, weight.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
