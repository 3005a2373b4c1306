from __future__ import annotations

import hashlib
import math
from importlib import resources

import pytest

from entx.core.entities import CHALLENGE
from entx.rules.reader import Family, shipped_weights

FAMILIES = ("upright", "depth", "weight", "load", "voltage", "power", "volume", "other")
FAMILY = Family(-1.0, 0.4, {"word_own": 2.0, "smaller": -1.5})


def test_the_score_is_a_logistic_sum() -> None:
    assert FAMILY.score({}) == pytest.approx(1 / (1 + math.e))
    assert FAMILY.score({"word_own": 1.0, "smaller": 1.0}) == pytest.approx(1 / (1 + math.exp(0.5)))
    assert FAMILY.score({"unknown": 9.0}) == FAMILY.score({})


def test_the_score_is_monotone_in_each_feature() -> None:
    assert FAMILY.score({"word_own": 0.8}) > FAMILY.score({"word_own": 0.2})
    assert FAMILY.score({"smaller": 0.8}) < FAMILY.score({"smaller": 0.2})


def test_reasons_stand_in_order_of_their_effect() -> None:
    assert FAMILY.reasons({"smaller": 0.2, "word_own": 1.0, "unknown": 1.0}) == [
        ("word_own", 2.0),
        ("smaller", pytest.approx(-0.3)),
    ]
    assert FAMILY.reasons({"word_own": 0.001}) == []


def test_the_shipped_table_is_whole_and_sane() -> None:
    weights = shipped_weights()
    assert weights.families.keys() == set(FAMILIES)
    for family in weights.families.values():
        assert {type(value) for value in (family.bias, family.threshold, *family.weights.values())} == {float}
        assert 0.0 <= family.threshold < 0.6
        assert all(-5 <= value <= 5 and round(value, 2) == value for value in family.weights.values())
    assert {name for name, family in weights.families.items() if family.everything is None} == {"other"}
    upright = weights.families["upright"].weights
    assert upright["word_own"] + upright["word_exact"] > 0 > upright["word_rival"]
    assert upright["line_own"] > 0 > upright["line_rival"]


def test_each_entity_has_its_family() -> None:
    weights = shipped_weights()
    families = {name: weights.of(name, entity.kind) for name, entity in CHALLENGE.entities.items()}
    assert families["height"] is families["width"] is weights.families["upright"]
    assert families["depth"] is weights.families["depth"]
    assert families["item_weight"] is weights.families["weight"]
    assert families["maximum_weight_recommendation"] is weights.families["load"]
    assert families["wattage"] is weights.families["power"]
    assert weights.of("noise", "sound") is weights.families["other"]
    assert weights.of("cable_length", "length") is weights.families["other"]


def test_the_digest_is_of_the_bytes() -> None:
    shipped = resources.files("entx").joinpath("recipes", "rules_weights.toml").read_bytes()
    assert shipped_weights().digest == hashlib.sha256(shipped).hexdigest()[:16]
