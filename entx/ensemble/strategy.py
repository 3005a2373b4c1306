"""Strategies: how an ensemble orders the options of a ballot. Plug-ins of the entry-point group `entx.strategies`.

A strategy sees arms only by position, and never compares the raw scores of two arms: a rules reader's 0.4 and a model's
log-probability have no common scale. What it learns comes from gold rows, as plain JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from entx.core.errors import InputError
from entx.core.settings import load_plugin, plugin_names
from entx.core.types import Quantity
from entx.ensemble.ballot import Ballot, Option

GROUP = "entx.strategies"

BUILT_IN = {
    "vote": "entx.ensemble.strategies:Vote",
    "confidence": "entx.ensemble.strategies:Confidence",
    "weighted": "entx.ensemble.strategies:Weighted",
    "cascade": "entx.ensemble.cascade:Cascade",
    "stack": "entx.ensemble.strategies:Stack",
}
"""The same as pyproject.toml's entry points, for a source tree that is not installed."""

State = Mapping[str, Any]
"""What a strategy learned, as JSON holds it."""


@dataclass(frozen=True, slots=True)
class Example:
    """A ballot with its truth.

    Args:
        rights: the quantities that are right; empty where the picture states none.
        present: whether the truth has a value. A value may be none that can be written as one quantity.
    """

    ballot: Ballot
    rights: frozenset[Quantity]
    present: bool

    def is_right(self, option: Option) -> bool:
        """Whether to choose the option would be right; to give nothing is right where there is no value."""
        return option.quantity in self.rights if option.quantity is not None else not self.present


class Strategy(Protocol):
    """Orders the options of ballots."""

    def view(self, ballots: Sequence[Ballot]) -> Sequence[Ballot]:
        """The ballots as far as the strategy looks at them; answers that it does not ask for are left out."""
        ...

    def rank(self, ballots: Sequence[Ballot]) -> list[list[int]]:
        """For each ballot, as `view` gives it, the positions of its options; the first is the choice."""
        ...


class StrategyFactory(Protocol):
    """What an entry point names: usually a class.

    Args:
        needs: whether it cannot do without gold rows.
        judges: whether its strategies tell p and q themselves (`judge.Judging`); else a judge is fitted on what they
            look at.
        params: its parameters (--param) with their defaults.
    """

    needs: bool
    judges: bool
    params: Mapping[str, float]

    def __call__(self, state: State | None) -> Strategy:
        """The strategy with what it learned; None where nothing was."""
        ...

    def fit(self, examples: Sequence[Example], params: Mapping[str, float]) -> State:
        """What it learns from these rows; params has a value for each of its parameters."""
        ...


class LooksAtAll:
    """Base of strategies that ask every arm, have no parameters and leave p and q to a judge."""

    judges = False
    params: Mapping[str, float] = {}

    def view(self, ballots: Sequence[Ballot]) -> Sequence[Ballot]:
        """See `Strategy.view`."""
        return ballots


def strategy_names() -> list[str]:
    """All strategies, built in or plugged in, sorted."""
    return plugin_names(GROUP, BUILT_IN)


def find_strategy(name: str) -> StrategyFactory:
    """The strategy of that name.

    Raises:
        InputError: unknown, or it cannot be imported.
    """
    return cast("StrategyFactory", load_plugin("strategy", name, GROUP, BUILT_IN, InputError))
