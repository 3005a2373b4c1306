"""Code of a Moondream2 folder runs for the named revision and not otherwise; what entx asks of it.

The folder that the tests write is a stand-in of Moondream2's interface, to show whether its code runs and what entx
does with the interface. It says nothing about the published code or weights.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import pre_tokenizers
from transformers import GPT2Tokenizer, PhiConfig, PhiForCausalLM

from entx.core.errors import InputError
from entx.neural.backends.base import Query, Request
from entx.vlm_stage.families.base import family_of
from entx.vlm_stage.families.moondream import IMAGE_TOKENS, Moondream
from entx.vlm_stage.model import PictureModel
from tests.vlm_stage.pictures import HEIGHT, noise
from tests.vlm_stage.tiny_vlms import MERGED, MERGES

REVISION = "0123456789abcdef0123456789abcdef01234567"

CODE = """
import pathlib
import numpy
import torch
from transformers import PhiConfig, PhiForCausalLM, PretrainedConfig, PreTrainedModel

pathlib.Path(__file__).with_name("ran").touch()
pathlib.Path(MARK).touch()


class MoondreamConfig(PretrainedConfig):
    model_type = "moondream1"

    def __init__(self, text=None, **given):
        super().__init__(**given)
        self.text = text or {}


class VisionEncoder(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.projection = torch.nn.Linear(3, width)

    def forward(self, pictures):
        small = [torch.tensor(numpy.array(picture.resize((27, 27)))).flatten(0, 1) for picture in pictures]
        return self.projection(torch.stack(small) / 50 - 2.5)


class Moondream(PreTrainedModel):
    config_class = MoondreamConfig

    def __init__(self, config):
        super().__init__(config)
        self.vision_encoder = VisionEncoder(config.text["hidden_size"])
        self.text_model = PhiForCausalLM(PhiConfig(**config.text))
        self.post_init()
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where transformers copies a folder's code before it imports it."""
    import transformers.dynamic_module_utils

    path = tmp_path / "modules"
    path.mkdir()
    monkeypatch.setattr(transformers.dynamic_module_utils, "HF_MODULES_CACHE", str(path))
    monkeypatch.setattr(sys, "path", [str(path), *sys.path])
    for name in [name for name in sys.modules if name.startswith("transformers_modules")]:
        monkeypatch.delitem(sys.modules, name)
    return path


@pytest.fixture
def folder(tmp_path: Path, cache: Path) -> Path:
    """A folder with code, as `hf download` leaves it."""
    path = tmp_path / "small"
    path.mkdir()
    words = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *MERGED]
    tokenizer = GPT2Tokenizer(vocab={word: number for number, word in enumerate(words)}, merges=MERGES)
    tokenizer.save_pretrained(path)
    text = {
        "vocab_size": len(tokenizer) + 3, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "partial_rotary_factor": 0.5, "initializer_range": 0.2,
        "max_position_embeddings": 2048,
        "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
    }  # fmt: skip
    torch.manual_seed(0)
    parts = torch.nn.ModuleDict(
        {"vision_encoder": torch.nn.ModuleDict({"projection": torch.nn.Linear(3, 32)}),
         "text_model": PhiForCausalLM(PhiConfig(**text))}
    )  # fmt: skip
    from safetensors.torch import save_file

    save_file(parts.state_dict(), path / "model.safetensors", metadata={"format": "pt"})
    (path / "config.json").write_text(
        json.dumps({
            "model_type": "moondream1", "architectures": ["Moondream"], "text": text, "dtype": "float32",
            "auto_map": {"AutoConfig": "moondream.MoondreamConfig", "AutoModelForCausalLM": "moondream.Moondream"},
        })
    )  # fmt: skip
    write_code(path, CODE.replace("MARK", repr(str(tmp_path / "mark"))))
    return path


def write_code(folder: Path, code: str) -> None:
    (folder / "moondream.py").write_text(code)
    content = code.encode()
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    notes = folder / ".cache" / "huggingface" / "download"
    notes.mkdir(parents=True, exist_ok=True)
    (notes / "moondream.py.metadata").write_text(f"{REVISION}\n{blob}\n0\n")


def load(folder: Path) -> Any:
    with pytest.warns(RuntimeWarning, match=f"running the Python code of .*small, revision {REVISION}"):
        return Moondream().load(folder, remote_code=REVISION)


def test_the_configuration_tells_the_family_without_running_code(folder: Path, tmp_path: Path) -> None:
    assert family_of(folder).name == "moondream"
    assert not (tmp_path / "mark").exists()


def test_code_does_not_run_without_a_named_revision(folder: Path, tmp_path: Path, cache: Path) -> None:
    with pytest.raises(InputError, match="entx runs no code of a model folder unless its revision is named") as caught:
        Moondream().load(folder, device="cpu")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "mark").exists()
    assert not list(cache.iterdir())


