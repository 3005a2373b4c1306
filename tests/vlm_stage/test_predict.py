"""`entx predict --stage vlm` from the command line, with real tiny Qwen2-VL folders."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from entx.vlm_stage.serving import DEFAULT_PIXELS, Serving, write_serving

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError
from entx.core.types import Answer
from entx.neural.calibration import Calibration
from entx.neural.predict import ModelOptions
from entx.storage.runs import load_answers, run_settings
from entx.storage.store import Store
from entx.vlm_stage.model import PictureModel
from entx.vlm_stage.prompt import OWN, PromptForm
from entx.vlm_stage.reader import Mode, open_reader
from tests.cli.runner import Ended, run_entx
from tests.vlm_stage.pages import line, page
from tests.vlm_stage.stores import BAD, Pictured, bad_and_odd, fill, hash_of, label
from tests.vlm_stage.tiny_vlms import tiny_qwen

NAMES = ("item_weight", "height", "width")
PICTURES = 7
PIXELS = 100 * 100


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_qwen("qwen2_vl", tmp_path_factory.mktemp("model") / "tiny", seed=4)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven labels with three questions each, two of them read by OCR, and the bad and odd files."""
    folder = tmp_path_factory.mktemp("labels")
    made, pages = [], {}
    for n in range(PICTURES):
        file = label(folder / f"{n}.png", f"NET WT {n + 1} g", (120 + 40 * n, 90))
        made.append(Pictured(file.name, NAMES))
        if n < 2:
            picture = hash_of(file)
            pages[picture] = page((120 + 40 * n, 90), line(f"NET WT {n + 1} g", 8, 30, 100, 16), picture=picture)
    path = fill(folder, [*made, *bad_and_odd(folder)], pages)
    (folder / "gone.jpg").unlink()
    return path


QUESTIONS = 3 * PICTURES + 20


@pytest.fixture
def store(filled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(filled, tmp_path / "s.duckdb"))


def predict(capsys: pytest.CaptureFixture[str], store: Path, *arguments: object) -> Ended:
    return run_entx(capsys, "predict", "--stage", "vlm", "--store", store, "--threads", 1, *arguments)


def answers(path: Path, run: str = "vlm") -> dict[int, Answer]:
    with Store(path) as store:
        return dict(load_answers(store, run))


def quantities(path: Path, run: str = "vlm") -> dict[int, object]:
    return {index: answer.quantity for index, answer in answers(path, run).items()}


def table(path: Path) -> dict[int, str]:
    with path.open() as stream:
        return {int(row["index"]): row["prediction"] for row in csv.DictReader(stream)}


