"""Where written answers stand on pages made by hand."""

from __future__ import annotations

import pytest

from entx.core.candidates import ground, page_quantities
from entx.core.entities import CHALLENGE
from entx.core.types import NO_EVIDENCE, Alignment, Evidence, OcrLine, OcrPage, PageStatus, parse_written

BOX = (0.0, 0.0, 100.0, 0.0, 100.0, 20.0, 0.0, 20.0)


def find(written: str, entity: str, *lines: str) -> Evidence:
    page = OcrPage("p", PageStatus.OK, "", 200, 200, tuple(OcrLine(text, 0.9, BOX) for text in lines))
    quantity = parse_written(written)
    assert quantity is not None
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
