"""vLLM needs a GPU: a library of its shape records what it is asked; its source, where at hand, is compared."""

from __future__ import annotations

import ast
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from entx.core.errors import InputError
from entx.neural.backends.base import Query, Request
from entx.neural.backends.vllm import MOST_VIEWS, VllmModel, engine_arguments
from entx.vlm_stage.prompt import DEFAULT_CROPS
from tests.llm_stage.tiny_models import tiny_tokenizer

SOURCE = os.environ.get("ENTX_VLLM_SOURCE", "")
"""An unpacked wheel: `pip download "vllm==0.33.*" --no-deps`, then unzip."""


@dataclass
class Wrote:
    text: str
    cumulative_logprob: float


@dataclass
class Output:
    outputs: list[Wrote]
    prompt_logprobs: list[Any] = field(default_factory=list)


@dataclass
class LogProb:
    logprob: float


@dataclass
class Recording:
    """Plays `vllm.LLM`: writes what a pattern spells out, and "5 inch" for any other."""

    arguments: dict[str, Any]
    asked: list[tuple[Any, Any]] = field(default_factory=list)
    calls: int = 0

    def get_tokenizer(self) -> Any:
        return tiny_tokenizer()

    def chat(self, messages: Any, sampling_params: Any, *, use_tqdm: bool, lora_request: Any) -> list[Output]:
        self.calls += 1
        self.asked += zip(messages, sampling_params, strict=True)
        self.lora = lora_request
        return [
            Output([], [None, *({token: LogProb(-0.1)} for token in prompt["prompt_token_ids"][1:])])
            if parameters.get("prompt_logprobs") == 0
            else Output([self._written(parameters)])
            for prompt, parameters in zip(messages, sampling_params, strict=True)
        ]

    def generate(self, prompts: Any, sampling_params: Any, *, use_tqdm: bool, lora_request: Any) -> list[Output]:
        return self.chat(prompts, sampling_params, use_tqdm=use_tqdm, lora_request=lora_request)

    def _written(self, parameters: dict[str, Any]) -> Wrote:
        if parameters["allowed_token_ids"] is not None:
            return Wrote("", -4.0)
        structured = parameters["structured_outputs"]
        spelled = structured["regex"].replace("\\", "") if structured else ""
        literal = bool(spelled) and re.fullmatch(structured["regex"], spelled) is not None
        return Wrote(spelled, -2.0) if literal else Wrote("5 inch", -1.0)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module `vllm` with the classes that are used."""
    made: dict[str, ModuleType] = {
        name: ModuleType(name) for name in ("vllm", "vllm.sampling_params", "vllm.lora", "vllm.lora.request")
    }
    made["vllm"].LLM = lambda **arguments: Recording(arguments)  # type: ignore[attr-defined]
    made["vllm"].SamplingParams = lambda **parameters: parameters  # type: ignore[attr-defined]
    made["vllm.sampling_params"].StructuredOutputsParams = dict  # type: ignore[attr-defined]
    made["vllm.lora.request"].LoRARequest = lambda *given: given  # type: ignore[attr-defined]
    for name, module in made.items():
        monkeypatch.setitem(sys.modules, name, module)
    return made["vllm"]


def picture(width: int) -> Image.Image:
    return Image.new("RGB", (width, 20))


def test_pictures_are_read_in_one_call_with_scores_by_forced_writing(library: ModuleType) -> None:
    model = VllmModel.load(Path("m"), pictures=True)
    batch = [
        Request((picture(30), picture(10)), (Query("Height?", ("none", "1.5 inch"), "[0-9] (inch)|none"),)),
        Request((picture(40),), (Query("Width?", ("",), "([0-9] (inch))?"), Query("Depth?"))),
    ]
    ((height,), (width, depth)) = model.complete(batch)
    assert (height.text, height.log_prob, height.scores) == ("5 inch", -1.0, (-2.0, -2.0))
    assert (width.text, width.scores, depth.scores) == ("5 inch", (-4.0,), ())
    engine: Any = model.engine
    assert engine.calls == 1
    messages = [one[0]["content"] for one, _ in engine.asked]
    assert [part["type"] for part in messages[0]] == ["image_pil", "image_pil", "text"]
    assert messages[0][0]["image_pil"].width == 30
    assert [content[-1]["text"] for content in messages] == ["Height?"] * 3 + ["Width?"] * 2 + ["Depth?"]
    patterns = [one["structured_outputs"] and one["structured_outputs"]["regex"] for _, one in engine.asked]
    assert patterns == ["[0-9] (inch)|none", "none", r"1\.5 inch", "([0-9] (inch))?", None, None]
    end = tiny_tokenizer().eos_token_id
    assert [one["allowed_token_ids"] for _, one in engine.asked] == [None, None, None, None, [end], None]
    assert all(one["temperature"] == 0.0 and one["logprobs"] == 0 for _, one in engine.asked)


def test_nothing_to_read_asks_nothing(library: ModuleType) -> None:
    model = VllmModel.load(Path("m"))
    assert model.complete([]) == []
    assert model.engine.calls == 0


def adapter_of(folder: Path, layer: str) -> Path:
    """An adapter's weights for one layer."""
    save_file({f"base_model.model.model.{layer}.lora_A.weight": np.zeros((2, 2))}, folder / "adapter_model.safetensors")
    return folder


