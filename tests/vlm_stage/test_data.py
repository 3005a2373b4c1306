"""What a vision-language model learns from: rows of a store, their lengths before decoding, and batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from entx.core.entities import CHALLENGE
from entx.core.types import OcrLine, OcrPage, PageKey, PageStatus, Question
from entx.neural.model_folder import check_model_folder
from entx.neural.training.recipe import load_recipe
from entx.neural.training.rows import TrainingData
from entx.storage.pages import add_pages
from entx.storage.questions import LinkedFile, add_files, add_questions
from entx.storage.store import Store
from entx.vlm_stage import data as module
from entx.vlm_stage.data import (
    IGNORED,
    Collator,
    PictureData,
    PictureDataset,
    PictureRecipe,
    absent_rows,
    encode,
    read_rows,
    upright_size,
)
from entx.vlm_stage.families.base import family_of
from entx.vlm_stage.training import PictureStage
from tests.neural.training.inputs import PICTURE_RECIPE, Drawn, make_recipe, picture_store, valued
from tests.vlm_stage.tiny_vlms import tiny_vlm

KEY = PageKey("made", "1", "a")
KINDS = ("qwen2_vl", "paligemma", "smolvlm", "moondream1")


def picture(folder: Path, name: str, size: tuple[int, int] = (60, 40), **options: object) -> Path:
    path = folder / name
    Image.new("RGB", size, "white").save(path, **options)
    return path


@pytest.fixture
def own(tmp_path: Path) -> Store:
    """Pictures a and b with questions; c is broken, d has no file."""
    opened = Store(tmp_path / "s.duckdb", write=True)
    asked = [
        (0, "a", "item_weight", "5.0 gram"), (1, "a", "height", ""), (2, "b", "voltage", "12.0 volt"),
        (3, "b", "width", "3.0 volt"), (4, "c", "width", "3.0 inch"), (5, "d", "width", "3.0 inch"),
        (6, "a", "depth", None),
    ]  # fmt: skip
    add_questions(
        opened, [Question(index, link, "g", name, None, label) for index, link, name, label in asked], "own.csv"
    )
    broken = tmp_path / "c.png"
    broken.write_bytes(b"no picture")
    files = [("a", picture(tmp_path, "a.png")), ("b", picture(tmp_path, "b.png", (30, 90))), ("c", broken)]
    add_files(opened, [LinkedFile(name, f"sha-{name}", str(path), 1, 1) for name, path in files])
    return opened


def test_usable_labels_become_rows_with_their_picture_and_size(own: Store) -> None:
    tally: Counter[str] = Counter()
    rows = read_rows(own, CHALLENGE, PictureData(), tally)
    assert [(row.index, row.picture, row.size) for row in rows] == [
        (0, "sha-a", (60, 40)), (1, "sha-a", (60, 40)), (2, "sha-b", (30, 90)),
    ]  # fmt: skip
    assert [row.truth.text if row.truth else None for row in rows] == ["5.0 gram", None, "12.0 volt"]
    assert not any(row.generated or row.weak for row in rows)
    assert Path(rows[0].path).name == "a.png"


def test_whatever_falls_away_is_counted_by_its_reason(own: Store) -> None:
    tally: Counter[str] = Counter()
    read_rows(own, CHALLENGE, PictureData(), tally)
    assert tally == {
        "used: a value": 2, "used: empty": 1, "dropped: unit not allowed": 1, "dropped: picture cannot be opened": 1,
        "dropped: no picture": 1,
    }  # fmt: skip
    assert sum(tally.values()) == 6  # every labelled question


def test_weights_by_table_and_entity(own: Store) -> None:
    tally: Counter[str] = Counter()
    settings = PictureData(sources={"own*/voltage": 0.25, "own*/item_weight": 0.0})
    rows = read_rows(own, CHALLENGE, settings, tally)
    assert [(row.index, row.weight, row.weak) for row in rows] == [(1, 1.0, False), (2, 0.25, True)]
    assert tally["dropped: weight 0"] == 1
    assert read_rows(own, CHALLENGE, PictureData(sources={"own*": 0.0}), tally) == []


def test_sizes_are_of_the_upright_picture_and_need_no_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    assert upright_size(str(picture(tmp_path, "t.jpg", (60, 40), exif=turned))) == (40, 60)
    assert upright_size(str(tmp_path / "gone.png")) == "is gone"
    path = picture(tmp_path, "cut.png", (600, 400))
    path.write_bytes(path.read_bytes()[:60])  # the header alone
    assert upright_size(str(path)) == (600, 400)
    monkeypatch.setattr(module, "MAX_PIXELS", 1000)
    assert upright_size(str(path)) == "has more than 1,000 pixels"


def page(name: str, *lines: str, status: PageStatus = PageStatus.OK) -> OcrPage:
    read = tuple(
        OcrLine(text, 0.9, (5.0, 10.0 * n, 55.0, 10.0 * n, 55.0, 10.0 * n + 8, 5.0, 10.0 * n + 8))
        for n, text in enumerate(lines)
    )
    return OcrPage(name, status, "" if status is PageStatus.OK else "broken", 60, 40, read)


def test_generated_negatives_ask_what_no_line_states(own: Store) -> None:
    add_pages(own, KEY, "made", [page("sha-a", "5 g", "10 inch"), page("sha-b", status=PageStatus.FAILED)])
    rows = read_rows(own, CHALLENGE, PictureData(), Counter())
    made = absent_rows(own, KEY, CHALLENGE, rows)
    assert all(row.generated and row.truth is None and row.picture == "sha-a" for row in made)
    # weight and inches stand there; height, depth and item_weight are asked by the table
    assert {row.entity_name for row in made} == {"voltage", "wattage", "item_volume"}
    assert {row.source for row in made} == {"negative:absent"}
    assert made[0].size == (60, 40)
    assert absent_rows(own, replace(KEY, engine="other"), CHALLENGE, rows) == []


def test_an_epoch_is_filled_up_with_them(own: Store) -> None:
    add_pages(own, KEY, "made", [page("sha-a", "5 g"), page("sha-b", "12 V")])
    plain = PictureDataset.load(own, CHALLENGE, PictureData(negatives=0.5))
    assert not any(row.generated for row in plain.rows)
    filled = PictureDataset.load(own, CHALLENGE, PictureData(negatives=0.5), key=KEY)
    assert sum(row.generated for row in filled.rows) > 3
    drawn = filled.epoch()
    assert {row.index for row in drawn if not row.generated} == {0, 1, 2}
    made = [row for row in drawn if row.generated]
    # one a labelled entity that has no empty row of its own, where a picture allows it
    assert Counter(row.entity_name for row in made) == {"item_weight": 1, "voltage": 1}
    assert all(row.truth is None for row in made)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 weights, 8 voltages and 4 empty ones, of several sizes; two of one group and value."""
    folder = tmp_path_factory.mktemp("data")
    drawn = valued(24) + valued(8, "volt", "voltage", seed=1)
    drawn += [Drawn(f"empty{n}.png", "", "wattage", "") for n in range(4)]
    sizes = ((112, 56), (200, 60), (90, 180), (300, 300))
    drawn = [replace(one, size=sizes[n % 4]) for n, one in enumerate(drawn)]
    drawn[1] = replace(drawn[1], label=drawn[0].label, group_id="family")
    drawn[0] = replace(drawn[0], group_id="family")
    return picture_store(folder / "s.duckdb", drawn)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny model of each family."""
    return {kind: tiny_vlm(kind, tmp_path_factory.mktemp(kind)) for kind in KINDS}


@pytest.fixture
def codecs(folders: dict[str, Path]) -> dict[str, Any]:
    return {kind: family_of(folder).codec(folder) for kind, folder in folders.items()}


def load(store: Path, **settings: Any) -> PictureDataset:
    with Store(store) as opened:
        return PictureDataset.load(opened, CHALLENGE, PictureData(**settings))


def names(dataset: PictureDataset) -> Counter[str]:
    return Counter(row.entity_name for row in dataset.rows)


def recipe(tmp_path: Path, *assignments: str) -> PictureRecipe:
    return load_recipe(PictureRecipe, str(make_recipe(tmp_path / "tiny.toml", PICTURE_RECIPE)), assignments)


@pytest.fixture
def data(store: Path, folders: dict[str, Path], tmp_path: Path) -> Callable[..., TrainingData]:
    """All epochs' rows by changed settings of the recipe."""

    def load_data(*assignments: str) -> TrainingData:
        folder = check_model_folder(folders["qwen2_vl"])
        with Store(store) as opened:
            return PictureStage(recipe(tmp_path, *assignments), "tiny", folder, CHALLENGE).load_data(
                opened, None, print
            )

    return load_data


