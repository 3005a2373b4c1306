"""The job of `predict --stage llm|vlm` over stores of pages and real files, with a model that answers by rule."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import entx.vlm_stage.prompt as views
from entx.core.entities import CHALLENGE
from entx.core.errors import InputError
from entx.core.types import Alignment, Answer, OcrLine, OcrPage, PageKey, PageStatus, Quantity, Question
from entx.llm_stage.prompt import Serving as TextServing
from entx.llm_stage.prompt import Style
from entx.llm_stage.reader import TextReader
from entx.neural.backends.base import Completion, Request
from entx.neural.calibration import Calibration
from entx.neural.predict import InferReport, Mode, Task, answer_questions
from entx.storage.pages import add_pages
from entx.storage.questions import LinkedFile, add_files, add_questions
from entx.storage.runs import add_answers, begin_run, load_answers, run_settings
from entx.storage.store import Store
from entx.vlm_stage.model import PictureModel
from entx.vlm_stage.prompt import DEFAULT_CROPS, Look, PromptForm, Serving
from entx.vlm_stage.reader import VisionReader
from tests.neural.fake_model import FakeModel
from tests.vlm_stage.pages import line, page
from tests.vlm_stage.stores import BAD, KEY, ODD, Pictured, bad_and_odd, fill, hash_of, label
from tests.vlm_stage.tiny_vlms import tiny_vlm

COUNT = 12
NAMES = ("item_weight", "height", "width")
TEXT, LOOK = TextServing(Style.COMPACT, 400), Look(10_000)
STAGES = ("llm", "vlm")
QUESTIONS = {"llm": 2 * COUNT, "vlm": 3 * COUNT}


def fill_pages(path: Path) -> Path:
    """A store of twelve pages with two questions each; the last one could not be read."""
    names = [f"{n:08x}" for n in range(COUNT)]
    with Store(path, write=True) as store:
        asked = [Question(2 * n + k, f"{n}.jpg", "g", NAMES[k]) for n in range(COUNT) for k in range(2)]
        add_questions(store, asked, "test.csv")
        add_files(store, [LinkedFile(f"{n}.jpg", name, f"{n}.jpg", 1, 1) for n, name in enumerate(names)])
        box = (10.0, 10.0, 210.0, 10.0, 210.0, 40.0, 10.0, 40.0)
        pages = [
            OcrPage(name, PageStatus.OK, "", 400, 400, (OcrLine(f"NET {n + 5} g and {n + 6} g", 0.9, box),))
            for n, name in enumerate(names[:-1])
        ]
        add_pages(store, KEY, "r", [*pages, OcrPage(names[-1], PageStatus.FAILED, "engine")])
    return path


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """llm: see `fill_pages`. vlm: twelve labels with three questions each, of which OCR has read the first six."""
    folder = tmp_path_factory.mktemp("stores")
    text = fill_pages(folder / "pages.duckdb")
    read = {}
    for n in range(COUNT):
        picture = hash_of(label(folder / f"{n}.png", f"NET WT {n + 1} g", (120 + 10 * n, 90)))
        if n < 6:
            read[picture] = page((120 + 10 * n, 90), line(f"NET WT {n + 1} g", 8, 30, 100, 16), picture=picture)
    return {"llm": text, "vlm": fill(folder, [Pictured(f"{n}.png", NAMES) for n in range(COUNT)], read)}


@pytest.fixture
def paths(stores: dict[str, Path], tmp_path: Path) -> dict[str, Path]:
    """Copies of those stores; the files lie where they were."""
    return {stage: Path(shutil.copy(path, tmp_path / f"{stage}.duckdb")) for stage, path in stores.items()}


def run(
    path: Path, model: FakeModel, stage: str = "vlm", name: str = "", *, key: PageKey | None = KEY,
    mode: Mode | None = None, serving: Any = None, look: Look = LOOK, weights: str = "abc",
    advance: Any = lambda _: None, **task: Any,
) -> InferReport:  # fmt: skip
    reader: TextReader | VisionReader
    if stage == "llm":
        reader = TextReader(model, serving or TEXT, CHALLENGE, mode or Mode.CANDIDATES)
    else:
        reader = VisionReader(model, serving or Serving(), CHALLENGE, mode or Mode.FREE, look)
    with Store(path, write=True) as store:
        return answer_questions(store, reader, name or stage, {"weights": weights}, Task(key, **task), advance)


def answers(path: Path, name: str = "vlm") -> dict[int, Answer]:
    with Store(path) as store:
        return dict(load_answers(store, name))


class Stopped(FakeModel):
    """Is stopped at its third batch, or earlier."""

    last = 2

    def complete(self, batch: Sequence[Request], *, max_tokens: int = 32) -> list[list[Completion]]:
        if len(self.calls) >= self.last:
            raise KeyboardInterrupt
        return super().complete(batch, max_tokens=max_tokens)


def test_every_question_with_a_page_has_an_answer(paths: dict[str, Path]) -> None:
    told: list[int] = []
    report = run(paths["llm"], FakeModel(favourite="7 gram"), "llm", size=5, advance=told.append)
    found = answers(paths["llm"], "llm")
    assert sorted(found) == list(range(2 * COUNT))
    assert [found[n].quantity for n in (2, 4)] == [Quantity(Decimal(7), "gram")] * 2
    assert found[6].quantity == Quantity(Decimal(8), "gram")  # its page says 8 and 9 gram: the first of equals
    assert found[3].reason == "no quantity with a legal unit in the text"
    assert found[2 * COUNT - 1].reason == "picture failed: engine"
    assert report.answered == sum(told) == 2 * COUNT
    assert report.counts == {"asked": 11, "without_page": 2, "without_candidate": 11, "lines_dropped": 0}
    assert all(answer.seconds >= 0 for answer in found.values())


def test_every_question_of_every_picture_has_an_answer(paths: dict[str, Path]) -> None:
    told: list[int] = []
    report = run(paths["vlm"], FakeModel("5 gram"), size=5, advance=told.append)
    found = answers(paths["vlm"])
    assert sorted(found) == list(range(3 * COUNT))
    assert all(found[3 * n].quantity == Quantity(Decimal(5), "gram") for n in range(COUNT))
    assert found[12].evidence.alignment is Alignment.EXACT  # the fifth label says 5 g
    assert found[30].evidence.alignment is Alignment.NONE  # nothing has read the eleventh
    assert report.answered == sum(told) == 36
    assert (report.counts["pictures"], report.counts["asked"]) == (12, 36)
    assert all(answer.seconds > 0 for answer in found.values())


@pytest.mark.parametrize("stage", STAGES)
def test_an_interrupted_run_keeps_what_was_committed_and_is_continued(paths: dict[str, Path], stage: str) -> None:
    path, model = paths[stage], FakeModel("7 gram", "7 gram")
    with pytest.raises(KeyboardInterrupt):
        run(path, Stopped("7 gram", "7 gram"), stage, size=2)
    kept = answers(path, stage)
    assert len(kept) == {"llm": 8, "vlm": 12}[stage]
    assert run(path, model, stage).answered == QUESTIONS[stage] - len(kept)
    assert len(model.seen) == {"llm": COUNT - 1 - 4, "vlm": COUNT - 4}[stage]
    assert {index: answer for index, answer in answers(path, stage).items() if index in kept} == kept
    assert run(path, model, stage).answered == 0


@pytest.mark.parametrize("stage", STAGES)
def test_a_run_that_crashed_before_any_answer_does_not_block_another_try(paths: dict[str, Path], stage: str) -> None:
    model = Stopped()
    model.last = 0
    with pytest.raises(KeyboardInterrupt):
        run(paths[stage], model, stage)
    assert run(paths[stage], FakeModel(), stage, weights="others").answered == QUESTIONS[stage]
    with Store(paths[stage]) as store:
        assert run_settings(store, stage)["weights"] == "others"


def test_all_that_decides_a_text_models_answers_stands_in_the_run(paths: dict[str, Path]) -> None:
    with Store(paths["llm"], write=True) as store:
        begin_run(store, "rules", "rules", {"reader": 2})
    serving = replace(TEXT, calibration=Calibration())
    run(paths["llm"], FakeModel(), "llm", mode=Mode.FREE, serving=serving, hint_run="rules")
    with Store(paths["llm"]) as store:
        found = run_settings(store, "llm")
    assert len(found.pop("hint_settings")) == 16
    assert found == {
        "reader": 2, "prompt_version": 1, "style": "compact", "budget": 400, "mode": "free", "model": "fake",
        "calibration": Calibration().digest, "hint_run": "rules", "schema": CHALLENGE.digest, "engine": "rapidocr",
        "model_hash": "m", "params_hash": "p", "weights": "abc",
    }  # fmt: skip


def test_all_that_decides_a_vision_models_answers_stands_in_the_run(paths: dict[str, Path]) -> None:
    serving = Serving(PromptForm("{entity}?", "none"), 5_000, Calibration())
    look = Look(20_000, DEFAULT_CROPS)
    run(paths["vlm"], FakeModel(), look=look, mode=Mode.CANDIDATES, serving=serving)
    with Store(paths["vlm"]) as store:
        found = run_settings(store, "vlm")
    assert found.pop("crops") == {
        "print_height": 20.0, "most": 6, "whole_share": 0.4, "margin": 1.0, "largest_scale": 3.0,
    }  # fmt: skip
    assert found == {
        "reader": 2, "views": 1, "prompt_version": 1, "mode": "candidates", "model": "fake", "pixels": 20_000,
        "prompt": {"question": "{entity}?", "empty": "none", "decimal_point": False}, "max_pixels": 40_000_000,
        "calibration": Calibration().digest, "schema": CHALLENGE.digest, "engine": "rapidocr",
        "model_hash": "m", "params_hash": "p", "weights": "abc",
    }  # fmt: skip


CHANGES: dict[str, dict[str, dict[str, Any]]] = {
    "llm": {
        "mode": {"mode": Mode.FREE}, "calibration": {"serving": replace(TEXT, calibration=Calibration())},
        "weights": {"weights": "b"}, "hint_run": {"hint_run": "rules"},
    },
    "vlm": {
        "pixels": {"look": Look(10_001)}, "crops": {"look": Look(10_000, DEFAULT_CROPS)}, "weights": {"weights": "b"},
        "mode": {"mode": Mode.CANDIDATES}, "prompt": {"serving": Serving(PromptForm("{entity}?"))},
        "engine": {"key": None},
        "calibration": {"serving": Serving(calibration=Calibration())},
    },
}  # fmt: skip


@pytest.mark.parametrize(("stage", "changed"), [(stage, changed) for stage in STAGES for changed in CHANGES[stage]])
def test_a_run_is_not_continued_with_other_settings(paths: dict[str, Path], stage: str, changed: str) -> None:
    with Store(paths[stage], write=True) as store:
        begin_run(store, "rules", "rules", {})
    run(paths[stage], FakeModel(), stage)
    with pytest.raises(InputError, match=f"with other settings.*{changed} was "):
        run(paths[stage], FakeModel(), stage, **CHANGES[stage][changed])


def test_hints_reach_the_question_of_their_index(paths: dict[str, Path]) -> None:
    model = FakeModel()
    with Store(paths["llm"], write=True) as store:
        begin_run(store, "other", "rules", {})
        add_answers(store, "other", [(2, Answer(Quantity(Decimal("6.50"), "gram"), score=0.42)), (4, Answer(None))])
    run(paths["llm"], model, "llm", hint_run="other")
    asked = [one.question for request in model.seen for one in request.queries]
    assert asked.count("<q> item weight<a>") == 9
    assert asked.count("<q> item weight <hint> [6.5 gram]<p4><a>") == 1
    assert asked.count("<q> item weight <hint> [none]<a>") == 1


def test_hints_of_a_run_that_is_not_there_are_an_error(paths: dict[str, Path]) -> None:
    with pytest.raises(InputError, match="no run 'nobody'"):
        run(paths["llm"], FakeModel(), "llm", hint_run="nobody")


def test_a_text_model_needs_pages_and_a_vision_model_none(paths: dict[str, Path]) -> None:
    with pytest.raises(InputError, match="run entx ocr-cache"):
        run(paths["llm"], FakeModel(), "llm", key=None)
    run(paths["vlm"], FakeModel("5 gram"), key=None)
    found = answers(paths["vlm"])
    assert len(found) == 36
    assert {answer.evidence.alignment for answer in found.values()} == {Alignment.NONE}


@pytest.mark.parametrize("stage", STAGES)
def test_questions_that_are_not_wanted_are_not_asked(paths: dict[str, Path], stage: str) -> None:
    assert run(paths[stage], FakeModel(), stage, only=frozenset([3, 4, 5])).answered == 3
    assert sorted(answers(paths[stage], stage)) == [3, 4, 5]


def test_each_picture_is_decoded_and_shown_once(paths: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = counting(monkeypatch)
    model = FakeModel()
    run(paths["vlm"], model, size=4)
    assert len(decoded) == len(model.seen) == COUNT
    assert [len(asked.queries) for asked in model.seen] == [3] * COUNT


def counting(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the files that are decoded from now on."""
    decoded: list[int] = []
    real = views.decode_rgb
    monkeypatch.setattr(views, "decode_rgb", lambda data, most: (decoded.append(len(data)), real(data, most))[1])
    return decoded


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("kind", ["qwen2_vl", "paligemma"])
def test_a_real_model_encodes_each_picture_once_several_side_by_side(
    kind: str, mode: Mode, paths: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = counting(monkeypatch)
    model = PictureModel.load(tiny_vlm(kind, tmp_path / kind))
    model.tokens_per_pass = 8192  # the tiny tokenizers need a token a letter
    calls: list[int] = []

    def count(_: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        first = given[0] if given else named["pixel_values"]
        calls.append(len(named["grid_thw"]) if kind == "qwen2_vl" else len(first))

    model.family.vision_tower(model.model).register_forward_pre_hook(count, with_kwargs=True)
    reader = VisionReader(model, Serving(), CHALLENGE, mode, Look(60 * 60))
    with Store(paths["vlm"], write=True) as opened:
        assert answer_questions(opened, reader, f"{kind} {mode}", {}, Task(None)).answered == 3 * COUNT
    assert len(decoded) == sum(calls) == COUNT
    assert len(calls) < COUNT


def test_bad_files_are_rows_with_reasons_and_odd_ones_are_read(tmp_path: Path) -> None:
    path = fill(tmp_path, bad_and_odd(tmp_path))
    (tmp_path / "gone.jpg").rename(tmp_path / "away")
    model = FakeModel("5 gram")
    report = run(path, model, key=None)
    assert report.counts["left_open"] == 2
    assert sorted(answers(path)) == list(range(2, 2 * (len(BAD) + len(ODD))))  # no answer to be kept about gone.jpg
    (tmp_path / "away").write_bytes((tmp_path / "empty.jpg").read_bytes())
    (tmp_path / "away").rename(tmp_path / "gone.jpg")
    assert run(path, FakeModel("6 gram"), key=None).counts["left_open"] == 2  # another picture than was ingested
    label(tmp_path / "gone.jpg", "gone")
    assert run(path, FakeModel("6 gram"), key=None).answered == 2
    found = answers(path)
    assert found[1].text == "6 gram"
    assert len(found) == 2 * (len(BAD) + len(ODD))
    reasons = {name: found[2 * place].reason for place, name in enumerate((*BAD, *ODD))}
    assert reasons["truncated.jpg"].startswith("picture: damaged picture: ")
    assert reasons["huge.png"] == "picture: 9900 x 7000 pixels, over the limit of 40000000 pixels"
    assert reasons["line.png"] == "picture: 1 x 700 pixels: too narrow to show anything"
    assert reasons["page.jpg"] == "picture: not a picture: an HTML page"
    assert reasons["empty.jpg"] == "picture: empty file"
    assert report.counts["without_picture"] == 2 * (len(BAD) - 1)
    assert len(model.seen) == len(ODD)
    for place in range(len(BAD), len(BAD) + len(ODD)):
        assert found[2 * place + 1].quantity == Quantity(Decimal(5), "gram")


def test_pictures_that_failed_can_be_looked_at_again(tmp_path: Path) -> None:
    files = [label(tmp_path / name, name) for name in ("a.png", "b.png")]
    files[1].write_bytes(files[1].read_bytes()[:100])
    path = fill(tmp_path, [Pictured(file.name, ("height", "width")) for file in files])
    run(path, FakeModel("5 inch"), key=None)
    assert [answers(path)[index].reason.partition(":")[0] for index in range(4)] == ["", "", "picture", "picture"]
    label(files[1], "b.png")
    with Store(path, write=True) as store:
        add_files(store, [LinkedFile("b.png", hash_of(files[1]), str(files[1]), 1, 1)])
    assert run(path, FakeModel("5 inch"), key=None).answered == 0
    assert run(path, FakeModel("6 inch"), key=None, retry_failed=True).answered == 2
    assert [answer.text for answer in answers(path).values()] == ["5 inch", "5 inch", "6 inch", "6 inch"]


def test_a_link_without_a_file_stays_open_until_there_is_one(tmp_path: Path) -> None:
    label(tmp_path / "a.png", "5 g")
    path = fill(tmp_path, [Pictured("a.png", ("height",)), Pictured("later.png", ("width", "depth"))])
    assert run(path, FakeModel(), key=None).answered == 1
    later = label(tmp_path / "later.png", "6 g")
    with Store(path, write=True) as store:
        add_files(store, [LinkedFile("later.png", hash_of(later), str(later), 1, 1)])
    assert run(path, FakeModel(), key=None).answered == 2
    assert sorted(answers(path)) == [0, 1, 2]


def test_equal_files_under_two_names_are_seen_once(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        label(tmp_path / name, "5 g")
    model = FakeModel()
    run(fill(tmp_path, [Pictured("a.png", ("height",)), Pictured("b.png", ("width",))]), model, key=None)
    assert [len(asked.queries) for asked in model.seen] == [2]


def test_crops_are_guided_by_the_page_of_their_picture(tmp_path: Path) -> None:
    names = ("small.png", "unread.png")
    for name in names:
        label(tmp_path / name, name, (1600, 1200))
    picture = hash_of(tmp_path / "small.png")
    made = page((1600, 1200), line("12 cm", 1200, 900, 60, 16), picture=picture)
    path = fill(tmp_path, [Pictured(name, ("height",)) for name in names], {picture: made})
    model = FakeModel()
    report = run(path, model, look=Look(200 * 200, DEFAULT_CROPS))
    assert sorted(len(asked.shown) for asked in model.seen) == [1, 2]
    assert report.counts["views"] == 3
    for asked in model.seen:
        assert not isinstance(asked.shown, str)
        assert sum(view.width * view.height for view in asked.shown) <= 200 * 200
