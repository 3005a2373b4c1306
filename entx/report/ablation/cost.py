"""What each arm costs: seconds and money for 1,000 rows, from the times that the stored runs took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from entx.core.errors import InputError
from entx.report.ablation.columns import ENSEMBLE_STAGE
from entx.storage.questions import RunTotals, page_seconds, run_totals
from entx.storage.runs import Arm
from entx.storage.store import Store


@dataclass(frozen=True, slots=True)
class Rates:
    """Seconds for 1,000 questions; None where the run does not know.

    Args:
        answering: by the stage itself.
        reading: of the OCR pages it reads, in seconds of one worker; 0 for a stage that reads none.
    """

    answering: float | None
    reading: float

    @property
    def together(self) -> float | None:
        """Both; None where the first is not known."""
        return None if self.answering is None else self.answering + self.reading


def costs(
    store: Store, arms: Sequence[Arm], price: float | None, told: Mapping[str, float]
) -> dict[str, dict[str, Any]]:
    """For each run: asked and answered over the whole store, coverage, seconds and cost for 1,000 questions.

    An imported run was timed nowhere. An ensemble costs what its members cost, and its own decisions.

    Args:
        price: of one hour of the machine; None prices nothing.
        told: for names of imported runs the seconds that 1,000 questions took.

    Raises:
        InputError: a time is told of a run that is not among the arms, or that was timed.
    """
    totals = {arm.run: run_totals(store, arm.run) for arm in arms}
    found = {}
    imported = {run for run, own in totals.items() if _is_imported(own)}
    if foreign := sorted(told.keys() - imported):
        without = ", ".join(sorted(imported)) or "none"
        raise InputError(f"--seconds {', '.join(foreign)}: only imported runs brought no times ({without})")
    for arm in arms:
        own = totals[arm.run]
        rates = _rates(store, arm, own, _members(own, totals, arms, store, told), told)
        together = rates.together
        found[arm.run] = {
            "asked": own.asked, "answered": own.answered, "coverage": own.answered / own.asked if own.asked else None,
            "answering_seconds": rates.answering, "reading_seconds": rates.reading, "seconds": together,
            "cost": None if price is None or together is None else together * price / 3600.0,
        }  # fmt: skip
    return found


def hybrid_costs(
    looked: Mapping[str, Mapping[str, float]], of_runs: Mapping[str, Mapping[str, Any]], price: float | None
) -> dict[str, dict[str, Any]]:
    """The same for hybrids: each run's seconds times the share of the questions on which it is looked at.

    Args:
        looked: for each hybrid and each of its runs that share.
        of_runs: what `costs` found.
    """
    found = {}
    for name, shares in looked.items():
        own = [(share, of_runs[run]) for run, share in shares.items()]
        answering = None
        if all(cost["answering_seconds"] is not None for share, cost in own if share):
            answering = sum(share * (cost["answering_seconds"] or 0.0) for share, cost in own)
        rates = Rates(answering, max(cost["reading_seconds"] for _, cost in own))
        together = rates.together
        found[name] = {
            "looked": dict(shares), "answering_seconds": rates.answering, "reading_seconds": rates.reading,
            "seconds": together, "cost": None if price is None or together is None else together * price / 3600.0,
        }  # fmt: skip
    return found


def _is_imported(own: RunTotals) -> bool:
    return "file" in own.settings and "sha256" in own.settings


def _rates(store: Store, arm: Arm, own: RunTotals, members: Sequence[Rates] | None, told: Mapping[str, float]) -> Rates:
    per_thousand = 1000.0 / max(own.asked, 1)
    if arm.stage == ENSEMBLE_STAGE:
        if not members or any(member.answering is None for member in members):
            return Rates(None, 0.0)
        answering = sum(member.answering or 0.0 for member in members) + own.wall_seconds * per_thousand
        return Rates(answering, max(member.reading for member in members))  # one reading serves all members
    reading = page_seconds(store, arm.run, arm.pages) * per_thousand if arm.pages else 0.0
    if own.answer_seconds > 0.0:
        return Rates(own.answer_seconds * per_thousand, reading)
    return Rates(told.get(arm.run) if _is_imported(own) else own.wall_seconds * per_thousand, reading)


def _members(
    own: RunTotals, totals: Mapping[str, RunTotals], arms: Sequence[Arm], store: Store, told: Mapping[str, float]
) -> list[Rates] | None:
    """The rates of an ensemble's members; None where one of them is not among the runs of the report."""
    named = [str(member.get("run")) for member in own.settings.get("members", ())]
    by_run = {arm.run: arm for arm in arms}
    if not named or any(name not in by_run or by_run[name].stage == ENSEMBLE_STAGE for name in named):
        return None
    return [_rates(store, by_run[name], totals[name], None, told) for name in named]
