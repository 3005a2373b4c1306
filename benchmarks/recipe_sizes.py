"""Each recipe at its real size: parameters, trained share, memory and seconds of one step and of one answer.

A base of the published dimensions and random weights is written into a model folder as a user would have it, then goes
through the commands: `entx train --dry-run` (counts and the plan), `entx train` with the recipe's own settings for one
optimiser step, `entx predict` with what came out for one question. What it says means nothing; what it computes, and
in how much memory, is that of the published one. Tokenizers are stand-ins of the published vocabulary size, trained on
this repository's texts and filled up with words that nothing makes. The pictures are the demo's, read by `ocr-cache`.

    python -m benchmarks.recipe_sizes [--recipes qwen2-vl-2b paligemma-3b] [--at DIR] [--memory 16] [--json FILE]
    python -m benchmarks.recipe_sizes --recipes mistral-nemo-12b --counts      # no weights: counts and plan alone

Prints Markdown. Every command is a process of its own, whose peak is its largest resident memory (weights that are
mapped from the disk included); one over --memory GiB is killed, and its row says so. Weights are written tensor by
tensor into shards and never held as a whole. Threads: OMP_NUM_THREADS.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.shared import ROOT, arguments, write_json

QWEN_MARKS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>",
    "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
    "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
GEMMA = (
    "<bos>{% for message in messages %}<start_of_turn>{{ 'model' if message['role'] == 'assistant' else 'user' }}\n"
    "{{ message['content'] }}<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
MISTRAL = (
    "<s>{% for message in messages %}{% if message['role'] == 'user' %}[INST]{{ message['content'] }}[/INST]"
    "{% else %}{{ message['content'] }}</s>{% endif %}{% endfor %}"
)
TEXT = {"rms_norm_eps": 1e-6, "bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
QWEN_VL_TEXT = {
    **TEXT, "vocab_size": 151936, "max_position_embeddings": 32768,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]},
}  # fmt: skip
ONE_STEP = ("train.max_steps=1", "train.warmup=0", "data.dev_share=0")
"""Of every recipe: one step at its full rate, nothing held out."""


@dataclass(frozen=True)
class Base:
    """A published model by its dimensions (its config.json), and what of its recipe does not go here."""

    name: str
    config: str  # class of transformers
    text: dict[str, Any]
    # special tokens, behind the stand-in's words: the text's end and begin, then others (Qwen's ends are named so)
    marks: tuple[str, ...]
    chat: str = ""
    vision: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    parameters: int = 0  # as published, 0 where that is not stated here
    changed: tuple[tuple[str, str], ...] = ()  # settings beside ONE_STEP, and why


FEWER_ROWS = ("train.accumulation=1", "one batch is a step: minutes on a CPU instead of hours")
ONE_ROW = ("train.batch=1", "the same")
QWEN2_VL_2B = Base(
    "Qwen2-VL-2B-Instruct", "Qwen2VLConfig",
    {**QWEN_VL_TEXT, "hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28,
     "num_attention_heads": 12, "num_key_value_heads": 2},
    QWEN_MARKS, vision={"depth": 32, "embed_dim": 1280, "num_heads": 16, "mlp_ratio": 4, "hidden_size": 1536},
    more={"tie_word_embeddings": True}, parameters=2_208_985_600, changed=(FEWER_ROWS,),
)  # fmt: skip
BASES = {
    "qwen2-vl-2b": QWEN2_VL_2B,
    "qwen2-vl-2b-zero3": Base(
        **{**vars(QWEN2_VL_2B), "changed": (FEWER_ROWS, ("deepspeed={}", "DeepSpeed needs CUDA"))}
    ),
    "paligemma-3b": Base(
        "paligemma-3b-ft-docvqa-448", "PaliGemmaConfig",
        {"model_type": "gemma", "vocab_size": 257216, "hidden_size": 2048, "intermediate_size": 16384,
         "num_hidden_layers": 18, "num_attention_heads": 8, "num_key_value_heads": 1, "head_dim": 256,
         "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 1},
        ("<eos>", "<bos>", "<image>"),
        vision={"hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27, "num_attention_heads": 16,
                "image_size": 448, "patch_size": 14, "vision_use_head": False},
        more={"projection_dim": 2048, "hidden_size": 2048, "tie_word_embeddings": True}, changed=(FEWER_ROWS, ONE_ROW),
    ),
    "qwen2.5-vl-3b": Base(
        "Qwen2.5-VL-3B-Instruct", "Qwen2_5_VLConfig",
        {**QWEN_VL_TEXT, "hidden_size": 2048, "intermediate_size": 11008, "num_hidden_layers": 36,
         "num_attention_heads": 16, "num_key_value_heads": 2},
        QWEN_MARKS,
        vision={"depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16, "out_hidden_size": 2048,
                "window_size": 112, "fullatt_block_indexes": [7, 15, 23, 31]},
        more={"tie_word_embeddings": True}, changed=(FEWER_ROWS, ONE_ROW),
    ),
    "moondream2": Base(
        "moondream2", "MoondreamConfig",
        {"vocab_size": 51200, "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 24,
         "num_attention_heads": 32, "partial_rotary_factor": 0.5, "hidden_act": "gelu_new", "layer_norm_eps": 1e-5,
         "max_position_embeddings": 2048},
        ("<|endoftext|>",), changed=(
            ("model.load=bf16", "32-bit weights, gradients and optimiser take over 16 GiB"),
            ("train.batch=1", FEWER_ROWS[1]),
        ),
    ),
    "qwen3-1.7b": Base(
        "Qwen3-1.7B", "Qwen3Config",
        {**TEXT, "vocab_size": 151936, "hidden_size": 2048, "intermediate_size": 6144, "num_hidden_layers": 28,
         "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128, "max_position_embeddings": 40960,
         "rope_parameters": {"rope_type": "default", "rope_theta": 1e6}, "tie_word_embeddings": True},
        QWEN_MARKS[:3], CHATML, changed=(FEWER_ROWS, ONE_ROW),
    ),
    "smollm2-135m": Base(
        "SmolLM2-135M-Instruct", "LlamaConfig",
        {**TEXT, "rms_norm_eps": 1e-5, "vocab_size": 49152, "hidden_size": 576, "intermediate_size": 1536,
         "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3, "max_position_embeddings": 8192,
         "rope_parameters": {"rope_type": "default", "rope_theta": 1e5}, "tie_word_embeddings": True},
        ("<|im_end|>", "<|im_start|>", "<|endoftext|>"), CHATML, parameters=134_515_008,
    ),
    "gemma2-9b": Base(
        "gemma-2-9b-it", "Gemma2Config",
        {"vocab_size": 256000, "hidden_size": 3584, "intermediate_size": 14336, "num_hidden_layers": 42,
         "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 256, "query_pre_attn_scalar": 256,
         "pad_token_id": None, "bos_token_id": None, "eos_token_id": None},
        ("<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>"), GEMMA, changed=(FEWER_ROWS,),
    ),
    "mistral-nemo-12b": Base(
        "Mistral-Nemo-Instruct-2407", "MistralConfig",
        {**TEXT, "rms_norm_eps": 1e-5, "vocab_size": 131072, "hidden_size": 5120, "intermediate_size": 14336,
         "num_hidden_layers": 40, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
         "max_position_embeddings": 131072, "sliding_window": None,
         "rope_parameters": {"rope_type": "default", "rope_theta": 1e6}, "tie_word_embeddings": False},
        ("</s>", "<s>", "[INST]", "[/INST]"), MISTRAL, changed=(FEWER_ROWS, ONE_ROW),
    ),
}  # fmt: skip
BLOCK = 4_194_301  # random numbers that fill all weights; a prime, so that no two rows of a matrix are alike
SHARD_BYTES = 2 * 2**30


def write_base(recipe: str, folder: Path, *, weights: bool) -> None:
    """The folder of a base: configuration, weights (or a placeholder, of which only the size of tensors is asked)."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    base = BASES[recipe]
    config = make_config(base, write_tokenizer(base, folder))
    config.save_pretrained(folder)
    if not weights:
        save_file({"nothing": torch.zeros(1)}, folder / "model.safetensors", metadata={"format": "pt"})
        return
    torch.manual_seed(0)
    block = torch.randn(BLOCK, dtype=torch.float32).mul_(0.02).to(torch.bfloat16)
    places: dict[str, str] = {}
    if base.config == "MoondreamConfig":  # weights stand under other names in the folder: the model writes them itself
        model = empty_model(base, config)
        for shard in shards(model, block, one=1.0):
            model.load_state_dict(shard, strict=False, assign=True)
        model.save_pretrained(folder)
        return
    for number, shard in enumerate(shards(empty_model(base, config), block, one=float(base.config[:5] != "Gemma")), 1):
        name = f"model-{number:05}.safetensors"
        save_file(shard, folder / name, metadata={"format": "pt"})
        places.update(dict.fromkeys(shard, name))
        shard.clear()
    index = {"metadata": {}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")


def make_config(base: Base, tokenizer: Any) -> Any:
    """The published configuration, special tokens by the numbers that the stand-in gives them."""
    import transformers

    ends = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    if base.config == "MoondreamConfig":
        from entx.vlm_stage.families.moondream_model import MoondreamConfig

        return MoondreamConfig(text_config=base.text | ends, dtype="bfloat16")
    kind = getattr(transformers, base.config)
    if not base.vision:
        return kind(**{**base.text, **ends}, dtype="bfloat16")
    number = tokenizer.convert_tokens_to_ids
    if base.config == "PaliGemmaConfig":
        more: dict[str, Any] = {"image_token_index": number("<image>"), "vocab_size": base.text["vocab_size"]}
    else:
        names = {"image": "image_pad", "video": "video_pad", "vision_start": "vision_start", "vision_end": "vision_end"}
        more = {f"{name}_token_id": number(f"<|{word}|>") for name, word in names.items()}
    return kind(text_config=base.text, vision_config=base.vision, **base.more, **more, dtype="bfloat16")


def empty_model(base: Base, config: Any) -> Any:
    """The model without weights; its number of parameters must be the published one."""
    import torch
    import transformers

    sees = base.vision or base.config == "MoondreamConfig"
    auto = transformers.AutoModelForImageTextToText if sees else transformers.AutoModelForCausalLM
    with torch.device("meta"):
        model = auto.from_config(config)
    found = sum(one.numel() for one in model.parameters())
    if base.parameters and found != base.parameters:
        raise SystemExit(f"{base.name} came to {found:,} parameters and should have {base.parameters:,}")
    return model


def shards(model: Any, block: Any, *, one: float) -> Iterator[dict[str, Any]]:
    """The model's weights as random numbers in bfloat16: matrices of spread .02, norms `one`, biases 0."""
    import torch

    held: dict[str, Any] = {}
    size, start = 0, 0
    for name, empty in model.named_parameters():
        if empty.dim() < 2:
            fill = torch.full(empty.shape, 0.0 if name.endswith("bias") else one, dtype=torch.bfloat16)
        else:
            turned = block.roll(-start)
            fill = turned.repeat(-(-empty.numel() // BLOCK))[: empty.numel()].reshape(empty.shape).clone()
            start = (start + empty.numel()) % BLOCK
        if held and size + fill.nbytes > SHARD_BYTES:
            yield held
            held, size = {}, 0
        held[name], size = fill, size + fill.nbytes
    yield held


def write_tokenizer(base: Base, folder: Path) -> Any:
    """A stand-in of the published vocabulary size, and the image processor of the family."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast, Qwen2Tokenizer

    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md")]
    texts += [path.read_text(encoding="utf-8") for path in (ROOT / "entx" / "llm_stage").glob("*.py")]
    texts += [path.read_text(encoding="utf-8") for path in (ROOT / "entx" / "recipes").glob("*.toml")]
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    trained.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=6000, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
    ))  # fmt: skip
    made = json.loads(trained.to_str())["model"]
    vocabulary, merges = made["vocab"], [tuple(pair) for pair in made["merges"]]
    most = base.text["vocab_size"] - len(base.marks)
    most -= 271 if base.config.startswith("Qwen") else 0  # their last rows belong to no token
    vocabulary |= {f"<filler {number}>": number for number in range(len(vocabulary), most)}
    if base.config.startswith("Qwen"):
        tokenizer: Any = Qwen2Tokenizer(vocab=vocabulary, merges=merges, eos_token="<|im_end|>",
                                        pad_token="<|endoftext|>")  # fmt: skip
    else:
        model = Tokenizer(models.BPE(vocabulary, merges))
        model.pre_tokenizer, model.decoder = trained.pre_tokenizer, decoders.ByteLevel()
        eos, bos = base.marks[0], base.marks[1 % len(base.marks)]
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=model, eos_token=eos, bos_token=bos, pad_token=eos)
    tokenizer.add_special_tokens({"additional_special_tokens": list(base.marks)})
    tokenizer.chat_template = base.chat or None
    tokenizer.save_pretrained(folder)
    if base.config == "PaliGemmaConfig":
        from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

        side = base.vision["image_size"]
        SiglipImageProcessorPil(size={"height": side, "width": side}).save_pretrained(folder)
    elif base.vision:
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

        sizes = {"shortest_edge": 56 * 56, "longest_edge": 28 * 28 * 16384}
        Qwen2VLImageProcessorPil(size=sizes).save_pretrained(folder)
    return tokenizer


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    seconds: float
    peak: float  # GiB
    out: dict[str, Any]  # what --json printed
    fault: str = ""


def measured(words: Sequence[object], most: float) -> Ended:
    """Runs a Python process, watches its memory, and kills it above so many GiB."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        began = time.perf_counter()
        process = subprocess.Popen([sys.executable, *map(str, words)], cwd=ROOT, stdout=out, stderr=err)
        watched, killed = psutil.Process(process.pid), False
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if watched.memory_info().rss > most * 2**30 and not killed:
                killed = True
                process.kill()
            time.sleep(0.2)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds, peak = time.perf_counter() - began, usage.ru_maxrss / 2**20
        for stream in (out, err):
            stream.seek(0)
        text = out.read().strip()
        printed = json.loads(text) if text.startswith("{") else {}
        if killed:
            return Ended(seconds, peak, {}, f"killed above {most:g} GiB")
        if process.returncode:
            return Ended(seconds, peak, printed, (err.read().strip().splitlines() or ["no word"])[-1])
        return Ended(seconds, peak, printed)


def demo_store(folder: Path, most: int | None = None) -> Path:
    """A store of the demo's labelled questions with their pages: all, or the first so many that have a value."""
    with (ROOT / "entx" / "demo" / "truth.csv").open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if most is None or row["value"]][:most]
    table, store = folder / f"questions-{most}.csv", folder / f"store-{most}.duckdb"
    if store.exists():
        return store
    with table.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("index", "image_link", "group_id", "entity_name", "entity_value"))
        writer.writerows((row["index"], row["image_link"], "", row["entity_name"], row["value"]) for row in rows)
    pictures = ROOT / "entx" / "demo" / "pictures"
    for words in (["ingest", table, "--images", pictures], ["ocr-cache", "--workers", "1"]):
        ended = measured(["-m", "entx", *words, "--store", store, "--quiet"], 8)
        if ended.fault:
            store.unlink(missing_ok=True)
            raise SystemExit(ended.fault)
    return store


def try_recipe(recipe: str, folder: Path, stores: Sequence[Path], given: argparse.Namespace) -> dict[str, Any]:
    """One recipe's row."""
    from entx.cli.train import load_any

    base, settings = BASES[recipe], load_any(recipe)
    changed = (*((one, "one step at the full rate, nothing held out") for one in ONE_STEP), *base.changed)
    model, out = folder / base.name, folder / f"{recipe}-trained"
    row: dict[str, Any] = {"recipe": recipe, "base": base.name, "changed": dict(changed)}
    for left in (out, out.with_name(f"{out.name}.part")):
        shutil.rmtree(left, ignore_errors=True)
    if not model.exists():
        code = f"from benchmarks.recipe_sizes import *; write_base({recipe!r}, Path({str(model)!r}), "
        made = measured(["-c", f"{code}weights={not given.counts})"], given.memory)
        row["build"] = [made.seconds, made.peak]
        if made.fault:
            return row | {"fault": f"build: {made.fault}"}
    sets = [part for one, _ in changed for part in ("--set", one)]
    train = ["-m", "entx", "train", "--stage", settings.STAGE, "--recipe", recipe, "--store", stores[0],
             "--model", model, "--out", out, *sets, "--json"]  # fmt: skip
    plan = measured([*train, "--dry-run"], given.memory)
    if "parameters" not in plan.out:  # a plan that does not fit is a plan, too
        return row | {"fault": f"dry run: {plan.fault}"}
    row |= {name: plan.out[name] for name in ("parameters", "trained", "longest", "rows")}
    row["planned GiB"] = plan.out["memory_bytes"] / 2**30
    if base.parameters and plan.out["parameters"] != base.parameters:
        raise SystemExit(f"{base.name}: the dry run counts {plan.out['parameters']:,} parameters")
    if given.counts:
        return row
    step = measured(train, given.memory)
    row["step"] = [step.out.get("training", {}).get("seconds"), step.peak, step.seconds]
    if step.fault:
        return row | {"fault": f"step: {step.fault}"}
    row["loss"] = step.out["training"]["last loss"]
    row["step rows"], row["backend"] = step.out["rows"]["visits"], step.out["training"]["backend"]
    how = {"nf4": ["--four-bit"], "bf16": ["--dtype", "bfloat16"], "fp32": []}[settings.model.load]
    trained = ["--model", model, "--adapter", out] if settings.train.method == "lora" else ["--model", out]
    answer = measured(["-m", "entx", "predict", "--stage", settings.STAGE, "--store", stores[1], *trained, *how,
                       "--run", recipe, "--json"], given.memory)  # fmt: skip
    row["answer"] = [answer.out.get("seconds"), answer.peak, answer.seconds]
    if answer.fault:
        return row | {"fault": f"answer: {answer.fault}"}
    shutil.rmtree(out)
    return row


def shown(row: dict[str, Any]) -> str:
    """A row of the table."""
    counts = f"{row['parameters']:,}" if "parameters" in row else ""
    trained = f"{row['trained']:,} ({row['trained'] / row['parameters']:.2%})" if counts else ""
    step, answer = row.get("step"), row.get("answer")
    why: dict[str, list[str]] = {}
    for setting, reason in row["changed"].items():
        why.setdefault(reason if reason != "the same" else FEWER_ROWS[1], []).append(f"`{setting}`")
    told = "; ".join(f"{', '.join(settings)}: {reason}" for reason, settings in why.items())
    cells = [
        f"`{row['recipe']}`", row["base"], counts, trained, f"{row['planned GiB']:.1f}" if counts else "",
        f"{step[1]:.1f} / {step[0]:.0f}" if step and step[0] else "",
        f"{answer[1]:.1f} / {answer[0]:.0f}" if answer and answer[0] else "",
        "; ".join(one for one in (row.get("fault", ""), told) if one),
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--recipes", nargs="+", choices=tuple(BASES), default=list(BASES), metavar="RECIPE")
    parser.add_argument("--at", type=Path, help="folder for bases of up to 25 GB; keeps the demo's stores")
    parser.add_argument("--memory", type=float, default=16.0, help="GiB that a process may take up")
    parser.add_argument("--counts", action="store_true", help="no weights: counts and plan alone")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = []
    print("| recipe | base | parameters | trained | planned GiB | step: GiB / s | answer: GiB / s | changed, and why |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    with nullcontext(given.at) if given.at else tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        folder.mkdir(exist_ok=True)
        stores = demo_store(folder), demo_store(folder, 1)
        for place, recipe in enumerate(given.recipes):
            rows.append(try_recipe(recipe, folder, stores, given))
            print(shown(rows[-1]), flush=True)
            write_json(given.json, rows)
            if BASES[recipe].name not in {BASES[one].name for one in given.recipes[place + 1 :]}:
                shutil.rmtree(folder / BASES[recipe].name, ignore_errors=True)


if __name__ == "__main__":
    main()
