"""Model folders: what must not be loaded is refused before any library opens it."""

from __future__ import annotations

import base64
import json
import os
import pickle
from pathlib import Path

import pytest
import torch

from entx.core.errors import InputError, PictureError
from entx.neural.model_folder import (
    check_model_folder,
    default_device,
    default_dtype,
    fingerprint,
    half_dtype,
    is_gptq,
    load_model,
    model_hash,
    named_fault,
)
from entx.neural.training.recipe import ModelSettings
from entx.neural.training.trainer import autocast_dtype
from tests.llm_stage.tiny_models import tiny_model


def safetensors(path: Path, shape: tuple[int, ...] = (2, 2), fill: int = 0) -> None:
    count = 4 * shape[0] * shape[1]
    header = json.dumps({"weight": {"dtype": "F32", "shape": shape, "data_offsets": [0, count]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes([fill]) * count)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "model"
    path.mkdir()
    (path / "config.json").write_text('{"model_type": "llama"}')
    (path / "tokenizer.json").write_text("{}")
    (path / "README.md").write_text("card")
    safetensors(path / "model.safetensors")
    return path


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        check_model_folder(path)
    return str(caught.value)


def test_a_plain_folder_passes(folder: Path) -> None:
    found = check_model_folder(folder)
    assert found.path == folder.resolve()
    assert not found.is_adapter


def test_an_adapter_is_told_from_a_model(folder: Path) -> None:
    (folder / "config.json").rename(folder / "adapter_config.json")
    assert check_model_folder(folder).is_adapter


class Bomb:
    """A pickle that leaves a mark when it is loaded."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.mark,)


PICKLED = ("pytorch_model.bin", "x.pt", "x.pth", "x.pkl", "x.PICKLE", "x.ckpt", "x.npy", "x.pt.1")
CODES = ("modeling_x.py", "x.so", "x.pyc")


@pytest.mark.parametrize(
    ("name", "said"),
    [*((name, "may hold pickled code") for name in PICKLED), *((name, "is code") for name in CODES),
     ("weights.zip", "is an archive")],
)  # fmt: skip
def test_pickled_weights_code_and_archives_are_refused_and_never_opened(
    folder: Path, tmp_path: Path, name: str, said: str
) -> None:
    (folder / name).write_bytes(pickle.dumps(Bomb(tmp_path / "mark")))
    assert f"{name} {said}" in refusal(folder)
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("content", [{"auto_map": {"AutoModel": "x.Y"}}, {"a": [{"auto_map": {"A": "b"}}]}])
@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "generation_config.json"])
def test_references_to_code_are_refused(folder: Path, name: str, content: dict[str, object]) -> None:
    (folder / name).write_text(json.dumps(content))
    assert f"{name} asks for code of its own by 'auto_map'" in refusal(folder)


def test_an_empty_auto_map_is_none(folder: Path) -> None:
    (folder / "config.json").write_text('{"auto_map": {}}')
    check_model_folder(folder)


def test_links_are_refused_wherever_they_lead(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.safetensors"
    safetensors(outside)
    (folder / "a.safetensors").symlink_to(outside)
    (folder / "b.json").symlink_to("config.json")
    (folder / "deeper").symlink_to(tmp_path, target_is_directory=True)
    said = refusal(folder)
    for name in ("a.safetensors", "b.json", "deeper"):
        assert f"{name} is a link" in said


def test_special_files_are_refused_without_waiting_for_them(folder: Path) -> None:
    os.mkfifo(folder / "pipe.json")
    assert "pipe.json is no plain file" in refusal(folder)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\x00" * 7, (10**15).to_bytes(8, "little") + b"{}", (4).to_bytes(8, "little") + b"nope",
        (4).to_bytes(8, "little") + b"[12]", pickle.dumps({"a": 1}),
        None,  # the last byte is cut off
    ],
)  # fmt: skip
def test_what_only_calls_itself_safetensors_is_refused(folder: Path, content: bytes | None) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:-1] if content is None else content)
    assert "model.safetensors is not a whole safetensors file: " in refusal(folder)


def test_an_index_names_files_of_the_folder_only(folder: Path) -> None:
    index = {"weight_map": {"a": "model.safetensors", "b": "../other.safetensors", "c": "gone.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    said = refusal(folder)
    assert "'../other.safetensors', which is no safetensors file of this folder" in said
    assert "'gone.safetensors'" in said
    assert "'model.safetensors'" not in said


def test_all_faults_come_in_one_message(folder: Path) -> None:
    (folder / "config.json").unlink()
    (folder / "model.safetensors").unlink()
    (folder / "x.bin").write_bytes(b"")
    (folder / "broken.json").write_text("{")
    said = refusal(folder)
    for part in ("x.bin may hold", "broken.json is no readable JSON", "neither config.json", "no .safetensors weights"):
        assert part in said


def test_deep_json_is_a_refusal_and_no_crash(folder: Path) -> None:
    (folder / "config.json").write_text("[" * 200_000)
    assert "config.json is no readable JSON" in refusal(folder)


def test_no_folder(tmp_path: Path) -> None:
    assert "no such model folder" in refusal(tmp_path / "gone")
    (tmp_path / "file").write_text("")
    assert "no such model folder" in refusal(tmp_path / "file")


def test_the_fingerprint_follows_weights_and_configuration(folder: Path) -> None:
    first = fingerprint(check_model_folder(folder))
    (folder / "README.md").write_text("another card")
    assert fingerprint(check_model_folder(folder)) == first
    safetensors(folder / "model.safetensors", fill=1)
    second = fingerprint(check_model_folder(folder))
    (folder / "config.json").write_text('{"model_type": "mistral"}')
    assert len({first, second, fingerprint(check_model_folder(folder))}) == 3


CODE = b"raise SystemExit\n"


@pytest.fixture
def coded(folder: Path) -> Path:
    """A folder with code, as it is published."""
    (folder / "config.json").write_text('{"model_type": "moondream1", "auto_map": {"AutoConfig": "modeling.Config"}}')
    (folder / "modeling.py").write_bytes(CODE)
    return folder


def test_code_is_refused_but_where_there_is_a_class_of_its_own(coded: Path) -> None:
    assert check_model_folder(coded).path == coded.resolve()
    config = (coded / "config.json").read_text()
    for other in ('"llama"', '["moondream1"]', "{}"):
        (coded / "config.json").write_text(config.replace('"moondream1"', other))
        found = refusal(coded)
        assert "modeling.py is code" in found
        assert "config.json asks for code of its own by 'auto_map'" in found


@pytest.mark.parametrize(
    ("name", "said"),
    [*((name, name) for name in ("native.so", "cached.pyc", "weights.bin", "more.zip")),
     ("generation_config.json", "asks for code of its own by 'trust_remote_code'")],
)  # fmt: skip
def test_everything_else_is_refused_there_too(coded: Path, name: str, said: str) -> None:
    (coded / name).write_text('{"trust_remote_code": true}')
    assert said in refusal(coded)


def test_links_are_refused_there_too(coded: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_bytes(CODE)
    (coded / "linked.py").symlink_to(tmp_path / "outside.py")
    assert "linked.py is a link" in refusal(coded)


KERNELS = ({"_attn_implementation": "evil/kernel"}, {"a": {"attn_implementation": {"": "paged|evil/kernel"}}})


@pytest.mark.parametrize("content", [*KERNELS, {"custom_generate": "evil/code"}, {"megatron_config": {"a": 1}}])
def test_kernels_and_modules_that_a_configuration_names_are_code(folder: Path, content: dict[str, object]) -> None:
    (folder / "config.json").write_text(json.dumps(content))
    assert "config.json asks for code of its own by " in refusal(folder)


@pytest.mark.parametrize("asked", ["flash_attention_2", "paged|sdpa", "unheard_of"])
def test_attention_that_a_configuration_names_is_never_used(folder: Path, asked: str) -> None:
    """Folders of hubs name one that their makers had; that it is not installed here is no fault of theirs."""
    tiny_model("llama").save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    wants = {"_attn_implementation": asked, "experts_implementation": asked}
    (folder / "config.json").write_text(json.dumps({**config, **wants}))
    check_model_folder(folder)
    loaded = load_model("AutoModelForCausalLM", folder, device="cpu").config
    assert (loaded._attn_implementation, loaded._experts_implementation) == ("sdpa", "eager")


@pytest.mark.parametrize("key", ["num_hidden_layers", "n_layer", "depth"])
def test_layers_without_end_are_refused(folder: Path, key: str) -> None:
    (folder / "config.json").write_text(json.dumps({"text_config": {key: 200_000}}))
    assert f"config.json says {key} = 200000, which no model has" in refusal(folder)


TOKENS = [f"<{number}>" for number in range(120_000)]


@pytest.mark.parametrize(
    ("name", "content"),
    [("tokenizer.json", {"added_tokens": TOKENS}), ("tokenizer_config.json", {"extra_special_tokens": TOKENS}),
     ("added_tokens.json", dict.fromkeys(TOKENS, 1)), ("config.json", {"layer_types": TOKENS})],
)  # fmt: skip
def test_more_entries_than_a_library_takes_in_are_refused(folder: Path, name: str, content: object) -> None:
    (folder / name).write_text(json.dumps(content))
    assert f"{name} has 12000" in refusal(folder)


def test_a_large_vocabulary_is_none_of_them(folder: Path) -> None:
    vocabulary = {token: number for number, token in enumerate(TOKENS)}
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": vocabulary}, "added_tokens": []}))
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    check_model_folder(folder)


def test_a_normaliser_neither_grows_nor_reads_beyond_its_table(folder: Path) -> None:
    grows = [{"type": "Replace", "content": "e" * 30} for _ in range(12)]
    table = base64.b64encode(b"\xff" * 99).decode()
    (folder / "tokenizer.json").write_text(json.dumps({"normalizer": [*grows, {"precompiled_charsmap": table}]}))
    assert "has a normaliser whose table is cut off" in refusal(folder)
    assert "has a normaliser that makes texts too long" in refusal(folder)


@pytest.mark.parametrize("content", ["[]", "7", "null", '"llama"'])
def test_a_configuration_is_an_object(folder: Path, content: str) -> None:
    (folder / "config.json").write_text(content)
    assert "config.json is no JSON object" in refusal(folder)


def test_a_folder_with_the_name_of_a_file_is_refused(folder: Path) -> None:
    (folder / "special_tokens_map.json").mkdir()
    (folder / "tokenizer").mkdir()
    assert "special_tokens_map.json is a folder and has the name of a file" in refusal(folder)
    (folder / "special_tokens_map.json").rmdir()
    assert model_hash(folder)


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"peft_type": "XLORA"}, "is of no LoRA adapter"), ({"layer_replication": [[0, 4]]}, "asks for copies of layers"),
     ({"r": 10**9}, "says a rank of 1000000000, the largest of its matrices is of 4"),
     ({"rank_pattern": {"q_proj": 5}}, "says a rank of 5"),
     *(({key: value}, "regular expression that may run for ever") for key, value in (
         ("target_modules", "(a|b)*c"), ("exclude_modules", ".*" * 6), ("alpha_pattern", {"(a+)+": 1}),
         ("modules_to_save", ["(a+)+"])))],
)  # fmt: skip
def test_an_adapter_asks_for_nothing_beyond_its_matrices(folder: Path, changes: dict[str, object], said: str) -> None:
    header = json.dumps({"a.lora_A.weight": {"dtype": "F32", "shape": [4, 2], "data_offsets": [0, 32]}}).encode()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(32))
    sound = {"peft_type": "LORA", "r": 4, "target_modules": ["q_proj"], "exclude_modules": ".*vision.*"}
    (folder / "adapter_config.json").write_text(json.dumps(sound))
    assert check_model_folder(folder).is_adapter
    (folder / "adapter_config.json").write_text(json.dumps({**sound, **changes}))
    assert said in refusal(folder)


class Panic(BaseException):
    """What pyo3 makes of a panic is no Exception."""


@pytest.mark.parametrize("raised", [Panic("at\nthe disco"), IndexError("at"), InputError("at")])
def test_whatever_a_library_says_is_one_line_that_names_the_folder(raised: BaseException) -> None:
    with pytest.raises(InputError) as caught, named_fault(Path("/models/x")):
        raise raised
    assert str(caught.value).startswith("/models/x: ")
    assert str(caught.value).endswith("at")


def test_memory_that_runs_out_is_no_fault_of_the_folder() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(InputError) as caught, named_fault(Path("/models/x"), "the model cannot answer"):
        torch.empty(10**15)
    assert str(caught.value).startswith("/models/x: the model cannot answer: not enough memory for this; close other")


def test_what_ends_the_process_passes_a_folders_faults() -> None:
    with pytest.raises(KeyboardInterrupt), named_fault(Path("/models/x")):
        raise KeyboardInterrupt
    with pytest.raises(PictureError), named_fault(Path("/models/x")):
        raise PictureError("a picture's own")


def test_sixteen_bits_are_those_that_the_gpu_computes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fake stands for the GPU: T4s say that they support bfloat16, unless they are asked without emulation."""
    assert (default_device(), default_dtype("cpu"), half_dtype()) == ("cpu", "float32", "bfloat16")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for native, found in ((True, "bfloat16"), (False, "float16")):
        monkeypatch.setattr(
            torch.cuda,
            "is_bf16_supported",
            lambda including_emulation=True, native=native: native or including_emulation,
        )
        assert half_dtype() == default_dtype(default_device()) == default_dtype("cuda:1") == found
        assert autocast_dtype("auto") == ModelSettings(max_length=32, load="nf4").dtype == found
        assert (default_dtype("cpu"), autocast_dtype("bf16"), autocast_dtype("none")) == (
            "float32",
            "bfloat16",
            "float32",
        )
        assert ModelSettings(max_length=32, load="bf16").dtype == "bfloat16"
        assert ModelSettings(max_length=32, load="fp16").dtype == autocast_dtype("fp16") == "float16"
    assert default_device() == "cuda"
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert default_device() == "cuda:1"


def test_weights_by_gptq_pass_the_checks_and_are_told(folder: Path) -> None:
    assert not is_gptq(folder)
    for method, found in (("gptq", True), ("bitsandbytes", False)):
        config = {"model_type": "llama", "quantization_config": {"quant_method": method, "bits": 4}}
        (folder / "config.json").write_text(json.dumps(config))
        assert is_gptq(check_model_folder(folder).path) is found
