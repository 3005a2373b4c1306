"""Hostile model folders: does `entx predict` name what is wrong in one line, run none of it, and end soon?

Three sound folders (a text model, a vision model, an adapter; random weights) are made hostile in one way each. Each is
given to the real command in a process of its own, forked where torch and transformers are imported already. An audit
hook notes code of foreign files, commands, sockets and files written elsewhere. Values of JSON files are drawn by the
seed. Fit to pass: exit 2 with a line that names the folder, or answers, none of them lost.

    python benchmarks/hostile_folders.py [--only PART] [--json FILE]        # PYTHONPATH: the checkout that is tried
"""

from __future__ import annotations

import base64
import importlib
import json
import os
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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import entx.cli.app
from benchmarks.shared import arguments, write_json

os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
sys.dont_write_bytecode = True
SECONDS, MOST, LIMIT = 45, 2_000_000_000, 6_000_000_000  # of one command: its time, and resident and private bytes
READERS = ("llm_stage.reader", "vlm_stage.reader", "vlm_stage.model", "neural.training.adapters", "rules.reader")
MARK = Path(tempfile.gettempdir(), f"hostile-mark-{os.getpid()}")  # made by code that ran
Change = Callable[[Path], object]
# fmt: off
WATCHED = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect",
           "socket.getaddrinfo", "pickle.find_class", "ctypes.dlopen")
CHAT = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}</s>{% endfor %}"
WEIGHTS, NORM, ADAPTED = "model.safetensors", "model.norm.weight", "adapter_model.safetensors"
AUTO = ({"AutoConfig": "modeling.C", "AutoTokenizer": ["evil/x--m.T", None]},)
CODE: dict[str, tuple[Any, ...]] = {"auto_map": AUTO, "a__b__auto_map": AUTO}
CLASSES = ("os.system", "PreTrainedModel", ["X"])
REGEX = {"Regex": "(?:(?:(?:\\w|[a-z])+)+)+[^\\s\\S]"}
TREE = "(.*a|.*)*(.*.*)*(.+.+)+_"
NAN = float("nan")
PLATT = {"slope": 1.0, "offset": 0.0}
FITTED = {"temperature": 1.0, "none_offset": 0.0, "correct": PLATT, "present": PLATT, "unseen": 0.1, "f1": 0.8,
          "rows": 9}
RECORDS = {"llm": {"stage": "llm", "style": "compact", "budget": 448, "prompt_version": 1, "calibration": FITTED},
           "vlm": {"stage": "vlm", "prompt_version": 1, "pixels": 50_000, "prompt": {"question": "{entity}?"}}}
DRAWN = ("x", -1, 0, 10**18, 200_000, 10**9, 1.5, None, True, [1], {"a": 1}, "1e9", -(10**18), 2**31, NAN, 1e308)
FORMS = {"list": "[]", "number": "7", "null": "null", "deep": "[" * 100_000, "deep object": '{"a":' * 5000, "empty": "",
         "nan": '{"hidden_size": NaN}', "twice": '{"model_type": "llama", "model_type": 7}', "text": '"llama"',
         "utf-16": "{}".encode("utf-16"), "digits": '{"hidden_size": ' + "9" * 5000 + "}"}
TEMPLATES = {
    "range": "{% for i in range(10**9) %}a{% endfor %}", "power": "{{ 9**(9**9) }}", "times": "{{ 'a' * 10**11 }}",
    "loops": "{% for i in range(99999) %}" * 4 + "a" + "{% endfor %}" * 4, "class": "{{ messages.__class__ }}",
    "deep": "{% macro f(n) %}{{ f(n) ~ f(n) }}{% endmacro %}{{ f(1) }}", "open": "{% for", "number": "{{ 1/0 }}",
    "wide": "{{ '%99999999999d' % 1 }}", "raise": "{{ raise_exception('no\nsecond line') }}"}
MAKE: dict[str, Change] = {
    "link": lambda path: path.symlink_to("/etc/passwd"), "zero": lambda path: path.symlink_to("/dev/zero"),
    "fifo": os.mkfifo, "dir": Path.mkdir, "device": lambda path: os.mknod(path, 0o20666, os.makedev(1, 5)),
    "socket": lambda path: socket.socket(socket.AF_UNIX).bind(str(path)),
    "huge": lambda path: (path.touch(), os.truncate(path, 250_000_000))}
