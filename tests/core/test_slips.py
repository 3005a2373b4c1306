"""What engines and printers do to a number's surroundings, as seen on real pages."""

from __future__ import annotations

import pytest

from entx.core.candidates import find_candidates
from entx.core.entities import CHALLENGE
from entx.core.parser import find_quantities
from entx.core.types import Alignment, OcrLine, OcrPage, PageStatus


def _page(*texts: str) -> OcrPage:
    lines = [
        OcrLine(text, 0.9, (0, 50 * n, 90, 50 * n, 90, 50 * n + 20, 0, 50 * n + 20)) for n, text in enumerate(texts)
    ]
    return OcrPage("0" * 64, PageStatus.OK, "", 500, 500, tuple(lines))


def _heights(*texts: str) -> list[str]:
    return [one.quantity.text for one in find_candidates(_page(*texts), CHALLENGE["height"])]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("3.5oz/100g", ["3.5 ounce", "100.0 gram"]), ("12g/100g", ["12.0 gram per"]), ("1.3 g/100 g", ["1.3 gram per"]),
        ("7.8cm3.07in", ["7.8 centimetre", "3.07 inch"]), ("12 cm3", ["12.0 cubic centimetre"]),
        ("I.D: Φ10mm", ["10.0 millimetre"]), ("ProCORE18V", ["18.0 volt"]), ("XR18V2000", []),
        ("約6.8cm", ["6.8 centimetre"]), ("200gNET", ["200.0 gram"]), ("20VLITHIUM", ["20.0 volt"]),
        ("20VLTHUM", ["20.0 volt"]), ("33/8″", ["3.375 inch"]), ("33/8 inch", ["3.375 inch"]),
        ("315/16″", ["3.9375 inch"]), ("121/4 in", ["12.25 inch"]),
        ('67.5 cm(261/2")', ["67.5 centimetre", "26.5 inch"]), ("120/60 in", ["60.0 inch"]),
        ("12 02 / 3 G", ["12.0 ounce", "3.0 gram"]), ("12FLC2", ["12.0 fluid ounce"]),
        ("WEIGHT: 44 Ilbs", ["44.0 pound"]), ("3bs", ["3.0 pound"]), ("97em", ["97.0 centimetre"]),
        ("63 ccmm", ["63.0 centimetre"]), ("76.5om", ["76.5 centimetre"]), ("NETW.900g", ["900.0 gram"]),
        ("NET WT.12 0Z.340g", ["12.0 ounce", "340.0 gram"]), ("W.5 in", ["0.5 inch"]), ("Ø .5 in", ["0.5 inch"]),
        ("(15kg以下まで)", ["15.0 kilogram"]), ("200geNET", ["200.0 gram"]),
        ("1000mAh 3.7U", ["1000.0 milliampere hour", "3.7 volt"]), ("2U rack", []), ("190T Polyester", []),
        ("24T TCT saw", []), ("3T jack", ["3.0 ton"]), ("3/8″", ["0.375 inch"]),
    ],
)  # fmt: skip
def test_spans(text: str, found: list[str]) -> None:
    assert [one.quantity.text for one in find_quantities(text)] == found


def test_a_lost_inch_stroke_is_seen_beside_whole_ones() -> None:
    assert _heights("22.44'", "11.22''") == ["22.44 inch", "11.22 inch"]
    assert _heights("22.44'", '11.22"') == ["22.44 inch", "11.22 inch"]
    assert _heights("22.44'") == ["22.44 foot"]
    assert _heights("5'", '6"') == ["5.0 foot", "6.0 inch"]  # whole feet stay feet


def test_decimals_whose_unit_was_lost_take_the_drawings_one_unit() -> None:
    assert _heights("41.25", '9.75"') == ["41.25 inch", "9.75 inch"]
    assert _heights("31.1°", '39.4"') == ["31.1 inch", "39.4 inch"]
    lost = find_candidates(_page("41.25", '9.75"'), CHALLENGE["height"])[0]
    assert lost.alignment is Alignment.FUZZY
    assert lost.line_ids == (0,)


@pytest.mark.parametrize(
    "texts",
    [("41.25", '9.75"', "20 cm"), ("41", '9.75"'), ("41.25",), ("Version 41.25", '9.75"'), ("12.05.2024", '9"')],
)
def test_other_numbers_take_no_unit(texts: tuple[str, ...]) -> None:
    assert not any(text.startswith(("41", "12")) for text in _heights(*texts))


def test_candidates_stay_in_reading_order() -> None:
    candidates = find_candidates(_page('9.75"', "41.25", '3.5"'), CHALLENGE["height"])
    assert [one.quantity.text for one in candidates] == ["9.75 inch", "41.25 inch", "3.5 inch"]
    assert [one.order for one in candidates] == [0, 1, 2]
