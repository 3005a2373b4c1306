"""The `predict --stage vlm` job over a store of real files, with a model that answers by rule."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from tests.vlm_stage.fake_model import FakePictureModel

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError
from entx.core.splits import Shard
from entx.core.types import Alignment, Answer, PageKey, Quantity
from entx.neural.backends.base import Completion, Request
from entx.neural.calibration import Calibration
from entx.neural.predict import InferReport, answer_questions
from entx.storage.questions import LinkedFile, add_files
from entx.storage.runs import load_answers, run_settings
from entx.storage.store import Store
from entx.vlm_stage.prompt import PromptForm, Serving
from entx.vlm_stage.reader import Mode, VisionReader
from entx.vlm_stage.views import DEFAULT_CROPS, Look
from tests.vlm_stage.pages import line, page
from tests.vlm_stage.stores import BAD, KEY, ODD, Pictured, bad_and_odd, fill, hash_of, label

PICTURES = 12
LOOK, PLAIN = Look(10_000), Serving()
NAMES = ("item_weight", "height", "width")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve labels with three questions each; OCR has read the first six."""
    folder = tmp_path_factory.mktemp("labels")
    made = [Pictured(f"{n}.png", NAMES) for n in range(PICTURES)]
    pages = {}
    for n in range(PICTURES):
        file = label(folder / f"{n}.png", f"NET WT {n + 1} g", (120 + 10 * n, 90))
        if n < 6:
            picture = hash_of(file)
            pages[picture] = page((120 + 10 * n, 90), line(f"NET WT {n + 1} g", 8, 30, 100, 16), picture=picture)
    return fill(folder, made, pages)


@pytest.fixture
def path(filled: Path, tmp_path: Path) -> Path:
    """A copy of that store; the files lie where they were."""
    return Path(shutil.copy(filled, tmp_path / "s.duckdb"))


def run(
    path: Path, model: FakePictureModel, name: str = "vlm", *, key: PageKey | None = KEY, look: Look = LOOK,
    mode: Mode = Mode.FREE, serving: Serving = PLAIN, **options: object,
) -> InferReport:  # fmt: skip
    reader = VisionReader(model, serving, CHALLENGE, mode)
    with Store(path, write=True) as store:
        return answer_questions(store, key, CHALLENGE, reader, look, name, {"weights": "abc"}, **options)  # type: ignore[arg-type]


def answers(path: Path, name: str = "vlm") -> dict[int, Answer]:
    with Store(path) as store:
        return dict(load_answers(store, name))


class Broken(FakePictureModel):
    """Is stopped at its third batch."""

    def read(self, batch: Sequence[Request], *, max_tokens: int = 32) -> list[list[Completion]]:
        if len(self.calls) >= 2:
            raise KeyboardInterrupt
        return super().read(batch, max_tokens=max_tokens)


def test_every_question_of_every_picture_has_an_answer(path: Path) -> None:
    told: list[int] = []
    report = run(path, FakePictureModel("5 gram"), pictures_per_commit=5, advance=told.append)
    found = answers(path)
    assert sorted(found) == list(range(3 * PICTURES))
    assert all(found[3 * n].quantity == Quantity(Decimal(5), "gram") for n in range(PICTURES))
    assert found[12].evidence.alignment is Alignment.EXACT  # the fifth label says 5 g
    assert found[30].evidence.alignment is Alignment.NONE  # nothing has read the eleventh
    assert report.answered == sum(told) == 36
    assert report.counts["pictures"] == 12
    assert report.counts["asked"] == 36
    assert all(answer.seconds > 0 for answer in found.values())


def test_no_ocr_is_needed_at_all(path: Path) -> None:
    run(path, FakePictureModel("5 gram"), key=None)
    found = answers(path)
    assert len(found) == 36
    assert {answer.evidence.alignment for answer in found.values()} == {Alignment.NONE}


def test_each_picture_is_decoded_and_shown_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import entx.vlm_stage.views as views

    decoded: list[int] = []
    real = views.decode_rgb
    monkeypatch.setattr(views, "decode_rgb", lambda data, most: (decoded.append(len(data)), real(data, most))[1])
    model = FakePictureModel()
    run(path, model, pictures_per_commit=4)
    assert len(decoded) == len(model.seen) == PICTURES
    assert [len(asked.asks) for asked in model.seen] == [3] * PICTURES


def test_bad_files_are_rows_with_reasons_and_odd_ones_are_read(tmp_path: Path) -> None:
    path = fill(tmp_path, bad_and_odd(tmp_path))
    (tmp_path / "gone.jpg").unlink()
    model = FakePictureModel("5 gram")
    report = run(path, model, key=None)
    found = answers(path)
    assert len(found) == 2 * (len(BAD) + len(ODD))
    reasons = {name: found[2 * place].reason for place, name in enumerate((*BAD, *ODD))}
    assert reasons["gone.jpg"] == "picture: gone.jpg: cannot be read: No such file or directory"
    assert reasons["truncated.jpg"].startswith("picture: damaged picture: ")
    assert reasons["huge.png"] == "picture: 9900 x 7000 pixels, over the limit of 40000000 pixels"
    assert reasons["line.png"] == "picture: 1 x 700 pixels: too narrow to show anything"
    assert reasons["page.jpg"] == "picture: not a picture: an HTML page"
    assert reasons["empty.jpg"] == "picture: empty file"
    assert report.counts["without_picture"] == 2 * len(BAD)
    assert len(model.seen) == len(ODD)
    for place in range(len(BAD), len(BAD) + len(ODD)):
        assert found[2 * place + 1].quantity == Quantity(Decimal(5), "gram")


