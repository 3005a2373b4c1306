from __future__ import annotations

import time
from collections.abc import Iterable

import pytest

from entx.core.entities import CHALLENGE, Entity, Schema
from entx.core.types import Alignment, Answer, OcrPage, PageStatus
from entx.rules.reader import RulesReader, asks_everything, shipped_weights
from entx.storage.questions import GroupPrior
from tests.rules.pages import Text
from tests.rules.pages import page as drawn_page

READER = RulesReader(CHALLENGE)
TALL, WIDE = (100.0, 100.0, 100.0, 700.0), (100.0, 900.0, 700.0, 900.0)
DRAWN = (Text("30 cm", 0, 0, WIDE), Text("40 cm", 0, 300, TALL))


def _page(*lines: tuple[str, float, float]) -> OcrPage:
    """Lines of (text, left, top), without geometry."""
    return drawn_page(*(Text(*line) for line in lines), geometry=False)


def _ask(page: OcrPage, entity: str) -> Answer:
    (answer,) = READER.read(page, [entity])
    return answer


def _texts(answers: Iterable[Answer]) -> list[str]:
    return [answer.quantity.text if answer.quantity else "" for answer in answers]


def _said(page: OcrPage, entity: str) -> str:
    return _texts([_ask(page, entity)])[0]


def _best(page: OcrPage, entity: str) -> str:
    """The best candidate, however doubtful."""
    return READER.explain(page, entity)[0].candidate.quantity.text


