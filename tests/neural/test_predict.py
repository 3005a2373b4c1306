"""The `predict --stage llm` job over a store, and the command, with real tiny models in folders."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from entx.llm_stage.serving import Serving, read_serving, write_calibration
from tests.llm_stage.fake_model import FakeModel

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError
from entx.core.types import Answer, OcrLine, OcrPage, PageKey, PageStatus, Quantity, Question
from entx.llm_stage.prompt import Style
from entx.llm_stage.reader import Mode, TextReader, open_reader
from entx.neural.backends.base import Query, Request
from entx.neural.calibration import Calibration
from entx.neural.model_folder import model_hash
from entx.neural.predict import ModelOptions, answer_questions
from entx.storage.pages import add_pages
from entx.storage.questions import LinkedFile, add_files, add_questions
from entx.storage.runs import add_answers, begin_run, load_answers, run_settings
from entx.storage.store import Store
from tests.cli.runner import run_entx
from tests.llm_stage.tiny_models import tiny_model, tiny_tokenizer

KEY = PageKey("rapidocr", "m", "p")
SERVING = Serving(Style.COMPACT, 400)
PAGES = 12


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Twelve pictures with two questions each; the last one could not be read."""
    path = tmp_path / "s.duckdb"
    box = (10.0, 10.0, 210.0, 10.0, 210.0, 40.0, 10.0, 40.0)
    with Store(path, write=True) as store:
        asked = [
            Question(2 * n + k, f"{n}.jpg", "g", name)
            for n in range(PAGES)
            for k, name in enumerate(("item_weight", "height"))
        ]
        add_questions(store, asked, "test.csv")
        add_files(store, [LinkedFile(f"{n}.jpg", f"s{n}", f"{n}.jpg", 1, 1) for n in range(PAGES)])
        pages = [
            OcrPage(f"s{n}", PageStatus.OK, "", 400, 400, (OcrLine(f"NET {n + 5} g and {n + 6} g", 0.9, box),))
            for n in range(PAGES - 1)
        ]
        add_pages(store, KEY, "r", [*pages, OcrPage(f"s{PAGES - 1}", PageStatus.FAILED, "engine")])
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder as a training leaves it."""
    folder = tmp_path_factory.mktemp("model")
    tiny_model("llama", seed=3, hidden_size=64, intermediate_size=128).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    (folder / "entx.json").write_text(json.dumps({"style": "compact", "prompt_version": 1, "budget": 300, "base": {}}))
    return folder


def answers(path: Path, run: str) -> dict[int, Answer]:
    with Store(path) as store:
        return dict(load_answers(store, run))


class Broken(FakeModel):
    """Fails at its third batch."""

    def score(self, batch: Sequence[Request]) -> list[list[tuple[float, ...]]]:
        if len(self.seen) >= 4:
            raise KeyboardInterrupt
        return super().score(batch)


def test_every_question_with_a_page_has_an_answer(path: Path) -> None:
    reader = TextReader(FakeModel("7 gram"), SERVING, CHALLENGE)
    told: list[int] = []
    with Store(path, write=True) as store:
        report = answer_questions(store, KEY, CHALLENGE, reader, "llm", {}, pages_per_commit=5, advance=told.append)
    found = answers(path, "llm")
    assert sorted(found) == list(range(2 * PAGES))
    assert [found[n].quantity for n in (2, 4)] == [Quantity(Decimal(7), "gram")] * 2
    assert found[6].quantity == Quantity(Decimal(8), "gram")  # its page says 8 and 9 gram: the first of equals
    assert found[3].reason == "no quantity with a legal unit in the text"
    assert found[2 * PAGES - 1].reason == "picture failed: engine"
    assert report.answered == sum(told) == 2 * PAGES
    assert report.counts == {"asked": 11, "without_page": 2, "without_candidate": 11, "lines_dropped": 0}
    assert all(answer.seconds >= 0 for answer in found.values())


def test_an_interrupted_run_keeps_what_was_committed_and_is_continued(path: Path) -> None:
    broken = TextReader(Broken("7 gram"), SERVING, CHALLENGE)
    with Store(path, write=True) as store, pytest.raises(KeyboardInterrupt):
        answer_questions(store, KEY, CHALLENGE, broken, "llm", {}, pages_per_commit=2)
    kept = answers(path, "llm")
    assert len(kept) == 8
    model = FakeModel("7 gram")
    with Store(path, write=True) as store:
        report = answer_questions(store, KEY, CHALLENGE, TextReader(model, SERVING, CHALLENGE), "llm", {})
    assert report.answered == 2 * PAGES - 8
    assert len(model.seen) == PAGES - 1 - 4
    assert {index: answer.quantity for index, answer in answers(path, "llm").items() if index in kept} == {
        index: answer.quantity for index, answer in kept.items()
    }


def test_all_that_decides_the_answers_stands_in_the_run(path: Path) -> None:
    calibrated = Serving(Style.COMPACT, 400, Calibration())
    with Store(path, write=True) as store:
        begin_run(store, "rules", "rules", {"reader": 2})
        reader = TextReader(FakeModel(), calibrated, CHALLENGE, Mode.FREE)
        answer_questions(store, KEY, CHALLENGE, reader, "llm", {"weights": "abc"}, hint_run="rules")
        found = run_settings(store, "llm")
    assert found["weights"] == "abc"
    assert found["prompt_version"] == 1
    assert (found["style"], found["budget"], found["mode"]) == ("compact", 400, "free")
    assert found["calibration"] == Calibration().digest
    assert found["hint_run"] == "rules"
    assert len(found["hint_settings"]) == 16
    assert (found["engine"], found["schema"]) == ("rapidocr", CHALLENGE.digest)


@pytest.mark.parametrize("change", ["mode", "calibration", "weights", "hints"])
def test_a_run_is_not_continued_with_other_settings(path: Path, change: str) -> None:
    with Store(path, write=True) as store:
        begin_run(store, "rules", "rules", {})
        answer_questions(store, KEY, CHALLENGE, TextReader(FakeModel(), SERVING, CHALLENGE), "llm", {"weights": "a"})
        serving = Serving(Style.COMPACT, 400, Calibration()) if change == "calibration" else SERVING
        reader = TextReader(FakeModel(), serving, CHALLENGE, Mode.FREE if change == "mode" else Mode.CANDIDATES)
        hints = "rules" if change == "hints" else None
        weights = {"weights": "b" if change == "weights" else "a"}
        with pytest.raises(InputError, match="with other settings"):
            answer_questions(store, KEY, CHALLENGE, reader, "llm", weights, hint_run=hints)


def test_hints_reach_the_question_of_their_index(path: Path) -> None:
    model = FakeModel()
    with Store(path, write=True) as store:
        begin_run(store, "other", "rules", {})
        add_answers(store, "other", [(2, Answer(Quantity(Decimal("6.50"), "gram"), score=0.42)), (4, Answer(None))])
        reader = TextReader(model, SERVING, CHALLENGE)
        answer_questions(store, KEY, CHALLENGE, reader, "llm", {}, hint_run="other")
    asked = [one.question for page in model.seen for one in page.asks]
    assert asked.count("<q> item weight<a>") == 9
    assert asked.count("<q> item weight <hint> [6.5 gram]<p4><a>") == 1
    assert asked.count("<q> item weight <hint> [none]<a>") == 1


def test_hints_of_a_run_that_is_not_there_are_an_error(path: Path) -> None:
    reader = TextReader(FakeModel(), SERVING, CHALLENGE)
    with Store(path, write=True) as store, pytest.raises(InputError, match="no run 'nobody'"):
        answer_questions(store, KEY, CHALLENGE, reader, "llm", {}, hint_run="nobody")


@pytest.mark.parametrize("mode", ["candidates", "free"])
def test_the_command_answers_with_a_model_folder(
    path: Path, folder: Path, mode: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = path.parent / "p.csv"
    arguments = ["--stage", "llm", "--store", path, "--model", folder, "--mode", mode, "--threads", 1, "--out", out]
    ended = run_entx(capsys, "predict", *arguments, "--json")
    assert ended.code == 0, ended.err
    result = json.loads(ended.out)
    assert (result["run"], result["asked"], result["read"]) == ("llm", 2 * PAGES, 2 * PAGES)
    assert result["counts"]["without_page"] == 2
    with out.open() as stream:
        assert len(list(csv.DictReader(stream))) == 2 * PAGES
    for index, answer in answers(path, "llm").items():
        assert (answer.quantity is None) == bool(answer.reason), index
        if mode == "candidates" and answer.quantity is not None:
            assert answer.evidence.line_ids == (0,)
    again = json.loads(run_entx(capsys, "predict", *arguments, "--json").out)
    assert again["read"] == 0


def test_options_of_the_model_are_refused_for_the_rules(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ended = run_entx(capsys, "predict", "--stage", "rules", "--store", path, "--model", "m", "--hint-run", "x")
    assert ended.code == 2
    assert "--model, --hint-run: not of --stage rules" in ended.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--backend", "magic"], "known are transformers, vllm, openai"),
        (["--mode", "loud"], "known are candidates, free"),
        (["--dtype", "int3"], "known are float32, bfloat16"),
        (["--base-url", "http://localhost:1/v1"], "--base-url is for --backend openai"),
        (["--backend", "openai"], "needs --base-url"),
        (["--backend", "openai", "--base-url", "file:///etc/passwd"], "expected http://"),
        (["--backend", "openai", "--base-url", "http://h/v1", "--four-bit"], "the server has its own"),
        (["--model", "nowhere"], "no such model folder"),
    ],
)
def test_wrong_options_are_one_line(
    path: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = run_entx(capsys, "predict", "--stage", "llm", "--store", path, *arguments)
    assert ended.code == 2
    assert said in ended.err
    assert len(ended.err.strip().splitlines()) == 1


def test_vllm_that_is_not_installed_is_one_line(path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    ended = run_entx(capsys, "predict", "--stage", "llm", "--store", path, "--model", folder, "--backend", "vllm")
    assert ended.code == 2
    assert "--backend vllm needs vLLM, in an environment of its own" in ended.err


def test_a_folder_with_pickled_weights_is_refused(
    path: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    for file in folder.iterdir():
        (bad / file.name).write_bytes(file.read_bytes())
    (bad / "pytorch_model.bin").write_bytes(b"x")
    ended = run_entx(capsys, "predict", "--stage", "llm", "--store", path, "--model", bad)
    assert ended.code == 2
    assert "refused before loading" in ended.err


def test_an_adapter_changes_answers_and_the_hash(path: Path, folder: Path, tmp_path: Path) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    adapter = tmp_path / "adapter"
    base = AutoModelForCausalLM.from_pretrained(folder)
    tuned = get_peft_model(base, LoraConfig(r=2, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
    with torch.no_grad():
        for name, weight in tuned.named_parameters():
            if "lora_" in name:
                weight.normal_(0.0, 1.0)
    tuned.save_pretrained(adapter)
    (adapter / "entx.json").write_text((folder / "entx.json").read_text())
    bare, bare_settings = open_reader(ModelOptions(str(folder)), CHALLENGE)
    both, both_settings = open_reader(ModelOptions(str(folder), adapter), CHALLENGE)
    asked = [Request("<page>\n", (Query("q", ("5 gram",)),))]
    assert bare.model.score(asked)[0][0][0] != pytest.approx(both.model.score(asked)[0][0][0], abs=0.01)
    assert bare_settings["weights"] != both_settings["weights"]


def test_an_adapter_in_the_place_of_a_model_is_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds a whole model, not an adapter"):
        open_reader(ModelOptions(str(folder), folder), CHALLENGE)


def test_what_a_model_folder_says_is_read(folder: Path, tmp_path: Path) -> None:
    assert read_serving(folder) == Serving(Style.COMPACT, 300)
    assert read_serving(tmp_path) == Serving()
    (tmp_path / "entx.json").write_text('{"style": "compact", "prompt_version": 99, "budget": 4}')
    with pytest.raises(InputError, match="prompts of version 99"):
        read_serving(tmp_path)
    for text in ("", "[]", '{"style": "loud", "prompt_version": 1, "budget": 4}', '{"style": "compact"}'):
        (tmp_path / "entx.json").write_text(text)
        with pytest.raises(InputError, match="not readable"):
            read_serving(tmp_path)


def test_a_calibration_is_written_beside_what_stands_there_and_leaves_the_weights_hash(
    folder: Path, tmp_path: Path
) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    before = model_hash(tmp_path)
    write_calibration(tmp_path, Calibration(temperature=1.7, f1=0.8, rows=9))
    assert read_serving(tmp_path) == Serving(Style.COMPACT, 300, Calibration(temperature=1.7, f1=0.8, rows=9))
    assert json.loads((tmp_path / "entx.json").read_text())["base"] == {}
    assert model_hash(tmp_path) == before
    (tmp_path / "README.md").write_text("a card")
    assert model_hash(tmp_path) == before
    (tmp_path / "config.json").write_text("{}")
    assert model_hash(tmp_path) != before


@pytest.mark.parametrize("options", [{"dtype": "bfloat16"}, {"four_bit": True}])
def test_coarser_numbers_load_stay_close_and_are_recorded(folder: Path, options: dict[str, Any]) -> None:
    ask = [Request("<page>\n", (Query("<q> height<a>", ("5 inch", "none")),))]
    exact, _ = open_reader(ModelOptions(str(folder)), CHALLENGE)
    coarse, settings = open_reader(ModelOptions(str(folder), **options), CHALLENGE)
    ((key, value),) = options.items()
    assert settings[key] == value
    for one, other in zip(exact.model.score(ask)[0][0], coarse.model.score(ask)[0][0], strict=True):
        assert one != other
        assert one == pytest.approx(other, rel=0.25)
