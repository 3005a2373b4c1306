"""Quantities of a page, and where an answer stands on it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entx.core.candidates import Candidate, find_candidates, ground, page_quantities, stated_unit
from entx.core.entities import CHALLENGE, Entity
from entx.core.types import NO_EVIDENCE, Alignment, Evidence, OcrLine, OcrPage, PageStatus, Polygon, parse_written
from tests.core.test_boxes import Box, polygon


def page(*lines: tuple[str, Box], degrees: float = 0.0) -> OcrPage:
    read = tuple(OcrLine(text, 0.9, polygon(box, degrees), degrees) for text, box in lines)
    return OcrPage("0" * 64, PageStatus.OK, width=1000, height=1000, lines=read)


def column(*texts: str) -> OcrPage:
    """Lines far below each other: none is another's neighbour."""
    return page(*((text, (10.0, 100.0 * row, 300.0, 100.0 * row + 30)) for row, text in enumerate(texts)))


def found(candidates: Sequence[Candidate]) -> list[str]:
    return [candidate.quantity.text for candidate in candidates]


LABEL = column(
    "ACME Oat Flakes", "NET WT 17.6 OZ (500g)", "Energy 1500 kJ", "Batch 2024-11", "330 ml", "Ø 20 cm",
    "AC 220-240V 50Hz 60W",
)  # fmt: skip


@pytest.mark.parametrize(
    ("entity", "expected"),
    [
        ("item_weight", ["17.6 ounce", "500.0 gram"]), ("item_volume", ["330.0 millilitre"]),
        ("width", ["20.0 centimetre"]), ("voltage", ["220.0 volt", "240.0 volt"]), ("wattage", ["60.0 watt"]),
    ],
)  # fmt: skip
def test_only_what_is_legal_for_the_entity_in_reading_order(entity: str, expected: list[str]) -> None:
    assert found(find_candidates(LABEL, CHALLENGE[entity])) == expected


def test_a_page_is_parsed_once_for_several_entities() -> None:
    quantities = page_quantities(LABEL)
    assert [one.order for one in quantities] == list(range(len(quantities)))
    for entity in CHALLENGE.entities.values():
        assert find_candidates(LABEL, entity, quantities) == find_candidates(LABEL, entity)
    assert find_candidates(LABEL, CHALLENGE["voltage"], ()) == []


def test_a_candidate_says_where_it_stands() -> None:
    first, second = find_candidates(LABEL, CHALLENGE["item_weight"])
    assert (first.line_ids, first.polygon, first.text) == ((1,), LABEL.lines[1].polygon, "17.6 OZ")
    assert (second.text, second.role, second.group == first.group) == ("500g", "same", True)
    assert first.alignment is Alignment.EXACT


def test_groups_of_two_lines_are_two_groups() -> None:
    candidates = find_candidates(column("10 x 5 cm", "4 x 2 in"), CHALLENGE["width"])
    assert [one.group for one in candidates] == [0, 0, 1, 1]
    assert {one.role for one in candidates} == {"axis"}


@pytest.mark.parametrize("degrees", [0, 12, 90, 180, 270])
def test_a_number_takes_the_unit_in_the_next_box_at_any_rotation(degrees: float) -> None:
    drawn = page(("500", (100, 100, 200, 150)), ("g", (210, 110, 230, 150)), degrees=degrees)
    (candidate,) = find_candidates(drawn, CHALLENGE["item_weight"])
    assert (candidate.quantity.text, candidate.line_ids, candidate.text) == ("500.0 gram", (0, 1), "500 g")
    assert candidate.alignment is Alignment.NORMALISED
    assert candidate.polygon == pytest.approx(polygon((100, 100, 230, 150), degrees), abs=1e-6)


