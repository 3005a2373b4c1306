"""The metric against examples worked by hand from its definition."""

import random
from fractions import Fraction

import numpy as np
import pytest

from entx.core.evaluation import Counts, Outcome, f1_of, outcomes


def one(predicted: str, truth: str, also: str = "") -> tuple[Outcome, Outcome]:
    by_quantity, by_text = outcomes([predicted], [truth], [also])
    return Outcome(by_quantity[0]), Outcome(by_text[0])


@pytest.mark.parametrize(
    ("predicted", "truth", "outcome"),
    [
        ("5.0 gram", "5.0 gram", Outcome.TP),
        ("6.0 gram", "5.0 gram", Outcome.FP),  # wrong on a present truth: a false positive, not a false negative too
        ("5.0 gram", "", Outcome.FP), ("", "5.0 gram", Outcome.FN), ("", "", Outcome.TN), (" ", "5.0 gram", Outcome.FN),
        ("5.0 gram", "  ", Outcome.FP),
    ],
)  # fmt: skip
def test_the_definition(predicted: str, truth: str, outcome: Outcome) -> None:
    assert one(predicted, truth) == (outcome, outcome)


@pytest.mark.parametrize(
    ("predicted", "truth", "also", "by_quantity", "by_text"),
    [
        ("5 gram", "5.0 gram", "", Outcome.TP, Outcome.FP), ("0.10 gram", "0.1 gram", "", Outcome.TP, Outcome.FP),
        ("0.1000000000000000055511151231257827 gram", "0.1 gram", "", Outcome.FP, Outcome.FP),  # equal as floats
        ("0.5 kilogram", "500 gram", "", Outcome.FP, Outcome.FP),  # units are not converted
        ("5 gram", "5 kilogram", "", Outcome.FP, Outcome.FP), (" 5 gram ", "5 gram", "", Outcome.TP, Outcome.TP),
        ("5 inch", "12.7 centimetre", "5 inch", Outcome.TP, Outcome.TP),
        ("946.0 millilitre", "32 fluid ounce", "1 quart | 946 millilitre", Outcome.TP, Outcome.FP),
        ("1 quart", "32 fluid ounce", "1 quart | 946 millilitre", Outcome.TP, Outcome.TP),
        ("2 quart", "32 fluid ounce", "1 quart | 946 millilitre", Outcome.FP, Outcome.FP),
        ("[220.0, 240.0] volt", "[220.0, 240.0] volt", "", Outcome.TP, Outcome.TP),  # no written form: text decides
        ("[220, 240] volt", "[220.0, 240.0] volt", "", Outcome.FP, Outcome.FP),
        ("240.0 volt", "[220.0, 240.0] volt", "", Outcome.FP, Outcome.FP),
        ("NA", "NA", "", Outcome.TP, Outcome.TP),  # words stay words
        ("", "", "5 inch", Outcome.TN, Outcome.TN),  # alternatives count only beside a truth
        ("5 inch", "", "5 inch", Outcome.FP, Outcome.FP),
    ],
)  # fmt: skip
def test_equality(predicted: str, truth: str, also: str, by_quantity: Outcome, by_text: Outcome) -> None:
    assert one(predicted, truth, also) == (by_quantity, by_text)


def test_a_table_worked_by_hand() -> None:
    predicted = ["1 volt", "2 volt", "3 volt", "", "", "9 volt", "7.0 volt", "8 volt"]
    truth = ["1 volt", "2 volt", "4 volt", "5 volt", "", "", "7 volt", "8 watt"]
    by_quantity, by_text = outcomes(predicted, truth)
    counts = Counts.of(by_quantity)
    assert counts == Counts(tp=3, fp=3, fn=1, tn=1)
    assert counts.rows == 8
    assert counts.precision == pytest.approx(3 / 6)
    assert counts.recall == pytest.approx(3 / 4)
    assert counts.f1 == pytest.approx(2 * (1 / 2) * (3 / 4) / (1 / 2 + 3 / 4))  # 0.6
    assert counts.coverage == pytest.approx(6 / 8)
    assert Counts.of(by_text) == Counts(tp=2, fp=4, fn=1, tn=1)
    assert Counts.of(by_text).f1 == pytest.approx(4 / 9)


def test_it_is_not_the_usual_micro_f1() -> None:
    """Always answering: 6 right, 2 wrong, 2 on empty truths. The usual micro-F1 counts the 2 wrong ones twice."""
    truth = ["1 volt"] * 8 + [""] * 2
    counts = Counts.of(outcomes(["1 volt"] * 6 + ["2 volt"] * 4, truth)[0])
    assert counts == Counts(tp=6, fp=4, fn=0, tn=0)
    assert counts.recall == 1.0
    assert counts.f1 == pytest.approx(12 / 16)
    usual = 2 * 6 / (2 * 6 + 4 + 2)  # FN are the present truths without a right answer
    assert usual == pytest.approx(12 / 18)
    abstaining = Counts.of(outcomes(["1 volt"] * 6 + [""] * 4, truth)[0])
    assert abstaining == Counts(tp=6, fp=0, fn=2, tn=2)
    assert abstaining.f1 == pytest.approx(12 / 14)


@pytest.mark.parametrize(
    ("counts", "precision", "recall"),
    [
        (Counts(0, 0, 0, 0), None, None), (Counts(0, 0, 0, 7), None, None), (Counts(0, 0, 3, 1), None, 0.0),
        (Counts(0, 4, 0, 1), 0.0, None), (Counts(0, 2, 2, 0), 0.0, 0.0),
    ],
)  # fmt: skip
def test_an_undefined_f1_is_0(counts: Counts, precision: float | None, recall: float | None) -> None:
    assert (counts.precision, counts.recall, counts.f1) == (precision, recall, 0.0)


def test_no_rows() -> None:
    by_quantity, by_text = outcomes([], [])
    assert Counts.of(by_quantity) == Counts.of(by_text) == Counts(0, 0, 0, 0)
    assert Counts.of(by_quantity).coverage is None


def test_columns_of_different_length_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match=r"shorter|longer"):
        outcomes(["1 volt"], ["1 volt", ""])


def test_f1_is_the_harmonic_mean_of_precision_and_recall() -> None:
    draw = random.Random(3)
    rows = [[draw.randrange(5) for _ in range(3)] for _ in range(300)]
    fast = f1_of(*np.array(rows).T)
    for (tp, fp, fn), value in zip(rows, fast, strict=True):
        precision = Fraction(tp, tp + fp) if tp + fp else None
        recall = Fraction(tp, tp + fn) if tp + fn else None
        if precision is None or recall is None or precision + recall == 0:
            assert value == 0
        else:
            assert value == pytest.approx(float(2 * precision * recall / (precision + recall)))
        assert Counts(tp, fp, fn, 1).f1 == value
