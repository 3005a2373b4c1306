"""What a text model learns from: rows of a store, examples with hints, token rows, and files."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from entx.core.entities import CHALLENGE, Schema, load_schema
from entx.core.errors import InputError
from entx.core.types import Answer, PageStatus, Quantity
from entx.llm_stage.data import (
    BUDGET_CUT,
    IGNORED,
    Hints,
    PageWriter,
    Row,
    TextData,
    TextDataset,
    TokenRow,
    Unreadable,
    encode,
    join,
    read_rows,
    rough_tokens,
    save_folder,
    write_jsonl,
)
from entx.llm_stage.prompt import Style
from entx.llm_stage.training import trees_side_by_side
from entx.neural.backends.base import PromptTokenizer, Query, Request
from entx.neural.backends.transformers import TransformersModel
from entx.neural.training.rows import RangePolicy
from entx.storage.runs import add_answers, begin_run
from entx.storage.store import Store
from tests.llm_stage.stores import KEY, WRITER, Asked, Shown, fill
from tests.llm_stage.tiny_models import tiny_model, tiny_tokenizer
from tests.neural.training.inputs import CHAT

DRAWING = ["24.5 cm / 9.6 in", "18 cm"]
PICTURES = 60


def _read(
    tmp_path: Path,
    pictures: list[Shown],
    data: TextData | None = None,
    writer: PageWriter = WRITER,
    schema: Schema = CHALLENGE,
    held_out: frozenset[str] = frozenset(),
) -> tuple[list[Row], list[Row], dict[str, Counter[str]]]:
    """Labelled rows, generated ones, and what became of all."""
    tally = {"questions": Counter[str](), "pages": Counter[str]()}
    with fill(tmp_path / "s.duckdb", pictures) as store:
        pages = list(read_rows(store, KEY, schema, writer, data or TextData(), tally, held_out))
    rows = [row for page in pages for row in page]
    return [row for row in rows if not row.generated], [row for row in rows if row.generated], tally


def test_a_labelled_question_becomes_a_row_with_its_choices(tmp_path: Path) -> None:
    rows, _, tally = _read(tmp_path, [Shown(DRAWING, [Asked("width", "18.0 centimetre", "own.csv", "mugs")])])
    (row,) = rows
    assert (row.index, row.picture, row.group_id, row.entity_name, row.source) == (0, "p0", "mugs", "width", "own.csv")
    assert row.choices == ("24.5 centimetre", "9.6 inch", "18 centimetre", "none")
    assert row.right == 2
    assert (row.weight, row.weak, row.generated) == (1.0, False, False)
    assert row.page.startswith("<page>")
    assert "[18 centimetre]" in row.page
    assert +tally["questions"] == Counter({"used: a candidate": 1})


def test_an_empty_label_is_the_answer_none(tmp_path: Path) -> None:
    rows, negatives, tally = _read(tmp_path, [Shown(DRAWING, [Asked("depth", "")])], TextData(negatives=0))
    (row,) = rows
    assert negatives == []  # none are wanted
    assert (row.truth, row.choices[row.right or 0]) == (None, "none")
    assert tally["questions"]["used: none"] == 1


def test_weights_come_from_the_first_pattern_that_fits(tmp_path: Path) -> None:
    settings = TextData(sources={"train_own*": 0.8, "train*": 0.4, "off.csv": 0.0})
    questions = [
        Asked("width", "18 centimetre", "train.csv.gz"), Asked("height", "24.5 centimetre", "train_own.csv"),
        Asked("depth", "18 centimetre", "off.csv"), Asked("item_weight", "", "mine.csv"),
    ]  # fmt: skip
    rows, _, tally = _read(tmp_path, [Shown(DRAWING, questions)], settings)
    found = {row.entity_name: (row.weight, row.weak) for row in rows}
    assert found == {"width": (0.4, True), "height": (0.8, True), "item_weight": (1.0, False)}
    assert tally["questions"]["dropped: weight 0"] == 1


def test_a_weight_may_be_for_one_entity_of_a_table(tmp_path: Path) -> None:
    settings = TextData(sources={"train*/depth": 0.0, "train*/w*": 0.2, "train*": 0.5})
    questions = [Asked(name, "18 centimetre", "train.csv") for name in ("depth", "width", "height")]
    rows, _, tally = _read(tmp_path, [Shown(DRAWING, questions)], settings)
    assert {row.entity_name: row.weight for row in rows} == {"width": 0.2, "height": 0.5}
    assert +tally["questions"] == Counter({"used: a candidate": 2, "dropped: weight 0": 1})


@pytest.mark.parametrize(
    ("source", "policy", "weight", "answer"),
    [("train.csv", Unreadable.EMPTY, 0.2, "none"), ("train.csv", Unreadable.KEEP, 0.4, None),
     ("own.csv", Unreadable.EMPTY, 1.0, "none")],
)  # fmt: skip
def test_a_label_that_is_not_on_the_page_loses_weight_only_if_it_is_weak(
    tmp_path: Path, source: str, policy: Unreadable, weight: float, answer: str | None
) -> None:
    settings = TextData(sources={"train*": 0.4}, unreadable=policy)
    rows, _, tally = _read(tmp_path, [Shown(DRAWING, [Asked("width", "99 inch", source)])], settings)
    (row,) = rows
    assert row.weight == pytest.approx(weight)
    assert (None if row.right is None else row.choices[row.right]) == answer
    assert (row.truth is None) == (policy is Unreadable.EMPTY)
    assert sum(tally["questions"].values()) == 1


def test_unreadable_labels_can_be_dropped(tmp_path: Path) -> None:
    settings = TextData(unreadable=Unreadable.DROP)
    rows, _, tally = _read(tmp_path, [Shown(DRAWING, [Asked("width", "99 inch"), Asked("depth", "")])], settings)
    assert [row.entity_name for row in rows] == ["depth"]
    assert tally["questions"]["dropped: label is not on the page"] == 1


def test_every_question_is_counted_once_by_its_reason(tmp_path: Path) -> None:
    pictures = [
        Shown(["230 V"], [Asked("voltage", "[220.0, 230.0] volt"), Asked("wattage", "2 horsepower")]),
        Shown(["x"], [Asked("height", "0.0 inch"), Asked("width", "tall")]),
        Shown(["never read"], [Asked("height", "5 inch")], PageStatus.FAILED),
    ]
    rows, _, tally = _read(tmp_path, pictures, TextData(ranges=RangePolicy.UPPER))
    assert len(rows) == 1
    assert +tally["questions"] == Counter({
        "used: a candidate": 1, "dropped: unit not allowed": 1, "dropped: absurd value": 1, "dropped: no quantity": 1,
        "dropped: no page": 1,
    })  # fmt: skip
    assert (tally["pages"]["used"], tally["pages"]["without a usable label"]) == (1, 1)


def test_a_trusted_label_replaces_a_weak_one(tmp_path: Path) -> None:
    questions = [Asked("width", "24.5 centimetre", "train.csv"), Asked("width", "18 centimetre", "curated.csv")]
    rows, _, tally = _read(tmp_path, [Shown(DRAWING, questions)], TextData(sources={"train*": 0.4}))
    assert rows[0].source == "curated.csv"
    assert tally["questions"]["dropped: asked of this picture before"] == 1


def test_labels_of_one_weight_that_contradict_each_other_both_fall_away(tmp_path: Path) -> None:
    questions = [Asked("width", "24.5 centimetre"), Asked("width", "18 centimetre"), Asked("height", "24.5 centimetre")]
    rows, _, tally = _read(tmp_path, [Shown(DRAWING, questions)])
    assert rows[0].entity_name == "height"
    assert (
        tally["questions"]["dropped: contradicted"] + tally["questions"]["dropped: asked of this picture before"] == 2
    )


def test_negatives_are_asked_of_pages_that_have_a_label(tmp_path: Path) -> None:
    rows, negatives, _ = _read(tmp_path, [Shown(["Net weight 100 g"], [Asked("item_weight", "100 gram")])])
    found = {row.entity_name: row for row in negatives}
    assert set(found) == set(CHALLENGE.entities) - {"item_weight"}
    absent, swapped = found["voltage"], found["maximum_weight_recommendation"]
    assert (absent.source, absent.choices, absent.right) == ("negative:absent", ("none",), 0)
    assert (swapped.source, swapped.choices, swapped.right) == ("negative:swapped", ("100 gram", "none"), 1)
    assert absent.generated
    assert absent.index is None
    assert absent.page is rows[0].page


def test_a_weak_label_swaps_nothing(tmp_path: Path) -> None:
    shown = Shown(["Net weight 100 g"], [Asked("item_weight", "100 gram", "train.csv")])
    _, negatives, _ = _read(tmp_path, [shown], TextData(sources={"train*": 0.4}))
    assert "maximum_weight_recommendation" not in {row.entity_name for row in negatives}


def test_an_entity_whose_label_was_dropped_is_not_generated(tmp_path: Path) -> None:
    questions = [Asked("item_weight", "100 gram"), Asked("wattage", "2 horsepower")]
    _, negatives, _ = _read(tmp_path, [Shown(["Net weight 100 g"], questions)])
    assert "wattage" not in {row.entity_name for row in negatives}


def test_nothing_is_learnt_from_pictures_that_are_held_out(tmp_path: Path) -> None:
    pictures = [Shown(DRAWING, [Asked("width", "18 centimetre"), Asked("depth", "")]) for _ in range(3)]
    rows, negatives, tally = _read(tmp_path, pictures, held_out=frozenset({"p0", "p2"}))
    assert {row.picture for row in (*rows, *negatives)} == {"p1"}
    assert +tally["questions"] == Counter({"dropped: picture is held out": 4, "used: a candidate": 1, "used: none": 1})


def test_lines_beyond_the_budget_are_counted_and_offer_no_choice(tmp_path: Path) -> None:
    lines = [f"size {n} cm" for n in range(1, 40)]
    writer = PageWriter(Style.COMPACT, lambda texts: [10] * len(texts), 60)
    shown = Shown(lines, [Asked("width", "39 centimetre"), Asked("height", "3 centimetre")])
    rows, _, tally = _read(tmp_path, [shown], writer=writer)
    (row,) = rows
    assert tally["pages"]["dropped lines"] == 39 - 5
    assert tally["pages"]["with dropped lines"] == 1
    assert len(row.choices) == 5 + 1
    assert row.entity_name == "height"
    assert +tally["questions"] == Counter({BUDGET_CUT: 1, "used: a candidate": 1})  # never learnt as none


def test_entities_of_another_schema_are_counted(tmp_path: Path) -> None:
    toml = tmp_path / "schema.toml"
    toml.write_text('[entity.threads]\nkind = "thread"\nunits = ["stitch"]\n')
    shown = Shown(["400 stitch"], [Asked("threads", "400 stitch")])
    rows, _, tally = _read(tmp_path, [shown], schema=load_schema(toml))
    assert rows[0].choices == ("400 stitch", "none")
    (tmp_path / "s.duckdb").unlink()
    rows, _, tally = _read(tmp_path, [shown])
    assert not rows
    assert +tally["questions"] == Counter({"dropped: unknown entity": 1})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Drawings with a height and a width, each printed twice; a run that read the heights."""
    pictures = [
        Shown(
            [f"{20 + n} cm", f"{60 + n} cm", "DOUBLE WALL <x03> none"],
            [Asked("height", f"{20 + n}.0 centimetre"), Asked("width", f"{60 + n} centimetre")],
        )
        for n in range(PICTURES)
    ]
    store = fill(tmp_path_factory.mktemp("store") / "s.duckdb", pictures)
    heights = [
        (2 * n, Answer(Quantity(Decimal(20 + n), "centimetre"), f"{20 + n} cm", score=0.85)) for n in range(PICTURES)
    ]
    begin_run(store, "rules", "rules", {})
    add_answers(store, "rules", [*heights, *[(2 * n + 1, Answer(None, reason="x")) for n in range(PICTURES)]])
    return store


