"""Settings files: every fault at once, nothing unknown, overrides as TOML."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, model_validator

from entx.core.errors import InputError
from entx.core.settings import override, parse_toml, read_settings, settings_digest


class Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Inner(Table):
    r: int = Field(ge=1)
    names: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(strict=False)] = ("a",)


class Outer(Table):
    title: str
    rate: float = Field(default=0.5, gt=0, le=1)
    share: float = Field(default=0.5, ge=0, le=1)
    kind: Literal["x", "y"] = "x"
    deep: bool = False
    inner: Inner | None = None
    free: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> Outer:
        if self.title == "deep" and not self.deep:
            raise ValueError('title = "deep" needs deep = true')
        return self


def test_a_table_becomes_the_model() -> None:
    table = parse_toml('title = "t"\nrate = 1\ndeep = true\n[inner]\nr = 3\nnames = ["p", "q"]\n[free]\na = 2', "f")
    made = Outer(title="t", rate=1.0, deep=True, inner=Inner(r=3, names=("p", "q")), free={"a": 2})
    assert read_settings(Outer, table, "f") == made
    assert isinstance(read_settings(Outer, table, "f").rate, float)  # from a whole number


def test_all_faults_come_in_one_message() -> None:
    table = {"rate": 2, "kind": "z", "deep": 1, "inner": {"r": 0, "names": "a", "q": 1}, "free": 3}
    with pytest.raises(InputError) as caught:
        read_settings(Outer, table, "mine.toml")
    message = str(caught.value)
    assert message.startswith("mine.toml: ")
    for part in (
        "title is missing", "rate must be at most 1, not 2", "kind must be one of x, y, not 'z'",
        "deep must be true or false, not 1", "inner.r must be at least 1, not 0", "inner.names must be a list of texts",
        "unknown key inner.q", "free must be a table, not 3",
    ):  # fmt: skip
        assert part in message


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"title": "t", "rte": 1}, "did you mean rate?"),
        ({"title": "t", "zzzzz": 1}, "known: title, rate, share, kind"), ({"title": "t", "rate": 0}, "greater than 0"),
        ({"title": "t", "share": 2}, "share must be from 0 to 1, not 2"),
        ({"title": "deep"}, 'title = "deep" needs deep = true'),
        ({"title": "t", "rate": "fast"}, "rate must be a number"),
        ({"title": "t", "rate": True}, "rate must be a number"), ({"title": 5}, "title must be a text"),
        ({"title": "t", "inner": 5}, "inner must be a table"),
        ({"title": "t", "inner": {"r": 1.5}}, "inner.r must be a whole number"),
        ({"title": "t", "inner": {"r": True}}, "inner.r must be a whole number"),
        ({"title": "t", "inner": {"r": 1, "names": [""]}}, "list of texts"),
    ],
)  # fmt: skip
def test_each_fault_says_what_and_where(table: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=r"^f: ") as caught:
        read_settings(Outer, table, "f")
    assert said in str(caught.value)


def test_a_file_that_is_no_toml_names_the_line() -> None:
    with pytest.raises(InputError, match=r"mine\.toml: not a readable TOML file.*line 2"):
        parse_toml("a = 1\nb = = 2\n", "mine.toml")


@pytest.mark.parametrize("value", ["1" * 5_000, "[" * 9_999])
def test_a_number_or_list_beyond_what_python_reads_is_a_fault_and_not_a_crash(value: str) -> None:
    with pytest.raises(InputError, match="not a readable TOML file"):
        parse_toml(f"a = {value}\n", "mine.toml")
    assert override({}, [f"a={value}"]) == {"a": value}


def test_overrides_are_toml_values_or_texts() -> None:
    table = {"train": {"lr": 1.0, "kind": "a"}, "title": "t"}
    changed = override(table, ["train.lr=1e-4", "train.kind=b c", "train.on = true", 'new.list=["x"]', "title=1"])
    assert changed == {"train": {"lr": 1e-4, "kind": "b c", "on": True}, "title": 1, "new": {"list": ["x"]}}
    assert table == {"train": {"lr": 1.0, "kind": "a"}, "title": "t"}
    assert override({}, ["a=b=c"]) == {"a": "b=c"}


def test_wrong_overrides_come_in_one_message() -> None:
    with pytest.raises(InputError) as caught:
        override({"title": "t"}, ["lr", "=3", ".x=1", "title.deep=3", "fine=1"])
    for part in ("'lr' is not KEY=VALUE", "'=3' is not", "'.x=1' is not", "title is no table"):
        assert part in str(caught.value)


def test_the_digest_follows_values_not_spelling() -> None:
    left = read_settings(Outer, parse_toml('title = "t"\nrate = 0.5', "f"), "f")
    right = read_settings(Outer, parse_toml('# a comment\nrate = 5e-1\ntitle = "t"', "f"), "f")
    other = read_settings(Outer, {"title": "t", "rate": 0.25}, "f")
    assert settings_digest(left) == settings_digest(right) != settings_digest(other)