SPECIAL = ("link config.json", "fifo entx.json", "fifo config.json", "fifo additional_chat_templates/x.jinja",
           "dir tokenizer", "device special_tokens_map.json", "socket vocab.json", "dir config.json", "zero entx.json",
           "dir model.safetensors", "fifo adapter_config.json", "dir chat_template.jinja", "link tokenizer.model",
           "dir entx.json", "huge config.json", "huge tokenizer.json", "huge chat_template.jinja")
PICKLED = ("pytorch_model.bin", "model.PT", "x.pKl", "adapter_model.bin", "training_args.bin", "optimizer.npz",
           "weights.h5", "x.joblib", "x.ckpt.txt", "model.safetensors", "x.dill", "rng_state.pth")
CODES = ("modeling.py", "x.so", "sitecustomize.py", "MODEL.PY", "x.pyc", "custom_generate/generate.py", "torch.py")
STORES = """
import sys; from pathlib import Path
from tests.llm_stage import stores as llm; from tests.vlm_stage import stores as vlm
work, names = Path(sys.argv[1]), ("item_weight", "height", "width", "depth")
page = llm.Shown(["net weight 500 g", "10 cm x 5 cm", "7 inch"], [llm.Asked(one, None) for one in names])
llm.fill(work / "llm.duckdb", [page]).close()
vlm.label(work / "0.png", "500 g"); vlm.fill(work, [vlm.Pictured("0.png", names)])"""


def many(key: Callable[[dict[str, Any]], Any] = dict) -> Callable[[], list[Any]]:
    """400,000 added tokens, made when they are written."""
    rest = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return lambda: [key({"id": 3000 + n, "content": f"<added {n}>", "special": True, **rest}) for n in range(400_000)]