def test_an_example_is_the_prompt_and_its_completion(store: Store) -> None:
    data = TextDataset.load(store, KEY, CHALLENGE, WRITER)
    first = data.examples()[0]
    assert first.prompt == (
        "<page><a2>\n<x03><y00><s1> [20 centimetre]\n<x03><y01><s1> [60 centimetre]\n"
        "<x03><y02><s1> DOUBLE WALL ‹x03› none\n<q> height<a>"
    )
    assert first.completion == "20 centimetre"
    assert first.choices == ("20 centimetre", "60 centimetre", "none")
    assert first.choices[first.right or 0] == first.completion
    assert (first.index, first.weight, first.source) == (0, 1.0, "own.csv")


def test_a_model_that_knows_language_is_shown_text_and_asked_a_question(store: Store) -> None:
    writer = PageWriter(Style.PLAIN, rough_tokens, 2000)
    first = TextDataset.load(store, KEY, CHALLENGE, writer).examples()[0]
    assert first.prompt == (
        "Text in a picture:\n20 cm [20 centimetre]\n60 cm [60 centimetre]\nDOUBLE WALL ‹x03› none\n"
        "What is the height? Answer with a number and its unit in full, or none."
    )
    assert first.completion == "20 centimetre"


def test_every_completion_is_among_its_choices(store: Store) -> None:
    examples = TextDataset.load(store, KEY, CHALLENGE, WRITER).examples(sampled=False)
    assert len(examples) == PICTURES * (2 + 5)  # no depth: the page has lengths
    assert all(one.right is not None and one.choices[one.right] == one.completion for one in examples)


