"""Fitting an ensemble on gold rows, cross-validated by picture, and the file that keeps what was learned.

The folds are fixed by the hash of each picture's link. There is one model for each fold, learned from the others, and a
question is always decided by the model of its own picture's fold: so a labelled picture never decides its own answer,
and the score of a run on the very rows it was fitted on is a cross-validated one. The p and q that decisions are tuned
on come from models that left out one fold more. So nothing that is said of a labelled row (its answer, its threshold,
the calibration error) has seen the row's picture.

Give it rows that people have looked at. Labels that models agreed on teach an ensemble to trust those models.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, field, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Self, TypeVar

from pydantic import TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from entx.core.errors import InputError
from entx.core.evaluation import Truth
from entx.core.files import atomic_text, input_bytes
from entx.ensemble.ballot import Ballot, Example
from entx.ensemble.judge import FILE, Judge, Objective, fit_judge
from entx.ensemble.strategies import State, Strategy, StrategyFactory, find_strategy, rank
from entx.neural.calibration import reliability
from entx.storage.questions import FOLDS
from entx.storage.runs import Arm

FORMAT = 2
"""Raised when an older file can no longer be read as meant."""

LEAST_ROWS = 50
"""Fewer labelled rows are refused: ten a fold say nothing."""

_MOST_FAULTS = 8
"""Faults of a file that are named: a file of another kind has hundreds."""

T = TypeVar("T")


def examples_of(ballots: Iterable[Ballot], truths: Mapping[int, Truth]) -> list[Example]:
    """The ballots that have a truth."""
    found = ((ballot, truths.get(ballot.index)) for ballot in ballots)
    return [Example(ballot, truth.rights, truth.present) for ballot, truth in found if truth is not None]


def digest(examples: Sequence[Example]) -> str:
    """Hash of the labelled rows and of all that the arms said to them."""
    hashed = hashlib.sha256()
    for example in sorted(examples, key=lambda example: example.ballot.index):
        said = [
            None if answer is None else (str(answer.quantity), answer.score, answer.log_prob, answer.p_correct)
            for answer in example.ballot.answers
        ]
        row = (example.ballot.index, example.present, sorted(map(str, example.rights)), said)
        hashed.update(repr(row).encode())
    return hashed.hexdigest()


@dataclass(frozen=True, config=FILE)
class FoldModel:
    """What was learned without one fold's pictures.

    `held_out` are p and q of the strategy's favourite answers to the rows learned from, each by a model that had not
    learned from that row either; from these an objective takes its threshold.
    """

    state: State  # of the strategy
    judge: Judge | None  # None where the strategy tells p and q itself
    held_out: tuple[tuple[float, float], ...]

    def threshold(self, objective: Objective) -> float:
        """See `Objective.threshold`."""
        return objective.threshold([p for p, _ in self.held_out], [q for _, q in self.held_out])


@dataclass(frozen=True, config=FILE)
class Fitted:
    """A fitted ensemble; it serves other runs of the same stages."""

    strategy: str
    stages: tuple[str, ...]  # of the arms, in their order
    schema: str  # digest of the schema
    rows: int  # that were learned from
    data: str  # hash of these rows and the arms' answers to them
    folds: tuple[FoldModel, ...]  # one a fold of pictures
    reliability: Mapping[str, Any] = field(default_factory=dict)  # of p and q out of fold, as `Reliability.as_dict`
    runs: tuple[str, ...] = ()  # that it was fitted on

    @model_validator(mode="after")
    def _a_model_for_each_fold(self) -> Self:
        if len(self.folds) != FOLDS:
            raise ValueError(f"{len(self.folds)} folds, expected {FOLDS}")
        return self

    def text(self) -> str:
        """The file's text; equal for equal content."""
        return file_text(FORMAT, asdict(self))

    @property
    def digest(self) -> str:
        """Hash of the text."""
        return hashlib.sha256(self.text().encode()).hexdigest()[:16]

    def save(self, path: Path) -> None:
        """Writes the file whole or not at all."""
        with atomic_text(path) as stream:
            stream.write(self.text())

    def check(self, strategy: str, stages: Sequence[str], schema: str) -> None:
        """Raises InputError where it was fitted for another strategy, other arms or another schema."""
        if strategy != self.strategy:
            raise InputError(f"fitted for --strategy {self.strategy}, not {strategy}; fit again with --gold")
        if tuple(stages) != self.stages:
            raise InputError(
                f"fitted for arms of the stages {', '.join(self.stages)} in this order, not {', '.join(stages)}; "
                "fit again with --gold"
            )
        if schema != self.schema:
            raise InputError("fitted under another schema; fit again with --gold")


def load_fitted(path: Path) -> Fitted:
    """Reads the file. Raises InputError: missing, not such a file, or of a newer entx."""
    return load_file(Fitted, path, "fitted ensemble", FORMAT)


def file_text(version: int, plain: Mapping[str, Any]) -> str:
    """The text of a JSON file with its format, equal for equal content."""
    return json.dumps(_rounded({"format": version, **plain}), sort_keys=True) + "\n"


