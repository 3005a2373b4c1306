from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from entx.core.entities import CHALLENGE
from entx.core.types import Answer, Quantity
from entx.llm_stage.dataset import Dataset, Hints, by_page, page_examples, rough_tokens
from entx.llm_stage.prompt import Style
from entx.llm_stage.rows import PageWriter, RowSettings, Tally
from entx.neural.sampling import SampleSettings
from entx.storage.runs import add_answers
from entx.storage.store import Store
from tests.llm_stage.stores import KEY, WRITER, Asked, Shown, fill

PICTURES = 60


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Drawings with a height and a width, each printed twice; a run that read the heights."""
    pictures = [
        Shown(
            [f"{20 + n} cm", f"{60 + n} cm", "DOUBLE WALL <a> none"],
            [Asked("height", f"{20 + n}.0 centimetre"), Asked("width", f"{60 + n} centimetre")],
        )
        for n in range(PICTURES)
    ]
    store = fill(tmp_path_factory.mktemp("store") / "s.duckdb", pictures)
    heights = [
        (2 * n, Answer(Quantity(Decimal(20 + n), "centimetre"), f"{20 + n} cm", score=0.85)) for n in range(PICTURES)
    ]
    add_answers(store, "rules", [*heights, *[(2 * n + 1, Answer(None, reason="x")) for n in range(PICTURES)]])
    return store


def test_an_example_is_the_prompt_and_its_completion(store: Store) -> None:
    data = Dataset.load(store, KEY, CHALLENGE, WRITER)
    first = data.examples()[0]
    assert first.prompt == (
        "<page><a2>\n<x03><y00><s1> [20 centimetre]\n<x03><y01><s1> [60 centimetre]\n"
        "<x03><y02><s1> DOUBLE WALL ‹a› none\n<q> height<a>"
    )
    assert first.completion == "20 centimetre"
    assert first.choices == ("20 centimetre", "60 centimetre", "none")
    assert first.choices[first.right or 0] == first.completion
    assert (first.index, first.weight, first.source) == (0, 1.0, "own.csv")


def test_the_instruct_style_is_for_models_that_know_language(store: Store) -> None:
    writer = PageWriter(Style.INSTRUCT, rough_tokens, 2000)
    first = Dataset.load(store, KEY, CHALLENGE, writer).examples()[0]
    assert "What is the height?" in first.question
    assert first.prompt.endswith("Answer:")


def test_every_completion_is_among_its_choices(store: Store) -> None:
    examples = Dataset.load(store, KEY, CHALLENGE, WRITER).examples(sampled=False)
    assert len(examples) == PICTURES * (2 + 5)  # no depth: the page has lengths
    assert all(one.right is not None and one.choices[one.right] == one.completion for one in examples)


def test_hints_are_given_to_half_of_the_examples_and_change_with_the_epoch(store: Store) -> None:
    sampling = SampleSettings(negative_share=0.0)
    data = Dataset.load(store, KEY, CHALLENGE, WRITER, sampling=sampling, hints=Hints.of_run(store, "rules"))
    epochs = [data.examples(epoch) for epoch in (0, 1)]
    hinted = [{one.index for one in examples if "<hint>" in one.question} for examples in epochs]
    assert all(len(found) == pytest.approx(PICTURES, abs=20) for found in hinted)  # of 2 PICTURES examples
    assert hinted[0] != hinted[1]
    assert data.examples(0) == epochs[0]


def test_hints_say_what_the_run_said(store: Store) -> None:
    data = Dataset.load(store, KEY, CHALLENGE, WRITER, hints=Hints.of_run(store, "rules", 1.0))
    questions = {one.index: one.question for one in data.examples(sampled=False) if one.index is not None}
    assert questions[0] == "<q> height <hint> [20 centimetre]<p8><a>"
    assert questions[1] == "<q> width <hint> [none]<a>"
    assert "<hint>" not in "".join(one.question for one in data.with_hints(0.0).examples(sampled=False))


def test_a_generated_negative_is_hinted_only_where_any_reader_abstains(tmp_path: Path) -> None:
    shown = Shown(["Net weight 100 g"], [Asked("item_weight", "100 gram")])
    with fill(tmp_path / "n.duckdb", [shown]) as made:
        add_answers(made, "rules", [(0, Answer(None))])
        data = Dataset.load(made, KEY, CHALLENGE, WRITER, hints=Hints.of_run(made, "rules", 1.0))
    hinted = {one.source: "<hint> [none]" in one.question for one in data.examples(sampled=False)}
    assert hinted == {"own.csv": True, "negative:absent": True, "negative:swapped": False}


def test_a_run_that_is_not_there_hints_nothing(store: Store) -> None:
    hints = Hints.of_run(store, "nobody", 1.0)
    data = Dataset.load(store, KEY, CHALLENGE, WRITER, hints=hints)
    assert not any("<hint>" in one.question for one in data.examples())


def test_parts_of_a_dataset_share_nothing(store: Store) -> None:
    data = Dataset.load(store, KEY, CHALLENGE, WRITER)
    train, dev = data.split(0.2)
    assert len(dev.rows) == 0.2 * 2 * PICTURES
    assert not {one.page for one in train.examples()} & {one.page for one in dev.examples(sampled=False)}
    assert train.tally is data.tally
    folds = data.folds(4)
    assert Counter(one.index for _, held in folds for one in held.examples(sampled=False)) == dict.fromkeys(
        range(2 * PICTURES), 1
    )


def test_a_dataset_does_not_depend_on_when_it_is_read(store: Store) -> None:
    first, second = (Dataset.load(store, KEY, CHALLENGE, WRITER).examples(3) for _ in range(2))
    assert first == second


def test_pages_are_the_same_examples_together(store: Store) -> None:
    data = Dataset.load(store, KEY, CHALLENGE, WRITER)
    pages = data.pages()
    assert [one for page in pages for one in page.examples] == data.examples()
    assert all({one.page for one in page.examples} == {page.page} for page in pages)
    assert len(pages) == PICTURES
    assert by_page([]) == []


def test_the_stream_gives_every_label_and_some_negatives(store: Store) -> None:
    tally = Tally()
    pages = list(page_examples(store, KEY, CHALLENGE, WRITER, negatives=2.0, tally=tally))
    assert len(pages) == PICTURES == tally.pages["used"]
    labelled = [one for page in pages for one in page.examples if one.index is not None]
    assert [one.index for one in labelled] == list(range(2 * PICTURES))
    generated = sum(one.index is None for page in pages for one in page.examples)
    assert generated / PICTURES == pytest.approx(2.0, abs=0.6)
    assert pages == list(page_examples(store, KEY, CHALLENGE, WRITER, negatives=2.0))
    assert pages != list(page_examples(store, KEY, CHALLENGE, WRITER, negatives=2.0, epoch=1))


def test_the_stream_may_give_all_or_no_negatives(store: Store) -> None:
    for negatives, expected in ((0.0, 2), (100.0, 7)):
        pages = page_examples(store, KEY, CHALLENGE, WRITER, negatives=negatives)
        assert {len(page.examples) for page in pages} == {expected}


def test_the_stream_takes_settings_and_hints(store: Store) -> None:
    settings = RowSettings(sources={"own*": 0.5}, negatives=False)
    pages = list(page_examples(store, KEY, CHALLENGE, WRITER, settings, Hints.of_run(store, "rules", 1.0)))
    assert {one.weight for page in pages for one in page.examples} == {0.5}
    assert all("<hint>" in one.question for page in pages for one in page.examples)


def test_the_rough_count_counts_tags_and_thirds_of_the_text() -> None:
    assert rough_tokens(["<page><a2>\n", "<x03><y00> [20 centimetre]\n", "", "abc"]) == [3, 8, 0, 1]
