"""Entities: what can be asked of a picture, and the units an answer may have.

The challenge's eight are the default schema; a user's TOML adds entities or replaces them:

    [entity.cable_length]
    kind = "length"
    units = ["centimetre", "metre", "foot", "inch"]
    cues = ["cable length", "cord"]        # optional

    [entity.voltage]                       # replaces the default of that name
    kind = "voltage"
    units = ["volt"]
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

from entx.core.errors import InputError
from entx.core.files import input_bytes

_LENGTH = ("centimetre", "foot", "inch", "metre", "millimetre", "yard")
_WEIGHT = ("gram", "kilogram", "microgram", "milligram", "ounce", "pound", "ton")
_VOLUME = (
    "centilitre", "cubic foot", "cubic inch", "cup", "decilitre", "fluid ounce", "gallon",
    "imperial gallon", "litre", "microlitre", "millilitre", "pint", "quart",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity."""

    name: str  # as in the table's entity_name column
    kind: str  # the physical quantity, for example "length"; entities of one kind compete for the same numbers
    units: tuple[str, ...]  # allowed canonical unit names
    cues: tuple[str, ...] = ()  # words that point to it when printed near a number, lower case

    @property
    def words(self) -> str:
        """The name as prose: "maximum weight recommendation"."""
        return self.name.replace("_", " ")


@dataclass(frozen=True)
class Schema:
    """All entities that may be asked, by name."""

    entities: Mapping[str, Entity] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Entity:
        """The entity of that name. Raises InputError: unknown name; the message lists the known ones."""
        try:
            return self.entities[name]
        except KeyError:
            raise InputError(f"unknown entity {name!r}; known: {', '.join(sorted(self.entities))}") from None

    def __contains__(self, name: object) -> bool:
        return name in self.entities

    @property
    def units(self) -> frozenset[str]:
        """Union of all allowed units."""
        return frozenset(unit for entity in self.entities.values() for unit in entity.units)

    @property
    def digest(self) -> str:
        """Hash of the whole schema; part of what makes two runs the same."""
        plain = [[e.name, e.kind, e.units, e.cues] for _, e in sorted(self.entities.items())]
        return hashlib.sha256(json.dumps(plain).encode()).hexdigest()[:16]


def _schema(entities: Iterable[Entity]) -> Schema:
    return Schema(MappingProxyType({entity.name: entity for entity in entities}))


CHALLENGE = _schema([
    Entity("width", "length", _LENGTH, ("width", "wide", "w")),
    Entity("depth", "length", _LENGTH, ("depth", "deep", "length", "long", "thickness", "thick", "d", "l")),
    Entity("height", "length", _LENGTH, ("height", "high", "tall", "h")),
    Entity("item_weight", "weight", _WEIGHT, ("net weight", "net wt", "net", "weight", "wt", "weighs")),
    Entity(
        "maximum_weight_recommendation", "weight", _WEIGHT,
        ("weight capacity", "load capacity", "max weight", "max load", "maximum", "capacity", "load", "holds", "up to",
         "supports", "max", "bearing"),
    ),
    Entity("voltage", "voltage", ("kilovolt", "millivolt", "volt"), ("voltage", "input", "rated")),
    Entity("wattage", "power", ("kilowatt", "watt"), ("wattage", "power", "rated")),
    Entity("item_volume", "volume", _VOLUME, ("volume", "capacity", "net", "content", "contents")),
])  # fmt: skip
"""The eight entities and 31 units of the Amazon ML Challenge 2024, units verbatim from its appendix."""


_FAULTS = {
    "kind": 'needs kind, a word such as "length"', "units": "needs units, a list of unit names",
    "cues": "cues must be a list of words",
}  # fmt: skip


def load_schema(path: Path | None) -> Schema:
    """The challenge's schema, with entities of a TOML file added or replaced; an InputError names all its faults."""
    if path is None:
        return CHALLENGE
    from pydantic import BaseModel, Field, ValidationError  # here, for it costs the runs without such a file 0.2 s

    Word = Annotated[str, Field(min_length=1)]  # noqa: N806 - a type

    class Table(BaseModel, extra="forbid", strict=True):
        kind: Word
        units: list[Word] = Field(min_length=1)
        cues: list[Word] = []

    class File(BaseModel, extra="forbid", strict=True):
        entity: dict[str, Table] = Field(min_length=1)

    try:
        tables = File.model_validate(tomllib.loads(input_bytes(path).decode())).entity
    except ValidationError as error:
        faults: dict[str, None] = {}
        for fault in error.errors():
            match fault["loc"]:
                case ("entity", name, str(key), *_):
                    unknown = f"has the unknown key {key!r} (known: {', '.join(_FAULTS)})"
                    faults[f"[entity.{name}] {_FAULTS.get(key, unknown)}"] = None
                case ("entity", name):
                    faults[f"[entity.{name}] must be a table"] = None
                case _:
                    faults["expected [entity.NAME] tables and nothing else"] = None
        raise InputError(f"{path}: {'; '.join(faults)}") from None
    except (ValueError, RecursionError) as error:  # not UTF-8, not TOML, a number of 5,000 digits
        raise InputError(f"{path}: not a readable TOML schema: {error}") from None
    added = [
        Entity(name, table.kind, tuple(table.units), tuple(cue.lower() for cue in table.cues))
        for name, table in tables.items()
    ]
    return _schema([*CHALLENGE.entities.values(), *added])