def test_all_rows_or_a_sample_by_entity(store: Path) -> None:
    assert names(load(store)) == {"item_weight": 24, "voltage": 8, "wattage": 4}
    stratified = load(store, rows=18)
    assert names(stratified) == {"item_weight": 12, "voltage": 4, "wattage": 2}
    assert stratified.tally["questions"]["not drawn"] == 18
    assert names(load(store, rows=15, sample="balanced")) == {"item_weight": 6, "voltage": 5, "wattage": 4}
    tested = names(load(store, rows=10, sample="test"))
    assert tested["item_weight"] > tested["voltage"] > 0
    assert load(store, rows=18).rows == stratified.rows


def test_a_split_parts_no_cluster_and_measures_on_trusted_rows(store: Path) -> None:
    learnt, held = load(store).split(0.3)
    assert len(learnt.rows) + len(held.rows) == 36
    assert not {row.picture for row in learnt.rows} & {row.picture for row in held.rows}
    assert len({row.index in {0, 1} for row in held.rows if row.group_id}) <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_lengths_are_those_of_the_decoded_rows(kind: str, store: Path, codecs: dict[str, Any], tmp_path: Path) -> None:
    codec = codecs[kind]
    form = recipe(tmp_path).prompt.form
    rows = encode(load(store).rows, codec, CHALLENGE, form, 40_000)
    assert len({row.image_tokens for row in rows}) > (0 if kind in ("paligemma", "moondream1") else 1)
    collate = Collator(codec, rows, 40_000, tmp_path / "broken")
    for number in (0, 1, 2, 3, 33):
        made = collate([{"visit": number}])
        assert made["input_ids"].shape[1] == rows[number].length
        assert int((made["labels"] != IGNORED).sum()) == rows[number].learnt


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_is_on_the_answer_and_its_end_only(
    kind: str, store: Path, codecs: dict[str, Any], tmp_path: Path
) -> None:
    codec = codecs[kind]
    rows = encode(load(store).rows, codec, CHALLENGE, recipe(tmp_path).prompt.form, 12544)
    short, empty = next(row for row in rows if row.answer), next(row for row in rows if not row.answer)
    made = Collator(codec, [short, empty], 12544, tmp_path / "broken")([{"visit": 0}, {"visit": 1}])
    learnt = [[token for token in line if token != IGNORED] for line in made["labels"].tolist()]
    assert learnt == [[*codec.completion(short.answer), codec.ends[0]], [codec.ends[0]]]
    for line, tokens, mask in zip(made["labels"], made["input_ids"], made["attention_mask"], strict=True):
        where = line != IGNORED
        assert bool((line[where] == tokens[where]).all())
        assert bool(mask[where].all())  # padding is never learnt
        assert codec.image_token not in line[where].tolist()


