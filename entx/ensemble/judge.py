"""The judge: two probabilities, that an option is right (p) and that there is a value (q); and when to answer on them.

Each is a logistic regression over named numbers: who said what and how surely, agreement, grounding, number of
candidates, entity. scikit-learn (extra `ensemble`) fits it; what is kept is a name, mean, scale and weight for each
feature, as JSON, and numpy applies it. A row's feature that the model lacks is ignored, one that the row lacks is 0.

All features come from the store. Of the arms only their positions are used, so that what was fitted for (rules, vlm)
serves any rules run and any run of that vlm. An arm's score or log-probability never stands in one feature with
another's; where an arm was not asked, all of its features are 0.

Whether to answer hangs on the metric. The challenge's F1 counts a wrong answer as one false positive and no false
negative. To give an answer adds 2p to the numerator 2 TP and 1 + p - q to the denominator 2 TP + FP + FN of F1; that
raises F1 exactly when

    p (2 - F) > F (1 - q)

with F the F1 reached at the optimum (a ratio's optimum is found by Dinkelbach's iteration: decide with F, reckon F
anew). In the usual micro-F1 a wrong answer costs a false negative too, and the rule is p > F / 2: Lipton, Elkan and
Naryanaswamy, Optimal Thresholding of Classifiers to Maximize F1 Measure (2014). precision@X gives as many answers as
keep the expected share of right ones at X.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import exp, log
from typing import Any, NamedTuple, Self

import numpy as np
from pydantic import ConfigDict, model_validator
from pydantic.dataclasses import dataclass

from entx.core.errors import InputError
from entx.core.evaluation import FloatArray
from entx.core.types import Alignment, Answer
from entx.ensemble.ballot import Ballot, Example, Option

Features = Mapping[str, float]

PENALTY = 0.1
"""Inverse strength of the L2 penalty on standardised features: a few hundred rows carry some fifty weak ones. Between
0.02 and 0.5 the F1 out of fold on 868 rows moves by 0.003; weaker penalties than this cost calibration of q."""

CHALLENGE_F1, MICRO_F1 = "challenge-f1", "micro-f1"
_PRECISION = re.compile(r"precision@(0?\.[0-9]+|1|1\.0+)")
_MOST_ROUNDS = 100
_MOST_ODDS = 6.0  # log-odds; further out a probability is a claim, not a measurement

FILE = ConfigDict(extra="forbid", allow_inf_nan=False)
"""What is read from a fitted file: nothing unknown in it, and every number a number."""


@dataclass(frozen=True, config=FILE)
class Logistic:
    """A fitted model; columns of unequal length are a ValueError."""

    names: tuple[str, ...]  # of the features, sorted
    mean: tuple[float, ...]  # of each feature in the fitted rows
    scale: tuple[float, ...]
    weights: tuple[float, ...]  # of the standardised features
    intercept: float  # log-odds of the average row

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if not len(self.names) == len(self.mean) == len(self.scale) == len(self.weights):
            raise ValueError("a logistic model with columns of unequal length")
        return self

    def probabilities(self, rows: Sequence[Features]) -> FloatArray:
        """The probability of each row, shape (rows,)."""
        if not rows:
            return np.zeros(0)
        steepness = np.array(self.weights) / np.array(self.scale) if self.names else np.zeros(0)
        odds = _matrix(rows, self.names) @ steepness + (self.intercept - float(np.dot(self.mean, steepness)))
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(odds, -50.0, 50.0))), dtype=np.float64)


def fit_logistic(rows: Sequence[Features], labels: Sequence[bool], penalty: float = PENALTY) -> Logistic:
    """Fits a model; deterministic. Without rows of both labels, or a feature that varies, it is a smoothed share.

    Raises:
        InputError: scikit-learn is not installed.
    """
    names = tuple(sorted({name for row in rows for name in row}))
    matrix = _matrix(rows, names)
    varying = matrix.std(axis=0) > 1e-9 if rows else np.zeros(0, dtype=bool)
    if not varying.any() or len(set(labels)) < 2:
        share = (sum(labels) + 0.5) / (len(labels) + 1.0)
        return Logistic((), (), (), (), float(np.log(share / (1.0 - share))))
    try:
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits  # scikit-learn's own requirement
    except ImportError:
        raise InputError(
            "scikit-learn is needed to fit an ensemble: pip install 'entx-hybrid[ensemble]'; a fitted one (--fitted) "
            "is used without it"
        ) from None
    names = tuple(name for name, varies in zip(names, varying, strict=True) if varies)
    matrix = matrix[:, varying]
    mean, scale = matrix.mean(axis=0), matrix.std(axis=0)
    model = LogisticRegression(C=penalty, max_iter=2000)
    with threadpool_limits(1):  # the problem is tiny; threads that wait for a busy core cost a hundred times its time
        model.fit((matrix - mean) / scale, np.array(labels, dtype=bool))
    columns = {"mean": mean, "scale": scale, "weights": model.coef_[0]}
    plain: dict[str, Any] = {name: tuple(column.tolist()) for name, column in columns.items()}
    return Logistic(names=names, intercept=float(model.intercept_[0]), **plain)


def _matrix(rows: Sequence[Features], names: Sequence[str]) -> FloatArray:
    column = {name: position for position, name in enumerate(names)}
    matrix = np.zeros((len(rows), len(names)))
    for place, row in enumerate(rows):  # a row has a fifth of the features, so this beats a look at every cell
        for name, value in row.items():
            if (position := column.get(name)) is not None:
                matrix[place, position] = value
    return matrix


def option_features(ballot: Ballot, option: Option) -> dict[str, float]:
    """Features of a given answer, for the probability that it is right."""
    found = _common(ballot)
    entity = ballot.entity.name
    for arm, answer in ballot.votes:
        side = "for" if arm in option.arms else "nothing" if answer.quantity is None else "against"
        found[f"{arm} {side}"] = 1.0
        _add_sureness(found, f"{arm} {side}", entity, answer)
    found |= {f"{arm} for {entity}": 1.0 for arm in option.arms}
    found["share for"] = len(option.arms) / len(ballot.asked)
    found["converted"] = float(option.converted)
    if ballot.candidates is not None:
        found[f"alignment {option.evidence.alignment.value}"] = 1.0
        if option.evidence.alignment is Alignment.NONE:
            found[f"ungrounded {entity}"] = 1.0
    return found


def ballot_features(ballot: Ballot) -> dict[str, float]:
    """Features of a question, for the probability that the picture shows a value."""
    found = _common(ballot)
    entity = ballot.entity.name
    for arm, answer in ballot.votes:
        said = "nothing" if answer.quantity is None else "something"
        found[f"{arm} {said}"] = 1.0
        found[f"{arm} {said} {entity}"] = 1.0
        _add_sureness(found, f"{arm} {said}", entity, answer)
    given = [option for option in ballot.options if option.quantity is not None]
    found["share of the largest"] = max((len(option.arms) for option in given), default=0) / max(len(ballot.asked), 1)
    if ballot.candidates is not None:
        found["a grounded one"] = float(any(option.evidence.alignment is not Alignment.NONE for option in given))
    return found


def answer_features(ballot: Ballot, arm: int) -> dict[str, float]:
    """Features of what one arm said, for the probability that it is right; of no other arm, so that it stands alone."""
    answer = ballot.answers[arm]
    assert answer is not None
    entity = ballot.entity.name
    said = "nothing" if answer.quantity is None else "something"
    found = {said: 1.0, f"{said} {entity}": 1.0, **_page_features(ballot)}
    _add_sureness(found, said, entity, answer)
    if answer.quantity is not None and ballot.candidates is not None:
        own = next((option for option in ballot.options if arm in option.arms), None)
        found[f"alignment {own.evidence.alignment.value if own else Alignment.NONE.value}"] = 1.0
    return found


def _common(ballot: Ballot) -> dict[str, float]:
    given = sum(option.quantity is not None for option in ballot.options)
    found = {f"entity {ballot.entity.name}": 1.0, "options": float(given), **_page_features(ballot)}
    if ballot.everything:  # which arm is to be believed, and how much, hangs on that too
        said = (f"{arm} {'nothing' if answer.quantity is None else 'something'}" for arm, answer in ballot.votes)
        found |= {f"everything {one}": 1.0 for one in said} | {"everything": 1.0}
    return found


def _page_features(ballot: Ballot) -> dict[str, float]:
    if ballot.candidates is None:
        return {"no page": 1.0}
    few = {0: {"no candidate": 1.0}, 1: {"one candidate": 1.0}}
    return {"candidates": log(1.0 + ballot.candidates), **few.get(ballot.candidates, {})}


def _add_sureness(found: dict[str, float], name: str, entity: str, answer: Answer) -> None:
    """The arm's own numbers as log-odds, of which a logistic model is linear. A score says no more where the arm states
    q, and a log-probability none where it has a score. A score is comparable within an entity only, so each entity has
    its own slope too."""
    if answer.score is not None and answer.p_present is None:
        found[f"{name} score"] = found[f"{name} score {entity}"] = _odds(answer.score)
    elif answer.score is None and answer.log_prob is not None:
        found[f"{name} log_prob"] = _odds(exp(min(answer.log_prob, 0.0)))
    if answer.p_correct is not None and answer.quantity is not None:
        found[f"{name} p"] = _odds(answer.p_correct)
    if answer.p_present is not None:
        found[f"{name} q"] = _odds(answer.p_present)


def _odds(probability: float) -> float:
    clipped = min(max(probability, 1e-9), 1.0 - 1e-9)
    return min(max(log(clipped / (1.0 - clipped)), -_MOST_ODDS), _MOST_ODDS)


class Verdict(NamedTuple):
    """What the judge thinks of a ballot: p of each option, where that of giving nothing is 1 - q, and q."""

    right: tuple[float, ...]
    present: float


@dataclass(frozen=True, config=FILE)
class Judge:
    """Two fitted models, over options and over questions."""

    right: Logistic
    present: Logistic

    def verdicts(self, ballots: Sequence[Ballot]) -> list[Verdict]:
        """One a ballot. An answer can only be right where there is a value: p is at most q."""
        present = self.present.probabilities([ballot_features(ballot) for ballot in ballots])
        given = [(ballot, option) for ballot in ballots for option in ballot.options if option.quantity is not None]
        right = iter(self.right.probabilities([option_features(*pair) for pair in given]))
        found = []
        for ballot, shown in zip(ballots, map(float, present), strict=True):
            chances = tuple(
                1.0 - shown if option.quantity is None else min(float(next(right)), shown) for option in ballot.options
            )
            found.append(Verdict(chances, shown))
        return found


def fit_judge(examples: Sequence[Example]) -> Judge:
    """Learns from labelled ballots."""
    given = [(one, option) for one in examples for option in one.ballot.options if option.quantity is not None]
    features = [option_features(one.ballot, option) for one, option in given]
    right = fit_logistic(features, [one.is_right(option) for one, option in given])
    present = fit_logistic([ballot_features(one.ballot) for one in examples], [one.present for one in examples])
    return Judge(right, present)


@dataclass(frozen=True)
class Objective:
    """What is to be as high as possible."""

    name: str  # challenge-f1, micro-f1 or precision
    precision: float = 0.0  # to be kept, for precision only

    @classmethod
    def parse(cls, text: str) -> Objective:
        """From "challenge-f1", "micro-f1" or "precision@0.95". Raises InputError: anything else."""
        if text in (CHALLENGE_F1, MICRO_F1):
            return cls(text)
        match = _PRECISION.fullmatch(text)
        if match is None or float(match[1]) == 0.0:
            raise InputError(
                f"--optimise {text!r}: expected {CHALLENGE_F1}, {MICRO_F1} or precision@X with X over 0 and up to 1, "
                "for example precision@0.95"
            )
        return cls("precision", float(match[1]))

    def threshold(self, right: Sequence[float], present: Sequence[float]) -> float:
        """What `gives` compares with, from the p and q of held-out rows: F, or the least p to give."""
        p, q = np.asarray(right, dtype=np.float64), np.asarray(present, dtype=np.float64)
        return _least_p(p, self.precision) if self.name == "precision" else self._fixed_point(p, q)

    def gives(self, right: float, present: float, threshold: float) -> bool:
        """Whether the answer is given."""
        if self.name == CHALLENGE_F1:
            return right * (2.0 - threshold) > threshold * (1.0 - present)
        return right > threshold / 2.0 if self.name == MICRO_F1 else right >= threshold

    def expected_f1(self, right: FloatArray, present: FloatArray, given: FloatArray) -> float:
        """The F1 to expect: right, present and given (1 or 0) of each row."""
        tp = float((right * given).sum())
        if tp == 0.0:
            return 0.0
        if self.name == MICRO_F1:
            return 2.0 * tp / float(given.sum() + present.sum())
        return 2.0 * tp / float(2.0 * tp + ((1.0 - right) * given).sum() + (present * (1.0 - given)).sum())

    def _fixed_point(self, right: FloatArray, present: FloatArray) -> float:
        reached = 0.0
        for _ in range(_MOST_ROUNDS):  # rises strictly until it stands still; a handful of rounds in practice
            given = np.array([self.gives(p, q, reached) for p, q in zip(right, present, strict=True)], dtype=np.float64)
            now = self.expected_f1(right, present, given)
            if now <= reached:
                break
            reached = now
        return reached


def _least_p(right: FloatArray, precision: float) -> float:
    """The lowest p such that all rows from it up are right with this probability on average; over 1 where none are."""
    ordered = np.sort(right)[::-1]
    kept = np.cumsum(ordered) / np.arange(1, len(ordered) + 1) >= precision
    kept[:-1] &= ordered[1:] < ordered[:-1]  # equal p are given together or not at all
    return float(ordered[np.flatnonzero(kept)[-1]]) if kept.any() else 1.1
