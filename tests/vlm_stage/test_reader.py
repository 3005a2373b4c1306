"""The vision reader with a model that answers by rule: what becomes an answer, and what a reason."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from PIL import Image

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError, PictureError
from entx.core.types import Alignment, Answer, OcrPage, PageStatus, Quantity
from entx.neural.backends.base import Completion, Query
from entx.neural.calibration import Calibration, Platt
from entx.neural.predict import Mode
from entx.vlm_stage.prompt import PromptForm, Serving, Views
from entx.vlm_stage.reader import PictureQuestions, VisionReader
from tests.neural.fake_model import FakeModel
from tests.vlm_stage.pages import line, page

LABEL = page(
    (400, 300), line("TEA", 10, 10, 80, 30), line("NET WT 500 G", 10, 60, 200, 30), line("2 kg", 9, 99, 60, 30)
)

PLAIN = Serving()


def views(width: int = 100, height: int = 80, count: int = 1) -> Views:
    return Views(tuple(Image.new("RGB", (width, height)) for _ in range(count)))


def ask(
    model: object, *entities: str, made: OcrPage | None = LABEL, serving: Serving = PLAIN, mode: Mode = Mode.FREE
) -> list[Answer]:
    reader = VisionReader(model, serving, CHALLENGE, mode)  # type: ignore[arg-type]
    (answers,) = reader.read([PictureQuestions(views(), entities, made)])
    return answers


def test_what_the_model_writes_is_the_answer_and_stands_where_ocr_read_it() -> None:
    (answer,) = ask(FakeModel("500 gram"), "item_weight")
    assert answer.quantity == Quantity(Decimal(500), "gram")
    assert (answer.text, answer.reason, answer.log_prob) == ("500 gram", "", -0.2)
    assert (answer.evidence.alignment, answer.evidence.line_ids) == (Alignment.EXACT, (1,))
    assert answer.evidence.polygon == LABEL.lines[1].polygon
    assert answer.score == pytest.approx(0.475, abs=0.001)  # e^-0.2 of e^-0.2 + e^-0.1
    assert answer.p_correct is None
    assert answer.p_present is None


@pytest.mark.parametrize("made", [None, OcrPage("p", PageStatus.FAILED, "engine"), page((400, 300))])
def test_without_ocr_of_the_picture_an_answer_is_given_no_place(made: OcrPage | None) -> None:
    (answer,) = ask(FakeModel("500 gram"), "item_weight", made=made)
    assert answer.quantity == Quantity(Decimal(500), "gram")
    assert answer.evidence.alignment is Alignment.NONE
    assert answer.evidence.polygon is None


def test_a_value_that_the_page_does_not_hold_stays_ungrounded() -> None:
    (answer,) = ask(FakeModel("7.25 kilogram"), "item_weight")
    assert answer.quantity is not None
    assert answer.evidence.alignment is Alignment.NONE


def test_none_is_an_empty_answer_with_its_probability() -> None:
    (answer,) = ask(FakeModel("none"), "item_weight")
    assert answer.quantity is None
    assert answer.reason == "the model says none (p = 0.82)"
    assert (answer.text, answer.log_prob) == ("none", -0.2)


def test_a_form_whose_word_for_none_is_nothing_at_all() -> None:
    serving = Serving(PromptForm("What is the {entity_name}? Units: {allowed_units}", "", decimal_point=True))
    model = FakeModel("", "")
    (answer,) = ask(model, "voltage", serving=serving)
    assert answer.reason == "the model says none (p = 0.82)"
    assert model.seen[0].queries[0].question.startswith("What is the voltage? Units: ")
    assert model.seen[0].queries[0].choices == ("",)


class Says(FakeModel):
    """Writes what it likes, as a server without a constraint does, and tells no log-probability."""

    def completion(self, query: Query, max_tokens: int) -> Completion:
        return Completion(self.written)


@pytest.mark.parametrize(
    ("said", "value", "reason"),
    [
        ("The item weight is 500 g.", Quantity(Decimal(500), "gram"), ""),
        ("Not visible in the image.", None, "the answer says that there is none"),
        ("500 litres", None, "unit not allowed: litre"), ("", None, "the answer is empty"),
        ("none", None, "the model says none"), ("0 gram", None, "the number is not positive"),
    ],
)  # fmt: skip
def test_sentences_pass_the_shared_postprocessor(said: str, value: Quantity | None, reason: str) -> None:
    (answer,) = ask(Says(said), "item_weight")
    assert (answer.quantity, answer.reason, answer.text) == (value, reason, said)
    assert answer.log_prob is None
    assert answer.score is None


def test_all_questions_of_a_picture_go_with_its_views_once() -> None:
    model = FakeModel()
    reader = VisionReader(model, Serving(), CHALLENGE)
    reader.read([PictureQuestions(views(count=3), ("height", "width", "depth"))])
    (asked,) = model.seen
    assert len(asked.shown) == 3
    assert [one.question.partition("?")[0] for one in asked.queries] == [
        "What is the height", "What is the width", "What is the depth",
    ]  # fmt: skip
    assert "inch" in asked.queries[0].pattern
    assert reader.counts.pictures == 1
    assert reader.counts.views == 3
    assert reader.counts.asked == 3
    assert reader.counts.image_tokens == 3 * 4 * 3


def test_pictures_of_like_size_are_read_together_and_answers_stay_in_order() -> None:
    model = FakeModel("500 gram")
    sizes = [(300, 300), (28, 28), (200, 200), (56, 56)]
    asked = [
        PictureQuestions(views(*size), ("item_weight",) * number, LABEL) for number, size in enumerate(sizes, start=1)
    ]  # fmt: skip
    found = VisionReader(model, Serving(), CHALLENGE).read(asked)
    assert [one.shown[0].size for one in model.seen] == [(28, 28), (56, 56), (200, 200), (300, 300)]
    assert [len(answers) for answers in found] == [1, 2, 3, 4]


def test_pictures_that_cannot_be_shown_are_reasons_and_the_others_are_read() -> None:
    model = FakeModel("500 gram")
    reader = VisionReader(model, Serving(), CHALLENGE)
    broken = PictureQuestions(PictureError("damaged picture: x"), ("height", "width"))
    found = reader.read([broken, PictureQuestions(views(), ("item_weight",)), broken])
    assert [[answer.reason for answer in answers] for answers in found] == [
        ["picture: damaged picture: x"] * 2, [""], ["picture: damaged picture: x"] * 2,
    ]  # fmt: skip
    assert reader.counts.without_picture == 4
    assert len(model.seen) == 1


def test_nothing_to_show_asks_nothing() -> None:
    model = FakeModel()
    assert VisionReader(model, Serving(), CHALLENGE).read([]) == []
    VisionReader(model, Serving(), CHALLENGE).read([PictureQuestions(PictureError("x"), ("height",))])
    assert model.calls == []


def test_a_picture_that_the_model_refuses_costs_the_others_nothing() -> None:
    model = FakeModel("500 gram", refuses=13)
    reader = VisionReader(model, Serving(), CHALLENGE)
    found = reader.read([PictureQuestions(views(width), ("item_weight",) * 2, LABEL) for width in (100, 13, 50)])
    assert [answers[0].reason for answers in found] == ["", "picture: too wide", ""]
    assert reader.counts.without_picture == 2
    assert reader.counts.pictures == 2


def test_a_model_that_refuses_every_picture_is_an_error_not_a_thousand_rows() -> None:
    reader = VisionReader(FakeModel(refuses=100), Serving(), CHALLENGE)
    few = [PictureQuestions(views(), ("height",))] * 4
    assert reader.read(few)[0][0].reason == "picture: too wide"  # so few may be the pictures' own fault
    with pytest.raises(InputError, match="fake takes no picture; it says: too wide"):
        reader.read(few)


def test_a_model_that_has_taken_a_picture_may_refuse_any_number() -> None:
    reader = VisionReader(FakeModel(refuses=13), Serving(), CHALLENGE)
    reader.read([PictureQuestions(views(), ("height",))])
    assert len(reader.read([PictureQuestions(views(13), ("height",))] * 20)) == 20


def test_candidates_mode_weighs_what_ocr_read_what_the_model_wrote_and_none() -> None:
    model = FakeModel("505 gram", "2 kilogram")
    (answer,) = ask(model, "item_weight", mode=Mode.CANDIDATES)
    assert model.seen[0].queries[0].choices == ("500 gram", "2 kilogram", "none")
    assert "none" not in model.seen[0].queries[0].pattern
    assert answer.quantity == Quantity(Decimal(2), "kilogram")
    assert (answer.text, answer.log_prob) == ("2 kilogram", -0.1)
    assert answer.evidence.line_ids == (2,)
    assert answer.score == pytest.approx(0.497, abs=0.001)  # -0.1 beside -0.2, -3.0 and -3.02


def test_candidates_mode_can_answer_what_ocr_did_not_read() -> None:
    (answer,) = ask(FakeModel("505 gram", "nothing"), "item_weight", mode=Mode.CANDIDATES)
    assert answer.quantity == Quantity(Decimal(505), "gram")
    assert answer.evidence.alignment is Alignment.NONE
    assert answer.log_prob == -0.2


def test_candidates_mode_needs_no_ocr() -> None:
    model = FakeModel("505 gram")
    (answer,) = ask(model, "item_weight", made=None, mode=Mode.CANDIDATES)
    assert model.seen[0].queries[0].choices == ("none",)
    assert answer.quantity is None
    assert answer.reason == "the model says none (p = 0.52; best: 505 gram, p = 0.48)"
    assert answer.score == pytest.approx(0.475, abs=0.001)


def test_one_value_in_two_spellings_counts_once_by_its_better_one() -> None:
    serving = Serving(PromptForm("{entity}?", "none", decimal_point=True))
    model = FakeModel("500 gram", "500.0 gram")
    reader = VisionReader(model, serving, CHALLENGE, Mode.CANDIDATES)
    ((posterior,),) = reader.posteriors([PictureQuestions(views(), ("item_weight",), LABEL)])
    assert posterior is not None
    assert posterior.quantities == (Quantity(Decimal(500), "gram"), Quantity(Decimal(2), "kilogram"))
    assert posterior is not None
    assert posterior.candidates == (-0.1, -3.01)
    assert posterior.none == -3.02


def test_posteriors_say_nothing_of_pictures_that_were_not_seen() -> None:
    reader = VisionReader(FakeModel(), Serving(), CHALLENGE, Mode.CANDIDATES)
    assert reader.posteriors([PictureQuestions(PictureError("x"), ("height",))]) == [[None]]
    with pytest.raises(InputError, match="candidates mode only"):
        VisionReader(FakeModel(), Serving(), CHALLENGE).posteriors([])


def test_a_calibration_gives_probabilities_and_decides() -> None:
    flat = Calibration(temperature=4.0, correct=Platt(1.0, -1.5), f1=0.9)
    serving = Serving(calibration=flat)
    model = FakeModel("505 gram", "2 kilogram")
    (answer,) = ask(model, "item_weight", mode=Mode.CANDIDATES, serving=serving)
    assert answer.quantity is None
    assert answer.reason.startswith("the model is not sure enough (best: 2 kilogram, p = 0.34; none: p = 0.16)")
    assert answer.p_present == pytest.approx(0.836, abs=0.01)
    assert answer.p_correct == pytest.approx(1.0 - (answer.p_present or 0.0))
    bold = replace(serving, calibration=replace(flat, f1=0.3))
    (answer,) = ask(model, "item_weight", mode=Mode.CANDIDATES, serving=bold)
    assert answer.quantity == Quantity(Decimal(2), "kilogram")
    assert answer.p_correct == pytest.approx(0.10, abs=0.01)


def test_a_value_that_no_product_has_is_none() -> None:
    serving = Serving(calibration=Calibration(unseen=0.25))
    (answer,) = ask(FakeModel("0 gram"), "item_weight", made=None, mode=Mode.CANDIDATES, serving=serving)
    assert answer.quantity is None
    assert answer.reason == "the model says none (p = 0.90)"
    assert (answer.p_present, answer.p_correct) == (0.25, 0.75)


@pytest.mark.parametrize("scores", [(), (None,)])
def test_a_model_that_does_not_score_cannot_weigh(scores: tuple[None, ...]) -> None:
    class Silent(FakeModel):
        def completion(self, query: Query, max_tokens: int) -> Completion:
            return Completion("5 gram", -1.0, scores)

    with pytest.raises(InputError, match="fake does not return log-probabilities of given answers; use --mode free"):
        ask(Silent(), "item_weight", made=None, mode=Mode.CANDIDATES)
