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

from entx.core.errors import InputError

_LENGTH = ("centimetre", "foot", "inch", "metre", "millimetre", "yard")
_WEIGHT = ("gram", "kilogram", "microgram", "milligram", "ounce", "pound", "ton")
_VOLUME = (
    "centilitre", "cubic foot", "cubic inch", "cup", "decilitre", "fluid ounce", "gallon",
    "imperial gallon", "litre", "microlitre", "millilitre", "pint", "quart",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity.

    Args:
        name: as in the table's entity_name column.
        kind: the physical quantity, for example "length"; entities of one kind compete for the same numbers.
        units: allowed canonical unit names.
        cues: words that point to it when printed near a number, lower case.
    """

    name: str
    kind: str
    units: tuple[str, ...]
    cues: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The name as prose: "maximum weight recommendation"."""
        return self.name.replace("_", " ")


@dataclass(frozen=True)
class Schema:
    """All entities that may be asked, by name."""

    entities: Mapping[str, Entity] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Entity:
        """The entity of that name.

        Raises:
            InputError: unknown name; the message lists the known ones.
        """
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


def load_schema(path: Path | None) -> Schema:
    """The challenge's schema, with the entities of a TOML file added or replaced.

    Raises:
        InputError: the file is missing, not TOML, or an entity has an unknown key, no kind or no units; all problems
            of the file are named at once.
    """
    if path is None:
        return CHALLENGE
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: not a readable TOML schema: {error}") from None
    tables = raw.get("entity")
    if not isinstance(tables, dict) or not tables or set(raw) != {"entity"}:
        raise InputError(f"{path}: expected [entity.NAME] tables and nothing else")
    problems: list[str] = []
    added: dict[str, Entity] = {}
    for name, table in tables.items():
        faults = _faults(table)
        problems += [f"[entity.{name}] {fault}" for fault in faults]
        if not faults:
            cues = tuple(cue.lower() for cue in table.get("cues", ()))
            added[name] = Entity(name, table["kind"], tuple(table["units"]), cues)
    if problems:
        raise InputError(f"{path}: " + "; ".join(problems))
    return _schema({**CHALLENGE.entities, **added}.values())


def _faults(table: object) -> list[str]:
    if not isinstance(table, dict):
        return ["must be a table"]
    faults = [
        f"has the unknown key {key!r} (known: kind, units, cues)" for key in table.keys() - {"kind", "units", "cues"}
    ]
    if not isinstance(table.get("kind"), str) or not table["kind"]:
        faults.append('needs kind, a word such as "length"')
    for key in ("units", "cues"):
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(word, str) and word for word in value):
            faults.append(f"{key} must be a list of words")
        elif key == "units" and not value:
            faults.append("needs units, a list of unit names")
    return faults