def test_hints_are_given_to_half_of_the_examples_and_change_with_the_epoch(store: Store) -> None:
    data = TextDataset.load(store, KEY, CHALLENGE, WRITER, TextData(negatives=0), hints=Hints.of_run(store, "rules"))
    epochs = [data.examples(epoch) for epoch in (0, 1)]
    hinted = [{one.index for one in examples if "<hint>" in one.question} for examples in epochs]
    assert all(len(found) == pytest.approx(PICTURES, abs=20) for found in hinted)  # of 2 PICTURES examples
    assert hinted[0] != hinted[1]
    assert data.examples(0) == epochs[0]


def test_hints_say_what_the_run_said(store: Store) -> None:
    data = TextDataset.load(store, KEY, CHALLENGE, WRITER, hints=Hints.of_run(store, "rules", 1.0))
    questions = {one.index: one.question for one in data.examples(sampled=False) if one.index is not None}
    assert questions[0] == "<q> height <hint> [20 centimetre]<p8><a>"
    assert questions[1] == "<q> width <hint> [none]<a>"
    data = TextDataset.load(store, KEY, CHALLENGE, WRITER, hints=Hints.of_run(store, "rules", 0.0))
    assert "<hint>" not in "".join(one.question for one in data.examples(sampled=False))


def test_a_generated_negative_is_hinted_only_where_any_reader_abstains(tmp_path: Path) -> None:
    shown = Shown(["Net weight 100 g"], [Asked("item_weight", "100 gram")])
    with fill(tmp_path / "n.duckdb", [shown]) as made:
        begin_run(made, "rules", "rules", {})
        add_answers(made, "rules", [(0, Answer(None))])
        data = TextDataset.load(made, KEY, CHALLENGE, WRITER, hints=Hints.of_run(made, "rules", 1.0))
    hinted = {one.source: "<hint> [none]" in one.question for one in data.examples(sampled=False)}
    assert hinted == {"own.csv": True, "negative:absent": True, "negative:swapped": False}


