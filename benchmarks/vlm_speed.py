"""Pictures and rows per second of the vlm arm's local backend, against plain `generate` row by row.

A Qwen2-VL of random weights (what it says means nothing; what it computes is that of a trained one) reads rendered
pictures with three questions each. Plain is what one writes first, and what the published systems do: for each row the
picture through the image processor, the prompt, one call of `model.generate` of its own. Both write under the same
constraint, and every answer must be equal. The two take turns picture by picture in one process, so that a busy machine
slows both. Pictures that pass the vision tower are counted by a hook.

    python benchmarks/vlm_speed.py                                  # 41 M parameters on a CPU
    python benchmarks/vlm_speed.py --size tiny --pictures 6         # a minute-less run of every line below
    python benchmarks/vlm_speed.py --size 2b --device cuda --dtype bfloat16 --pictures 96 --plain-pictures 8 \\
        --pixels 262144 589824 1003520

The last is Qwen2-VL-2B at its real size on a GPU: rows a second at three pixel budgets, memory, and the share of the
arithmetic limit that is reached: the matrix products that shared reading cannot do without (2 x parameters x tokens,
and attention) at the rate that this device multiplies large matrices at. In bfloat16 sums are rounded differently in
batches and alone, and random weights have close ties: equal answers are counted there, not demanded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import Qwen2Tokenizer, Qwen2VLConfig
from transformers import Qwen2VLForConditionalGeneration as Qwen2Vl
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from benchmarks.shared import Constrained, arguments, write_json
from entx.core.entities import CHALLENGE
from entx.neural.backends.base import Query, Request
from entx.neural.decoding import Constrainer, answer_pattern
from entx.vlm_stage.families.qwen_vl import QwenCodec, QwenVl
from entx.vlm_stage.model import PictureModel
from entx.vlm_stage.prompt import OWN
from lab.drawings.draw import scenes

MAX_TOKENS = 16
ASKED = ("item_weight", "height", "voltage")
SPECIAL = ("<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")

SIZES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "tiny": (
        {"vocab_size": 2048, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
         "num_attention_heads": 4, "num_key_value_heads": 2, "mrope_section": [2, 3, 3]},
        {"depth": 2, "embed_dim": 64, "num_heads": 2},
    ),
    "small": (
        {"vocab_size": 8192, "hidden_size": 448, "intermediate_size": 1792, "num_hidden_layers": 6,
         "num_attention_heads": 7, "num_key_value_heads": 1, "mrope_section": [8, 12, 12]},
        {"depth": 6, "embed_dim": 448, "num_heads": 7},
    ),
    "2b": (  # config.json of Qwen2-VL-2B-Instruct
        {"vocab_size": 151936, "hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28,
         "num_attention_heads": 12, "num_key_value_heads": 2, "mrope_section": [16, 24, 24]},
        {"depth": 32, "embed_dim": 1280, "num_heads": 16},
    ),
}  # fmt: skip


def build(size: str, device: str, dtype: torch.dtype) -> tuple[Any, QwenCodec]:
    """A model of random weights; its tokenizer makes about as many tokens of a question as the real one."""
    texts = [OWN.ask(entity) for entity in CHALLENGE.entities.values()] + ["You are a helpful assistant. user system"]
    tokenizer: Any = Qwen2Tokenizer().train_new_from_iterator(texts * 3, vocab_size=1500)
    tokenizer.add_special_tokens({"additional_special_tokens": list(SPECIAL)})
    text, vision = SIZES[size]
    section = text["mrope_section"]
    config = Qwen2VLConfig(
        text_config={
            **{name: value for name, value in text.items() if name != "mrope_section"},
            "initializer_range": 0.05,  # with the usual 0.02 all pictures get the same answer
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": section},
            "rms_norm_eps": 1e-6, "bos_token_id": None, "eos_token_id": None, "pad_token_id": None,
        },
        vision_config={**vision, "hidden_size": text["hidden_size"], "mlp_ratio": 4},
        tie_word_embeddings=True,
        **{f"{name}_token_id": tokenizer.convert_tokens_to_ids(f"<|{word}|>") for name, word in (
            ("image", "image_pad"), ("video", "video_pad"), ("vision_start", "vision_start"),
            ("vision_end", "vision_end"))},
    )  # fmt: skip
    torch.manual_seed(0)
    previous = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            model = Qwen2Vl(config).eval()
    finally:
        torch.set_default_dtype(previous)
    return model, QwenCodec(tokenizer, Qwen2VLImageProcessorPil(), config)


def plain(model: Any, codec: QwenCodec, constrainer: Constrainer, asked: Request) -> list[str]:
    """One call of `generate` a row."""
    answers = []
    for ask in asked.queries:
        pixels = codec.pixels(asked.shown)
        prompt = codec.prompt(pixels, ask.question)
        inputs = codec.batch([pixels], [prompt], prompts=[len(prompt)], left=True)
        with torch.inference_mode():
            out = model.generate(
                **{name: tensor.to(model.device) for name, tensor in inputs.items()}, do_sample=False,
                max_new_tokens=MAX_TOKENS, eos_token_id=list(codec.ends), pad_token_id=codec.tokenizer.pad_token_id,
                logits_processor=[Constrained(constrainer, ask.pattern, len(prompt))],
            )  # fmt: skip
        answers.append(codec.tokenizer.decode(out[0, len(prompt) :], skip_special_tokens=True))
    return answers


def operations(model: Any, codec: QwenCodec, batch: Sequence[Request], written: int) -> float:
    """Multiplications and additions in matrix products that reading the pictures once cannot do without."""
    text, vision = model.config.text_config, model.config.vision_config
    tower = model.model.visual

    def weights(module: torch.nn.Module) -> int:
        return sum(one.weight.numel() for one in module.modules() if isinstance(one, torch.nn.Linear | torch.nn.Conv3d))

    merger, blocks, layers = weights(tower.merger), weights(tower.blocks), weights(model.model.language_model)
    total = 0.0
    for asked in batch:
        pixels = codec.pixels(asked.shown)
        patches = len(pixels.tensors["pixel_values"])
        total += 2 * patches * (weights(tower.patch_embed) + blocks) + 2 * pixels.tokens * merger
        total += vision.depth * 4 * patches**2 * vision.embed_dim
        prompts = [codec.prompt(pixels, query.question) for query in asked.queries]
        shared = 2 + max(place for place, token in enumerate(prompts[0]) if token == codec.image_token)
        total += 2 * shared * layers + text.num_hidden_layers * 2 * shared**2 * text.hidden_size
        for prompt in prompts:
            own = len(prompt) - shared + written
            total += 2 * own * layers + text.num_hidden_layers * 4 * own * (shared + own / 2) * text.hidden_size
            total += 2 * (written + 1) * text.vocab_size * text.hidden_size
    return total


def matrix_rate(device: str, dtype: torch.dtype) -> float:
    """Operations a second in products of large matrices; the best of several."""
    side = 8192 if device != "cpu" else 1024
    one = torch.randn(side, side, device=device, dtype=dtype)
    best = float("inf")
    for _ in range(8):
        best = min(best, timed(lambda: one @ one, device)[1])
    return 2 * side**3 / best


def timed(run: Callable[[], Any], device: str) -> tuple[Any, float]:
    """What it returns, and seconds."""
    began = time.perf_counter()
    found = run()
    if device != "cpu":
        torch.cuda.synchronize()
    return found, time.perf_counter() - began


def measure(model: Any, codec: QwenCodec, pictures: Sequence[Image.Image], pixels: int, given: Any) -> dict[str, Any]:
    """One pixel budget."""
    arm = PictureModel(QwenVl(), model, codec, tokens_per_pass=given.tokens_per_pass)
    constrainer = Constrainer(codec.tokenizer, model.config.text_config.vocab_size, codec.ends)
    asks = tuple(Query(OWN.ask(CHALLENGE[name]), (), answer_pattern(CHALLENGE[name], "none")) for name in ASKED)
    batch = [Request((picture.resize(arm.view_size(picture.size, pixels)),), asks) for picture in pictures]
    encoded = [0]

    def count(_: Any, __: tuple[Any, ...], given: dict[str, Any]) -> None:
        encoded[0] += len(given["grid_thw"])

    arm.complete(batch[:1], max_tokens=MAX_TOKENS), plain(model, codec, constrainer, batch[0])  # what is made once
    if given.device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    hook = model.model.visual.register_forward_pre_hook(count, with_kwargs=True)
    ours, theirs, passes, spent = [], [], [0, 0], [0.0, 0.0]
    compared = given.plain_pictures or len(batch)
    for start in range(0, len(batch), given.chunk):
        some = batch[start : start + given.chunk]
        encoded[0] = 0
        found, seconds = timed(lambda some=some: arm.complete(some, max_tokens=MAX_TOKENS), given.device)
        ours += [[said.text for said in of_picture] for of_picture in found]
        spent[0], passes[0] = spent[0] + seconds, passes[0] + encoded[0]
        for asked in some[: max(0, compared - len(theirs))]:
            encoded[0] = 0
            found, seconds = timed(lambda asked=asked: plain(model, codec, constrainer, asked), given.device)
            theirs.append(found)
            spent[1], passes[1] = spent[1] + seconds, passes[1] + encoded[0]
    hook.remove()
    rate = len(batch) / spent[0]
    plain_rate = len(theirs) / spent[1]
    written = max(len(codec.completion(text)) for of_picture in ours for text in of_picture)
    limit = matrix_rate(given.device, model.dtype) / (operations(model, codec, batch, written) / len(batch))
    return {
        "pixels": pixels, "pictures": len(batch), "rows": 3 * len(batch), "encodings": passes[0],
        "image_tokens": sum(arm.image_tokens(asked.shown[0].size) for asked in batch) / len(batch),
        "pictures_per_second": rate, "rows_per_second": 3 * rate, "plain_pictures": len(theirs),
        "plain_encodings": passes[1], "plain_rows_per_second": 3 * plain_rate, "times_plain": rate / plain_rate,
        "equal_answers": sum(a == b for pair in zip(ours, theirs, strict=False) for a, b in zip(*pair, strict=True)),
        "different_answers": len({text for of_picture in ours for text in of_picture}),
        "limit_rows_per_second": 3 * limit, "of_limit": rate / limit,
        "peak_bytes": torch.cuda.max_memory_allocated() if given.device != "cpu" else None,
    }  # fmt: skip


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--size", choices=tuple(SIZES), default="small")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--plain-pictures", type=int, default=0, help="read so many of them row by row; 0: all")
    parser.add_argument("--pixels", type=int, nargs="+", default=[280 * 280])
    parser.add_argument("--chunk", type=int, help="pictures that the arm is given at once (CPU: 4, GPU: 96)")
    parser.add_argument("--tokens-per-pass", type=int, help="default: the arm's own for the device")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    given.chunk = given.chunk or (4 if given.device == "cpu" else 96)
    torch.set_num_threads(given.threads)

    model, codec = build(given.size, given.device, getattr(torch, given.dtype))
    parts = {"vision": model.model.visual, "language": model.model.language_model, "all": model}
    counts = {name: sum(one.numel() for one in part.parameters()) for name, part in parts.items()}
    print(f"Qwen2-VL, random weights: {counts['all'] / 1e6:.1f} M parameters, {given.dtype} on {given.device}")
    pictures = [scene.image.convert("RGB") for _, scene in scenes(7, given.pictures)]
    results = []
    for pixels in given.pixels:
        found = measure(model, codec, pictures, pixels, given)
        results.append(found)
        print(
            f"{pixels} pixels, {found['image_tokens']:.0f} image tokens: {found['pictures']} pictures, "
            f"{found['encodings']} vision encodings, {found['pictures_per_second']:.2f} pictures/s, "
            f"{found['rows_per_second']:.2f} rows/s\n"
            f"  row by row: {found['plain_pictures']} pictures, {found['plain_encodings']} vision encodings, "
            f"{found['plain_rows_per_second']:.2f} rows/s; the arm is {found['times_plain']:.2f} x as fast; equal "
            f"answers: {found['equal_answers']} of {3 * found['plain_pictures']} "
            f"({found['different_answers']} different)\n"
            f"  arithmetic limit {found['limit_rows_per_second']:.1f} rows/s, of which {found['of_limit']:.0%}"
            + (f"; peak memory {found['peak_bytes'] / 2**30:.1f} GiB" if found["peak_bytes"] else "")
        )
    write_json(given.json, {"parameters": counts, "size": given.size, "budgets": results})


if __name__ == "__main__":
    main()