@pytest.mark.parametrize(
    ("number", "unit", "box", "entity", "expected"),
    [
        ("500", "g", (100, 155, 130, 190), "item_weight", ["500.0 gram"]),  # directly below
        ("NET WT 16", "OZ (454g)", (205, 100, 330, 150), "item_weight", ["16.0 ounce", "454.0 gram"]),
        ("65", "Watts on High", (205, 100, 400, 150), "wattage", ["65.0 watt"]),
        ("8 1/4", "inches", (205, 100, 330, 150), "height", ["8.25 inch"]),
        ("500", "g", (400, 100, 430, 150), "item_weight", []),  # too far to the right
        ("500", "g", (100, 300, 130, 350), "item_weight", []),  # too far below
        ("500", "g", (40, 100, 90, 150), "item_weight", []),  # before it
        ("365", "VEGAN", (205, 100, 330, 150), "voltage", []), ("4", "VON HAND", (205, 100, 330, 150), "voltage", []),
        ("24", "in the box", (205, 100, 330, 150), "height", []),
        ("180", "Ibs", (120, 136, 160, 170), "item_weight", ["180.0 pound"]),  # below, the boxes overlap
        ("3.86", "LB", (120, 70, 150, 90), "item_weight", ["3.86 pound"]),  # the drawing of a weight above it
        ("49", "Watts (Excl. Lights)", (60, 70, 300, 95), "wattage", ["49.0 watt"]),
        ("49", "Watts are saved", (60, 70, 300, 95), "wattage", []), ("43", "T", (120, 70, 140, 90), "item_weight", []),
        ("2", "ug", (120, 70, 150, 90), "item_weight", []), ("No. 49", "LB", (120, 70, 150, 90), "item_weight", []),
        ("3.86", "LB", (120, 10, 150, 30), "item_weight", []),  # too far above
    ],
)  # fmt: skip
def test_what_counts_as_the_next_box(number: str, unit: str, box: Box, entity: str, expected: list[str]) -> None:
    drawn = page((number, (100, 100, 200, 150)), (unit, box))
    assert found(find_candidates(drawn, CHALLENGE[entity])) == expected


def test_a_unit_above_a_number_that_has_another_number_is_not_shared() -> None:
    drawn = page(("250", (100, 0, 150, 40)), ("LB", (155, 0, 180, 40)), ("3", (160, 50, 180, 90)))
    assert found(find_candidates(drawn, CHALLENGE["item_weight"])) == ["250.0 pound"]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("13.4 in", "34 m"), ["13.4 inch", "34.0 centimetre"]), (('0.98"', "25m"), ["0.98 inch", "25.0 millimetre"]),
        (("36 cm", "78 m"), ["36.0 centimetre", "78.0 centimetre"]),
        (("20 mm", "41m"), ["20.0 millimetre", "41.0 millimetre"]),
        (("20 mm", "3 cm", "41m"), ["20.0 millimetre", "3.0 centimetre", "41.0 metre"]),
        (("36 cm", "75 m"), ["36.0 centimetre", "75.0 metre"]),  # a rope of 75 m
        (("10 mm", "5 m"), ["10.0 millimetre", "5.0 metre"]), (("0.6 in", "1.5 m"), ["0.6 inch", "1.5 metre"]),
        (("34 m",), ["34.0 metre"]), (("36 cm", "78 meters"), ["36.0 centimetre", "78.0 metre"]),
        # a lost inch stroke is seen beside whole ones, and whole feet stay feet
        (("22.44'", "11.22''"), ["22.44 inch", "11.22 inch"]), (("22.44'", '11.22"'), ["22.44 inch", "11.22 inch"]),
        (("22.44'",), ["22.44 foot"]), (("5'", '6"'), ["5.0 foot", "6.0 inch"]),
        # decimals whose unit was lost take the drawing's one unit, other numbers take none
        (("41.25", '9.75"'), ["41.25 inch", "9.75 inch"]), (("31.1°", '39.4"'), ["31.1 inch", "39.4 inch"]),
        (("41.25", '9.75"', "20 cm"), ["9.75 inch", "20.0 centimetre"]), (("41", '9.75"'), ["9.75 inch"]),
        (("41.25",), []), (("Version 41.25", '9.75"'), ["9.75 inch"]), (("12.05.2024", '9"'), ["9.0 inch"]),
        (('9.75"', "41.25", '3.5"'), ["9.75 inch", "41.25 inch", "3.5 inch"]),
    ],
)  # fmt: skip
def test_letters_strokes_and_units_that_the_engine_lost(texts: tuple[str, ...], expected: list[str]) -> None:
    candidates = find_candidates(column(*texts), CHALLENGE["height"])
    assert found(candidates) == expected
    assert [one.order for one in candidates] == sorted({one.order for one in candidates})  # none has another's place