def test_hints_of_a_run_that_is_not_there_are_an_error_that_lists_those_there_are(store: Store) -> None:
    with pytest.raises(InputError, match=r"no run 'nobody' in .*; it holds: rules"):
        Hints.of_run(store, "nobody", 1.0)


def test_parts_of_a_dataset_share_nothing(store: Store) -> None:
    data = TextDataset.load(store, KEY, CHALLENGE, WRITER)
    train, dev = data.split(0.2)
    assert len(dev.rows) == 0.2 * 2 * PICTURES
    assert not {one.page for one in train.examples()} & {one.page for one in dev.examples(sampled=False)}
    assert train.tally is data.tally
    folds = data.folds(4)
    assert Counter(one.index for _, held in folds for one in held.examples(sampled=False)) == dict.fromkeys(
        range(2 * PICTURES), 1
    )


def test_a_dataset_does_not_depend_on_when_it_is_read(store: Store) -> None:
    first, second = (TextDataset.load(store, KEY, CHALLENGE, WRITER).examples(3) for _ in range(2))
    assert first == second


def test_the_rough_count_counts_tags_and_thirds_of_the_text() -> None:
    assert rough_tokens(["<page><a2>\n", "<x03><y00> [20 centimetre]\n", "", "abc"]) == [3, 8, 0, 1]


def example(page: str, question: str, truth: str, weight: float = 1.0) -> Row:
    value, _, unit = truth.partition(" ")
    quantity = Quantity(Decimal(value), unit) if unit else None
    return Row(7, "ab12", "g", "height", quantity, weight, "train.csv", False, page, (truth, "none"), 0, question)


EXAMPLES = [
    example("[5 inch]\n", "<q> width<a>", "5 inch"),
    example("[12 gram] x\n[3 inch]\n", "<q> weight<a>", "none", 0.5),
]


