import pytest

from entx.core.entities import CHALLENGE
from entx.core.parser import find_quantities
from entx.core.postprocess import choose, is_computed, is_hedged, says_nothing, says_several


@pytest.mark.parametrize(
    "text",
    [
        "The product's item weight is not explicitly indicated in the image.",
        "The image does not provide a specific weight measurement for the product.",
        "The image doesn't show the height.", "There is no indication of power usage or output near the product.",
        "There is no mention of the voltage rating in the image.", "The depth of the product is not visible.",
        "I cannot determine the height.", "I'm sorry, but I can't help with that.", "Unable to read the label.", "N/A",
        "NA", "None", "null", "unknown", "Not applicable", "The product is not specified for a wattage.",
        "The product does not have a label indicating its weight.", "no visible value",
    ],
)  # fmt: skip
def test_denials(text: str) -> None:
    assert says_nothing(text)


@pytest.mark.parametrize(
    "text",
    [
        "The height of the product is 8 cm.", "The product is a notebook, 5 cm thick.", "12 volt",
        "The north side is 5 cm.", "Nominal voltage: 12 V", "a non-stick pan, 28 cm", "The banana weighs 100 g",
        "No. 5 screw, 4 cm",
    ],
)  # fmt: skip
def test_statements_are_no_denials(text: str) -> None:
    assert not says_nothing(text)


@pytest.mark.parametrize(
    ("text", "hedged"),
    [
        ("It is typically 12V.", True), ("It might be around 12V or so.", True),
        ("If we assume a 12V battery, it lasts.", True), ("The label reads 12V.", False),
        ("Such devices are typically safe. The label reads 12V.", False),
        ("The label reads 12V. Such devices are typically safe.", False),
        ("The voltage is not stated; 12V is printed.", True),
        ("The voltage is not stated.\nThe label reads 12V", False),
        ("A 3.7 cell is common. The label reads 12.5V.", False),
    ],
)  # fmt: skip
def test_a_guess_is_told_from_a_reading_by_its_own_sentence(text: str, hedged: bool) -> None:
    assert is_hedged(text, find_quantities(text)[-1]) is hedged


@pytest.mark.parametrize(
    ("text", "computed"),
    [
        ("Volume = 3 x 2 x 2 = 12 cubic inches", True), ("using the formula, the volume is 12 cubic inches", True),
        ("12V x 1A = 12W", True), ("The tank holds 12 cubic inches", False), ("Power = 12W", False), ("W1=20W", False),
    ],
)  # fmt: skip
def test_results_of_arithmetic_are_told_from_readings(text: str, computed: bool) -> None:
    assert is_computed(text, find_quantities(text)[-1]) is computed


@pytest.mark.parametrize(
    ("text", "entity", "several"),
    [
        ("5 lb, 10 lb, 15 lb", "item_weight", True), ("S: 2.5 kg\nM: 3.5 kg\nL: 5 kg", "item_weight", True),
        ("5 lb and again 5 lb and 5 lb", "item_weight", False), ("5 lb (2.27 kg) or 80 oz", "item_weight", False),
        ("0.4 cm for the small, 0.6 cm for the medium, 0.8 cm for the large", "depth", True),
        ("Height: 10 cm, Width: 5 cm, Depth: 3 cm", "width", False),
        ("a height of 10 cm, a width of 5 cm, a depth of 3 cm", "height", False), ("10 x 5 x 3 cm", "width", False),
    ],
)  # fmt: skip
def test_a_list_of_different_things(text: str, entity: str, several: bool) -> None:
    assert says_several(text, find_quantities(text), CHALLENGE[entity]) is several


@pytest.mark.parametrize(
    ("text", "entity", "expected"),
    [
        ("5 cm", "height", "5.0 centimetre"), ("5 cm tall and 3 cm wide", "width", "3.0 centimetre"),
        ("5 cm tall and 3 cm wide", "depth", None), ("5 cm tall", "width", None),
        ("5 cm long", "depth", "5.0 centimetre"), ("5 cm in diameter", "width", "5.0 centimetre"),
        ("5 cm in diameter", "height", None), ("a width of 5 cm and a height of 3 cm", "height", "3.0 centimetre"),
        ("H5 x W3 cm", "width", "3.0 centimetre"), ("5 cm, 3 cm", "width", "5.0 centimetre"),
        ("5-7 cm", "width", "7.0 centimetre"), ("220-240V", "voltage", "240.0 volt"),
        ("12V (9-14.4V)", "voltage", "12.0 volt"), ("10 x 5 cm", "width", "10.0 centimetre"),
        ("10 x 5 cm", "height", "5.0 centimetre"), ("10 x 5 x 3 cm", "depth", "10.0 centimetre"),
        ("maximum load 100 kg", "item_weight", None),
        ("maximum load 100 kg", "maximum_weight_recommendation", "100.0 kilogram"),
    ],
)  # fmt: skip
def test_the_quantity_said_of_the_entity(text: str, entity: str, expected: str | None) -> None:
    chosen = choose(text, find_quantities(text), CHALLENGE[entity])
    assert (None if chosen is None else chosen.quantity.text) == expected
