"""Product bodies, backgrounds and dimension lines; and what degrades or turns a finished picture."""

import itertools
import math
import random
from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pytest

from entx.core.types import Direction, Quantity
from lab.drawings import shapes
from lab.drawings.canvas import BUILT_IN, Canvas, PrintedText, Role, Scene
from lab.drawings.shapes import DimensionStyle, degraded, dimension, direction_of, gradient, paper, turned
from lab.polygons import box_of, corners_of, overlap
from lab.surface_forms import Statement
from tests.lab.pictures import blank, ink_box

RED = (200, 40, 40)
INK = (10, 10, 10)
WIDTH = Statement("20 cm", Quantity(Decimal(20), "centimetre"))
FRONT, INTO = (200, 300, 700, 800), (120, -80)


def pixels_of(draw: Callable[..., object], *arguments: object) -> np.ndarray:  # type: ignore[type-arg]
    """An empty picture with one thing drawn on it."""
    surface = blank()
    draw(surface, *arguments)
    return np.asarray(surface.finish("test").image, dtype=int)


def painted(pixels: np.ndarray, tolerance: int = 60) -> np.ndarray:  # type: ignore[type-arg]
    """Where the picture is no longer near white: bodies, not their soft shadows."""
    return (255 - pixels.min(axis=2)) > tolerance


def extent(mask: np.ndarray) -> tuple[float, float, float, float]:  # type: ignore[type-arg]
    """Left, top, right, bottom of what is painted, in canvas units (500 pixels are 1000 units)."""
    rows, columns = np.where(mask)
    return 2 * columns.min(), 2 * rows.min(), 2 * columns.max() + 2, 2 * rows.max() + 2


def test_a_turned_body_is_symmetric_and_as_wide_as_its_profile() -> None:
    points = shapes.outline_of([(40, 100), (80, 200), (80, 300)], 500)
    assert (min(points)[0], max(points)[0]) == (420, 580)
    assert {(round(1000 - x, 6), round(y, 6)) for x, y in points} == {(round(x, 6), round(y, 6)) for x, y in points}


@pytest.mark.parametrize(
    ("body", "place", "box"),
    [(shapes.bottle, (500, 200, 800, 150, RED, (30, 30, 30)), (350, 200, 650, 800)),
     (shapes.jar, (500, 200, 800, 150, RED, (30, 30, 30)), (350, 200, 650, 800)),
     (shapes.bag, ((200, 100, 800, 900), RED), (200, 100, 800, 900))],
)  # fmt: skip
def test_bodies_fill_their_place(body, place, box) -> None:  # type: ignore[no-untyped-def]
    assert extent(painted(pixels_of(body, *place), 130)) == pytest.approx(box, abs=6)


def test_a_solid_shows_a_light_top_and_a_dark_side() -> None:
    pixels = pixels_of(shapes.solid, FRONT, INTO, (150, 150, 150))
    front, top, side = pixels[275, 225], pixels[130, 255], pixels[255, 380]
    assert side.mean() < front.mean() < top.mean()


def test_a_wire_box_is_only_its_edges() -> None:
    mask = painted(pixels_of(shapes.wire, FRONT, INTO, (0, 0, 0)))
    assert extent(mask) == pytest.approx((200, 220, 820, 800), abs=6)
    assert not mask[160:390, 110:340].any()
    assert mask[398:402, 105:345].any(axis=0).all()


def test_a_table_stands_on_four_legs_that_a_shelf_joins() -> None:
    bare, shelved = (painted(pixels_of(shapes.table, FRONT, INTO, (120, 80, 50), shelf), 90) for shelf in (None, 0.6))
    row = bare[340]  # 680 units down: above the floor, below the top
    starts = np.flatnonzero(row & ~np.roll(row, 1))
    assert [2 * int(start) for start in starts] == pytest.approx([200, 320, 676, 796], abs=6)
    assert shelved[295].sum() > 2 * bare[295].sum()


@pytest.mark.parametrize(("doors", "drawers"), [(1, 0), (2, 3), (0, 2)])
def test_fronts_stay_on_their_face(doors: int, drawers: int) -> None:
    left, top, right, bottom = extent(painted(pixels_of(shapes.cabinet_fronts, FRONT, (90, 90, 90), doors, drawers)))
    assert 200 <= left <= right <= 700
    assert 300 <= top <= bottom <= 800


def test_a_drill_has_its_bit_on_the_left() -> None:
    mask = painted(pixels_of(shapes.drill, 600, 400, 500, RED), 100)
    left, _, right, bottom = extent(mask)
    assert (left, bottom) == pytest.approx((600 - 61 * 5, 400 + 66 * 5), abs=12)
    assert right < 600 + 50 * 5
    assert mask[:, :180].sum() < mask[:, 330:].sum() / 20  # thin tip, heavy handle