def test_a_row_is_prompt_completion_and_end() -> None:
    tokenizer = tiny_tokenizer()
    row = encode(EXAMPLES, PromptTokenizer(tokenizer, chat=False, name="tiny"))[0]
    ((question, answer),) = row.asks
    assert tokenizer.decode((*row.page, *question)) == "[5 inch]\n<q> width<a>"
    assert tokenizer.decode(answer[:-1]) == "5 inch"
    assert row.tokens[-1] == tokenizer.eos_token_id
    assert row.weight == 1.0


def test_only_the_completion_and_the_end_are_learnt() -> None:
    row = TokenRow((7,), (((8,), (9, 1)), ((5, 6), (1,))))
    assert row.tokens == [7, 8, 9, 1, 5, 6, 1]
    assert row.labels == [IGNORED, IGNORED, 9, 1, IGNORED, IGNORED, 1]
    assert (row.length, row.learnt) == (7, 3)


def test_rows_of_a_page_are_joined_up_to_a_number_and_a_length() -> None:
    one, two, three = (TokenRow((1, 2), (((number,), (9,)),)) for number in (3, 4, 5))
    other = TokenRow((1, 7), (((3,), (9,)),))
    both = TokenRow((1, 2), one.asks + two.asks)
    assert join([one, other, two, three], 2, 100) == [both, other, three]
    assert join([one, other, two, three], 3, 6) == [both, other, three]
    assert join([one, two], 1, 100) == [one, two]


def test_examples_that_are_joined_have_the_loss_of_each_alone() -> None:
    """A tree of a page and its examples: each sees the page and itself only, at its own positions."""
    tokenizer, model = tiny_tokenizer(), tiny_model("llama")
    page = "[5 inch]\n[12 gram] x\n"
    asked = [("<q> width<a>", "5 inch"), ("<q> weight<a>", "12 gram"), ("<q> volume<a>", "none")]
    rows = encode([example(page, *one) for one in asked], PromptTokenizer(tokenizer, chat=False, name="tiny"))
    (joined,) = join(rows, 8, 1000)
    assert joined.length < sum(row.length for row in rows)

    def loss(row: TokenRow) -> float:
        with torch.inference_mode():
            return float(model(**trees_side_by_side([row])).loss) * row.learnt

    longer = TokenRow(joined.page * 2, joined.asks)  # beside it the joined row is padded
    with torch.inference_mode():
        batch = model(**trees_side_by_side([joined, longer])).loss * (joined.learnt + longer.learnt)
    assert loss(joined) == pytest.approx(sum(map(loss, rows)), rel=1e-5)
    assert float(batch) == pytest.approx(loss(joined) + loss(longer), rel=1e-5)


@pytest.mark.parametrize("style", list(Style))
@pytest.mark.parametrize("kind", ["llama", "gemma2"])
def test_the_loss_of_a_row_is_its_score_at_inference(kind: str, style: Style) -> None:
    """The mean negative log-likelihood that training lowers is the one that prediction ranks by."""
    tokenizer = tiny_tokenizer(None if style is Style.COMPACT else CHAT)
    model = tiny_model(kind)
    rows = encode(EXAMPLES, PromptTokenizer(tokenizer, chat=style is not Style.COMPACT, name="tiny"))
    scorer = TransformersModel(model, tokenizer, chat=style is not Style.COMPACT)
    asked = [Request(one.page, (Query(one.question, (one.completion,)),)) for one in EXAMPLES]
    for row, (found,) in zip(rows, scorer.complete(asked, max_tokens=0), strict=True):
        tokens = torch.tensor([row.tokens])
        with torch.inference_mode():
            loss = model(input_ids=tokens, labels=torch.tensor([row.labels])).loss
        assert -float(loss) * row.learnt == pytest.approx(found.scores[0], rel=1e-4)


def test_a_chat_row_ends_with_the_turn_not_with_the_text() -> None:
    tokenizer = tiny_tokenizer(CHAT)
    row = encode(EXAMPLES, PromptTokenizer(tokenizer, chat=True, name="tiny"))[0]
    text = tokenizer.decode(row.tokens)
    assert text == "<s>user\n[5 inch]\n<q> width<a><end>\n<s>assistant\n5 inch<end>"
    assert row.tokens.count(tokenizer.bos_token_id) == 2  # the template's own; none is added


