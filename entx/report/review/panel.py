"""Who answers the questions of a queue, and what decides between the answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from entx.core.entities import Schema
from entx.core.errors import InputError
from entx.ensemble.decision import CHALLENGE_F1
from entx.ensemble.fit import Fitted
from entx.ensemble.job import Chooser, Policy
from entx.ensemble.strategies import find_strategy
from entx.storage.runs import Arm, find_arms, run_settings
from entx.storage.store import Store

ENSEMBLE_STAGE = "ensemble"


@dataclass(frozen=True)
class Panel:
    """The arms, and what decides between them.

    Args:
        run: the stored run that decides; None where a strategy does.
        chooser: that strategy.
        name: in words.
    """

    arms: tuple[Arm, ...]
    run: Arm | None
    chooser: Chooser | None
    name: str


def make_panel(store: Store, runs: Sequence[str], schema: Schema, fitted: Fitted | None = None) -> Panel:
    """Who answers and what decides: an ensemble among the runs, the only run, `fitted`, or else a vote.

    Raises:
        InputError: as `find_arms`; two ensembles; an ensemble and a fit; a fit for other arms.
    """
    ensemble = ensemble_among(store, runs, schema)
    others = [arm for arm in find_arms(store, runs, schema.digest) if arm != ensemble]
    if ensemble is not None:
        if fitted is not None:
            raise InputError(f"--fitted decides anew, and {ensemble.run} has decided; give one of them")
        if not others:
            members = [member["run"] for member in run_settings(store, ensemble.run)["members"]]
            others = find_arms(store, members, schema.digest)
        return Panel(tuple(others), ensemble, None, ensemble.run)
    if fitted is not None:
        fitted.check(fitted.strategy, [arm.stage for arm in others], schema.digest)
        factory, policy = find_strategy(fitted.strategy), Policy(CHALLENGE_F1)
        return Panel(
            tuple(others), None, Chooser(fitted.strategy, factory, runs, fitted, policy), f"{fitted.strategy} (fitted)"
        )
    if len(others) == 1:
        return Panel(tuple(others), others[0], None, others[0].run)
    return Panel(tuple(others), None, Chooser("vote", find_strategy("vote"), runs, None, Policy()), "vote of the runs")


def ensemble_among(store: Store, runs: Sequence[str], schema: Schema) -> Arm | None:
    """The run that is an ensemble; None where there is none.

    Raises:
        InputError: as `find_arms`; two of them.
    """
    found = [arm for arm in find_arms(store, runs, schema.digest) if arm.stage == ENSEMBLE_STAGE]
    if len(found) > 1:
        raise InputError(f"--runs names {len(found)} ensembles; name the one whose answers stand")
    return found[0] if found else None
