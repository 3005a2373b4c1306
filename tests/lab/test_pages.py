import math
import random
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest

from entx.core.boxes import reading_order
from entx.core.candidates import Candidate, find_candidates, page_quantities
from entx.core.entities import CHALLENGE
from entx.core.types import Direction, OcrPage, Quantity, parse_written
from lab.pages import LayoutPage, distributions, generate_pages, layout_page, picture_of
from lab.pages.degrade import degrade
from lab.pages.generate import FAMILIES, ask
from lab.pages.layout import ENTITIES, Layout, body, stepped
from lab.pages.sheet import blank
from lab.polygons import box_of


@pytest.fixture(scope="module")
def pages() -> list[LayoutPage]:
    return list(generate_pages(700, 5))


@pytest.fixture(scope="module")
def clean() -> list[LayoutPage]:
    return list(generate_pages(700, 6, strength=0))


def true_candidates(layouts: list[LayoutPage]) -> Iterator[tuple[OcrPage, str, list[Candidate]]]:
    """Of every stated truth its page, its entity, and those of the page's candidates that say it."""
    for layout in layouts:
        quantities = page_quantities(layout.page)
        for name, value in layout.truths:
            if value is not None:
                candidates = find_candidates(layout.page, CHALLENGE[name], quantities)
                yield layout.page, name, [one for one in candidates if one.quantity == value]


def found_truths(layouts: list[LayoutPage]) -> Counter[bool]:
    """How many truths are among the candidates of their pages, and how many are not."""
    return Counter(bool(candidates) for _, _, candidates in true_candidates(layouts))


def test_the_same_seed_gives_the_same_pages_whatever_the_count_and_another_seed_others() -> None:
    few, many, other = (list(generate_pages(count, seed)) for count, seed in ((5, 3), (12, 3), (12, 2)))
    assert few == many[:5]
    assert layout_page(3, 4) == few[4]
    assert few[4].page.picture == picture_of("layouts://3/4")
    assert {page.page.picture for page in many}.isdisjoint(page.page.picture for page in other)
    assert all(one.page.lines != two.page.lines for one, two in zip(many, other, strict=True))


def test_truths_are_legal_positive_and_short(pages: list[LayoutPage]) -> None:
    for layout in pages:
        assert 1 <= len(layout.truths) == len(dict(layout.truths)) <= 6
        for name, value in layout.truths:
            if value is not None:
                assert value.unit in CHALLENGE[name].units
                assert value.value > 0
                assert parse_written(str(value)) == value


def test_without_noise_nearly_every_truth_is_a_candidate_and_noise_costs_few(
    clean: list[LayoutPage], pages: list[LayoutPage]
) -> None:
    found = found_truths(clean)
    assert found[True] > 900
    assert found[False] <= 0.01 * found[True]
    found = found_truths(pages)
    assert 0.01 < found[False] / found.total() < 0.10  # 0.055 on real pages


def test_a_third_of_the_questions_is_empty_more_of_depth_and_most_are_lengths(pages: list[LayoutPage]) -> None:
    asked = Counter(name for layout in pages for name, _ in layout.truths)
    empty = Counter(name for layout in pages for name, value in layout.truths if value is None)
    assert 0.29 < empty.total() / asked.total() < 0.42
    assert empty["height"] / asked["height"] < 0.4 < empty["depth"] / asked["depth"] < 0.7
    assert 0.60 < sum(asked[name] for name in ("height", "width", "depth")) / asked.total() < 0.74
    assert set(asked) == set(CHALLENGE.entities)


def test_lines_are_read_in_order_lie_in_the_picture_and_turn_as_they_say(pages: list[LayoutPage]) -> None:
    for page in (layout.page for layout in pages):
        assert list(page.lines) == reading_order(page.lines)
        for line in page.lines:
            left, top, right, bottom = box_of(line.polygon)
            assert 0 <= left <= right <= page.width + 1, line
            assert 0 <= top <= bottom <= page.height + 1, line
            assert line.text == " ".join(line.text.split()) != ""
            assert 0 <= line.score <= 1
            assert line.scale in (1.0, 2.0)
            x1, y1, x2, y2, *_ = line.polygon
            if math.hypot(x2 - x1, y2 - y1) > 40:
                degrees = math.degrees(math.atan2(y1 - y2, x2 - x1)) % 360
                assert min(abs(degrees - line.rotation), 360 - abs(degrees - line.rotation)) < 8, line


