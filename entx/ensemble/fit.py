"""Fitting an ensemble on gold rows, cross-validated by picture.

The folds are fixed by the hash of each picture's link. The model of a fold learns from the others; the p and q that its
decisions are tuned on come from models that left out one fold more. So nothing that is told of a labelled row (its
answer, its threshold, the calibration error) has seen the row's picture.
"""

from __future__ import annotations

from collections.abc import Sequence

from entx.core.errors import InputError
from entx.ensemble.ballot import Ballot
from entx.ensemble.fitted import Fitted, FoldModel, parse_fitted
from entx.ensemble.gold import digest
from entx.ensemble.judge import Judge, Verdict, fit_judge
from entx.ensemble.reliability import reliability
from entx.ensemble.strategy import Example, State, StrategyFactory
from entx.storage.arms import Arm
from entx.storage.habits import FOLDS

LEAST_ROWS = 50
"""Fewer labelled rows are refused: ten a fold say nothing."""


def fit_ensemble(
    name: str, factory: StrategyFactory, arms: Sequence[Arm], schema_digest: str, examples: Sequence[Example]
) -> Fitted:
    """Fits strategy and judge.

    Raises:
        InputError: too few labelled rows, or scikit-learn is missing.
    """
    if len(examples) < LEAST_ROWS:
        raise InputError(
            f"{len(examples)} labelled rows were answered by these runs; at least {LEAST_ROWS} are needed to fit"
        )
    known: dict[frozenset[int], tuple[State, Judge]] = {}

    def without(*folds: int) -> tuple[State, Judge]:
        left_out = frozenset(folds)
        if left_out not in known:
            rows = [example for example in examples if example.ballot.fold not in left_out]
            known[left_out] = factory.fit(rows), fit_judge(rows)
        return known[left_out]

    models, told = [], []
    for fold in range(FOLDS):
        state, judge = without(fold)
        held_out = []
        for other in range(FOLDS):
            if other != fold:
                rows = [example for example in examples if example.ballot.fold == other]
                held_out += [pair[:2] for pair in _favourites(factory, *without(fold, other), rows)]
        models.append(FoldModel(state, judge, tuple(held_out)))
        own = [example for example in examples if example.ballot.fold == fold]
        told += list(zip(_favourites(factory, state, judge, own), own, strict=True))
    fitted = Fitted(
        name, tuple(arm.stage for arm in arms), schema_digest, len(examples), digest(examples), tuple(models),
        _reliability(told), tuple(arm.run for arm in arms),
    )  # fmt: skip
    return parse_fitted(fitted.text())  # as it will be read again, to the last digit


def favourite(ballot: Ballot, order: Sequence[int]) -> int | None:
    """The first option of a ranking that gives an answer."""
    return next((option for option in order if ballot.options[option].quantity is not None), None)


Told = tuple[float, float, int | None]
"""p, q and the favourite option; p is 0 where no arm gives an answer."""


def _favourites(factory: StrategyFactory, state: State, judge: Judge, rows: Sequence[Example]) -> list[Told]:
    ballots = [example.ballot for example in rows]
    orders = factory(state).rank(ballots)
    return [
        _told(verdict, favourite(ballot, order))
        for ballot, order, verdict in zip(ballots, orders, judge.verdicts(ballots), strict=True)
    ]


def _told(verdict: Verdict, option: int | None) -> Told:
    return (0.0 if option is None else verdict.right[option]), verdict.present, option


def _reliability(told: Sequence[tuple[Told, Example]]) -> dict[str, object]:
    given = [
        (p, example.is_right(example.ballot.options[option])) for (p, _, option), example in told if option is not None
    ]
    right = reliability([p for p, _ in given], [came_true for _, came_true in given])
    present = reliability([q for (_, q, _), _ in told], [example.present for _, example in told])
    return {"p": right.as_dict(), "q": present.as_dict()}
