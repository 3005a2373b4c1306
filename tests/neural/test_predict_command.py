"""`entx predict --stage llm|vlm` and `entx calibrate`, with real tiny models in folders."""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError
from entx.core.types import Answer
from entx.llm_stage import prompt as text_prompt
from entx.llm_stage import reader as text_reader
from entx.llm_stage.prompt import Style
from entx.neural.backends.base import Query, Request
from entx.neural.calibration import Calibration
from entx.neural.model_folder import model_hash
from entx.neural.predict import Mode, ModelOptions, write_serving
from entx.storage.runs import load_answers, run_settings
from entx.storage.store import Store
from entx.vlm_stage import prompt as vision_prompt
from entx.vlm_stage import reader as vision_reader
from entx.vlm_stage.prompt import DEFAULT_PIXELS, OWN, PromptForm
from tests.cli.runner import Ended, run_entx
from tests.llm_stage.tiny_models import tiny_model, tiny_tokenizer
from tests.neural.backends.played_server import playing
from tests.neural.test_predict import fill_pages
from tests.vlm_stage.pages import line, page
from tests.vlm_stage.stores import BAD, Pictured, bad_and_odd, fill, hash_of, label
from tests.vlm_stage.tiny_vlms import tiny_qwen

STAGES = ("llm", "vlm")
NAMES = ("item_weight", "height", "width")
PAGES, PICTURES, PIXELS = 12, 7, 100 * 100
QUESTIONS = {"llm": 2 * PAGES, "vlm": 3 * PICTURES + 20}
UNSHOWN = {"llm": ("without_page", 2), "vlm": ("without_picture", 2 * (len(BAD) - 1))}
OPEN = {"llm": text_reader.open_reader, "vlm": vision_reader.open_reader}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Model folders as a training leaves them."""
    folder = tmp_path_factory.mktemp("models")
    tiny_model("llama", seed=3, hidden_size=64, intermediate_size=128).save_pretrained(folder / "llm")
    tiny_tokenizer().save_pretrained(folder / "llm")
    described = {"style": "compact", "prompt_version": 1, "budget": 300, "base": {}}
    (folder / "llm" / "entx.json").write_text(json.dumps(described))
    return {"llm": folder / "llm", "vlm": tiny_qwen("qwen2_vl", folder / "vlm", seed=4)}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """llm: see `fill_pages`. vlm: seven labels, OCR has read two; bad and odd files, none of them gone."""
    folder = tmp_path_factory.mktemp("stores")
    text = fill_pages(folder / "pages.duckdb")
    made, read = [], {}
    for n in range(PICTURES):
        file = label(folder / f"{n}.png", f"NET WT {n + 1} g", (120 + 40 * n, 90))
        made.append(Pictured(file.name, NAMES))
        if n < 2:
            picture = hash_of(file)
            read[picture] = page((120 + 40 * n, 90), line(f"NET WT {n + 1} g", 8, 30, 100, 16), picture=picture)
    path = fill(folder, [*made, *bad_and_odd(folder)], read)
    return {"llm": text, "vlm": path}


@pytest.fixture
def stores(filled: dict[str, Path], tmp_path: Path) -> dict[str, Path]:
    return {stage: Path(shutil.copy(path, tmp_path / f"{stage}.duckdb")) for stage, path in filled.items()}


TIES = {("llm", "candidates"): 0, ("llm", "free"): 0, ("vlm", "candidates"): 0, ("vlm", "free"): 0}
"""Questions to which the tiny models have two answers as probable to four digits."""

Predict = Callable[..., Ended]


@pytest.fixture
def predict(stores: dict[str, Path], models: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> Predict:
    """Runs the command on the stage's store with its model, unless told otherwise."""

    def run(stage: str, *arguments: object, model: object = "", store: Path | None = None) -> Ended:
        given = [] if model is None else ["--model", model or models[stage]]
        if stage == "vlm" and "--pixels" not in arguments and model == "":
            given += ["--pixels", PIXELS]
        where = ("--stage", stage, "--store", store or stores[stage])
        return run_entx(capsys, "predict", *where, *given, *arguments)

    return run


def answers(path: Path, run: str = "vlm") -> dict[int, Answer]:
    with Store(path) as store:
        return dict(load_answers(store, run))


def quantised(model: Path, folder: Path) -> Path:
    """A copy whose configuration says what a folder of GPTQ weights says."""
    shutil.copytree(model, folder)
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "gptq", "bits": 4, "group_size": 128, "sym": True, "dataset": None}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def run_settings_of(path: Path, run: str) -> dict[str, Any]:
    with Store(path) as store:
        return run_settings(store, run)