@pytest.mark.parametrize("revision", ["f" * 40, "main", "2024-08-26"])
def test_code_does_not_run_for_another_revision(folder: Path, tmp_path: Path, revision: str) -> None:
    with pytest.raises(InputError, match="refused before loading"):
        Moondream().load(folder, remote_code=revision)
    assert not (tmp_path / "mark").exists()


def test_changed_code_does_not_run(folder: Path, tmp_path: Path) -> None:
    with (folder / "moondream.py").open("a") as stream:
        stream.write("\nprint()\n")
    with pytest.raises(InputError, match=r"moondream\.py was changed after it was downloaded"):
        Moondream().load(folder, remote_code=REVISION)
    assert not (tmp_path / "mark").exists()


def test_the_codec_needs_no_code(folder: Path, tmp_path: Path) -> None:
    codec = Moondream().codec(folder)
    pixels = codec.pixels([noise(0, 60, 40)])
    prompt = codec.prompt(pixels, "What is the height?")
    assert pixels.tokens == IMAGE_TOKENS
    text = codec.tokenizer.decode(prompt[1 + IMAGE_TOKENS :])
    assert text == "\n\nQuestion: What is the height?\n\nAnswer:"
    assert codec.tokenizer.decode(codec.completion("5 inch")) == " 5 inch"
    assert codec.completion("") == ()
    assert codec.view_size((2000, 1000), 500_000) == (1000, 500)
    assert codec.view_size((100, 50), 500_000) == (100, 50)
    assert codec.view_size((1, 9000), 500) == (1, 2121)
    assert not (tmp_path / "mark").exists()


def test_with_the_revision_named_the_code_runs_and_is_warned_of(folder: Path, tmp_path: Path) -> None:
    loaded = load(folder)
    assert (tmp_path / "mark").exists()
    assert type(loaded.model).__name__ == "Moondream"


def test_answers_are_what_the_parts_compute(folder: Path) -> None:
    """Start of text, picture, question, answer, as the published code puts them together."""
    loaded = load(folder)
    model = PictureModel(Moondream(), loaded.model, loaded.codec)
    asks = (Query("What is the height?", ("5 inch", "none"), HEIGHT), Query("Width?", ("", "1 foot"), HEIGHT))
    batch = [Request((noise(seed, 80, 60),), asks) for seed in range(2)]
    tokenizer, text_model = loaded.codec.tokenizer, loaded.model.text_model
    embed = text_model.get_input_embeddings()
    for asked, of_picture in zip(batch, model.complete(batch, max_tokens=12), strict=True):
        seen = loaded.model.vision_encoder(list(asked.shown))[0]
        for ask, said in zip(asks, of_picture, strict=True):
            question = tokenizer(f"\n\nQuestion: {ask.question}\n\nAnswer:")["input_ids"]
            for completion, score in zip(ask.choices, said.scores, strict=True):
                answer = [*(tokenizer(f" {completion}")["input_ids"] if completion else ()), tokenizer.eos_token_id]
                rows = torch.cat([
                    embed(torch.tensor([tokenizer.bos_token_id])), seen, embed(torch.tensor([*question, *answer]))
                ])  # fmt: skip
                with torch.inference_mode():
                    logits = text_model(inputs_embeds=rows[None]).logits[0].double().log_softmax(-1)
                first = len(rows) - len(answer) - 1
                expected = sum(float(logits[first + place, token]) for place, token in enumerate(answer))
                assert score == pytest.approx(expected, abs=1e-4)
            assert said.text == "none" or said.text[0].isdigit()


def test_several_views_are_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="sees one view of a picture"):
        Moondream().codec(folder).pixels([noise(0, 60, 40), noise(1, 20, 20)])


def test_it_is_not_trained(folder: Path) -> None:
    codec = Moondream().codec(folder)
    for call in (
        lambda: Moondream().lora_targets(None, "language"),
        lambda: codec.batch([], [], prompts=[], left=False),
        lambda: codec.save(folder),
    ):
        with pytest.raises(InputError, match="does not train it"):
            call()


@pytest.mark.parametrize(
    ("change", "said"),
    [(("self.vision_encoder =", "self.vision ="), "has no vision_encoder and text_model"),
     (("import torch\n", "import torch\nimport a_package_that_is_not_there\n"), "a_package_that_is_not_there")],
)  # fmt: skip
def test_code_that_entx_cannot_use_is_told_in_one_line(folder: Path, change: tuple[str, str], said: str) -> None:
    write_code(folder, (folder / "moondream.py").read_text().replace(*change))
    with (
        pytest.warns(RuntimeWarning, match="running the Python code"),
        pytest.raises(InputError, match="the model cannot be loaded: ") as caught,
    ):
        Moondream().load(folder, remote_code=REVISION)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_four_bits_are_refused(folder: Path) -> None:
    with (
        pytest.warns(RuntimeWarning, match="running the Python code"),
        pytest.raises(InputError, match="not loaded in four bits"),
    ):
        Moondream().load(folder, remote_code=REVISION, four_bit=True)