@pytest.mark.parametrize(
    "layer", ["visual.blocks.0.attn.qkv", "vision_tower.encoder.layers.0.q_proj", "connector.modality_projection"]
)
def test_an_adapter_whose_half_vllm_would_leave_out_is_refused(library: ModuleType, tmp_path: Path, layer: str) -> None:
    with pytest.raises(InputError, match=r"changes the vision tower .* merge the adapter"):
        VllmModel.load(Path("m"), adapter=adapter_of(tmp_path, layer), pictures=True)


def test_memory_is_reserved_for_all_views_and_an_adapter_goes_with_every_prompt(
    library: ModuleType, tmp_path: Path
) -> None:
    adapter = adapter_of(tmp_path, "language_model.layers.0.self_attn.q_proj")
    model = VllmModel.load(Path("m"), adapter=adapter, four_bit=True, dtype="bfloat16", pictures=True)
    engine: Any = model.engine
    assert engine.arguments["limit_mm_per_prompt"] == {"image": MOST_VIEWS}
    assert DEFAULT_CROPS.most < MOST_VIEWS
    assert engine.arguments["trust_remote_code"] is False
    assert (engine.arguments["quantization"], engine.arguments["load_format"]) == ("bitsandbytes", "bitsandbytes")
    assert (engine.arguments["dtype"], engine.arguments["max_lora_rank"]) == ("bfloat16", 64)
    model.complete([Request((picture(9),), (Query("?"),))])
    assert engine.lora == ("adapter", 1, str(adapter))
    assert model.name == "m"


def test_a_model_that_vllm_cannot_load_is_one_line(library: ModuleType) -> None:
    def fail(**_: Any) -> Any:
        raise RuntimeError("no GPU\nat all")

    library.LLM = fail  # type: ignore[attr-defined]
    with pytest.raises(InputError, match=r"m: vLLM cannot load the model: no GPU$"):
        VllmModel.load(Path("m"))


def test_pages_are_asked_as_tokens_and_scored_by_their_prompts(library: ModuleType) -> None:
    model = VllmModel.load(Path("m"))
    assert model.library is library
    assert model.adapter is None
    engine: Any = model.engine
    assert engine.arguments["enable_prefix_caching"] is True
    assert "limit_mm_per_prompt" not in engine.arguments
    page = Request("<page>\n", (Query("<q>", ("5", "5 m"), "[0-9] inch"), Query("<a>")))
    ((asked, other),) = model.complete([page])
    assert (asked.text, asked.log_prob, other.scores) == ("5 inch", -1.0, ())
    tokens = tiny_tokenizer()
    prompt = tokens("<page>\n<q>")["input_ids"]
    assert [one["prompt_token_ids"] for one, _ in engine.asked] == [
        prompt, [*prompt, *tokens("5")["input_ids"], tokens.eos_token_id],
        [*prompt, *tokens("5 m")["input_ids"], tokens.eos_token_id], tokens("<page>\n<a>")["input_ids"],
    ]  # fmt: skip
    assert engine.asked[0][1]["structured_outputs"] == {"regex": "[0-9] inch"}
    assert asked.scores == (-0.2, -0.4)  # of two tokens and of four, the end included
    ((scored, _),) = model.complete([page], max_tokens=0)
    assert (scored.text, scored.log_prob, scored.scores) == ("", None, (-0.2, -0.4))


@pytest.mark.skipif(not SOURCE, reason="ENTX_VLLM_SOURCE names no unpacked vllm wheel")
def test_its_classes_take_the_arguments_that_we_give() -> None:
    root = Path(SOURCE) / "vllm"
    given = set(engine_arguments(Path("m"), adapter=Path("a"), four_bit=True)) | {"limit_mm_per_prompt"}
    llm = root / "entrypoints" / "llm.py"
    assert given <= parameters(llm, "LLM", "__init__") | fields(root / "engine" / "arg_utils.py", "EngineArgs")
    assert {"messages", "sampling_params", "use_tqdm", "lora_request"} <= parameters(llm, "LLM", "chat")
    assert {"prompts", "sampling_params", "use_tqdm", "lora_request"} <= parameters(llm, "LLM", "generate")
    sampling = root / "sampling_params.py"
    used = {"max_tokens", "temperature", "logprobs", "prompt_logprobs", "stop_token_ids", "structured_outputs"}
    assert used | {"allowed_token_ids"} <= fields(sampling, "SamplingParams")
    assert "regex" in fields(sampling, "StructuredOutputsParams")
    assert fields(root / "lora" / "request.py", "LoRARequest") >= {"lora_name", "lora_int_id", "lora_path"}
    assert any('"image_pil"' in file.read_text(encoding="utf-8") for file in (root / "entrypoints").rglob("*.py"))


def of_class(path: Path, name: str) -> ast.ClassDef:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == name]
    assert found, f"{path} has no class {name}"
    return found[0]


def parameters(path: Path, owner: str, function: str) -> set[str]:
    """Names of the parameters of a class's function, all its overloads together."""
    found = [one for one in of_class(path, owner).body if isinstance(one, ast.FunctionDef) and one.name == function]
    assert found, f"{owner} has no {function}"
    return {arg.arg for one in found for arg in [*one.args.posonlyargs, *one.args.args, *one.args.kwonlyargs]}


def fields(path: Path, name: str) -> set[str]:
    """Names of the annotated attributes of a class."""
    body = of_class(path, name).body
    return {one.target.id for one in body if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)}