def refused(ended: Ended, *said: str) -> None:
    """With one line that says so."""
    assert (ended.code, len(ended.err.strip().splitlines())) == (2, 1), ended.err
    assert all(part in ended.err for part in said), ended.err


def table(path: Path) -> dict[int, str]:
    with path.open() as stream:
        return {int(row["index"]): row["prediction"] for row in csv.DictReader(stream)}


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("stage", STAGES)
def test_every_question_gets_a_legal_answer_or_a_reason(
    stores: dict[str, Path], predict: Predict, stage: str, mode: str
) -> None:
    out = stores[stage].parent / "p.csv"
    arguments = ("--mode", mode, "--threads", 1, "--out", out, "--json")
    ended = predict(stage, *arguments)
    assert ended.code == 0, ended.err
    result, count = json.loads(ended.out), QUESTIONS[stage]
    assert (result["run"], result["read"], result["asked"]) == (stage, count, count)
    name, unshown = UNSHOWN[stage]
    assert result["counts"][name] == unshown
    written = table(out)
    assert len(written) == count
    for index, answer in answers(stores[stage], stage).items():
        assert (answer.quantity is None) == bool(answer.reason), index
        assert written[index] == (answer.quantity.text if answer.quantity else "")
        if stage == "vlm":
            assert answer.log_prob is not None or answer.reason.startswith("picture: ")
        elif mode == "candidates" and answer.quantity is not None:
            assert answer.evidence.line_ids == (0,)
    assert json.loads(predict(stage, *arguments).out)["read"] == 0


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("stage", STAGES)
def test_float16_answers_as_float32_does(stores: dict[str, Path], predict: Predict, stage: str, mode: str) -> None:
    """But for ties: what float16 answers otherwise is as probable as what float32 answers, to what float16 rounds."""
    for dtype in ("float32", "float16"):
        ended = predict(stage, "--mode", mode, "--dtype", dtype, "--run", dtype, "--threads", 1)
        assert ended.code == 0, ended.err
    wide, half = answers(stores[stage], "float32"), answers(stores[stage], "float16")
    assert run_settings_of(stores[stage], "float16")["dtype"] == "float16"
    other = [index for index, answer in wide.items() if answer.quantity != half[index].quantity]
    assert len(other) <= TIES[stage, mode]
    rounded = 0
    for index, answer in wide.items():
        if answer.log_prob is not None:
            assert half[index].log_prob == pytest.approx(answer.log_prob, rel=1e-3, abs=0.05), index
            rounded += half[index].log_prob != answer.log_prob
    assert rounded > 5  # it was another arithmetic


def test_answers_do_not_depend_on_what_is_read_beside(stores: dict[str, Path], predict: Predict) -> None:
    predict("vlm")
    predict("vlm", "--batch", 1, "--run", "alone")
    together, alone = answers(stores["vlm"]), answers(stores["vlm"], "alone")
    assert {index: answer.text for index, answer in together.items()} == {i: a.text for i, a in alone.items()}
    for index, answer in together.items():
        if answer.log_prob is not None:
            assert answer.log_prob == pytest.approx(alone[index].log_prob, abs=1e-3)


def test_crops_are_another_run_and_recorded(stores: dict[str, Path], predict: Predict) -> None:
    arguments = ("--pixels", 60 * 60)
    predict("vlm", *arguments)
    refused(predict("vlm", *arguments, "--crops"), "crops was None")
    assert json.loads(predict("vlm", *arguments, "--crops", "--run", "close", "--json").out)["asked"] == 41
    with Store(stores["vlm"]) as opened:
        assert run_settings(opened, "close")["crops"]["most"] == 6
        assert run_settings(opened, "vlm")["crops"] is None


def test_what_is_read_by_ocr_grounds_the_answer(stores: dict[str, Path], predict: Predict) -> None:
    predict("vlm", "--mode", "candidates")
    grounded = {index for index, answer in answers(stores["vlm"]).items() if answer.evidence.line_ids}
    assert grounded <= {0, 3}  # the weights of the two pictures that have a page