def load_file(kind: type[T], path: Path, what: str, version: int) -> T:
    """What `file_text` wrote, from a file; `what` names such a file in messages. Raises InputError as `parse_file`."""
    try:
        text = input_bytes(path).decode()
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a {what} (not text)") from None
    try:
        return parse_file(kind, text, what, version)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def parse_file(kind: type[T], text: str, what: str, version: int) -> T:
    """What `file_text` wrote; an InputError that names every fault of a text that is damaged or of another format."""
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError(f"not a {what} (not JSON)") from None
    found = plain.pop("format", None) if isinstance(plain, dict) else None
    if found != version:
        raise InputError(f"not a {what} of format {version} (found {found}); fit again with --gold")
    try:
        return TypeAdapter(kind).validate_python(plain)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}".removeprefix(": ") for one in error.errors()]
        more = [f"and {len(faults) - _MOST_FAULTS} more"] if len(faults) > _MOST_FAULTS else []
        raise InputError(f"a damaged {what}: {'; '.join([*faults[:_MOST_FAULTS], *more])}") from None


def _rounded(plain: Any) -> Any:
    """Floats with 9 significant digits: more than any probability needs, and fewer than machines differ in."""
    if isinstance(plain, float):
        return float(f"{plain:.9g}")
    if isinstance(plain, Mapping):
        return {key: _rounded(value) for key, value in plain.items()}
    if isinstance(plain, list | tuple):
        return [_rounded(value) for value in plain]
    return plain


def fit_ensemble(
    name: str, arms: Sequence[Arm], schema_digest: str, examples: Sequence[Example],
    params: Mapping[str, float] = MappingProxyType({}),
) -> Fitted:  # fmt: skip
    """Fits the strategy, and where it does not judge itself a judge, which learns from what the strategy looks at.

    Args:
        params: of the strategy, those that shall differ from its defaults.

    Raises:
        InputError: an unknown strategy or parameter of it, too few labelled rows, or scikit-learn is missing.
    """
    factory = find_strategy(name)
    unknown = params.keys() - factory.params.keys()
    if unknown:
        known = ", ".join(factory.params) or "none"
        raise InputError(f"--param {', '.join(sorted(unknown))}: strategy {name} has {known}")
    if len(examples) < LEAST_ROWS:
        raise InputError(
            f"{len(examples)} labelled rows were answered by these runs; at least {LEAST_ROWS} are needed to fit"
        )
    of_fold = [[example for example in examples if example.ballot.fold == fold] for fold in range(FOLDS)]

    @cache
    def without(left_out: frozenset[int]) -> tuple[State, Judge | None]:
        rows = [example for example in examples if example.ballot.fold not in left_out]
        state = factory.fit(rows, {**factory.params, **params})
        return state, None if factory.judges else _judge(factory(state), rows)

    models: list[FoldModel] = []
    favourites: list[_Favourite] = []
    for fold, own in enumerate(of_fold):
        held_out = [
            (one.p, one.q)
            for other, rows in enumerate(of_fold)
            if other != fold
            for one in _favourites(factory, *without(frozenset((fold, other))), rows)
        ]
        state, judge = without(frozenset((fold,)))
        models.append(FoldModel(state, judge, tuple(held_out)))
        favourites += _favourites(factory, state, judge, own)
    fitted = Fitted(
        name, tuple(arm.stage for arm in arms), schema_digest, len(examples), digest(examples), tuple(models),
        _reliability(favourites), tuple(arm.run for arm in arms),
    )  # fmt: skip
    return parse_file(Fitted, fitted.text(), "fitted ensemble", FORMAT)  # as it will be read again, to the last digit


def _judge(strategy: Strategy, rows: Sequence[Example]) -> Judge:
    """Learns from what the strategy looks at."""
    seen = strategy.view([example.ballot for example in rows])
    return fit_judge([replace(example, ballot=ballot) for example, ballot in zip(rows, seen, strict=True)])


class _Favourite(NamedTuple):
    """p and q of a row's favourite, and whether it is right; p is 0 and right None where no arm gives an answer."""

    p: float
    q: float
    right: bool | None
    present: bool


def _favourites(
    factory: StrategyFactory, state: State, judge: Judge | None, rows: Sequence[Example]
) -> list[_Favourite]:
    found = []
    for example, one in zip(rows, rank(factory(state), judge, [row.ballot for row in rows]), strict=True):
        assert one.verdict is not None
        option = one.favourite
        p, right = 0.0, None
        if option is not None:
            p, right = one.verdict.right[option], example.is_right(one.ballot.options[option])
        found.append(_Favourite(p, one.verdict.present, right, example.present))
    return found


def _reliability(favourites: Sequence[_Favourite]) -> dict[str, Any]:
    given = [(one.p, one.right) for one in favourites if one.right is not None]
    shown = [(one.q, one.present) for one in favourites]
    return {
        name: reliability([stated for stated, _ in pairs], [true for _, true in pairs]).as_dict()
        for name, pairs in (("p", given), ("q", shown))
    }
