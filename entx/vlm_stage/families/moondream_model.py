"""Moondream2 of 2024 as a model of the transformers library: its SigLIP tower and Phi, joined as that team joined them.

Tower and language model are the library's own classes. What stands here is what lies between: a picture is seen twice,
as a whole and cut into tiles, and both views of a patch become one embedding. Weights are read and written under the
names that the revision 2024-08-26 publishes (`CONVERSIONS`); its `region_model`, which points at things, is left out.

Importing this module makes `model_type` moondream1 known to the library's Auto classes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from math import isqrt
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn import functional
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForImageTextToText,
    GenerationMixin,
    PhiConfig,
    PreTrainedConfig,
    PreTrainedModel,
    SiglipVisionConfig,
)
from transformers.conversion_mapping import register_checkpoint_conversion_mapping
from transformers.core_model_loading import Chunk, ConversionOps, WeightConverter, WeightRenaming
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast

IMAGE_TOKEN = 1 << 30
"""The placeholder of a picture's token, of no vocabulary: the family has none."""

_TOWER: dict[str, Any] = {  # SigLIP so400m at 378 x 378; the published configuration does not say it
    "hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27, "num_attention_heads": 16,
    "image_size": 378, "patch_size": 14, "layer_norm_eps": 1e-5, "vision_use_head": False,
}  # fmt: skip
_CHANNELS = 3


class MoondreamConfig(PreTrainedConfig):  # type: ignore[misc]
    """A `text_config` of Phi, as published, and what the published code has as constants."""

    model_type = "moondream1"
    sub_configs: ClassVar[dict[str, Any]] = {"text_config": PhiConfig, "vision_config": SiglipVisionConfig}

    def __init__(
        self, text_config: Any = None, vision_config: Any = None, projection_dim: int = 8192, **more: Any
    ):  # fmt: skip
        made = isinstance(text_config, PreTrainedConfig), isinstance(vision_config, PreTrainedConfig)
        self.text_config = text_config if made[0] else PhiConfig(**text_config or {})
        self.vision_config = vision_config if made[1] else SiglipVisionConfig(**_TOWER | (vision_config or {}))
        self.projection_dim = projection_dim  # width between the projection's layers
        super().__init__(**more)


class VisionEncoder(nn.Module):  # type: ignore[misc]
    """Tower and projection, which the published code freezes together."""

    def __init__(self, config: MoondreamConfig):
        super().__init__()
        width = config.vision_config.hidden_size
        self.encoder = AutoModel.from_config(config.vision_config)
        first, last = (2 * width, config.projection_dim), (config.projection_dim, config.text_config.hidden_size)
        layers = {"fc1": nn.Linear(*first), "act": nn.GELU(approximate="tanh"), "fc2": nn.Linear(*last)}
        self.projection = nn.Sequential(OrderedDict(layers))

    def forward(self, pixel_values: torch.Tensor, grids: torch.Tensor) -> torch.Tensor:
        """Embeddings of pictures, shape (pictures, positions, width of the language model).

        Args:
            pixel_values: of each picture the whole, and behind it its tiles by rows; shape (views, 3, side, side).
            grids: rows and columns of its tiles, shape (pictures, 2); 1, 1 for a picture that is not cut.
        """
        features = self.encoder(pixel_values.to(self.encoder.device)).last_hidden_state
        side, width = isqrt(features.shape[1]), features.shape[2]
        pairs, at = [], 0
        for rows, columns in grids.tolist():
            whole, cut = features[at], rows * columns if rows * columns > 1 else 0
            tiles = features[at + 1 : at + 1 + cut] if cut else whole[None]
            plane = tiles.view(rows, columns, side, side, width).permute(4, 0, 2, 1, 3)
            plane = plane.reshape(width, rows * side, columns * side)
            # a bilinear resize to half the size, without antialias, is the mean of neighbours
            joined = functional.avg_pool2d(plane[None], (rows, columns))[0].flatten(1).T
            pairs.append(torch.cat([whole, joined], dim=-1))
            at += 1 + cut
        embeddings: torch.Tensor = self.projection(torch.stack(pairs))
        return embeddings


class MoondreamModel(nn.Module):  # type: ignore[misc]
    """Everything below the output head."""

    def __init__(self, config: MoondreamConfig):
        super().__init__()
        self.vision_encoder = VisionEncoder(config)
        self.language_model = AutoModel.from_config(config.text_config)

    def forward(
        self, input_ids: torch.Tensor, pixel_values: torch.Tensor | None = None, grids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None, **more: Any,
    ) -> BaseModelOutputWithPast:  # fmt: skip
        """States of tokens, shape (rows, tokens, width).

        Args:
            input_ids: shape (rows, tokens), with `IMAGE_TOKEN` for each position of a picture.
            pixel_values, grids: of the rows' pictures, as `VisionEncoder` takes them.
            inputs_embeds: of the tokens where they are known, pictures included.
            more: attention_mask and the like, of the language model.
        """
        if inputs_embeds is None:
            places = input_ids == IMAGE_TOKEN
            inputs_embeds = self.language_model.get_input_embeddings()(input_ids.masked_fill(places, 0))
            if places.any():  # `generate` gives pictures with every token
                seen = self.vision_encoder(pixel_values, grids)
                inputs_embeds = inputs_embeds.masked_scatter(places[..., None], seen.to(inputs_embeds))
        found: BaseModelOutputWithPast = self.language_model(inputs_embeds=inputs_embeds, **more)
        return found


