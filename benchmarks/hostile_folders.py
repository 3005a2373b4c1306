# ruff: noqa: E501 - a table, a folder a line
"""Hostile model folders: does `entx predict` name what is wrong in one line, run none of it, and end soon?

Three sound folders (a text model, a vision model, an adapter; random weights) are made hostile in one way each. Each is
given to the real command in a process of its own, forked where torch and transformers are imported already. An audit
hook notes code of foreign files, commands, sockets and files written elsewhere. Numbers of configurations are drawn by
the seed. Fit to pass: exit 2 with a line that names the folder, or answers, none of them lost.

    python benchmarks/hostile_folders.py [--only PART] [--json FILE]        # PYTHONPATH: the checkout that is tried
"""

from __future__ import annotations

import base64
import importlib
import json
import os
import pickle
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import entx.cli.app
from benchmarks.shared import arguments, write_json

os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
MARK = Path(tempfile.gettempdir(), f"hostile-mark-{os.getpid()}")
sys.dont_write_bytecode = True
SECONDS, MOST, LIMIT = 45, 2_000_000_000, 6_000_000_000  # of one command: its time, and resident and private bytes
CHAT = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}</s>{% endfor %}"
WATCHED = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect",
           "socket.getaddrinfo", "pickle.find_class", "ctypes.dlopen")  # fmt: skip
Change = Callable[[Path], object]