@pytest.mark.parametrize(("texts", "repaired"), [(("13.4 in", "34 m"), 1), (("41.25", '9.75"'), 0)])
def test_what_was_repaired_is_fuzzy(texts: tuple[str, ...], repaired: int) -> None:
    candidates = find_candidates(column(*texts), CHALLENGE["height"])
    assert [one.alignment is Alignment.FUZZY for one in candidates] == [number == repaired for number in range(2)]
    assert candidates[repaired].line_ids == (repaired,)


def test_the_nearest_unit_wins() -> None:
    drawn = page(("500", (100, 100, 200, 150)), ("kg", (100, 160, 130, 200)), ("g", (205, 100, 230, 150)))
    assert found(find_candidates(drawn, CHALLENGE["item_weight"])) == ["500.0 gram"]


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("unit: mm", "millimetre"), ("Unit:cm", "centimetre"), ("UNIT:MM", "millimetre"), ("(in inches)", "inch"),
        ("All sizes in mm", "millimetre"), ("Dimensions are in cm", "centimetre"), ("(unit: inch)", "inch"),
        ("Units: Inches", "inch"), ("单位:mm", "millimetre"), ("Einheit: mm", "millimetre"), ("(mm)", "millimetre"),
        ("measurements in inches", "inch"), ("Wear Size: M", None), ("Platter Size(inch)", None),
        ("unit price 5", None), ("in the box", None), ("20 mm", None), ("Units: 5", None), ("power unit in kW", None),
    ],
)  # fmt: skip
def test_the_unit_of_a_whole_drawing(text: str, unit: str | None) -> None:
    assert stated_unit(column("Size", text).lines) == unit


def test_a_stated_unit_serves_bare_numbers_and_nothing_else() -> None:
    drawing = column("unit: mm", "125", "40.5 x 20", "Ø30", "H 12", "Model 2024", "3 pcs", "5 cm", "12%", "2024-11-20")
    assert found(find_candidates(drawing, CHALLENGE["height"])) == [
        "125.0 millimetre", "40.5 millimetre", "20.0 millimetre", "30.0 millimetre", "12.0 millimetre",
        "5.0 centimetre",
    ]  # fmt: skip
    bare = find_candidates(drawing, CHALLENGE["height"])[0]
    assert (bare.alignment, bare.line_ids) == (Alignment.NORMALISED, (1,))


def test_two_stated_units_are_none() -> None:
    assert find_candidates(column("unit: mm", "unit: inch", "125"), CHALLENGE["height"]) == []


def test_a_units_own_box_states_nothing_for_others() -> None:
    drawn = page(("4.9", (100, 100, 200, 150)), ("inches", (205, 100, 300, 150)), ("77", (100, 400, 200, 450)))
    assert found(find_candidates(drawn, CHALLENGE["height"])) == ["4.9 inch"]


def test_a_bare_ounce_is_fluid_only_where_no_volume_is_printed() -> None:
    bare = find_candidates(column("32 OZ"), CHALLENGE["item_volume"])
    assert found(bare) == ["32.0 fluid ounce"]
    assert bare[0].alignment is Alignment.NORMALISED
    assert found(find_candidates(column("32 OZ", "946 ml"), CHALLENGE["item_volume"])) == ["946.0 millilitre"]
    assert found(find_candidates(column("32 FL OZ"), CHALLENGE["item_weight"])) == []
    for weight in ("NET WT 32 OZ", "Weight: 32 oz", "32 oz (907 g)", "2 lb 32 oz"):
        assert find_candidates(column(weight), CHALLENGE["item_volume"]) == []


def test_a_users_own_unit_is_found() -> None:
    (candidate,) = find_candidates(column("Noise 62 decibel(A)"), Entity("noise", "sound", ("decibel(A)",)))
    assert (candidate.quantity.text, candidate.line_ids) == ("62.0 decibel(A)", (0,))


def test_own_units_and_known_ones_stand_in_reading_order() -> None:
    mixed = column("5 sone", "40 dB", "6 sone 7 sone")
    candidates = find_candidates(mixed, Entity("noise", "sound", ("decibel", "sone")))
    assert found(candidates) == ["5.0 sone", "40.0 decibel", "6.0 sone", "7.0 sone"]
    assert [one.order for one in candidates] == [1, 0, 2, 3]


@pytest.mark.parametrize("status", [PageStatus.OK, PageStatus.UNREADABLE])
def test_a_page_without_lines_has_no_candidates(status: PageStatus) -> None:
    assert find_candidates(OcrPage("0" * 64, status, "reason"), CHALLENGE["height"]) == []


