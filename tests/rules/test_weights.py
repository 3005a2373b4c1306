from __future__ import annotations

import hashlib
import math
from importlib import resources

import pytest

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError
from entx.rules.reader import FAMILIES, Family, parse_weights, shipped_weights

FAMILY = Family(-1.0, 0.4, {"word_own": 2.0, "smaller": -1.5})


def _table(**changed: str) -> bytes:
    plain = "bias = 0\nthreshold = 0.3\n"
    parts = [f"[{name}]\n{changed.get(name, plain)}[{name}.weights]\nfont = 1.0\n" for name in FAMILIES]
    return "\n".join(parts).encode()


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
    assert set(weights.families) == set(FAMILIES)
    for family in weights.families.values():
        assert 0.0 <= family.threshold < 0.6
        assert all(-5 <= value <= 5 for value in family.weights.values())
        assert all(round(value, 1) == value for value in family.weights.values()), "few, rounded weights"
    upright = weights.families["upright"].weights
    assert upright["word_own"] > 0 > upright["word_rival"]
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


def test_the_digest_follows_the_bytes() -> None:
    assert parse_weights(_table()).digest == parse_weights(_table()).digest
    shipped = resources.files("entx").joinpath("recipes", "rules_weights.toml").read_bytes()
    assert parse_weights(shipped) == shipped_weights()
    assert shipped_weights().digest == hashlib.sha256(shipped).hexdigest()[:16]
    assert parse_weights(_table()).digest != parse_weights(_table() + b"\n# more").digest


def test_all_faults_are_named_at_once() -> None:
    text = _table(depth='bias = "much"\nthreshold = true\n', weight="bias = 1\n") + b"\n[hights]\nbias = 1\n"
    with pytest.raises(InputError) as caught:
        parse_weights(text.replace(b"[upright]\n", b"[upright]\nslope = 1\n").replace(b"font = 1.0", b"font = '1'", 1))
    assert str(caught.value) == (
        "weights: upright.weights.font must be a number; upright.slope is not known; depth.bias must be a number; "
        "depth.threshold must be a number; weight.threshold is missing; hights is not known "
        f"(families: {', '.join(FAMILIES)})"
    )


@pytest.mark.parametrize("text", [b"\xff", b"[upright", b""])
def test_what_is_no_table_is_refused(text: bytes) -> None:
    with pytest.raises(InputError, match="weights: "):
        parse_weights(text)