def test_geometry_is_of_the_lines_with_a_digit(pages: list[LayoutPage]) -> None:
    for layout in pages:
        page, geometry = layout.page, layout.page.geometry
        assert geometry is not None
        digits = [number for number, line in enumerate(page.lines) if any(char.isdigit() for char in line.text)]
        assert [one.line for one in geometry.lines] == digits
        assert (geometry.product is None) == (geometry.parts == 0) == (geometry.roundness is None)
        for one in geometry.lines:
            assert (one.across is None) == (geometry.product is None)
            for direction in Direction:
                stroke = getattr(one, direction.value)
                if stroke is None:
                    continue
                assert stroke.direction is direction
                assert 0 <= stroke.score <= 1
                assert stroke.gap >= 0
                assert stroke.ticks in (0, 1, 2)
                across, down = (end - start for start, end in zip(stroke.start, stroke.end, strict=True))
                assert direction is not Direction.VERTICAL or abs(across) < 1 < down
                assert direction is not Direction.HORIZONTAL or abs(down) < 1 < across
                assert direction is not Direction.OBLIQUE or down >= 0


def test_heights_have_upright_lines_and_widths_level_ones(clean: list[LayoutPage]) -> None:
    better = Counter[tuple[str, bool]]()
    wanted = {"height": Direction.VERTICAL, "width": Direction.HORIZONTAL}
    for page, name, candidates in true_candidates(clean):
        for one in candidates if name in wanted else ():
            around = page.geometry.of(one.line_ids[0]) if page.geometry else None
            if around and around.best and around.best.score > 0.25:
                better[name, around.best.direction is wanted[name]] += 1
    assert better["height", True] > 5 * better["height", False]
    assert better["width", True] > 3 * better["width", False]


@pytest.mark.parametrize(("maker", "share"), FAMILIES.items())
def test_every_family_makes_readable_pages(maker: Callable[[random.Random], Layout], share: float) -> None:
    assert share > 0
    rng = random.Random(4)
    lines = 0
    for layout in (maker(rng) for _ in range(30)):
        assert set(layout.truth) | layout.unsettled <= set(CHALLENGE.entities) == set(ENTITIES)
        lines += len(layout.sheet.page("p").lines)
    assert lines >= 60


def test_unsettled_entities_are_never_asked() -> None:
    rng = random.Random(1)
    value = Quantity(Decimal(5), "inch")
    for _ in range(50):
        layout = Layout(blank(rng, studio=1.0), "drawing", {"height": value, "depth": value}, {"depth"})
        truths = dict(ask(layout))
        assert "depth" not in truths
        assert truths.get("height", value) == value
        assert truths.get("width") is None


def test_bodies_have_sizes_and_round_ones_are_as_deep_as_wide() -> None:
    rng = random.Random(3)
    kinds = Counter[str]()
    for _ in range(400):
        thing = body(rng)
        kinds[thing.kind] += 1
        assert min(thing.wide, thing.tall, thing.deep, stepped(rng, thing.tall)) > 0
        assert thing.kind != "round" or thing.wide == thing.deep
    assert set(kinds) == {"box", "round", "flat", "thin"}


def test_drawn_quantiles_are_the_quantiles() -> None:
    rng = random.Random(7)
    values = sorted(distributions.draw(rng, distributions.SMALL_THICK) for _ in range(8000))
    assert distributions.SMALL_THICK[0] <= values[0] <= values[-1] <= distributions.SMALL_THICK[-1]
    for place, percent in enumerate(distributions.PERCENTS[1:-1], start=1):
        assert values[int(percent * len(values))] == pytest.approx(distributions.SMALL_THICK[place], abs=0.0025)


def test_texts_are_moved_into_the_picture_and_set_smaller_where_too_long() -> None:
    sheet = blank(random.Random(5), studio=1.0)
    text = "A very long heading that no picture of this size could hold at all, not even here"
    piece = sheet.put(text, 0, 0, sheet.height / 4)
    assert piece.wide <= sheet.width
    assert piece.thick < sheet.height / 4
    assert min(piece.polygon) >= 0
    x1, y1, x2, y2, *_ = sheet.put("12 cm", sheet.width, sheet.height, 20, 90.0).polygon
    assert x1 == x2
    assert y1 > y2


def test_noise_of_no_strength_changes_nothing_and_of_full_strength_some() -> None:
    changed = 0
    for sheet in (blank(random.Random(seed), studio=1.0) for seed in range(60)):
        for row in range(6):
            sheet.put(f"{row + 10}.5 cm wide", 0.5 * sheet.width, (0.1 + 0.15 * row) * sheet.height, 12)
        before = [piece.text for piece in sheet.pieces]
        degrade(sheet, 0)
        assert [piece.text for piece in sheet.pieces] == before
        degrade(sheet, 1)
        changed += [piece.text for piece in sheet.pieces] != before
    assert 5 < changed < 55
