"""From a model's log-probabilities to calibrated probabilities, and how good those are.

A model scores every legal candidate of a page and "none". Divided by a temperature, with an offset for "none", and
normalised, that is a posterior (Guo et al. 2017, On Calibration of Modern Neural Networks). The best candidate's share
and the share of all candidates then each pass a Platt map (Platt 1999), which also pays for truths that OCR missed.
Everything is fitted by maximum likelihood on rows with known truth: few parameters, because such rows are few. The
fits are a few lines of NumPy: a general minimiser would end elsewhere in the fourth digit, and wants SciPy.

How far any stated probabilities can be believed is measured in bins of equal width, closed on the left; 1 belongs to
the last. (scikit-learn's `calibration_curve` closes them on the right, keeps no counts, and is not there where a fitted
model is applied.)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from math import exp, log
from typing import Any

import numpy as np

from entx.core.errors import InputError
from entx.core.evaluation import Counts, FloatArray, Truth, outcomes
from entx.core.types import Answer, Evidence, Quantity

_SURE = 1e-6  # probabilities are kept this far from 0 and 1
_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True, slots=True)
class Posterior:
    """Log-probabilities of all that may be answered to one question."""

    candidates: tuple[float, ...]  # one a distinct legal quantity
    none: float  # of the answer that there is none
    quantities: tuple[Quantity, ...] = ()  # the candidates themselves

    @property
    def best(self) -> int:
        """Position of the most probable candidate, the first among equals."""
        return self.candidates.index(max(self.candidates))

    def shares(self, temperature: float = 1.0, offset: float = 0.0) -> tuple[float, ...]:
        """Normalised probabilities: of each candidate, and of none at the end."""
        scaled = [value / temperature for value in self.candidates]
        scaled.append(self.none / temperature + offset)
        top = max(scaled)
        weights = [exp(value - top) for value in scaled]
        total = sum(weights)
        return tuple(weight / total for weight in weights)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a posterior comes to."""

    best: int  # position of the most probable candidate
    given: bool  # whether to answer it
    share: float  # of the best candidate in the posterior
    none: float  # share of "none"
    # calibrated probability that the best candidate is right; None without a calibration
    p_correct: float | None = None
    p_present: float | None = None  # calibrated probability that there is a value at all; None without


@dataclass(frozen=True, slots=True)
class Platt:
    """p -> 1 / (1 + exp(-(slope * logit p + offset)))."""

    slope: float = 1.0
    offset: float = 0.0

    def __call__(self, p: float) -> float:
        """Maps one probability."""
        p = min(max(p, _SURE), 1.0 - _SURE)
        return 1.0 / (1.0 + exp(min(-(self.slope * log(p / (1.0 - p)) + self.offset), 700.0)))  # no float above 709


