import random
from collections.abc import Sequence
from decimal import Decimal

import pytest

from entx.core.candidates import find_candidates, page_quantities
from entx.core.entities import CHALLENGE
from entx.core.types import Direction, LineGeometry, OcrLine, OcrPage, PageGeometry, PageStatus, Quantity, Stroke
from lab.augment import augmented_pages, mirrored, transposed
from lab.pages import LayoutPage, generate_pages
from lab.polygons import line_in

UPRIGHT = Stroke(Direction.VERTICAL, (130, 100), (130, 400), 300, 5, 0.6, False, 2)
LEVEL = Stroke(Direction.HORIZONTAL, (150, 420), (350, 420), 200, 5, 0.5, False, 2)
ON_ITS_SIDE = OcrLine("30 cm", 0.99, (40, 180, 40, 100, 60, 100, 60, 180), 90.0)


def line(text: str, x: float, y: float, wide: float = 80) -> OcrLine:
    return line_in((x, y, x + wide, y + 20), text, 0.99)


def page_of(*lines: OcrLine, geometry: PageGeometry | None = None) -> OcrPage:
    return OcrPage("p", PageStatus.OK, "", 500, 600, lines, 0.0, geometry or PageGeometry())


def drawing(height: Sequence[str] = ("30 cm",), width: str = "20 cm") -> OcrPage:
    lines = [line(text, 40, 220 + 25 * row) for row, text in enumerate(height)]
    around = [LineGeometry(row, vertical=UPRIGHT, across=-0.3, down=0.5) for row in range(len(height))]
    around.append(LineGeometry(len(height), horizontal=LEVEL, across=0.5, down=1.1))
    geometry = PageGeometry((150, 100, 350, 400), 0.8, 1, tuple(around))
    return page_of(*lines, line(width, 210, 430), geometry=geometry)


def quantity(number: str, unit: str) -> Quantity:
    return Quantity(Decimal(number), unit)


LAYOUT = LayoutPage(
    drawing(), (("height", quantity("30", "centimetre")), ("width", quantity("20", "centimetre")), ("depth", None))
)


def changed(layout: LayoutPage, seeds: int) -> list[LayoutPage]:
    return [page for seed in range(seeds) for page in augmented_pages([layout], seed)]


def test_truths_of_changed_pages_are_among_their_candidates_and_a_page_whose_truth_is_not_on_it_is_left_out() -> None:
    pages = list(generate_pages(250, 21, strength=0))
    others = list(augmented_pages(pages, 1))
    assert len(others) > 150
    for page in others:
        quantities = page_quantities(page.page)
        for name, value in page.truths:
            if value is not None:
                assert value in [one.quantity for one in find_candidates(page.page, CHALLENGE[name], quantities)]
    assert {page.page.picture for page in others}.isdisjoint(page.page.picture for page in pages)
    one, same, other = (list(augmented_pages(pages[:40], seed)) for seed in (3, 3, 4))
    assert one == same != other
    assert list(augmented_pages([LayoutPage(drawing(), (("height", quantity("99", "inch")),))], 0)) == []


def test_numbers_keep_their_digits_and_sizes_in_two_units_their_ratio() -> None:
    layout = LayoutPage(drawing(("12.6 in / 32.0 cm",), "8.7 in / 22.1 cm"), (("height", quantity("12.6", "inch")),))
    values = set()
    for page in changed(layout, 30):
        assert page.page.geometry is not None
        # the text at the line of 300 pixels, whichever way that runs now
        (at,) = (one.line for one in page.page.geometry.lines if one.best is not None and one.best.length == 300)
        inches, centimetres = (one.quantity for one in page_quantities(page.page) if one.line_ids == (at,))
        assert float(inches.value) * 2.54 == pytest.approx(float(centimetres.value), rel=0.02)
        assert len(str(inches.value)) <= 4
        values.add(inches)
    assert len(values) > 8


def test_a_longer_size_stays_the_longer_one_and_transposed_pages_swap_height_and_width() -> None:
    swapped = 0
    for page in changed(LAYOUT, 40):
        values = dict(page.truths)
        assert values["height"] is not None
        assert values["width"] is not None
        tall, wide = values["height"].value, values["width"].value
        assert page.page.geometry is not None
        if page.page.width == 500:
            assert tall > wide
            continue
        swapped += 1
        assert page.page.height == 500
        assert tall < wide
        for one in page.page.geometry.lines:
            if one.vertical is not None and one.vertical.length == 200:
                assert page.page.lines[one.line].text == f"{tall} cm"
    assert swapped