@pytest.mark.parametrize("mode", ["free", "candidates"])
def test_every_question_gets_a_legal_answer_or_a_reason(
    store: Path, model: Path, mode: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = store.parent / "p.csv"
    arguments = ("--model", model, "--pixels", PIXELS, "--mode", mode, "--out", out, "--json")
    ended = predict(capsys, store, *arguments)
    assert ended.code == 0, ended.err
    result = json.loads(ended.out)
    assert (result["run"], result["read"], result["asked"]) == ("vlm", QUESTIONS, QUESTIONS)
    assert result["counts"]["without_picture"] == 2 * len(BAD)
    found = answers(store)
    written = table(out)
    assert len(written) == QUESTIONS
    for index, answer in found.items():
        assert (answer.quantity is None) == bool(answer.reason), index
        assert written[index] == (answer.quantity.text if answer.quantity else "")
        assert answer.log_prob is not None or answer.reason.startswith("picture: ")
    assert json.loads(predict(capsys, store, *arguments).out)["read"] == 0


def test_answers_do_not_depend_on_what_is_read_beside(
    store: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predict(capsys, store, "--model", model, "--pixels", PIXELS)
    predict(capsys, store, "--model", model, "--pixels", PIXELS, "--batch", 1, "--run", "alone")
    together, alone = answers(store), answers(store, "alone")
    assert {index: answer.text for index, answer in together.items()} == {i: a.text for i, a in alone.items()}
    for index, answer in together.items():
        if answer.log_prob is not None:
            assert answer.log_prob == pytest.approx(alone[index].log_prob, abs=1e-3)


def test_shards_then_merge_are_the_whole(
    store: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = tmp_path / "whole.csv"
    predict(capsys, store, "--model", model, "--pixels", PIXELS, "--run", "whole", "--out", whole)
    parts = []
    for number in (1, 2):
        copy = Path(shutil.copy(store, tmp_path / f"{number}.duckdb"))
        parts.append(tmp_path / f"part{number}.csv")
        ended = predict(
            capsys, copy, "--model", model, "--pixels", PIXELS, "--shards", f"{number}/2", "--out", parts[-1], "--json"
        )
        assert ended.code == 0, ended.err
        result = json.loads(ended.out)
        assert result["read"] == result["asked"] == len(table(parts[-1])) < QUESTIONS
    merged = tmp_path / "merged.csv"
    assert run_entx(capsys, "merge", *parts, "--test", whole, "--out", merged).code == 0
    assert merged.read_text() == whole.read_text()
    ended = run_entx(capsys, "merge", parts[0], "--test", whole, "--out", tmp_path / "half.csv")
    assert ended.code == 2
    assert "are in no part" in ended.err


def test_crops_are_another_run_and_recorded(store: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--model", model, "--pixels", 60 * 60)
    predict(capsys, store, *arguments)
    ended = predict(capsys, store, *arguments, "--crops")
    assert ended.code == 2
    assert "crops was None" in ended.err
    result = json.loads(predict(capsys, store, *arguments, "--crops", "--run", "close", "--json").out)
    assert result["asked"] == QUESTIONS
    with Store(store) as opened:
        assert run_settings(opened, "close")["crops"]["most"] == 6
        assert run_settings(opened, "vlm")["crops"] is None


def test_what_is_read_by_ocr_grounds_the_answer(store: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    predict(capsys, store, "--model", model, "--pixels", PIXELS, "--mode", "candidates")
    grounded = {index for index, answer in answers(store).items() if answer.evidence.line_ids}
    assert grounded <= {0, 3}  # the weights of the two pictures that have a page


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--stage vlm needs a model folder: --model DIR"),
        (["--model", "nowhere"], "nowhere: no such model folder"),
        (["--model", "m", "--backend", "magic"], "known are transformers, unsloth, vllm, openai"),
        (["--model", "m", "--mode", "loud"], "known are free, candidates"),
        (["--model", "m", "--dtype", "int3"], "known are float32, bfloat16"),
        (["--model", "m", "--pixels", "100"], "a picture takes at least 3136"),
        (["--model", "m", "--shards", "5/4"], "expected PART/PARTS"),
        (["--model", "m", "--base-url", "http://localhost:1/v1"], "--base-url is for --backend openai"),
        (["--model", "m", "--hint-run", "rules"], "--hint-run: not of --stage vlm"),
        (["--model", "m", "--engine", "paddleocr"], "no such model folder"),
        (["--model", "m", "--backend", "vllm", "--remote-code", "a"], "is for the backends transformers and unsloth"),
        (["--backend", "openai"], "needs --base-url"),
        (["--backend", "openai", "--base-url", "http://h/v1", "--four-bit"], "the server has its own"),
        (["--backend", "openai", "--base-url", "http://h/v1", "--mode", "candidates"], "no server scores"),
    ],
)
def test_wrong_options_are_one_line(
    store: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = predict(capsys, store, *arguments)
    assert ended.code == 2
    assert said in ended.err
    assert len(ended.err.strip().splitlines()) == 1


def test_options_of_the_vision_stage_are_refused_elsewhere(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for stage in ("llm", "rules"):
        ended = run_entx(capsys, "predict", "--stage", stage, "--store", store, "--crops", "--shards", "1/2")
        assert ended.code == 2
        assert f"--crops, --shards: not of --stage {stage}" in ended.err


def test_pages_of_an_engine_that_the_store_lacks_are_told(
    store: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = predict(capsys, store, "--model", model, "--engine", "paddleocr")
    assert ended.code == 2
    assert "holds no pages of paddleocr" in ended.err


def test_vllm_that_is_not_installed_is_one_line(store: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ended = predict(capsys, store, "--model", model, "--backend", "vllm")
    assert ended.code == 2
    assert "--backend vllm needs vLLM, in an environment of its own" in ended.err


@pytest.mark.parametrize(
    ("file", "content"),
    [("pytorch_model.bin", b"x"), ("modeling.py", b"x"), ("more.json", b'{"auto_map": {"AutoModel": "m.M"}}')],
)
def test_a_folder_with_pickle_or_code_is_refused(
    store: Path, model: Path, tmp_path: Path, file: str, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = Path(shutil.copytree(model, tmp_path / "bad"))
    (bad / file).write_bytes(content)
    ended = predict(capsys, store, "--model", bad)
    assert ended.code == 2
    assert f"refused before loading: {file}" in ended.err


@pytest.mark.parametrize(
    ("revision", "said"),
    [("main", "a branch or a tag may move"), ("0" * 40, "modeling.py does not say of which revision it is")],
)
def test_code_of_a_revision_that_cannot_be_told_is_refused(
    store: Path, model: Path, tmp_path: Path, revision: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = Path(shutil.copytree(model, tmp_path / "bad"))
    (bad / "modeling.py").write_text("raise SystemExit")
    ended = predict(capsys, store, "--model", bad, "--remote-code", revision)
    assert ended.code == 2
    assert said in ended.err


def test_a_text_model_in_the_place_of_a_vision_model_is_told(
    store: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Path(shutil.copytree(model, tmp_path / "other"))
    (other / "entx.json").write_text('{"style": "compact", "prompt_version": 1, "budget": 4}')
    ended = predict(capsys, store, "--model", other)
    assert ended.code == 2
    assert "its entx.json is of a text model; ask it by --stage llm" in ended.err


def test_a_model_folder_says_how_it_is_asked(model: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(model, tmp_path / "own"))
    reader, look, settings = open_reader(ModelOptions(str(own)), CHALLENGE)
    assert (reader.serving.form, reader.mode, look.pixels) == (OWN, Mode.FREE, DEFAULT_PIXELS)
    assert look.crops is None
    write_serving(own, Serving(PromptForm("{entity}?", ""), 7_000, Calibration()))
    reader, look, again = open_reader(ModelOptions(str(own)), CHALLENGE)
    assert (reader.serving.form.question, reader.mode, look.pixels) == ("{entity}?", Mode.CANDIDATES, 7_000)
    assert settings == again
    reader, look, _ = open_reader(ModelOptions(str(own), mode="free", pixels=9_000, crops=True), CHALLENGE)
    assert (reader.mode, look.pixels) == (Mode.FREE, 9_000)
    assert look.crops is not None


@pytest.mark.parametrize("options", [{"dtype": "bfloat16"}, {"four_bit": True}])
def test_coarser_numbers_are_recorded(model: Path, options: dict[str, Any]) -> None:
    reader, _, settings = open_reader(ModelOptions(str(model), **options), CHALLENGE)
    ((key, value),) = options.items()
    assert settings[key] == value
    assert isinstance(reader.model, PictureModel)
    exact, _, _ = open_reader(ModelOptions(str(model)), CHALLENGE)
    assert isinstance(exact.model, PictureModel)
    kinds = [{weight.dtype for weight in one.model.model.parameters()} for one in (reader, exact)]
    assert kinds[0] != kinds[1]


def test_unsloth_falls_back_with_a_notice_and_the_record_says_so(model: Path) -> None:
    told: list[str] = []
    _, _, settings = open_reader(ModelOptions(str(model), backend="unsloth"), CHALLENGE, told.append)
    assert settings["backend"] == "transformers"
    assert len(told) == 1
    assert "unsloth cannot be used here" in told[0]


def test_an_adapter_changes_answers_and_the_hash(model: Path, tmp_path: Path) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForImageTextToText

    adapter = tmp_path / "adapter"
    base = AutoModelForImageTextToText.from_pretrained(model)
    tuned = get_peft_model(base, LoraConfig(r=2, target_modules=r".*language_model.*(q_proj|v_proj)"))
    with torch.no_grad():
        for name, weight in tuned.named_parameters():
            if "lora_" in name:
                weight.normal_(0.0, 1.0)
    tuned.save_pretrained(adapter)
    write_serving(adapter, Serving(pixels=5_000))
    _, bare_look, bare = open_reader(ModelOptions(str(model)), CHALLENGE)
    _, look, both = open_reader(ModelOptions(str(model), adapter), CHALLENGE)
    assert bare["weights"] != both["weights"]
    assert (bare_look.pixels, look.pixels) == (DEFAULT_PIXELS, 5_000)
    with pytest.raises(InputError, match="holds an adapter: name its base by --model"):
        open_reader(ModelOptions(str(adapter)), CHALLENGE)
    with pytest.raises(InputError, match="holds a whole model, not an adapter"):
        open_reader(ModelOptions(str(model), model), CHALLENGE)
