"""The metric, its intervals, and a table of predictions against a table of truths."""

import csv
import os
import random
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError, TableError
from entx.core.evaluation import (
    Counts,
    Evaluation,
    Interval,
    Outcome,
    bootstrap_f1,
    evaluate,
    f1_of,
    group_numbers,
    outcomes,
    paired_f1,
    read_truth,
)
from entx.core.types import Quantity


def one(predicted: str, truth: str, also: str = "") -> tuple[Outcome, Outcome]:
    by_quantity, by_text = outcomes([predicted], [truth], [also.split(" | ") if also else ()])
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


def table(pictures: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of pictures with 1 to 4 rows each, right or wrong mostly together."""
    draw = np.random.default_rng(seed)
    groups = np.repeat(np.arange(pictures), draw.integers(1, 5, pictures))
    quality = draw.beta(0.7, 0.5, pictures)[groups]
    stated = draw.random(len(groups)) < 0.75
    answered = draw.random(len(groups)) < 0.85
    right = draw.random(len(groups)) < quality
    given, none = np.where(stated & right, Outcome.TP, Outcome.FP), np.where(stated, Outcome.FN, Outcome.TN)
    return np.where(answered, given, none), groups


def direct(outcome: np.ndarray, groups: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    draw = np.random.default_rng(seed)
    rows_of = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    scores = []
    for _ in range(resamples):
        rows = np.concatenate([rows_of[pick] for pick in draw.integers(0, len(rows_of), len(rows_of))])
        scores.append(Counts.of(outcome[rows]).f1)
    return np.quantile(scores, [0.025, 0.975])


@pytest.mark.parametrize("pictures", [12, 150])
def test_bounds_are_those_of_the_plain_bootstrap(pictures: int) -> None:
    outcome, groups = table(pictures, seed=1)
    fast = bootstrap_f1(outcome, groups, resamples=6_000)
    low, high = direct(outcome, groups, resamples=3_000, seed=2)
    tolerance = 0.1 * (high - low)  # Monte Carlo error of both; row-wise resampling misses by more (below)
    assert fast.low == pytest.approx(low, abs=tolerance)
    assert fast.high == pytest.approx(high, abs=tolerance)


def test_rows_of_one_picture_widen_the_interval() -> None:
    outcome = np.repeat(np.tile([Outcome.TP, Outcome.FP], 30), 8)
    together = bootstrap_f1(outcome, np.repeat(np.arange(60), 8))
    apart = bootstrap_f1(outcome, np.arange(len(outcome)))
    ratio = (together.high - together.low) / (apart.high - apart.low)
    assert ratio == pytest.approx(8**0.5, rel=0.15)


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    big, big_groups = table(40_000, seed=5)
    truth = Counts.of(big).f1
    start = np.searchsorted(big_groups, np.arange(0, 40_000, 200))
    hits = 0
    for first, last in zip(start, np.append(start[1:], len(big)), strict=True):  # 200 samples of 200 pictures
        found = bootstrap_f1(big[first:last], big_groups[first:last], resamples=400)
        hits += found.low <= truth <= found.high
    assert 0.89 <= hits / 200 <= 0.99


def test_the_seed_decides() -> None:
    outcome, groups = table(100, seed=3)
    assert bootstrap_f1(outcome, groups, seed=4) == bootstrap_f1(outcome, groups, seed=4)
    assert bootstrap_f1(outcome, groups, seed=4) != bootstrap_f1(outcome, groups, seed=5)


def test_order_of_rows_and_numbers_of_groups_do_not_matter() -> None:
    outcome, groups = table(80, seed=6)
    shuffled = np.random.default_rng(0).permutation(len(outcome))
    expected = bootstrap_f1(outcome, groups)
    assert bootstrap_f1(outcome[shuffled], groups[shuffled]) == expected
    assert bootstrap_f1(outcome, groups * 7 + 3) == expected


@pytest.mark.parametrize(("outcome", "f1"), [(Outcome.TP, 1.0), (Outcome.FP, 0.0), (Outcome.TN, 0.0)])
def test_equal_rows_leave_no_doubt(outcome: Outcome, f1: float) -> None:
    assert bootstrap_f1(np.full(50, outcome), np.arange(50)) == Interval(f1, f1)


def test_one_picture_and_no_row() -> None:
    one = bootstrap_f1(np.array([Outcome.TP, Outcome.FP]), np.array([0, 0]))
    assert one.low == one.high == pytest.approx(2 / 3)
    assert bootstrap_f1(np.array([], dtype=np.int64), np.array([], dtype=np.int64)) == Interval(0.0, 0.0)


def test_many_different_pictures_are_drawn_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome, groups = table(200, seed=9)
    whole = bootstrap_f1(outcome, groups)
    monkeypatch.setattr("entx.core.evaluation._CELLS", 500)  # a memory bound of a few resamples at a time
    assert bootstrap_f1(outcome, groups) == whole


def test_group_numbers_follow_appearance() -> None:
    assert group_numbers(["b", "a", "b", "c"]).tolist() == [0, 1, 0, 2]


def test_an_interval_prints_three_digits() -> None:
    assert str(Interval(0.12345, 0.9)) == "[0.123, 0.900]"


APART = np.arange(400)
WORSE, BETTER = (np.where(right > APART, Outcome.TP, Outcome.FP) for right in (300, 312))


def test_an_arm_against_itself_does_not_differ() -> None:
    rows = np.array([Outcome.TP, Outcome.FP, Outcome.FN, Outcome.TN] * 20)
    found = paired_f1(rows, rows, np.arange(80))
    assert (found.difference, found.interval.low, found.interval.high, found.p_value) == (0.0, 0.0, 0.0, 1.0)
    assert not found.separable


def test_a_small_but_steady_gain_is_separable_though_the_intervals_overlap() -> None:
    found = paired_f1(BETTER, WORSE, APART)
    assert found.difference == pytest.approx(624 / 712 - 600 / 700)
    assert found.separable
    assert found.p_value < 0.01
    assert bootstrap_f1(BETTER, APART).low < bootstrap_f1(WORSE, APART).high
    assert paired_f1(WORSE, BETTER, APART).difference == -found.difference


def test_rows_of_one_picture_count_as_one() -> None:
    found = paired_f1(BETTER, WORSE, np.array([*range(300), *[300] * 12, *range(301, 389)]))
    assert not found.separable
    assert found.p_value > 0.5


GOLD = """index,image_link,entity_name,value,also,slice,origin
10,a.jpg,width,5 inch,12.7 centimetre,small,test
11,a.jpg,height,6 inch,,small,test
12,b.jpg,width,,,large,test
13,c.jpg,depth,7 inch,,large,train
14,d.jpg,voltage,,,large,train
"""
PREDICTIONS = "index,prediction\n14,\n13,7.0 inch\n12,1 inch\n99,1 inch\n10,12.7 centimetre\n"


def run(tmp_path: Path, gold: str = GOLD, predictions: str = PREDICTIONS, **options: object) -> Evaluation:
    (tmp_path / "gold.csv").write_text(gold, encoding="utf-8")
    (tmp_path / "pred.csv").write_text(predictions, encoding="utf-8")
    return evaluate(tmp_path / "pred.csv", tmp_path / "gold.csv", CHALLENGE, **options)  # type: ignore[arg-type]


def test_rows_are_matched_by_index(tmp_path: Path) -> None:
    found = run(tmp_path)
    assert found.overall.counts == Counts(tp=2, fp=1, fn=1, tn=1)
    assert found.overall.counts_string == Counts(tp=1, fp=2, fn=1, tn=1)
    assert (found.missing, found.ignored) == (1, 1)


def test_the_index_is_a_column_like_others_to_choose_by(tmp_path: Path) -> None:
    (index, *_) = list(run(tmp_path, by=["index"]).parts["index"])
    assert run(tmp_path, where=[("index", index)]).overall.counts.rows == 1


def test_parts_add_up_and_the_largest_comes_first(tmp_path: Path) -> None:
    found = run(tmp_path, by=["origin"])
    assert list(found.parts) == ["entity_name", "slice", "origin"]
    assert list(found.parts["slice"]) == ["large", "small"]
    assert found.parts["slice"]["small"].counts == Counts(tp=1, fp=0, fn=1, tn=0)
    assert found.parts["entity_name"]["width"].counts == Counts(tp=1, fp=1, fn=0, tn=0)
    for parts in found.parts.values():
        assert sum(score.counts.rows for score in parts.values()) == 5


def test_where_keeps_rows_and_values_of_one_column_are_alternatives(tmp_path: Path) -> None:
    assert run(tmp_path, where=[("origin", "test")]).overall.counts == Counts(tp=1, fp=1, fn=1, tn=0)
    both = run(tmp_path, where=[("origin", "test"), ("slice", "large")])
    assert both.overall.counts.rows == 1
    assert run(tmp_path, where=[("origin", "test"), ("origin", "train")]).overall.counts.rows == 5
    assert run(tmp_path, where=[("origin", "train")]).missing == 0


def test_also_can_be_left_out(tmp_path: Path) -> None:
    assert run(tmp_path, use_also=False).overall.counts == Counts(tp=1, fp=2, fn=1, tn=1)


def test_entity_value_is_a_truth_column_too_and_nothing_else_is_needed(tmp_path: Path) -> None:
    found = run(tmp_path, "index,entity_value\n10,2 inch\n12,1.0 inch\n")
    assert found.overall.counts == Counts(tp=1, fp=1, fn=0, tn=0)
    assert found.parts == {}


def test_a_truth_that_cannot_be_read_is_a_fault_with_its_place(tmp_path: Path) -> None:
    faults = ["NA", "5kg", "1,5 gram", "about 5 gram", "5 gram | 6 gram", "x", "y"]
    rows = "".join(f'{place},"{text}",\n' for place, text in enumerate(faults))
    with pytest.raises(TableError) as caught:
        run(tmp_path, f"index,value,also\n90,5 gram,\n91,,NA\n{rows}92,5 gram,5 gram | five gram\n")
    assert (caught.value.line, caught.value.column) == (4, "value")
    for part in ("'NA' is not \"number unit\"", "line 5 '5kg'", "line 8 '5 gram | 6 gram', 3 more)"):
        assert part in str(caught.value)
    with pytest.raises(TableError, match="line 2, column also: 'five gram' is not") as caught:
        run(tmp_path, "index,value,also\n92,5 gram,5 gram | five gram\n")
    assert "so too" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["[100.0, 240.0] volt", "10 kilogram to 15 kilogram", "0 kilogram to 2kilogram", "2.2223333344444455e+20 gram",
     "5.016481104150004 e+17 pound"],
)  # fmt: skip
def test_forms_of_the_train_tables_are_truths_that_equal_only_themselves(text: str, tmp_path: Path) -> None:
    gold = f'index,value\n1,"{text}"\n2," {text} "\n'
    found = run(tmp_path, gold, f'index,prediction\n1,"{text}"\n2,5 gram\n')
    assert found.overall.counts == Counts(tp=1, fp=1, fn=0, tn=0)
    assert found.ranges == 2


def test_a_truth_table_gives_the_rows_that_were_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "gold.csv"
    rows = ["3, 5 gram,0.005 kilogram |  | 5.1 gram,b", "4, ,7 gram,a", '5,"[1.0, 2.0] volt",,a']
    path.write_text("\n".join(["index,value,also,slice", *rows]))
    truths = read_truth(path, optional=["slice", "image"])
    assert list(truths.by_index) == [3, 4, 5]
    assert [truth.present for truth in truths.rows] == [True, False, True]
    assert truths.by_index[3].rights == {
        Quantity(Decimal(n), u) for n, u in (("5", "gram"), ("0.005", "kilogram"), ("5.1", "gram"))
    }
    assert truths.by_index[4].rights == truths.by_index[5].rights == frozenset()
    assert (truths.cells("image"), truths.cells("image", "slice")) == (None, ["b", "a", "a"])
    some = read_truth(path, where=[("slice", "a")])
    assert ([truth.index for truth in some.rows], some.cells("slice")) == ([4, 5], ["a", "a"])


def test_pictures_are_resampled_whole(tmp_path: Path) -> None:
    rows = [f"{i},{'{}'},5 inch" for i in range(200)]
    answers = "index,prediction\n" + "".join(f"{i},{5 if i < 100 else 6} inch\n" for i in range(200))
    widths = []
    for column, name in [("image_link", lambda i: i), ("image_link", lambda i: i // 50), ("image", lambda i: i // 50)]:
        gold = "\n".join([f"index,{column},value", *(row.format(name(i)) for i, row in enumerate(rows))]) + "\n"
        interval = run(tmp_path, gold, answers).overall.interval
        widths.append(interval.high - interval.low)
    assert widths[1] > 4 * widths[0]
    assert widths[2] == widths[1]


MANY = "index,value\n" + "".join(f"{i},{i} inch\n" for i in range(1_001))


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"gold": GOLD.splitlines()[0] + "\n"}, InputError, "nothing to score"),
        ({"where": [("origin", "none")]}, InputError,
         r"no row is left with origin = \['none'\]; it holds 'test', 'train'"),
        ({"where": [("origni", "test")]}, TableError, "did you mean 'origin'"),
        ({"gold": MANY, "by": ["value"]}, InputError, "value has 1,001 values"),
        ({"gold": "index,truth\n1,x\n"}, InputError, "neither entity_value nor value"),
        ({"gold": "index,value,entity_value\n1,x,x\n"}, InputError, "both entity_value and value"),
        ({"predictions": "index,prediction\n1,\n1,\n"}, TableError,
         r"pred\.csv, line 3, column index: index 1 was already used on line 2"),
        ({"gold": "index,entity_name,value\n1,weight,5 gram\n"}, TableError,
         r"gold\.csv, line 2, column entity_name: unknown entity 'weight'"),
    ],
)  # fmt: skip
def test_faults(tmp_path: Path, options: dict[str, object], error: type[InputError], said: str) -> None:
    with pytest.raises(error, match=said):
        run(tmp_path, **options)


def test_a_file_without_answers_scores_0(tmp_path: Path) -> None:
    found = run(tmp_path, predictions="index,prediction\n")
    assert found.overall.counts == Counts(tp=0, fp=0, fn=3, tn=2)
    assert (found.overall.counts.f1, found.missing) == (0.0, 5)


def test_public_submissions_score_on_real_rows_as_published_with_the_data() -> None:
    """Figures of the data set's README: first-named value only, rows on test pictures, small and large pictures."""
    data = Path(os.environ.get("ENTX_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
    gold = data / "gold" / "dev.csv"
    if not gold.exists():
        pytest.skip("the shared development data is not on this machine (ENTX_SHARED_DATA)")
    with gold.open(encoding="utf-8", newline="") as stream:
        slices = [row["slice"] for row in csv.DictReader(stream) if row["origin"] == "test"]
    expected = {"idefics2_finetuned": (0.648, 0.634), "team_t": (0.700, 0.694), "ocr_rules_n": (0.547, 0.566)}
    for name, figures in expected.items():
        path = data / "predictions" / f"{name}.csv.gz"
        found = evaluate(path, gold, CHALLENGE, where=[("origin", "test")], use_also=False)
        for part, figure in zip(("small", "large"), figures, strict=True):
            score = found.parts["slice"][part]
            assert score.counts.rows == slices.count(part)
            assert score.counts.f1 == pytest.approx(figure, abs=0.0005)