def test_labels_come_with_the_candidates() -> None:
    candidates = find_candidates(column("W:12inch", "L:108inch", "25cm high"), CHALLENGE["width"])
    assert [one.label for one in candidates] == ["w", "l", "high"]


WORDS = st.lists(
    st.sampled_from(["500", "g", "12", "V", "unit: mm", "10 x 5", "cm", "NET", "3.5 in", "x", "fl oz", '"', "1/2",
    "H", "0Z", ""]),
    max_size=12,
)  # fmt: skip
BOXES = st.tuples(*(st.floats(-50, 400) for _ in range(8)))


@given(st.lists(st.tuples(WORDS, BOXES), max_size=12))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_any_page_gives_legal_candidates_in_order_and_twice_the_same(lines: list[tuple[list[str], Polygon]]) -> None:
    drawn = OcrPage(
        "0" * 64, PageStatus.OK, width=400, height=400, lines=tuple(OcrLine(" ".join(w), 0.5, box) for w, box in lines)
    )
    quantities = page_quantities(drawn)
    assert quantities == page_quantities(drawn)
    for entity in CHALLENGE.entities.values():
        candidates = find_candidates(drawn, entity, quantities)
        assert all(one.quantity.unit in entity.units and one.quantity.value > 0 for one in candidates)
        assert [one.order for one in candidates] == sorted(one.order for one in candidates)
        assert all(0 <= line < len(drawn.lines) for one in candidates for line in one.line_ids)
        assert [one.line_ids[0] for one in candidates] == sorted(one.line_ids[0] for one in candidates)


BOX = (0.0, 0.0, 100.0, 0.0, 100.0, 20.0, 0.0, 20.0)


def find(written: str, entity: str, *lines: str) -> Evidence:
    page = OcrPage("p", PageStatus.OK, "", 200, 200, tuple(OcrLine(text, 0.9, BOX) for text in lines))
    quantity = parse_written(written)
    return ground(quantity, page, CHALLENGE[entity], page_quantities(page))


@pytest.mark.parametrize(
    ("written", "entity", "lines", "alignment", "line_ids"),
    [
        ("500.0 gram", "item_weight", ("TEA", "500 gram"), Alignment.EXACT, (1,)),
        ("0.5 inch", "height", ("1/2 in",), Alignment.NORMALISED, (0,)),
        ("12.0 centimetre", "height", ("12 mm", "x"), Alignment.FUZZY, (0,)),  # the number in another unit
        ("64.0 ounce", "item_weight", ("NET WT 64 Q2",), Alignment.FUZZY, (0,)),
        ("6.4 ounce", "item_weight", ("NET WT 6,4 Q2",), Alignment.FUZZY, (0,)),
        ("64.0 ounce", "item_weight", ("640", "164", "64.5", "no 0.64"), Alignment.NONE, ()),  # parts of other numbers
        ("64.0 ounce", "item_weight", ("code 64", "lot 64"), Alignment.NONE, ()),  # which one?
        ("5.0 ounce", "item_weight", ("step 5",), Alignment.NONE, ()),  # one digit stands everywhere
        ("5.0 ounce", "item_weight", ("5 W",), Alignment.NONE, ()),  # of another kind
        ("9.5 kilogram", "item_weight", ("500 gram",), Alignment.NONE, ()),
    ],
)
def test_alignment_and_line(
    written: str, entity: str, lines: tuple[str, ...], alignment: Alignment, line_ids: tuple[int, ...]
) -> None:
    found = find(written, entity, *lines)
    assert (found.alignment, found.line_ids) == (alignment, line_ids)
    assert (found.polygon is None) == (alignment is Alignment.NONE)


def test_the_best_aligned_place_is_taken() -> None:
    assert find("500.0 gram", "item_weight", "50O g", "500 gram").line_ids == (1,)


def test_nothing_is_found_on_an_empty_page() -> None:
    assert find("500.0 gram", "item_weight") == NO_EVIDENCE


def test_what_no_product_has_is_no_candidate() -> None:
    lines = column("760094310634 g", "Net 500 g", "711200'", "0 cm", "12 cm", "0 °C")
    assert found(page_quantities(lines)) == ["500.0 gram", "12.0 centimetre", "0.0 degree"]
    assert [one.order for one in page_quantities(lines)] == [0, 1, 2]
    assert found(find_candidates(lines, CHALLENGE["item_weight"])) == ["500.0 gram"]
