"""The ensemble that ships, for single pictures: how likely an answer is right, and whether to give it.

`entx/models/default-ensemble.json` holds one for each set of readers, fitted by `scripts/default_calibration.py` on
hand-labelled rows of real pictures. It holds names and weights of features and what was measured, no row.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from entx.core.errors import InputError
from entx.core.files import atomic_text
from entx.ensemble.ballot import Ballot
from entx.ensemble.choose import NO_LEGAL_ANSWER, Choice, not_worth
from entx.ensemble.decision import CHALLENGE_F1, Objective
from entx.ensemble.fit import favourite
from entx.ensemble.fitted import rounded
from entx.ensemble.judge import Judge

FORMAT = 1
"""Raised when an older file can no longer be read as meant."""

_OBJECTIVE = Objective(CHALLENGE_F1)


@dataclass(frozen=True)
class DefaultEnsemble:
    """A judge of what certain readers say about a picture.

    Args:
        stages: of the readers, in their order.
        judge: fitted on all labelled rows.
        reached: the F1 that the decision rule expects to reach, from probabilities out of fold.
        entities: those that the labelled rows ask; for any other one the probabilities are an average's.
        rows, data: number and hash of the labelled rows and the readers' answers to them.
        versions: of the readers that gave these answers, by stage.
        measured: on these rows, each decided by a judge that had not seen its picture.
    """

    stages: tuple[str, ...]
    judge: Judge
    reached: float
    entities: tuple[str, ...]
    rows: int
    data: str
    versions: Mapping[str, str] = field(default_factory=dict)
    measured: Mapping[str, Any] = field(default_factory=dict)

    def decide(self, ballot: Ballot) -> Choice:
        """The likeliest answer, if to give it raises the expected F1.

        Args:
            ballot: the answers of readers of `stages`, grounded in their page (`ground.grounded_ballot`).
        """
        (verdict,) = self.judge.verdicts([ballot])
        order = sorted(range(len(verdict.right)), key=lambda option: -verdict.right[option])
        option = favourite(ballot, order)
        if option is None:
            reasons = (answer.reason for answer in ballot.answers if answer is not None and answer.reason)
            return Choice(ballot, None, next(reasons, NO_LEGAL_ANSWER), None, verdict.present)
        p, q = verdict.right[option], verdict.present
        if _OBJECTIVE.gives(p, q, self.reached):
            return Choice(ballot, option, "", p, q)
        return Choice(ballot, None, not_worth(ballot.options[option], p, q, CHALLENGE_F1), None, q)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "stages": list(self.stages), "judge": self.judge.as_dict(), "reached": self.reached,
            "entities": list(self.entities), "rows": self.rows, "data": self.data, "versions": dict(self.versions),
            "measured": dict(self.measured),
        }  # fmt: skip

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> DefaultEnsemble:
        """From JSON."""
        return cls(
            tuple(map(str, plain["stages"])), Judge.of(plain["judge"]), float(plain["reached"]),
            tuple(plain["entities"]), int(plain["rows"]), str(plain["data"]),
            dict(plain["versions"]), dict(plain["measured"]),
        )  # fmt: skip


def shipped_path() -> Path:
    """Where the file stands in this installation."""
    return Path(str(resources.files("entx"))) / "models" / "default-ensemble.json"


def save_defaults(path: Path, ensembles: Sequence[DefaultEnsemble]) -> None:
    """Writes the file whole or not at all."""
    plain = {"format": FORMAT, "ensembles": [one.as_dict() for one in ensembles]}
    with atomic_text(path) as stream:
        stream.write(json.dumps(rounded(plain), sort_keys=True) + "\n")


def load_default(stages: Sequence[str], path: Path | None = None) -> DefaultEnsemble:
    """The ensemble for these readers.

    Args:
        path: None for the file that ships.

    Raises:
        InputError: no such file, damaged, of another format, or without these readers.
    """
    path = path or shipped_path()
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        found = plain["format"]
        if found != FORMAT:
            raise InputError(f"{path}: not a default ensemble of format {FORMAT} (found {found})")
        ensembles = [DefaultEnsemble.of(one) for one in plain["ensembles"]]
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InputError(f"{path}: a damaged default ensemble: {type(error).__name__} {error}") from None
    for one in ensembles:
        if one.stages == tuple(stages):
            return one
    raise InputError(
        f"{path}: fitted for {'; '.join(', '.join(one.stages) for one in ensembles)}, not for {', '.join(stages)}"
    )
