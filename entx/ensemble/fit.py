"""How well probabilities keep their word: expected calibration error and the bins behind it.

Labelled rows for an ensemble to learn from: a truth table matched with ballots by index.

Give it rows that people have looked at. Labels that models agreed on teach an ensemble to trust those models.

What an ensemble learned from gold rows: a small JSON file, with the hash of what it was learned from.

It holds one model for each fold of pictures, learned from the other folds. A question is always decided by the model
of its own picture's fold: so a labelled picture never decides its own answer, and the score of a run on the very rows
it was fitted on is a cross-validated one.

Fitting an ensemble on gold rows, cross-validated by picture.

The folds are fixed by the hash of each picture's link. The model of a fold learns from the others; the p and q that its
decisions are tuned on come from models that left out one fold more. So nothing that is told of a labelled row (its
answer, its threshold, the calibration error) has seen the row's picture.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from entx.core.errors import InputError
from entx.core.evaluation import ALSO_SEPARATOR
from entx.core.files import atomic_text
from entx.core.tables import parse_indices, read_table
from entx.core.types import Quantity, parse_written
from entx.ensemble.ballot import Ballot
from entx.ensemble.decision import Objective
from entx.ensemble.judge import Judge, fit_judge, verdicts_of
from entx.ensemble.strategy import Example, State, Strategy, StrategyFactory
from entx.storage.questions import FOLDS
from entx.storage.runs import Arm

BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows with probabilities of one tenth: how many, what was said on average, what came true."""

    rows: int
    said: float
    true: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """Of some probabilities against what came true.

    Args:
        rows: counted.
        error: expected calibration error: the mean over rows of |said - true| of the row's bin.
        brier: mean squared error.
        bins: of equal width, those that hold rows. Naeini, Cooper, Hauskrecht (2015), Guo et al. (2017).
    """

    rows: int
    error: float
    brier: float
    bins: tuple[Bin, ...]

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


_TRUTH_COLUMNS = ("entity_value", "value")


@dataclass(frozen=True, slots=True)
class Truth:
    """What is right for a question; see `Example`."""

    rights: frozenset[Quantity]
    present: bool


def read_truths(path: Path) -> dict[int, Truth]:
    """The truths of a table by index: entity_value or value, and where it is there also.

    Raises:
        TableError: the table breaks its contract.
        InputError: no truth column, or no rows.
    """
    table = read_table(path, ["index"], [*_TRUTH_COLUMNS, "also"])
    column = next((table[name] for name in _TRUTH_COLUMNS if name in table), None)
    if column is None or not len(table):
        raise InputError(f"{path}: needs rows with a column entity_value or value (found: {', '.join(table.header)})")
    also = table.get("also") or [""] * len(table)
    return {
        index: _truth(value.strip(), others)
        for index, value, others in zip(parse_indices(table), column, also, strict=True)
    }


def _truth(value: str, also: str) -> Truth:
    if not value:
        return Truth(frozenset(), False)
    read = (parse_written(text) for text in (value, *also.split(ALSO_SEPARATOR)))
    return Truth(frozenset(quantity for quantity in read if quantity is not None), True)


def examples_of(ballots: Iterable[Ballot], truths: Mapping[int, Truth]) -> list[Example]:
    """The ballots that have a truth."""
    return [
        Example(ballot, truth.rights, truth.present)
        for ballot in ballots
        if (truth := truths.get(ballot.index)) is not None
    ]


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


FORMAT = 2
"""Raised when an older file can no longer be read as meant."""


@dataclass(frozen=True)
class FoldModel:
    """What was learned without one fold's pictures.

    Args:
        state: of the strategy.
        judge: p and q; None where the strategy tells them itself.
        held_out: p and q of the strategy's favourite answers to the rows learned from, each by a model that had not
            learned from that row either; from these an objective takes its threshold.
    """

    state: State
    judge: Judge | None
    held_out: tuple[tuple[float, float], ...]

    def threshold(self, objective: Objective) -> float:
        """See `Objective.threshold`."""
        return objective.threshold([p for p, _ in self.held_out], [q for _, q in self.held_out])

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"state": self.state, "judge": self.judge and self.judge.as_dict(), "held_out": self.held_out}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> FoldModel:
        """From JSON."""
        pairs = tuple((float(p), float(q)) for p, q in plain["held_out"])
        return cls(dict(plain["state"]), plain["judge"] and Judge.of(plain["judge"]), pairs)


@dataclass(frozen=True)
class Fitted:
    """A fitted ensemble.

    Args:
        strategy: its name.
        stages: of the arms, in their order; it serves other runs of the same stages.
        schema: digest of the schema.
        rows, data: number and hash of the labelled rows and the arms' answers to them.
        folds: one a fold of pictures.
        reliability: of p and q out of fold, as `Reliability.as_dict`.
        runs: names of the runs it was fitted on.
    """

    strategy: str
    stages: tuple[str, ...]
    schema: str
    rows: int
    data: str
    folds: tuple[FoldModel, ...]
    reliability: Mapping[str, Any] = field(default_factory=dict)
    runs: tuple[str, ...] = ()

    def text(self) -> str:
        """The file's text; equal for equal content."""
        plain = {
            "format": FORMAT, "strategy": self.strategy, "stages": self.stages, "runs": self.runs,
            "schema": self.schema, "rows": self.rows, "data": self.data, "reliability": dict(self.reliability),
            "folds": [fold.as_dict() for fold in self.folds],
        }  # fmt: skip
        return json.dumps(rounded(plain), sort_keys=True) + "\n"

    @property
    def digest(self) -> str:
        """Hash of the text."""
        return hashlib.sha256(self.text().encode()).hexdigest()[:16]

    def save(self, path: Path) -> None:
        """Writes the file whole or not at all."""
        with atomic_text(path) as stream:
            stream.write(self.text())

    def check(self, strategy: str, stages: Sequence[str], schema: str) -> None:
        """Whether it was fitted for such an ensemble.

        Raises:
            InputError: for another strategy, other arms or another schema.
        """
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
    """Reads the file.

    Raises:
        InputError: missing, not such a file, or of a newer entx.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a fitted ensemble (not text)") from None
    try:
        return parse_fitted(text)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def parse_fitted(text: str) -> Fitted:
    """From the file's text.

    Raises:
        InputError: not such a text, or of a newer entx.
    """
    try:
        plain = json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        raise InputError("not a fitted ensemble (not JSON)") from None
    found = plain.get("format") if isinstance(plain, dict) else None
    if found != FORMAT:
        raise InputError(f"not a fitted ensemble of format {FORMAT} (found {found}); fit again with --gold")
    try:
        folds = tuple(FoldModel.of(fold) for fold in plain["folds"])
        if len(folds) != FOLDS:
            raise ValueError(f"{len(folds)} folds, expected {FOLDS}")
        return Fitted(
            str(plain["strategy"]), tuple(map(str, plain["stages"])), str(plain["schema"]), int(plain["rows"]),
            str(plain["data"]), folds, dict(plain["reliability"]), tuple(map(str, plain["runs"])),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"a damaged fitted ensemble: {type(error).__name__} {error}") from None


def rounded(plain: Any) -> Any:
    """Floats with 9 significant digits: more than any probability needs, and fewer than machines differ in."""
    if isinstance(plain, float):
        return float(f"{plain:.9g}")
    if isinstance(plain, Mapping):
        return {key: rounded(value) for key, value in plain.items()}
    if isinstance(plain, list | tuple):
        return [rounded(value) for value in plain]
    return plain


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