def test_a_broken_picture_gives_its_turn_to_the_next_row(store: Path, codecs: dict[str, Any], tmp_path: Path) -> None:
    rows = encode(load(store).rows, codecs["qwen2_vl"], CHALLENGE, recipe(tmp_path).prompt.form, 12544)
    cut = tmp_path / "cut.png"
    cut.write_bytes(Path(rows[1].path).read_bytes()[:100])
    broken = tmp_path / "broken.txt"
    spoilt = [rows[0], replace(rows[1], path=str(cut), picture="cut"), rows[2]]
    collate = Collator(codecs["qwen2_vl"], spoilt, 12544, broken)
    found = collate([{"visit": 1}])
    assert found["labels"].tolist() == collate([{"visit": 2}])["labels"].tolist()
    assert broken.read_text().startswith("cut ")
    gone = Collator(codecs["qwen2_vl"], [replace(rows[0], path=str(tmp_path / "gone"))], 12544, broken)
    with pytest.raises(Exception, match="are their files still there"):
        gone([{"visit": 0}])


def test_rows_longer_than_the_model_reads_are_left_out_and_counted(data: Callable[..., TrainingData]) -> None:
    wide = ("model.pixels=200704", "model.max_length=400", "train.epochs=1", "data.dev_share=0")
    every = data(*wide)
    assert (len(every.rows), every.too_long) == (36, 0)
    longest = max(every.lengths)
    some = data(*wide, f"model.max_length={longest - 1}")
    assert some.too_long == sum(length == longest for length in every.lengths) > 0
    assert len(some.rows) + some.too_long == 36
    assert max(some.lengths) < longest


def test_epochs_counts_and_digest(store: Path, data: Callable[..., TrainingData]) -> None:
    found = data("train.epochs=2.5", "train.dev_rows=4")
    learnt, held = load(store).split(0.2)
    assert len(found.rows) == round(2.5 * len(learnt.rows))
    assert len(found.dev) == 4
    assert found.counts["rows held out"] == len(held.rows)
    assert found.counts["pictures"] == 36
    assert found.counts["of these with an empty truth"] in (3, 4)
    assert found.digest == data("train.epochs=2.5", "train.dev_rows=4").digest != data().digest
    assert len(data("train.max_steps=2").rows) == 16


def test_a_training_goes_on_where_one_before_ended(data: Callable[..., TrainingData]) -> None:
    whole = data("train.group_by_length=false").rows
    first, second = (
        data("train.group_by_length=false", "train.max_steps=1", f"data.skip={skip}", f"train.batch={batch}").rows
        for skip, batch in ((0, 8), (8, 16))
    )
    assert [*first, *second] == whole[:24]


def test_rows_of_a_batch_are_of_like_length(data: Callable[..., TrainingData]) -> None:
    def padding(*more: str) -> int:
        wide = ("model.pixels=100352", "model.max_length=400", "train.epochs=8", "data.dev_share=0")
        lengths = data(*wide, *more).lengths
        batches = [lengths[at : at + 8] for at in range(0, len(lengths), 8)]
        return sum(max(batch) * len(batch) - sum(batch) for batch in batches)

    assert padding() < 0.5 * padding("train.group_by_length=false")
