"""What an ensemble learned from gold rows: a small JSON file, with the hash of what it was learned from.

It holds one model for each fold of pictures, learned from the other folds. A question is always decided by the model
of its own picture's fold: so a labelled picture never decides its own answer, and the score of a run on the very rows
it was fitted on is a cross-validated one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from entx.core.errors import InputError
from entx.core.files import atomic_text
from entx.ensemble.decision import Objective
from entx.ensemble.judge import Judge
from entx.ensemble.strategy import State
from entx.storage.habits import FOLDS

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
