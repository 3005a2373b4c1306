"""The front door reads real pictures: whatever they are given as, alone and many, by one process and by several."""

from __future__ import annotations

import json
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import entx
from entx.core.entities import CHALLENGE
from entx.core.errors import InputError, TableError
from entx.core.types import Alignment, OcrLine, OcrPage, PageStatus
from entx.extractor import LLM, RULES, Extractor, Readers, default_stage, pictures_of
from entx.rules.reader import RulesReader
from tests.cli.runner import run_entx
from tests.rules.pages import Text, page

PICTURES = Path(entx.__file__).parent / "demo" / "pictures"
FLASK, CABINET = PICTURES / "06_flask.jpg", PICTURES / "02_cabinet.jpg"
ASKED = ["item_volume", "height"]

needs_torch = pytest.mark.skipif(default_stage() == RULES, reason="torch and transformers are not installed")


@pytest.fixture(scope="module")
def rules() -> Extractor:
    return Extractor(stage="rules")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four pictures: two that are equal, one that is none, and one in a folder below; and a text."""
    for name, source in (("a.jpg", FLASK), ("b.JPG", CABINET), ("c.jpg", FLASK)):
        shutil.copy(source, tmp_path / name)
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "d.png").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("500 g", encoding="utf-8")
    return tmp_path


def texts(answers: dict[str, entx.Answer]) -> dict[str, str]:
    return {name: str(answer.quantity or "") for name, answer in answers.items()}


class TestText:
    """No engine is loaded for text of one's own."""

    def test_lines_are_answered_with_probability_and_evidence(self) -> None:
        rules = Extractor(stage="rules")
        answers = rules.extract_text("NET WT 500 g\n\nHeight: 10 cm", ["item_weight", "height", "voltage"])
        assert texts(answers) == {"item_weight": "500.0 gram", "height": "10.0 centimetre", "voltage": ""}
        weight, height, voltage = answers.values()
        assert weight.p_correct is not None
        assert 0.5 < weight.p_correct < 1.0
        assert (height.evidence.alignment, height.evidence.line_ids) == (Alignment.EXACT, (1,))
        assert voltage.p_correct is None
        assert voltage.reason
        assert "_page_reader" not in vars(rules)

    def test_lines_of_an_engine_keep_their_polygons(self, rules: Extractor) -> None:
        line = OcrLine("NET WT 500 g", 0.9, (5.0, 7.0, 90.0, 7.0, 90.0, 19.0, 5.0, 19.0))
        assert rules.extract_text([line], "item_weight")["item_weight"].evidence.polygon == line.polygon

    @pytest.mark.parametrize("text", ["", "\n \n", []], ids=["empty", "blank", "no lines"])
    def test_no_text_is_an_answer_with_a_reason(self, rules: Extractor, text: str | list[OcrLine]) -> None:
        assert rules.extract_text(text, "height")["height"].reason == "no text in the picture"

    def test_full_width_letters_are_read(self, rules: Extractor) -> None:
        assert texts(rules.extract_text("５００ｇ", "item_weight")) == {"item_weight": "500.0 gram"}

    @needs_torch
    def test_the_text_model_is_asked_too(self) -> None:
        found = Extractor(stage="both").extract_text("NET WT 500 g", ["item_weight"])
        assert texts(found) == {"item_weight": "500.0 gram"}


class TestArguments:
    def test_an_unknown_entity_is_told_before_a_picture_is_read(self, rules: Extractor) -> None:
        with pytest.raises(InputError, match="colour"):
            rules.extract("nowhere.jpg", ["colour"])

    @pytest.mark.parametrize(
        ("how", "says"), [({"stage": "vlm"}, "rules, both"), ({"stage": "rules", "workers": 0}, "at least one")]
    )
    def test_an_unknown_stage_and_no_workers_are_refused(self, how: dict[str, Any], says: str) -> None:
        with pytest.raises(InputError, match=says):
            Extractor(**how)

    def test_a_schema_adds_an_entity(self, tmp_path: Path) -> None:
        schema = tmp_path / "s.toml"
        schema.write_text('[entity.span]\nkind = "length"\nunits = ["centimetre"]\ncues = ["span"]\n', encoding="utf-8")
        reader = Extractor(stage="rules", schema=schema)
        assert texts(reader.extract_text("span 40 cm", "span")) == {"span": "40.0 centimetre"}

    def test_a_faulty_schema_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "s.toml").write_text("[entity.span]\n", encoding="utf-8")
        with pytest.raises((InputError, TableError)):
            Extractor(stage="rules", schema=tmp_path / "s.toml")

    def test_a_picture_of_a_wrong_type_is_told(self, rules: Extractor) -> None:
        with pytest.raises(InputError, match="8-bit"):
            rules.extract(np.zeros((4, 4, 3), dtype=np.float32), "height")  # type: ignore[arg-type]