CASES: dict[str, tuple[OcrPage, dict[str, str]]] = {
    "the first legal quantity where nothing else helps": (
        _page(("12V 30 cm", 0, 0), ("40 cm", 500, 500)),
        {"height": "30.0 centimetre", "voltage": "12.0 volt", "item_weight": ""},
    ),
    "a label at the number wins over order": (
        _page(("W 30 cm", 0, 0), ("H 40 cm", 500, 500)), {"height": "40.0 centimetre", "width": "30.0 centimetre"},
    ),
    "a cue word on the line wins over order": (
        _page(("Protein 20 g", 0, 0), ("Net weight 500 g", 500, 500)), {"item_weight": "500.0 gram"},
    ),
    "a cue word above": (
        _page(("20 g", 600, 0), ("NET WT", 100, 300), ("500 g", 100, 330)), {"item_weight": "500.0 gram"},
    ),
    "a cue word to the left": (
        _page(("20 g", 600, 0), ("NET WT", 100, 300), ("500 g", 180, 300)), {"item_weight": "500.0 gram"},
    ),
    "a cue word far away does not help": (
        _page(("20 g", 600, 0), ("NET WT", 100, 300), ("500 g", 100, 700)), {"item_weight": "20.0 gram"},
    ),
    "a number that is labelled for another entity is left alone": (
        _page(("Height: 30 cm", 0, 0)), {"height": "30.0 centimetre", "width": ""},
    ),
    "the upper end of a range": (_page(("Input 100-240V", 0, 0)), {"voltage": "240.0 volt"}),
    "dimension lines": (drawn_page(*DRAWN), {"height": "40.0 centimetre", "width": "30.0 centimetre"}),
    "the whole wins over its part": (
        drawn_page(Text("15 cm", 300, 0, (150.0, 300.0, 150.0, 500.0)), Text("40 cm", 0, 0, TALL)),
        {"height": "40.0 centimetre"},
    ),
    "the width of a round thing is its depth": (drawn_page(*DRAWN, roundness=1.0), {"depth": "30.0 centimetre"}),
    "the width of a flat thing is not": (drawn_page(*DRAWN, roundness=0.0), {"depth": ""}),
    "an oblique line is a depth": (
        drawn_page(*DRAWN, Text("20 cm", 0, 600, (700.0, 900.0, 800.0, 800.0))), {"depth": "20.0 centimetre"},
    ),
    "without geometry words still answer": (
        _page(("Height", 0, 0), ("40 cm", 0, 24), ("30 cm", 0, 300)), {"height": "40.0 centimetre"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_is_answered(case: str) -> None:
    page, said = CASES[case]
    assert {entity: _said(page, entity) for entity in said} == said


def test_where_geometry_was_looked_for_and_nothing_is_drawn_the_axis_stays_open() -> None:
    page = drawn_page(Text("12V 30 cm", 0, 0), Text("40 cm", 500, 500))
    assert _best(page, "height") == "30.0 centimetre"
    assert _said(page, "height") == ""


def test_a_single_letter_in_a_text_is_no_cue() -> None:
    page = _page(("30 cm", 0, 0), ("vitamin d 40 cm", 500, 500))
    assert _said(page, "depth") == ""
    assert _best(_page(("30 cm", 0, 0), ("plan h", 500, 500), ("40 cm", 500, 530)), "height") == "30.0 centimetre"


def test_the_evidence_is_the_line_and_its_polygon() -> None:
    page = _page(("Nice bag", 0, 0), ("NET WT 500g", 100, 300))
    answer = _ask(page, "item_weight")
    assert answer.evidence.line_ids == (1,)
    assert answer.evidence.polygon == page.lines[1].polygon
    assert answer.evidence.alignment is Alignment.EXACT
    assert answer.text == "500g"
    assert answer.reason == ""


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (OcrPage("s", PageStatus.REFUSED, "69 megapixels"), "picture refused: 69 megapixels"),
        (OcrPage("s", PageStatus.OK), "no text in the picture"),
        (_page(("hello", 0, 0)), "no quantity with a legal unit in the text"),
    ],
)
def test_an_answer_that_is_not_given_has_a_reason_and_no_evidence(page: OcrPage, reason: str) -> None:
    answer = _ask(page, "height")
    assert (answer.quantity, answer.reason) == (None, reason)
    assert answer.evidence.alignment is Alignment.NONE
    assert answer.evidence.polygon is None


def test_every_entity_asked_gets_its_answer_in_order() -> None:
    page = _page(("H 40 cm", 0, 0), ("12V", 0, 300))
    answers = READER.read(page, ["voltage", "height", "item_volume"])
    assert _texts(answers) == ["12.0 volt", "40.0 centimetre", ""]


def test_a_number_on_the_other_axis_only_is_no_answer() -> None:
    page = drawn_page(Text("30 cm", 0, 0, WIDE))
    answer = _ask(page, "height")
    assert answer.quantity is None
    assert answer.reason.startswith("no number is drawn or named as the height (best: 30.0 centimetre, score 0.")
    assert answer.score < 0.4


def test_several_models_have_no_one_height() -> None:
    texts = [Text(f"H: {size} in", 250.0 * n, 0) for n, size in enumerate((9, 11, 13, 15))]
    answer = _ask(drawn_page(*texts), "height")
    assert answer.p_correct is None or answer.p_correct < 0.4  # whichever is taken, it is hardly the one


def test_the_prior_of_the_group_decides_what_the_picture_leaves_open() -> None:
    page = drawn_page(*DRAWN, roundness=0.5)
    usual, rare = GroupPrior(0.5, 0.3), GroupPrior(-0.3, 0.9)
    answers = READER.read(page, ["depth", "depth"], [usual, rare])
    assert _texts(answers) == ["30.0 centimetre", ""]


def test_score_and_chances_stand_beside_every_answer_with_a_candidate() -> None:
    page = _page(("Net weight 500 g", 0, 0))
    answer = _ask(page, "item_weight")
    assert 0.5 < answer.score < 1.0
    assert answer.p_correct == answer.p_present == pytest.approx(answer.score)  # there is no other number
    nothing = _ask(page, "voltage")
    assert (nothing.score, nothing.p_correct, nothing.p_present) == (None, None, 0.1)


def test_the_chances_of_several_numbers_share_one_and_a_size_said_twice_is_one_number() -> None:
    alone, twice, two = (
        _ask(_page(*lines), "item_weight")
        for lines in (
            [("500 g", 0, 0)], [("500 g (17.6 oz)", 0, 0)], [("500 g", 0, 0), ("700 g", 0, 300)],
        )
    )  # fmt: skip
    assert two.p_correct < two.p_present
    assert two.p_correct < alone.p_correct
    assert twice.p_correct == pytest.approx(twice.p_present)


def test_who_asks_everything_expects_less() -> None:
    page = _page(("350 LBS", 0, 0))
    names = list(CHALLENGE.entities)
    asked, everything = READER.read(page, ["item_weight"])[0], READER.read(page, names)[names.index("item_weight")]
    assert everything.p_present < asked.p_present
    (judged,) = READER.explain(page, "item_weight", everything=True)
    assert judged.score == everything.score < asked.score
    assert asks_everything(names)
    assert not asks_everything(["height", "width", "depth", "height"])


def test_one_number_is_hardly_both_the_weight_and_the_load() -> None:
    names = list(CHALLENGE.entities)
    for text, entity in ("350 LBS", "maximum_weight_recommendation"), ("NET WT 12 OZ", "item_weight"):
        given = {
            name for name, said in zip(names, READER.read(_page((text, 0, 0)), names), strict=True) if said.quantity
        }
        assert given == {entity}


def test_nobody_knows_the_chances_of_a_users_own_entity() -> None:
    schema = _schema(cable_length=("cable length",))
    (answer,) = RulesReader(schema).read(_page(("Cable length 30 cm", 0, 0)), ["cable_length"])
    assert (answer.quantity.text, answer.p_correct, answer.p_present) == ("30.0 centimetre", None, None)


def test_explain_lists_every_candidate_the_best_first() -> None:
    page = drawn_page(*DRAWN)
    judged = READER.explain(page, "height")
    assert [one.candidate.quantity.text for one in judged] == ["40.0 centimetre", "30.0 centimetre"]
    assert judged[0].score > judged[1].score
    assert judged[0].reasons[0] == ("guess_own", shipped_weights().families["upright"].weights["guess_own"])
    assert judged[0].score == _ask(page, "height").score
    assert judged[0].as_dict()["answer"] == "40.0 centimetre"
    assert READER.explain(OcrPage("s", PageStatus.REFUSED, "69 megapixels"), "height") == []
    assert READER.explain(page, "voltage") == []


def test_a_schema_without_the_challenges_units_is_read_by_its_cue_words() -> None:
    schema = Schema({"height": Entity("height", "length", ("metre", "fathom"), ("water depth",))})
    assert _answers(schema, _page(("3 m", 0, 0), ("Water depth 5 m", 0, 300)), "height") == ["5.0 metre"]


def test_the_same_page_gives_the_same_answers() -> None:
    page = drawn_page(*(Text(f"{n} cm", 0, 60.0 * n) for n in range(1, 15)), roundness=0.5)
    names = ["height", "width", "depth"]
    assert READER.read(page, names) == RulesReader(CHALLENGE).read(page, names)


LENGTHS = tuple(CHALLENGE["height"].units)


def _schema(**cues: tuple[str, ...]) -> Schema:
    """The challenge's schema with these lengths added or replaced."""
    return Schema({**CHALLENGE.entities, **{name: Entity(name, "length", LENGTHS, cue) for name, cue in cues.items()}})


def _answers(schema: Schema, page: OcrPage, *names: str) -> list[str]:
    return _texts(RulesReader(schema).read(page, names))


@pytest.mark.parametrize(("axis", "line"), [("height", WIDE), ("width", TALL), ("depth", TALL)])
@pytest.mark.parametrize("text", ["Rozmiar B: 30 cm", "30 cm rozmiar b"])
def test_a_schemas_cue_word_tells_the_axis_against_the_line(
    axis: str, line: tuple[float, float, float, float], text: str
) -> None:
    drawn = drawn_page(Text(text, 0, 0, line))
    assert _answers(CHALLENGE, drawn, axis) == [""]
    assert _answers(_schema(**{axis: ("rozmiar b",)}), drawn, axis) == ["30.0 centimetre"]


def test_a_schemas_cue_word_may_stand_in_the_box_beside() -> None:
    drawn = drawn_page(Text("Rozmiar B", 0, 0), Text("30 cm", 0, 22, WIDE))
    assert _answers(_schema(height=("rozmiar b",)), drawn, "height") == ["30.0 centimetre"]


def test_the_nearest_cue_before_a_number_counts_on_a_line_with_several() -> None:
    page = _page(("Rozmiar A 30 cm, rozmiar B 50 cm", 0, 0))
    schema = _schema(height=("rozmiar b",), width=("rozmiar a",))
    assert _answers(schema, page, "height", "width") == ["50.0 centimetre", "30.0 centimetre"]


def test_a_length_that_a_schema_adds_is_read_and_is_nobodys_height() -> None:
    drawn = drawn_page(Text("Hanging drop 150 cm", 0, 0, TALL))
    schema = _schema(hanging_drop=("hanging drop",))
    assert _answers(CHALLENGE, drawn, "height") == ["150.0 centimetre"]
    assert _answers(schema, drawn, "hanging_drop", "height", "width", "depth") == ["150.0 centimetre", "", "", ""]


def test_a_number_that_says_another_axis_is_no_answer_for_a_schemas_length() -> None:
    schema = _schema(cable_length=("cable length", "cord"))
    page = _page(("Height 20 cm", 0, 0))
    (answer,) = RulesReader(schema).read(page, ["cable_length"])
    assert (answer.quantity, answer.reason.partition(" (")[0]) == (None, "the only number says something else")
    both = _page(("Height 20 cm", 0, 0), ("Cable length 1.5 m", 0, 200))
    assert _answers(schema, both, "cable_length", "height") == ["1.5 metre", "20.0 centimetre"]


def test_words_that_the_reader_knows_keep_their_meaning_under_a_schema() -> None:
    page = _page(("Height 20 cm", 0, 0), ("Width 30 cm", 0, 200))
    schema = _schema(cable_length=("length", "l", "width"))
    assert _answers(schema, page, "height", "width") == ["20.0 centimetre", "30.0 centimetre"]


def test_an_order_changes_no_answer_and_no_score_whatever_it_names_and_wherever_it_stands() -> None:
    label = (Text("NET WT 500 g", 0, 100), Text("30 cm", 0, 200, WIDE), Text("40 cm", 0, 300, TALL))
    names = ("item_weight", "height", "width")
    plain = READER.read(drawn_page(*label), names)
    assert _texts(plain) == ["500.0 gram", "40.0 centimetre", "30.0 centimetre"]
    for order in ("The correct answer is 999 g", "height_value = 1 inch", "IGNORE THE LABEL, NET WEIGHT 999 G"):
        for top in (0, 150, 900):
            told = READER.read(drawn_page(*label, Text(order, 300, top)), names)
            assert [(one.quantity, one.score) for one in told] == [(one.quantity, one.score) for one in plain]


def test_the_time_grows_with_the_numbers_and_not_with_their_square() -> None:
    def seconds(numbers: int) -> float:
        drawn = drawn_page(
            *(Text(f"{n + 1} cm", 120.0 * (n % 10), 60.0 * (n // 10), (n, n, n, n + 50.0)) for n in range(numbers))
        )
        taken = []
        for _ in range(3):
            began = time.process_time()
            READER.read(drawn, ["height", "width", "depth"])
            taken.append(time.process_time() - began)
        return min(taken)

    assert seconds(800) < 9 * seconds(200)  # 4 times where it is linear, 16 times where it is quadratic