class MoondreamForConditionalGeneration(PreTrainedModel, GenerationMixin):  # type: ignore[misc]
    """The whole model."""

    config_class = MoondreamConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    _keys_to_ignore_on_load_unexpected: ClassVar[list[str]] = [r"^region_model\."]
    _supports_flash_attn = _supports_sdpa = _supports_attention_backend = True

    def __init__(self, config: MoondreamConfig):
        super().__init__(config)
        self.model = MoondreamModel(config)
        self.lm_head = nn.Linear(config.text_config.hidden_size, config.text_config.vocab_size)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """Of the tokens."""
        return self.model.language_model.get_input_embeddings()

    def forward(
        self, input_ids: torch.Tensor, pixel_values: torch.Tensor | None = None, grids: torch.Tensor | None = None,
        labels: torch.Tensor | None = None, logits_to_keep: int = 0, **more: Any,
    ) -> CausalLMOutputWithPast:  # fmt: skip
        """Logits of the last tokens, 0: of all; the mean loss of `labels`, -100 where nothing is learnt, if given."""
        found = self.model(input_ids, pixel_values, grids, **more)
        logits, loss = self.lm_head(found.last_hidden_state[:, -logits_to_keep:]), None
        if labels is not None:
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=self.config.text_config.vocab_size)
        return CausalLMOutputWithPast(loss=loss, logits=logits, past_key_values=found.past_key_values)


class _Reshape(ConversionOps):  # type: ignore[misc]
    """The same numbers in another shape, there and back."""

    def __init__(self, there: Callable[[Any], Any], back: Callable[[Any], Any]):
        self.there, self.back = there, back

    def convert(
        self, input_dict: dict[str, Any], source_patterns: list[str], target_patterns: list[str], **_: Any
    ) -> dict[str, torch.Tensor]:  # fmt: skip
        (found,) = input_dict.values()
        return {target_patterns[0]: self.there(found[0] if isinstance(found, list) else found).contiguous()}

    @property
    def reverse_op(self) -> ConversionOps:
        return _Reshape(self.back, self.there)


def _within(part: str, source: str, targets: list[str], operation: ConversionOps) -> WeightConverter:
    """A conversion of names in one part of the model; both parts have layers of the same names."""
    made = WeightConverter(source, targets, [operation])
    made.scope_prefix, made.base_model_prefix = part, "model"
    return made


_QKV = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]

CONVERSIONS = [
    WeightRenaming(r"^text_model\.transformer\.embd\.wte", "model.language_model.embed_tokens"),
    WeightRenaming(r"^text_model\.transformer\.h", "model.language_model.layers"),
    WeightRenaming(r"^text_model\.lm_head\.ln", "model.language_model.final_layernorm"),
    WeightRenaming(r"^text_model\.lm_head\.linear", "lm_head"),
    WeightRenaming(r"\.ln\.", ".input_layernorm."),
    WeightRenaming(r"\.mixer\.out_proj", ".self_attn.dense"),
    WeightRenaming(r"^vision_encoder\.projection\.mlp", "model.vision_encoder.projection"),
    WeightRenaming(r"^vision_encoder\.encoder\.model\.visual", "model.vision_encoder.encoder"),
    WeightRenaming(r"\.patch_embed\.linear\.bias", ".embeddings.patch_embedding.bias"),
    WeightRenaming(r"\.blocks\.", ".encoder.layers."),
    WeightRenaming(r"\.norm\.", ".post_layernorm."),
    WeightRenaming(r"\.norm1\.", ".layer_norm1."),
    WeightRenaming(r"\.norm2\.", ".layer_norm2."),
    WeightRenaming(r"\.attn\.proj\.", ".self_attn.out_proj."),
    _within("language_model", "mixer.Wqkv", _QKV, Chunk(dim=0)),
    # the library keeps conversions by their patterns, so these must be other texts than the language model's
    _within("vision_encoder", ".attn.qkv", [f".{name}" for name in _QKV], Chunk(dim=0)),
    _within(
        "vision_encoder", "patch_embed.linear.weight", ["embeddings.patch_embedding.weight"],
        _Reshape(  # patches flattened as (channel, row, column)
            lambda flat: flat.unflatten(1, (_CHANNELS, isqrt(flat.shape[1] // _CHANNELS), -1)),
            lambda kernel: kernel.flatten(1),
        ),
    ),
    _within(
        "vision_encoder", "pos_embed", ["embeddings.position_embedding.weight"],
        _Reshape(lambda batch: batch[0], lambda table: table[None]),
    ),
]  # fmt: skip
"""From the published names of weights to those of the classes here, and back when a model is saved."""

register_checkpoint_conversion_mapping(MoondreamConfig.model_type, CONVERSIONS)
AutoConfig.register(MoondreamConfig.model_type, MoondreamConfig)
AutoModelForImageTextToText.register(MoondreamConfig, MoondreamForConditionalGeneration)
