from __future__ import annotations

import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from entx.core import settings as plugins
from entx.core.errors import InputError
from entx.ensemble.strategies import Vote
from entx.ensemble.strategy import BUILT_IN, GROUP, find_strategy, strategy_names
from tests.ensemble.arms import ballot


def test_the_built_in_ones_are_those_of_pyproject() -> None:
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    assert tomllib.loads(text)["project"]["entry-points"][GROUP] == BUILT_IN


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_each_built_in_one_loads(name: str) -> None:
    factory = find_strategy(name)
    if not factory.needs:
        assert factory(None).rank([ballot("5 gram")]) == [[0]]


def test_an_unknown_one_is_told_which_there_are() -> None:
    with pytest.raises(InputError, match=r"unknown strategy 'coin'; there are: .*vote"):
        find_strategy("coin")


def test_others_plug_in_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = [EntryPoint("mine", "entx.ensemble.strategies:Vote", GROUP), EntryPoint("broken", "no.such:X", GROUP)]
    monkeypatch.setattr(plugins, "entry_points", lambda group: mine if group == GROUP else [])
    assert find_strategy("mine") is Vote
    assert {"mine", "broken", "vote"} <= set(strategy_names())
    with pytest.raises(InputError, match="'broken' cannot be imported: No module named 'no'"):
        find_strategy("broken")