def test_pictures_that_failed_can_be_looked_at_again(tmp_path: Path) -> None:
    files = [label(tmp_path / name, name) for name in ("a.png", "b.png")]
    path = fill(tmp_path, [Pictured(file.name, ("height", "width")) for file in files])
    (tmp_path / "b.png").rename(tmp_path / "away.png")
    run(path, FakePictureModel("5 inch"), key=None)
    assert [answers(path)[index].reason.partition(":")[0] for index in range(4)] == ["", "", "picture", "picture"]
    (tmp_path / "away.png").rename(tmp_path / "b.png")
    assert run(path, FakePictureModel("5 inch"), key=None).answered == 0
    assert run(path, FakePictureModel("6 inch"), key=None, retry_failed=True).answered == 2
    assert [answer.text for answer in answers(path).values()] == ["5 inch", "5 inch", "6 inch", "6 inch"]


def test_a_link_without_a_file_stays_open_until_there_is_one(tmp_path: Path) -> None:
    label(tmp_path / "a.png", "5 g")
    path = fill(tmp_path, [Pictured("a.png", ("height",)), Pictured("later.png", ("width", "depth"))])
    assert run(path, FakePictureModel(), key=None).answered == 1
    later = label(tmp_path / "later.png", "6 g")
    with Store(path, write=True) as store:
        add_files(store, [LinkedFile("later.png", hash_of(later), str(later), 1, 1)])
    assert run(path, FakePictureModel(), key=None).answered == 2
    assert sorted(answers(path)) == [0, 1, 2]


def test_equal_files_under_two_names_are_seen_once(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        label(tmp_path / name, "5 g")
    path = fill(tmp_path, [Pictured("a.png", ("height",)), Pictured("b.png", ("width",))])
    model = FakePictureModel()
    run(path, model, key=None)
    assert [len(asked.asks) for asked in model.seen] == [2]


def test_an_interrupted_run_keeps_what_was_committed_and_is_continued(path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(path, Broken("5 gram"), pictures_per_commit=2)
    kept = answers(path)
    assert sorted(kept) == list(range(12))
    model = FakePictureModel("5 gram")
    assert run(path, model).answered == 24
    assert len(model.seen) == 8
    assert {index: answer for index, answer in answers(path).items() if index in kept} == kept
    assert run(path, model).answered == 0


def test_all_that_decides_the_answers_stands_in_the_run(path: Path) -> None:
    serving = Serving(PromptForm("{entity}?", "none"), 5_000, Calibration())
    run(
        path, FakePictureModel(), look=Look(20_000, DEFAULT_CROPS), mode=Mode.CANDIDATES, serving=serving,
        shard=Shard(2, 3),
    )  # fmt: skip
    with Store(path) as store:
        found = run_settings(store, "vlm")
    assert (found["weights"], found["model"], found["mode"]) == ("abc", "fake", "candidates")
    assert found["prompt"] == {"question": "{entity}?", "empty": "none", "decimal_point": False}
    assert (found["pixels"], found["crops"]["print_height"]) == (20_000, 20.0)
    assert (found["shards"], found["calibration"]) == ("2/3", Calibration().digest)
    assert (found["engine"], found["schema"]) == ("rapidocr", CHALLENGE.digest)


CHANGES = {
    "pixels": {"look": Look(10_001)}, "crops": {"look": Look(10_000, DEFAULT_CROPS)}, "mode": {"mode": Mode.CANDIDATES},
    "prompt": {"serving": Serving(PromptForm("{entity}?"))}, "shards": {"shard": Shard(1, 2)}, "engine": {"key": None},
    "calibration": {"serving": Serving(calibration=Calibration())},
}  # fmt: skip


@pytest.mark.parametrize("changed", CHANGES)
def test_a_run_is_not_continued_with_other_settings(path: Path, changed: str) -> None:
    run(path, FakePictureModel())
    with pytest.raises(InputError, match=f"with other settings.*{changed} was "):
        run(path, FakePictureModel(), **CHANGES[changed])  # type: ignore[arg-type]


def test_shards_of_separate_stores_make_up_the_whole(path: Path, tmp_path: Path) -> None:
    run(path, FakePictureModel("5 gram"), "whole")
    whole = answers(path, "whole")
    seen: list[int] = []
    for number in (1, 2, 3):
        copy = Path(shutil.copy(path, tmp_path / f"{number}.duckdb"))
        run(copy, FakePictureModel("5 gram"), shard=Shard(number, 3))
        found = answers(copy)
        assert {index // 3 for index in found} == {index // 3 for index in found if index % 3 == 2}  # no picture is cut
        assert all(replace(found[n], seconds=0.0) == replace(whole[n], seconds=0.0) for n in found)
        seen += found
    assert sorted(seen) == list(range(36))


def test_crops_are_guided_by_the_page_of_their_picture(tmp_path: Path) -> None:
    names = ("small.png", "unread.png")
    for name in names:
        label(tmp_path / name, name, (1600, 1200))
    picture = hash_of(tmp_path / "small.png")
    made = page((1600, 1200), line("12 cm", 1200, 900, 60, 16), picture=picture)
    path = fill(tmp_path, [Pictured(name, ("height",)) for name in names], {picture: made})
    model = FakePictureModel()
    report = run(path, model, look=Look(200 * 200, DEFAULT_CROPS))
    assert sorted(len(asked.views) for asked in model.seen) == [1, 2]
    assert report.counts["views"] == 3
    for asked in model.seen:
        assert sum(view.width * view.height for view in asked.views) <= 200 * 200