HEIGHT = ("height", quantity("30", "centimetre"))
NAMED = ("H 30 cm", "Height: 30 cm", "30cm wide", "Ø 30 cm", "Breite 30 cm", "高 30 cm")


@pytest.mark.parametrize(
    ("text", "truths"),
    [*((text, (HEIGHT,)) for text in NAMED), ("30 cm", (("depth", quantity("20", "centimetre")),)),
     ("30 cm", (HEIGHT, ("item_weight", None)))],
)  # fmt: skip
def test_pages_that_name_an_axis_or_ask_for_more_than_two_are_not_transposed(text, truths) -> None:  # type: ignore[no-untyped-def]
    assert all(page.page.width == 500 for page in changed(LayoutPage(drawing((text,)), truths), 30))


def test_lists_are_neither_mirrored_nor_transposed() -> None:
    geometry = PageGeometry((100, 200, 300, 400), 0.9, 1, (LineGeometry(0, across=0.2, down=-0.4),))
    page = page_of(line("30 x 20 x 10 cm", 40, 100, 200), geometry=geometry)
    for other in changed(LayoutPage(page, (("height", quantity("10", "centimetre")),)), 20):
        assert other.page.lines[0].polygon == page.lines[0].polygon


def test_a_number_beside_a_new_one_of_its_value_is_not_taken_for_it() -> None:
    layout = LayoutPage(drawing(("31 x 37 x 44 x 52 cm",)), (("width", quantity("20", "centimetre")),))
    texts = [one.text for page in changed(layout, 20) for one in page.page.lines if " x " in one.text]
    assert len(texts) > 10  # of some pages the line was lost
    for text in texts:
        numbers = [int(part) for part in text.removesuffix(" cm").split(" x ")]
        assert numbers == sorted(set(numbers))
        assert len(numbers) == 4


def test_mirrored_twice_is_the_page_itself() -> None:
    for layout in generate_pages(120, 30):
        again = mirrored(mirrored(layout.page))
        assert sorted(one.text for one in again.lines) == sorted(one.text for one in layout.page.lines)
        if again.lines == layout.page.lines:
            assert again.geometry is not None
            assert layout.page.geometry is not None
            for one, other in zip(again.geometry.lines, layout.page.geometry.lines, strict=True):
                assert one.across == pytest.approx(other.across)
                assert (one.vertical is None) == (other.vertical is None)


def test_mirrored_text_stays_readable_on_the_other_side() -> None:
    page = mirrored(drawing())
    tall = next(one for one in page.lines if one.text == "30 cm")
    assert tall.polygon == (380, 220, 460, 220, 460, 240, 380, 240)
    assert page.geometry is not None
    around = next(one for one in page.geometry.lines if one.vertical is not None)
    assert around.vertical is not None
    assert around.vertical.start == (370, 100)
    assert around.across == pytest.approx(1.3)
    assert page.geometry.product == (150, 100, 350, 400)


def test_transposed_strokes_and_places() -> None:
    page = transposed(drawing(("30 cm", "11.8 in")), random.Random(0))
    assert (page.width, page.height) == (600, 500)
    assert page.geometry is not None
    assert page.geometry.product == (100, 150, 400, 350)
    texts = [one.text for one in page.lines]
    assert texts.index("30 cm") < texts.index("11.8 in")  # the two lines of one size stay one above the other
    around = page.geometry.of(texts.index("30 cm"))
    assert around is not None
    assert around.horizontal is not None
    assert (around.horizontal.start, around.horizontal.end) == ((100, 130), (400, 130))
    assert (around.vertical, around.across, around.down) == (None, 0.5, -0.3)


def test_text_on_its_side_keeps_its_turn_in_a_mirror_and_stands_level_when_transposed() -> None:
    (one,) = mirrored(page_of(ON_ITS_SIDE)).lines
    assert (one.rotation, one.polygon) == (90.0, (440, 180, 440, 100, 460, 100, 460, 180))
    (one,) = transposed(page_of(ON_ITS_SIDE), random.Random(0)).lines
    assert (one.rotation, one.polygon) == (0.0, (100, 40, 180, 40, 180, 60, 100, 60))