class Bomb:
    """A pickle that runs a command."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {MARK}",)


def put(name: str, content: str | bytes | Callable[[], str]) -> Change:
    """A file of the folder, written anew."""

    def change(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        text = content() if callable(content) else content
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    return change


def keys(name: str, **changes: Any) -> Change:
    """Keys of a JSON of the folder; "__" leads into objects and lists: text_config__hidden_size."""

    def change(folder: Path) -> None:
        path = folder / name
        content = json.loads(path.read_text()) if path.exists() else {}
        for where, value in changes.items():
            *above, last = where.split("__")
            inner = content
            for key in above:
                inner = inner.setdefault(key, {}) if isinstance(inner, dict) else inner[int(key)]
            inner[last] = value() if callable(value) else value
        path.write_text(json.dumps(content))

    return change


def tensors(change: Callable[[dict[str, Any]], Any], name: str = "model.safetensors") -> Change:
    """Weights, changed in place."""

    def changed(folder: Path) -> None:
        from safetensors.torch import load_file, save_file

        held = load_file(folder / name)
        change(held)
        save_file(held, folder / name, {"format": "pt"})

    return changed


def header(change: Callable[[dict[str, Any], bytes], tuple[bytes, bytes]]) -> Change:
    """The bytes of a weight file, made of its header and its data."""

    def changed(folder: Path) -> None:
        whole = (folder / "model.safetensors").read_bytes()
        size = int.from_bytes(whole[:8], "little")
        head, data = change(json.loads(whole[8 : 8 + size]), whole[8 + size :])
        (folder / "model.safetensors").write_bytes(len(head).to_bytes(8, "little") + head + data)

    return changed


def fill(value: float) -> Change:
    return tensors(lambda held: [one.fill_(value) for one in held.values()])


def overlap(head: dict[str, Any], data: bytes) -> tuple[bytes, bytes]:
    names = [name for name in head if name != "__metadata__"]
    return json.dumps({**head, names[1]: head[names[0]]}).encode(), data


def tokens(count: int) -> list[dict[str, Any]]:
    rest = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return [{"id": 3000 + n, "content": f"<added {n}>", "special": True, **rest} for n in range(count)]


def special(kind: str) -> Change:
    def change(folder: Path) -> None:
        name = kind.split("/", 1)[1]
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).unlink(missing_ok=True)
        if kind.startswith("fifo"):
            os.mkfifo(folder / name)
        elif kind.startswith("dir"):
            (folder / name).mkdir()
        elif kind.startswith("device"):
            os.mknod(folder / name, 0o20666, os.makedev(1, 5))  # /dev/zero
        elif kind.startswith("socket"):
            os.chdir(folder)
            socket.socket(socket.AF_UNIX).bind(name)
        else:
            (folder / name).symlink_to("/etc/passwd" if kind.startswith("link") else "/dev/zero")

    return change


PICKLED = ("pytorch_model.bin", "model.PT", "x.pKl", "adapter_model.bin", "training_args.bin", "optimizer.npz",
           "weights.h5", "x.joblib", "x.ckpt.txt", "model.safetensors", "x.dill", "rng_state.pth")  # fmt: skip
CODES = ("modeling.py", "x.so", "sitecustomize.py", "MODEL.PY", "x.pyc", "custom_generate/generate.py", "torch.py")
FORMS: dict[str, Any] = {"list": "[]", "number": "7", "null": "null", "deep": "[" * 100_000, "deep object": '{"a":' * 5000,
         "nan": '{"hidden_size": NaN}', "twice": '{"model_type": "llama", "model_type": 7}', "empty": "",
         "utf-16": "{}".encode("utf-16"), "huge": lambda: " " * 250_000_000, "text": '"llama"',
         "digits": '{"hidden_size": ' + "9" * 5000 + "}"}  # fmt: skip
NUMBERS = ("x", -1, 0, 10**18, 200_000, 10**9, 1.5, None, True, [1], {"a": 1}, "1e9", -(10**18), 2**31)
SIZES = {
    "llm": ("num_hidden_layers", "hidden_size", "vocab_size", "num_attention_heads", "num_key_value_heads",
            "intermediate_size", "head_dim", "max_position_embeddings", "rms_norm_eps", "rope_parameters__rope_theta",
            "eos_token_id", "hidden_act", "pad_token_id", "torch_dtype", "rope_parameters__rope_type"),
    "vlm": ("text_config__num_hidden_layers", "text_config__vocab_size", "vision_config__depth", "image_token_id",
            "vision_config__patch_size", "vision_config__spatial_merge_size", "vision_config__embed_dim",
            "text_config__rope_parameters__mrope_section", "vision_config__num_heads"),
}  # fmt: skip
IMAGES = ("size", "image_mean", "merge_size", "patch_size", "temporal_patch_size", "rescale_factor", "resample")
LOOPS = {"range": "{% for i in range(10**9) %}a{% endfor %}", "power": "{{ 9**(9**9) }}", "times": "{{ 'a' * 10**11 }}",
         "loops": "{% for i in range(99999) %}" * 4 + "a" + "{% endfor %}" * 4, "class": "{{ messages.__class__ }}",
         "deep": "{% macro f(n) %}{{ f(n) ~ f(n) }}{% endmacro %}{{ f(1) }}", "open": "{% for", "number": "{{ 1/0 }}",
         "wide": "{{ '%99999999999d' % 1 }}", "raise": "{{ raise_exception('no\nsecond line') }}"}  # fmt: skip
REGEX = {
    "type": "Split",
    "pattern": {"Regex": "(?:(?:(?:\\w|[a-z])+)+)+[^\\s\\S]"},
    "behavior": "Isolated",
    "invert": False,
}
KERNELS: dict[str, Any] = {"_attn_implementation": "evil/kernel", "attn_implementation": "paged|evil/kernel@main",
           "attn_implementation ": {"": "evil/kernel"}, "_attn_implementation_internal": "evil/kernel",
           "experts_implementation": "evil/kernel", "kernel_config": {"RMSNorm": "evil/kernel:RMSNorm"}}  # fmt: skip
QUANTISED = ({"quant_method": "mxfp4"}, {"quant_method": "fp8"}, {"quant_method": "gptq", "bits": 4}, [],
             {"quant_method": "awq"}, {"quant_method": "torchao", "quant_type": {"default": {"_type": "os.system"}}},
             {"quant_method": "hqq"}, {"quant_method": "bitsandbytes", "load_in_4bit": "x"}, "x",
             {"quant_method": "x", "modules_to_not_convert": ["(a+)+$"]})  # fmt: skip
TREE = "(.*a|.*)*(.*.*)*(.+.+)+_"
LORA: dict[str, Any] = {
    "r": (10**9, -1, "x", 0, 3, None), "lora_alpha": ("x", 1e308, float("nan")), "target_modules": (TREE, None, 7, ["gone"]),
    "exclude_modules": (TREE,), "rank_pattern": ({TREE: 9}, {"q_proj": 10**9}), "alpha_pattern": ({TREE: 9},),
    "layers_pattern": ([TREE],), "modules_to_save": ([TREE], ["lm_head"]), "layer_replication": ([[0, 4]] * 100_000,),
    "megatron_config": ({"a": 1},), "base_model_name_or_path": ("/etc", "evil/other"), "runtime_config": ("x",),
    "auto_mapping": ({"base_model_class": "system", "parent_library": "os"},), "init_lora_weights": ("eva", "loftq", "pissa"),
    "peft_type": ("PROMPT_TUNING", "XLORA", "EVIL", 7, "ADALORA"), "trainable_token_indices": ([10**9],), "evil": (1,),
    "layers_to_transform": ([10**9],), "loftq_config": ({"a": 1},), "task_type": ("EVIL",), "revision": ("x",),
}  # fmt: skip
ASKED = {"stage": "llm", "style": "compact", "budget": 448, "prompt_version": 1}
PLATT = {"slope": 1.0, "offset": 0.0}
FITTED = {
    "temperature": 1.0,
    "none_offset": 0.0,
    "correct": PLATT,
    "present": PLATT,
    "unseen": 0.1,
    "f1": 0.8,
    "rows": 9,
}
RECORDS: tuple[Any, ...] = (
    "[" * 100_000, "[]", {"stage": 7}, {**ASKED, "prompt_version": []}, {**ASKED, "budget": 10**18}, {**ASKED, "budget": -1},
    {**ASKED, "budget": "x"}, {**ASKED, "style": "evil"}, {**ASKED, "calibration": [1]}, b"\xff\xfe",
    *({**ASKED, "calibration": {**FITTED, key: value}} for key, value in (
        ("temperature", 0), ("temperature", float("nan")), ("temperature", 1e-320), ("temperature", "1"), ("f1", None),
        ("none_offset", 1e308), ("correct", {"slope": 1e308, "offset": 1e308}), ("unseen", "x"), ("unseen", 7))),
)  # fmt: skip


def cases(seed: int) -> list[tuple[str, str, Change]]:
    """Kind, folder that is changed (llm, vlm, adapter), and how."""
    draw = random.Random(seed)
    dump = pickle.dumps(Bomb())
    made: list[tuple[str, str, Change]] = [(f"pickle {name}", "llm", put(name, dump)) for name in PICKLED]
    made += [(f"code {name}", "llm", put(name, f"import os; os.system('touch {MARK}')")) for name in CODES]
    code = {"AutoConfig": "modeling.C", "AutoTokenizer": ["evil/x--m.T", None]}
    for name in ("config", "tokenizer_config", "generation_config", "preprocessor_config", "processor_config"):
        made += [
            (f"code {key} in {name}", "vlm", keys(f"{name}.json", **{key: code}))
            for key in ("auto_map", "a__b__auto_map")
        ]
    made += [(f"kernel {key}", "llm", keys("config.json", **{key.strip(): value})) for key, value in KERNELS.items()]
    made += [("kernel in text_config", "vlm", keys("config.json", text_config___attn_implementation="evil/kernel")),
             ("kernel in vision_config", "vlm", keys("config.json", vision_config__attn_implementation="evil/kernel"))]  # fmt: skip
    made += [(f"quantised {n}", "llm", keys("config.json", quantization_config=one)) for n, one in enumerate(QUANTISED)]
    for name, key in (("config", "model_type"), ("config", "architectures"), ("tokenizer_config", "tokenizer_class"),
                      ("preprocessor_config", "image_processor_type"), ("preprocessor_config", "processor_class")):  # fmt: skip
        value = draw.choice(("os.system", "../x", "PreTrainedModel", ["X"], 7, "BertJapaneseTokenizer"))
        made.append((f"class {key} {value}", "vlm", keys(f"{name}.json", **{key: value})))
    made += [(f"special {kind}", "llm", special(kind)) for kind in (
        "link/config.json", "fifo/entx.json", "fifo/config.json", "fifo/additional_chat_templates/x.jinja", "dir/tokenizer",
        "device/special_tokens_map.json", "socket/vocab.json", "dir/config.json", "dir/model.safetensors", "zero/entx.json",
        "fifo/adapter_config.json", "dir/chat_template.jinja", "link/tokenizer.model", "dir/entx.json")]  # fmt: skip
    index = "model.safetensors.index.json"
    made += [(f"index {value}", "llm", put(index, json.dumps({"weight_map": value})))
             for value in ({"a": "../../etc/x.safetensors"}, 7, {"a": ["x"]}, {"a": "/etc/passwd"}, {})]  # fmt: skip
    made += [(f"archive {name}", "llm", put(name, b"PK")) for name in ("x.zip", "x.tar.gz")]
    for name in ("config", "tokenizer_config", "generation_config", "tokenizer", "special_tokens_map"):
        for form in draw.sample(sorted(FORMS), 6 if name != "config" else len(FORMS)):
            made.append((f"json {form} {name}", "llm", put(f"{name}.json", FORMS[form])))
    sizes = [(stage, key, value) for stage, every in SIZES.items() for key in every for value in NUMBERS]
    made += [
        (f"number {key} {value}", stage, keys("config.json", **{key: value}))
        for stage, key, value in draw.sample(sizes, 28)
    ]
    made += [(f"number {SIZES[stage][0]} {value}", stage, keys("config.json", **{SIZES[stage][0]: value}))
             for stage, value in (("llm", 200_000), ("llm", 10**9), ("vlm", 200_000), ("vlm", 10**18))]  # fmt: skip
    made += [(f"number {key} {value}", stage, keys("config.json", **{key: value})) for stage, key, value in (
        ("llm", "hidden_size", 10**6), ("llm", "vocab_size", 2**40), ("vlm", "vision_config__depth", 200_000),
        ("llm", "vocab_size", 2**26), ("vlm", "vision_config__patch_size", 10**5), ("llm", "layer_types", ["x"] * 10**6))]  # fmt: skip
    made += [(f"number {key} {value}", "vlm", keys("preprocessor_config.json", **{key: value}))
             for key in IMAGES for value in draw.sample(NUMBERS, 1)]  # fmt: skip
    made += [(f"generation {n}", "llm", keys("generation_config.json", **one)) for n, one in enumerate((
        {"max_new_tokens": 10**9}, {"stop_strings": ["(a+)+$"] * 1000}, {"custom_generate": "evil/x"}, {"eos_token_id": "x"},
        {"eos_token_id": [10**9]}, {"cache_implementation": "evil"}, {"num_beams": -1, "temperature": "x"}))]  # fmt: skip
    many = partial(tokens, 400_000)
    made += [("tokenizer added_tokens", "llm", keys("tokenizer.json", added_tokens=many)),
             ("tokenizer added_tokens_decoder", "llm", keys("tokenizer_config.json", added_tokens_decoder=lambda: {one.pop("id"): one for one in many()})),
             ("tokenizer added_tokens.json", "llm", put("added_tokens.json", lambda: json.dumps({one["content"]: one["id"] for one in many()}))),
             ("tokenizer extra", "llm", keys("tokenizer_config.json", extra_special_tokens=lambda: [one["content"] for one in many()])),
             ("tokenizer beyond", "llm", keys("tokenizer.json", model__vocab__z=10**6)),
             ("tokenizer beyond", "vlm", keys("tokenizer.json", model__vocab__i=10**6)),
             ("tokenizer far", "llm", keys("tokenizer.json", model__vocab__z=2**33)),
             ("tokenizer regex", "llm", keys("tokenizer.json", pre_tokenizer=REGEX)),
             ("tokenizer regex", "llm", keys("tokenizer.json", normalizer={"type": "Replace", "pattern": REGEX["pattern"], "content": "x" * 9999})),
             ("tokenizer normaliser", "llm", keys("tokenizer.json", normalizer={"type": "Precompiled", "precompiled_charsmap": base64.b64encode(b"\xff" * 99).decode()})),
             ("tokenizer grows", "llm", keys("tokenizer.json", normalizer={"type": "Sequence", "normalizers": [{"type": "Replace", "pattern": {"String": "e"}, "content": "e" * 30}] * 12})),
             ("tokenizer empty", "llm", keys("tokenizer.json", model__vocab={})),
             ("tokenizer no end", "llm", keys("tokenizer_config.json", eos_token=None)),
             ("tokenizer odd end", "llm", keys("tokenizer_config.json", eos_token={"content": 7})),
             ("tokenizer unigram", "llm", keys("tokenizer.json", model={"type": "Unigram", "unk_id": 7, "vocab": [["a", float("nan")]]})),
             ("tokenizer gone", "llm", lambda folder: (folder / "tokenizer.json").unlink()),
             ("tokenizer no images", "vlm", keys("tokenizer.json", added_tokens=[])),
             ("tokenizer model", "llm", put("tokenizer.model", b"\xff" * 999))]  # fmt: skip
    made += [(f"template {name}", stage, put("chat_template.jinja", CHAT + text))
             for name, text in LOOPS.items() for stage in ("llm", "vlm")]  # fmt: skip
    made += [("template list", "llm", keys("tokenizer_config.json", chat_template=[{"name": "default", "template": LOOPS["loops"]}])),
             ("template json", "vlm", put("chat_template.json", "[1]")), ("template number", "vlm", keys("chat_template.json", chat_template=7))]  # fmt: skip
    made += [
        (f"weights {value}", stage, fill(value)) for value in (float("nan"), float("inf")) for stage in ("llm", "vlm")
    ]
    made += [("weights one nan", "llm", tensors(lambda held: held["model.norm.weight"][:1].fill_(float("nan")))),
             ("weights shape", "llm", tensors(lambda held: held.update({"model.norm.weight": held["model.norm.weight"][:7].clone()}))),
             ("weights missing", "llm", tensors(lambda held: held.pop("model.norm.weight"))),
             ("weights more", "llm", tensors(lambda held: held.update({f"x{n}": held["model.norm.weight"][:1].clone() for n in range(200_000)}))),
             ("weights integers", "llm", tensors(lambda held: held.update({name: one.long() for name, one in held.items()}))),
             ("weights truth", "llm", tensors(lambda held: held.update({name: one.bool() for name, one in held.items()}))),
             ("weights eight", "llm", header(lambda head, data: (json.dumps(head).replace("F32", "F8_E4M3").encode(), data))),
             ("weights none", "llm", header(lambda *_: (b"{}", b""))), ("weights overlap", "llm", header(overlap)),
             ("weights cut", "llm", header(lambda head, data: (json.dumps(head).encode(), data[:-9]))),
             ("weights header", "llm", header(lambda head, data: (json.dumps(head).encode() + b" " * 99_000_000, data))),
             ("weights headers", "llm", header(lambda head, data: (json.dumps({**head, **{f"x{n}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for n in range(900_000)}}).encode(), data))),
             ("weights other", "llm", put("other.safetensors", b"\0" * 8))]  # fmt: skip
    made += [(f"adapter {key} {str(value)[:20]}", "adapter", keys("adapter_config.json", **{key: value}))
             for key, values in LORA.items() for value in values]  # fmt: skip
    weights = "adapter_model.safetensors"
    made += [("adapter nan", "adapter", tensors(lambda held: [one.fill_(float("nan")) for one in held.values()], weights)),
             ("adapter ranks", "adapter", tensors(lambda held: held.update({name: one.repeat(2, 1) for name, one in held.items() if "lora_A" in name}), weights)),
             ("adapter empty", "adapter", tensors(lambda held: held.clear(), weights)), ("adapter form", "adapter", put("adapter_config.json", "[]"))]  # fmt: skip
    for n, one in enumerate(RECORDS):
        made.append((f"record {n}", "llm", put("entx.json", one if isinstance(one, str | bytes) else json.dumps(one))))
    form = {"stage": "vlm", "prompt_version": 1, "pixels": 50_000, "prompt": {"question": "{entity}?"}}
    made += [(f"record vlm {n}", "vlm", put("entx.json", json.dumps({**form, **one}))) for n, one in enumerate((
        {"pixels": 10**18}, {"pixels": -1}, {"pixels": "x"}, {"prompt": {"question": 7}}, {"prompt": {"question": "{entity.__class__}"}},
        {"prompt": {"question": "{entity:>999999999}"}}, {"prompt": {"question": "{entity", "evil": 1}}, {"prompt": {"question": "<|image_pad|>"}}))]  # fmt: skip
    return made


def sound(work: Path) -> None:
    """The folders that are changed, and a store for each stage."""
    from peft import LoraConfig, get_peft_model
    from transformers.utils.logging import disable_progress_bar

    from tests.llm_stage.tiny_models import tiny_model, tiny_tokenizer
    from tests.vlm_stage.tiny_vlms import tiny_vlm

    disable_progress_bar()
    model = tiny_model("llama")
    model.save_pretrained(work / "llm")
    tiny_tokenizer(CHAT).save_pretrained(work / "llm")
    lora = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False, task_type="CAUSAL_LM")
    get_peft_model(model, lora).save_pretrained(work / "adapter")
    tiny_vlm("qwen2_vl", work / "vlm", seed=1)
    stores = (
        "import sys; from pathlib import Path; work = Path(sys.argv[1]); names = 'item_weight', 'height', 'width', 'depth'; from tests.llm_stage import stores as llm; "
        "from tests.vlm_stage import stores as vlm; ask = [llm.Asked(one, None) for one in names]; "
        "llm.fill(work / 'llm.duckdb', [llm.Shown(['net weight 500 g', '10 cm x 5 cm', '7 inch'], ask)]).close(); "
        "vlm.label(work / '0.png', '500 g'); vlm.fill(work, [vlm.Pictured('0.png', names)])"
    )
    subprocess.run([sys.executable, "-c", stores, work], check=True)
    (work / "s.duckdb").rename(work / "vlm.duckdb")


def child(place: Path, command: list[str]) -> None:
    """Becomes `entx ...`, watched."""
    seen = os.open(place / "seen", os.O_WRONLY | os.O_CREAT)
    known = (sys.prefix, sys.base_prefix, str(Path(entx.__file__).parent), "<")

    def hook(event: str, given: tuple[Any, ...]) -> None:
        if event == "exec":
            bad = not str(getattr(given[0], "co_filename", "")).startswith(known)
        elif event == "open":
            writes = isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            bad = bool(writes) and not str(given[0]).startswith((str(place), "/dev/null"))
        else:
            bad = event in WATCHED
        if bad:
            os.write(seen, f"{event} {str(given)[:200]}\n".encode())

    for stream, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(place / name, os.O_WRONLY | os.O_CREAT), stream)
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))  # of its own: others may have the cores
    sys.argv = ["entx", *command]
    sys.addaudithook(hook)
    entx.cli.app.main()


def give(place: Path, stage: str) -> dict[str, Any]:
    """One command: how it ended, how long it took and what it did."""
    where = (
        ["--model", str(place / "llm"), "--adapter", str(place / "adapter")]
        if stage == "adapter"
        else ["--model", str(place / stage)]
    )
    of = "vlm" if stage == "vlm" else "llm"
    command = ["predict", "--stage", of, "--store", str(place / f"{of}.duckdb"), *where, "--json"]
    began, number = time.monotonic(), os.fork()
    if number == 0:
        try:
            child(place, command)
        except SystemExit as stop:
            os._exit(int(stop.code or 0))
        except BaseException as error:
            sys.excepthook(type(error), error, error.__traceback__)
            os._exit(1)
        os._exit(0)
    while (ended := os.wait4(number, os.WNOHANG))[0] == 0 and time.monotonic() - began < 4 * SECONDS:
        time.sleep(0.02)
    late = ended[0] == 0
    if late:
        os.kill(number, 9)
        ended = os.wait4(number, 0)
    rc, said = os.waitstatus_to_exitcode(ended[1]), (place / "err").read_text(errors="replace")
    lines = [line for line in said.splitlines() if line.startswith("entx: ")]
    printed = (place / "out").read_text().splitlines()
    answered = json.loads(printed[-1])["answered"] if rc == 0 and printed else 0
    bytes_ = ended[2].ru_maxrss * 1024
    if late or rc in (-signal.SIGXCPU, -signal.SIGKILL):
        outcome = "hang"
    elif "Traceback" in said or rc not in (0, 2):
        outcome = "traceback" if rc == 1 else f"died {rc}"
    elif (place / "seen").read_text() or MARK.exists():
        outcome = "code"
    elif bytes_ > MOST or any(word in said for word in ("allocate memory", "MemoryError", "not enough memory")):
        outcome = "memory"
    elif rc == 2:
        outcome = "refused" if lines and str(place) in lines[-1] else "unnamed"
    else:
        outcome = "answered" if answered else "nothing"
    return {"outcome": outcome, "seconds": round(time.monotonic() - began, 2), "megabytes": bytes_ // 10**6, "said": (lines or said.splitlines() or [""])[-1][:300], "seen": (place / "seen").read_text()[:500]}  # fmt: skip


def main() -> None:
    """The campaign."""
    entx.cli.app.all_commands()  # loaded before the processes are forked, as are torch and transformers by `sound`
    for module in (
        "llm_stage.reader",
        "vlm_stage.reader",
        "vlm_stage.model",
        "neural.training.adapters",
        "rules.reader",
    ):
        importlib.import_module(f"entx.{module}")

    parser = arguments(__doc__)
    parser.add_argument("--only", default="", help="part of a kind's name")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    made = [("sound", stage, lambda _: None) for stage in ("llm", "vlm", "adapter")]
    made += [one for one in cases(args.seed) if args.only in one[0]]
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="hostile") as folder:
        work = Path(folder)
        sound(work)
        for number, (kind, stage, change) in enumerate(made):
            MARK.unlink(missing_ok=True)
            place = work / str(number)
            place.mkdir()
            for one in {stage, "llm"} if stage == "adapter" else {stage}:
                shutil.copytree(work / one, place / one)
            shutil.copy(work / f"{'vlm' if stage == 'vlm' else 'llm'}.duckdb", place)
            change(place / stage)
            found.append({"kind": kind, "stage": stage, **give(place, stage)})
            one = found[-1]
            print(f"{one['outcome']:10} {one['seconds']:6.2f} s {one['megabytes']:5} MB  {kind} ({stage}): {one['said']}"
                  f"{one['seen']}", flush=True)  # fmt: skip
            shutil.rmtree(place)
            write_json(args.json, found)
    print(len(found), "folders:", dict(Counter(one["outcome"] for one in found)))


if __name__ == "__main__":
    main()