M = ["--model", "m"]
SERVER = ["--backend", "openai", "--base-url", "http://h/v1"]
WRONG = {
    "llm": [
        (["--backend", "magic"], "known are transformers, vllm, openai"),
        (["--backend", "openai", "--base-url", "file:///etc/passwd"], "expected http://"),
        (["--model", "nowhere"], "no such model folder"),
    ],
    "vlm": [
        ([], "--stage vlm needs a model folder: --model DIR"),
        (["--model", "nowhere"], "nowhere: no such model folder"),
        ([*M, "--backend", "magic"], "known are transformers, unsloth, vllm, openai"),
        ([*M, "--pixels", "100"], "a picture takes at least 3136"),
        ([*M, "--hint-run", "rules"], "--hint-run: not of --stage vlm"),
        ([*M, "--engine", "paddleocr"], "no such model folder"),
        ([*SERVER, "--mode", "candidates"], "no server scores"),
    ],
    "rules": [([*M, "--hint-run", "x"], "--model, --hint-run: not of --stage rules")],
}  # fmt: skip
BOTH = [
    ([*M, "--mode", "loud"], "known are candidates, free"), ([*M, "--dtype", "int3"], "float32, bfloat16, float16"),
    ([*M, "--base-url", "http://localhost:1/v1"], "--base-url is for --backend openai"),
    (["--backend", "openai"], "needs --base-url"), ([*SERVER, "--four-bit"], "the server has its own"),
]  # fmt: skip
ELSEWHERE = (["--crops", "--pixels", "9000"], "--pixels, --crops: not of --stage ")
CASES = [
    *((stage, *one) for stage, some in WRONG.items() for one in some),
    *((stage, *one) for stage in STAGES for one in BOTH),
    *((stage, ELSEWHERE[0], ELSEWHERE[1] + stage) for stage in ("llm", "rules")),
]  # fmt: skip