def test_a_hand_is_pale_and_shadows_are_soft_and_under_the_body() -> None:
    pixels = pixels_of(shapes.hand, 500, 500, 500)
    assert 200 < pixels.min() <= pixels[300, 240].max() < 235
    gray = pixels_of(Canvas.shadow, (500, 700), 200, 20).max(axis=2)
    assert gray[350, 250] == gray.min() < 235
    assert (gray[:280] == 255).all()
    assert np.abs(np.diff(gray[:, 250])).max() < 40  # no hard edge


def test_shading_changes_across_and_keeps_within_its_polygon() -> None:
    gray = pixels_of(Canvas.face, (200, 200, 800, 600), (100, 100, 100), ((0, 0.5), (1, 1.5))).max(axis=2)
    assert gray[200, 105] < 60 < 140 < gray[200, 395]
    assert (np.diff(gray[200, 105:395]) >= 0).all()
    assert gray[200, 90] == gray[310, 200] == 255


def test_tint() -> None:
    assert [shapes.tint(RED, factor) for factor in (0.5, 1.0, 9.0)] == [(100, 20, 20), RED, (255, 255, 255)]


def scene() -> Scene:
    canvas = blank(400, 300)
    canvas.text((500, 400), "500 g", "roboto Bold", 90)
    return canvas.finish("test")


@pytest.mark.parametrize("degrees", [90.0, 180.0, 270.0, 7.5, -9.0])
def test_texts_turn_with_the_picture(degrees: float) -> None:
    result = turned(scene(), degrees)
    assert result.texts[0].rotation == pytest.approx(degrees % 360)
    box = box_of(result.texts[0].polygon)
    assert ink_box(result.image) == pytest.approx(box, abs=2.5 if degrees % 90 == 0 else 8)


def test_a_quarter_turn_swaps_the_sides_turning_back_keeps_the_polygon_and_dimension_lines_are_never_turned() -> None:
    assert turned(scene(), 90).image.size == (300, 400)
    before, after = scene(), turned(turned(scene(), 180), 180)
    assert after.texts[0].polygon == pytest.approx(before.texts[0].polygon, abs=0.01)
    assert after.texts[0].rotation == 0
    canvas = blank(400, 300)
    canvas.remember_line((100, 100), (400, 100), Direction.HORIZONTAL)
    with pytest.raises(ValueError, match="test with dimension lines cannot be turned"):
        turned(canvas.finish("test"), 90)


def test_degrading_is_mild_and_changes_pixels_but_not_what_is_printed() -> None:
    changed = 0
    for seed in range(12):
        before = scene()
        after = degraded(before, random.Random(seed))
        assert (after.texts, after.truth, after.image.size) == (before.texts, before.truth, before.image.size)
        difference = np.abs(np.asarray(after.image, dtype=int) - np.asarray(before.image, dtype=int))
        assert difference.mean() < 60
        changed += bool(difference.any())
        assert degraded(before, random.Random(seed)).image.tobytes() == after.image.tobytes()
    assert changed >= 8


def test_backgrounds_have_their_size_and_repeat() -> None:
    for make, seed in itertools.product((shapes.studio, shapes.room), range(8)):
        image = make(random.Random(seed), 320, 200)
        assert (image.size, image.mode) == ((320, 200), "RGB")
        assert make(random.Random(seed), 320, 200).tobytes() == image.tobytes()


def test_studio_is_mostly_white_paper_faint_and_a_gradient_runs_from_top_to_bottom() -> None:
    white = sum(np.asarray(shapes.studio(random.Random(seed), 40, 40)).min() == 255 for seed in range(100))
    assert 40 <= white <= 70
    assert 0.5 < np.asarray(paper(random.Random(1), 300, 300, (220, 220, 220)), dtype=int).std() < 8
    pixels = np.asarray(gradient(4, 100, (200, 100, 50), (0, 0, 0)))
    assert (tuple(pixels[0, 0]), tuple(pixels[-1, -1])) == ((200, 100, 50), (0, 0, 0))
    assert (np.diff(pixels[:, 0, 0].astype(int)) <= 0).all()


def style(**changes: object) -> DimensionStyle:
    settings: dict[str, object] = {
        "colour": INK, "text_colour": INK, "halo": (255, 255, 255), "heads": "arrow", "place": "beside", "along": False,
        "face": "roboto Bold", "size": 40.0, "width": 4.0,
    }  # fmt: skip
    return DimensionStyle(**{**settings, **changes})  # type: ignore[arg-type]


def drawn(start: tuple[float, float], end: tuple[float, float], look: DimensionStyle, **options: object) -> Scene:
    canvas = blank(1000, 1000)
    dimension(canvas, look, start, end, "20 cm", **options)  # type: ignore[arg-type]
    return canvas.finish("test")