class TestFittedEnsemble:
    @pytest.mark.parametrize(("text", "reason"), [(None, "cannot be read"), ("{}", "ensemble"), ("[", "ensemble")])
    def test_what_is_no_ensemble_is_one_line(self, tmp_path: Path, text: str | None, reason: str) -> None:
        path = tmp_path / "mine.json"
        if text is not None:
            path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=reason) as caught:
            Extractor(stage=path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_one_that_was_fitted_on_runs_decides(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        gold, said, store, saved = (tmp_path / name for name in ("gold.csv", "said.csv", "s.duckdb", "mine.json"))
        truths = [f"{i},p{i}.jpg,item_weight,{f'{100 + i} gram' if i % 3 else ''}" for i in range(60)]
        answers = [f"{i},{100 + i if i % 4 else 7} gram" for i in range(60)]
        gold.write_text("\n".join(["index,image_link,entity_name,value", *truths]), encoding="utf-8")
        said.write_text("\n".join(["index,prediction", *answers]), encoding="utf-8")
        for command in (
            ("ingest", gold),
            ("import-predictions", said, "--stage", "rules", "--run", "r"),
            ("ensemble", "--strategy", "stack", "--runs", "r", "--gold", gold, "--save", saved),
        ):
            ended = run_entx(capsys, *command, "--store", store)
            assert ended.code == 0, ended.err
        answer = Extractor(stage=saved).extract_text("NET WT 500 g", "item_weight")["item_weight"]
        assert answer.p_correct is not None or answer.p_present is not None
        plain = json.loads(saved.read_text(encoding="utf-8"))
        saved.write_text(json.dumps({**plain, "stages": ["vlm"]}), encoding="utf-8")
        with pytest.raises(InputError, match="stages vlm"):
            Extractor(stage=saved)


class TestWhereAreThePictures:
    def test_a_folder_gives_its_pictures_by_name_and_a_pattern_what_fits(self, folder: Path) -> None:
        names = [Path(str(one)).name for one in pictures_of(folder)]
        assert names == ["a.jpg", "b.JPG", "d.png", "c.jpg"]  # by path: below/d.png stands before c.jpg
        assert [Path(str(one)).name for one in pictures_of(f"{folder}/*.jpg")] == ["a.jpg", "c.jpg"]

    def test_a_name_with_brackets_that_exists_is_that_file(self, tmp_path: Path) -> None:
        path = tmp_path / "a[1].jpg"
        path.write_bytes(b"")
        assert list(pictures_of(path)) == [path]

    @pytest.mark.parametrize("where", ["", "*.gif"])
    def test_none_is_told(self, tmp_path: Path, where: str) -> None:
        with pytest.raises(InputError, match="no picture there"):
            pictures_of(f"{tmp_path}/{where}")


@pytest.mark.engine
class TestPictures:
    @pytest.mark.parametrize(
        "given",
        [str(FLASK), FLASK, FLASK.read_bytes(), Image.open(FLASK), np.asarray(Image.open(FLASK))],
        ids=["text", "path", "bytes", "PIL", "array"],
    )
    def test_a_picture_is_the_same_whatever_it_is_given_as(self, rules: Extractor, given: Any) -> None:
        assert texts(rules.extract(given, ASKED)) == {"item_volume": "1.0 litre", "height": ""}

    def test_a_picture_that_its_tag_turns_is_read_upright(self, rules: Extractor) -> None:
        turned = Image.open(FLASK).transpose(Image.Transpose.ROTATE_90)
        turned.getexif()[0x0112] = 6  # to be shown turned by 90 degrees clockwise
        assert rules.extract(turned, ASKED) == rules.extract(FLASK, ASKED)  # places included

    def test_the_short_way_gives_the_same(self, rules: Extractor) -> None:
        assert entx.extract(FLASK, ASKED, stage="rules") == rules.extract(FLASK, ASKED)

    def test_a_link_comes_through_the_guard(
        self, rules: Extractor, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
        monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            link = f"http://127.0.0.1:{server.server_port}/a.jpg"
            refused = rules.extract(link, "item_volume")["item_volume"]
            allowing = Extractor(stage="rules", allow_hosts=["127.0.0.1"])
            read = allowing.extract(link, "item_volume")
            server.shutdown()
        assert "is refused" in refused.reason
        assert texts(read) == {"item_volume": "1.0 litre"}

    @pytest.mark.parametrize("workers", [1, 2])
    def test_many_come_back_in_order_and_a_broken_one_has_its_reason(self, folder: Path, workers: int) -> None:
        reader = Extractor(stage="rules", workers=workers)
        given: list[Any] = [folder / "a.jpg", folder / "none.jpg", folder / "below" / "d.png", CABINET.read_bytes()]
        given += [folder / "c.jpg", folder / "a.jpg"]
        found = list(reader.extract_many(given, ASKED))
        assert [picture for picture, _ in found] == given
        volumes = [answers["item_volume"] for _, answers in found]
        assert [str(one.quantity or "") for one in volumes] == ["1.0 litre", "", "", "", "1.0 litre", "1.0 litre"]
        assert volumes[1].reason == "picture unavailable: No such file or directory"
        assert volumes[2].reason.startswith("picture unreadable: ")
        assert str(found[3][1]["height"].quantity) == "54.3 centimetre"

    def test_many_without_an_end_are_read_as_they_are_asked_for(self, rules: Extractor) -> None:
        taken = count()
        endless = (FLASK for _ in taken)
        assert len(list(islice(rules.extract_many(endless, "item_volume"), 3))) == 3
        assert next(taken) < 64

    def test_a_table_keeps_its_rows_and_reads_each_picture_once(
        self, rules: Extractor, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        link = str(folder / "a.jpg")
        rows = [(link, "height", 3), ("none.jpg", "width", 1), (link, "item_volume", 2)]
        frame = pd.DataFrame(rows, columns=["image_link", "entity_name", "price"], index=[7, 3, 5])
        reads: list[str] = []
        reader = rules._page_reader
        original = reader.read
        monkeypatch.setattr(reader, "read", lambda name, data: reads.append(name) or original(name, data))
        found = rules.extract_table(frame)
        assert found[frame.columns].equals(frame)
        assert list(found.index) == [7, 3, 5]
        assert list(found["prediction"]) == ["", "", "1.0 litre"]
        assert (found.loc[5, "prediction_value"], found.loc[5, "prediction_unit"]) == (1.0, "litre")
        assert found.loc[5, "p_correct"] > 0.5
        assert found.loc[3, "reason"] == "picture unavailable: No such file or directory"
        assert len(reads) == 1
        with pytest.raises(InputError, match="already"):
            rules.extract_table(found)
        with pytest.raises(InputError, match="no column 'image'"):
            rules.extract_table(frame, image="image")

    def test_a_command_says_what_the_front_door_says(
        self, rules: Extractor, capsys: pytest.CaptureFixture[str]
    ) -> None:
        ended = run_entx(capsys, "extract", FLASK, "--entity", "item_volume", "--stage", "rules", "--json")
        (told,) = json.loads(ended.out)["answers"]
        answer = rules.extract(FLASK, "item_volume")["item_volume"]
        assert (told["answer"], told["p_correct"]) == (answer.quantity.text, answer.p_correct)


LABEL = page(Text("NET WT 500 g", 0, 0), Text("Max load 12 kg", 0, 100))
NAMES = ["item_weight", "maximum_weight_recommendation", "height"]
BLANK = OcrPage("p", PageStatus.OK, "", 100, 100)
BROKEN = OcrPage("p", PageStatus.UNREADABLE, "truncated")


def test_the_rules_alone_say_what_the_rules_reader_says() -> None:
    readers = Readers(CHALLENGE, (RULES,))
    assert readers.stages == ("rules",)
    said = readers.read([(LABEL, NAMES)])[0]
    assert said == [(answer,) for answer in RulesReader(CHALLENGE).read(LABEL, NAMES)]
    assert [one.quantity.text if one.quantity else "" for (one,) in said] == ["500.0 gram", "12.0 kilogram", ""]


def test_their_version_changes_with_the_weights() -> None:
    readers = Readers(CHALLENGE, (RULES,))
    reader, weights = readers.versions["rules"].split()
    assert reader.isdigit()
    assert weights == readers.rules.weights.digest


@pytest.mark.parametrize("what", [BLANK, BROKEN], ids=["blank", "broken"])
def test_a_page_without_text_has_an_answer_with_a_reason_for_each_question(what: OcrPage) -> None:
    said = Readers(CHALLENGE, (RULES,)).read([(what, NAMES)])[0]
    assert len(said) == len(NAMES)
    assert all(answer.quantity is None and answer.reason for (answer,) in said)


@needs_torch
def test_both_answer_each_question_and_the_model_hears_nothing_of_the_rules() -> None:
    readers = Readers(CHALLENGE, (RULES, LLM))
    assert readers.stages == ("rules", "llm")
    said = readers.read([(LABEL, NAMES)])[0]
    assert [len(answers) for answers in said] == [2, 2, 2]
    assert [answers[1].quantity.text if answers[1].quantity else "" for answers in said] == [
        "500.0 gram", "12.0 kilogram", "",
    ]  # fmt: skip
    assert all(answers[1].p_correct is None for answers in said)  # its own calibration is not used
    deaf = Readers(CHALLENGE, (RULES,))
    assert [answers[0] for answers in said] == [answers[0] for answers in deaf.read([(LABEL, NAMES)])[0]]
    readers.rules.read = lambda *_: deaf.rules.read(LABEL, ["height"] * 3)  # type: ignore[method-assign]
    other = readers.read([(LABEL, NAMES)])[0]  # the rules now say nothing to any question
    assert [answers[1] for answers in other] == [answers[1] for answers in said]
    assert all(answer.quantity is None for answers in readers.read([(BLANK, NAMES)])[0] for answer in answers)