@dataclass(frozen=True, slots=True)
class Calibration:
    """Fitted maps of one model in one setting."""

    # the model's log-probabilities are divided by it; above 1 where the model is too sure of itself
    temperature: float = 1.0
    # added to the log-probability of "none" after that: the share of empty truths here against training
    none_offset: float = 0.0
    # correct, present: Platt maps of the best candidate's share, and of all candidates' share
    correct: Platt = Platt()
    present: Platt = Platt()
    unseen: float = 0.0  # share of questions with a value among those without any candidate
    # what the decision by expected F1 reaches on the rows of the fit (domain rule p (2 - F) > F (1 - q))
    f1: float = 1.0
    rows: int = 0  # of the fit

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Calibration:
        """Reads what `as_dict` wrote; ValueError, KeyError or TypeError where it did not."""
        for name, value in [*raw.items(), *raw["correct"].items(), *raw["present"].items()]:
            least = 1e-6 if name == "temperature" else -1e9
            if name not in ("correct", "present") and not least < value < 1e9:  # no fit comes near
                raise ValueError(f"{name} = {value}")
        return cls(**{**raw, "correct": Platt(**raw["correct"]), "present": Platt(**raw["present"])})

    def as_dict(self) -> dict[str, Any]:
        """For the model folder's entx.json."""
        return asdict(self)

    @property
    def digest(self) -> str:
        """Hash of all its numbers; part of what makes two runs the same."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()[:16]


def judge(posterior: Posterior, calibration: Calibration | None) -> Judgement:
    """Decides between the best candidate and none.

    Without a calibration the larger share wins; with one, the answer is given where that raises the expected F1.
    """
    if calibration is None:
        shares = posterior.shares()
        best = posterior.best
        return Judgement(best, shares[best] > shares[-1], shares[best], shares[-1])
    shares = posterior.shares(calibration.temperature, calibration.none_offset)
    best = posterior.best
    p, q = calibration.correct(shares[best]), calibration.present(1.0 - shares[-1])
    given = p * (2.0 - calibration.f1) > calibration.f1 * (1.0 - q)
    return Judgement(best, given, shares[best], shares[-1], p, q)


def decide(
    posterior: Posterior,
    calibration: Calibration | None,
    text_of: Callable[[Quantity | None], str],
    evidence_of: Callable[[int], Evidence],
) -> Answer:
    """The answer that a posterior with at least one candidate comes to.

    Args:
        text_of: how the model is to write a quantity, or None.
        evidence_of: where a candidate stands, by its position.
    """
    judged = judge(posterior, calibration)
    best, present = posterior.quantities[judged.best], judged.p_present
    if judged.given:
        log_prob = posterior.candidates[judged.best]
        evidence = evidence_of(judged.best)
        return Answer(best, text_of(best), "", evidence, log_prob, judged.p_correct, present, score=judged.share)
    odds = f"best: {text_of(best)}, p = {judged.share:.2f}"
    if judged.none >= judged.share:
        reason = f"the model says none (p = {judged.none:.2f}; {odds})"
    else:
        reason = f"the model is not sure enough ({odds}; none: p = {judged.none:.2f})"
    absent = None if present is None else 1.0 - present
    return Answer(
        None, text_of(None), reason, log_prob=posterior.none, p_correct=absent, p_present=present, score=judged.share
    )  # fmt: skip


def unseen_answer(calibration: Calibration | None, text: str, reason: str, log_prob: float | None = None) -> Answer:
    """The empty answer to a question without any candidate, and how likely it is that there is a value all the same."""
    present = calibration.unseen if calibration else None
    absent = present and 1.0 - present
    return Answer(None, text, reason, log_prob=log_prob, p_correct=absent, p_present=present)


@dataclass(frozen=True, slots=True)
class Labelled:
    """A posterior with its truth."""

    posterior: Posterior
    right: frozenset[int]  # positions of the candidates that are right; empty where none of them is
    present: bool  # whether the picture states a value at all


def fit(rows: Sequence[Labelled], unseen: Sequence[bool] = ()) -> Calibration:
    """Fits all maps on questions with candidates; ValueError where there are none.

    Args:
        unseen: of each question without candidates, whether the picture states a value all the same.
    """
    if not rows:
        raise ValueError("a calibration is fitted on labelled rows, and there are none")

    table = _Table.of(rows)

    def loss(log_inverse: float, offset: float) -> float:
        return table.loss(exp(log_inverse), offset)

    log_inverse, offset = 0.0, 0.0
    for _ in range(6):  # the loss has one minimum and two coordinates: one by one gets there
        log_inverse = _minimum(partial(loss, offset=offset), -3.0, 2.0)
        offset = _minimum(partial(loss, log_inverse), -6.0, 6.0)
    shares = [row.posterior.shares(exp(-log_inverse), offset) for row in rows]
    best = [share[row.posterior.best] for share, row in zip(shares, rows, strict=True)]
    fitted = Calibration(
        temperature=exp(-log_inverse),
        none_offset=offset,
        correct=_fit_platt(best, [row.posterior.best in row.right for row in rows]),
        present=_fit_platt([1.0 - share[-1] for share in shares], [row.present for row in rows]),
        unseen=(sum(unseen) + 1.0) / (len(unseen) + 2.0),
        rows=len(rows) + len(unseen),
    )
    return replace(fitted, f1=_reached(rows, unseen, fitted))


@dataclass(frozen=True)
class _Table:
    """Posteriors as one array, for the fit."""

    # log-probabilities, shape (rows, most candidates + 1); none in the last column, -inf where there is none
    scores: FloatArray
    # of the same shape: the answers that the truth allows. A row whose truth OCR missed allows all candidates: it only
    # says that "none" is wrong
    truths: np.ndarray[Any, np.dtype[np.bool_]]

    @classmethod
    def of(cls, rows: Sequence[Labelled]) -> _Table:
        width = max(len(row.posterior.candidates) for row in rows) + 1
        scores = np.full((len(rows), width), -np.inf)
        truths = np.zeros((len(rows), width), dtype=np.bool_)
        for number, row in enumerate(rows):
            candidates = row.posterior.candidates
            scores[number, : len(candidates)] = candidates
            scores[number, -1] = row.posterior.none
            truths[number, sorted(row.right) or (range(len(candidates)) if row.present else [-1])] = True
        return cls(scores, truths)

    def loss(self, inverse: float, offset: float) -> float:
        """Negative log-likelihood at a temperature of 1 / inverse and an offset of none."""
        scaled = self.scores * inverse
        scaled[:, -1] += offset
        weights = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        chances = (weights * self.truths).sum(axis=1) / weights.sum(axis=1)
        return -float(np.log(np.maximum(chances, _SURE)).sum())


def _fit_platt(shares: Sequence[float], truths: Sequence[bool]) -> Platt:
    """Platt's maximum likelihood with his smoothed targets, by Newton's method."""
    p = np.clip(np.asarray(shares), _SURE, 1.0 - _SURE)
    design = np.column_stack([np.log(p / (1.0 - p)), np.ones(len(p))])
    hits = sum(truths)
    high, low = (hits + 1.0) / (hits + 2.0), 1.0 / (len(truths) - hits + 2.0)
    target = np.where(np.asarray(truths), high, low)
    weights = np.array([1.0, 0.0])
    for _ in range(50):
        guess = 1.0 / (1.0 + np.exp(-np.clip(design @ weights, -35.0, 35.0)))
        gradient = design.T @ (guess - target) + 1e-3 * (weights - [1.0, 0.0])
        hessian = (design * (guess * (1.0 - guess))[:, None]).T @ design + 1e-3 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        weights = weights - step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-9:
            break
    return Platt(float(weights[0]), float(weights[1]))


def _reached(rows: Sequence[Labelled], unseen: Sequence[bool], calibration: Calibration) -> float:
    """The F1 at which the decision rule reproduces itself on the rows."""
    judged = [judge(row.posterior, calibration) for row in rows]
    p = np.array([one.p_correct for one in judged], dtype=np.float64)
    q = np.array([one.p_present for one in judged], dtype=np.float64)
    right = np.array([one.best in row.right for row, one in zip(rows, judged, strict=True)])
    present = np.array([row.present for row in rows])
    f1 = 1.0
    for _ in range(50):
        given = p * (2.0 - f1) > f1 * (1.0 - q)
        tp, fp = int((given & right).sum()), int((given & ~right).sum())
        reached = 2.0 * tp / max(2 * tp + fp + int((present & ~given).sum()) + sum(unseen), 1)
        if reached == f1:
            break
        f1 = reached
    return f1


def _minimum(loss: Callable[[float], float], low: float, high: float) -> float:
    """Golden-section search of a convex function, to 1e-4."""
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = loss(left), loss(right)
    while high - low > 1e-4:
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = loss(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = loss(right)
    return (low + high) / 2.0


FOLDS = 5


@dataclass(frozen=True, slots=True)
class GoldRow:
    """A question with its truth, and what a model thinks of it."""

    picture: str  # sha256 of the file
    truth: Truth  # what is right
    posterior: Posterior | None  # None, or one without candidates, where there was nothing to choose from

    @property
    def labelled(self) -> Labelled | None:
        """For a fit; None where there was nothing to choose from."""
        if self.posterior is None or not self.posterior.candidates:
            return None
        rights = self.truth.rights
        right = frozenset(place for place, one in enumerate(self.posterior.quantities) if one in rights)
        return Labelled(self.posterior, right, self.truth.present)


def fit_gold(rows: Sequence[GoldRow]) -> Calibration:
    """A calibration fitted on all rows. Raises ValueError: none of them had something to choose from."""
    labelled = [row.labelled for row in rows]
    unseen = [row.truth.present for row, one in zip(rows, labelled, strict=True) if one is None]
    return fit([one for one in labelled if one is not None], unseen)


@dataclass(frozen=True, slots=True)
class CrossFit:
    """What a calibration is worth on rows that it was not fitted on."""

    # before, after: the answers without one, and by one from the other folds of pictures; "" for none
    before: list[str]
    after: list[str]
    # stated, fitted, right: of each best candidate its share, its p_correct, and whether it is right
    stated: list[float]
    fitted: list[float]
    right: list[bool]


def cross_fit(rows: Sequence[GoldRow]) -> CrossFit:
    """Answers and probabilities by fits (or ValueError) of the other pictures, in `FOLDS` parts by their hash."""
    labelled = [row.labelled for row in rows]
    folds = [int(row.picture[:8], 16) % FOLDS for row in rows]
    made = CrossFit([""] * len(rows), [""] * len(rows), [], [], [])
    for fold in sorted(set(folds)):
        calibration = fit_gold([row for row, of in zip(rows, folds, strict=True) if of != fold])
        for number, one in enumerate(labelled):
            if folds[number] != fold or one is None:
                continue
            for answers, given in ((made.before, None), (made.after, calibration)):
                judged = judge(one.posterior, given)
                if judged.given:
                    answers[number] = one.posterior.quantities[judged.best].text
            made.stated.append(one.posterior.shares()[judged.best])
            made.fitted.append(judged.p_correct or 0.0)
            made.right.append(judged.best in one.right)
    return made


def worth(rows: Sequence[GoldRow]) -> dict[str, Any]:
    """What the model's own probabilities and the calibrated ones are worth: rows, scored, and three measures of each.

    Raises:
        InputError: there are too few rows.
    """
    try:
        crossed = cross_fit(rows)
    except ValueError:
        raise InputError(
            f"{len(rows)} rows are too few: there must be some in at least two folds of pictures"
        ) from None
    before, after = reliability(crossed.stated, crossed.right), reliability(crossed.fitted, crossed.right)
    return {
        "rows": len(rows), "scored": before.rows, "f1_before": f1(rows, crossed.before),
        "f1_after": f1(rows, crossed.after), "ece_before": before.error, "ece_after": after.error,
        "brier_before": before.brier, "brier_after": after.brier,
    }  # fmt: skip


def f1(rows: Sequence[GoldRow], answers: Sequence[str]) -> float:
    """The challenge's metric of the answers."""
    found, _ = outcomes(answers, [row.truth.value for row in rows], [row.truth.also for row in rows])
    return Counts.of(found).f1


BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows with probabilities of one tenth: how many, what was said on average, what came true."""

    rows: int
    said: float
    true: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """Of some probabilities against what came true."""

    rows: int  # counted
    error: float  # expected calibration error: the mean over rows of |said - true| of the row's bin
    brier: float  # mean squared error
    bins: tuple[Bin, ...]  # those that hold rows. Naeini, Cooper, Hauskrecht (2015), Guo et al. (2017)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def reliability(probabilities: Sequence[float], came_true: Sequence[bool]) -> Reliability:
    """Measures it; no rows give an error of 0."""
    said, true = np.asarray(probabilities, dtype=np.float64), np.asarray(came_true, dtype=np.float64)
    if not len(said):
        return Reliability(0, 0.0, 0.0, ())
    number = np.minimum((said * BINS).astype(np.int64), BINS - 1)
    bins = tuple(
        Bin(int(own.sum()), float(said[own].mean()), float(true[own].mean()))
        for one in range(BINS)
        if (own := number == one).any()
    )
    error = sum(one.rows * abs(one.said - one.true) for one in bins) / len(said)
    return Reliability(len(said), float(error), float(((said - true) ** 2).mean()), bins)