def middle(text: PrintedText) -> tuple[float, float]:
    return sum(text.polygon[0::2]) / 4, sum(text.polygon[1::2]) / 4


@pytest.mark.parametrize(
    ("degrees", "direction"),
    [(0, Direction.HORIZONTAL), (178, Direction.HORIZONTAL), (90, Direction.VERTICAL), (88, Direction.VERTICAL),
     (30, Direction.OBLIQUE), (150, Direction.OBLIQUE), (84, Direction.OBLIQUE)],
)  # fmt: skip
def test_directions(degrees: float, direction: Direction) -> None:
    assert direction_of(degrees) is direction


@pytest.mark.parametrize("heads", ["arrow", "open", "tick", "bar", "dot"])
@pytest.mark.parametrize("place", ["beside", "gap", "over"])
@pytest.mark.parametrize("along", [True, False])
@pytest.mark.parametrize(
    ("end", "direction"),
    [((800, 500), Direction.HORIZONTAL), ((300, 100), Direction.VERTICAL), ((600, 200), Direction.OBLIQUE)],
)
def test_the_line_is_recorded_as_drawn_and_is_there(
    heads: str, place: str, along: bool, end: tuple[float, float], direction: Direction
) -> None:
    scene = drawn((300, 500), end, style(heads=heads, place=place, along=along), states={"width": WIDTH})
    (line,) = scene.lines
    assert (line.start, line.end, line.direction) == ((300, 500), end, direction)
    assert (scene.texts[0].line, scene.texts[0].entities, scene.texts[0].role) == (0, ("width",), Role.ANSWER)
    pixels = np.asarray(scene.image.convert("L"))
    for share in (0.15, 0.85):
        x, y = (round(a + (b - a) * share) for a, b in zip(line.start, line.end, strict=True))
        assert pixels[y - 2 : y + 3, x - 2 : x + 3].min() < 100


@pytest.mark.parametrize("side", [1, -1])
def test_the_side_decides_where_a_text_stands_beside_a_short_line_too(side: int) -> None:
    below = middle(drawn((200, 500), (800, 500), style(), side=side).texts[0])
    right = middle(drawn((500, 800), (500, 200), style(), side=side).texts[0])
    assert math.copysign(1, below[1] - 500) == math.copysign(1, right[0] - 500) == side
    short = middle(drawn((480, 500), (560, 500), style(place="gap"), side=side).texts[0])
    assert side * (short[1] - 500) > 20  # a gap has no room in it


def test_text_beside_a_line_does_not_touch_it() -> None:
    ends = [(800, 500), (300, 100), (600, 200), (620, 700)]
    for end, along, side in itertools.product(ends, (True, False), (1, -1)):
        scene = drawn((300, 500), end, style(along=along), side=side)
        line = scene.lines[0]
        assert not overlap([line.start, line.end], corners_of(scene.texts[0].polygon), 1), (end, along, side)


@pytest.mark.parametrize(
    ("start", "end", "along", "room", "rotation"),
    [((500, 800), (500, 200), False, 200, 0), ((500, 800), (500, 200), False, 50, 90),  # upright text needs room
     ((500, 800), (500, 200), True, 200, 90),
     ((300, 600), (600, 300), True, 190, 45), ((300, 300), (600, 600), True, 190, 315)],  # never upside down
)  # fmt: skip
def test_text_stands_upright_or_runs_along_its_line(start, end, along, room, rotation) -> None:  # type: ignore[no-untyped-def]
    assert drawn(start, end, style(along=along), room=room).texts[0].rotation == pytest.approx(rotation)


def test_a_gap_leaves_clear_paper_around_the_text_and_a_halo_clears_the_line_behind_it() -> None:
    gap, through, over = (drawn((200, 500), (800, 500), style(place=place)) for place in ("gap", "beside", "over"))
    left = min(gap.texts[0].polygon[0::2])
    column = slice(round(left) - 10, round(left) - 2)
    assert np.asarray(gap.image)[490:510, column].min() > 200
    assert np.asarray(through.image)[490:510, column].min() < 100
    left = round(min(over.texts[0].polygon[0::2]))
    assert np.asarray(over.image)[496:505, left - 5 : left - 1].min() > 180


def test_the_built_in_face_hands_signs_it_lacks_to_another() -> None:
    canvas = blank(1000, 1000)
    dimension(canvas, style(face=BUILT_IN), (200, 500), (800, 500), "Ø 20 cm")
    assert canvas.finish("test").texts[0].text == "Ø 20 cm"


def test_styles_are_legible_and_repeatable() -> None:
    canvas = blank()
    for seed in range(50):
        look = DimensionStyle.choose(random.Random(seed), canvas)
        assert look.size >= canvas.small
        assert look == DimensionStyle.choose(random.Random(seed), canvas)
        assert sum(DimensionStyle.choose(random.Random(seed), canvas, dark=True).text_colour) > 600