KEYS: dict[tuple[str, str], dict[str, tuple[Any, ...]]] = {  # of a folder's file: keys and their values, one a folder
    ("llm", "config"): {
        "_attn_implementation": ("evil/kernel", "flash_attention_2", "flex_attention"), "layer_types": (["x"] * 10**6,),
        "attn_implementation": ("paged|evil/x@main", {"": "evil/x"}, "flash_attention_3"), "vocab_size": (2**26, 2**40),
        "_attn_implementation_internal": ("evil/kernel",), "experts_implementation": ("evil/kernel", "evil"),
        "kernel_config": ({"RMSNorm": "evil/kernel:RMSNorm"},), "num_hidden_layers": (200_000, 10**9),
        "hidden_size": (10**6,), "quantization_config": (
            {"quant_method": "mxfp4"}, {"quant_method": "fp8"}, {"quant_method": "gptq", "bits": 4}, [], "x",
            {"quant_method": "awq"}, {"quant_method": "torchao", "quant_type": {"default": {"_type": "os.system"}}},
            {"quant_method": "hqq"}, {"quant_method": "bitsandbytes", "load_in_4bit": "x"},
            {"quant_method": "x", "modules_to_not_convert": ["(a+)+$"]})},
    ("vlm", "config"): {
        "text_config___attn_implementation": ("evil/kernel", "flash_attention_2"), "model_type": CLASSES,
        "vision_config__attn_implementation": ("evil/kernel", "paged|flash_attention_3"), "architectures": CLASSES,
        "text_config__num_hidden_layers": (200_000, 10**18), "vision_config__depth": (200_000,),
        "vision_config__patch_size": (10**5,), **CODE},
    ("vlm", "preprocessor_config"): {"image_processor_type": CLASSES, "processor_class": CLASSES, **CODE},
    ("vlm", "tokenizer_config"): {"tokenizer_class": CLASSES, **CODE},
    ("vlm", "processor_config"): CODE,
    ("llm", "generation_config"): {
        "max_new_tokens": (10**9,), "stop_strings": (["(a+)+$"] * 1000,), "custom_generate": ("evil/x",), **CODE},
    ("llm", "model.safetensors.index"): {
        "weight_map": ({"a": "../../etc/x.safetensors"}, 7, {"a": ["x"]}, {"a": "/etc/passwd"}, {})},
    ("llm", "tokenizer"): {
        "added_tokens": (many(),), "model__vocab__z": (10**6, 2**33), "model__vocab": ({},),
        "pre_tokenizer": ({"type": "Split", "pattern": REGEX, "behavior": "Isolated", "invert": False},),
        "model": ({"type": "Unigram", "unk_id": 7, "vocab": [["a", NAN]]},), "normalizer": (
            {"type": "Replace", "pattern": REGEX, "content": "x" * 9999},
            {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(b"\xff" * 99).decode()},
            {"type": "Sequence",
             "normalizers": [{"type": "Replace", "pattern": {"String": "e"}, "content": "e" * 30}] * 12})},
    ("vlm", "tokenizer"): {"model__vocab__i": (10**6,), "added_tokens": ([],)},
    ("llm", "tokenizer_config"): {
        "added_tokens_decoder": (lambda: dict(many(lambda one: (one.pop("id"), one))()),),
        "extra_special_tokens": (many(lambda one: one["content"]),), "eos_token": (None, {"content": 7}),
        "chat_template": ([{"name": "default", "template": TEMPLATES["loops"]}],)},
    ("llm", "added_tokens"): {"<x>": (2**33,)},
    ("vlm", "chat_template"): {"chat_template": (7, TEMPLATES["loops"])},
    ("adapter", "adapter_config"): {
        "r": (10**9,), "target_modules": (TREE, ["gone"]), "exclude_modules": (TREE,), "alpha_pattern": ({TREE: 9},),
        "rank_pattern": ({TREE: 9}, {"q_proj": 10**9}), "layers_pattern": ([TREE],), "modules_to_save": ([TREE],),
        "layer_replication": ([[0, 4]] * 100_000,), "megatron_config": ({"a": 1},), "base_model_name_or_path": ("e/x",),
        "auto_mapping": ({"base_model_class": "system", "parent_library": "os"},), "loftq_config": ({"a": 1},),
        "init_lora_weights": ("eva", "loftq", "pissa"), "peft_type": ("PROMPT_TUNING", "XLORA", "EVIL", 7, "ADALORA"),
        "trainable_token_indices": ([10**9],), "layers_to_transform": ([10**9],), "task_type": ("EVIL",), "evil": (1,)},
    ("llm", "entx"): {
        "stage": (7, "vlm"), "budget": (10**18, -1, 1), "style": ("evil", "instruct"), "calibration": ([1],),
        "calibration__temperature": (0, NAN, 1e-320, "1"), "calibration__none_offset": (1e308,),
        "calibration__unseen": (7,), "calibration__correct": ({"slope": 1e308, "offset": 1e308},)},
    ("vlm", "entx"): {
        "pixels": (10**18, -1), "prompt__evil": (1,),
        "prompt__question": (7, "{entity.__class__}", "{entity:>999999999}", "{entity", "<|image_pad|>")},
}
# fmt: on


def keys(name: str, where: str, value: Any) -> Change:
    """A key of a JSON of the folder; "__" leads into objects and lists: text_config__hidden_size."""

    def change(folder: Path) -> None:
        path = folder / name
        inner = content = json.loads(path.read_text()) if path.exists() else {}
        *above, last = where.split("__")
        for key in above:
            inner = inner.setdefault(key, {}) if isinstance(inner, dict) else inner[int(key)]
        inner[last if isinstance(inner, dict) else int(last)] = value() if callable(value) else value
        path.write_text(json.dumps(content))

    return change