def test_rows_are_independent_of_what_else_is_encoded() -> None:
    tokenizer = PromptTokenizer(tiny_tokenizer(), chat=False, name="tiny")
    assert encode(EXAMPLES, tokenizer) == [*encode(EXAMPLES[:1], tokenizer), *encode(EXAMPLES[1:], tokenizer)]
    beside = replace(EXAMPLES[0], question="<q> weight<a>")
    (alone,), (first, _) = encode(EXAMPLES[:1], tokenizer), encode([EXAMPLES[0], beside], tokenizer)
    assert (first.tokens, first.labels) == (alone.tokens, alone.labels)
    assert encode([], tokenizer) == []


@pytest.mark.parametrize("kind", ["llama", "mistral", "gemma2"])
def test_rows_packed_into_one_sequence_see_only_themselves(kind: str) -> None:
    """TRL's packing tells rows apart by their positions alone; this holds without flash attention too."""
    model = tiny_model(kind).eval()
    rows = [torch.randint(3, 200, (length,)) for length in (30, 17, 41)]
    with torch.inference_mode():
        alone = [model(input_ids=row[None]).logits[0] for row in rows]
        positions = torch.cat([torch.arange(len(row)) for row in rows])
        packed = model(input_ids=torch.cat(rows)[None], position_ids=positions[None], use_cache=False).logits[0]
    torch.testing.assert_close(packed, torch.cat(alone), rtol=1e-4, atol=1e-4)


LABELLED = example("<page><a2>\n<x00><y00><s1> Höhe [5 inch]\n", "<q> height<a>", "5 inch", 0.4)
GENERATED = replace(LABELLED, index=None, truth=None, choices=("none",), weight=1.0, source="negative:absent")
UNREADABLE = replace(LABELLED, index=8, choices=("none",), right=None)
ALL = [LABELLED, GENERATED, UNREADABLE]


@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz"])
def test_a_line_has_what_a_trainer_reads(tmp_path: Path, name: str) -> None:
    write_jsonl(tmp_path / name, ALL)
    opened = gzip.open if name.endswith(".gz") else open
    with opened(tmp_path / name, "rt", encoding="utf-8") as stream:
        first, second, third = map(json.loads, stream)
    assert first == {
        "index": 7, "picture": "ab12", "group_id": "g", "entity_name": "height", "prompt": LABELLED.prompt,
        "completion": "5 inch", "page_length": len(LABELLED.page), "weight": 0.4, "source": "train.csv",
        "choices": ["5 inch", "none"], "right": 0,
    }  # fmt: skip
    assert first["prompt"] == LABELLED.page + LABELLED.question
    assert (second["index"], second["completion"], second["choices"]) == (None, "none", ["none"])
    assert (third["completion"], third["right"]) == ("5 inch", None)


def test_an_empty_file_is_an_empty_dataset(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "x.jsonl", [])
    assert (tmp_path / "x.jsonl").read_bytes() == b""


TEXT = st.text(st.characters(codec="utf-8"), max_size=40)


@given(st.lists(st.builds(
    Row, st.one_of(st.none(), st.integers(0, 2**60)), TEXT, TEXT, TEXT, st.none(), st.floats(0, 1), TEXT, st.booleans(),
    TEXT, st.lists(TEXT, max_size=3).map(tuple), st.one_of(st.none(), st.integers(0, 9)), TEXT,
), max_size=5))  # fmt: skip
def test_any_text_survives(tmp_path_factory: pytest.TempPathFactory, examples: list[Row]) -> None:
    path = tmp_path_factory.mktemp("any") / "x.jsonl"
    write_jsonl(path, examples)
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    assert [(one["prompt"], tuple(one["choices"]), one["weight"], one["source"]) for one in lines] == [
        (one.prompt, one.choices, one.weight, one.source) for one in examples
    ]
    assert [one["prompt"][: one["page_length"]] for one in lines] == [one.page for one in examples]


def test_a_datasets_folder_holds_the_same(tmp_path: Path) -> None:
    from datasets import load_from_disk

    folder = tmp_path / "out" / "train"
    save_folder(folder, [LABELLED])
    save_folder(folder, ALL)  # replaces the first
    write_jsonl(tmp_path / "x.jsonl", ALL)
    lines = (tmp_path / "x.jsonl").read_text(encoding="utf-8").splitlines()
    assert list(load_from_disk(str(folder))) == [json.loads(line) for line in lines]
    assert [path.name for path in folder.parent.iterdir()] == ["train"]


def test_a_folder_needs_a_row(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no example"):
        save_folder(tmp_path / "x", [])
