"""Which of a picture's labelled questions are learnt from."""

from __future__ import annotations

from collections import Counter

from entx.core.entities import CHALLENGE
from entx.neural.labelled import source_weight, usable_labels
from entx.neural.labels import RangePolicy
from entx.storage.labels import LabelledQuestion


def asked(index: int, entity_name: str, label: str, source: str = "train.csv") -> LabelledQuestion:
    return LabelledQuestion(index, "picture", "g", entity_name, label, source)


def usable(*questions: LabelledQuestion, **sources: float) -> tuple[list[tuple[int, str]], Counter[str]]:
    tally: Counter[str] = Counter()
    patterns = {name.replace("_star", "*"): weight for name, weight in sources.items()}
    found = usable_labels(questions, CHALLENGE, patterns, RangePolicy.UPPER, tally)
    return [(question.index, truth.text if truth else "") for question, truth in found], tally


def test_the_first_pattern_that_fits_is_the_weight() -> None:
    sources = {"train*/depth": 0.1, "train*": 0.5, "cur*": 1.0}
    assert source_weight(sources, "train.csv", "depth") == 0.1
    assert source_weight(sources, "train.csv", "width") == 0.5
    assert source_weight(sources, "other.csv", "width") == 1.0


def test_labels_are_cleaned_and_faults_counted() -> None:
    found, tally = usable(
        asked(0, "voltage", "[220.0, 240.0] volt"), asked(1, "width", "3.0 gram"), asked(2, "height", ""),
        asked(3, "loudness", "3 dB"), asked(4, "depth", "x"),
    )  # fmt: skip
    assert found == [(0, "240.0 volt"), (2, "")]
    assert tally == {"dropped: unit not allowed": 1, "dropped: unknown entity": 1, "dropped: no quantity": 1}


def test_of_two_labels_the_one_of_higher_weight_counts() -> None:
    found, tally = usable(
        asked(0, "width", "3.0 inch"), asked(1, "width", "4.0 inch", "curated.csv"), train_star=0.25
    )  # fmt: skip
    assert found == [(1, "4.0 inch")]
    assert tally == {"dropped: asked of this picture before": 1}


def test_contradictions_of_equal_weight_fall_away_and_agreements_do_not() -> None:
    found, tally = usable(asked(0, "width", "3.0 inch"), asked(1, "width", "4.0 inch"), asked(2, "height", "1 inch"))
    assert found == [(2, "1.0 inch")]
    assert tally == {"dropped: asked of this picture before": 1, "dropped: contradicted": 1}
    found, _ = usable(asked(5, "width", "3.0 inch"), asked(4, "width", "3 inch"))
    assert found == [(4, "3.0 inch")]


def test_weight_0_leaves_out() -> None:
    found, tally = usable(asked(0, "width", "3.0 inch"), **{"train.csv/width": 0.0})
    assert found == []
    assert tally == {"dropped: weight 0": 1}