def file(name: str, content: str | bytes = b"", make: Change | None = None) -> Change:
    """A file of the folder, made anew."""

    def change(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        if make:
            make(path)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    return change


def tensors(change: Callable[[dict[str, Any]], Any], name: str = WEIGHTS) -> Change:
    """Weights, changed in place."""

    def changed(folder: Path) -> None:
        from safetensors.torch import load_file, save_file

        change(held := load_file(folder / name))
        save_file(held, folder / name, {"format": "pt"})

    return changed


def header(change: Callable[[dict[str, Any], bytes], tuple[str, bytes]]) -> Change:
    """The bytes of a weight file, made of its header and its data."""

    def changed(folder: Path) -> None:
        whole = (folder / WEIGHTS).read_bytes()
        size = int.from_bytes(whole[:8], "little")
        head, data = change(json.loads(whole[8 : 8 + size]), whole[8 + size :])
        (folder / WEIGHTS).write_bytes(len(head).to_bytes(8, "little") + head.encode() + data)

    return changed


# fmt: off
NOTHING = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
OF_WEIGHTS: list[tuple[str, str, Change]] = [
    *[(f"weights {value}", stage, tensors(lambda held, value=value: [one.fill_(value) for one in held.values()]))
      for value in (NAN, float("inf")) for stage in ("llm", "vlm")],
    ("weights one nan", "llm", tensors(lambda held: held[NORM][:1].fill_(NAN))),
    ("weights shape", "llm", tensors(lambda held: held.update({NORM: held[NORM][:7].clone()}))),
    ("weights missing", "llm", tensors(lambda held: held.pop(NORM))),
    ("weights more", "llm", tensors(lambda held: held.update({f"x{n}": held[NORM][:1] + 0 for n in range(200_000)}))),
    ("weights integers", "llm", tensors(lambda held: held.update({name: one.long() for name, one in held.items()}))),
    ("weights truth", "llm", tensors(lambda held: held.update({name: one.bool() for name, one in held.items()}))),
    ("weights eight", "llm", header(lambda head, data: (json.dumps(head).replace("F32", "F8_E4M3"), data))),
    ("weights none", "llm", header(lambda *_: ("{}", b""))),
    ("weights overlap", "llm", header(lambda head, data: (json.dumps({**head, "lm_head.weight": head[NORM]}), data))),
    ("weights cut", "llm", header(lambda head, data: (json.dumps(head), data[:-9]))),
    ("weights header", "llm", header(lambda head, data: (json.dumps(head) + " " * 99_000_000, data))),
    ("weights headers", "llm",
     header(lambda head, data: (json.dumps({**head, **{f"x{n}": NOTHING for n in range(900_000)}}), data))),
    ("weights other", "llm", file("other.safetensors", b"\0" * 8)),
    ("adapter nan", "adapter", tensors(lambda held: [one.fill_(NAN) for one in held.values()], ADAPTED)),
    ("adapter ranks", "adapter", tensors(
        lambda held: held.update({name: one.repeat(2, 1) for name, one in held.items() if "lora_A" in name}), ADAPTED)),
    ("adapter empty", "adapter", tensors(lambda held: held.clear(), ADAPTED)),
    ("adapter form", "adapter", file("adapter_config.json", "[]")),
]
# fmt: on


def leaves(content: Any, *above: str) -> Iterator[str]:
    """Where the values of a JSON stand, as `keys` takes them; a vocabulary is one."""
    if isinstance(content, dict | list) and 0 < len(content) < 100:
        for key, one in content.items() if isinstance(content, dict) else enumerate(content):
            yield from leaves(one, *above, str(key))
    else:
        yield "__".join(above)


def cases(work: Path, seed: int) -> Iterator[tuple[str, str, Change]]:
    """Kind, folder that is changed (llm, vlm, adapter), and how."""
    draw = random.Random(seed)
    for stage in ("llm", "vlm", "adapter"):
        yield "sound", stage, lambda _: None
    pickled = b"cos\nsystem\n(S'touch " + str(MARK).encode() + b"'\ntR."
    for name in PICKLED:
        yield f"pickle {name}", "llm", file(name, pickled)
    for name in CODES:
        yield f"code {name}", "llm", file(name, f"import os; os.system('touch {MARK}')")
    for name in ("x.zip", "x.tar.gz"):
        yield f"archive {name}", "llm", file(name, "PK")
    for kind, name in map(str.split, SPECIAL):
        yield f"special {kind} {name}", "llm", file(name, make=MAKE[kind])
    for stem in ("config", "tokenizer_config", "generation_config", "tokenizer", "special_tokens_map", "entx"):
        for form in FORMS if stem in ("config", "entx") else draw.sample(sorted(FORMS), 6):
            yield f"json {form} {stem}", "llm", file(f"{stem}.json", FORMS[form])
    for name, text in TEMPLATES.items():
        for stage in ("llm", "vlm"):
            yield f"template {name}", stage, file("chat_template.jinja", CHAT + text)
    for path in sorted(work.glob("*/*.json")):
        every = list(leaves(json.loads(path.read_text())))
        for key in draw.sample(every, min(8, len(every))):
            value = draw.choice(DRAWN)
            yield f"drawn {path.name} {key} {value}", path.parent.name, keys(path.name, key, value)
    for (stage, stem), of_file in KEYS.items():
        for key, values in of_file.items():
            for number, value in enumerate(values):
                said = number if callable(value) else str(value)[:30]
                yield f"{stem} {key} {said}", stage, keys(f"{stem}.json", key, value)
    yield "tokenizer gone", "llm", lambda folder: (folder / "tokenizer.json").unlink()
    yield "tokenizer model", "llm", file("tokenizer.model", b"\xff" * 999)
    yield from OF_WEIGHTS


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
    for stage, record in RECORDS.items():
        (work / stage / "entx.json").write_text(json.dumps(record))
    subprocess.run([sys.executable, "-c", STORES, work], check=True)  # no database where processes are forked
    (work / "s.duckdb").rename(work / "vlm.duckdb")


def child(place: Path, command: list[str]) -> None:
    """Becomes `entx ...`, watched."""
    seen = os.open(place / "seen", os.O_WRONLY | os.O_CREAT)
    known = (sys.prefix, sys.base_prefix, str(Path(entx.__file__).parent), "<")

    def hook(event: str, given: tuple[Any, ...]) -> None:
        bad = event in WATCHED
        if event == "exec":
            bad = not str(getattr(given[0], "co_filename", "")).startswith(known)
        elif event == "open" and isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            bad = not str(given[0]).startswith((str(place), "/dev/null"))
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
    of = "vlm" if stage == "vlm" else "llm"
    command = ["predict", "--stage", of, "--store", str(place / f"{of}.duckdb"), "--model", str(place / of), "--json"]
    began, number = time.monotonic(), os.fork()
    if number == 0:
        try:
            child(place, [*command, *(["--adapter", str(place / stage)] if stage == "adapter" else [])])
        except SystemExit as stop:
            os._exit(int(stop.code or 0))
        except BaseException as error:
            sys.excepthook(type(error), error, error.__traceback__)
            os._exit(1)
        os._exit(0)
    while (ended := os.wait4(number, os.WNOHANG))[0] == 0:
        time.sleep(0.02)
        if time.monotonic() - began > 4 * SECONDS:
            os.kill(number, signal.SIGKILL)
    rc, said = os.waitstatus_to_exitcode(ended[1]), (place / "err").read_text(errors="replace")
    line = next((line for line in reversed(said.splitlines()) if line.startswith("entx: ")), said[-300:])
    printed, seen = (place / "out").read_text().splitlines(), (place / "seen").read_text()
    used = ended[2].ru_maxrss * 1024
    if rc in (-signal.SIGXCPU, -signal.SIGKILL):
        outcome = "hang"
    elif "Traceback" in said or rc not in (0, 2):
        outcome = "traceback" if rc == 1 else f"died {rc}"
    elif seen or MARK.exists():
        outcome = "code"
    elif used > MOST or any(word in said for word in ("allocate memory", "MemoryError", "not enough memory")):
        outcome = "memory"
    elif rc == 2:
        outcome = "refused" if line.startswith("entx: ") and str(place) in line else "unnamed"
    else:
        outcome = "answered" if printed and json.loads(printed[-1])["answered"] else "nothing"
    seconds = round(ended[2].ru_utime + ended[2].ru_stime, 2)
    return {"outcome": outcome, "seconds": seconds, "megabytes": used // 10**6, "said": line[:300], "seen": seen[:500]}


def main() -> None:
    """The campaign."""
    parser = arguments(__doc__)
    parser.add_argument("--only", default="", help="part of a kind's name")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    entx.cli.app.all_commands()  # loaded before the processes are forked, as are torch and transformers by `sound`
    for module in READERS:
        importlib.import_module(f"entx.{module}")
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="hostile") as folder:
        work = Path(folder)
        sound(work)
        for number, (kind, stage, change) in enumerate(cases(work, args.seed)):
            if kind != "sound" and args.only not in kind:
                continue
            MARK.unlink(missing_ok=True)
            place = work / str(number)
            of = "vlm" if stage == "vlm" else "llm"
            for one in {stage, of}:
                shutil.copytree(work / one, place / one)
            shutil.copy(work / f"{of}.duckdb", place)
            change(place / stage)
            found.append({"kind": kind, "stage": stage, **give(place, stage)})
            print(*(str(value)[:200] for value in found[-1].values()), sep="  ", flush=True)
            shutil.rmtree(place)
            write_json(args.json, found)
    print(len(found), "folders:", dict(Counter(one["outcome"] for one in found)))


if __name__ == "__main__":
    main()
