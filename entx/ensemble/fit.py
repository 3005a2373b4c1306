"""Fitting an ensemble on gold rows, cross-validated by picture.

The folds are fixed by the hash of each picture's link. The model of a fold learns from the others; the p and q that its
decisions are tuned on come from models that left out one fold more. So nothing that is told of a labelled row (its
answer, its threshold, the calibration error) has seen the row's picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from entx.core.errors import InputError
from entx.ensemble.ballot import Ballot
from entx.ensemble.fitted import Fitted, FoldModel, parse_fitted
from entx.ensemble.gold import digest
from entx.ensemble.judge import Judge, fit_judge, verdicts_of
from entx.ensemble.reliability import reliability
from entx.ensemble.strategy import Example, State, Strategy, StrategyFactory
from entx.storage.arms import Arm
from entx.storage.habits import FOLDS

LEAST_ROWS = 50
"""Fewer labelled rows are refused: ten a fold say nothing."""


def fit_ensemble(
    name: str,
    factory: StrategyFactory,
    arms: Sequence[Arm],
    schema_digest: str,
    examples: Sequence[Example],
    params: Mapping[str, float] = MappingProxyType({}),
) -> Fitted:
    """Fits the strategy, and where it does not judge itself a judge, which learns from what the strategy looks at.

    Args:
        params: of the strategy, those that shall differ from its defaults.

    Raises:
        InputError: too few labelled rows, a parameter that the strategy does not have, or scikit-learn is missing.
    """
    unknown = params.keys() - factory.params.keys()
    if unknown:
        known_ones = ", ".join(factory.params) or "none"
        raise InputError(f"--param {', '.join(sorted(unknown))}: strategy {name} has {known_ones}")
    if len(examples) < LEAST_ROWS:
        raise InputError(
            f"{len(examples)} labelled rows were answered by these runs; at least {LEAST_ROWS} are needed to fit"
        )
    known: dict[frozenset[int], tuple[State, Judge | None]] = {}

    def without(*folds: int) -> tuple[State, Judge | None]:
        left_out = frozenset(folds)
        if left_out not in known:
            rows = [example for example in examples if example.ballot.fold not in left_out]
            state = factory.fit(rows, {**factory.params, **params})
            known[left_out] = state, None if factory.judges else _judge(factory(state), rows)
        return known[left_out]

    models: list[FoldModel] = []
    told: list[_Told] = []
    for fold in range(FOLDS):
        state, judge = without(fold)
        held_out: list[tuple[float, float]] = []
        for other in range(FOLDS):
            if other != fold:
                rows = [example for example in examples if example.ballot.fold == other]
                held_out += [(one.p, one.q) for one in _favourites(factory, *without(fold, other), rows)]
        models.append(FoldModel(state, judge, tuple(held_out)))
        own = [example for example in examples if example.ballot.fold == fold]
        told += _favourites(factory, state, judge, own)
    fitted = Fitted(
        name, tuple(arm.stage for arm in arms), schema_digest, len(examples), digest(examples), tuple(models),
        _reliability(told), tuple(arm.run for arm in arms),
    )  # fmt: skip
    return parse_fitted(fitted.text())  # as it will be read again, to the last digit


def favourite(ballot: Ballot, order: Sequence[int]) -> int | None:
    """The first option of a ranking that gives an answer."""
    return next((option for option in order if ballot.options[option].quantity is not None), None)


def _judge(strategy: Strategy, rows: Sequence[Example]) -> Judge:
    """Learns from what the strategy looks at."""
    seen = strategy.view([example.ballot for example in rows])
    return fit_judge([replace(example, ballot=ballot) for example, ballot in zip(rows, seen, strict=True)])


@dataclass(frozen=True, slots=True)
class _Told:
    """p and q of a row's favourite, and whether it is right; p is 0 and right None where no arm gives an answer."""

    p: float
    q: float
    right: bool | None
    present: bool


def _favourites(factory: StrategyFactory, state: State, judge: Judge | None, rows: Sequence[Example]) -> list[_Told]:
    strategy = factory(state)
    seen = strategy.view([example.ballot for example in rows])
    told = []
    for example, ballot, order, verdict in zip(
        rows, seen, strategy.rank(seen), verdicts_of(judge, strategy, seen), strict=True
    ):
        option = favourite(ballot, order)
        if option is None:
            told.append(_Told(0.0, verdict.present, None, example.present))
        else:
            right = example.is_right(ballot.options[option])
            told.append(_Told(verdict.right[option], verdict.present, right, example.present))
    return told


def _reliability(told: Sequence[_Told]) -> dict[str, object]:
    right = reliability(*_columns([(one.p, one.right) for one in told if one.right is not None]))
    present = reliability(*_columns([(one.q, one.present) for one in told]))
    return {"p": right.as_dict(), "q": present.as_dict()}


def _columns(pairs: Sequence[tuple[float, bool]]) -> tuple[list[float], list[bool]]:
    return [said for said, _ in pairs], [true for _, true in pairs]
