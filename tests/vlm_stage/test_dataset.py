"""Datasets of pictures, what a trainer visits of them, and lengths that are known before a picture is decoded."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from entx.core.entities import CHALLENGE
from entx.storage.store import Store
from entx.vlm_stage.collate import Collator
from entx.vlm_stage.dataset import Dataset
from entx.vlm_stage.encode import IGNORED, RowEncoder
from entx.vlm_stage.families.base import family_of
from entx.vlm_stage.recipe import DataSettings, Recipe, load_recipe
from entx.vlm_stage.training_data import training_data
from tests.vlm_stage.tiny_vlms import tiny_vlm
from tests.vlm_stage.training import Drawn, make_recipe, make_store, valued

KINDS = ("qwen2_vl", "paligemma", "smolvlm")


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
    return make_store(folder / "s.duckdb", drawn)


@pytest.fixture(scope="module")
def codecs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The codec of a tiny model of each family."""
    found = {}
    for kind in KINDS:
        folder = tiny_vlm(kind, tmp_path_factory.mktemp(kind))
        found[kind] = family_of(folder).codec(folder)
    return found


def load(store: Path, **settings: Any) -> Dataset:
    with Store(store) as opened:
        return Dataset.load(opened, CHALLENGE, DataSettings(**settings))


def names(dataset: Dataset) -> Counter[str]:
    return Counter(row.entity_name for row in dataset.rows)


def recipe(tmp_path: Path, *assignments: str) -> Recipe:
    return load_recipe(str(make_recipe(tmp_path / "tiny.toml")), assignments)


def test_all_rows_or_a_sample_by_entity(store: Path) -> None:
    assert names(load(store)) == {"item_weight": 24, "voltage": 8, "wattage": 4}
    stratified = load(store, rows=18)
    assert names(stratified) == {"item_weight": 12, "voltage": 4, "wattage": 2}
    assert stratified.tally["not drawn"] == 18
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
    rows = RowEncoder(codec, CHALLENGE, form, 40_000).encode(load(store).rows)
    assert len({row.image_tokens for row in rows}) > (0 if kind == "paligemma" else 1)
    collate = Collator(codec, rows, 40_000, tmp_path / "broken")
    for number in (0, 1, 2, 3, 33):
        made = collate([{"visit": number}])
        assert made["input_ids"].shape[1] == rows[number].tokens
        assert int((made["labels"] != IGNORED).sum()) == rows[number].answer_tokens


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_is_on_the_answer_and_its_end_only(
    kind: str, store: Path, codecs: dict[str, Any], tmp_path: Path
) -> None:
    codec = codecs[kind]
    rows = RowEncoder(codec, CHALLENGE, recipe(tmp_path).prompt.form, 12544).encode(load(store).rows)
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
    rows = RowEncoder(codecs["qwen2_vl"], CHALLENGE, recipe(tmp_path).prompt.form, 12544).encode(load(store).rows)
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


def test_rows_longer_than_the_model_reads_are_left_out_and_counted(
    store: Path, codecs: dict[str, Any], tmp_path: Path
) -> None:
    dataset = load(store)
    wide = recipe(tmp_path, "model.pixels=200704", "model.max_length=400", "train.epochs=1", "data.dev_share=0")
    every = training_data(dataset, wide, CHALLENGE, codecs["qwen2_vl"])
    assert (len(every.visits), every.too_long) == (36, 0)
    longest = max(row.tokens for row in every.visits)
    tight = replace(wide, model=replace(wide.model, max_length=longest - 1))
    some = training_data(dataset, tight, CHALLENGE, codecs["qwen2_vl"])
    assert some.too_long == sum(row.tokens == longest for row in every.visits) > 0
    assert len(some.visits) + some.too_long == 36
    assert max(row.tokens for row in some.visits) < longest


def test_visits_epochs_counts_and_digest(store: Path, codecs: dict[str, Any], tmp_path: Path) -> None:
    dataset = load(store)
    tiny = recipe(tmp_path, "train.epochs=2.5", "train.dev_rows=4")
    data = training_data(dataset, tiny, CHALLENGE, codecs["qwen2_vl"])
    learnt, held = dataset.split(0.2)
    assert len(data.visits) == round(2.5 * len(learnt.rows))
    assert len(data.dev) == 4
    assert data.counts["rows held out"] == len(held.rows)
    assert data.counts["pictures"] == 36
    assert data.counts["of these with an empty truth"] in (3, 4)
    assert data.digest == training_data(dataset, tiny, CHALLENGE, codecs["qwen2_vl"]).digest
    assert data.digest != training_data(dataset, recipe(tmp_path), CHALLENGE, codecs["qwen2_vl"]).digest
    few = training_data(dataset, recipe(tmp_path, "train.max_steps=2"), CHALLENGE, codecs["qwen2_vl"])
    assert len(few.visits) == 16


def test_rows_of_a_batch_are_of_like_length(store: Path, codecs: dict[str, Any], tmp_path: Path) -> None:
    wide = recipe(tmp_path, "model.pixels=100352", "model.max_length=400", "train.epochs=8", "data.dev_share=0")

    def padding(chosen: Recipe) -> int:
        rows = training_data(load(store), chosen, CHALLENGE, codecs["qwen2_vl"]).visits
        batches = [[row.tokens for row in rows[at : at + 8]] for at in range(0, len(rows), 8)]
        return sum(max(batch) * len(batch) - sum(batch) for batch in batches)

    loose = replace(wide, train=replace(wide.train, group_by_length=False))
    assert padding(wide) < 0.5 * padding(loose)
