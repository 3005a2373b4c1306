from __future__ import annotations

from entx.core.entities import CHALLENGE
from entx.core.types import NO_EVIDENCE, Alignment, Evidence, Quantity
from entx.ensemble.ballot import make_ballot, tally
from tests.ensemble.arms import answer, ballot


def _options(*said: str | None, entity: str = "item_weight") -> dict[str, tuple[int, ...]]:
    return {
        option.quantity.text if option.quantity else "": option.arms for option in ballot(*said, entity=entity).options
    }


def test_equal_numbers_in_equal_units_are_one_option() -> None:
    assert _options("5 gram", "5.0 gram", "5.00 gram", "6 gram") == {"5.0 gram": (0, 1, 2), "6.0 gram": (3,)}


def test_a_converted_answer_supports_and_the_first_arm_gives_the_unit() -> None:
    assert _options("0.5 kilogram", "500 gram", "500 gram") == {"0.5 kilogram": (0, 1, 2)}
    assert ballot("0.5 kilogram", "500 gram").options[0].converted
    assert not ballot("500.0 gram", "500 gram").options[0].converted


def test_a_conversion_as_packs_print_it_supports() -> None:
    assert _options("5 kilogram", "11 pound", "11 pound") == {"5.0 kilogram": (0, 1, 2)}
    assert _options("1 kilogram", "800 gram") == {"1.0 kilogram": (0,), "800.0 gram": (1,)}
    assert _options("6 gram", "5 kilogram", "", "11 pound") == {"6.0 gram": (0,), "5.0 kilogram": (1, 3), "": (2,)}


def test_where_it_is_not_clear_who_says_the_same_nobody_is_joined() -> None:
    # 11 inch are 28 cm; 27.9 cm are 11 inch; but 28 cm are not 27.9 cm
    apart = {"11.0 inch": (0,), "28.0 centimetre": (1,), "27.9 centimetre": (2,)}
    assert _options("11 inch", "28 centimetre", "27.9 centimetre", entity="width") == apart
    assert set(_options("27.9 centimetre", "28 centimetre", "11 inch", entity="width")) == set(apart)
    assert _options("11 inch", "27.94 centimetre", "28 centimetre", entity="width") == {
        "11.0 inch": (0, 1), "28.0 centimetre": (2,),
    }  # fmt: skip


def test_the_printed_form_wins_over_the_first_arms() -> None:
    printed = {"500.0 gram": Alignment.EXACT}

    def find(_: int, quantity: Quantity) -> Evidence:
        alignment = printed.get(quantity.text)
        return Evidence(alignment, (3,), (0.0,) * 8) if alignment else NO_EVIDENCE

    said = [answer("0.5 kilogram"), answer("500 gram")]
    (option,) = make_ballot(0, CHALLENGE["item_weight"], said, find=find).options
    assert option.quantity is not None
    assert (option.quantity.text, option.arms) == ("500.0 gram", (0, 1))
    assert option.evidence.line_ids == (3,)
    printed["0.5 kilogram"] = Alignment.FUZZY
    assert make_ballot(0, CHALLENGE["item_weight"], said, find=find).options[0].quantity == option.quantity
    printed["0.5 kilogram"] = Alignment.NORMALISED
    assert str(make_ballot(0, CHALLENGE["item_weight"], said, find=find).options[0].quantity) == "0.5 kilogram"


def test_nothing_is_an_option_and_an_arm_not_asked_is_none() -> None:
    found = ballot("", None, "5 gram", "")
    assert [(str(option.quantity), option.arms) for option in found.options] == [("None", (0, 3)), ("5.0 gram", (2,))]
    assert found.asked == (0, 2, 3)


def test_an_illegal_unit_is_no_option_but_supports_its_size() -> None:
    assert _options("3 horsepower", entity="wattage") == {}
    assert _options("3 horsepower", "5 watt", entity="wattage") == {"5.0 watt": (1,)}
    assert _options("1 kilometre", "1000 metre", entity="width") == {"1000.0 metre": (0, 1)}
    found = ballot("1 kilometre", "1000 metre", "", None, entity="width")
    assert [found.legal(arm) for arm in range(4)] == [False, True, True, False]


def test_the_tally_is_a_sentence() -> None:
    said = ballot("0.5 kilogram", "", "500 gram", None, "3 volt")
    assert tally(said, ["a", "b", "c", "d", "e"]) == "0.5 kilogram: a, c; nothing: b; 3.0 volt: e (not a legal unit)"