@pytest.mark.parametrize(("stage", "arguments", "said"), CASES)
def test_wrong_options_are_one_line(
    stores: dict[str, Path], stage: str, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store = stores[stage if stage in STAGES else "llm"]
    refused(run_entx(capsys, "predict", "--stage", stage, "--store", store, *arguments), said)


def test_pages_of_an_engine_that_the_store_lacks_are_told(predict: Predict) -> None:
    refused(predict("vlm", "--engine", "paddleocr"), "holds no pages of paddleocr")


@pytest.mark.parametrize("torch_too", [False, True])
@pytest.mark.parametrize("stage", STAGES)
def test_vllm_that_is_not_installed_is_one_line(
    predict: Predict, stage: str, torch_too: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("vllm", *(["torch", "transformers"] if torch_too else [])):
        monkeypatch.setitem(sys.modules, name, None)
    refused(predict(stage, "--backend", "vllm"), "--backend vllm needs vLLM, in an environment of its own")


@pytest.mark.parametrize("stage", STAGES)
def test_gptq_without_its_libraries_is_one_line(
    predict: Predict, models: dict[str, Path], tmp_path: Path, stage: str
) -> None:
    packed = quantised(models[stage], tmp_path / "packed")
    refused(predict(stage, model=packed), f"{packed}: its weights are quantised by GPTQ; without gptqmodel and optimum")
    refused(predict(stage, "--four-bit", model=packed), "leave out --four-bit")


@pytest.mark.parametrize("stage", STAGES)
def test_torch_that_is_not_installed_is_one_line(predict: Predict, stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    refused(predict(stage), f"--stage {stage} needs torch and transformers", f"entx-hybrid[{stage}]")


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(
    ("file", "content"),
    [("pytorch_model.bin", b"x"), ("modeling.py", b"x"), ("more.json", b'{"auto_map": {"AutoModel": "m.M"}}')],
)
def test_a_folder_with_pickle_or_code_is_refused(
    predict: Predict, models: dict[str, Path], tmp_path: Path, stage: str, file: str, content: bytes
) -> None:
    bad = Path(shutil.copytree(models[stage], tmp_path / "bad"))
    (bad / file).write_bytes(content)
    refused(predict(stage, model=bad), f"refused before loading: {file}")


TEXT_FILE = {"style": "compact", "prompt_version": 1, "budget": 4}


def test_a_model_of_the_other_stage_is_told(predict: Predict, models: dict[str, Path], tmp_path: Path) -> None:
    texts, pictures = (Path(shutil.copytree(models[stage], tmp_path / stage)) for stage in STAGES)
    (pictures / "entx.json").write_text(json.dumps(TEXT_FILE))
    (texts / "entx.json").write_text(json.dumps(vision_prompt.Serving().as_dict()))
    refused(predict("vlm", model=pictures), "its entx.json is of a text model; ask it by --stage llm")
    refused(predict("llm", model=texts), "its entx.json is of a vision-language model; ask it by --stage vlm")


@pytest.mark.parametrize(("stage", "module"), [("llm", text_prompt), ("vlm", vision_prompt)])
def test_what_a_model_folder_says_is_read_or_told(stage: str, module: Any, tmp_path: Path) -> None:
    made = {"llm": text_prompt.Serving(Style.COMPACT, 300), "vlm": vision_prompt.Serving(PromptForm("?"), 9)}[stage]
    assert module.read_serving(tmp_path) == module.Serving()
    write_serving(tmp_path, made.as_dict())
    assert module.read_serving(tmp_path) == made
    (tmp_path / "entx.json").write_text(json.dumps({**made.as_dict(), "prompt_version": 99}))
    with pytest.raises(InputError, match="prompts of version 99"):
        module.read_serving(tmp_path)
    loud = json.dumps({**made.as_dict(), "style": "loud", "prompt": {"loud": 1}})
    fitted = Calibration().as_dict()
    wrong: list[tuple[str, object]] = [("temperature", 0), ("temperature", "1"), ("none_offset", {}), ("f1", math.nan)]
    wrong += [("correct", 7), ("present", {"x": 1})]
    calibrated = [json.dumps({**made.as_dict(), "calibration": {**fitted, key: one}}) for key, one in wrong]
    odd = json.dumps({**made.as_dict(), "style": "odd", "prompt": {"question": "{entity.__class__}"}})
    for text in ("", "[]", "[" * 100_000, loud, odd, json.dumps({"stage": stage, "style": "compact"}), *calibrated):
        (tmp_path / "entx.json").write_text(text)
        with pytest.raises(InputError, match=f"^{tmp_path}: (its entx.json is not readable|prompt.question has)"):
            module.read_serving(tmp_path)
    (tmp_path / "entx.json").unlink()
    os.mkfifo(tmp_path / "entx.json")
    with pytest.raises(InputError, match="is no plain file"):
        module.read_serving(tmp_path)


def test_a_calibration_is_written_beside_what_stands_there_and_leaves_the_weights_hash(
    models: dict[str, Path], tmp_path: Path
) -> None:
    own = Path(shutil.copytree(models["llm"], tmp_path / "own"))
    before, calibration = model_hash(own), Calibration(temperature=1.7, f1=0.8, rows=9)
    write_serving(own, replace(text_prompt.read_serving(own), calibration=calibration).as_dict())
    assert text_prompt.read_serving(own) == text_prompt.Serving(Style.COMPACT, 300, calibration)
    assert json.loads((own / "entx.json").read_text())["base"] == {}
    assert model_hash(own) == before
    (own / "README.md").write_text("a card")
    assert model_hash(own) == before
    (own / "config.json").write_text("{}")
    assert model_hash(own) != before


def test_the_default_mode_follows_the_calibration(models: dict[str, Path], predict: Predict, tmp_path: Path) -> None:
    own = Path(shutil.copytree(models["vlm"], tmp_path / "own"))
    reader, settings = vision_reader.open_reader(ModelOptions(str(own)), CHALLENGE)
    look = reader.look
    assert (reader.serving.form, reader.mode, look.pixels, look.crops) == (OWN, Mode.FREE, DEFAULT_PIXELS, None)
    calibrated = vision_prompt.Serving(PromptForm("{entity}?", ""), 7_000, Calibration())
    write_serving(own, calibrated.as_dict())
    reader, again = vision_reader.open_reader(ModelOptions(str(own)), CHALLENGE)
    assert (reader.serving.form.question, reader.mode, reader.look.pixels) == ("{entity}?", Mode.CANDIDATES, 7_000)
    assert settings == again
    reader, _ = vision_reader.open_reader(ModelOptions(str(own), mode="free", pixels=9_000, crops=True), CHALLENGE)
    assert (reader.mode, reader.look.pixels) == (Mode.FREE, 9_000)
    assert reader.look.crops is not None
    with playing(lambda _: (200, {})) as (_, url):  # a server cannot score, whatever is known of its model
        options = ModelOptions(str(own), backend="openai", base_url=url)
        assert vision_reader.open_reader(options, CHALLENGE)[0].mode is Mode.FREE
    reader_of_text, _ = text_reader.open_reader(ModelOptions(str(models["llm"])), CHALLENGE)
    assert reader_of_text.mode is Mode.CANDIDATES


@pytest.mark.parametrize("calibrated", [False, True])
def test_the_command_reaches_the_default_mode(
    calibrated: bool, predict: Predict, stores: dict[str, Path], models: dict[str, Path], tmp_path: Path
) -> None:
    own = Path(shutil.copytree(models["vlm"], tmp_path / "own"))
    serving = vision_prompt.Serving(pixels=3_200, calibration=Calibration() if calibrated else None)
    write_serving(own, serving.as_dict())
    assert predict("vlm", "--quiet", model=own).code == 0
    with Store(stores["vlm"]) as opened:
        assert run_settings(opened, "vlm")["mode"] == ("candidates" if calibrated else "free")


def score(reader: Any) -> float:
    shown: Any = "<page>\n" if reader.stage == "llm" else (label_image(reader),)
    ((found,),) = reader.model.complete([Request(shown, (Query("<q> height<a>", ("5 inch",)),))], max_tokens=0)
    return float(found.scores[0])


def label_image(reader: Any) -> Any:
    from PIL import Image

    return Image.new("RGB", reader.model.view_size((56, 56), 3136))


@pytest.mark.parametrize("stage", STAGES)
def test_an_adapter_changes_answers_and_the_hash_and_says_how_it_is_asked(
    models: dict[str, Path], tmp_path: Path, stage: str
) -> None:
    import transformers
    from peft import LoraConfig, get_peft_model

    folder, adapter = models[stage], tmp_path / "adapter"
    kind = {"llm": "AutoModelForCausalLM", "vlm": "AutoModelForImageTextToText"}[stage]
    targets: Any = {"llm": ["q_proj", "v_proj"], "vlm": r".*language_model.*(q_proj|v_proj)"}[stage]
    tuned = get_peft_model(
        getattr(transformers, kind).from_pretrained(folder), LoraConfig(r=2, target_modules=targets)
    )  # fmt: skip
    with torch.no_grad():
        for name, weight in tuned.named_parameters():
            if "lora_" in name:
                weight.normal_(0.0, 1.0)
    tuned.save_pretrained(adapter)
    made = {"llm": text_prompt.Serving(Style.COMPACT, 99), "vlm": vision_prompt.Serving(pixels=5_000)}[stage]
    write_serving(adapter, made.as_dict())
    bare, bare_settings = OPEN[stage](ModelOptions(str(folder)), CHALLENGE)
    both, both_settings = OPEN[stage](ModelOptions(str(folder), adapter), CHALLENGE)
    assert score(bare) != pytest.approx(score(both), abs=0.01)
    assert bare_settings["weights"] != both_settings["weights"]
    assert bare.serving != both.serving == made
    if stage == "vlm":
        assert [one.look.pixels for one in (bare, both)] == [DEFAULT_PIXELS, 5_000]
    with pytest.raises(InputError, match="holds an adapter: name its base by --model"):
        OPEN[stage](ModelOptions(str(adapter)), CHALLENGE)
    with pytest.raises(InputError, match="holds a whole model, not an adapter"):
        OPEN[stage](ModelOptions(str(folder), folder), CHALLENGE)


@pytest.mark.parametrize("options", [{"dtype": "bfloat16"}, {"four_bit": True}])
@pytest.mark.parametrize("stage", STAGES)
def test_coarser_numbers_load_stay_close_and_are_recorded(
    models: dict[str, Path], stage: str, options: dict[str, Any]
) -> None:
    exact, _ = OPEN[stage](ModelOptions(str(models[stage])), CHALLENGE)
    coarse, settings = OPEN[stage](ModelOptions(str(models[stage]), **options), CHALLENGE)
    ((key, value),) = options.items()
    assert settings[key] == value
    kinds = [{weight.dtype for weight in one.model.model.parameters()} for one in (exact, coarse)]  # type: ignore[attr-defined]
    assert kinds[0] != kinds[1]
    if stage == "llm":
        assert score(exact) != score(coarse)
        assert score(exact) == pytest.approx(score(coarse), rel=0.25)


def test_unsloth_falls_back_with_a_notice_and_the_record_says_so(models: dict[str, Path]) -> None:
    told: list[str] = []
    _, settings = vision_reader.open_reader(ModelOptions(str(models["vlm"]), backend="unsloth"), CHALLENGE, told.append)
    assert settings["backend"] == "transformers"
    assert len(told) == 1
    assert "unsloth cannot be used here" in told[0]


@pytest.fixture
def gold(stores: dict[str, Path]) -> dict[str, Path]:
    """Truths of the weights that pages and labels show, of the second table some others and none."""
    found = {stage: path.parent / f"{stage}.csv" for stage, path in stores.items()}
    rows = [f"{2 * n},{n + 5}.0 gram,{n + 6}.0 gram\n{2 * n + 1},,\n" for n in range(PAGES)]
    found["llm"].write_text("index,value,also\n" + "".join(rows) + "999,5.0 gram,\n")
    labels = [f"{3 * n},{n + 1}.0 gram\n{3 * n + 1},\n{3 * n + 2},1.0 inch\n" for n in range(PICTURES)]
    found["vlm"].write_text("index,entity_value\n" + "".join(labels))
    return found


@pytest.mark.parametrize("stage", STAGES)
def test_a_calibration_is_fitted_told_and_kept(
    stage: str, stores: dict[str, Path], models: dict[str, Path], gold: dict[str, Path], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    own = Path(shutil.copytree(models[stage], tmp_path / "own"))
    arguments = ("--stage", stage, "--store", stores[stage], "--gold", gold[stage], "--model", own, "--threads", 1)
    before = model_hash(own)
    ended = run_entx(capsys, "calibrate", *arguments, *(["--pixels", 3_200] if stage == "vlm" else []))
    assert ended.code == 0, ended.err
    assert "F1" in ended.out
    assert "calibration written to" in ended.out
    reader, _ = OPEN[stage](ModelOptions(str(own)), CHALLENGE)
    calibration = reader.serving.calibration
    assert calibration is not None
    assert calibration.rows == {"llm": 2 * PAGES, "vlm": 3 * PICTURES}[stage]
    assert reader.mode is Mode.CANDIDATES
    assert model_hash(own) == before
    raw = json.loads((own / "entx.json").read_text())
    assert raw["base" if stage == "llm" else "pixels"] == {"llm": {}, "vlm": 3_200}[stage]
    more = ("--pixels", 3_200) if stage == "vlm" else ()
    told = json.loads(run_entx(capsys, "calibrate", *arguments, *more, "--json").out)
    assert told["calibration"] == calibration.as_dict()
    assert {"rows", "scored", "f1_before", "f1_after", "ece_before", "ece_after", "brier_before", "brier_after"} == set(
        told["out_of_fold"]["all rows"]
    )
    assert run_entx(capsys, "predict", *arguments[:4], "--model", own, "--quiet").code == 0
    assert any(answer.p_correct is not None for answer in answers(stores[stage], stage).values())


def test_hints_are_calibrated_beside_their_absence_in_a_copy(
    stores: dict[str, Path], models: dict[str, Path], gold: dict[str, Path], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    where = ("--store", stores["llm"], "--quiet")
    assert run_entx(capsys, "predict", "--stage", "rules", *where).code == 0
    out = tmp_path / "copy"
    given = ("--gold", gold["llm"], "--model", models["llm"], "--hint-run", "rules", "--out", out)
    ended = run_entx(capsys, "calibrate", "--stage", "llm", *where, *given)
    assert ended.code == 0, ended.err
    assert text_prompt.read_serving(models["llm"]).calibration is None
    calibration = text_prompt.read_serving(out).calibration
    assert calibration is not None
    assert calibration.rows == 2 * 2 * PAGES
    assert "exists already" in run_entx(capsys, "calibrate", "--stage", "llm", *where, *given).err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--stage", "rules"], "known are llm, vlm"), (["--stage", "llm"], "the model that ships is left as it is"),
        (["--stage", "vlm"], "needs a model folder"), (["--stage", "llm", *M], "m: no such model folder"),
        (["--stage", "llm", *M, "--pixels", "9"], "--pixels: not of --stage llm"),
        (["--stage", "vlm", *M, "--hint-run", "r"], "--hint-run: not of --stage vlm"),
        (["--stage", "vlm", *M, "--backend", "openai"], "is kept in the folder of a model that is loaded here"),
    ],
)  # fmt: skip
def test_what_cannot_be_calibrated_is_one_line(
    arguments: list[str], said: str, stores: dict[str, Path], gold: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    refused(run_entx(capsys, "calibrate", "--store", stores["llm"], "--gold", gold["llm"], *arguments), said)


def test_rows_that_the_store_does_not_hold_are_no_calibration(
    stores: dict[str, Path], models: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gold = tmp_path / "g.csv"
    arguments = ("--stage", "llm", "--store", stores["llm"], "--gold", gold, "--model", models["llm"])
    for text, said in (("999,5.0 gram\n", "nothing to choose from for any of its 1"), ("0,5.0 gram\n", "are too few")):
        gold.write_text("index,value\n" + text)
        refused(run_entx(capsys, "calibrate", *arguments), said)
