"""The weights table of the rules reader: what each feature is worth, by family of entities.

One TOML file that ships with the package (`entx/recipes/rules_weights.toml`); its hash is part of a run's settings.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from math import exp
from types import MappingProxyType
from typing import Any

from entx.core.errors import InputError

FAMILIES = ("upright", "depth", "weight", "load", "voltage", "power", "volume", "other")
_BY_ENTITY = {
    "height": "upright", "width": "upright", "depth": "depth", "item_weight": "weight",
    "maximum_weight_recommendation": "load",
}  # fmt: skip


@dataclass(frozen=True)
class Family:
    """The weights of one family.

    Args:
        bias: log-odds of a candidate without any feature.
        threshold: score from which an answer is given.
        weights: log-odds that one unit of a feature adds, by name.
    """

    bias: float
    threshold: float
    weights: Mapping[str, float]

    def score(self, features: Mapping[str, float]) -> float:
        """0 to 1; monotone in each feature. A feature that the table does not name counts nothing."""
        total = self.bias + sum(self.weights.get(name, 0.0) * value for name, value in features.items())
        return 1.0 / (1.0 + exp(-total))

    def reasons(self, features: Mapping[str, float]) -> list[tuple[str, float]]:
        """What each feature added, the largest effect first; those that added nothing are left out."""
        parts = [(name, self.weights.get(name, 0.0) * value) for name, value in features.items()]
        return sorted(((n, p) for n, p in parts if round(p, 2)), key=lambda part: (-abs(part[1]), part[0]))


@dataclass(frozen=True)
class Weights:
    """All families, and the hash of the file they came from."""

    families: Mapping[str, Family]
    digest: str

    def of(self, entity_name: str, kind: str) -> Family:
        """The family of an entity: its own, else its kind's, else `other`."""
        family = _BY_ENTITY.get(entity_name, kind if kind in self.families else "other")
        return self.families[family]


@lru_cache(maxsize=1)
def shipped_weights() -> Weights:
    """The table that ships with the package."""
    return parse_weights(resources.files("entx.recipes").joinpath("rules_weights.toml").read_bytes())


def parse_weights(text: bytes) -> Weights:
    """Reads a table.

    Raises:
        InputError: not TOML, a family is missing or unknown, or a value is no number; all faults are named at once.
    """
    try:
        tables = tomllib.loads(text.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"weights: not a readable TOML table: {error}") from None
    faults = [f"[{name}] is missing" for name in FAMILIES if name not in tables]
    faults += [f"[{name}] is no family (known: {', '.join(FAMILIES)})" for name in tables if name not in FAMILIES]
    families = {}
    for name in FAMILIES:
        table = tables.get(name, {})
        wrong = _faults(table) if name in tables else []
        faults += [f"[{name}] {fault}" for fault in wrong]
        if name in tables and not wrong:
            weights = MappingProxyType({key: float(value) for key, value in table["weights"].items()})
            families[name] = Family(float(table["bias"]), float(table["threshold"]), weights)
    if faults:
        raise InputError("weights: " + "; ".join(faults))
    return Weights(MappingProxyType(families), hashlib.sha256(text).hexdigest()[:16])


def _faults(table: object) -> list[str]:
    if not isinstance(table, dict) or not isinstance(table.get("weights"), dict):
        return ["needs bias, threshold and weights"]
    faults = [f"{key} must be a number" for key in ("bias", "threshold") if not _is_number(table.get(key))]
    faults += [f"weight {key} must be a number" for key, value in table["weights"].items() if not _is_number(value)]
    faults += [f"has the unknown key {key!r}" for key in table.keys() - {"bias", "threshold", "weights"}]
    return faults


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
